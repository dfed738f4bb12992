"""Threads read and write one database at once, and nothing is lost."""

import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ibis
import pyarrow as pa
import pytest

from egregora_dag.database import connections
from egregora_dag.database.duckdb_manager import DuckDBStorageManager
from egregora_dag.database.elo_store import EloStore
from egregora_dag.database.views import COMMON_VIEWS
from egregora_dag.settings import Home
from egregora_dag_tests.conftest import query
from egregora_dag_tests.database.test_connections import is_closed

ROWS = 10


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pipeline.duckdb"


@pytest.fixture
def storage(path: Path) -> Iterator[DuckDBStorageManager]:
    with DuckDBStorageManager(path) as manager:
        yield manager


def batch(writer: int, number: int) -> pa.Table:
    return pa.table({"writer": [writer] * ROWS, "number": [number] * ROWS, "row": range(ROWS)})


@pytest.fixture
def sample(published: Home, path: Path) -> Iterator[DuckDBStorageManager]:
    """A manager of a copy of the database in which the sample chat was published."""
    shutil.copy(published.database, path)
    with DuckDBStorageManager(path) as manager:
        yield manager


def test_any_thread_may_read_a_table(sample: DuckDBStorageManager) -> None:
    with ThreadPoolExecutor(max_workers=4) as executor:
        futures = [executor.submit(sample.read_table, "messages") for _ in range(10)]
        results = [f.result() for f in futures]
        counts = executor.map(lambda table: table.count().execute(), results)
        assert set(counts) == {sample.row_count("messages")}


def write_until(end: float, storage: DuckDBStorageManager, writer: int) -> int:
    """Append batch after batch, and replace the latest now and then; returns how many."""
    number = 0
    while time.monotonic() < end:
        rows = batch(writer, number)
        storage.write_table(rows, "rows", mode="append", checkpoint=number % 4 == 0)
        number += 1
        if number % 5 == 0:
            storage.write_table(ibis.memtable(rows), "latest", checkpoint=False)
        if number % 7 == 0:
            storage.replace_rows("latest", rows, by_keys=["writer", "number"])
        if number % 9 == 0:
            storage.write_table(storage.read_table("latest").distinct(), "latest")
    return number


def read_until(end: float, storage: DuckDBStorageManager, reader: int) -> int:
    """Look at the rows in one way or another; returns how many were seen last."""
    seen, choice = 0, random.Random(reader)
    while time.monotonic() < end:
        rows = storage.read_table("rows")
        before = seen
        match choice.randrange(5):
            case 0:
                seen = storage.row_count("rows")
            case 1:
                seen = len(rows.to_pyarrow())
            case 2:
                seen = storage.execute_query("SELECT count(*) FROM rows")[0][0]
            case 3:
                by = rows.group_by("writer", "number").aggregate(n=rows.count())
                assert set(by.to_pyarrow()["n"].to_pylist()) <= {ROWS}
            case _:
                view = storage.execute_view(f"own_{reader}", lambda t: t.filter(t.row == 0), "rows")
                assert len(view.to_pyarrow()) * ROWS >= seen
                storage.checkpoint()
        assert seen >= before
        assert seen % ROWS == 0
        assert len(storage.read_table("latest").to_pyarrow()) >= ROWS
        assert "rows" in storage.list_tables()
    return seen


@pytest.mark.parametrize(
    "seconds", [3, pytest.param(30, marks=pytest.mark.torture)], ids=["short", "long"]
)
def test_readers_see_whole_writes_and_no_written_row_is_lost(
    storage: DuckDBStorageManager, path: Path, seconds: float
) -> None:
    storage.write_table(batch(-1, 0).slice(0, 0), "rows")
    storage.write_table(batch(0, 0), "latest")
    end = time.monotonic() + seconds
    with ThreadPoolExecutor(20) as executor:
        readers = [executor.submit(read_until, end, storage, reader) for reader in range(16)]
        writers = [executor.submit(write_until, end, storage, writer) for writer in range(4)]
        written = [future.result() for future in writers]
        seen = [future.result() for future in readers]
    expected = {
        (writer, number, row): 1
        for writer, numbers in enumerate(written)
        for number in range(numbers)
        for row in range(ROWS)
    }
    assert all(written)
    assert max(seen) <= len(expected)
    assert Counter(storage.execute_query("FROM rows")) == expected
    storage.close()
    assert is_closed(path)
    assert Counter(query(path, "FROM rows")) == expected


@pytest.mark.parametrize("stores", [1, 8])
def test_comparisons_of_many_threads_are_all_counted_and_replay_to_the_ratings(
    storage: DuckDBStorageManager, stores: int
) -> None:
    made = [EloStore(storage) for _ in range(stores)]
    posts = [f"post-{number}" for number in range(5)]
    each = 40

    def compare(thread: int) -> None:
        store, choice = made[thread % stores], random.Random(thread)
        for number in range(each):
            winner, loser = choice.sample(posts, 2)
            if number % 10 == 0:
                store.initialize_post(choice.choice(posts), choice.uniform(1000, 2000))
            store.record_comparison(
                winner, loser, choice.uniform(8, 64), tie=choice.random() < 0.2, judge=str(thread)
            )
            assert store.get_rating(winner).comparisons > 0

    with ThreadPoolExecutor(8) as executor:
        for future in [executor.submit(compare, thread) for thread in range(8)]:
            future.result()
    [store, *_] = made
    history = store.get_comparison_history()
    assert Counter(record.judge for record in history) == {str(n): each for n in range(8)}
    numbers = storage.execute_query("SELECT sequence FROM comparisons ORDER BY sequence")
    assert numbers == [(number,) for number in range(8 * each)]
    ratings = store.get_all_ratings()
    assert store.replay() == ratings
    took_part = Counter(post for r in history for post in (r.post_a, r.post_b))
    assert {post: store.get_rating(post).comparisons for post in ratings} == took_part


def test_a_manager_writes_beside_whoever_else_writes_the_file(
    storage: DuckDBStorageManager, path: Path
) -> None:
    storage.write_table(pa.table({"a": [0]}), "counted")
    storage.ensure_sequence("numbers")
    drawn: list[int] = []
    each = 15

    def through_the_manager() -> None:
        for number in range(each):
            storage.execute_sql("UPDATE counted SET a = a + 1")
            storage.write_table(pa.table({"n": [number]}), "appended", mode="append")
            drawn.append(storage.next_sequence_value("numbers"))

    def through_a_transaction() -> None:
        for _ in range(each):
            with connections.transaction(path) as connection:
                [[before]] = connection.execute("SELECT a FROM counted").fetchall()
                connection.execute("UPDATE counted SET a = ?", [before + 1])

    def through_a_manager_of_its_own() -> None:
        with DuckDBStorageManager(path) as own:
            for _ in range(each):
                with own.transaction() as connection:
                    connection.execute("UPDATE counted SET a = a + 1")
                own.checkpoint()

    works = [through_the_manager, through_a_transaction, through_a_manager_of_its_own] * 2
    with ThreadPoolExecutor(len(works)) as executor:
        for future in [executor.submit(work) for work in works]:
            future.result()
    assert storage.execute_query("FROM counted") == [(each * len(works),)]
    assert storage.row_count("appended") == 2 * each
    assert len(set(drawn)) == len(drawn) == 2 * each


def test_a_transaction_of_another_user_ends_before_the_manager_writes(
    storage: DuckDBStorageManager, path: Path
) -> None:
    storage.write_table(pa.table({"a": ["first"]}), "steps")
    begun, order = threading.Event(), []

    def write() -> None:
        begun.wait()
        storage.write_table(pa.table({"a": ["third"]}), "steps", mode="append")
        order.append("third")

    with ThreadPoolExecutor(1) as executor:
        writing = executor.submit(write)
        with connections.transaction(path) as connection:
            begun.set()
            connection.execute("INSERT INTO steps VALUES ('second')")
            # Readers do not wait.
            assert storage.row_count("steps") == 1
            order.append("second")
        writing.result()
    assert order == ["second", "third"]
    assert storage.execute_query("FROM steps") == [("first",), ("second",), ("third",)]


def test_views_of_many_threads_do_not_get_in_each_others_way(
    sample: DuckDBStorageManager,
) -> None:
    builders = sorted(COMMON_VIEWS.items())
    expected = {
        name: sample.execute_view(name, builder, "messages").count().execute()
        for name, builder in builders
    }

    def show(numbers: Iterable[int]) -> None:
        for number in numbers:
            name, builder = builders[number % len(builders)]
            made = sample.execute_view(name, builder, "messages")
            assert made.count().execute() == expected[name]
            assert sample.row_count(name) == expected[name]

    with ThreadPoolExecutor(6) as executor:
        for future in [executor.submit(show, range(n, n + 6)) for n in range(6)]:
            future.result()
