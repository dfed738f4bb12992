"""The records of large JSON documents in a DuckDB table, cut without building the document.

A document is read block by block. In each block all signs that structure it are found at once, so
the elements of its long arrays can be cut out where they lie, and DuckDB reads them side by side.
What is around the arrays is small, and comes back as Python's values.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from duckdb import DuckDBPyConnection

from egregora_dag.adapters.files import ExportError
from egregora_dag.adapters.lines import ahead

_BLOCK: Final = 1 << 23
# No message of a chat is as long.
LONGEST_RECORD: Final = 1 << 24
# Nor are many in a row as short, the four bytes of its place in Arrow's memory included.
_SHORTEST_RECORD: Final = 20
_BATCH_ROWS: Final = 1 << 13
_ROWS_AT_ONCE: Final = 1 << 17
_BOM: Final = b"\xef\xbb\xbf"
_QUOTE, _BACKSLASH, _COMMA, _SPACE = (ord(sign) for sign in '"\\, ')
_STEPS: Final = {"{": 1, "[": 1, "}": -1, "]": -1}
_STRUCTURAL: Final = np.zeros(256, bool)
_STRUCTURAL[[*map(ord, _STEPS), _QUOTE, _BACKSLASH, _COMMA]] = True
_STEP: Final = np.zeros(256, np.int8)
_STEP[[*map(ord, _STEPS)]] = list(_STEPS.values())
_Numbers = npt.NDArray[np.int32]
_STRIDE: Final = 1 << 14


class RecordLoader:
    """Collects the elements of JSON arrays as the table `records`.

    The table has the columns `chat VARCHAR`, `line BIGINT` (counted from 1 in each chat, in the
    order of arrival) and `r`, a struct of the fields asked for; `r` is null for what is no object.
    A field that is missing, or cannot become its type, is null.

    Args:
        scratch: The database that gets the table.
        path: The export, for errors.
        fields: Name → DuckDB type as `from_json` takes it: `"BIGINT"`, `"JSON"` for what may be
            anything, a nested mapping for an object, a list of one for an array.
        arrays: Names of the arrays whose elements are records; a document that is itself an array
            is one, whatever these are.
    """

    def __init__(
        self,
        scratch: DuckDBPyConnection,
        path: Path,
        fields: Mapping[str, Any],
        arrays: Sequence[str] = ("messages",),
    ) -> None:
        self._scratch = scratch
        self._path = path
        self._shape = json.dumps(fields)
        self._arrays = arrays
        self._pending: list[pa.RecordBatch] = []
        self._rows = 0
        self.lines: dict[str, int] = {}
        scratch.execute(
            "CREATE OR REPLACE TABLE records AS SELECT NULL::VARCHAR AS chat, 0::BIGINT AS line, "
            "try(from_json('{}', $shape)) AS r LIMIT 0",
            {"shape": self._shape},
        )

    def add(self, file: IO[bytes], chat: str | None = None, *, place: str = "") -> Any:
        """Read a document; its records come after those read before.

        Args:
            file: The document.
            chat: The chat that its records belong to; if None, each array is a chat of its own,
                named by its number, from 0.
            place: What errors call the document, such as the member of an archive.

        Returns:
            The document, each array of records in it replaced by its number.

        Raises:
            ExportError: It is no JSON, or ends in the middle.
        """
        document = _Document(self._path, file, self._arrays, place)
        for number, texts in ahead(document.records()):
            if len(texts) >= _ROWS_AT_ONCE and texts.nbytes < len(texts) * _SHORTEST_RECORD:
                # Each takes as much memory as a message does.
                raise document.error(
                    "its records are too short for messages.", "Look there, or export it again"
                )
            self._append(str(number) if chat is None else chat, texts)
        return document.rest()

    def _append(self, chat: str, texts: pa.Array) -> None:
        first = self.lines.get(chat, 0) + 1
        self.lines[chat] = first + len(texts) - 1
        names = pa.DictionaryArray.from_arrays(np.zeros(len(texts), np.int32), [chat]).cast(
            "string"
        )
        numbers = pa.array(np.arange(first, first + len(texts)))
        for start in range(0, len(texts), _BATCH_ROWS):
            columns = [one.slice(start, _BATCH_ROWS) for one in (names, numbers, texts)]
            self._pending.append(pa.record_batch(columns, ["chat", "line", "text"]))
        self._rows += len(texts)
        if self._rows >= _ROWS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Store what was read; to be called once everything has been added."""
        if self._pending:
            # DuckDB keeps each batch's strings apart: many small ones would fill its memory.
            table = pa.Table.from_batches(self._pending).combine_chunks()
            self._scratch.register("batch", pa.Table.from_batches(table.to_batches(_BATCH_ROWS)))
            self._scratch.execute(
                "INSERT INTO records SELECT chat, line, CASE WHEN regexp_matches(text, '^\\s*\\{') "
                "THEN try(from_json(text, $shape)) END FROM batch",
                {"shape": self._shape},
            )
            self._scratch.unregister("batch")
        self._pending, self._rows = [], 0


class _Document:
    """One JSON document: an iterator over the records, then what is around them."""

    def __init__(self, path: Path, file: IO[bytes], arrays: Sequence[str], place: str) -> None:
        self._path, self._file, self._place = path, file, place
        names = "|".join(re.escape(json.dumps(name)) for name in arrays)
        self._key = re.compile(rf"(?:{names})\s*:\s*$".encode())
        self._around = bytearray()
        self._depth = 0
        self._array: int | None = None
        self._count = 0
        self._seen = 0
        self._used = 0

    def records(self) -> Iterator[tuple[int, pa.Array]]:
        """Number of an array and texts of some of its elements, in order."""
        rest = b""
        data = self._file.read(_BLOCK).removeprefix(_BOM)
        while data:
            block = rest + data
            for number, texts in self._cut(block):
                self._seen += len(texts)
                yield number, texts
            rest = block[self._used :]
            if len(rest) > LONGEST_RECORD:
                raise self.error(
                    "a record is longer than any message.", "Look there, or export it again"
                )
            data = self._file.read(_BLOCK)
        if self._depth > 0 or self._array is not None:
            raise self.error("the JSON ends in the middle.", "Export or copy it again")
        self._around += rest

    def rest(self) -> Any:
        """The document without the records."""
        try:
            return json.loads(self._around)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "not Unicode text"
            raise self.error(f"is no sound JSON ({reason}).", "Export or copy it again") from None

    def error(self, problem: str, remedy: str) -> ExportError:
        """What is wrong, with the place where it is."""
        place = ", ".join(filter(None, (self._place, f"after record {self._seen}")))
        return ExportError(self._path, problem, f"{remedy}.", place=place)

    def _cut(self, block: bytes) -> Iterator[tuple[int, pa.Array]]:
        """The number of an array and elements of it; `_used` tells how far the block was read."""
        signs = np.frombuffer(block, np.uint8)
        places = _structure(signs)
        kinds = signs[places]
        depths = self._depth + np.cumsum(_STEP[kinds], dtype=np.int32)
        opening = np.flatnonzero(kinds == ord("[")).astype(np.int32)
        at, self._used = 0, 0
        while at < len(places):
            if self._array is None:
                at = self._pass(block, places, depths, opening, at)
                continue
            number = self._array
            close = _first(depths, at, self._depth - 1)
            inner = slice(at, close)
            ends = at + np.flatnonzero((kinds[inner] == _COMMA) & (depths[inner] == self._depth))
            at = len(places)
            if close is not None:
                # The last element ends with the array, unless there is none.
                begin = int(places[ends[-1]]) + 1 if len(ends) else self._used
                if block[begin : places[close]].strip():
                    ends = np.append(ends, close)
                at, self._array, self._depth = close + 1, None, self._depth - 1
            texts, self._used = _slices(signs, self._used, places[ends])
            if close is not None:
                self._used = int(places[close]) + 1
            yield number, texts

    def _pass(
        self,
        block: bytes,
        places: _Numbers,
        depths: _Numbers,
        opening: _Numbers,
        at: int,
    ) -> int:
        """Keep what is around the records, up to the next array; where that begins."""
        for index in opening[np.searchsorted(opening, at) :]:
            place = int(places[index])
            is_root = depths[index] == 1 and not (self._around + block[self._used : place]).strip()
            if is_root or self._key.search(block, max(self._used, place - 256), place):
                self._array, self._count = self._count, self._count + 1
                self._around += block[self._used : place] + b"%d" % self._array
                break
        else:
            index, place = len(places) - 1, int(places[-1])
            self._around += block[self._used : place + 1]
        self._used, self._depth = place + 1, int(depths[index])
        return int(index) + 1


def _structure(signs: npt.NDArray[np.uint8]) -> _Numbers:
    """Places of brackets, braces and commas outside of strings."""
    places = np.flatnonzero(_STRUCTURAL[signs]).astype(np.int32)
    kinds = signs[places]
    slashes = places[kinds == _BACKSLASH]
    is_quote = kinds == _QUOTE
    if len(slashes):
        # A quote is a sign of its own if an even number of backslashes stands before it.
        starts = np.flatnonzero(np.diff(slashes, prepend=-2) != 1).astype(np.int32)
        lengths = np.diff(starts, append=np.int32(len(slashes)))
        ends = slashes[starts] + lengths
        escaped = np.zeros(len(signs) + 1, bool)
        escaped[ends[lengths % 2 == 1]] = True
        is_quote &= ~escaped[places]
    outside = ~np.logical_xor.accumulate(is_quote) if len(is_quote) else is_quote
    found: _Numbers = places[outside & (kinds != _QUOTE) & (kinds != _BACKSLASH)]
    return found


def _first(depths: _Numbers, at: int, depth: int) -> int | None:
    """The first place from `at` on where the depth is this one."""
    for start in range(at, len(depths), _STRIDE):
        found = np.flatnonzero(depths[start : start + _STRIDE] == depth)
        if len(found):
            return start + int(found[0])
    return None


def _slices(signs: npt.NDArray[np.uint8], start: int, ends: _Numbers) -> tuple[pa.Array, int]:
    """The texts between places of a block, each one's own place blanked; and where they end."""
    if not len(ends):
        return pa.array([], pa.string()), start
    stop = int(ends[-1]) + 1
    data = signs[start:stop].copy()
    data[ends - start] = _SPACE
    offsets = np.concatenate(([0], ends + 1 - start)).astype(np.int32)
    texts = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(data))
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        raw = texts.view(pa.binary()).to_pylist()
        texts = pa.array([text.decode("utf-8", "replace") for text in raw])
    return texts, stop
