"""What a source of chats must offer, and the errors that reading one may raise."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from duckdb import DuckDBPyConnection

from egregora_dag.adapters.files import ExportError, ExportFile

__all__ = ["Adapter", "DateOrder", "ExportError", "ExportFile", "Parsed", "Reading", "titled"]


@dataclass(frozen=True)
class Reading:
    """What a user says of a file, where its content leaves it open.

    Attributes:
        source: The application it comes from; found from the content if None.
        day_first: Whether the day stands before the month in dates; found from the file if None.
        columns: Column of `messages` → the file's name for it, for tables.
    """

    source: str | None = None
    day_first: bool | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DateOrder:
    """How the dates of a file are written.

    Attributes:
        order: Such as `day month year`.
        found: How that was found.
        is_guess: Whether another order fits as well.
    """

    order: str
    found: str
    is_guess: bool = False


@dataclass(frozen=True)
class Parsed:
    """What was found in a file, beside the tables that `parse` leaves.

    Attributes:
        lines: Chat within the file → how many of its lines (or records) belong to it.
        notes: What the reader should know, such as what was passed over.
        date_order: How dates are written, where that had to be found.
    """

    lines: Mapping[str, int]
    notes: tuple[str, ...] = ()
    date_order: DateOrder | None = None


class Adapter(Protocol):
    """Reads the exports of one application.

    `parse` leaves a table (or view) `parsed` in the scratch database, a row for each message or
    system line, and a table `rejected (chat VARCHAR, line BIGINT)` with what could not be read.
    The first six columns of `parsed` are needed, the others may be missing:

    | column | type | meaning | if missing or null |
    |---|---|---|---|
    | chat | VARCHAR | name of the chat within the file | |
    | line | BIGINT | number of its line or record; in the order of the chat | |
    | local_time | TIMESTAMP | the clock as written | |
    | author | VARCHAR | null exactly for system lines | |
    | content | VARCHAR | its text, empty where there is none | |
    | kind | VARCHAR | as in `messages` | |
    | utc | BOOLEAN | whether that clock is UTC, not the chat's | false |
    | identity | VARCHAR | what stands for the content in the message's id | the content |
    | native_id | VARCHAR | the source's own id, the same in every export of the chat; it stands \
for clock, author and content in the message's id | the message's id is made of these |
    | reply_native | VARCHAR | native id of the message it answers | |
    | media_path, media_type | VARCHAR | as in `messages` | |
    | edited, forwarded | BOOLEAN | as in `messages.metadata` | false |
    | mentions | VARCHAR[] | who is mentioned | words after `@` in the text |
    | reactions | MAP(VARCHAR, BIGINT) | sign → how many | none |
    | message_id, reply_to | UUID | ids that Egregora itself gave | |
    | extra | JSON | what else the source knows | `{}` |
    """

    @property
    def source(self) -> str:
        """Name of the application, as in `messages.source`."""

    def recognizes(self, file: ExportFile) -> bool:
        """Whether this looks like an export of this source."""

    def threads(self, file: ExportFile) -> Mapping[str, str]:
        """The chats in the file: name within the file → title, each title once.

        Raises:
            ExportError: The file as a whole cannot be read.
        """

    def parse(self, file: ExportFile, scratch: DuckDBPyConnection, reading: Reading) -> Parsed:
        """Fill `parsed` and `rejected` with all chats of the file.

        Raises:
            ExportError: The file as a whole cannot be read.
        """


def titled(chats: Iterable[tuple[str, str]], taken: Collection[str] = ()) -> dict[str, str]:
    """Titles that tell chats apart: the second of two that are alike gets its name added.

    Args:
        chats: Name within the file and title of each.
        taken: Titles that none may have.

    Returns:
        Name → title.
    """
    titles: dict[str, str] = {}
    seen = {title.casefold() for title in taken}
    for name, title in chats:
        unique = f"{title} {name}" if title.casefold() in seen else title
        seen.add(unique.casefold())
        titles[name] = unique
    return titles
