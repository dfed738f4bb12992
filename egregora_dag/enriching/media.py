"""The files that came with messages: which exports hold them, and what can be measured of them."""

import hashlib
import mimetypes
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Final

from egregora_dag.adapters import ExportError, ExportFile
from egregora_dag.database.thumbnails import Thumbnail
from egregora_dag.writers import MediaFile

# What more than this is left unread, as nobody sends it in a chat.
MOST_BYTES: Final = 1 << 30
_IN_MEMORY: Final = 16 << 20
_BLOCK: Final = 1 << 20
_UNKNOWN: Final = "application/octet-stream"
# Types by ending that Python's own table lacks in some versions.
_TYPES: Final = {
    ".3gp": "video/3gpp",
    ".aac": "audio/aac",
    ".amr": "audio/amr",
    ".avif": "image/avif",
    ".flac": "audio/flac",
    ".heic": "image/heic",
    ".m4a": "audio/mp4",
    ".m4v": "video/mp4",
    ".mkv": "video/matroska",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webp": "image/webp",
}
_TABLE: Final = mimetypes.MimeTypes()  # Without what a machine adds to it.


def is_measured() -> bool:
    """Whether the libraries of the extra `media` are here, which look into files."""
    return all(find_spec(name) is not None for name in ("PIL", "av"))


@dataclass(frozen=True)
class Measured:
    """What was found out about a file.

    Attributes:
        file: Its type, size, and so on.
        thumbnail: A small picture of it; None where there is none to be had.
    """

    file: MediaFile
    thumbnail: Thumbnail | None = None


class ExportedMedia:
    """The files in the archives of a chat's exports, under the names that messages give them.

    Args:
        paths: The exports; what is no archive, or cannot be read, holds none.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    @cached_property
    def _archives(self) -> list[ExportFile]:
        archives = []
        for path in self._paths:
            try:
                file = ExportFile.open(path)
                if file.members:
                    archives.append(file)
            except ExportError:
                continue  # The import tells of files that cannot be read.
        return archives

    def digest(self, name: str) -> str | None:
        """What changes when the content of a file does, found without reading the file.

        Args:
            name: The file, as a message names it.

        Returns:
            Its checksum and size; None if no export holds it.
        """
        found = self._find(name)
        if found is None:
            return None
        info = found[0].members[found[1]]
        return f"{info.CRC:08x}-{info.file_size}"

    def measure(self, name: str, *, thumbnail: bool = True) -> Measured | None:
        """Look at a file.

        Args:
            name: The file, as a message names it.
            thumbnail: Whether a small picture of it is made.

        Returns:
            What was found out: type and size at least; None if no export holds the file.
        """
        found = self._find(name)
        if found is None:
            return None
        export, member = found
        claimed = export.members[member].file_size
        file = MediaFile(type_of(member), claimed, self.digest(name) or "")
        try:
            with export.opened_as_it_is(member) as opened, _spooled() as copy:
                digest = _copy(opened, copy)
                if digest is None:
                    return Measured(file)
                return _looked_into(replace(file, size=copy.tell()), copy, digest, thumbnail)
        except ExportError:
            # A damaged member; what the archive says of it is all there is.
            return Measured(file)

    def _find(self, name: str) -> tuple[ExportFile, str] | None:
        """The export that holds a file, and its name there: the same, in a folder, or without."""
        whole = unicodedata.normalize("NFC", name)
        base = whole.rpartition("/")[2]
        for export in self._archives:
            if whole in export.members:
                return export, whole
            member = export.media.get(base)
            if base and member is not None:
                return export, member
        return None


def type_of(name: str) -> str:
    """The media type that a file's ending stands for.

    Args:
        name: Name of the file.

    Returns:
        Such as `image/jpeg`; `application/octet-stream` for endings that tell nothing.
    """
    ending = Path(name).suffix.lower()
    return _TYPES.get(ending) or _TABLE.guess_type(f"file{ending}")[0] or _UNKNOWN


def _spooled() -> "SpooledTemporaryFile[bytes]":
    return SpooledTemporaryFile(max_size=_IN_MEMORY)


def _copy(source: IO[bytes], target: "SpooledTemporaryFile[bytes]") -> str | None:
    """Copy a file, and return its SHA-256; None if it is longer than a file may be."""
    digest = hashlib.sha256()
    while block := source.read(_BLOCK):
        if target.tell() + len(block) > MOST_BYTES:
            return None
        digest.update(block)
        target.write(block)
    return digest.hexdigest()


def _looked_into(
    file: MediaFile, content: "SpooledTemporaryFile[bytes]", sha256: str, thumbnail: bool
) -> Measured:
    """What the libraries of the extra `media` tell of a file, if they are here."""
    kind = file.mime.partition("/")[0]
    if not is_measured() or kind not in {"image", "video", "audio"}:
        return Measured(file)
    # Only here, as they are an extra.
    from egregora_dag.enriching import pictures, recordings  # noqa: PLC0415

    content.seek(0)
    if kind == "image":
        seen = pictures.look(content)
        width, height, seconds, image = seen.width, seen.height, None, seen.image
    else:
        heard = recordings.look(content, file.mime)
        width, height, seconds, image = heard.width, heard.height, heard.seconds, heard.image
    file = replace(file, width=width, height=height, seconds=seconds)
    small = pictures.thumbnail(image, sha256) if image is not None and thumbnail else None
    return Measured(file, small)
