"""Text files and archives as numbered lines in a DuckDB table."""

import codecs
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pyarrow as pa
from duckdb import DuckDBPyConnection

from egregora_dag.adapters.protocol import ExportError, ExportFile

_SCHEMA = pa.schema({"line": pa.int64(), "text": pa.string()})
_CHUNK = 1 << 23
# No chat's text compresses better than this; what does is made to exhaust the reader.
_MOST_COMPRESSION = 200
_SMALL = 50 << 20


def load_lines(scratch: DuckDBPyConnection, path: Path, file: IO[bytes]) -> int:
    """Store a text file as the table `lines (line BIGINT, text VARCHAR)`, numbered from 1.

    Args:
        scratch: The database that gets the table.
        path: The export, for errors.
        file: The text; UTF-8, or UTF-16 with a byte-order mark.

    Returns:
        How many lines there are.

    Raises:
        ExportError: The text is in another encoding.
    """
    scratch.execute("CREATE OR REPLACE TABLE lines (line BIGINT, text VARCHAR)")
    count = 0
    # Batch by batch, so that an error in the text is raised here as it is, not by DuckDB.
    for batch in _batches(path, file):
        scratch.register("batch", pa.Table.from_batches([batch]))
        scratch.execute("INSERT INTO lines SELECT line, rtrim(text, chr(13)) FROM batch")
        count += batch.num_rows
    return count


def _batches(path: Path, file: IO[bytes]) -> Iterator[pa.RecordBatch]:
    head = file.read(_CHUNK)
    decoder = codecs.getincrementaldecoder(encoding_of(head))()
    rest, number = "", 1
    while True:
        try:
            text = rest + decoder.decode(head, final=not head)
        except UnicodeDecodeError as error:
            raise ExportError(
                path,
                f"the text is not {error.encoding.upper()}.",
                "Save it as UTF-8 and import it again.",
                place=f"near line {number + error.object[: error.start].count(10)}",
            ) from None
        lines = text.split("\n")
        rest = lines.pop() if head else ""
        if not head and lines[-1] == "":
            lines.pop()
        if lines:
            numbers = range(number, number + len(lines))
            yield pa.record_batch([pa.array(numbers, pa.int64()), pa.array(lines)], schema=_SCHEMA)
            number += len(lines)
        if not head:
            return
        head = file.read(_CHUNK)


def encoding_of(head: bytes) -> str:
    """The encoding of a text that begins like this: UTF-16 if a byte-order mark says so."""
    return "utf-16" if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def is_zip(file: ExportFile) -> bool:
    """Whether the content, not the name, is that of a zip archive."""
    return file.head[:4] == b"PK\x03\x04"


@contextmanager
def opened_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """A zip archive, with its defects told as errors of the export.

    Raises:
        ExportError: The archive is damaged, encrypted, or made to exhaust the reader.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ExportError(
            path, f"the archive is damaged ({error}).", "Export or copy it again."
        ) from error
    except (RuntimeError, NotImplementedError) as error:
        # What zipfile raises for encryption and for methods of compression it does not know.
        raise ExportError(
            path, f"the archive cannot be opened ({error}).", "Export it again, without a password."
        ) from error


def checked(path: Path, member: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """The member, if reading it takes no more memory and time than a chat's text does.

    Raises:
        ExportError: It would.
    """
    if member.file_size > _SMALL and member.file_size > _MOST_COMPRESSION * member.compress_size:
        raise ExportError(
            path,
            f"expands to {member.file_size:,} bytes, more than a chat's text does.",
            "Unpack it yourself, look at it, and import the text file.",
            place="the archive's text",
        )
    return member
