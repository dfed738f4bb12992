"""What a source of chats must offer, and the errors that reading one may raise."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from duckdb import DuckDBPyConnection

from egregora_dag.exceptions import EgregoraError


class ExportError(EgregoraError):
    """A file cannot be read as a chat.

    Attributes:
        path: The file.
        place: Where in the file, such as a line number or a member of an archive.
    """

    def __init__(self, path: Path, problem: str, remedy: str, *, place: str = "") -> None:
        where = f"{path.name}, {place}" if place else path.name
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
            ExportError: It is missing, a folder, empty, or may not be read.
        """
        if path.is_dir():
            raise ExportError(path, "is a folder.", "Name the export file itself.")
        try:
            with path.open("rb") as file:
                head = file.read(1 << 16)
        except OSError as error:
            reason = error.strerror or "cannot be read"
            raise ExportError(path, f"{reason}.", "Check the name and its permissions.") from error
        if not head:
            raise ExportError(path, "is empty.", "Export the chat again.")
        return cls(path, head)

    @property
    def stem(self) -> str:
        """The file's name without its endings."""
        return self.path.name.removesuffix("".join(self.path.suffixes)) or self.path.name

    def sha256(self) -> str:
        """Digest of the whole content, hexadecimal."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Tally:
    """What became of each line (or record) of a file; the four kinds add up to `lines`.

    Attributes:
        lines: Lines of the file.
        continuation: Lines that go on a message begun above.
        rejected: Numbers of the lines that could not be read, from 1.
        notes: What the reader should know, such as how dates were understood.
    """

    lines: int
    continuation: int
    rejected: tuple[int, ...]
    notes: tuple[str, ...] = ()


class Adapter(Protocol):
    """Reads the exports of one application.

    `parse` leaves a table `parsed` in the scratch database, a row for each message or system line:

    | column | type | meaning |
    |---|---|---|
    | line | BIGINT | where it stands, from 1 |
    | local_time | TIMESTAMP | the clock as written |
    | utc | BOOLEAN | whether that clock is UTC, not the chat's |
    | author | VARCHAR | null for system lines |
    | content | VARCHAR | its text |
    | identity | VARCHAR | what stands for the content in the message's id; the content if null |
    | kind, media_path, media_type | VARCHAR | as in `messages` |
    | edited, forwarded | BOOLEAN | as in `messages.metadata` |
    | message_id, reply_to | UUID | where the file has its own |
    | extra | JSON | what else the source knows |
    """

    @property
    def source(self) -> str:
        """Name of the application, as in `messages.source`."""

    def recognizes(self, file: ExportFile) -> bool:
        """Whether this looks like an export of this source."""

    def threads(self, file: ExportFile) -> Mapping[str, str]:
        """The chats in the file: name within the file → title."""

    def parse(self, file: ExportFile, scratch: DuckDBPyConnection, chat: str | None) -> Tally:
        """Fill the table `parsed` with one of the file's chats, or all of them if None.

        Raises:
            ExportError: The file as a whole cannot be read.
        """
