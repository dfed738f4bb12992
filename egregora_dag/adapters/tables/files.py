"""Files that are tables, loaded into DuckDB: CSV, TSV, NDJSON, JSON, Parquet and Arrow IPC."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from egregora_dag.adapters.files import ExportError, ExportFile
from egregora_dag.adapters.records import RecordLoader
from egregora_dag.adapters.tables.text import (
    BOM,
    is_compressed,
    literal_path,
    plain,
    sample,
    stream,
)
from egregora_dag.database.limits import shortage
from egregora_dag.exceptions import EgregoraError

_COMPRESSED: Final = (".gz", ".zst")
_ARROW: Final = (".arrow", ".arrows", ".feather", ".ipc")
_SAMPLE_RECORDS: Final = 1000
_FEW_ROWS: Final = 1_000_000
_DELIMITERS: Final = ",;\t|"
_PLACE: Final = re.compile(r"(?:Line: |line |record/value )(\d+)")
_REASONS: Final = (
    (r"Expected Number of Columns: (\d+) Found: (\d+)", "{1} columns, not {0}"),
    (r"unicode|UTF-?8|encoded", "not UTF-8"),
    (r"unterminated quote|invalid state", "a quote is not closed, or stands within a value"),
    # Its parallel reader gives up on lines longer than its buffers.
    (r"Maximum line size|maximum_object_size|Parallel CSV Reader", "longer than any message"),
    (r"^(no .* stands in it)$", "{0}"),
)


_READ_CSV: Final = """
CREATE OR REPLACE TABLE records AS SELECT {columns}
FROM read_csv($path, columns = $columns, auto_detect = false, header = true, delim = $delimiter,
  quote = '"', escape = '"', skip = $skip, hive_partitioning = false, compression = 'none',
  max_line_size = 16777216, buffer_size = 33554432)
"""
_READ_LINES: Final = """
CREATE OR REPLACE TABLE records AS SELECT try(from_json(json, $shape)) AS r
FROM read_ndjson_objects($path, ignore_errors = true, hive_partitioning = false,
  compression = 'uncompressed')
"""
# Columns are named by place, whatever the file calls them.
_READ_PARQUET: Final = """
CREATE OR REPLACE TABLE records AS SELECT {kept}
FROM read_parquet($path, hive_partitioning = false) AS t({columns})
"""


@dataclass(frozen=True)
class Cell:
    """A column as it was loaded.

    Attributes:
        sql: Expression for it, made of constants of this package alone.
        type: Its DuckDB type.
    """

    sql: str
    type: str = "VARCHAR"


@dataclass(frozen=True)
class Loaded:
    """A table in the scratch database.

    Attributes:
        table: Its name.
        line: Expression for the number of a row, from 1.
        cells: What was asked for → where it is.
    """

    table: str
    line: str
    cells: Mapping[str, Cell]


class TableFile(Protocol):
    """A file that is a table, in one format.

    Attributes:
        has_sure_names: Whether its names are surely names, not the first row of a table without.
        has_all_names: Whether no row can have a column that `names` does not tell.
    """

    has_sure_names: bool
    has_all_names: bool

    def names(self) -> list[str]:
        """The file's columns.

        Raises:
            ExportError: It cannot be read.
        """

    def load(self, scratch: DuckDBPyConnection, names: Sequence[str]) -> Loaded:
        """Load some columns; those that the file does not have are null.

        Raises:
            ExportError: It cannot be read.
        """


def table_file(file: ExportFile) -> TableFile | None:
    """The file as a table, or None if it looks like none."""
    ending = _ending(file.path)
    if file.head.startswith(b"PAR1") or ending == ".parquet":
        return _Parquet(file)
    if file.head.startswith((b"ARROW1", b"FEA1")) or ending in _ARROW:
        return _Arrow(file)
    if ending in {".csv", ".tsv"}:
        return _Csv(file, "\t" if ending == ".tsv" else None)
    if ending == ".json" and (is_compressed(file) or re.match(r"\s*\[\s*[{\]]", file.text)):
        return _JsonArray(file)
    is_lines = ending == ".json" and re.match(r"\s*\{.*\}[ \r]*\n\s*\{", file.text)
    return _Ndjson(file) if is_lines or ending in {".ndjson", ".jsonl"} else None


def failure(file: ExportFile, error: Exception) -> EgregoraError:
    """What went wrong, without the words of the file that DuckDB's messages quote."""
    if told := shortage(error, file.path):
        return told
    text = str(error)
    reason = type(error).__name__
    for pattern, words in _REASONS:
        if match := re.search(pattern, text):
            reason = words.format(*match.groups())
            break
    place = _PLACE.search(text)
    remedy = "Save it as UTF-8." if reason == "not UTF-8" else "Check that it is complete."
    return ExportError(
        file.path,
        f"cannot be read as {_ending(file.path)[1:].upper() or 'a table'} ({reason}).",
        f"{remedy} Its ending has to tell its format.",
        place=f"line {place[1]}" if place else "",
    )


class _Csv:
    """Values between delimiters, with a header."""

    def __init__(self, file: ExportFile, delimiter: str | None) -> None:
        self._file = file
        self._delimiter = delimiter
        self.has_sure_names, self.has_all_names = False, True

    def names(self) -> list[str]:
        return self._header()[0]

    def load(self, scratch: DuckDBPyConnection, names: Sequence[str]) -> Loaded:
        header, delimiter, skip = self._header()
        places = {name: f"c{header.index(name)}" for name in names if name in header}
        values = {
            "columns": {f"c{place}": "VARCHAR" for place in range(len(header))},
            "delimiter": delimiter,
            "skip": skip,
        }
        # The columns are named by place, so that a header may say anything.
        query = _READ_CSV.format(columns=", ".join(places.values()) or "c0")
        try:
            with plain(self._file) as path:
                scratch.execute(query, {"path": literal_path(path), **values})
        except duckdb.Error as error:
            # As DuckDB says also of lines that end now with LF, now with CR LF.
            if not re.search("unterminated quote|invalid state", str(error)):
                raise failure(self._file, error) from None
            with plain(self._file, copies=True) as path:
                _execute(self._file, scratch, query, {"path": literal_path(path), **values})
        return Loaded("records", "rowid + 1", {name: Cell(sql) for name, sql in places.items()})

    def _header(self) -> tuple[list[str], str, int]:
        """The columns' names, what stands between them, and how many lines stand before them."""
        text = sample(self._file)
        # Excel's own way to tell the delimiter.
        told = re.match(r"sep=(.)\r?\n", text)
        delimiters = told[1] if told else self._delimiter or _DELIMITERS
        text = text[told.end() :] if told else text
        try:
            headers = [
                next(csv.reader(io.StringIO(text, None), delimiter=d), []) for d in delimiters
            ]
        except (csv.Error, ValueError) as error:
            raise failure(self._file, error) from None
        best = max(range(len(headers)), key=lambda number: len(headers[number]))
        if not headers[best]:
            raise failure(self._file, ValueError("no header stands in it"))
        return [name.strip() for name in headers[best]], delimiters[best], 1 if told else 0


class _Ndjson:
    """A JSON object a line."""

    def __init__(self, file: ExportFile) -> None:
        self._file = file
        self.has_sure_names, self.has_all_names = True, False

    def names(self) -> list[str]:
        keys: dict[str, None] = {}
        for line in sample(self._file).split("\n")[:_SAMPLE_RECORDS]:
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                keys |= dict.fromkeys(record)
        if not keys:
            raise failure(self._file, ValueError("no JSON object stands in it")) from None
        return list(keys)

    def load(self, scratch: DuckDBPyConnection, names: Sequence[str]) -> Loaded:
        shape = json.dumps(dict.fromkeys(names, "VARCHAR"))
        with plain(self._file, copies=self._file.head.startswith(BOM)) as path:
            values = {"path": literal_path(path), "shape": shape}
            _execute(self._file, scratch, _READ_LINES, values)
        if scratch.execute("SELECT 1 FROM records WHERE r IS NOT NULL LIMIT 1").fetchone() is None:
            raise failure(self._file, ValueError("no JSON object stands in it")) from None
        return Loaded("records", "rowid + 1", _fields(names))


class _JsonArray:
    """One JSON document that is an array of objects."""

    def __init__(self, file: ExportFile) -> None:
        self._file = file
        self.has_sure_names, self.has_all_names = True, False

    def names(self) -> list[str]:
        keys: dict[str, None] = {}
        text = sample(self._file)
        decoder, place = json.JSONDecoder(), 0
        for _ in range(_SAMPLE_RECORDS):
            start = re.compile(r"[\s,\[]*").match(text, place)
            try:
                record, place = decoder.raw_decode(text, start.end() if start else place)
            except (ValueError, RecursionError):
                break
            if isinstance(record, dict):
                keys |= dict.fromkeys(record)
        if not keys and re.fullmatch(r"\s*\[\s*\]\s*", text):
            raise failure(self._file, ValueError("no JSON object stands in it")) from None
        return list(keys)

    def load(self, scratch: DuckDBPyConnection, names: Sequence[str]) -> Loaded:
        loader = RecordLoader(scratch, self._file.path, dict.fromkeys(names, "VARCHAR"))
        with stream(self._file) as file:
            loader.add(file, "")
        loader.flush()
        return Loaded("records", "line", _fields(names))


class _Parquet:
    """A Parquet file."""

    def __init__(self, file: ExportFile) -> None:
        self._file = file
        self.has_sure_names, self.has_all_names = True, True

    def names(self) -> list[str]:
        try:
            metadata = pq.read_metadata(self._file.path)
            names = list(metadata.schema.to_arrow_schema().names)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise failure(self._file, error) from None
        if metadata.num_rows > max(_FEW_ROWS, self._file.path.stat().st_size):
            # Rows that are all alike take no room, and no two messages are.
            raise ExportError(
                self._file.path,
                f"holds {metadata.num_rows:,} rows in fewer bytes, which no chat does.",
                "Look at it, and write the messages alone to a new file.",
            )
        return names

    def load(self, scratch: DuckDBPyConnection, names: Sequence[str]) -> Loaded:
        all_names = self.names()
        there = [name for name in names if name in all_names]
        places = [f"c{all_names.index(name)} AS k{n}" for n, name in enumerate(there)]
        query = _READ_PARQUET.format(
            # At least one column, so that rows can be counted.
            kept=", ".join(places) or "NULL AS k0",
            columns=", ".join(f"c{place}" for place in range(len(all_names))),
        )
        _execute(self._file, scratch, query, {"path": literal_path(self._file.path)})
        return Loaded("records", "rowid + 1", _typed(scratch, there))


class _Arrow:
    """An Arrow IPC file or stream; Feather version 2 is one."""

    def __init__(self, file: ExportFile) -> None:
        self._file = file
        self.has_sure_names, self.has_all_names = True, True

    def names(self) -> list[str]:
        with self._opened() as (schema, _):
            return list(dict.fromkeys(schema.names))

    def load(self, scratch: DuckDBPyConnection, names: Sequence[str]) -> Loaded:
        with self._opened() as (schema, batches):
            there = [name for name in names if name in schema.names]
            places = [schema.names.index(name) for name in there] or [0]
            fields = [schema.field(place).with_name(f"k{i}") for i, place in enumerate(places)]
            kept = pa.schema(fields)

            def columns() -> Iterator[pa.RecordBatch]:
                for batch in batches:
                    batch.validate(full=True)
                    yield pa.record_batch([batch.column(place) for place in places], schema=kept)

            scratch.register("batches", pa.RecordBatchReader.from_batches(kept, columns()))
            try:
                scratch.execute("CREATE OR REPLACE TABLE records AS FROM batches")
            finally:
                scratch.unregister("batches")
        return Loaded("records", "rowid + 1", _typed(scratch, there))

    @contextmanager
    def _opened(self) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
        """The schema and the batches; what is wrong with them is told as errors of the file."""
        if self._file.head.startswith(b"FEA1"):
            raise ExportError(
                self._file.path, "is Feather version 1.", "Write it again as version 2."
            )
        try:
            with pa.memory_map(str(self._file.path)) as source:
                if self._file.head.startswith(b"ARROW1"):
                    ipc = pa.ipc.open_file(source)
                    yield ipc.schema, map(ipc.get_batch, range(ipc.num_record_batches))
                else:
                    ipc = pa.ipc.open_stream(source)
                    yield ipc.schema, iter(ipc)
        except (pa.ArrowException, duckdb.Error, OSError, UnicodeDecodeError) as error:
            raise failure(self._file, error) from None


def _fields(names: Sequence[str]) -> dict[str, Cell]:
    return {name: Cell(f"struct_extract_at(r, {n})") for n, name in enumerate(names, 1)}


def _typed(scratch: DuckDBPyConnection, names: Sequence[str]) -> dict[str, Cell]:
    types = [type_ for _, type_, *_ in scratch.execute("DESCRIBE records").fetchall()]
    return {name: Cell(f"k{i}", types[i]) for i, name in enumerate(names)}


def _execute(
    file: ExportFile, scratch: DuckDBPyConnection, sql: str, values: Mapping[str, object]
) -> None:
    try:
        scratch.execute(sql, dict(values))
    except duckdb.Error as error:
        raise failure(file, error) from None


def _ending(path: Path) -> str:
    """The name's ending, that of compression left out."""
    endings = [ending.lower() for ending in path.suffixes]
    if endings[-1:] and endings[-1] in _COMPRESSED:
        endings.pop()
    return endings[-1] if endings else ""
