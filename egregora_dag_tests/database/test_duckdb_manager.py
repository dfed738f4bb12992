"""One manager for all tables of a database: in memory, in a file, or over what is open already."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from egregora_dag.database.duckdb_manager import (
    DuckDBStorageManager,
    duckdb_backend,
    temp_storage,
)
from egregora_dag.database.exceptions import (
    ContractViolationError,
    DatabaseLockedError,
    DatabaseOpenError,
    InvalidOperationError,
    InvalidTableNameError,
    TableCreationError,
    TableInfoError,
    TableNotFoundError,
)
from egregora_dag.database.schemas import MESSAGES, THREADS
from egregora_dag.database.views import COMMON_VIEWS
from egregora_dag_tests.conftest import at, insert, message_rows, message_table, query
from egregora_dag_tests.database.test_connections import held_by_another_process, is_closed

T = TypeVar("T")
Rows = list[tuple[Any, ...]]

LETTERS = pa.table({"n": [1, 2, 3], "letter": ["a", "b", "c"]})
ALL: Rows = [(1, "a"), (2, "b"), (3, "c")]


@pytest.fixture(params=["file", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DuckDBStorageManager]:
    """A manager of an empty database."""
    path = tmp_path / "letters.duckdb" if request.param == "file" else None
    with DuckDBStorageManager(path, checkpoint_dir=tmp_path / "parquet") as manager:
        yield manager


@pytest.fixture
def pipeline(tmp_path: Path, migrated: Path) -> Iterator[DuckDBStorageManager]:
    """A manager of a database with the pipeline's tables, and two messages of a chat."""
    path = tmp_path / "pipeline.duckdb"
    shutil.copy(migrated, path)
    insert(path, THREADS, thread("chat"))
    with DuckDBStorageManager(path) as manager:
        manager.write_table(message_table(messages()), "messages", mode="append")
        yield manager


def thread(key: str) -> dict[str, Any]:
    row = {"thread_id": key, "title": key, "source": "test", "timezone": "UTC"}
    return row | {"settings": "{}", "created_at": at("2025-01-01")}


def messages(*, first: int = 0) -> list[dict[str, Any]]:
    lines = [(at("2025-03-01T10:00"), "ada", "hello"), (at("2025-03-01T10:01"), "bo", "hi")]
    return message_rows("chat", lines, first=first)


def stored(manager: DuckDBStorageManager, name: str = "letters") -> Rows:
    table = manager.read_table(name).to_pyarrow()
    return sorted(tuple(row.values()) for row in table.to_pylist())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def in_another_thread(work: Callable[[], T]) -> T:
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(work).result()


def breaks_half_way(table: pa.Table) -> pa.RecordBatchReader:
    """A reader that gives a first batch and then fails."""

    def batches() -> Iterator[pa.RecordBatch]:
        yield from table.to_batches()
        raise ZeroDivisionError

    return pa.RecordBatchReader.from_batches(table.schema, batches())


def pandas_frame() -> Any:
    return pytest.importorskip("pandas").DataFrame(LETTERS.to_pydict())


def polars_frame() -> Any:
    return pytest.importorskip("polars").DataFrame(LETTERS.to_pydict())


def expression_of_another_database() -> ir.Table:
    return ibis.duckdb.connect().create_table("elsewhere", LETTERS)


INPUTS: dict[str, Callable[[], Any]] = {
    "an Arrow table": lambda: LETTERS,
    "an empty Arrow table": LETTERS.schema.empty_table,
    "a reader": lambda: LETTERS.to_reader(max_chunksize=1),
    "a memtable": lambda: ibis.memtable(LETTERS),
    "a computed memtable": lambda: ibis.memtable(LETTERS).mutate(n=ibis._.n + 0),
    "another database's table": expression_of_another_database,
    "a pandas frame": pandas_frame,
    "a polars frame": polars_frame,
}


@pytest.mark.parametrize("given", INPUTS.values(), ids=INPUTS)
def test_whatever_holds_rows_can_be_written_and_read_back(
    storage: DuckDBStorageManager, given: Callable[[], Any]
) -> None:
    expected = [] if given() is not LETTERS and not len_of(given()) else ALL
    storage.write_table(given(), "letters")
    assert stored(storage) == expected
    storage.write_table(given(), "letters", mode="append")
    assert stored(storage) == sorted(expected * 2)
    storage.write_table(given(), "letters")
    assert stored(storage) == expected
    assert storage.row_count("letters") == len(expected)


def len_of(rows: Any) -> int:
    return rows.num_rows if isinstance(rows, pa.Table) else 3


def test_an_unbound_expression_is_computed_by_the_database(storage: DuckDBStorageManager) -> None:
    storage.write_table(LETTERS, "letters")
    unbound = ibis.table({"n": "int64", "letter": "string"}, name="letters")
    storage.write_table(unbound.filter(unbound.n > 1), "late")
    assert stored(storage, "late") == ALL[1:]


def test_an_expression_may_read_the_table_that_it_replaces(storage: DuckDBStorageManager) -> None:
    storage.write_table(LETTERS, "letters")
    letters = storage.read_table("letters")
    storage.write_table(letters.filter(letters.n != 2), "letters")
    assert stored(storage) == [ALL[0], ALL[2]]


def test_an_expression_may_read_the_table_that_it_is_appended_to(
    storage: DuckDBStorageManager,
) -> None:
    storage.write_table(LETTERS, "letters")
    letters = storage.read_table("letters")
    storage.write_table(letters.mutate(n=letters.n + 3), "letters", mode="append")
    assert stored(storage) == sorted([*ALL, (4, "a"), (5, "b"), (6, "c")])


def test_an_expression_may_read_the_table_that_it_replaces_through_a_view(
    storage: DuckDBStorageManager,
) -> None:
    storage.write_table(LETTERS, "letters")
    storage.execute_sql("CREATE VIEW late AS FROM letters WHERE n > 1")
    storage.write_table(storage.read_table("late"), "letters")
    assert stored(storage) == ALL[1:]
    temporary = storage.execute_view("latest", lambda t: t.filter(t.n > 2), "letters")
    storage.write_table(temporary, "letters")
    assert stored(storage) == ALL[2:]


def test_a_pipeline_table_may_be_replaced_by_what_a_view_shows_of_it(
    pipeline: DuckDBStorageManager,
) -> None:
    view = pipeline.execute_view("chunks", COMMON_VIEWS["chunks"], "messages")
    first = view.filter(view.chunk_idx == 0).drop("chunk_idx")
    pipeline.write_table(first, "messages")
    assert [row["content"] for row in rows(pipeline, "messages")] == ["hello"]
    pipeline.write_table(pipeline.read_table("messages"), "messages")
    assert [row["content"] for row in rows(pipeline, "messages")] == ["hello"]


def rows(manager: DuckDBStorageManager, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = manager.read_table(name).to_pyarrow().to_pylist()
    return found


def test_a_table_that_is_replaced_takes_the_new_columns(storage: DuckDBStorageManager) -> None:
    storage.write_table(LETTERS, "letters")
    storage.write_table(pa.table({"only": [1.5]}), "letters")
    assert stored(storage) == [(1.5,)]
    assert storage.get_table_columns("letters", refresh=True) == {"only"}


def test_rows_are_appended_by_name_and_defaults_fill_the_rest(
    storage: DuckDBStorageManager,
) -> None:
    storage.execute_sql("CREATE TABLE letters (n BIGINT DEFAULT 7, letter TEXT)")
    storage.write_table(pa.table({"letter": ["x"]}), "letters", mode="append")
    storage.write_table(pa.table({"letter": ["y"], "n": [1]}), "letters", mode="append")
    assert stored(storage) == [(1, "y"), (7, "x")]


def test_rows_appended_to_no_table_make_it(storage: DuckDBStorageManager) -> None:
    storage.write_table(LETTERS, "letters", mode="append")
    assert stored(storage) == ALL


@pytest.mark.parametrize("mode", ["replace", "append"])
def test_what_a_reader_gave_before_it_broke_is_not_written(
    storage: DuckDBStorageManager, tmp_path: Path, mode: Any
) -> None:
    storage.write_table(LETTERS, "letters")
    before = (tmp_path / "parquet" / "letters.parquet").read_bytes()
    with pytest.raises(Exception, match="ZeroDivisionError"):
        storage.write_table(breaks_half_way(LETTERS), "letters", mode=mode)
    with pytest.raises(Exception, match="ZeroDivisionError"):
        storage.write_table(breaks_half_way(LETTERS), "new", mode=mode)
    assert stored(storage) == ALL
    assert storage.list_tables() == ["letters"]
    assert (tmp_path / "parquet" / "letters.parquet").read_bytes() == before
    assert names(tmp_path / "parquet") == ["letters.parquet"]
    storage.write_table(LETTERS, "letters")


@pytest.mark.parametrize("mode", ["replace", "append"])
def test_a_row_that_breaks_the_contract_leaves_the_table_as_it_was(
    pipeline: DuckDBStorageManager, mode: Any
) -> None:
    before = rows(pipeline, "messages")
    good, bad = messages(first=2)
    for wrong in (
        {"kind": "shouted"},
        {"author": None},
        {"thread_id": "nobody's"},
        {"position": 2},
    ):
        with pytest.raises(ContractViolationError) as caught:
            pipeline.write_table(message_table([good, bad | wrong]), "messages", mode=mode)
        assert caught.value.name == "messages"
        assert rows(pipeline, "messages") == before


def test_a_pipeline_table_takes_no_other_columns(pipeline: DuckDBStorageManager) -> None:
    with pytest.raises(ContractViolationError, match="message_id"):
        pipeline.write_table(LETTERS, "messages")
    with pytest.raises(ContractViolationError, match="message_id"):
        pipeline.persist_atomic(LETTERS, "messages", MESSAGES.schema)
    assert pipeline.row_count("messages") == 2


def test_a_pipeline_table_keeps_its_contract_under_its_name_in_capitals(
    pipeline: DuckDBStorageManager,
) -> None:
    before = rows(pipeline, "messages")
    for mode in ("replace", "append"):
        with pytest.raises(ContractViolationError):
            pipeline.write_table(LETTERS, "Messages", mode=mode)
    with pytest.raises(ContractViolationError):
        pipeline.persist_atomic(LETTERS, "MESSAGES", ibis.schema({"n": "int64"}))
    assert rows(pipeline, "Messages") == before
    pipeline.write_table(message_table(messages(first=2)), "MESSAGES", mode="append")
    pipeline.replace_rows("Messages", message_table(messages()), by_keys=["message_id"])
    assert pipeline.row_count("messages") == 4


def test_a_namesake_of_a_pipeline_table_has_no_contract() -> None:
    with temp_storage() as storage:
        storage.write_table(LETTERS, "messages")
        storage.write_table(LETTERS, "messages", mode="append")
        storage.replace_rows("messages", LETTERS, by_keys=["n"])
        assert stored(storage, "messages") == ALL


NAMES = ["", "1a", "a-b", "a b", "a.b", 'a"b', "ä", "a;", "invalid-name!", "a\n"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_none_is_refused(storage: DuckDBStorageManager, name: str) -> None:
    storage.write_table(LETTERS, "letters")
    attempts: list[Callable[[], Any]] = [
        lambda: storage.write_table(LETTERS, name),
        lambda: storage.persist_atomic(LETTERS, name, ibis.schema({"n": "int64"})),
        lambda: storage.replace_rows(name, LETTERS, by_keys=["n"]),
        lambda: storage.execute_view(name, lambda table: table, "letters"),
        lambda: storage.execute_view("fine", lambda table: table, name),
        lambda: storage.read_table(name),
        lambda: storage.row_count(name),
        lambda: storage.get_table_columns(name),
        lambda: storage.drop_table(name, checkpoint_too=True),
    ]
    for attempt in attempts:
        with pytest.raises(InvalidTableNameError) as caught:
            attempt()
        assert caught.value.name == name
    assert not storage.table_exists(name)
    assert storage.list_tables() == ["letters"]


def test_a_table_that_is_not_there_is_named(storage: DuckDBStorageManager) -> None:
    attempts: list[Callable[[], Any]] = [
        lambda: storage.read_table("letters"),
        lambda: storage.row_count("letters"),
        lambda: storage.get_table_columns("letters"),
        lambda: storage.drop_table("letters"),
        lambda: storage.replace_rows("letters", LETTERS, by_keys=["n"]),
        lambda: storage.execute_view("view", lambda table: table, "letters"),
    ]
    for attempt in attempts:
        with pytest.raises(TableNotFoundError, match="'letters' does not exist") as caught:
            attempt()
        assert caught.value.name == "letters"


def test_a_table_made_otherwise_is_read_whatever_its_name(storage: DuckDBStorageManager) -> None:
    storage.execute_sql('CREATE TABLE "two ""words""; --" AS SELECT 1 AS "a ""column"""')
    name = 'two "words"; --'
    assert storage.list_tables() == [name]
    assert storage.row_count(name) == 1
    assert storage.get_table_columns(name) == {'a "column"'}
    storage.drop_table(name, checkpoint_too=True)
    assert storage.list_tables() == []


def test_names_are_found_whatever_their_case(storage: DuckDBStorageManager) -> None:
    storage.write_table(LETTERS, "Letters")
    storage.write_table(LETTERS, "letters", mode="append")
    assert storage.row_count("LETTERS") == 6
    assert storage.table_exists("lEtters")
    assert storage.list_tables() == ["Letters"]
    storage.drop_table("letters")
    assert not storage.table_exists("Letters")


def test_views_are_not_written_to(storage: DuckDBStorageManager) -> None:
    storage.write_table(LETTERS, "letters")
    storage.execute_sql("CREATE VIEW late AS FROM letters WHERE n > 1")
    attempts: list[Callable[[], Any]] = [
        lambda: storage.write_table(LETTERS, "late"),
        lambda: storage.write_table(LETTERS, "LATE", mode="append"),
        lambda: storage.persist_atomic(LETTERS, "late", ibis.schema({"n": "int64"})),
        lambda: storage.replace_rows("late", LETTERS, by_keys=["n"]),
    ]
    for attempt in attempts:
        with pytest.raises(InvalidOperationError, match="is a view"):
            attempt()
    assert stored(storage, "late") == ALL[1:]
    storage.execute_view("latest", lambda table: table.filter(table.n > 2), "letters")
    with pytest.raises(TableNotFoundError):
        storage.replace_rows("latest", LETTERS, by_keys=["n"])
    assert stored(storage) == ALL


@pytest.mark.parametrize("mode", ["merge", "", "REPLACE", None])
def test_a_mode_that_is_none_is_refused(storage: DuckDBStorageManager, mode: Any) -> None:
    with pytest.raises(InvalidOperationError, match="Use replace or append"):
        storage.write_table(LETTERS, "letters", mode=mode)
    assert storage.list_tables() == []


def test_columns_that_a_table_has_not_are_named(storage: DuckDBStorageManager) -> None:
    storage.write_table(LETTERS, "letters")
    more = LETTERS.append_column("extra", pa.array([1, 2, 3]))
    with pytest.raises(InvalidOperationError, match="no column extra"):
        storage.write_table(more, "letters", mode="append")
    with pytest.raises(InvalidOperationError, match="no column extra"):
        storage.replace_rows("letters", more, by_keys=["n"])
    assert stored(storage) == ALL


@pytest.mark.parametrize("table", [pa.table({}), pa.table({"a": pa.nulls(2)})])
def test_a_table_without_columns_or_types_is_not_made(
    storage: DuckDBStorageManager, table: pa.Table
) -> None:
    with pytest.raises(TableCreationError) as caught:
        storage.write_table(table, "letters")
    assert caught.value.name == "letters"
    assert storage.list_tables() == []


# Parquet files beside the database


def test_each_written_table_is_left_as_a_parquet_file(
    storage: DuckDBStorageManager, tmp_path: Path
) -> None:
    folder = tmp_path / "parquet"
    storage.write_table(LETTERS, "letters")
    assert pq.read_table(folder / "letters.parquet").to_pylist() == LETTERS.to_pylist()
    storage.write_table(LETTERS, "letters", mode="append")
    assert pq.read_table(folder / "letters.parquet").num_rows == 6
    storage.persist_atomic(LETTERS.slice(0, 1), "letters", ibis.schema({"n": "int64"}))
    assert pq.read_table(folder / "letters.parquet").num_rows == 1
    storage.replace_rows("letters", LETTERS.slice(1), by_keys=["n"])
    assert pq.read_table(folder / "letters.parquet").num_rows == 3
    assert names(folder) == ["letters.parquet"]


def test_without_a_checkpoint_no_parquet_file_is_left(
    storage: DuckDBStorageManager, tmp_path: Path
) -> None:
    storage.write_table(LETTERS, "letters", checkpoint=False)
    assert stored(storage) == ALL
    assert not (tmp_path / "parquet").exists()


def test_a_table_is_dropped_with_its_parquet_file_if_asked(
    storage: DuckDBStorageManager, tmp_path: Path
) -> None:
    file = tmp_path / "parquet" / "letters.parquet"
    for checkpoint_too in (False, True):
        storage.write_table(LETTERS, "letters")
        storage.drop_table("letters", checkpoint_too=checkpoint_too)
        assert not storage.table_exists("letters")
        assert file.exists() != checkpoint_too
    storage.write_table(LETTERS, "letters", checkpoint=False)
    storage.drop_table("letters", checkpoint_too=True)


def test_a_table_whose_parquet_file_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    with DuckDBStorageManager(tmp_path / "letters.duckdb", tmp_path / "taken") as storage:
        storage.write_table(LETTERS, "letters", checkpoint=False)
        with pytest.raises(FileExistsError):
            storage.write_table(LETTERS, "letters", mode="append")
        assert stored(storage) == ALL


# persist_atomic and replace_rows

KEYED = "CREATE TABLE letters (n BIGINT PRIMARY KEY, letter TEXT NOT NULL CHECK (letter <> 'z'))"


def constraints(storage: DuckDBStorageManager) -> Rows:
    return storage.execute_query(
        "SELECT constraint_type FROM duckdb_constraints() WHERE table_name = 'letters' "
        "UNION ALL SELECT index_name FROM duckdb_indexes() ORDER BY ALL"
    )


def test_persist_atomic_keeps_constraints_and_indexes(storage: DuckDBStorageManager) -> None:
    storage.execute_sql(KEYED)
    storage.execute_sql("CREATE INDEX by_letter ON letters (letter)")
    before = constraints(storage)
    assert len(before) >= 4
    schema = ibis.schema({"n": "int64", "letter": "string"})
    # The same keys again, and in other types and order.
    given = pa.table({"letter": ["a", "b", "c"], "n": pa.array([1, 2, 3], pa.int8())})
    for _ in range(3):
        storage.persist_atomic(given, "letters", schema)
        assert stored(storage) == ALL
    assert constraints(storage) == before
    storage.persist_atomic(storage.read_table("letters").filter(ibis._.n > 1), "letters", schema)
    assert stored(storage) == ALL[1:]
    for wrong in ([("z", 1)], [("a", 1), ("b", 1)], [(None, 1)], [("a", None)]):
        letters, numbers = zip(*wrong, strict=True)
        bad = pa.table(
            {"letter": pa.array(letters, pa.string()), "n": pa.array(numbers, pa.int64())}
        )
        with pytest.raises(ContractViolationError):
            storage.persist_atomic(bad, "letters", schema)
        assert stored(storage) == ALL[1:]
    assert constraints(storage) == before


def test_persist_atomic_makes_a_table_of_the_schema(storage: DuckDBStorageManager) -> None:
    schema = ibis.schema({"n": "!int16", "letter": "string"})
    storage.persist_atomic(LETTERS, "letters", schema)
    assert storage.read_table("letters").schema() == schema
    assert stored(storage) == ALL
    with pytest.raises(InvalidOperationError, match="lack the columns letter"):
        storage.persist_atomic(LETTERS.select(["n"]), "letters", schema)
    with pytest.raises(ContractViolationError, match="type"):
        storage.persist_atomic(pa.table({"n": ["x"], "letter": ["a"]}), "letters", schema)
    assert stored(storage) == ALL


def test_persist_atomic_keeps_a_pipeline_tables_contract(pipeline: DuckDBStorageManager) -> None:
    one = message_table(messages()[:1])
    pipeline.persist_atomic(one, "messages", MESSAGES.schema)
    assert pipeline.row_count("messages") == 1
    with pytest.raises(ContractViolationError):
        pipeline.persist_atomic(pa.concat_tables([one, one]), "messages", MESSAGES.schema)
    assert pipeline.row_count("messages") == 1


def test_rows_are_replaced_by_the_values_of_columns(storage: DuckDBStorageManager) -> None:
    storage.write_table(pa.concat_tables([LETTERS, LETTERS]), "letters")
    storage.replace_rows(
        "letters", pa.table({"n": [9], "letter": ["i"]}), by_keys={"n": 2, "letter": "b"}
    )
    assert stored(storage) == sorted([ALL[0], ALL[2], ALL[0], ALL[2], (9, "i")])
    storage.replace_rows("letters", LETTERS.slice(0, 0), by_keys={"letter": "x' OR 'a' = 'a"})
    assert storage.row_count("letters") == 5


def test_rows_are_replaced_by_those_that_agree_with_them(storage: DuckDBStorageManager) -> None:
    storage.write_table(pa.table({"n": [1, 1, None, 4], "letter": ["a", "b", "c", "d"]}), "letters")
    given = pa.table({"n": [1, None, 5], "letter": ["A", "C", "E"]})
    storage.replace_rows("letters", given, by_keys=["n"])
    assert storage.execute_query("FROM letters ORDER BY letter") == [
        (1, "A"),
        (None, "C"),
        (5, "E"),
        (4, "d"),
    ]
    storage.replace_rows("letters", storage.read_table("letters"), by_keys=["n", "letter"])
    assert storage.row_count("letters") == 4


@pytest.mark.parametrize("keys", [[], {}, (), ["other"], {"other": 1}, ["n", 'n" = "n']])
def test_rows_are_not_replaced_without_keys_of_the_table(
    storage: DuckDBStorageManager, keys: Any
) -> None:
    storage.write_table(LETTERS, "letters")
    with pytest.raises(InvalidOperationError):
        storage.replace_rows("letters", LETTERS, by_keys=keys)
    assert stored(storage) == ALL


def test_replaced_rows_come_back_when_the_new_ones_are_refused(
    pipeline: DuckDBStorageManager,
) -> None:
    before = rows(pipeline, "messages")
    bad = messages()[0] | {"kind": "shouted"}
    with pytest.raises(ContractViolationError):
        pipeline.replace_rows("messages", message_table([bad]), by_keys={"thread_id": "chat"})
    assert rows(pipeline, "messages") == before
    good = messages()[0] | {"content": "corrected"}
    pipeline.replace_rows("messages", message_table([good]), by_keys=["message_id"])
    assert [row["content"] for row in rows(pipeline, "messages")] == ["hi", "corrected"]


# Views


def test_a_view_is_temporary_and_leaves_the_pipelines_own_as_it_is(
    pipeline: DuckDBStorageManager,
) -> None:
    pipeline.execute_sql("CREATE VIEW chunks AS SELECT 'their own' AS content")
    made = pipeline.execute_view("chunks", COMMON_VIEWS["chunks"], "messages")
    assert made.select("content", "chunk_idx").to_pyarrow().to_pylist() == [
        {"content": "hello", "chunk_idx": 0},
        {"content": "hi", "chunk_idx": 1},
    ]
    assert pipeline.execute_query("SELECT content FROM chunks ORDER BY ALL") == [
        ("hello",),
        ("hi",),
    ]
    assert pipeline.row_count("chunks") == 2
    assert pipeline.db_path
    assert query(pipeline.db_path, "FROM chunks") == [("their own",)]
    # A view of this very name shows what the name stands for in the database.
    over = pipeline.execute_view("chunks", lambda t: t.mutate(more=1), "chunks")
    assert over.to_pyarrow().to_pylist() == [{"content": "their own", "more": 1}]
    pipeline.drop_table("chunks")
    assert pipeline.execute_query("FROM chunks") == [("their own",)]
    pipeline.drop_table("chunks")
    assert not pipeline.table_exists("chunks")


def from_on(least: int) -> Callable[[ir.Table], ir.Table]:
    return lambda table: table.filter(table.n >= least)


def test_a_view_of_a_view_may_be_made_again_and_again(storage: DuckDBStorageManager) -> None:
    storage.write_table(LETTERS, "letters")
    for least in (1, 2, 3):
        storage.execute_view("late", from_on(least), "letters")
        later = storage.execute_view("later", lambda t: t.mutate(n=-t.n), "late")
        assert later.count().to_pyarrow().as_py() == 4 - least
    assert storage.list_tables() == ["letters"]
    storage.write_table(LETTERS, "letters", mode="append")
    assert storage.row_count("late") == 2


def test_other_threads_see_a_view_as_it_was_last_made(storage: DuckDBStorageManager) -> None:
    storage.write_table(LETTERS, "letters")
    with ThreadPoolExecutor(1) as other:
        view = storage.execute_view("late", lambda t: t.filter(t.n > 1), "letters")
        assert other.submit(view.count().to_pyarrow).result().as_py() == 2
        assert other.submit(storage.row_count, "late").result() == 2
        other.submit(storage.execute_view, "late", lambda t: t.filter(t.n > 2), "letters").result()
        assert storage.row_count("late") == 1
        storage.drop_table("late")
        assert not storage.table_exists("late")
        assert not other.submit(storage.table_exists, "late").result()


def test_a_view_whose_table_is_gone_says_so(storage: DuckDBStorageManager) -> None:
    storage.write_table(LETTERS, "letters")
    storage.execute_sql("CREATE VIEW late AS SELECT n FROM letters")
    storage.drop_table("letters")
    for ask in (storage.get_table_columns, storage.read_table, storage.row_count):
        with pytest.raises(TableInfoError) as caught:
            ask("late")
        assert caught.value.name == "late"
    storage.write_table(pa.table({"other": [1]}), "letters")
    with pytest.raises(TableInfoError):
        storage.read_table("late")
    storage.drop_table("late")
    storage.drop_table("letters")
    assert storage.list_tables() == []


# Queries


def test_values_of_a_query_are_bound(storage: DuckDBStorageManager) -> None:
    storage.write_table(LETTERS, "letters")
    hostile = "a'; DROP TABLE letters; --"
    assert storage.execute_query("FROM letters WHERE letter = ?", [hostile]) == []
    assert storage.execute_query("FROM letters WHERE letter = $x", {"x": "b"}) == [(2, "b")]
    assert storage.execute_query("FROM letters ORDER BY n") == ALL
    assert storage.execute_query_single("FROM letters ORDER BY n DESC") == (3, "c")
    assert storage.execute_query_single("FROM letters WHERE n = ?", (9,)) is None
    assert storage.execute_query_single("SELECT ?", [hostile]) == (hostile,)
    result: object = storage.execute_sql("INSERT INTO letters VALUES (?, ?)", [4, hostile])  # type: ignore[func-returns-value]
    assert result is None
    assert storage.execute_query("SELECT letter FROM letters WHERE n = 4") == [(hostile,)]


def test_tables_are_listed_in_order_with_views_among_them(storage: DuckDBStorageManager) -> None:
    assert storage.list_tables() == []
    for name in ("zebra", "ant", "mole"):
        storage.write_table(LETTERS, name)
    storage.execute_sql("CREATE VIEW bee AS FROM ant")
    storage.execute_sql("ATTACH ':memory:' AS side")
    storage.execute_sql("CREATE TABLE side.elsewhere (a INTEGER)")
    assert storage.list_tables() == ["ant", "bee", "mole", "zebra"]
    assert not storage.table_exists("elsewhere")
    assert storage.get_table_columns("bee") == {"n", "letter"}


def test_an_index_is_dropped_by_its_name(storage: DuckDBStorageManager) -> None:
    storage.write_table(LETTERS, "letters")
    storage.execute_sql('CREATE INDEX "by ""n""" ON letters (n)')
    storage.drop_index('by "n"')
    assert storage.execute_query("FROM duckdb_indexes()") == []
    with pytest.raises(InvalidOperationError) as caught:
        storage.drop_index('by "n"')
    assert caught.value.name == 'by "n"'


# Checkpoints


@pytest.fixture
def wal(tmp_path: Path) -> Path:
    return tmp_path / "letters.duckdb.wal"


@pytest.fixture
def filed(tmp_path: Path) -> Iterator[DuckDBStorageManager]:
    with DuckDBStorageManager(tmp_path / "letters.duckdb") as manager:
        yield manager


def pending(wal: Path) -> bool:
    return wal.exists() and wal.stat().st_size > 0


def test_a_checkpoint_empties_the_log_beside_the_file(
    filed: DuckDBStorageManager, wal: Path
) -> None:
    filed.write_table(LETTERS, "letters", checkpoint=False)
    assert pending(wal)
    filed.checkpoint()
    assert not pending(wal)
    filed.write_table(LETTERS, "letters")
    assert not pending(wal)
    filed.execute_sql("DELETE FROM letters WHERE n = 1")
    assert pending(wal)
    assert filed.read_table("letters").count().to_pyarrow().as_py() == 2
    assert not pending(wal)


def test_a_checkpoint_waits_for_the_next_while_another_connection_writes(
    filed: DuckDBStorageManager, wal: Path
) -> None:
    filed.write_table(LETTERS, "letters")
    with filed.backend.threads.cursor() as writer:
        writer.begin()
        writer.execute("UPDATE letters SET letter = 'x' WHERE n = 1")
        filed.execute_sql("INSERT INTO letters VALUES (4, 'd')")
        filed.checkpoint()
        assert pending(wal)
        assert stored(filed) == [*ALL, (4, "d")]
        filed.write_table(LETTERS, "others")
        writer.rollback()
    filed.checkpoint()
    assert not pending(wal)
    assert stored(filed, "others") == ALL


def test_a_checkpoint_does_not_disturb_readers(filed: DuckDBStorageManager) -> None:
    filed.write_table(pa.table({"n": range(100_000)}), "numbers")
    with filed.backend.threads.cursor() as reader:
        result = reader.execute("SELECT n FROM numbers ORDER BY n")
        assert result.fetchmany(2) == [(0,), (1,)]
        filed.execute_sql("DELETE FROM numbers WHERE n > 10")
        filed.checkpoint()
        assert sum(n for (n,) in result.fetchall()) == sum(range(100_000)) - 1
    assert filed.row_count("numbers") == 11


def test_the_end_of_the_block_checkpoints_and_closes(tmp_path: Path, wal: Path) -> None:
    path = tmp_path / "letters.duckdb"
    with DuckDBStorageManager(path) as storage:
        storage.write_table(LETTERS, "letters", checkpoint=False)
        in_another_thread(lambda: storage.row_count("letters"))
        storage.execute_sql("INSERT INTO letters VALUES (4, 'd')")
        assert pending(wal)
    assert not wal.exists()
    assert is_closed(path)
    assert query(path, "SELECT count(*) FROM letters") == [(4,)]


def test_the_file_is_let_go_of_when_the_block_fails(tmp_path: Path) -> None:
    path = tmp_path / "new" / "letters.duckdb"

    def fail() -> None:
        with DuckDBStorageManager(path) as storage:
            storage.write_table(LETTERS, "letters")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert is_closed(path)
    assert query(path, "SELECT count(*) FROM letters") == [(3,)]


def test_what_is_closed_stays_closed(storage: DuckDBStorageManager) -> None:
    storage.write_table(LETTERS, "letters")
    expression = storage.read_table("letters")
    storage.close()
    storage.close()
    attempts: list[Callable[[], Any]] = [
        lambda: storage.read_table("letters"),
        lambda: storage.write_table(LETTERS, "letters"),
        lambda: storage.execute_query("SELECT 1"),
        storage.list_tables,
        lambda: storage.connection().__enter__(),
        storage.checkpoint,
        lambda: storage.get_sequence_state("numbers"),
        expression.to_pyarrow,
    ]
    for attempt in attempts:
        with pytest.raises(InvalidOperationError, match="closed"):
            attempt()
        with pytest.raises(InvalidOperationError, match="closed"):
            in_another_thread(attempt)


# Managers over what is open already


def managers_over(connection: duckdb.DuckDBPyConnection) -> dict[str, DuckDBStorageManager]:
    return {
        "connection": DuckDBStorageManager.from_connection(connection),
        "backend": DuckDBStorageManager.from_ibis_backend(ibis.duckdb.from_connection(connection)),
    }


@pytest.mark.parametrize("over", ["connection", "backend"])
@pytest.mark.parametrize("file", [None, "letters.duckdb"])
def test_a_manager_over_a_connection_shares_it_and_leaves_it_open(
    tmp_path: Path, over: str, file: str | None
) -> None:
    with duckdb.connect(tmp_path / file if file else ":memory:") as connection:
        connection.execute("CREATE TEMP TABLE own AS SELECT 1 AS a")
        with managers_over(connection)[over] as storage:
            with storage.connection() as raw:
                assert raw is connection
                assert raw.execute("FROM own").fetchall() == [(1,)]
            storage.write_table(LETTERS, "letters")
            assert in_another_thread(lambda: storage.row_count("letters")) == 3
            assert storage.db_path == (tmp_path / file if file else None)
        assert connection.execute("SELECT count(*) FROM letters").fetchall() == [(3,)]
        with pytest.raises(InvalidOperationError, match="closed"):
            storage.list_tables()


def test_a_manager_over_another_managers_backend_sees_the_same() -> None:
    with temp_storage() as first, DuckDBStorageManager.from_ibis_backend(first.backend) as second:
        second.write_table(LETTERS, "letters")
        assert stored(first) == ALL


def test_a_backend_of_another_engine_is_refused() -> None:
    class Other:
        name = "sqlite"

    other: Any = Other()
    with pytest.raises(InvalidOperationError, match="sqlite") as caught:
        DuckDBStorageManager.from_ibis_backend(other)
    assert caught.value.name == "sqlite"


def test_databases_in_memory_are_each_their_own() -> None:
    with temp_storage() as first, temp_storage() as second:
        first.write_table(LETTERS, "letters")
        assert first.db_path is None
        assert second.list_tables() == []


def test_two_managers_of_one_file_share_it(tmp_path: Path) -> None:
    path = tmp_path / "letters.duckdb"
    with DuckDBStorageManager(path) as first, DuckDBStorageManager(path) as second:
        first.write_table(LETTERS, "letters")
        assert stored(second) == ALL
        second.close()
        assert stored(first) == ALL
    assert is_closed(path)


def test_the_default_backend_is_replaced_as_long_as_the_block_lasts() -> None:
    before = ibis.options.default_backend

    def fail() -> None:
        with duckdb_backend() as backend:
            assert ibis.get_backend() is backend
            assert ibis.memtable(LETTERS).count().execute() == 3
            with duckdb_backend() as inner:
                assert ibis.get_backend() is inner
            assert ibis.get_backend() is backend
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert ibis.options.default_backend is before


# Threads and processes


def test_expressions_of_one_thread_are_executed_and_joined_in_another(
    storage: DuckDBStorageManager,
) -> None:
    storage.write_table(LETTERS, "letters")
    letters = storage.read_table("letters")

    def joined() -> list[dict[str, Any]]:
        own = storage.read_table("letters").filter(ibis._.n > 1).select("n")
        storage.write_table(letters.semi_join(own, "n"), "late")
        found: list[dict[str, Any]] = letters.inner_join(own, "n").to_pyarrow().to_pylist()
        return sorted(found, key=lambda row: int(row["n"]))

    assert in_another_thread(joined) == LETTERS.to_pylist()[1:]
    assert stored(storage, "late") == ALL[1:]


def test_what_an_expression_holds_in_memory_is_known_in_every_thread(
    storage: DuckDBStorageManager,
) -> None:
    storage.write_table(LETTERS, "letters")
    wanted = ibis.memtable(pa.table({"n": [2, 3]}))
    late = storage.read_table("letters").semi_join(wanted, "n")
    for run in (lambda work: work(), in_another_thread, in_another_thread, lambda work: work()):
        assert run(lambda: late.count().to_pyarrow().as_py()) == 2
        run(lambda: storage.write_table(late, "late"))
        assert stored(storage, "late") == ALL[1:]


def test_each_thread_has_a_connection_of_its_own(storage: DuckDBStorageManager) -> None:
    barrier = threading.Barrier(4)

    def own() -> int:
        barrier.wait()
        with storage.connection() as first, storage.connection() as second:
            assert first is second
            barrier.wait()
            return id(first)

    with ThreadPoolExecutor(4) as executor:
        ids = [future.result() for future in [executor.submit(own) for _ in range(4)]]
    assert len(set(ids)) == 4


def test_a_transaction_of_one_thread_is_not_that_of_another(storage: DuckDBStorageManager) -> None:
    storage.write_table(LETTERS, "letters")

    def fail() -> None:
        with storage.transaction() as connection:
            connection.execute("DELETE FROM letters")
            assert in_another_thread(lambda: storage.row_count("letters")) == 3
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert stored(storage) == ALL


def test_a_file_that_another_process_holds_is_waited_for_and_its_holder_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pipeline.duckdb"
    monkeypatch.setenv("EGREGORA_LOCK_TIMEOUT", "0.02")
    with held_by_another_process(path) as (pid, release):
        with pytest.raises(DatabaseLockedError, match=f"PID {pid}") as caught:
            DuckDBStorageManager(path)
        assert caught.value.path == path
        monkeypatch.setenv("EGREGORA_LOCK_TIMEOUT", "60")
        with ThreadPoolExecutor(1) as executor:
            opening = executor.submit(DuckDBStorageManager, path)
            assert not opening.done()
            release.write("\n")
            release.close()
            with opening.result() as storage:
                assert storage.row_count("held") == 0


@pytest.mark.parametrize("content", [b"not a database" * 1000, b"\0" * 20_000, os.urandom(20_000)])
def test_what_is_no_database_is_named_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.duckdb"
    path.write_bytes(content)
    with pytest.raises(DatabaseOpenError, match=r"notes\.duckdb") as caught:
        DuckDBStorageManager(path)
    assert caught.value.path == path
    assert path.read_bytes() == content
    assert names(tmp_path) == ["notes.duckdb"]


def test_a_database_that_broke_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "numbers.duckdb"
    with DuckDBStorageManager(path) as storage:
        storage.write_table(pa.table({"n": range(1_000_000)}), "numbers")
    content = bytearray(path.read_bytes())
    for place in range(3 * 4096 + 1000, len(content), 100_000):
        content[place] ^= 0xFF
    path.write_bytes(content)

    def read() -> None:
        with DuckDBStorageManager(path) as storage:
            storage.read_table("numbers").to_pyarrow()

    with pytest.raises((DatabaseOpenError, duckdb.Error), match=r"numbers\.duckdb"):
        read()
    assert path.read_bytes() == content
    assert names(tmp_path) == ["numbers.duckdb"]
