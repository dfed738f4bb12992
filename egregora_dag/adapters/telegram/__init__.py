"""Exports of Telegram Desktop in its machine-readable format: `result.json`, or its folder zipped.

The format is that of Telegram Desktop's `export_output_json.cpp`. Versions before 2022 have no
`date_unixtime`, number people without a prefix, and call every message edited, in 1970.
"""

import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, Final

import duckdb
from duckdb import DuckDBPyConnection

from egregora_dag.adapters.protocol import ExportError, ExportFile, Parsed, Reading, titled
from egregora_dag.adapters.records import RecordLoader
from egregora_dag.adapters.telegram.records import (
    ACTIONS,
    CLIMB,
    FIELDS,
    LINKS,
    LONGEST_CHAIN,
    MACROS,
    PARSE,
    REJECTED,
)

_RESULT: Final = "result.json"
_REMEDY: Final = 'In Telegram Desktop choose "Export chat history", format "Machine-readable JSON".'

_STRING: Final = r'"(?:[^"\\]|\\.)*"'
# What stands before the messages of a chat, or before everything else in a whole account.
_CHAT: Final = re.compile(
    rf"\s*(\{{(?:\s*{_STRING}\s*:\s*(?:{_STRING}|-?\d+|null|true|false)\s*,)+"
    r'\s*"messages"\s*:\s*)\['
)
_TYPE: Final = re.compile(
    r'"type"\s*:\s*"(?:saved_messages|replies|verify_codes|personal_chat|bot_chat|private_group'
    r'|(?:private|public)_(?:supergroup|channel))"'
)
_MESSAGE: Final = re.compile(r'\[\s*\{[^{}\[\]]*"type"\s*:\s*"(?:message|service|unsupported)"')
_ACCOUNT: Final = re.compile(
    rf'\s*\{{\s*(?:"about"\s*:\s*{_STRING}\s*,\s*)?"(?:personal_information|profile_pictures|stories'
    r"|profile_music|contacts|frequent_contacts|sessions|web_sessions|other_data|chats|left_chats)"
    r'"\s*:\s*[{\[]'
)
_HTML: Final = re.compile(r"<title>Exported Data</title>[\s\S]*class=\"page_wrap")

_TITLES: Final = {
    "saved_messages": "Saved Messages",
    "replies": "Replies",
    "verify_codes": "Verification Codes",
    "personal_chat": "Deleted Account",
    "bot_chat": "Deleted Account",
}
# Their messages have one number for all who read them; others are numbered for each account.
_SHARED: Final = ("supergroup", "channel")


@dataclass(frozen=True)
class _Chat:
    """A chat of a document.

    Attributes:
        number: Of its array of messages, as `RecordLoader` counts.
        name: Its name within the file, made from Telegram's id of it.
        title: What people call it.
        id: Telegram's id of it.
        is_shared: Whether its messages have the same numbers for all who read them.
    """

    number: str
    name: str
    title: str
    id: int
    is_shared: bool


class TelegramAdapter:
    """Reads one chat or a whole account; JSON, alone or in the zipped folder of the export."""

    source = "telegram"

    def recognizes(self, file: ExportFile) -> bool:
        """Whether it begins as such a `result.json` does, or is an archive that holds one.

        The web page that Telegram Desktop writes by default is recognized too, to say what to do.
        """
        if not file.is_archive:
            return _is_result(file.text) or _is_page(file.text)
        return (bool(_results(file)) and _is_result(_head(file))) or _is_page_archive(file)

    def threads(self, file: ExportFile) -> Mapping[str, str]:
        """The chats that have messages, by Telegram's id of them.

        Raises:
            ExportError: It is no JSON, ends in the middle, or holds no chats.
        """
        member = _member(file)
        if start := _CHAT.match(_head(file)):
            chats = _chats(file, _header(file, start[1]))
        else:
            with duckdb.connect() as scratch:
                chats = _load(file, member, RecordLoader(scratch, file.path, {"id": "BIGINT"}))[0]
        return _titles(chats)

    def parse(self, file: ExportFile, scratch: DuckDBPyConnection, reading: Reading) -> Parsed:
        """Fill `parsed`; what has no time is rejected.

        Raises:
            ExportError: It is no JSON, ends in the middle, or holds no chats.
        """
        loader = RecordLoader(scratch, file.path, FIELDS)
        chats, empty = _load(file, _member(file), loader)
        loader.flush()
        scratch.execute(MACROS)
        columns = zip(*((c.number, c.name, c.title, c.id, c.is_shared) for c in chats), strict=True)
        scratch.execute(
            "CREATE OR REPLACE TABLE telegram_chats AS SELECT unnest($1) AS number, "
            "unnest($2) AS chat, unnest($3) AS title, unnest($4)::BIGINT AS chat_id, "
            "unnest($5) AS is_shared",
            [list(column) for column in columns],
        )
        _find_topics(scratch)
        scratch.execute(PARSE, {"actions": [*ACTIONS], "phrases": [*ACTIONS.values()]})
        scratch.execute(REJECTED)
        notes = tuple(_notes(scratch, empty))
        for table in ("records", "telegram_chats", "telegram_links"):
            scratch.execute(f"DROP TABLE {table}")
        return Parsed({chat.name: loader.lines[chat.number] for chat in chats}, notes)


def _is_result(text: str) -> bool:
    start = _CHAT.match(text)
    if start is None:
        return _ACCOUNT.match(text) is not None
    return bool(_TYPE.search(start[1]) or _MESSAGE.match(text, start.end() - 1))


def _is_page(text: str) -> bool:
    return _HTML.search(text[:4096]) is not None


def _results(file: ExportFile) -> list[str]:
    return [name for name in file.members if posixpath.basename(name) == _RESULT]


def _is_page_archive(file: ExportFile) -> bool:
    """Whether it is the zipped folder of an export as web pages."""
    names = {posixpath.basename(name) for name in file.members}
    return {"messages.html", "style.css"} <= names and _RESULT not in names


def _member(file: ExportFile) -> str | None:
    """The member of an archive to read, None for a plain file.

    Raises:
        ExportError: There is not exactly one, or the export is a web page.
    """
    if file.is_archive:
        results = _results(file)
        if len(results) > 1:
            raise ExportError(
                file.path, f"holds {len(results)} exports.", "Zip and import each alone."
            )
        if results:
            return results[0]
    elif not _is_page(file.text):
        return None
    raise ExportError(file.path, "is an export as web pages (HTML).", _REMEDY)


def _head(file: ExportFile) -> str:
    """The beginning of the JSON."""
    if not file.is_archive:
        return file.text
    with file.opened(_results(file)[0]) as member:
        return member.read(1 << 16).decode("utf-8-sig", "replace")


def _header(file: ExportFile, text: str) -> Any:
    """What is said of a chat before its messages, with their array's number."""
    try:
        return json.loads(_mended(f"{text}0}}".encode()))
    except ValueError:
        raise ExportError(file.path, "is no sound JSON.", "Export or copy it again.") from None


def _load(file: ExportFile, member: str | None, loader: RecordLoader) -> tuple[list[_Chat], int]:
    """Read the document; its chats that have messages, and how many others there are."""
    with file.opened(member) as content:
        document = loader.add(_Mended(content), place=member or "")  # type: ignore[arg-type]
    chats = _chats(file, document)
    filled = [chat for chat in chats if loader.lines.get(chat.number)]
    if not filled:
        raise ExportError(file.path, "holds no messages.", f"Choose chats to export. {_REMEDY}")
    return filled, len(chats) - len(filled)


def _chats(file: ExportFile, document: Any) -> list[_Chat]:
    """The chats of a document whose messages are replaced by their array's number."""
    found: list[Any] = [document]
    if isinstance(document, dict):
        for key in ("chats", "left_chats"):
            part = document.get(key)
            entries = part.get("list") if isinstance(part, dict) else None
            found.extend(entries if isinstance(entries, list) else [])
    chats: dict[str, _Chat] = {}
    for entry in found:
        number = entry.get("messages") if isinstance(entry, dict) else None
        if isinstance(number, int) and not isinstance(number, bool):
            chat = _chat(entry, number)
            name = f"{chat.name}.{number}" if chat.name in chats else chat.name
            chats[name] = _Chat(chat.number, name, chat.title, chat.id, chat.is_shared)
    if not chats:
        raise ExportError(file.path, "holds no chats.", f"Choose chats to export. {_REMEDY}")
    return list(chats.values())


def _chat(entry: Mapping[str, Any], number: int) -> _Chat:
    """A chat as its entry tells it, whatever is missing there."""
    given, kind, name = entry.get("id"), str(entry.get("type") or "chat"), entry.get("name")
    has_id = isinstance(given, int) and 0 < given < 1 << 62
    chat_id = int(given) if has_id and given is not None else 0
    title = name if isinstance(name, str | int) and str(name).strip() else None
    return _Chat(
        number=str(number),
        name=str(chat_id or number),
        title=_readable(title or _TITLES.get(kind) or f"{kind.replace('_', ' ')} {chat_id}"),
        id=chat_id,
        is_shared=kind.endswith(_SHARED) and chat_id > 0,
    )


def _readable(title: str | int) -> str:
    """A title without half characters, which no database takes."""
    return str(title).strip().encode("utf-8", "replace").decode()


def _titles(chats: list[_Chat]) -> dict[str, str]:
    return titled((chat.name, chat.title) for chat in chats)


def _find_topics(scratch: DuckDBPyConnection) -> None:
    """Fill `telegram_links`: in forums, what each message's chain of answers begins with."""
    scratch.execute(LINKS)
    count = "SELECT count(*), hash(list(up ORDER BY chat, id)) FROM telegram_links"
    before = scratch.execute(count).fetchone()
    for _ in range(LONGEST_CHAIN):
        if before is None or before[0] == 0:
            return
        scratch.execute(CLIMB)
        after = scratch.execute(count).fetchone()
        if after == before:
            return
        before = after


def _notes(scratch: DuckDBPyConnection, empty: int) -> list[str]:
    """What the reader should know of what is not there."""
    counts = scratch.execute(
        "SELECT count(*) FILTER (r.type = 'unsupported') FROM records"
    ).fetchone() or (0,)
    notes = []
    if empty:
        notes.append(f"{empty:,} chat{'' if empty == 1 else 's'} without messages.")
    if counts[0]:
        verb = "message that" if counts[0] == 1 else "messages that"
        notes.append(f"{counts[0]:,} {verb} Telegram Desktop could not export; rejected.")
    return notes


class _Mended:
    r"""A document with what Telegram Desktop writes against JSON's rules put right.

    It writes control characters as `\x0B`, and in version 4.1 a custom emoji's file without
    quotes. Both stand within a line.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        """The next bytes: `size`, and the rest of the line; none at the end."""
        # Longer lines are not Telegram Desktop's own.
        return _mended(self._file.read(size) + self._file.readline(_LONGEST_LINE))


_LONGEST_LINE: Final = 1 << 20
_CONTROL: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\x([01][0-9A-F])")
_UNQUOTED: Final = re.compile(rb'("document_id": )([^"\d\s\\][^"\\\r\n]*)(?=\r?\n)')


def _mended(block: bytes) -> bytes:
    if b"\\x" in block:
        block = _CONTROL.sub(_escape, block)
    if b'"document_id": ' in block:
        block = _UNQUOTED.sub(rb'\1"\2"', block)
    return block


def _escape(match: re.Match[bytes]) -> bytes:
    # NUL is no character of a text.
    return match[1] + (b"\\ufffd" if match[2] == b"00" else b"\\u00" + match[2])
