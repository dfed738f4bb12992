"""The text of a file, whatever it is compressed or encoded with."""

import gzip
import re
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, cast

import pyarrow as pa

from egregora_dag.adapters.files import ExportError, ExportFile, encoding_of

BOM: Final = b"\xef\xbb\xbf"
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_SAMPLE: Final = 1 << 22
_CHUNK: Final = 1 << 20
_SMALL: Final = 50 << 20
# Text compresses no better than this, except what is made to exhaust the reader.
_MOST_COMPRESSION: Final = 200


def is_compressed(file: ExportFile) -> bool:
    """Whether it is compressed by gzip or zstd, as its content tells."""
    return file.head.startswith((_GZIP, _ZSTD))


@contextmanager
def stream(file: ExportFile) -> Iterator[IO[bytes]]:
    """The content, decompressed.

    Raises:
        ExportError: What is compressed is damaged, or made to exhaust the reader.
    """
    try:
        if file.head.startswith(_GZIP):
            with gzip.open(file.path) as unpacked:
                yield cast("IO[bytes]", _Bounded(file, unpacked))
        elif file.head.startswith(_ZSTD):
            with pa.input_stream(file.path, compression="zstd") as unpacked:
                yield cast("IO[bytes]", _Bounded(file, unpacked))
        else:
            with file.opened() as plain:
                yield plain
    except (EOFError, zlib.error, OSError) as error:
        raise ExportError(
            file.path, f"cannot be unpacked ({type(error).__name__}).", "Copy or compress it again."
        ) from error


class _Bounded:
    """What is unpacked, as long as it is no more than a chat's text."""

    def __init__(self, file: ExportFile, unpacked: gzip.GzipFile | pa.NativeFile) -> None:
        self._file = file
        self._unpacked = unpacked
        self._left = self._most = max(_SMALL, _MOST_COMPRESSION * file.path.stat().st_size)

    def read(self, size: int) -> bytes:
        """The next bytes, at most so many; none at the end.

        Raises:
            ExportError: It is more than a chat's text.
        """
        data: bytes = self._unpacked.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise ExportError(
                self._file.path,
                f"expands to more than {self._most:,} bytes, more than a chat's text does.",
                "Unpack it yourself, look at it, and import the text file.",
            )
        return data


def sample(file: ExportFile) -> str:
    """The beginning of the text, four mebibytes of it."""
    with stream(file) as content:
        return content.read(_SAMPLE).decode("utf-8-sig", "replace")


@contextmanager
def plain(file: ExportFile, *, copies: bool = False) -> Iterator[Path]:
    """A file with the same text in UTF-8, not compressed: the file itself if it is so.

    Args:
        file: The file.
        copies: Whether a copy is needed, one without a byte-order mark whose lines all end alike.

    Raises:
        ExportError: What is compressed is damaged, or made to exhaust the reader.
    """
    if not (copies or is_compressed(file) or encoding_of(file.head)):
        yield file.path
        return
    with tempfile.NamedTemporaryFile() as copy:
        with stream(file) as content:
            rest = content.read(_CHUNK).removeprefix(BOM)
            while rest:
                # A line's end may be cut in two.
                chunk = content.read(_CHUNK)
                kept = rest[-1:] if rest.endswith(b"\r") and chunk else b""
                copy.write(rest[: len(rest) - len(kept)].replace(b"\r\n", b"\n"))
                rest = kept + chunk
        copy.flush()
        yield Path(copy.name)


def literal_path(path: Path) -> str:
    """The path as DuckDB's readers take it: absolute, with its wildcards taken literally."""
    return re.sub(r"([*?\[])", r"[\1]", str(path.absolute()))
