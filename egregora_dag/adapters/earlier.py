"""Databases of an earlier Egregora: DuckDB files whose `messages` have `event_id`, `ts` and `text`.

The file is opened read-only in a DuckDB of its own that may touch no other file, and streamed from
there. It is never written: a write-ahead log beside it is a reason to refuse it, not to replay it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
from duckdb import DuckDBPyConnection

from egregora_dag import settings
from egregora_dag.adapters.dates import FIRST_YEAR, LAST_YEAR
from egregora_dag.adapters.protocol import ExportError, ExportFile, Parsed, Reading, titled
from egregora_dag.database.limits import shortage
from egregora_dag.database.schemas import MEDIA_TYPES

_MAGIC: Final = b"DUCK"
_READABLE_VERSIONS: Final = range(64, 69)
# Nothing is spilled either, which would be to a folder beside the file.
_CONFIG: Final[Mapping[str, str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "temp_directory": "",
    "threads": "1",
}
_BATCH: Final = 1 << 15
_TABLES: Final = ("messages", "ir_messages")
_REQUIRED: Final = ("event_id", "ts", "text")
_OPTIONAL: Final = (
    *("thread_id", "author_raw", "author_uuid", "media_url", "media_type", "attrs"),
    *("msg_id", "source", "tenant_id", "pii_flags"),
)
_OWN: Final = {"message_id", "thread_id", "position", "timestamp", "content"}
# What attrs say again that stands in other columns, a name that was made anonymous among it.
_REPEATED: Final = '{"original_line": null, "tagged_line": null, "message_date": null}'

# A clock without a zone is UTC, as the earlier Egregora wrote it.
_STREAM: Final = "SELECT rowid AS place, {columns} FROM {table}"
_LOAD: Final = """
CREATE OR REPLACE TABLE records AS
SELECT * EXCLUDE (place, attrs), row_number() OVER (PARTITION BY chat ORDER BY ts, place) AS line
FROM (
  SELECT *, coalesce(nullif(thread_id, ''), $stem) AS chat,
    if(json_type(try_cast(attrs AS JSON)) = 'OBJECT', try_cast(attrs AS JSON), NULL) AS a,
    coalesce(msg_id LIKE 'enrichment-%' AND author_raw = 'egregora', false) AS is_enrichment
  FROM rows)
"""

# Its parser of WhatsApp wrote &, < and > as in HTML; a source where they stand by themselves, or
# not at all, was not written so.
_ESCAPED: Final = """
SELECT source FROM (
  SELECT coalesce(source, '') AS source, text,
    replace(replace(replace(text, '&amp;', ''), '&lt;', ''), '&gt;', '') AS rest
  FROM records WHERE NOT is_enrichment)
GROUP BY source HAVING bool_or(text <> rest) AND NOT bool_or(regexp_matches(rest, '[&<>]'))
"""

_PARSE: Final = f"""
CREATE OR REPLACE TABLE parsed AS
WITH told AS (
  SELECT *, coalesce(CASE WHEN list_contains($escaped, coalesce(source, ''))
      THEN replace(replace(replace(text, '&lt;', '<'), '&gt;', '>'), '&amp;', '&')
      ELSE text END, '') AS content,
    if(trim(author_raw) = '' OR is_enrichment, NULL, author_raw) AS author,
    nullif(trim(media_url), '') AS media_path, lower(nullif(trim(media_type), '')) AS medium,
    coalesce(a ->> 'reply_to', a ->> 'reply_to_id', a ->> 'in_reply_to') AS reply
  FROM records
), typed AS (
  SELECT *, CASE WHEN list_contains($media_types, split_part(medium, '/', 1))
      THEN split_part(medium, '/', 1)
    WHEN medium IN ('photo', 'picture', 'gif') THEN 'image' WHEN medium = 'voice' THEN 'audio'
    WHEN media_path IS NOT NULL OR contains(medium, '/') THEN 'document' END AS media
  FROM told
)
SELECT t.chat, t.line, t.ts AS local_time, true AS utc, author, content,
  CASE WHEN author IS NULL THEN 'system' WHEN media IS NOT NULL THEN 'media' ELSE 'message' END
    AS kind,
  media_path, media AS media_type, nullif(t.event_id, '') AS native_id,
  coalesce(e.event_id, m.event_id) AS reply_native,
  coalesce(try_cast(a ->> 'edited' AS BOOLEAN), a ->> 'edited_at' IS NOT NULL) AS edited,
  coalesce(try_cast(a ->> 'forwarded' AS BOOLEAN), false) AS forwarded,
  try(from_json(a -> 'reactions', '"MAP(VARCHAR, BIGINT)"')) AS reactions,
  json_merge_patch(json_merge_patch('{{}}', json_object(
      'source', source, 'author_uuid', nullif(author_uuid, author_raw),
      'msg_id', nullif(t.msg_id, t.event_id), 'tenant_id', nullif(tenant_id, t.chat),
      'media_type', nullif(medium, media), 'pii_flags', try_cast(pii_flags AS JSON))),
    json_merge_patch(coalesce(a, '{{}}'), '{_REPEATED}')) AS extra
FROM typed t
LEFT JOIN (SELECT DISTINCT chat, event_id FROM records WHERE event_id IS NOT NULL) e
  ON e.chat = t.chat AND e.event_id = t.reply
LEFT JOIN (SELECT chat, msg_id, min(event_id) AS event_id FROM records GROUP BY ALL) m
  ON m.chat = t.chat AND m.msg_id = t.reply
WHERE year(t.ts) BETWEEN {FIRST_YEAR} AND {LAST_YEAR}
"""  # noqa: S608 - made of constants


class EarlierDatabaseAdapter:
    """Reads the messages that an earlier Egregora has stored, one chat a thread."""

    source = "egregora"

    def recognizes(self, file: ExportFile) -> bool:
        """Whether it is a DuckDB database, of whatever content."""
        return file.head[8:12] == _MAGIC

    def threads(self, file: ExportFile) -> Mapping[str, str]:
        """The values of `thread_id`, and one chat named like the file for messages without."""
        with _opened(file) as database:
            table, columns = _messages(file, database)
            thread = "thread_id" if "thread_id" in columns else "NULL"
            found = database.execute(
                f"SELECT DISTINCT coalesce(nullif({thread}::VARCHAR, ''), $stem) AS chat "  # noqa: S608
                f"FROM {table} ORDER BY chat",
                {"stem": file.stem},
            ).fetchall()
        return titled((name, name) for name in [name for (name,) in found] or [file.stem])

    def parse(self, file: ExportFile, scratch: DuckDBPyConnection, reading: Reading) -> Parsed:
        """Fill `parsed`; messages without a valid time are rejected."""
        with _opened(file) as database:
            table, columns = _messages(file, database)
            query = _STREAM.format(columns=", ".join(_columns(columns)), table=table)
            scratch.register("rows", database.execute(query).to_arrow_reader(_BATCH))
            try:
                scratch.execute(_LOAD, {"stem": file.stem})
            finally:
                scratch.unregister("rows")
        escaped = [source for (source,) in scratch.execute(_ESCAPED).fetchall()]
        scratch.execute(_PARSE, {"escaped": escaped, "media_types": list(MEDIA_TYPES)})
        scratch.execute(
            "INSERT INTO rejected SELECT chat, line FROM records ANTI JOIN parsed "
            "USING (chat, line) ORDER BY chat, line"
        )
        lines = scratch.execute("SELECT chat, count(*) FROM records GROUP BY chat").fetchall()
        notes = ("Signs written as in HTML (&amp;, &lt;, &gt;) were read as &, < and >.",)
        return Parsed(dict(lines) or {file.stem: 0}, notes if escaped else ())


@contextmanager
def _opened(file: ExportFile) -> Iterator[DuckDBPyConnection]:
    """The database, read-only and apart from all other files."""
    path = file.path.absolute()
    if "?" in str(path):
        raise ExportError(file.path, "DuckDB opens no `?` in a name.", "Rename the file.")
    log = Path(f"{path}.wal")
    if log.exists() and log.stat().st_size:
        raise ExportError(
            file.path,
            f"{log.name} beside it holds changes that are not in it yet.",
            "Open the database with DuckDB, run CHECKPOINT, close it, and import it then.",
        )
    try:
        with duckdb.connect(str(path), read_only=True, config=dict(_CONFIG)) as database:
            database.execute("SET memory_limit = ?", [settings.memory_limit()])
            database.execute("SET TimeZone = 'UTC'")
            yield database
    except (duckdb.Error, pa.ArrowException) as error:
        raise shortage(error, path) or _failure(file, error) from None


def _failure(file: ExportFile, error: Exception) -> ExportError:
    """Why the database cannot be read."""
    text = str(error)
    version = int.from_bytes(file.head[12:20], "little")
    if "set lock" in text or isinstance(error, duckdb.ConnectionException):
        problem, remedy = "a program holds it open for writing.", "Close that program."
    elif version not in _READABLE_VERSIONS or "version number" in text:
        problem = f"has storage version {version}, which DuckDB {duckdb.__version__} cannot read."
        remedy = "Export it with the DuckDB that wrote it: COPY messages TO 'messages.parquet'."
    elif "ncrypt" in text:
        problem, remedy = "is encrypted.", "Copy it to a database without a key."
    else:
        problem = f"the database is damaged ({type(error).__name__})."
        remedy = "Copy it again from where it was made."
    return ExportError(file.path, problem, remedy)


def _messages(file: ExportFile, database: DuckDBPyConnection) -> tuple[str, dict[str, str]]:
    """Name of the table of messages, and its columns with their types.

    A view is none: it could be made to read something else.
    """
    found: dict[str, dict[str, str]] = {}
    for table, column, type_ in database.execute(
        "SELECT table_name, lower(column_name), data_type FROM duckdb_columns() "
        "SEMI JOIN duckdb_tables() USING (database_name, schema_name, table_name) "
        "WHERE schema_name = 'main' AND NOT internal"
    ).fetchall():
        found.setdefault(table, {})[column] = type_
    for table in _TABLES:
        if table in found and found[table].keys() >= set(_REQUIRED):
            return table, found[table]
    if found.get("messages", {}).keys() >= _OWN:
        problem = "is a warehouse of this program, not a database of an earlier Egregora."
        remedy = "Run COPY messages TO 'messages.parquet' in it, and import that file."
    else:
        names = ", ".join(_REQUIRED)
        problem = f"is a DuckDB database without a table `messages` that has {names}."
        remedy = "Name the earlier Egregora's own file, usually .egregora/pipeline.duckdb."
    raise ExportError(file.path, problem, remedy)


def _columns(types: Mapping[str, str]) -> Sequence[str]:
    """Expressions for all columns that are read, text but for `ts`; a missing one is null."""
    columns = []
    for name in (*_REQUIRED, *_OPTIONAL):
        column = "author_uuid" if name == "author_raw" and name not in types else name
        type_ = types.get(column, "")
        if not type_:
            sql = "NULL::VARCHAR"
        elif name == "ts":
            instant = "ts" if type_.startswith("TIMESTAMP WITH") else "ts::VARCHAR"
            # What has no zone is UTC, as the session is.
            sql = f"timezone('UTC', try_cast({instant} AS TIMESTAMPTZ))"
        elif type_.startswith(("STRUCT", "MAP")) or type_.endswith("[]"):
            sql = f"to_json({column})::VARCHAR"
        else:
            sql = f"{column}::VARCHAR"
        columns.append(f"{sql} AS {name}")
    return columns
