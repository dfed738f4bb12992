"""What an export holds, found without storing anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from egregora_dag.adapters.files import ExportFile
from egregora_dag.adapters.importing import (
    Tally,
    checked_timezone,
    import_chat,
    parse_file,
    scratch_database,
    thread_key,
    threads_of,
)
from egregora_dag.adapters.protocol import DateOrder, Reading
from egregora_dag.adapters.registry import adapter_for

_KINDS = "SELECT kind, count(*) FROM imported GROUP BY kind ORDER BY kind"
_MEDIA = """
SELECT media_type, count(*), count(media_path) FROM imported
WHERE kind = 'media' OR media_path IS NOT NULL OR media_type IS NOT NULL GROUP BY media_type
"""
_PATHS = "SELECT DISTINCT media_path FROM imported WHERE media_path IS NOT NULL"


@dataclass(frozen=True)
class Chat:
    """One chat of an export.

    Attributes:
        thread_id: The key it would get.
        title: Its name.
        tally: What became of its lines.
        first: Time of its earliest message; None if it has none.
        last: Time of its latest.
        kinds: Kind → how many messages are of it.
    """

    thread_id: str
    title: str
    tally: Tally
    first: datetime | None
    last: datetime | None
    kinds: Mapping[str, int]


@dataclass(frozen=True)
class Media:
    """The files that came with messages.

    Attributes:
        messages: Media type (or `unknown`) → how many messages came with such a file.
        named: How many of them name their file.
        found: How many different files of those are in the archive; None if it is no archive.
    """

    messages: Mapping[str, int]
    named: int
    found: int | None


@dataclass(frozen=True)
class Inspection:
    """What an export holds. Messages, system, continuation and rejected add up to the lines.

    Attributes:
        file: Name of the file.
        source: The application it comes from.
        threads: Its chats.
        lines: Lines (or records) of the file.
        messages: Messages, system lines not counted.
        system: System lines.
        continuation: Lines that go on a message begun above.
        rejected: Lines that could not be read.
        rejected_lines: Chat → numbers of the first hundred of those, from 1.
        first: Time of the earliest message; None if there is none.
        last: Time of the latest.
        date_order: In which order dates are written and how that was found; None where the format
            leaves no doubt.
        media: The files that came with messages.
        warnings: What the reader should know.
    """

    file: str
    source: str
    threads: tuple[Chat, ...]
    lines: int
    messages: int
    system: int
    continuation: int
    rejected: int
    rejected_lines: Mapping[str, tuple[int, ...]]
    first: datetime | None
    last: datetime | None
    date_order: DateOrder | None
    media: Media
    warnings: tuple[str, ...]

    @property
    def count(self) -> int:
        """Messages and system lines: the rows that an import would store."""
        return self.messages + self.system


def inspect_export(
    path: Path | str,
    *,
    timezone: str = "UTC",
    day_first: bool | None = None,
    source: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> Inspection:
    """Read an export and tell what it holds.

    Args:
        path: The file.
        timezone: IANA name of the zone of times without an offset.
        day_first: Whether the day stands before the month in dates; found from the file if None.
        source: Name of the source; else found from the content.
        columns: For tables: column of `messages` → the file's name for it.

    Returns:
        What the file holds.

    Raises:
        ExportError: The file cannot be read.
    """
    file = ExportFile.open(Path(path))
    adapter = adapter_for(file, source)
    checked_timezone(timezone)
    chats: list[Chat] = []
    media: dict[str, int] = {}
    named, paths = 0, set[str]()
    with scratch_database() as scratch:
        reading = Reading(source, day_first, columns or {})
        parsed = parse_file(scratch, file, adapter, reading)
        for name, title in threads_of(adapter, file).items():
            key = thread_key(title)
            imported = import_chat(
                scratch,
                file,
                parsed,
                source=adapter.source,
                chat=name,
                thread=key,
                timezone=timezone,
            )
            kinds = dict(scratch.execute(_KINDS).fetchall())
            chats.append(Chat(key, title, imported.tally, imported.first, imported.last, kinds))
            for media_type, messages, with_path in scratch.execute(_MEDIA).fetchall():
                label = media_type or "unknown"
                media[label] = media.get(label, 0) + messages
                named += with_path
            if file.is_archive:
                paths |= {one for (one,) in scratch.execute(_PATHS).fetchall()}
    tallies = [chat.tally for chat in chats]
    return Inspection(
        file=file.path.name,
        source=adapter.source,
        threads=tuple(chats),
        lines=sum(tally.lines for tally in tallies),
        messages=sum(tally.messages for tally in tallies),
        system=sum(tally.system for tally in tallies),
        continuation=sum(tally.continuation for tally in tallies),
        rejected=sum(tally.rejected for tally in tallies),
        rejected_lines={c.thread_id: c.tally.rejected_lines for c in chats if c.tally.rejected},
        first=min((chat.first for chat in chats if chat.first), default=None),
        last=max((chat.last for chat in chats if chat.last), default=None),
        date_order=parsed.date_order,
        media=Media(media, named, len(paths & set(file.members)) if file.is_archive else None),
        warnings=parsed.notes,
    )
