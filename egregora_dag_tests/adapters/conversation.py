"""One conversation, and what a module of `formats` says of each way to write it down."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True)
class Said:
    """A message, or a system line.

    Attributes:
        time: When, in UTC; whole minutes, as some formats know no seconds.
        author: Who; None for system lines.
        text: What; the caption of media.
        kind: As in `messages`.
        media: Name of the file that came with it.
        media_type: As in `messages`.
        reply_to: Place in the conversation of the message it answers.
        edited: Whether it was edited.
    """

    time: datetime
    author: str | None
    text: str
    kind: str = "message"
    media: str | None = None
    media_type: str | None = None
    reply_to: int | None = None
    edited: bool = False


@dataclass(frozen=True)
class Format:
    """One way to write a conversation down.

    Attributes:
        write: Writes what was said into a folder; the file to read.
        kinds: Kinds that it can express; the others are left out.
        multiline: Whether a text may have several lines.
        system_text: Whether system lines are any text, not one made from what happened.
        replies: Whether it states what a message answers.
        edits: Whether it states that a message was edited.
        seconds: Whether it tells seconds.
        banners: Whether it has system lines of its own, so that these are not compared.
        options: Arguments of `read_export` that are needed to read it.
    """

    write: Callable[[Sequence[Said], Path], Path]
    kinds: frozenset[str] = frozenset({"message", "system"})
    multiline: bool = True
    system_text: bool = True
    replies: bool = False
    edits: bool = False
    seconds: bool = False
    banners: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


_START: Final = datetime(2024, 2, 27, 21, 58, tzinfo=UTC)


def _said(minutes: int, author: str | None, text: str, **rest: Any) -> Said:
    return Said(_START + timedelta(minutes=minutes), author, text, **rest)


# Over midnight, over the end of a month in a leap year, and into another month.
CONVERSATION: Final = (
    _said(0, None, "Ada created the group", kind="system"),
    _said(1, "Ada Lovelace", "Shall we meet on Friday?"),
    _said(1, "Bo", "yes: at eight, as always", reply_to=1),
    _said(2, "Éva 🌻", "list:\n- milk\n\n- eggs: six"),
    _said(5, "Bo", "", kind="media", media="IMG-20240227-WA0001.jpg", media_type="image"),
    _said(130, "Ada Lovelace", "look", kind="media", media="terms.pdf", media_type="document"),
    _said(131, "مريم", "نعم، غدًا الساعة ٨", reply_to=3),
    _said(131, "Bo", 'he said "no" <b>& left</b> \\ {}, [1]; a,b'),
    _said(132, "Bo", "see https://example.org/a?b=c&d=1#e", edited=True),
    _said(132, "Bo", "see https://example.org/a?b=c&d=1#e"),
    _said(1500, None, "Bo left", kind="system"),
    _said(2900, "Éva 🌻", "31/12/2025 was fun", reply_to=8),
    _said(2901, "O'Brien-Smith (work)", "😂❤️"),
    _said(20_000, "Ada Lovelace", "late answer"),
)
