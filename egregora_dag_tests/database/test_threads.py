"""Chats as such: registering, correcting, merging and forgetting them."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from egregora_dag.database import connections
from egregora_dag.database.exceptions import DatabaseObjectError
from egregora_dag.database.identifiers import make_id
from egregora_dag.database.schemas import (
    ANNOTATIONS,
    COMPARISONS,
    DOCUMENTS,
    GENERATIONS,
    IMPORTS,
    MESSAGES,
    WINDOWS,
)
from egregora_dag.database.threads import (
    Thread,
    ThreadNotFoundError,
    all_threads,
    close_gaps,
    get_thread,
    merge_threads,
    save_thread,
    set_timezone,
    undo_import,
)
from egregora_dag.resources import Warehouse
from egregora_dag.windowing import WindowConfig
from egregora_dag_tests.conftest import add_thread, at, insert, message_rows, query

START = at("2025-03-01T10:00")
AUTHORS = ("Ada", "Bo", None, "Cy")
NAME = "Ada"


def fill(
    warehouse: Warehouse, thread_id: str, count: int = 8, *, every: int = 10, after: int = 0
) -> Thread:
    """A chat with so many messages by Ada, Bo, the system and Cy, and windows of four of them."""
    thread = add_thread(warehouse, thread_id)
    messages = [
        (START + timedelta(minutes=every * n + after), AUTHORS[n % 4], f"{thread_id} {n}")
        for n in range(count)
    ]
    insert(warehouse.path, MESSAGES, *message_rows(thread_id, messages))
    for index in range(count // 4):
        insert(warehouse.path, WINDOWS, window_row(thread_id, index))
    return thread


@pytest.fixture(autouse=True)
def stays_open(warehouse: Warehouse) -> Iterator[None]:
    """One connection throughout, as opening the file takes longer than what is done to it."""
    with connections.connect(warehouse.path):
        yield


def window_row(thread_id: str, index: int) -> dict[str, Any]:
    """The window of the messages 4·index to 4·index + 3."""
    return {
        "window_id": str(uuid4()),
        "thread_id": thread_id,
        "window_index": index,
        "start_time": START,
        "end_time": START,
        "first_position": 4 * index,
        "last_position": 4 * index + 3,
        **dict.fromkeys(("message_count", "author_count", "size_bytes"), 4),
        "signature": "x",
        "config": asdict(WindowConfig()),
    }


def message_id(thread_id: str, number: int) -> str:
    return str(make_id("message", thread_id, number))


def add_import(warehouse: Warehouse, thread_id: str, numbers: Iterable[int]) -> UUID:
    """An import that holds the messages of these numbers."""
    ids = [message_id(thread_id, number) for number in numbers]
    import_id = uuid4()
    row = {
        "import_id": str(import_id),
        "thread_id": thread_id,
        "file": "chat.txt",
        "sha256": "0",
        **dict.fromkeys(("lines", "messages"), len(ids)),
        **dict.fromkeys(("system", "continuation", "rejected"), 0),
        "rejected_lines": [],
        "message_ids": ids,
    }
    insert(warehouse.path, IMPORTS, row)
    return import_id


def add_document(warehouse: Warehouse, thread_id: str, **values: Any) -> str:
    row = {
        "document_id": str(uuid4()),
        "doc_type": "post",
        "thread_id": thread_id,
        **dict.fromkeys(("slug", "title", "summary", "content", "writer", "signature"), "x"),
        "authors": [],
        "tags": [],
        "date": date(2025, 3, 1),
        "status": "draft",
    } | values
    insert(warehouse.path, DOCUMENTS, row)
    return str(row["document_id"])


def add_generation(warehouse: Warehouse, thread_id: str, **values: Any) -> None:
    numbers = dict.fromkeys(("input_tokens", "output_tokens", "requests"), 0)
    row = {
        "signature": str(uuid4()),
        "item": 0,
        "thread_id": thread_id,
        "doc_type": "post",
        "writer": "x",
        "output": "{}",
        "usage": {**numbers, "cost_usd": 0.0, "seconds": 0.0},
        "created_at": START,
    } | values
    insert(warehouse.path, GENERATIONS, row)


def add_comparison(warehouse: Warehouse, sequence: int, a: str, b: str) -> None:
    ratings = [f"rating_{side}_{when}" for side in "ab" for when in ("before", "after")]
    row = {
        "comparison_id": str(uuid4()),
        "post_a": a,
        "post_b": b,
        "winner": "tie",
        **dict.fromkeys(ratings, 1500.0),
        "k_factor": 32.0,
        "judge": "test",
        "timestamp": START,
        "sequence": sequence,
        "feedback": '"Ada is funnier"',
    }
    insert(warehouse.path, COMPARISONS, row)


def add_annotation(warehouse: Warehouse, parent_id: str, parent_type: str) -> None:
    row = {
        "annotation_id": str(uuid4()),
        "parent_id": parent_id,
        "parent_type": parent_type,
        "author": "me",
        "content": "hm",
        "created_at": START,
    }
    insert(warehouse.path, ANNOTATIONS, row)


def numbered(warehouse: Warehouse, thread_id: str) -> list[tuple[int, str]]:
    """Positions and contents of a chat."""
    sql = "SELECT position, content FROM messages WHERE thread_id = ? ORDER BY position"
    return query(warehouse.path, sql, thread_id)


def counts(warehouse: Warehouse, *tables: str, where: str = "true") -> list[int]:
    return [
        query(warehouse.path, f"SELECT count(*) FROM {table} WHERE {where}")[0][0]
        for table in tables
    ]


def test_a_chat_is_registered_once_and_changed_in_place(warehouse: Warehouse) -> None:
    thread = Thread("a", "A", "whatsapp", "UTC", {"windows": {"step_unit": "days"}})
    with warehouse.transaction() as connection:
        save_thread(connection, thread)
    created = query(warehouse.path, "SELECT created_at FROM threads")
    changed = Thread("a", "Another", "whatsapp", "Asia/Tokyo")
    with warehouse.transaction() as connection:
        save_thread(connection, changed)
        save_thread(connection, Thread("0", "Zero", "irc", "UTC"))
        assert get_thread(connection, "a") == changed
        assert list(all_threads(connection)) == ["0", "a"]
    assert query(warehouse.path, "SELECT created_at FROM threads WHERE thread_id = 'a'") == created


def test_an_unknown_chat_is_told_with_those_that_there_are(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        with pytest.raises(ThreadNotFoundError, match="There is none yet"):
            get_thread(connection, "b")
        save_thread(connection, Thread("a", "A", "irc", "UTC"))
        with pytest.raises(ThreadNotFoundError, match=r"no chat 'b'.* Known are a") as caught:
            get_thread(connection, "b")
    assert caught.value.name == "b"


def test_a_time_zone_moves_what_was_written_by_the_chats_clock_and_keeps_ids(
    warehouse: Warehouse,
) -> None:
    thread = add_thread(warehouse, "a")
    times = ["2025-01-15T12:00", "2025-07-15T12:00", "2025-07-15T12:00"]
    rows = message_rows("a", [(at(time), "Ada", "hi") for time in times])
    rows[2]["metadata"]["local_time"] += "Z"  # an instant, whatever the chat's clock shows
    insert(warehouse.path, MESSAGES, *rows)
    before = query(warehouse.path, "SELECT message_id, position FROM messages ORDER BY 2")
    sql = "SELECT timestamp FROM messages ORDER BY position"
    with warehouse.transaction() as connection:
        assert set_timezone(connection, thread, "America/New_York") == 2
    moved = [at(time) for time in ("2025-01-15T17:00", "2025-07-15T16:00", "2025-07-15T12:00")]
    assert [time for (time,) in query(warehouse.path, sql)] == moved
    with warehouse.transaction() as connection:
        assert get_thread(connection, "a").timezone == "America/New_York"
        assert set_timezone(connection, thread, "America/New_York") == 0
        assert set_timezone(connection, thread, "UTC") == 2
    assert [time for (time,) in query(warehouse.path, sql)] == [at(time) for time in times]
    assert query(warehouse.path, "SELECT message_id, position FROM messages ORDER BY 2") == before


def test_a_time_zone_changes_no_other_chat(warehouse: Warehouse) -> None:
    thread, _ = fill(warehouse, "a"), fill(warehouse, "b")
    sql = "SELECT message_id, timestamp FROM messages WHERE thread_id = 'b' ORDER BY ALL"
    before = query(warehouse.path, sql)
    with warehouse.transaction() as connection:
        set_timezone(connection, thread, "Asia/Tokyo")
    assert query(warehouse.path, sql) == before
    assert query(warehouse.path, "SELECT timezone FROM threads WHERE thread_id = 'b'") == [("UTC",)]


def test_merged_chats_are_interleaved_by_time_and_keep_ids_and_their_own_order(
    warehouse: Warehouse,
) -> None:
    source, target = fill(warehouse, "a", 3, after=5), fill(warehouse, "b", 3)
    add_import(warehouse, "a", range(3))
    add_document(warehouse, "a")
    add_generation(warehouse, "a")
    ids = query(warehouse.path, "SELECT message_id, content FROM messages ORDER BY 2")
    with warehouse.transaction() as connection:
        merge_threads(connection, source, target)
        threads = all_threads(connection)
    order = ["b 0", "a 0", "b 1", "a 1", "b 2", "a 2"]
    assert numbered(warehouse, "b") == list(enumerate(order))
    assert query(warehouse.path, "SELECT message_id, content FROM messages ORDER BY 2") == ids
    tables = ("messages", "imports", "documents", "generations")
    assert counts(warehouse, *tables, where="thread_id = 'b'") == [6, 1, 1, 1]
    assert counts(warehouse, *tables, "windows", where="thread_id = 'a'") == [0] * 5
    assert counts(warehouse, "windows") == [0]
    assert list(threads) == ["b"]
    assert threads["b"].origins == ["b", "a"]


def test_of_merged_chats_at_one_time_the_target_comes_first(warehouse: Warehouse) -> None:
    source, target = fill(warehouse, "a", 2), fill(warehouse, "b", 2)
    with warehouse.transaction() as connection:
        merge_threads(connection, source, target)
    assert [content for _, content in numbered(warehouse, "b")] == ["b 0", "a 0", "b 1", "a 1"]


def test_a_merged_chats_clock_that_goes_back_keeps_its_order(warehouse: Warehouse) -> None:
    target = fill(warehouse, "b", 4, every=10)
    source = add_thread(warehouse, "a")
    times = ("2025-03-01T10:25", "2025-03-01T10:01", "2025-03-01T10:35")
    rows = message_rows("a", [(at(time), "Cy", f"a {n}") for n, time in enumerate(times)])
    insert(warehouse.path, MESSAGES, *rows)
    with warehouse.transaction() as connection:
        merge_threads(connection, source, target)
    order = ["b 0", "b 1", "b 2", "a 0", "a 1", "b 3", "a 2"]
    assert numbered(warehouse, "b") == list(enumerate(order))


def test_merging_on_and_on_collects_the_keys(warehouse: Warehouse) -> None:
    a, b, c = (fill(warehouse, key, 2, after=n) for n, key in enumerate("abc"))
    with warehouse.transaction() as connection:
        merge_threads(connection, a, b)
        merge_threads(connection, get_thread(connection, "b"), c)
        assert get_thread(connection, "c").origins == ["c", "b", "a"]
    assert [n for n, _ in numbered(warehouse, "c")] == list(range(6))


def test_undoing_an_import_removes_exactly_what_only_it_brought(warehouse: Warehouse) -> None:
    fill(warehouse, "a", 10)
    fill(warehouse, "b", 3)
    first = add_import(warehouse, "a", range(6))
    second = add_import(warehouse, "a", range(4, 10))
    add_import(warehouse, "b", range(3))
    with warehouse.transaction() as connection:
        assert undo_import(connection, first) == ("a", "0", 4)
    assert numbered(warehouse, "a") == [(n, f"a {n + 4}") for n in range(6)]
    assert numbered(warehouse, "b") == [(n, f"b {n}") for n in range(3)]
    assert counts(warehouse, "imports") == [2]
    with warehouse.transaction() as connection:
        assert undo_import(connection, second) == ("a", "0", 6)
    assert numbered(warehouse, "a") == []


def test_undoing_an_import_that_brought_nothing_new_removes_no_message(
    warehouse: Warehouse,
) -> None:
    fill(warehouse, "a", 6)
    add_import(warehouse, "a", range(6))
    repeated = add_import(warehouse, "a", range(2, 4))
    with warehouse.transaction() as connection:
        assert undo_import(connection, repeated) == ("a", "0", 0)
    assert len(numbered(warehouse, "a")) == 6


def test_an_unknown_import_is_refused_by_its_id(warehouse: Warehouse) -> None:
    unknown = uuid4()
    with (
        warehouse.transaction() as connection,
        pytest.raises(DatabaseObjectError, match=str(unknown)),
    ):
        undo_import(connection, unknown)


def test_gaps_are_closed_in_the_order_that_is(warehouse: Warehouse) -> None:
    fill(warehouse, "a", 6)
    fill(warehouse, "b", 3)
    with warehouse.transaction() as connection:
        connection.execute("DELETE FROM messages WHERE content IN ('a 0', 'a 3', 'b 1')")
        close_gaps(connection, "a")
    assert numbered(warehouse, "a") == [(0, "a 1"), (1, "a 2"), (2, "a 4"), (3, "a 5")]
    assert [n for n, _ in numbered(warehouse, "b")] == [0, 2]
