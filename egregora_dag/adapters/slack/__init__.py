"""Slack workspace exports, `.zip`: a folder for each conversation, in it a file for each day.

Members and conversations are named by ids in messages; lists beside the folders tell their names.
Exports of an Enterprise Grid organization, and those that slackdump writes, look alike.
"""

import posixpath
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import duckdb
from duckdb import DuckDBPyConnection

from egregora_dag.adapters.protocol import ExportError, ExportFile, Parsed, Reading, titled
from egregora_dag.adapters.records import RecordLoader
from egregora_dag.adapters.slack.messages import (
    FIELDS,
    MACROS,
    PARSE,
    PROFILES,
    REJECT,
    SAID,
    TEXTS,
)

_MEMBERS: Final = ("users", "org_users")
_CONVERSATIONS: Final = ("channels", "groups", "dms", "mpims")
_LISTS: Final = frozenset((*_MEMBERS, *_CONVERSATIONS))
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}\.json")
# A zip made on a Mac has a shadow of each file here.
_SHADOWS: Final = "__MACOSX/"
# Comments on a canvas or a list stand in a folder of its own: its id, then its title.
_CANVAS: Final = re.compile(r"FC[:_]F[A-Z0-9]+[:_](.+)")
_UTF8_NAME: Final = 0x800

_MEMBER: Final = {
    "id": "VARCHAR",
    "name": "VARCHAR",
    "real_name": "VARCHAR",
    "profile": {"display_name": "VARCHAR", "real_name": "VARCHAR"},
}
_CONVERSATION: Final = {"id": "VARCHAR", "name": "VARCHAR", "members": ["VARCHAR"]}

_USERS: Final = """
CREATE OR REPLACE TABLE users AS
SELECT r.id AS id, any_value(coalesce(named(r.profile.display_name), named(r.real_name),
  named(r.profile.real_name), named(r.name))) AS name
FROM records WHERE r.id <> '' GROUP BY r.id
UNION ALL SELECT 'USLACKBOT', 'Slackbot'
  WHERE 'USLACKBOT' NOT IN (SELECT r.id FROM records WHERE r.id IS NOT NULL)
"""

# A direct conversation has no name; members are put in an order that no export changes.
_PLACES: Final = """
CREATE OR REPLACE TABLE places AS
WITH listed AS (
  SELECT r.id AS id, named(r.name) AS name, r.members AS members,
    chat IN ('dms', 'mpims') AS is_direct FROM records WHERE r.id <> '' OR r.name <> ''
), joined AS (
  SELECT m.id, m.name, string_agg(coalesce(u.name, m.member), ', '
    ORDER BY lower(coalesce(u.name, m.member)), m.member) AS members
  FROM (SELECT id, name, unnest(list_distinct(members)) AS member FROM listed WHERE is_direct) m
  LEFT JOIN users u ON u.id = m.member GROUP BY m.id, m.name
)
SELECT l.id, l.name, coalesce(j.members, l.name, l.id) AS title
FROM listed l LEFT JOIN joined j
  ON l.is_direct AND l.id IS NOT DISTINCT FROM j.id AND l.name IS NOT DISTINCT FROM j.name
"""


@dataclass(frozen=True)
class _Layout:
    """Where things are in an archive.

    Attributes:
        lists: Name of a list, such as `users` → its member of the archive.
        days: Member → the conversation's folder, in the order of conversations and days.
        others: How many files there are beside these.
    """

    lists: Mapping[str, str]
    days: Mapping[str, str]
    others: int

    @property
    def folders(self) -> tuple[str, ...]:
        """The conversations that have messages."""
        return tuple(dict.fromkeys(self.days.values()))


class SlackAdapter:
    """Reads exports of a workspace, each channel and direct conversation a chat of its own."""

    source = "slack"

    def recognizes(self, file: ExportFile) -> bool:
        """Whether an archive has a list of members or conversations, and folders of days."""
        layout = _layout(file)
        return bool(layout.lists and layout.days) or {"users", "channels"} <= set(layout.lists)

    def threads(self, file: ExportFile) -> Mapping[str, str]:
        """The conversations with messages: folder → name, of a direct one its members' names.

        Raises:
            ExportError: A list is no JSON, or there are no messages at all.
        """
        layout = _checked_layout(file)
        with duckdb.connect() as scratch:
            _load_lists(file, scratch, layout)
            rows = scratch.execute("SELECT id, name, title FROM places").fetchall()
        titles = {name: title for _, name, title in rows if name}
        titles |= {id_: title for id_, _, title in rows if id_}
        return titled((folder, titles.get(folder) or _title(folder)) for folder in layout.folders)

    def parse(self, file: ExportFile, scratch: DuckDBPyConnection, reading: Reading) -> Parsed:
        """Fill `parsed`; records that are no object or have no valid time are rejected.

        Raises:
            ExportError: A file is no JSON or no list, or there are no messages at all.
        """
        layout = _checked_layout(file)
        _load_lists(file, scratch, layout)
        read = _load_messages(file, scratch, layout)
        for statement in (PROFILES, SAID, TEXTS, PARSE, REJECT):
            scratch.execute(statement)
        # What was read of them is in `parsed`; they take most of the memory.
        for table in ("records", "said", "texts"):
            scratch.execute(f"DROP TABLE {table}")
        return Parsed({folder: read.get(folder, 0) for folder in layout.folders}, _notes(layout))


def _layout(file: ExportFile) -> _Layout:
    """What the members' names tell; everything may be within one folder."""
    names = {_name(file, member): member for member in file.members}
    lists = sorted(
        (name for name in names if _list_name(name) in _LISTS),
        key=lambda name: (name.count("/"), name),
    )
    days = (name for name in names if _DAY.fullmatch(posixpath.basename(name)) and "/" in name)
    if lists:
        root = posixpath.dirname(lists[0])
    else:
        first = min(days, key=lambda name: name.count("/"), default="")
        root = posixpath.dirname(posixpath.dirname(first))
    prefix = f"{root}/" if root else ""
    inside = {name.removeprefix(prefix): names[name] for name in names if name.startswith(prefix)}
    found = {
        _list_name(name): member
        for name, member in inside.items()
        if "/" not in name and _list_name(name) in _LISTS
    }
    ordered = sorted(
        (name for name in inside if name.count("/") == 1 and _DAY.fullmatch(name.split("/")[1])),
        key=lambda name: name.split("/"),
    )
    folders = {inside[name]: name.split("/")[0] for name in ordered}
    shadows = sum(name.startswith(_SHADOWS) for name in names)
    return _Layout(found, folders, len(names) - shadows - len(found) - len(folders))


def _name(file: ExportFile, member: str) -> str:
    """A member's name as it was meant: Slack writes UTF-8 without saying so."""
    name = member
    if not file.members[member].flag_bits & _UTF8_NAME:
        # Without the flag, zipfile has read the bytes as code page 437.
        with suppress(UnicodeError):
            name = member.encode("cp437").decode()
    return name.replace("\\", "/")


def _list_name(name: str) -> str:
    return posixpath.basename(name).removesuffix(".json") if name.endswith(".json") else ""


def _checked_layout(file: ExportFile) -> _Layout:
    layout = _layout(file)
    if layout.days:
        return layout
    if layout.lists:
        problem = "there are no messages in it, only lists."
        remedy = "Choose a range of dates with messages in Slack's Import/Export Data."
    else:
        problem = "is no Slack export."
        remedy = "Give the .zip that Slack sent, with users.json and a folder for each channel."
    raise ExportError(file.path, problem, remedy)


def _load_lists(file: ExportFile, scratch: DuckDBPyConnection, layout: _Layout) -> None:
    """Fill `users (id, name)` and `places (id, name, title)`."""
    scratch.execute(MACROS)
    for lists, fields, statement in (
        (_MEMBERS, _MEMBER, _USERS),
        (_CONVERSATIONS, _CONVERSATION, _PLACES),
    ):
        loader = RecordLoader(scratch, file.path, fields, ())
        for name in lists:
            if name in layout.lists:
                member = layout.lists[name]
                with file.opened(member) as content:
                    loader.add(content, name, place=member)
        loader.flush()
        scratch.execute(statement)


def _load_messages(
    file: ExportFile, scratch: DuckDBPyConnection, layout: _Layout
) -> Mapping[str, int]:
    """Fill `records`; folder → how many."""
    loader = RecordLoader(scratch, file.path, FIELDS)
    with file.opened_all({member: member for member in layout.days}) as contents:
        for member, content in contents:
            rest = loader.add(content, layout.days[member], place=member)
            _check_list(file, rest, member)
    loader.flush()
    return loader.lines


def _check_list(file: ExportFile, rest: object, member: str) -> None:
    # The loader leaves a number where an array of records was; the first is 0.
    arrays = rest.get("messages") if isinstance(rest, dict) else rest
    if type(arrays) is not int or arrays != 0:
        raise ExportError(
            file.path,
            "holds no list of messages.",
            "Export again; if it was edited, take that file out of the archive.",
            place=member,
        )


def _title(folder: str) -> str:
    """A title for a folder that no list names."""
    canvas = _CANVAS.fullmatch(folder)
    return f"{canvas[1]} (canvas)" if canvas else folder


def _notes(layout: _Layout) -> tuple[str, ...]:
    notes = []
    if not any(name in layout.lists for name in _MEMBERS):
        notes.append("There is no users.json; members are called by what messages tell of them.")
    if layout.others:
        files = "file was" if layout.others == 1 else "files were"
        notes.append(f"{layout.others:,} {files} passed over, such as canvases and app logs.")
    return tuple(notes)
