"""Text as numbered lines in a DuckDB table; the lines are cut in Arrow's own memory."""

import operator
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Final, TypeVar

import numpy as np
import pyarrow as pa
from duckdb import DuckDBPyConnection

T = TypeVar("T")

_CHUNK: Final = 1 << 24
# No line of a chat is as long; what is, is passed over and rejected.
LONGEST_LINE: Final = 1 << 24
_BATCH_ROWS: Final = 1 << 15
_LINE_FEED: Final = 10
_BOM: Final = b"\xef\xbb\xbf"


def load_lines(scratch: DuckDBPyConnection, file: IO[bytes]) -> tuple[int, tuple[str, ...]]:
    """Store a text as the table `lines (line BIGINT, text VARCHAR)`, numbered from 1.

    A line that is not UTF-8 is read as Windows-1252, as chat programs do; one that is longer than
    16 MiB is null. A NUL byte becomes U+FFFD.

    Args:
        scratch: The database that gets the table.
        file: The text, UTF-8 for the most part; lines end with LF or CR LF.

    Returns:
        How many lines there are, and notes on what was not plain text.
    """
    scratch.execute("CREATE OR REPLACE TABLE lines (line BIGINT, text VARCHAR)")
    cutter = _Cutter()
    for texts, first in ahead(cutter.cut(file)):
        numbers = pa.array(np.arange(first, first + len(texts)))
        table = pa.table({"line": numbers, "text": texts})
        scratch.register("batch", pa.Table.from_batches(table.to_batches(_BATCH_ROWS)))
        scratch.execute("INSERT INTO lines FROM batch")
    scratch.unregister("batch")
    return cutter.count, tuple(cutter.notes())


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, each one made while the one before it is used."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = maker.submit(next, items, None)
            yield item


class _Cutter:
    """Cuts a text into Arrow arrays of lines, and counts what was not plain."""

    def __init__(self) -> None:
        self.count = 0
        self._recoded = self._too_long = self._nul = 0

    def notes(self) -> Iterator[str]:
        for number, what in (
            (self._recoded, "not UTF-8; read as Windows-1252."),
            (self._too_long, f"longer than {LONGEST_LINE:,} bytes; passed over."),
            (self._nul, "with NUL bytes; each became U+FFFD."),
        ):
            if number:
                yield f"{number:,} line{'' if number == 1 else 's'} {what}"

    def cut(self, file: IO[bytes]) -> Iterator[tuple[pa.Array, int]]:
        """Arrays of lines, each with the number of its first."""
        rest, skipping = b"", False
        data = file.read(_CHUNK).removeprefix(_BOM)
        while data or rest:
            last = not data
            block = rest + data
            end = len(block) if last else block.rfind(b"\n") + 1
            if skipping:
                # The rest of a line that is too long.
                start = block.find(b"\n") + 1
                rest, skipping = (block[start:], False) if start else (b"", not last)
            elif end == 0 and len(block) > LONGEST_LINE:
                rest, skipping = b"", True
                yield self._numbered(pa.nulls(1, pa.string()))
                self._too_long += 1
            else:
                rest = block[end:]
                if end:
                    yield self._numbered(self._lines(block[:end]))
            if last:
                return
            data = file.read(_CHUNK)

    def _numbered(self, texts: pa.Array) -> tuple[pa.Array, int]:
        first = self.count + 1
        self.count += len(texts)
        return texts, first

    def _lines(self, block: bytes) -> pa.Array:
        if b"\0" in block:
            self._nul += sum(b"\0" in line for line in block.split(b"\n"))
            block = block.replace(b"\0", "\ufffd".encode())
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n")
        if not block.endswith(b"\n"):
            block += b"\n"
        try:
            return _cut(block)
        except pa.ArrowInvalid:
            # Not UTF-8.
            block, recoded = utf8(block)
            self._recoded += recoded
            return _cut(block)


def _cut(block: bytes) -> pa.StringArray:
    """The lines of a block that ends with a line feed.

    Raises:
        pa.ArrowInvalid: One of them is not UTF-8.
    """
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == _LINE_FEED)
    # Without its line feeds the block is what Arrow wants: strings without gaps between them.
    offsets = np.concatenate(([0], ends - np.arange(len(ends)))).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(block.replace(b"\n", b""))]
    return pa.BinaryArray.from_buffers(pa.binary(), len(ends), buffers).cast(pa.string())


def utf8(block: bytes) -> tuple[bytes, int]:
    """Lines in UTF-8, and how many of them were not; those are read as Windows-1252."""
    try:
        block.decode()
    except UnicodeDecodeError:
        lines = block.split(b"\n")
        recoded = [_recoded(line) for line in lines]
        return b"\n".join(recoded), sum(map(operator.ne, lines, recoded))
    return block, 0


def _recoded(line: bytes) -> bytes:
    try:
        line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace").encode()
    return line
