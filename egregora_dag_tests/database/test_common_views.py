"""The builders of views give on any table what the pipeline's views show."""

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egregora_dag.database.duckdb_manager import DuckDBStorageManager, temp_storage
from egregora_dag.database.views import COMMON_VIEWS, get_view_builder, list_common_views
from egregora_dag.settings import Home
from egregora_dag_tests.conftest import at, message_rows, message_table

START = at("2025-03-01T12:00")


@pytest.fixture(scope="module")
def sample(
    published: Home, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DuckDBStorageManager]:
    """A copy of the database in which the sample chat was published."""
    path = tmp_path_factory.mktemp("sample") / "pipeline.duckdb"
    shutil.copy(published.database, path)
    with DuckDBStorageManager(path) as manager:
        yield manager


@pytest.fixture(scope="module")
def storage() -> Iterator[DuckDBStorageManager]:
    with temp_storage() as manager:
        yield manager


def rows(expression: ir.Table) -> list[str]:
    """The rows in an order that depends on nothing else."""
    return sorted(map(str, expression.to_pyarrow().to_pylist()))


@pytest.mark.parametrize(
    "name", ["chunks", "chunks_optimized", "messages_with_media", "messages_with_text"]
)
def test_a_builder_shows_what_the_pipelines_view_shows(
    sample: DuckDBStorageManager, name: str
) -> None:
    theirs = sample.read_table(name)
    expected, columns = rows(theirs), theirs.columns
    made = sample.execute_view(name, get_view_builder(name), "messages")
    assert made.columns == columns
    assert rows(made) == expected
    assert rows(COMMON_VIEWS[name](sample.read_table("messages"))) == expected
    sample.drop_table(name)
    assert rows(sample.read_table(name)) == expected


@pytest.mark.parametrize("name", ["hourly_aggregates", "daily_aggregates"])
def test_aggregates_with_threads_are_those_of_the_pipeline(
    sample: DuckDBStorageManager, name: str
) -> None:
    builder: Callable[..., ir.Table] = COMMON_VIEWS[name]
    expected = sample.read_table(name)
    made = builder(sample.read_table("messages"), threads=sample.read_table("threads"))
    assert made.columns == expected.columns
    assert rows(made) == rows(expected)
    assert len(rows(made)) > 20


@pytest.mark.parametrize(("name", "unit"), [("hourly_aggregates", "h"), ("daily_aggregates", "D")])
def test_aggregates_of_one_table_are_those_of_its_times_in_utc(
    sample: DuckDBStorageManager, name: str, unit: Any
) -> None:
    made = sample.execute_view(name, COMMON_VIEWS[name], "messages")
    found = {
        (row["thread_id"], str(row[made.columns[1]])): (row["message_count"], row["unique_authors"])
        for row in made.to_pyarrow().to_pylist()
    }
    length = {"h": 13, "D": 10}[unit]
    groups: dict[tuple[str, str], list[str | None]] = {}
    for row in sample.read_table("messages").to_pyarrow().to_pylist():
        start = f"{row['timestamp']:%Y-%m-%d %H}"[:length] + (":00:00" if unit == "h" else "")
        groups.setdefault((row["thread_id"], start), []).append(row["author"])
    assert found == {
        key: (len(authors), len(set(authors) - {None})) for key, authors in groups.items()
    }
    sample.drop_table(name)


def store(storage: DuckDBStorageManager, *chats: list[tuple[int, int]]) -> ir.Table:
    """Messages of a chat each, given as minutes and position."""
    table = pa.concat_tables(
        [message_table([])]
        + [
            message_table(
                [
                    row | {"position": position}
                    for row, (_, position) in zip(
                        message_rows(
                            f"chat {number}",
                            [(START + timedelta(minutes=m), "ana", "hi") for m, _ in chat],
                        ),
                        chat,
                        strict=True,
                    )
                ]
            )
            for number, chat in enumerate(chats)
        ]
    )
    storage.write_table(table, "conversations")
    return storage.read_table("conversations")


CHATS: dict[str, list[tuple[int, int]]] = {
    "none": [],
    "straight": [(0, 0), (1, 1), (2, 2)],
    "one moment": [(0, 0), (0, 1), (0, 2)],
    "a gap": [(0, 0), (1, 1), (2, 3)],
    "not from 0": [(0, 1), (1, 2)],
    "a gap and one too many": [(0, 0), (1, 2), (2, 2), (3, 3)],
    "below 0": [(0, -1), (1, 0), (2, 1)],
    "the clock goes back": [(5, 0), (1, 1), (7, 2)],
    "back at the end": [(0, 0), (1, 1), (0, 2)],
    "stored in another order": [(2, 2), (0, 0), (1, 1)],
    "a gap and back": [(9, 0), (1, 3), (4, 4)],
}


@pytest.mark.parametrize("name", CHATS)
def test_the_fast_chunks_are_the_plain_ones(storage: DuckDBStorageManager, name: str) -> None:
    # Beside another chat, which has nothing to do with it.
    table = store(storage, CHATS[name], CHATS["straight"])
    plain, fast = (COMMON_VIEWS[view](table) for view in ("chunks", "chunks_optimized"))
    assert fast.schema() == plain.schema()
    assert rows(fast) == rows(plain)
    own = plain.filter(plain.thread_id == "chat 0").order_by("chunk_idx").to_pyarrow()
    assert own["chunk_idx"].to_pylist() == list(range(len(CHATS[name])))
    times = own["timestamp"].to_pylist()
    assert times == sorted(times)


@given(
    chats=st.lists(
        st.lists(st.tuples(st.integers(0, 6), st.integers(-1, 8)), max_size=8), max_size=3
    )
)
@settings(max_examples=25, deadline=None)
def test_the_fast_chunks_are_the_plain_ones_whatever_the_chats(
    storage: DuckDBStorageManager, chats: list[list[tuple[int, int]]]
) -> None:
    table = store(storage, *chats)
    plain, fast = (COMMON_VIEWS[view](table) for view in ("chunks", "chunks_optimized"))
    assert rows(fast) == rows(plain)


@pytest.mark.parametrize("dropped", [("position",), ("position", "message_id")])
def test_chunks_need_no_position(storage: DuckDBStorageManager, dropped: tuple[str, ...]) -> None:
    chat = [(0, 0), (3, 1), (1, 2)]
    storage.write_table(store(storage, chat).drop(*dropped), "conversations")
    for name in ("chunks", "chunks_optimized"):
        chunks = storage.execute_view(
            view_name=name, builder=COMMON_VIEWS[name], source_table="conversations"
        )
        found = chunks.order_by("timestamp").to_pyarrow()
        assert found["chunk_idx"].to_pylist() == [0, 1, 2]
        assert set(dropped).isdisjoint(found.column_names)


def test_builders_need_only_the_columns_they_speak_of(storage: DuckDBStorageManager) -> None:
    narrow = {
        "chunks": ["thread_id", "timestamp"],
        "chunks_optimized": ["thread_id", "timestamp", "position"],
        "messages_with_media": ["media_type", "media_path"],
        "messages_with_text": ["content"],
        "hourly_aggregates": ["thread_id", "timestamp", "author"],
        "daily_aggregates": ["thread_id", "timestamp", "author"],
    }
    assert set(narrow) == set(COMMON_VIEWS)
    table = store(storage, CHATS["straight"])
    for name, columns in narrow.items():
        assert len(rows(COMMON_VIEWS[name](table.select(*columns)))) <= 3


def test_the_times_of_a_table_may_be_without_zone(storage: DuckDBStorageManager) -> None:
    table = store(storage, CHATS["straight"])
    naive = table.mutate(timestamp=table.timestamp.cast("timestamp"))
    for name in ("hourly_aggregates", "daily_aggregates"):
        first, second = COMMON_VIEWS[name](table), COMMON_VIEWS[name](naive)
        assert rows(first.select("message_count")) == rows(second.select("message_count"))
        assert rows(first.select(first.columns[1])) == rows(second.select(second.columns[1]))


def test_a_view_is_found_by_its_name() -> None:
    for name, builder in COMMON_VIEWS.items():
        assert get_view_builder(name) is builder
        assert builder.__doc__
    assert {"chunks", "chunks_optimized", "messages_with_media", "messages_with_text"} <= set(
        COMMON_VIEWS
    )
    assert {"hourly_aggregates", "daily_aggregates"} <= set(COMMON_VIEWS)


def test_the_names_of_views_are_listed_in_order() -> None:
    assert list_common_views() == sorted(COMMON_VIEWS)
    list_common_views().clear()
    assert list_common_views() == sorted(COMMON_VIEWS)


@pytest.mark.parametrize("name", ["", "chunk", "CHUNKS", "chunks; DROP TABLE messages"])
def test_a_view_that_is_not_there_is_told_with_those_that_are(name: str) -> None:
    with pytest.raises(KeyError) as caught:
        get_view_builder(name)
    for known in list_common_views():
        assert known in str(caught.value)


def test_a_builder_needs_no_database() -> None:
    table = ibis.memtable(message_table(message_rows("a", [(START, "ana", "hi")])))
    assert COMMON_VIEWS["chunks"](table).chunk_idx.to_pyarrow().to_pylist() == [0]


def test_the_reference_example_runs(tmp_path: Path) -> None:
    with DuckDBStorageManager(db_path=tmp_path / "pipeline.duckdb") as storage:
        store(storage, CHATS["straight"])
        chunks_builder = COMMON_VIEWS["chunks"]
        chunks = storage.execute_view(
            view_name="chunks", builder=chunks_builder, source_table="conversations"
        )
        assert len(chunks.execute()) == 3
