"""CSV, NDJSON and Parquet files with the columns of `messages`, all but three of them optional."""

import re
from collections.abc import Mapping
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from egregora_dag.adapters.protocol import ExportError, ExportFile, Tally
from egregora_dag.database.schemas import KINDS, MEDIA_TYPES

_READERS = {
    ".csv": "read_csv($path, all_varchar = true, header = true)",
    ".tsv": "read_csv($path, all_varchar = true, header = true, delim = '\t')",
    ".ndjson": "read_json($path, format = 'newline_delimited')",
    ".jsonl": "read_json($path, format = 'newline_delimited')",
    ".parquet": "read_parquet($path)",
}
_REQUIRED = ("timestamp", "author", "content")
_OPTIONAL = ("message_id", "thread_id", "kind", "media_path", "media_type", "reply_to")
_PLACE = re.compile(r"Line: (\d+)")

# A time with an offset is an instant; one without is the chat's own clock.
_PARSE = """
CREATE OR REPLACE TABLE parsed AS
SELECT line,
  if(utc, try_cast(timestamp AS TIMESTAMPTZ) AT TIME ZONE 'UTC', try_cast(timestamp AS TIMESTAMP))
    AS local_time,
  utc, author, content, NULL::VARCHAR AS identity, kind, media_path, media_type,
  false AS edited, false AS forwarded,
  if(row_number() OVER (PARTITION BY message_id ORDER BY line) = 1,
    try_cast(message_id AS UUID), NULL) AS message_id,
  try_cast(reply_to AS UUID) AS reply_to,
  '{}'::JSON AS extra
FROM (
  SELECT * REPLACE (
    nullif(author, '') AS author,
    coalesce(nullif(kind, ''), if(nullif(author, '') IS NULL, 'system', 'message')) AS kind,
    nullif(media_path, '') AS media_path, nullif(media_type, '') AS media_type
  ), regexp_matches(timestamp, '(Z|[+-]\\d{2}(:?\\d{2})?)$') AS utc
  FROM records
)
WHERE ($chat IS NULL OR thread_id = $chat)
  AND content IS NOT NULL AND local_time IS NOT NULL
  AND kind IN (SELECT unnest($kinds)) AND (author IS NULL) = (kind = 'system')
  AND (media_type IS NULL OR media_type IN (SELECT unnest($media_types)))
"""


class TableAdapter:
    """Reads files whose columns are those of `messages`: timestamp, author, content and others."""

    source = "table"

    def recognizes(self, file: ExportFile) -> bool:
        """Whether the file's ending is one of a table's."""
        return file.path.suffix.lower() in _READERS

    def threads(self, file: ExportFile) -> Mapping[str, str]:
        """The values of the column `thread_id`, or one chat named like the file."""
        with duckdb.connect() as scratch:
            self._load(file, scratch)
            found = scratch.execute(
                "SELECT DISTINCT thread_id FROM records WHERE thread_id IS NOT NULL ORDER BY ALL"
            ).fetchall()
        return {name: name for (name,) in found} or {file.stem: file.stem}

    def parse(self, file: ExportFile, scratch: DuckDBPyConnection, chat: str | None) -> Tally:
        """Fill `parsed`; records without a valid time, content or kind are rejected."""
        self._load(file, scratch)
        [named] = scratch.execute("SELECT count(thread_id) FROM records").fetchone() or [0]
        chosen = chat if named else None
        values = {"chat": chosen, "kinds": list(KINDS), "media_types": list(MEDIA_TYPES)}
        scratch.execute(_PARSE, values)
        scratch.execute(
            "DELETE FROM records WHERE $chat IS NOT NULL AND thread_id IS DISTINCT FROM $chat",
            {"chat": chosen},
        )
        [lines] = scratch.execute("SELECT count(*) FROM records").fetchone() or (0,)
        rejected = scratch.execute(
            "SELECT line FROM records ANTI JOIN parsed USING (line) ORDER BY line"
        ).fetchall()
        return Tally(lines=lines, continuation=0, rejected=tuple(line for (line,) in rejected))

    def _load(self, file: ExportFile, scratch: DuckDBPyConnection) -> None:
        """The table `records`: every column as text, numbered from 1."""
        reader = _READERS[file.path.suffix.lower()]
        path = {"path": _literal_path(file.path)}
        try:
            scratch.execute(f"CREATE OR REPLACE TABLE raw AS SELECT * FROM {reader}", path)  # noqa: S608
        except duckdb.Error as error:
            place = _PLACE.search(str(error))
            raise ExportError(
                file.path,
                f"cannot be read as {file.path.suffix[1:].upper()} ({type(error).__name__}).",
                "Check that it is complete and that its ending tells its format.",
                place=f"line {place[1]}" if place else "",
            ) from None
        names = {name.lower(): name for name, *_ in scratch.execute("DESCRIBE raw").fetchall()}
        if missing := [name for name in _REQUIRED if name not in names]:
            raise ExportError(
                file.path,
                f"has no column {', '.join(missing)}.",
                f"Name its columns {', '.join(_REQUIRED)} and, if known, {', '.join(_OPTIONAL)}.",
            )
        columns = [
            duckdb.ColumnExpression(names[name])
            if name in names
            else duckdb.ConstantExpression(None)
            for name in (*_REQUIRED, *_OPTIONAL)
        ]
        text = [
            column.cast("VARCHAR").alias(name)
            for column, name in zip(columns, (*_REQUIRED, *_OPTIONAL), strict=True)
        ]
        number = duckdb.SQLExpression("row_number() OVER ()").alias("line")
        scratch.execute("DROP TABLE IF EXISTS records")
        scratch.table("raw").select(number, *text).create("records")


def _literal_path(path: Path) -> str:
    """The path with DuckDB's wildcards taken literally."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))
