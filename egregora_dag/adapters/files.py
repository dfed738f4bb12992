"""The file of an export: plain, or an archive whose members are read without unpacking it."""

import codecs
import hashlib
import lzma
import posixpath
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import IO, Final

from egregora_dag.exceptions import EgregoraError

# No chat's text compresses better than this; what does is made to exhaust the reader.
_MOST_COMPRESSION: Final = 200
_SMALL: Final = 50 << 20
_HEAD: Final = 1 << 16
# What zipfile and its decompressors raise for content that is not as it should be.
_DAMAGE: Final = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError),
    *(UnicodeDecodeError, struct.error),
)
_BOMS: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


_ENDINGS: Final = {
    "sticker": "webp",
    "image": "jpe?g|png|gif|heic|heif|bmp|avif|tiff?",
    "video": "mp4|mov|3gp|mkv|webm|avi|m4v",
    "audio": "opus|mp3|m4a|aac|ogg|oga|wav|amr|flac",
}
_TYPES: Final = " ".join(
    f"WHEN regexp_matches(lower(media_path), '\\.(?:{endings})$') THEN '{name}'"
    for name, endings in _ENDINGS.items()
)
# What the file `media_path` is, by its name's ending; an expression of SQL.
MEDIA_TYPE: Final = f"CASE {_TYPES} ELSE 'document' END"


class ExportError(EgregoraError):
    """A file cannot be read as a chat.

    Attributes:
        path: The file.
        place: Where in the file, such as a line number or a member of an archive.
    """

    def __init__(self, path: Path, problem: str, remedy: str, *, place: str = "") -> None:
        name = path.name.encode("utf-8", "backslashreplace").decode()
        where = f"{name}, {place}" if place else name
        super().__init__(f"{where}: {problem} {remedy}")
        self.path = path
        self.place = place


@dataclass(frozen=True)
class ExportFile:
    """A file to read, with the beginning of its content.

    Attributes:
        path: The file.
        head: Its first 64 KiB.
    """

    path: Path
    head: bytes

    @classmethod
    def open(cls, path: Path) -> "ExportFile":
        """The file at `path`.

        Raises:
            ExportError: It is missing, a folder, no regular file, empty, may not be read, or has a
                name that is no Unicode text.
        """
        if str(path) != str(path).encode("utf-8", "replace").decode():
            raise ExportError(path, "its name is no Unicode text.", "Rename it.")
        try:
            if path.is_dir():
                raise ExportError(path, "is a folder.", "Name the export file itself, or zip it.")
            if path.exists() and not path.is_file():
                raise ExportError(path, "is no regular file.", "Name the export file itself.")
            with path.open("rb") as file:
                head = file.read(_HEAD)
        except (OSError, ValueError) as error:
            # A name with a NUL in it is a ValueError.
            reason = getattr(error, "strerror", None) or "cannot be read"
            raise ExportError(path, f"{reason}.", "Check the name and its permissions.") from error
        if not head:
            raise ExportError(path, "is empty.", "Export the chat again.")
        return cls(path, head)

    @property
    def stem(self) -> str:
        """The file's name without its endings."""
        return self.path.name.removesuffix("".join(self.path.suffixes)) or self.path.name

    @property
    def is_archive(self) -> bool:
        """Whether the content, not the name, is that of a zip archive."""
        return self.head[:4] in {b"PK\x03\x04", b"PK\x05\x06"}

    @cached_property
    def text(self) -> str:
        """The head as text; what cannot be decoded is replaced."""
        return self.head.decode(encoding_of(self.head) or "utf-8-sig", "replace")

    @cached_property
    def members(self) -> Mapping[str, zipfile.ZipInfo]:
        """The archive's files by name; folders, links and names that climb out are left out.

        Raises:
            ExportError: The archive is damaged.
        """
        if not self.is_archive:
            return {}
        with self._archive() as archive:
            return {info.filename: info for info in archive.infolist() if _is_safe(info)}

    @cached_property
    def media(self) -> Mapping[str, str]:
        """Name of a file in the archive, without folders, composed (NFC) → its whole name."""
        return {
            unicodedata.normalize("NFC", posixpath.basename(name)): name for name in self.members
        }

    @contextmanager
    def opened(self, member: str | None = None) -> Iterator[IO[bytes]]:
        """The content, or that of a member of the archive; always UTF-8 if it is Unicode text.

        Args:
            member: Name of the member; the file itself if None.

        Raises:
            ExportError: The archive is damaged, encrypted, or made to exhaust the reader.
        """
        if member is None:
            with self.path.open("rb") as file:
                yield _recoded(file)
            return
        with self._archive() as archive:
            info = self.members[member]
            if info.flag_bits & 1:
                self._refuse_encryption()
            self._check_sizes([info])
            with archive.open(info) as file:
                yield _recoded(file)

    @contextmanager
    def opened_as_it_is(self, member: str) -> Iterator[IO[bytes]]:
        """The very bytes of a member of the archive, such as a picture.

        What it says of its size may be false: read no more than there is room for.

        Args:
            member: Name of the member.

        Raises:
            ExportError: The archive is damaged or encrypted.
        """
        with self._archive() as archive:
            info = self.members[member]
            if info.flag_bits & 1:
                self._refuse_encryption()
            with archive.open(info) as file:
                yield file

    @contextmanager
    def opened_all(self, members: Mapping[str, str]) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
        """Many members one after another, the archive opened once.

        Args:
            members: Name of each member → what it is called in what is yielded.

        Yields:
            What each is called, and its content.

        Raises:
            ExportError: As `opened`.
        """
        with self._archive() as archive:
            infos = {name: self.members[name] for name in members}
            if any(info.flag_bits & 1 for info in infos.values()):
                self._refuse_encryption()
            self._check_sizes(list(infos.values()))

            def contents() -> Iterator[tuple[str, IO[bytes]]]:
                for name, info in infos.items():
                    with archive.open(info) as file:
                        yield members[name], _recoded(file)

            yield contents()

    def _refuse_encryption(self) -> None:
        raise ExportError(
            self.path, "the archive is encrypted.", "Export it again, without a password."
        )

    def _check_sizes(self, infos: list[zipfile.ZipInfo]) -> None:
        """Refuse what takes more memory and time than a chat's text does."""
        size = sum(info.file_size for info in infos)
        # The archive's real size: what members claim, and overlap in, counts once.
        most = _MOST_COMPRESSION * min(
            sum(info.compress_size for info in infos), self.path.stat().st_size
        )
        if size > _SMALL and size > most:
            raise ExportError(
                self.path,
                f"expands to {size:,} bytes, more than a chat's text does.",
                "Unpack it yourself, look at it, and import the text file.",
                place="the archive's text",
            )

    @contextmanager
    def _archive(self) -> Iterator[zipfile.ZipFile]:
        """The archive, with its defects told as errors of the export."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                yield archive
        except _DAMAGE as error:
            raise ExportError(
                self.path, f"the archive is damaged ({error}).", "Export or copy it again."
            ) from error
        except NotImplementedError as error:
            # What zipfile raises for methods of compression it does not know.
            raise ExportError(
                self.path, f"the archive cannot be opened ({error}).", "Zip its files again."
            ) from error

    def sha256(self) -> str:
        """Digest of the whole content, hexadecimal."""
        status = self.path.stat()
        return _sha256(
            _Content(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, self.path)
        )


@dataclass(frozen=True)
class _Content:
    """What tells whether a file, under any of its names, still has the content it had."""

    device: int
    inode: int
    size: int
    changed: int
    path: Path = field(compare=False)


# One file may be the export of hundreds of chats.
@lru_cache(maxsize=1024)
def _sha256(content: _Content) -> str:
    with content.path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def encoding_of(head: bytes) -> str | None:
    """The encoding of text that begins like this, if it is UTF-16; None for all others.

    It is told by a byte-order mark, or by every other byte being nought, as in Latin scripts.
    """
    if head[:2] in _BOMS:
        return "utf-16"
    sample = head[:1024]
    for offset, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros, others = sample[offset::2], sample[1 - offset :: 2]
        if len(sample) >= 8 and zeros.count(0) > 0.7 * len(zeros) and others.count(0) == 0:
            return name
    return None


def _recoded(file: IO[bytes]) -> IO[bytes]:
    """The same text as UTF-8, if it is UTF-16."""
    head = file.read(1024)
    file.seek(0)
    encoding = encoding_of(head)
    if encoding is None:
        return file
    return codecs.EncodedFile(file, "utf-8", encoding, errors="replace")


def _is_safe(info: zipfile.ZipInfo) -> bool:
    """Whether a member is a file that stays within the archive's folder."""
    name = info.filename
    climbs = name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/")
    is_link = stat.S_ISLNK(info.external_attr >> 16)
    return not (info.is_dir() or climbs or is_link or ":" in name[:2])
