"""Which column of a table stands for which column of `messages`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from egregora_dag.adapters.files import ExportError

REQUIRED: Final = ("timestamp", "author", "content")

# Names that a file may use instead, the likeliest first; capitals, spaces, hyphens and underscores
# do not matter. An `id` is none of them: it may be a row's number, another one in every export.
OTHER_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "timestamp": (
        *("time", "date", "datetime", "ts", "sent_at", "created_at", "sent"),
        *("created", "message_date", "message_time", "timestamp_utc", "timestamp_ms", "epoch"),
    ),
    "author": (
        *("sender", "from", "user", "username", "name", "nick", "nickname", "speaker"),
        *("sender_name", "author_name", "from_name", "from_user", "display_name"),
    ),
    "content": ("text", "message", "body", "msg", "message_text", "message_body", "content_text"),
    "message_id": ("msg_id",),
    "thread_id": (
        *("thread", "chat", "channel", "conversation", "room", "chat_name", "channel_name"),
        *("chat_id", "channel_id", "conversation_id", "room_id"),
    ),
    "kind": (),
    "media_path": ("attachment", "file_name", "media_file"),
    "media_type": ("mime_type",),
    "reply_to": ("in_reply_to", "reply_to_id", "reply_to_message_id"),
    "edited": ("is_edited",),
    "forwarded": ("is_forwarded",),
    "reactions": (),
    "metadata": (),
}
# What an export of `messages` has besides, which is made anew when it is read.
_MADE_ANEW: Final = ("source", "position")
_MOST_SHOWN: Final = 30
# A date, a clock, or seconds since 1970, which no column is named like but every message has.
_TIME: Final = re.compile(r"\d[-/.:]\d|\d{9}")


def chosen_columns(
    path: Path, names: Sequence[str], mapping: Mapping[str, str], *, may_show: bool = True
) -> dict[str, tuple[str, ...]]:
    """The file's columns that are read.

    A column that is mapped comes first, then one of the very name, then one of `OTHER_NAMES`.

    Args:
        path: The file, for errors.
        names: The file's columns.
        mapping: Column of `messages` → the file's name for it.
        may_show: Whether `names` are surely names, so that errors may tell them.

    Returns:
        Column of `messages` → the file's name for it; two where date and time stand apart.

    Raises:
        ExportError: A column that is needed is missing, or may be one of several; or the mapping
            names a column that does not exist.
    """
    found = _mapped(path, names, mapping)
    taken = {name for columns in found.values() for name in columns}
    for column in OTHER_NAMES:
        # The chat's column is chosen before a mapping is known, see `thread_column`.
        free = column == "thread_id"
        candidates = [name for name in _candidates(column, names) if free or name not in taken]
        if column not in found and candidates:
            found[column] = _best(path, column, candidates)
    if missing := [column for column in REQUIRED if column not in found]:
        told = "; its first line names none that is known"
        if may_show or (found and not any(map(_TIME.search, names))):
            told = f"; its columns are {_shown(names)}" if names else ""
        raise ExportError(
            path,
            f"has no column {', '.join(missing)}{told}.",
            f"Name its columns {', '.join(REQUIRED)} and, if known, "
            f"{', '.join(column for column in OTHER_NAMES if column not in REQUIRED)}; or say "
            f"which they are, such as --column {missing[0]}=NAME.",
        )
    return found


def thread_column(names: Sequence[str]) -> tuple[str, ...]:
    """The file's name for the chat a message belongs to, if it tells that; as a tuple of one."""
    return tuple(_candidates("thread_id", names)[:1])


def notes(names: Sequence[str], chosen: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """What a reader should know of the choice: names that were guessed, columns passed over."""
    guessed = [
        f"{column} from {' and '.join(columns)}"
        for column, columns in chosen.items()
        if [_plain(name) for name in columns] != [_plain(column)]
    ]
    if guessed:
        yield f"Columns were read as follows: {', '.join(guessed)}."
    taken = {name for columns in chosen.values() for name in columns}
    if rest := [n for n in names if n not in taken and _plain(n) not in ("", *_MADE_ANEW)]:
        yield f"Columns passed over: {_shown(rest)}."


def _mapped(
    path: Path, names: Sequence[str], mapping: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for column, name in mapping.items():
        if column not in OTHER_NAMES:
            raise ExportError(
                path,
                f"{column!r} is no column that can be mapped.",
                f"Columns are {', '.join(OTHER_NAMES)}.",
            )
        if column == "thread_id" and thread_column(names) != (name,):
            raise ExportError(
                path,
                "the column that tells a row's chat cannot be mapped.",
                "Rename it to thread_id in the file.",
            )
        alike = [one for one in names if one.casefold() == name.casefold()]
        if not alike:
            raise ExportError(
                path,
                f"has no column {name!r} to read {column} from.",
                f"Give one of its columns, such as --column {column}=NAME.",
            )
        found[column] = (name if name in alike else alike[0],)
    return found


def _candidates(column: str, names: Sequence[str]) -> list[str]:
    """The file's columns that may be this one; only those of its very name if there are any."""
    for wanted in ([column], OTHER_NAMES[column]):
        found = [name for other in wanted for name in names if _plain(name) == _plain(other)]
        if found:
            return (
                sorted(found, key=lambda name: name != column)[:1] if wanted == [column] else found
            )
    return []


def _best(path: Path, column: str, candidates: list[str]) -> tuple[str, ...]:
    """The candidate, or the likeliest where a column may be missing as well."""
    if column not in REQUIRED or len(candidates) == 1:
        return (candidates[0],)
    if sorted(map(_plain, candidates)) == ["date", "time"]:
        return tuple(sorted(candidates, key=_plain))
    raise ExportError(
        path,
        f"its {column} may be any of the columns {_shown(candidates)}.",
        f"Say which it is, such as --column {column}={candidates[0]}.",
    )


def _plain(name: str) -> str:
    """The name's letters and digits alone, in lower case."""
    return re.sub(r"[\W_]+", "", name).casefold()


def _shown(names: Sequence[str]) -> str:
    more = ["…"] if len(names) > _MOST_SHOWN else []
    return ", ".join([*(name[:40] for name in names[:_MOST_SHOWN]), *more])
