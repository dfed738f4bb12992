"""Discord, as DiscordChatExporter writes it: JSON or CSV, one channel a file, or a zip of them."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, Final

from duckdb import DuckDBPyConnection

from egregora_dag.adapters.discord.csv_rows import CsvLoader, find_times, is_csv, parse_rows
from egregora_dag.adapters.discord.json_records import FIELDS, MACROS, parse_records
from egregora_dag.adapters.protocol import ExportError, ExportFile, Parsed, Reading, titled
from egregora_dag.adapters.records import RecordLoader

_HEAD: Final = 1 << 16
# A server's roles and emojis may stand before the messages.
_LONGEST_PREAMBLE: Final = 1 << 24
_FIRST: Final = re.compile(r'^\s*\{\s*"(?:guild|mod)"\s*:\s*\{')
_GUILD: Final = re.compile(r'"guild"\s*:\s*\{')
_CHANNEL: Final = re.compile(r'"channel"\s*:\s*\{')
_ITS_OWN: Final = re.compile(r'"(?:dateRange|timestampEdited|exportedAt|isPinned)"\s*:')
_MESSAGES: Final = re.compile(r'"messages"\s*:\s*\[')
_TIMESTAMP: Final = re.compile(r'"timestamp"\s*:\s*"([^"]*)"')
# `Server - Category - channel [123456789012345678] (after 2020-01-01) [part 2].json`
_NAME: Final = re.compile(
    r"^(.*?)(?: \[(\d{15,20})\])?(?: \([^()]*\d{4}-\d\d-\d\d\))?(?: \[part \d+\])?(?: \(\d+\))?$"
)
_DEFAULT_NAME: Final = re.compile(
    r" \[\d{15,20}\](?: \([^()]*\))?(?: \[part \d+\])?\.(?:json|csv)$", re.IGNORECASE
)
_OTHER_FORMATS: Final = {
    "HTML": re.compile(r"<!DOCTYPE html>[\s\S]*(?:chatlog__|DiscordChatExporter)"),
    "plain text": re.compile(r"^\ufeff?={20,}\r?\nGuild: .*\r?\nChannel: "),
}
_DIRECT: Final = "Direct Messages"


@dataclass(frozen=True)
class _Part:
    """One file of one channel.

    Attributes:
        member: Its name in the archive; None for a file by itself.
        head: How it begins.
        chat: The channel's id, or its title where there is none.
        title: Server, category and channel.
        begins: Time of the first message as written, empty if unknown.
    """

    member: str | None
    head: str
    chat: str
    title: str
    begins: str

    @property
    def is_csv(self) -> bool:
        return is_csv(self.head)


class DiscordAdapter:
    """Reads channels, threads and direct messages as DiscordChatExporter has saved them."""

    source = "discord"

    def recognizes(self, file: ExportFile) -> bool:
        """Whether it begins as the exporter begins a file, or is a zip of files it has named.

        Its formats for the eye, HTML and plain text, are recognized too, to be refused by name.
        """
        if file.is_archive:
            return any(_DEFAULT_NAME.search(name) for name in _documents(file))
        return _is_export(file.text) or _other_format(file.text) is not None

    def threads(self, file: ExportFile) -> Mapping[str, str]:
        """The channels, by id: `Server / category / channel`, or who takes part in direct messages.

        Raises:
            ExportError: It is damaged, or holds no channel.
        """
        return titled({part.chat: part.title for part in _parts(file)}.items())

    def parse(self, file: ExportFile, scratch: DuckDBPyConnection, reading: Reading) -> Parsed:
        """Fill `parsed`; what has no time, or neither author nor event, is rejected.

        Raises:
            ExportError: It is damaged, or no such export.
        """
        for macro in MACROS:
            scratch.execute(f"CREATE OR REPLACE MACRO {macro}")
        parts = _parts(file)
        documents = [part for part in parts if not part.is_csv]
        chats = {part.chat for part in documents}
        tables = [part for part in parts if part.is_csv and part.chat not in chats]
        lines = dict.fromkeys((part.chat for part in parts), 0)
        notes = [
            f"{part.member}: passed over, as the channel is there as JSON too."
            for part in parts
            if part.is_csv and part not in tables
        ]
        more, counted = _load_documents(file, scratch, documents)
        date_order = None
        notes += more
        lines |= counted
        if tables:
            loader = CsvLoader(scratch, file)
            with _opened(file, tables) as contents:
                for part, content in contents:
                    loader.add(content, part.head, part.chat, place=part.member or "")
            date_order = find_times(scratch, file, reading.day_first)
            parse_rows(scratch)
            notes += loader.notes()
            lines |= loader.lines
        several = max(Counter(part.chat for part in parts).values()) > 1
        notes += _in_order(scratch, several=several)
        return Parsed(lines, tuple(notes), date_order)


def _load_documents(
    file: ExportFile, scratch: DuckDBPyConnection, parts: Sequence[_Part]
) -> tuple[list[str], Mapping[str, int]]:
    """Fill `parsed` from JSON; notes, and how many messages each channel has."""
    notes = []
    loader = RecordLoader(scratch, file.path, FIELDS)
    with _opened(file, parts) as contents:
        for part, content in contents:
            place = part.member or ""
            before = loader.lines.get(part.chat, 0)
            document = loader.add(content, part.chat, place=place)
            # A number stands there for the list that was read, or in the file itself.
            has_list = isinstance(document, dict) and type(document.get("messages")) is int
            if not has_list or part.chat not in loader.lines:
                raise ExportError(
                    file.path,
                    "has no list of messages.",
                    "Export the channel again with DiscordChatExporter, as JSON.",
                    place=place,
                )
            told, found = document.get("messageCount"), loader.lines[part.chat] - before
            if isinstance(told, int) and told != found:
                where = f"{place}: " if place else ""
                notes.append(f"{where}{found:,} messages, though the file says {told:,}.")
    loader.flush()
    parse_records(scratch)
    scratch.execute(
        "INSERT INTO rejected SELECT chat, line FROM records ANTI JOIN parsed USING (chat, line)"
    )
    scratch.execute("DROP TABLE records")
    return notes, loader.lines


@contextmanager
def _opened(
    file: ExportFile, parts: Sequence[_Part]
) -> Iterator[Iterator[tuple[_Part, IO[bytes]]]]:
    """The parts and their content, one after another."""
    if file.is_archive:
        members = {part.member: part.member for part in parts if part.member}
        with file.opened_all(members) as contents:
            yield ((part, content) for part, (_, content) in zip(parts, contents, strict=True))
    else:
        with file.opened() as content:
            yield iter([(part, content) for part in parts])


# Exports of one channel may overlap, and may be in the opposite order.
_REPEATED: Final = """
CREATE OR REPLACE TABLE repeated AS SELECT chat, line FROM parsed WHERE native_id IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY chat, native_id ORDER BY line) > 1
"""
_BACKWARDS: Final = """
SELECT count(*) FROM (
  SELECT arg_min(local_time, line) > arg_max(local_time, line) AS backwards
  FROM parsed GROUP BY chat
) WHERE backwards
"""
_SORTED: Final = """
CREATE OR REPLACE TABLE parsed AS
SELECT * REPLACE (row_number() OVER (PARTITION BY chat ORDER BY local_time,
  try_cast(native_id AS UBIGINT), if($backwards, -line, line)) AS line)
FROM parsed
"""


def _in_order(scratch: DuckDBPyConnection, *, several: bool) -> Iterator[str]:
    """Put `parsed` into the order of time, each message once; notes on what that changed."""
    if several:
        scratch.execute(_REPEATED)
        [repeated] = scratch.execute("SELECT count(*) FROM repeated").fetchone() or (0,)
        if repeated:
            scratch.execute("INSERT INTO rejected FROM repeated")
            scratch.execute(
                "DELETE FROM parsed USING repeated "
                "WHERE parsed.chat = repeated.chat AND parsed.line = repeated.line"
            )
            yield f"{repeated:,} messages are in several of the files; each was read once."
    [backwards] = scratch.execute(_BACKWARDS).fetchone() or (0,)
    if backwards:
        yield "The newest message stood first; the order was turned."
    if several or backwards:
        scratch.execute(_SORTED, {"backwards": bool(backwards)})


def _is_export(text: str) -> bool:
    """Whether a file that begins like this is the exporter's JSON or CSV."""
    if is_csv(text):
        return True
    if not text.lstrip().startswith("{") or not _GUILD.search(text):
        return False
    # Where the server's roles fill the head, only the guild is seen.
    is_cut = len(text) >= _HEAD // 4 and not _MESSAGES.search(text)
    return bool(_CHANNEL.search(text) and _ITS_OWN.search(text)) or (
        is_cut and bool(_FIRST.search(text))
    )


def _other_format(text: str) -> str | None:
    return next((name for name, sign in _OTHER_FORMATS.items() if sign.search(text)), None)


def _documents(file: ExportFile) -> list[str]:
    """The archive's JSON and CSV files that are no attachments."""
    return [
        name
        for name in file.members
        if name.lower().endswith((".json", ".csv")) and not re.search(r"_Files[/\\]", name)
    ]


def _parts(file: ExportFile) -> list[_Part]:
    """The exports in a file, in the order of their first messages."""
    if not file.is_archive:
        if other := _other_format(file.text):
            raise ExportError(
                file.path,
                f"is DiscordChatExporter's {other}, which does not tell all of the chat.",
                "Export the channel again with the format JSON.",
            )
        return [_part(file, None, file.text)]
    parts = []
    with file.opened_all({name: name for name in _documents(file)}) as contents:
        for name, content in contents:
            head = content.read(_HEAD).decode("utf-8-sig", "replace")
            if _is_export(head):
                parts.append(_part(file, name, head))
    if not parts:
        raise ExportError(
            file.path,
            "holds no JSON or CSV file of DiscordChatExporter.",
            "Export the channels with the format JSON, and zip those files.",
        )
    return sorted(parts, key=lambda part: (part.begins, part.member))


def _part(file: ExportFile, member: str | None, head: str) -> _Part:
    """What the beginning of an export, and its name, say of it."""
    path = member or file.path.name
    stem = re.sub(r"\.(?:json|csv)$", "", re.split(r"[/\\]", path)[-1], flags=re.IGNORECASE)
    named = _NAME.match(stem)
    title, number = (named[1], named[2]) if named else (stem, None)
    if is_csv(head):
        title = _title(title.split(" - "))
        return _Part(member, head, number or title, title, "")
    preamble = _preamble(file, member, head)
    guild, channel = (_object(preamble.get(key)) for key in ("guild", "channel"))
    mod = _object(preamble.get("mod"))
    if mod.get("normal") is True:
        raise ExportError(
            file.path,
            "its messages name people by number, in a form of a modified exporter.",
            "Export the channel again without normalizing.",
            place=member or "",
        )
    names = [_text(guild.get("name")), _text(channel.get("category")), _text(channel.get("name"))]
    title = _title(list(filter(None, names))) if names[2] else _title(title.split(" - "))
    first = _TIMESTAMP.search(head)
    return _Part(
        member, head, _text(channel.get("id")) or number or title, title, first[1] if first else ""
    )


def _title(names: list[str]) -> str:
    """Server, category and channel; of direct messages, only who takes part."""
    return names[-1] if names[0] == _DIRECT else " / ".join(names)


def _preamble(file: ExportFile, member: str | None, head: str) -> dict[str, Any]:
    """What stands before the messages."""
    found = _MESSAGES.search(head)
    if found is None and len(head) >= _HEAD // 4:
        with file.opened(member) as content:
            head = content.read(_LONGEST_PREAMBLE).decode("utf-8-sig", "replace")
        found = _MESSAGES.search(head)
    if found is None:
        return {}
    try:
        return _object(json.loads(head[: found.end()] + "]}"))
    except (ValueError, RecursionError):
        return {}


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    """The value as text without what cannot be stored, empty if it is neither text nor number."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return ""
    return str(value).encode("utf-8", "replace").decode().strip()
