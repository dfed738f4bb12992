"""Tables of messages: CSV, NDJSON, JSON, Parquet and Arrow IPC, a row a message.

Columns have the names of `messages` or others that are known, see `table_columns`; all but a
message's time, author and text may be missing. What was exported from `messages` reads back equal.
"""

import json
from collections.abc import Mapping
from typing import Final

import duckdb
from duckdb import DuckDBPyConnection

from egregora_dag.adapters.dates import FIRST_YEAR, LAST_YEAR
from egregora_dag.adapters.protocol import ExportError, ExportFile, Parsed, Reading, titled
from egregora_dag.adapters.tables.columns import OTHER_NAMES, chosen_columns, notes, thread_column
from egregora_dag.adapters.tables.files import Cell, Loaded, TableFile, failure, table_file
from egregora_dag.adapters.tables.times import (
    date_order,
    is_native,
    native_times,
    text_times,
    timestamp_text,
)
from egregora_dag.database.schemas import KINDS, MEDIA_TYPES

_METADATA: Final = {
    "file": "VARCHAR",
    "line": "BIGINT",
    "local_time": "VARCHAR",
    "edited": "BOOLEAN",
    "forwarded": "BOOLEAN",
    "mentions": "VARCHAR[]",
    "urls": "VARCHAR[]",
    "reactions": "MAP(VARCHAR, BIGINT)",
    "extra": "JSON",
}
_METADATA_TYPE: Final = f"STRUCT({', '.join(f'{n} {t}' for n, t in _METADATA.items())})"
_SHAPES: Final = {"metadata_shape": json.dumps(_METADATA), "map_shape": '"MAP(VARCHAR, BIGINT)"'}

# Many tables tell a file's media type, such as image/jpeg, in place of what it is.
_PARSE: Final = f"""
CREATE OR REPLACE TABLE parsed AS
WITH timed AS ({{timed}}), told AS (
  SELECT coalesce(thread_id, $stem) AS chat, line, local_time, utc,
    coalesce(content, {{no_content}}) AS content,
    if(trim(author) = '', NULL, author) AS author, lower(nullif(trim(kind), '')) AS kind,
    nullif(media_path, '') AS media_path, CASE
      WHEN split_part(media_type, '/', 1) IN ('image', 'video', 'audio')
        THEN split_part(media_type, '/', 1) WHEN contains(media_type, '/') THEN 'document'
      ELSE lower(nullif(trim(media_type), '')) END AS media_type,
    nullif(trim(message_id), '') AS given_id, nullif(trim(reply_to), '') AS given_reply,
    try_cast(edited AS BOOLEAN) AS edited, try_cast(forwarded AS BOOLEAN) AS forwarded,
    coalesce(try(from_json(reactions, $map_shape)),
      try_cast(reactions AS MAP(VARCHAR, BIGINT))) AS reactions,
    coalesce(try(from_json(metadata, $metadata_shape)),
      try_cast(metadata AS {_METADATA_TYPE})) AS m
  FROM timed
)
SELECT chat, line, local_time, utc, author, content,
  coalesce(kind, CASE WHEN author IS NULL THEN 'system'
    WHEN media_path IS NOT NULL OR media_type IS NOT NULL THEN 'media' ELSE 'message' END) AS kind,
  media_path, media_type,
  try_cast(given_id AS UUID) AS message_id, try_cast(given_reply AS UUID) AS reply_to,
  if(try_cast(given_id AS UUID) IS NULL, given_id, NULL) AS native_id,
  if(try_cast(given_reply AS UUID) IS NULL, given_reply, NULL) AS reply_native,
  coalesce(edited, m.edited, false) AS edited,
  coalesce(forwarded, m.forwarded, false) AS forwarded,
  m.mentions AS mentions, coalesce(reactions, m.reactions) AS reactions,
  coalesce(m.extra, '{{{{}}}}'::JSON) AS extra
FROM told
WHERE content IS NOT NULL AND year(local_time) BETWEEN {FIRST_YEAR} AND {LAST_YEAR}
  AND list_contains($kinds, coalesce(kind, 'message'))
  AND (author IS NULL) = (coalesce(kind, if(author IS NULL, 'system', 'message')) = 'system')
  AND (media_type IS NULL OR list_contains($media_types, media_type))
"""  # noqa: S608 - made of constants
# Only the first message of an id keeps it.
_REPEATED_IDS: Final = """
UPDATE parsed SET message_id = NULL WHERE line IN (
  SELECT line FROM (
    SELECT line, row_number() OVER (PARTITION BY message_id ORDER BY line) AS n
    FROM parsed SEMI JOIN (
      SELECT message_id FROM parsed WHERE message_id IS NOT NULL
      GROUP BY message_id HAVING count(*) > 1) USING (message_id)
  ) WHERE n > 1)
"""
_REJECTED: Final = """
INSERT INTO rejected
SELECT coalesce(thread_id, $stem), line FROM given ANTI JOIN parsed USING (line) ORDER BY line
"""
_LINES: Final = "SELECT coalesce(thread_id, $stem) AS chat, count(*) FROM given GROUP BY chat"
_STEPS: Final = """
SELECT count(*) FILTER (local_time < before), count(*) FILTER (local_time > before)
FROM (SELECT local_time, lag(local_time) OVER () AS before FROM parsed)
"""


class TableAdapter:
    """Reads tables whose columns are those of `messages`: timestamp, author, content and others."""

    source = "table"

    def recognizes(self, file: ExportFile) -> bool:
        """Whether the file's beginning or ending is that of a table."""
        return table_file(file) is not None

    def threads(self, file: ExportFile) -> Mapping[str, str]:
        """The values of the column `thread_id`, and one chat named like the file for all others."""
        table = self._table(file)
        column = thread_column(table.names())
        if table.has_all_names and not column:
            return {file.stem: file.stem}
        column = column or ("thread_id",)
        with duckdb.connect() as scratch:
            loaded = table.load(scratch, column)
            thread = loaded.cells.get(column[0])
            scratch.execute(_given(loaded, {"thread_id": thread} if thread else {}))
            found = scratch.execute(f"{_LINES} ORDER BY chat", {"stem": file.stem}).fetchall()
        names = [name for name, _ in found] or [file.stem]
        return titled((name, name) for name in names)

    def parse(self, file: ExportFile, scratch: DuckDBPyConnection, reading: Reading) -> Parsed:
        """Fill `parsed`; records without a valid time, content or kind are rejected."""
        table = self._table(file)
        names = table.names()
        chosen = chosen_columns(file.path, names, reading.columns, may_show=table.has_sure_names)
        # A record may have a column that none of the first ones has.
        columns = {column: (column,) for column in OTHER_NAMES if column not in names} | chosen
        wanted = dict.fromkeys(name for given in columns.values() for name in given)
        loaded = table.load(scratch, list(wanted))
        cells = {
            column: cell for column, given in columns.items() if (cell := _cell(loaded, given))
        }
        scratch.execute(_given(loaded, cells))
        order, stem = None, {"stem": file.stem}
        values: dict[str, object] = {"kinds": list(KINDS), "media_types": list(MEDIA_TYPES)}
        if is_native(cells["timestamp"]):
            timed = native_times(cells["timestamp"], "given")
        else:
            order = date_order(scratch, "given", reading)
            timed, parameters = text_times("given", order)
            values |= parameters
        # Nothing between two delimiters is an empty text.
        no_content = "''" if not table.has_sure_names else "NULL"
        try:
            scratch.execute(
                _PARSE.format(timed=timed, no_content=no_content), values | stem | _SHAPES
            )
            scratch.execute(_REPEATED_IDS)
            scratch.execute(_REJECTED, stem)
        except duckdb.Error as error:
            raise failure(file, error) from None
        lines = scratch.execute(_LINES, stem).fetchall()
        told = [*notes(names, chosen), *_turn(scratch)]
        scratch.execute("DROP VIEW given")
        return Parsed(dict(lines) or {file.stem: 0}, tuple(told), order)

    @staticmethod
    def _table(file: ExportFile) -> TableFile:
        if (table := table_file(file)) is None:
            raise ExportError(
                file.path,
                "its name does not tell which kind of table it is.",
                "Let it end with .csv, .tsv, .ndjson, .json, .parquet or .arrow.",
            )
        return table


def _cell(loaded: Loaded, names: tuple[str, ...]) -> Cell | None:
    """The column as it was loaded; date and time as one text."""
    cells = [loaded.cells[name] for name in names if name in loaded.cells]
    if len(cells) < 2:
        return cells[0] if cells else None
    return Cell(f"concat_ws(' ', {', '.join(f'{cell.sql}::VARCHAR' for cell in cells)})")


def _given(loaded: Loaded, cells: Mapping[str, Cell]) -> str:
    """Query that makes a view `given` of the columns, all but native times as text."""
    columns = [f"{loaded.line} AS line"]
    for column in OTHER_NAMES:
        cell = cells.get(column)
        if cell is None:
            sql = "NULL::VARCHAR"
        elif column == "timestamp":
            sql = cell.sql if is_native(cell) else timestamp_text(cell)
        elif column == "metadata" and cell.type.startswith(("STRUCT", "MAP")):
            sql = f"to_json({cell.sql})::VARCHAR"
        elif column == "thread_id":
            sql = f"nullif({cell.sql}::VARCHAR, '')"
        else:
            sql = f"{cell.sql}::VARCHAR"
        columns.append(f"{sql} AS {column}")
    return f"CREATE OR REPLACE VIEW given AS SELECT {', '.join(columns)} FROM {loaded.table}"  # noqa: S608


def _turn(scratch: DuckDBPyConnection) -> list[str]:
    """Count lines from the end if the newest message stands first; a note of it."""
    back, forth = scratch.execute(_STEPS).fetchone() or (0, 0)
    if forth or not back:
        return []
    for table in ("parsed", "rejected"):
        scratch.execute(
            f"UPDATE {table} SET line = (SELECT count(*) FROM given) + 1 - line"  # noqa: S608
        )
    return ["The newest message stands first; lines are counted from the end of the file."]
