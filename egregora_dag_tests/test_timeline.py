"""Pieces of a chat, exported at different times, unite to the chat."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from duckdb import DuckDBPyConnection
from hypothesis import given, settings
from hypothesis import strategies as st

from egregora_dag.adapters import (
    ExportFile,
    Parsed,
    Reading,
    import_file,
    scratch_database,
)
from egregora_dag.adapters.whatsapp import WhatsAppAdapter
from egregora_dag.timeline import Timeline

START = datetime(2025, 3, 1, 12, 0)
Message = tuple[datetime, str, str]
Range = tuple[int, int]


class Pieces:
    """A source whose one file holds whatever `messages` says: the import alone, without parsing."""

    source = "pieces"
    messages: Sequence[Message] = ()

    def recognizes(self, file: ExportFile) -> bool:
        return True

    def threads(self, file: ExportFile) -> Mapping[str, str]:
        return {"chat": "chat"}

    def parse(self, file: ExportFile, scratch: DuckDBPyConnection, reading: Reading) -> Parsed:
        rows = [
            {"line": n, "local_time": time, "author": author, "content": content}
            for n, (time, author, content) in enumerate(self.messages, 1)
        ]
        scratch.register("piece", pa.Table.from_pylist(rows))
        scratch.execute(
            """
            CREATE OR REPLACE TABLE parsed AS
            SELECT 'chat' AS chat, 'message' AS kind,
              * REPLACE (local_time::TIMESTAMP AS local_time)
            FROM piece
            """
        )
        return Parsed({"chat": len(rows)})


class Store:
    """What the table `messages` does: rows by id, changed by what a timeline says."""

    def __init__(self, scratch: DuckDBPyConnection, folder: Path) -> None:
        self.scratch = scratch
        self.folder = folder
        (folder / "piece").write_text("piece")
        self.file = ExportFile.open(folder / "piece")
        scratch.execute("CREATE OR REPLACE TEMP TABLE messages (message_id UUID)")
        self.empty = True

    def rows(self) -> pa.Table:
        if self.empty:
            schema = {"message_id": pa.string(), "position": pa.int64()}
            return pa.schema({**schema, "timestamp": pa.timestamp("us", "UTC")}).empty_table()
        return self.scratch.execute("FROM messages").to_arrow_table()

    def add(self, *pieces: Sequence[Message]) -> int:
        """Import each piece as an export of its own; returns how many rows changed."""
        timeline = Timeline(self.scratch, self.rows())
        adapter = Pieces()
        for adapter.messages in pieces:
            options: dict[str, Any] = {"chat": None, "thread": "chat", "timezone": "UTC"}
            import_file(self.scratch, self.file, adapter, **options)
            timeline.add()
        count = timeline.changes("changed", self.rows)
        if count and self.empty:
            self.scratch.execute("CREATE OR REPLACE TEMP TABLE messages AS FROM changed")
            self.empty = False
        elif count:
            self.scratch.execute(
                "DELETE FROM messages WHERE message_id IN (SELECT message_id FROM changed)"
            )
            self.scratch.execute("INSERT INTO messages FROM changed")
        return count

    @property
    def chat(self) -> list[Message]:
        """The messages by position."""
        found = self.scratch.execute(
            "SELECT position, timestamp::TIMESTAMP, author, content FROM messages ORDER BY position"
        ).fetchall()
        assert [row[0] for row in found] == list(range(len(found)))
        return [row[1:] for row in found]


@pytest.fixture(scope="module")
def scratch() -> Iterator[DuckDBPyConnection]:
    with scratch_database() as connection:
        yield connection


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def chats(steps: st.SearchStrategy[int]) -> st.SearchStrategy[list[Message]]:
    """Chats of few authors and texts, so that a message often repeats within a minute."""
    entry = st.tuples(steps, st.sampled_from(["Ada", "Bo"]), st.sampled_from(["ok", "ja", "why?"]))

    def told(entries: list[tuple[int, str, str]]) -> list[Message]:
        time, chat = START, []
        for minutes, author, text in entries:
            time += timedelta(minutes=minutes)
            chat.append((time, author, text))
        return chat

    return st.lists(entry, min_size=1, max_size=24).map(told)


FORWARD = chats(st.sampled_from([0, 0, 0, 1, 1, 5]))
CROOKED = chats(st.sampled_from([0, 0, 0, 1, 1, 5, -1, -2]))


def covering(draw: st.DrawFn, places: Sequence[int]) -> list[Range]:
    """Ranges between these places that cover all of them, each beginning before the last's end."""
    last = places[-1]
    ranges: list[Range] = []
    start = places[0]
    while True:
        end = draw(st.sampled_from([place for place in places if place > start]))
        if ranges and end <= ranges[-1][1]:
            end = next(place for place in places if place > ranges[-1][1])
        ranges.append((start, end))
        if end == last:
            return ranges
        start = draw(st.sampled_from([p for p in places if ranges[-1][0] < p <= end] or [end]))


@st.composite
def cut_between_minutes(draw: st.DrawFn) -> tuple[list[Message], list[Range]]:
    """A chat whose clock never goes back, and pieces of whole minutes, in any order."""
    chat = draw(FORWARD)
    inner = [n for n, (a, b) in enumerate(pairwise(chat), 1) if a[0] != b[0]]
    ranges = covering(draw, [0, *inner, len(chat)])
    return chat, draw(st.permutations(ranges))


@st.composite
def cut_anywhere(draw: st.DrawFn) -> tuple[list[Message], list[Range]]:
    """A chat whose clock may go back, and pieces such that some piece holds all of a repetition.

    Messages that cannot be told apart can be counted only by a file that holds them all, which is
    so when pieces overlap by as much as the repetition spans (a whole minute, if clocks go ahead).
    """
    chat = draw(CROOKED)
    ranges = covering(draw, range(len(chat) + 1))
    places: dict[Message, list[int]] = {}
    for place, message in enumerate(chat):
        places.setdefault(message, []).append(place)
    for group in places.values():
        if not any(start <= group[0] and group[-1] < end for start, end in ranges):
            number = next(n for n, (start, end) in enumerate(ranges) if start <= group[0] < end)
            ranges[number] = ranges[number][0], group[-1] + 1
    return chat, ranges


def is_part(part: Sequence[Message], whole: Sequence[Message]) -> bool:
    """Whether the part's messages stand in the whole in this order."""
    rest = iter(whole)
    return all(message in rest for message in part)


@given(cut_between_minutes(), st.booleans())
@settings(deadline=None, max_examples=20)
def test_pieces_of_whole_minutes_in_any_order_give_the_chat_as_it_was(
    scratch: DuckDBPyConnection,
    folder: Path,
    case: tuple[list[Message], list[Range]],
    together: bool,
) -> None:
    chat, ranges = case
    store = Store(scratch, folder)
    pieces = [chat[start:end] for start, end in ranges]
    for given_pieces in [pieces] if together else [[piece] for piece in pieces]:
        store.add(*given_pieces)
        for piece in given_pieces:
            assert is_part(piece, store.chat)
    assert store.chat == chat
    assert store.add(*pieces) == 0
    assert store.chat == chat


@given(cut_anywhere(), st.data())
@settings(deadline=None, max_examples=20)
def test_pieces_cut_anywhere_lose_and_double_no_message(
    scratch: DuckDBPyConnection,
    folder: Path,
    case: tuple[list[Message], list[Range]],
    data: st.DataObject,
) -> None:
    chat, ranges = case
    store = Store(scratch, folder)
    for start, end in data.draw(st.permutations(ranges)):
        store.add(chat[start:end])
    assert Counter(store.chat) == Counter(chat)
    before = store.chat
    for start, end in ranges:
        assert store.add(chat[start:end]) == 0
    assert store.chat == before


@given(CROOKED, st.data())
@settings(deadline=None, max_examples=20)
def test_an_older_or_newer_piece_that_overlaps_keeps_the_order_of_both(
    scratch: DuckDBPyConnection, folder: Path, chat: list[Message], data: st.DataObject
) -> None:
    chat = [(time, author, f"{text} {n}") for n, (time, author, text) in enumerate(chat)]
    end = data.draw(st.integers(1, len(chat)))
    start = data.draw(st.integers(0, end - 1))
    pieces = data.draw(st.permutations([chat[:end], chat[start:]]))
    store = Store(scratch, folder)
    for piece in pieces:
        store.add(piece)
    assert store.chat == chat


@given(CROOKED)
@settings(deadline=None, max_examples=20)
def test_a_single_file_keeps_its_order_whatever_its_clock_does(
    scratch: DuckDBPyConnection, folder: Path, chat: list[Message]
) -> None:
    store = Store(scratch, folder)
    assert store.add(chat) == len(chat)
    assert store.chat == chat


def say(*texts: str) -> list[Message]:
    """One message a minute; a digit in front of the text is the minute."""
    return [(START + timedelta(minutes=int(text[0])), "Ada", text[1:]) for text in texts]


@pytest.fixture
def store(scratch: DuckDBPyConnection, tmp_path: Path) -> Store:
    return Store(scratch, tmp_path)


def test_a_message_repeated_within_a_minute_is_kept_as_often_as_it_was_sent(store: Store) -> None:
    chat = say("0hi", "1ok", "1ok", "1ok", "2bye")
    store.add(chat)
    store.add(chat[1:])
    assert store.chat == chat


def test_files_without_a_message_in_common_are_interleaved_by_time(store: Store) -> None:
    store.add(say("1b", "3d"))
    store.add(say("0a", "2c", "4e"))
    assert store.chat == say("0a", "1b", "2c", "3d", "4e")


def test_what_only_one_file_has_between_two_common_messages_stays_between_them(
    store: Store,
) -> None:
    # The clock says that x was sent before a; both files say that it was not.
    store.add(say("5a", "6z"))
    store.add(say("5a", "1x", "6z"))
    assert store.chat == say("5a", "1x", "6z")


def test_where_two_files_contradict_each_other_the_stored_order_stays(store: Store) -> None:
    store.add(say("1a", "1b", "1c"))
    assert store.add(say("1b", "1a", "1c")) == 0
    assert store.chat == say("1a", "1b", "1c")


def test_only_rows_that_are_new_or_moved_are_written(store: Store) -> None:
    store.add(say("1a", "2b", "3c"))
    assert store.add(say("3c", "4d", "5e")) == 2
    assert store.add(say("0z", "1a")) == 6
    assert store.chat == say("0z", "1a", "2b", "3c", "4d", "5e")


def test_nothing_added_is_nothing_changed(scratch: DuckDBPyConnection, store: Store) -> None:
    store.add(say("1a"))

    def unasked() -> pa.Table:
        raise AssertionError

    assert Timeline(scratch, store.rows()).changes("changed", unasked) == 0


def test_stored_rows_are_read_whole_only_if_they_move(
    scratch: DuckDBPyConnection, store: Store
) -> None:
    store.add(say("1a"))
    asked = []

    def rows() -> pa.Table:
        asked.append(True)
        return store.rows()

    adapter = Pieces()
    for piece, reads in ((say("2b"), 0), (say("0c"), 1)):
        timeline = Timeline(scratch, store.rows())
        adapter.messages = piece
        import_file(scratch, store.file, adapter, chat=None, thread="chat", timezone="UTC")
        timeline.add()
        timeline.changes("changed", rows)
        assert len(asked) == reads


@pytest.mark.parametrize("newest_first", [False, True])
def test_exports_of_a_phone_unite_in_either_order(
    scratch: DuckDBPyConnection, tmp_path: Path, newest_first: bool
) -> None:
    lines = [f"0{1 + n // 9}/03/2025, 12:{n % 9:02} - Ada: {n // 2}\n" for n in range(40)]
    store = Store(scratch, tmp_path)
    timeline = Timeline(scratch, store.rows())
    for part in (lines[18:], lines[:25]) if newest_first else (lines[:25], lines[18:]):
        path = tmp_path / "chat.txt"
        path.write_text("".join(part))
        file, source = ExportFile.open(path), WhatsAppAdapter()
        import_file(scratch, file, source, chat=None, thread="chat", timezone="UTC")
        timeline.add()
    assert timeline.changes("changed", store.rows) == 40
    found = scratch.execute("SELECT content FROM changed ORDER BY position").fetchall()
    assert [int(text) for (text,) in found] == [n // 2 for n in range(40)]
