"""Sequences give each number once, whoever asks."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from egregora_dag.database.duckdb_manager import DuckDBStorageManager, SequenceState
from egregora_dag.database.exceptions import (
    InvalidOperationError,
    InvalidTableNameError,
    SequenceCreationError,
    SequenceError,
    SequenceFetchError,
    SequenceNotFoundError,
    TableNotFoundError,
)

FAR = 100_000_001


@pytest.fixture(params=["file", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DuckDBStorageManager]:
    path = tmp_path / "numbers.duckdb" if request.param == "file" else None
    with DuckDBStorageManager(path) as manager:
        yield manager


def test_a_sequence_counts_from_its_start(storage: DuckDBStorageManager) -> None:
    storage.ensure_sequence("numbers", start=5)
    assert storage.get_sequence_state("numbers") == SequenceState("numbers", 5, 1, None)
    assert storage.get_sequence_state("numbers").next_value == 5
    assert storage.next_sequence_value("numbers") == 5
    assert storage.next_sequence_values("numbers", count=3) == [6, 7, 8]
    state = storage.get_sequence_state("numbers")
    assert (state.last_value, state.next_value) == (8, 9)
    assert storage.next_sequence_values("numbers", count=1) == [9]


def test_without_a_start_a_sequence_counts_from_one(storage: DuckDBStorageManager) -> None:
    storage.ensure_sequence("numbers")
    assert storage.next_sequence_values("numbers", count=3000) == list(range(1, 3001))


def test_a_sequence_that_is_there_goes_on(storage: DuckDBStorageManager) -> None:
    storage.ensure_sequence("numbers", start=5)
    storage.next_sequence_value("numbers")
    storage.ensure_sequence("numbers", start=100)
    assert storage.next_sequence_value("numbers") == 6


def test_names_are_found_whatever_their_case(storage: DuckDBStorageManager) -> None:
    storage.ensure_sequence("Numbers")
    storage.ensure_sequence("NUMBERS", start=50)
    assert storage.next_sequence_value("numbers") == 1
    assert storage.get_sequence_state("nuMbers").sequence_name == "Numbers"


def test_a_sequence_that_somebody_else_made_is_drawn_from_whatever_its_name(
    storage: DuckDBStorageManager,
) -> None:
    storage.execute_sql(
        "CREATE SEQUENCE \"odd.name 'of' it\" START 10 INCREMENT -2 MINVALUE 1 MAXVALUE 10"
    )
    name = "odd.name 'of' it"
    assert storage.get_sequence_state(name) == SequenceState(name, 10, -2, None)
    assert storage.next_sequence_values(name, count=2) == [10, 8]
    assert storage.get_sequence_state(name).next_value == 6


def test_a_sequence_with_double_quotes_in_its_name_cannot_be_drawn_from(
    storage: DuckDBStorageManager,
) -> None:
    storage.execute_sql('CREATE SEQUENCE "a ""quoted"" name"')
    assert storage.get_sequence_state('a "quoted" name').next_value == 1
    with pytest.raises(SequenceFetchError) as caught:
        storage.next_sequence_value('a "quoted" name')
    assert caught.value.name == 'a "quoted" name'


def test_a_sequence_that_is_not_there_is_named(storage: DuckDBStorageManager) -> None:
    storage.write_table(pa.table({"n": [1]}), "things")
    attempts: list[Callable[[], Any]] = [
        lambda: storage.get_sequence_state("numbers"),
        lambda: storage.next_sequence_value("numbers"),
        lambda: storage.next_sequence_values("numbers", count=2),
        lambda: storage.sync_sequence_with_table("numbers", table="things", column="n"),
        lambda: storage.ensure_sequence_default("things", "n", "numbers"),
    ]
    for attempt in attempts:
        with pytest.raises(SequenceNotFoundError, match="ensure_sequence") as caught:
            attempt()
        assert caught.value.name == "numbers"


@pytest.mark.parametrize("count", [0, -1, -(2**70)])
def test_fewer_than_one_number_cannot_be_drawn(storage: DuckDBStorageManager, count: int) -> None:
    storage.ensure_sequence("numbers")
    with pytest.raises(InvalidOperationError, match="at least 1") as caught:
        storage.next_sequence_values("numbers", count=count)
    assert caught.value.name == "numbers"
    assert storage.get_sequence_state("numbers").last_value is None


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a.b", 'a"b', "a;b", "a b"])
def test_a_name_that_is_none_is_refused(storage: DuckDBStorageManager, name: str) -> None:
    with pytest.raises(InvalidTableNameError) as caught:
        storage.ensure_sequence(name)
    assert caught.value.name == name
    with pytest.raises(SequenceNotFoundError):
        storage.next_sequence_value(name)
    assert storage.execute_query("FROM duckdb_sequences()") == []


def test_a_sequence_cannot_begin_where_none_can(storage: DuckDBStorageManager) -> None:
    for start in (0, -5):
        with pytest.raises(SequenceCreationError) as caught:
            storage.ensure_sequence("numbers", start=start)
        assert caught.value.name == "numbers"
        assert isinstance(caught.value, SequenceError)
    with pytest.raises(SequenceCreationError):
        storage.ensure_sequence("numbers", start=2**70)
    assert storage.execute_query("FROM duckdb_sequences()") == []


def test_a_sequence_that_is_used_up_says_so(storage: DuckDBStorageManager) -> None:
    storage.execute_sql("CREATE SEQUENCE few MAXVALUE 3")
    storage.write_table(pa.table({"n": [10]}), "things")
    for attempt in (
        lambda: storage.sync_sequence_with_table("few", table="things", column="n"),
        lambda: storage.next_sequence_values("few", count=4),
    ):
        with pytest.raises(SequenceFetchError) as caught:
            attempt()
        assert caught.value.name == "few"


def test_threads_never_get_the_same_number(storage: DuckDBStorageManager) -> None:
    storage.ensure_sequence("numbers")

    def draw(_: int) -> list[int]:
        drawn = [storage.next_sequence_value("numbers") for _ in range(20)]
        for count in (1, 7, 12):
            several = storage.next_sequence_values("numbers", count=count)
            assert several == sorted(several)
            drawn += several
        storage.ensure_sequence("numbers")
        return drawn

    with ThreadPoolExecutor(8) as executor:
        drawn = [number for numbers in executor.map(draw, range(8)) for number in numbers]
    assert len(drawn) == 8 * 40
    assert sorted(drawn) == list(range(1, 321))


def test_numbers_are_not_given_again_after_the_file_was_closed(tmp_path: Path) -> None:
    path = tmp_path / "numbers.duckdb"
    for expected in ([1, 2], [3, 4]):
        with DuckDBStorageManager(path) as storage:
            storage.ensure_sequence("numbers")
            assert storage.next_sequence_values("numbers", count=2) == expected


@pytest.mark.parametrize(
    ("drawn", "column", "expected"),
    [
        (0, [7, None, 3], 8),
        (0, [1], 2),
        (4, [2], 5),
        (4, [4], 5),
        (0, [], 1),
        (3, [None], 4),
        (0, [-9], 1),
        (0, [250_000], 250_001),
    ],
)
def test_a_sequence_moves_past_what_a_column_holds(
    storage: DuckDBStorageManager, drawn: int, column: list[int | None], expected: int
) -> None:
    storage.ensure_sequence("numbers")
    storage.write_table(pa.table({"n": pa.array(column, pa.int64())}), "things")
    if drawn:
        storage.next_sequence_values("numbers", count=drawn)
    for _ in range(2):
        storage.sync_sequence_with_table("numbers", table="things", column="n")
    assert storage.next_sequence_value("numbers") == expected


def test_a_sequence_moves_past_a_gap_of_any_size(storage: DuckDBStorageManager) -> None:
    storage.ensure_sequence("numbers")
    storage.next_sequence_values("numbers", count=3)
    storage.write_table(pa.table({"n": [5 * FAR]}), "things")
    storage.sync_sequence_with_table("NUMBERS", table="things", column="N")
    assert storage.next_sequence_values("numbers", count=2) == [5 * FAR + 1, 5 * FAR + 2]


def test_the_default_of_a_column_is_not_moved_past_a_wide_gap(
    storage: DuckDBStorageManager,
) -> None:
    storage.ensure_sequence("numbers")
    storage.write_table(pa.table({"n": [2 * FAR]}), "things")
    storage.ensure_sequence_default("things", "n", "numbers")
    with pytest.raises(InvalidOperationError, match="default of a column") as caught:
        storage.sync_sequence_with_table("numbers", table="things", column="n")
    assert caught.value.name == "numbers"
    assert storage.next_sequence_value("numbers") == 1


def test_a_row_without_a_number_gets_the_next_one(storage: DuckDBStorageManager) -> None:
    storage.execute_sql('CREATE TABLE things ("the ""n""" BIGINT, name TEXT)')
    storage.ensure_sequence("numbers", start=10)
    for _ in range(2):
        storage.ensure_sequence_default("things", 'the "n"', "numbers")
    for name in ("a", "b"):
        storage.write_table(pa.table({"name": [name]}), "things", mode="append")
    assert storage.execute_query("FROM things ORDER BY ALL") == [(10, "a"), (11, "b")]


def test_what_is_synchronised_with_must_be_there(storage: DuckDBStorageManager) -> None:
    storage.ensure_sequence("numbers")
    storage.write_table(pa.table({"n": [1]}), "things")
    for table, column, error in (
        ("nothing", "n", TableNotFoundError),
        ("things", "m", InvalidOperationError),
        ("things", 'n") FROM things --', InvalidOperationError),
        ("a b", "n", InvalidTableNameError),
    ):
        with pytest.raises(error):
            storage.sync_sequence_with_table("numbers", table=table, column=column)
        with pytest.raises(error):
            storage.ensure_sequence_default(table, column, "numbers")
    assert storage.get_sequence_state("numbers").last_value is None


def test_a_column_that_holds_no_numbers_is_refused(storage: DuckDBStorageManager) -> None:
    storage.ensure_sequence("numbers")
    for values in (["one"], [1.5], [float("nan")]):
        storage.write_table(pa.table({"n": values}), "things")
        with pytest.raises(InvalidOperationError, match="whole numbers") as caught:
            storage.sync_sequence_with_table("numbers", table="things", column="n")
        assert caught.value.name == "n"


def test_no_sequence_moves_past_the_last_number(storage: DuckDBStorageManager) -> None:
    storage.ensure_sequence("numbers")
    storage.write_table(pa.table({"n": [2**63 - 1]}), "things")
    with pytest.raises(SequenceCreationError):
        storage.sync_sequence_with_table("numbers", table="things", column="n")
    assert storage.next_sequence_value("numbers") == 1
