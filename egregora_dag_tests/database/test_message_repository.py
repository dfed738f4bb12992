"""Messages are found by who wrote them, when, and what they belong to."""

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pytest

from egregora_dag.database.duckdb_manager import DuckDBStorageManager, temp_storage
from egregora_dag.database.exceptions import DatabaseVersionError, InvalidOperationError
from egregora_dag.database.init import initialize_database
from egregora_dag.database.message_repository import MessageRepository
from egregora_dag.database.schemas import DOCUMENTS, MESSAGES, THREADS
from egregora_dag.database.tables import memory_table
from egregora_dag.settings import Home
from egregora_dag_tests.conftest import at, message_rows, message_table

START = at("2025-03-01T12:00")


@pytest.fixture(scope="module")
def shared() -> Iterator[DuckDBStorageManager]:
    """A database in memory with the pipeline's tables, as making them takes longer than a test."""
    with temp_storage() as storage:
        initialize_database(storage)
        yield storage


@pytest.fixture
def storage(shared: DuckDBStorageManager) -> DuckDBStorageManager:
    for table in ("messages", "documents", "threads"):
        shared.execute_sql(f'DELETE FROM "{table}"')
    add(shared, THREADS.schema, "threads", *(thread(key) for key in ("a", "b")))
    return shared


@pytest.fixture
def repository(storage: DuckDBStorageManager) -> MessageRepository:
    return MessageRepository(storage)


@pytest.fixture(scope="module")
def sample(
    published: Home, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DuckDBStorageManager]:
    """A copy of the database in which the sample chat was published."""
    path = tmp_path_factory.mktemp("sample") / "pipeline.duckdb"
    shutil.copy(published.database, path)
    with DuckDBStorageManager(path) as manager:
        yield manager


def thread(key: str) -> dict[str, Any]:
    row = {"thread_id": key, "title": key, "source": "test", "timezone": "UTC"}
    return row | {"settings": "{}", "created_at": START}


def add(storage: DuckDBStorageManager, schema: Any, name: str, *rows: dict[str, Any]) -> None:
    storage.write_table(memory_table(rows, schema), name, mode="append")


def say(
    storage: DuckDBStorageManager,
    key: str,
    *lines: tuple[str | None, str],
    minutes: float = 1,
    replies: dict[int, int] | None = None,
    **values: dict[int, Any],
) -> list[UUID]:
    """Messages of a chat at even intervals; returns their ids.

    `replies` gives for the number of a message that of the one it answers; `values`, by column,
    the value for the number of a message.
    """
    times = [START + timedelta(minutes=minutes * number) for number in range(len(lines))]
    rows = message_rows(key, [(time, *line) for time, line in zip(times, lines, strict=True)])
    for number, answered in (replies or {}).items():
        rows[number]["reply_to"] = rows[answered]["message_id"]
    for column, given in values.items():
        for number, value in given.items():
            rows[number][column] = value
    storage.write_table(message_table(rows), "messages", mode="append")
    return [UUID(row["message_id"]) for row in rows]


def rows(expression: ir.Table) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = expression.to_pyarrow().to_pylist()
    return found


def said(expression: ir.Table) -> list[str]:
    return [row["content"] for row in rows(expression)]


def everything(storage: DuckDBStorageManager) -> list[dict[str, Any]]:
    return rows(storage.read_table("messages").order_by("thread_id", "position"))


# By author and by day


def test_the_messages_of_an_author_are_those_of_every_chat(
    storage: DuckDBStorageManager, repository: MessageRepository
) -> None:
    say(storage, "b", ("alice", "b0"), ("bob", "b1"), (None, "b2"), ("alice", "b3"))
    say(storage, "a", ("Alice", "a0"), ("alice", "a1"), ("alice ", "a2"))
    alice = repository.get_messages_by_author("alice")
    assert alice.schema() == storage.read_table("messages").schema()
    assert said(alice) == ["a1", "b0", "b3"]
    assert alice.filter(alice.thread_id == "b").count().to_pyarrow().as_py() == 2
    for nobody in ("", "ali%", "alice' OR 'a' = 'a", "None"):
        assert said(repository.get_messages_by_author(nobody)) == []


def test_every_message_of_the_sample_belongs_to_its_author(sample: DuckDBStorageManager) -> None:
    repository = MessageRepository(sample)
    expected = Counter(row["author"] for row in everything(sample))
    assert len(expected) > 5
    for author, count in expected.items():
        if author is not None:
            found = rows(repository.get_messages_by_author(author))
            assert len(found) == count
            assert [row["position"] for row in found] == sorted(row["position"] for row in found)


def test_both_days_of_a_range_are_included_in_utc(
    storage: DuckDBStorageManager, repository: MessageRepository
) -> None:
    times = [
        "2024-12-31T23:59:59.999999",
        "2025-01-01T00:00:00",
        "2025-01-15T12:00:00",
        "2025-01-31T23:59:59.999999",
        "2025-02-01T00:00:00",
    ]
    lines = [(at(time), "ana", time) for time in times]
    storage.write_table(message_table(message_rows("a", lines)), "messages", mode="append")
    january = repository.get_messages_by_date_range(
        start_date=date(2025, 1, 1), end_date=date(2025, 1, 31)
    )
    assert said(january) == times[1:4]
    for first, last, expected in (
        (date(2025, 1, 15), date(2025, 1, 15), times[2:3]),
        (date(2025, 1, 31), date(2025, 1, 1), []),
        (date(2024, 12, 31), date(2025, 2, 1), times),
        (date(1, 1, 1), date(9000, 12, 31), times),
    ):
        assert said(repository.get_messages_by_date_range(first, last)) == expected


def test_of_a_time_its_day_in_utc_counts(
    storage: DuckDBStorageManager, repository: MessageRepository
) -> None:
    times = ["2025-01-01T23:00:00", "2025-01-02T01:00:00", "2025-01-03T01:00:00"]
    lines = [(at(time), "ana", time) for time in times]
    storage.write_table(message_table(message_rows("a", lines)), "messages", mode="append")
    west = timezone(timedelta(hours=-5))
    for start, end, expected in (
        (datetime(2025, 1, 1, 12), datetime(2025, 1, 1, 13), times[:1]),
        (datetime(2025, 1, 2, 18, tzinfo=UTC), datetime(2025, 1, 2, 3, tzinfo=UTC), times[1:2]),
        # Ten in the evening in the west is the next day in UTC.
        (datetime(2025, 1, 1, 22, tzinfo=west), datetime(2025, 1, 1, 22, tzinfo=west), times[1:2]),
        (date(2025, 1, 1), datetime(2025, 1, 2, 22, tzinfo=west), times),
    ):
        assert said(repository.get_messages_by_date_range(start, end)) == expected


def test_messages_of_several_chats_come_by_time(
    storage: DuckDBStorageManager, repository: MessageRepository
) -> None:
    say(storage, "b", ("ana", "b0"), ("ana", "b1"), ("ana", "b2"), minutes=2)
    say(storage, "a", ("ana", "a0"), ("ana", "a1"), ("ana", "a2"))
    day = START.date()
    found = said(repository.get_messages_by_date_range(day, day))
    assert found == ["a0", "b0", "a1", "a2", "b1", "b2"]


def test_the_days_of_the_sample_add_up(sample: DuckDBStorageManager) -> None:
    repository = MessageRepository(sample)
    days = Counter(row["timestamp"].date() for row in everything(sample))
    for day in sorted(days)[::20]:
        found = rows(repository.get_messages_by_date_range(day, day))
        assert len(found) == days[day]
        assert {row["timestamp"].date() for row in found} == {day}
    whole = repository.get_messages_by_date_range(min(days), max(days))
    assert whole.count().to_pyarrow().as_py() == days.total()


# Conversations


def test_the_whole_tree_of_replies_is_one_thread(
    storage: DuckDBStorageManager, repository: MessageRepository
) -> None:
    lines = [("ana" if number % 2 else "bo", f"m{number}") for number in range(9)]
    # 0 ← 1 ← 3, 0 ← 4, 3 ← 7; 2 ← 6 apart; 5 and 8 answer nothing.
    ids = say(storage, "a", *lines, replies={1: 0, 3: 1, 4: 0, 7: 3, 6: 2})
    for member in (0, 1, 3, 4, 7):
        assert said(repository.get_thread(ids[member])) == ["m0", "m1", "m3", "m4", "m7"]
    for member in (2, 6):
        thread = repository.get_thread(str(ids[member]).upper())
        assert said(thread) == ["m2", "m6"]
        assert thread.columns == tuple(MESSAGES.columns)


def test_replies_in_a_circle_come_to_an_end(
    storage: DuckDBStorageManager, repository: MessageRepository
) -> None:
    lines = [("ana", f"m{number}") for number in range(6)]
    ids = say(storage, "a", *lines, replies={0: 2, 1: 0, 2: 1, 4: 2, 5: 5})
    for member in (0, 1, 2, 4):
        assert said(repository.get_thread(ids[member])) == ["m0", "m1", "m2", "m4"]
    assert "m5" in said(repository.get_thread(ids[5]))


def test_a_thread_never_holds_messages_of_other_chats(
    storage: DuckDBStorageManager, repository: MessageRepository
) -> None:
    theirs = say(storage, "b", ("ana", "b0"), ("bo", "ana: b1"))
    own = say(
        storage,
        "a",
        ("ana", "a0"),
        ("bo", "ana: a1"),
        reply_to={0: str(theirs[0])},
    )
    assert said(repository.get_thread(own[0])) == ["a0", "ana: a1"]
    assert said(repository.get_thread(theirs[0])) == ["b0", "ana: b1"]


def test_an_answer_to_what_is_not_there_is_read_in_its_conversation(
    storage: DuckDBStorageManager, repository: MessageRepository
) -> None:
    lines = [("ana", "which port does ssh use?"), ("bo", "ana: 22"), ("ana", "bo: thanks")]
    ids = say(storage, "a", *lines, reply_to={1: str(uuid4())})
    assert said(repository.get_thread(ids[1])) == [content for _, content in lines]


def test_conversations_that_run_at_once_are_told_apart(
    storage: DuckDBStorageManager, repository: MessageRepository
) -> None:
    sound = [
        ("alice", "does anyone know why my sound is gone after the upgrade?"),
        ("bob", "alice: which sound card do you have?"),
        ("alice", "bob: an old intel one"),
        ("bob", "alice: try to unmute it in the mixer"),
        ("alice", "bob: that was it, thanks"),
    ]
    printer = [
        ("carol", "hi, can anybody help me with my printer?"),
        ("dave", "carol: is it plugged in?"),
        ("carol", "dave: yes, and it blinks"),
        ("dave", "carol: then it has no paper"),
        ("carol", "dave: oh. thank you"),
    ]
    lines = [line for pair in zip(sound, printer, strict=True) for line in pair]
    ids = say(storage, "a", *lines)
    for number, id_ in enumerate(ids):
        expected = printer if number % 2 else sound
        assert said(repository.get_thread(id_)) == [content for _, content in expected]


def test_a_message_alone_is_its_own_conversation(
    storage: DuckDBStorageManager, repository: MessageRepository
) -> None:
    [own] = say(storage, "a", (None, "ana created the group"))
    say(storage, "b", ("ana", "hello"))
    assert said(repository.get_thread(own)) == ["ana created the group"]


UNKNOWN: Sequence[Any] = [
    UUID(int=0),
    "b148abe9-201b-436c-8cfd-52072cd9398b",
    "msg-123",
    "",
    "None",
    "NULL",
    None,
    0,
    b"\0" * 16,
    "' OR TRUE --",
    "\0",
]


@pytest.mark.parametrize("id_", UNKNOWN, ids=repr)
def test_a_thread_of_an_id_that_is_none_is_empty(
    storage: DuckDBStorageManager, repository: MessageRepository, id_: Any
) -> None:
    say(storage, "a", ("ana", "hello"))
    found = repository.get_thread(id_)
    assert found.columns == tuple(MESSAGES.columns)
    assert rows(found) == []


def test_every_message_of_the_sample_is_in_its_own_thread(sample: DuckDBStorageManager) -> None:
    repository = MessageRepository(sample)
    for row in everything(sample)[::250]:
        found = rows(repository.get_thread(row["message_id"]))
        assert row["message_id"] in {each["message_id"] for each in found}
        positions = [each["position"] for each in found]
        assert positions == sorted(set(positions))


def test_a_thread_found_in_one_thread_is_read_in_another(
    storage: DuckDBStorageManager, repository: MessageRepository
) -> None:
    ids = say(storage, "a", ("ana", "m0"), ("b\0o", "m1"), ("ana", "m2"), replies={1: 0})
    for found, expected in (
        (repository.get_thread(ids[0]), ["m0", "m1"]),
        (repository.get_messages_by_author("b\0o"), ["m1"]),
        (repository.get_url_candidates(5).mutate(content=ibis._.url), []),
    ):
        assert said(found) == expected
        with ThreadPoolExecutor(1) as executor:
            assert executor.submit(said, found).result() == expected


# Candidates


def metadata(*urls: str) -> dict[str, Any]:
    [row] = message_rows("a", [(START, "ana", "")])
    return dict(row["metadata"]) | {"urls": list(urls)}


def document(doc_type: str, subject: str, **values: Any) -> dict[str, Any]:
    texts = dict.fromkeys(("slug", "title", "summary", "content", "writer", "signature"), "x")
    row = {"document_id": str(uuid4()), "doc_type": doc_type, "thread_id": "a", **texts}
    lists: dict[str, Any] = {"authors": [], "tags": [], "date": START.date()}
    return row | lists | {"subject": subject, "status": "published"} | values


def test_each_link_is_a_candidate_once_at_its_earliest_message(
    storage: DuckDBStorageManager, repository: MessageRepository
) -> None:
    later = say(
        storage,
        "b",
        *[("bo", f"b{number}") for number in range(3)],
        minutes=0.5,
        metadata={1: metadata("http://both", "http://b"), 2: metadata("http://both")},
    )
    first = say(
        storage,
        "a",
        *[("ana", f"a{number}") for number in range(4)],
        metadata={0: metadata("http://x", "http://both"), 2: metadata("http://x", "http://x")},
    )
    found = repository.get_url_candidates(10)
    assert found.columns == ("url", "message_id", "thread_id", "timestamp", "author", "mentions")
    assert {row["url"]: (row["message_id"], row["mentions"]) for row in rows(found)} == {
        "http://x": (str(first[0]), 3),
        "http://both": (str(first[0]), 3),
        "http://b": (str(later[1]), 1),
    }
    assert [row["timestamp"] for row in rows(found)] == [
        START,
        START,
        START + timedelta(seconds=30),
    ]
    assert [row["url"] for row in rows(repository.get_url_candidates(3))][2] == "http://b"
    assert len(rows(repository.get_url_candidates(1))) == 1
    assert rows(repository.get_url_candidates(0)) == []


def test_links_that_were_written_about_are_no_candidates(
    storage: DuckDBStorageManager, repository: MessageRepository
) -> None:
    urls = [f"http://{number}" for number in range(5)]
    say(storage, "a", ("ana", "links"), metadata={0: metadata(*urls)})
    documents = [
        document("enrichment", urls[0]),
        document("enrichment", urls[1], status="draft"),
        document("enrichment", urls[2], status="superseded"),
        document("media", urls[3]),
    ]
    add(storage, DOCUMENTS.schema, "documents", *documents)
    found = {row["url"] for row in rows(repository.get_url_candidates(10))}
    assert found == {urls[2], urls[3], urls[4]}


def test_each_file_of_a_chat_is_a_candidate_once(
    storage: DuckDBStorageManager, repository: MessageRepository
) -> None:
    paths = {1: "x.jpg", 2: "y.pdf", 3: "x.jpg", 4: "done.mp4"}
    types = {1: "image", 2: "document", 3: "image", 4: "video"}
    lines = [("ana", f"m{number}") for number in range(5)]
    own = say(storage, "a", *lines, media_path=paths, media_type=types)
    theirs = say(storage, "b", *lines[:2], media_path={1: "x.jpg"}, media_type={1: "image"})
    add(storage, DOCUMENTS.schema, "documents", document("media", "done.mp4"))
    found = repository.get_media_candidates(10)
    assert found.columns == (
        "media_path",
        "message_id",
        "thread_id",
        "timestamp",
        "author",
        "mentions",
        "media_type",
    )
    assert [
        (row["media_path"], row["message_id"], row["mentions"], row["media_type"])
        for row in rows(found)
    ] == [
        ("x.jpg", str(own[1]), 2, "image"),
        ("x.jpg", str(theirs[1]), 1, "image"),
        ("y.pdf", str(own[2]), 1, "document"),
    ]
    assert len(rows(repository.get_media_candidates(2))) == 2


@pytest.mark.parametrize("limit", [-1, -(2**40)])
def test_a_limit_below_nothing_is_refused(repository: MessageRepository, limit: int) -> None:
    for candidates in (repository.get_url_candidates, repository.get_media_candidates):
        with pytest.raises(InvalidOperationError):
            candidates(limit)


def test_the_candidates_of_the_sample_are_what_nothing_was_written_about(
    sample: DuckDBStorageManager,
) -> None:
    repository = MessageRepository(sample)
    posted = Counter(url for row in everything(sample) for url in row["metadata"]["urls"])
    enriched = sample.execute_query(
        "SELECT subject FROM documents WHERE doc_type = 'enrichment' AND status <> 'superseded'"
    )
    done = {subject for (subject,) in enriched}
    found = rows(repository.get_url_candidates(10_000))
    assert {row["url"]: row["mentions"] for row in found} == {
        url: count for url, count in posted.items() if url not in done
    }
    assert posted
    files = {row["media_path"] for row in everything(sample)} - {None}
    media = rows(repository.get_media_candidates(10_000))
    assert {row["media_path"] for row in media} <= files


# Streams


@pytest.mark.parametrize("size", [1, 7, 2048, 5000, 10**6])
def test_a_stream_gives_every_message_in_order_in_batches_of_a_size(
    sample: DuckDBStorageManager, size: int
) -> None:
    count = sample.row_count("messages")
    batches = list(MessageRepository(sample).stream(size))
    assert all(isinstance(batch, pa.RecordBatch) for batch in batches)
    assert all(0 < batch.num_rows <= size for batch in batches)
    found = pa.Table.from_batches(batches)
    assert found.num_rows == count > 2048
    assert found.column_names == list(MESSAGES.columns)
    places = list(zip(found["thread_id"].to_pylist(), found["position"].to_pylist(), strict=True))
    assert places == sorted(places)


def test_a_stream_is_not_disturbed_by_other_queries(sample: DuckDBStorageManager) -> None:
    repository = MessageRepository(sample)
    whole = [row for batch in repository.stream(10_000) for row in batch["position"].to_pylist()]
    first, second = repository.stream(500), repository.stream(700)
    seen: list[int] = []
    other: list[int] = []
    for batch in first:
        seen += batch["position"].to_pylist()
        assert sample.execute_query("SELECT 1") == [(1,)]
        sample.write_table(pa.table({"n": [len(seen)]}), "progress", mode="append")
        other += next(second)["position"].to_pylist() if len(other) < 1400 else []
    assert seen == whole
    assert other == whole[:1400]
    # One that is left half-read holds nothing up.
    second.close()  # type: ignore[attr-defined]
    sample.drop_table("progress")


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_of_no_rows_is_refused(repository: MessageRepository, size: int) -> None:
    with pytest.raises(InvalidOperationError, match="1 or more"):
        next(repository.stream(size))


def test_of_no_messages_nothing_is_streamed(repository: MessageRepository) -> None:
    assert list(repository.stream(10)) == []


# Databases


def test_a_new_database_gets_its_tables() -> None:
    with temp_storage() as storage:
        repository = MessageRepository(storage)
        assert rows(repository.get_messages_by_author("ana")) == []
        assert rows(repository.get_url_candidates(5)) == []


def test_a_database_of_another_version_is_refused(tmp_path: Path, migrated: Path) -> None:
    path = tmp_path / "pipeline.duckdb"
    shutil.copy(migrated, path)
    with DuckDBStorageManager(path) as storage:
        storage.execute_sql(
            "INSERT INTO schema_migrations SELECT max(version) + 1, 'later', 'x', now() "
            "FROM schema_migrations"
        )
        with pytest.raises(DatabaseVersionError, match=r"pipeline\.duckdb"):
            MessageRepository(storage)
