"""Rows get into tables in one way: written and verified in one transaction."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest

from egregora_dag.database import connections
from egregora_dag.database.contracts import Column as Col
from egregora_dag.database.contracts import Contract, inferred_contract
from egregora_dag.database.contracts import Reference as Ref
from egregora_dag.database.exceptions import ContractViolationError
from egregora_dag.database.schemas import MESSAGES, THREADS
from egregora_dag.database.tables import Rows, stored_schema
from egregora_dag.database.writing import Dimension, Slice, Written, write_rows, write_view
from egregora_dag_tests.conftest import at, message_rows, message_table, query

SECRET = "the-garden-gate-code"
PLACES = Contract(
    "places",
    "A place.",
    {
        "id": Col("!int64", "Its number."),
        "part": Col("!string", "Its part."),
        "name": Col("string", "Its name.", allowed=("inn", "mill")),
        "made": Col("int64", "When it was first written."),
    },
    key=("id",),
    mode="merge",
    partition="part",
    keep=("made",),
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Path]:
    """A file that stays open, as opening it takes longer than what is done to it."""
    path = tmp_path / "their.duckdb"
    with connections.connect(path):
        yield path


def write(database: Path, contract: Contract, rows: Rows, **options: Any) -> Written:
    with connections.transaction(database) as connection:
        return write_rows(connection, contract, rows, **options)


def places(*rows: tuple[int, str, str | None, int]) -> pa.Table:
    names = ("id", "part", "name", "made")
    schema = pa.schema(
        {"id": pa.int64(), "part": pa.string(), "name": pa.string(), "made": pa.int64()}
    )
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema)


def of_part(*keys: str) -> Slice:
    return Slice(((Dimension("part", keys),),))


def stored(database: Path) -> list[tuple[Any, ...]]:
    return query(database, "FROM places ORDER BY ALL")


AB = (1, "a", "inn", 10), (2, "b", "mill", 10)


def test_append_adds_rows_and_replace_puts_them_in_place_of_all(database: Path) -> None:
    write(database, PLACES, places(AB[0]), mode="append")
    done = write(database, PLACES, places(AB[1]), mode="append")
    assert (done.rows, done.total, done.changed, done.sql) == (2, 2, 1, None)
    assert stored(database) == [*AB]
    done = write(database, PLACES, places((3, "c", None, 1)), mode="replace")
    assert (done.rows, done.total, done.changed) == (1, 1, 1)
    assert stored(database) == [(3, "c", None, 1)]


def test_merge_inserts_updates_and_leaves_alone_and_counts_what_changed(database: Path) -> None:
    write(database, PLACES, places(*AB))
    new = places((1, "a", "inn", 99), (2, "b", "inn", 99), (3, "b", None, 99))
    done = write(database, PLACES, new)
    # The first differs only in a column that keeps its first value.
    assert (done.total, done.changed) == (3, 2)
    assert stored(database) == [(1, "a", "inn", 10), (2, "b", "inn", 10), (3, "b", None, 99)]
    assert write(database, PLACES, new).changed == 0


def test_merge_sees_the_difference_between_null_and_a_value(database: Path) -> None:
    write(database, PLACES, places((1, "a", None, 1), (2, "a", "inn", 1)))
    assert write(database, PLACES, places((1, "a", "inn", 1), (2, "a", None, 1))).changed == 2
    assert stored(database) == [(1, "a", "inn", 1), (2, "a", None, 1)]


def test_a_slice_is_replaced_and_other_rows_stay(database: Path) -> None:
    write(database, PLACES, places(*AB, (3, "b", None, 1)), mode="replace")
    done = write(database, PLACES, places((4, "b", "inn", 1)), mode="replace", slice_=of_part("b"))
    assert (done.rows, done.total, done.changed) == (1, 2, 1)
    assert stored(database) == [AB[0], (4, "b", "inn", 1)]
    done = write(database, PLACES, places(), mode="replace", slice_=of_part("a", "b"))
    assert (done.rows, done.total) == (0, 0)


def test_a_slice_of_no_keys_or_parts_holds_nothing(database: Path) -> None:
    write(database, PLACES, places(*AB))
    for nothing in (Slice(()), of_part()):
        write(database, PLACES, places(), mode="replace", slice_=nothing)
        assert stored(database) == [*AB]


@pytest.mark.parametrize("mode", ["replace", "append", "merge"])
def test_rows_outside_the_slice_are_refused_with_their_number(database: Path, mode: Any) -> None:
    write(database, PLACES, places(*AB))
    rows = places((5, "a", None, 1), (6, "b", None, 1), (7, "b", None, 1))
    with pytest.raises(ContractViolationError, match="outside the partition") as caught:
        write(database, PLACES, rows, mode=mode, slice_=of_part("a"))
    assert caught.value.rows == 2
    assert stored(database) == [*AB]


def test_keys_may_look_like_sql_in_a_slice(database: Path) -> None:
    odd = "x' OR true --"
    write(database, PLACES, places(*AB, (3, odd, None, 1)))
    write(database, PLACES, places(), mode="replace", slice_=of_part(odd))
    assert stored(database) == [*AB]


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        (pa.date32(), [date(2025, 1, day) for day in (1, 2, 3)]),
        (pa.timestamp("us"), [datetime(2025, 1, day) for day in (1, 2, 3)]),
        (pa.timestamp("us", "UTC"), [datetime(2025, 1, day, tzinfo=UTC) for day in (1, 2, 3)]),
    ],
    ids=str,
)
def test_a_span_of_time_holds_its_start_and_not_its_end(
    database: Path, type_: pa.DataType, values: list[Any]
) -> None:
    rows = pa.table({"day": pa.array(values, type_)})
    contract = inferred_contract("days", ibis.Schema.from_pyarrow(rows.schema))
    write(database, contract, rows)
    spans = Slice(((Dimension("day", spans=((at("2025-01-02"), at("2025-01-03")),)),),))
    done = write(database, contract, rows.slice(0, 0), slice_=spans)
    assert (done.rows, done.total) == (0, 2)
    assert query(database, "SELECT day(day) FROM days ORDER BY 1") == [(1,), (3,)]


def test_several_dimensions_hold_a_row_only_together(database: Path) -> None:
    write(database, PLACES, places((1, "a", "inn", 1), (2, "a", "mill", 1), (3, "b", "inn", 1)))
    both = Slice(((Dimension("part", ("a",)), Dimension("name", ("inn",))),))
    write(database, PLACES, places(), mode="replace", slice_=both)
    assert [row[0] for row in stored(database)] == [2, 3]


def test_rows_computed_by_the_engine_report_their_sql(database: Path) -> None:
    write(database, PLACES, places(*AB))
    table = PLACES.table()
    done = write(database, PLACES, table.mutate(name=ibis.literal("inn")))
    assert done.changed == 1
    assert done.sql is not None
    assert '"places"' in done.sql
    assert [row[2] for row in stored(database)] == ["inn", "inn"]


@pytest.mark.parametrize("mode", ["replace", "append", "merge"])
def test_a_table_may_be_written_from_what_it_holds(database: Path, mode: Any) -> None:
    write(database, PLACES, places(*AB))
    table = PLACES.table()
    more = table.mutate(id=(table.id + 10).cast("!int64"))
    rows = more if mode == "append" else table.union(more)
    done = write(database, PLACES, rows, mode=mode)
    assert done.total == 4
    assert [row[0] for row in stored(database)] == [1, 2, 11, 12]


def test_a_slice_may_be_written_from_what_it_holds(database: Path) -> None:
    write(database, PLACES, places(*AB))
    table = PLACES.table()
    moved = table.filter(table.part == "b").mutate(made=table.made + 1)
    write(database, PLACES, moved, mode="replace", slice_=of_part("b"))
    assert stored(database) == [AB[0], (2, "b", "mill", 11)]


def test_a_record_batch_reader_is_read_once_and_whole(database: Path) -> None:
    many = places(*((n, "a", None, n) for n in range(5000)))
    reader = pa.RecordBatchReader.from_batches(many.schema, many.to_batches(max_chunksize=700))
    done = write(database, PLACES, reader)
    assert (done.total, done.changed) == (5000, 5000)


@pytest.mark.parametrize(
    "name", ['od"d', "it's", "select", "a b", "naïve", "a.b", "x; DROP TABLE t"]
)
@pytest.mark.parametrize("mode", ["replace", "append", "merge"])
def test_names_may_be_anything(database: Path, name: str, mode: Any) -> None:
    rows = pa.table({name: [1, 2], "from": ["a", "b"]})
    schema = ibis.Schema.from_pyarrow(rows.schema)
    contract = inferred_contract(name, schema, key=[name], mode=mode)
    slice_ = Slice(((Dimension("from", ("a", "b")),),))
    for _ in range(1 if mode == "append" else 2):
        done = write(database, contract, rows, schema=name.replace(".", " "), slice_=slice_)
        assert done.total == 2
    with connections.connect(database) as connection:
        found = stored_schema(connection, name, name.replace(".", " "))
    assert found is not None
    assert list(found) == [name, "from"]


def test_the_columns_may_come_in_any_order(database: Path) -> None:
    write(database, PLACES, places(*AB).select(["made", "name", "part", "id"]))
    assert stored(database) == [*AB]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (places(*AB).drop(["name"]), "column 'name' is missing"),
        (places(*AB).append_column("more", pa.array([1, 2])), "column 'more' is not expected"),
        (
            places(*AB).set_column(0, "id", pa.array([1.5, 2.5])),
            "column 'id' is DOUBLE, expected BIGINT",
        ),
    ],
)
def test_wrong_columns_are_named_and_nothing_is_made(
    database: Path, rows: pa.Table, said: str
) -> None:
    with pytest.raises(ContractViolationError, match=said) as caught:
        write(database, PLACES, rows)
    assert caught.value.name == "places"
    assert query(database, "FROM duckdb_tables()") == []


def test_a_stored_table_of_other_columns_is_refused_unless_it_is_replaced_whole(
    database: Path,
) -> None:
    old = inferred_contract("places", ibis.schema({"id": "int64"}))
    write(database, old, pa.table({"id": [1]}))
    with pytest.raises(ContractViolationError, match="the stored table does not fit"):
        write(database, PLACES, places(*AB))
    assert query(database, "FROM places") == [(1,)]
    new = inferred_contract("places", PLACES.schema)
    write(database, new, places(*AB))
    assert stored(database) == [*AB]


@pytest.mark.parametrize(
    ("ids", "rows", "keys"),
    [
        ([3, 3, 4, 4, 4, 5], 5, ("3", "4")),
        ([n // 2 for n in range(16)], 16, ("0", "1", "2", "3", "4")),
    ],
)
@pytest.mark.parametrize("mode", ["replace", "append", "merge"])
def test_a_repeated_key_is_told_with_rows_and_up_to_five_keys(
    database: Path, mode: Any, ids: list[int], rows: int, keys: Sequence[str]
) -> None:
    with pytest.raises(ContractViolationError, match="key id is not unique") as caught:
        write(database, PLACES, places(*((n, "a", None, 1) for n in ids)), mode=mode)
    assert (caught.value.rows, caught.value.keys) == (rows, tuple(keys))
    assert f"in {rows} rows ({', '.join(keys)}" in str(caught.value)
    assert query(database, "FROM duckdb_tables()") == []


def test_a_key_that_stands_in_another_partition_is_refused(database: Path) -> None:
    write(database, PLACES, places(*AB))
    with pytest.raises(ContractViolationError, match="not unique") as caught:
        write(database, PLACES, places((1, "b", None, 1)), mode="replace", slice_=of_part("b"))
    assert caught.value.keys == ("1",)
    assert stored(database) == [*AB]


def test_a_second_unique_key_is_held_too(database: Path) -> None:
    contract = Contract("places", "", PLACES.columns, key=("id",), unique=(("part", "made"),))
    with pytest.raises(ContractViolationError, match="key part, made is not unique") as caught:
        write(database, contract, places((1, "a", None, 5), (2, "a", None, 5)))
    assert caught.value.keys == ("a 5",)


def test_a_reference_that_finds_nothing_is_told_with_keys_and_nulls_refer_to_nothing(
    database: Path,
) -> None:
    write(database, PLACES, places(*AB))
    visits = Contract(
        "visits",
        "A visit.",
        {"visit": Col("!int64", ""), "place": Col("int64", ""), "kind": Col("!string", "")},
        key=("visit",),
        mode="append",
        references=(Ref(("place",), "places", ("id",), where={"kind": "real"}),),
    )

    def visit(place: int | None, kind: str = "real", number: int = 7) -> Written:
        rows = pa.table({"visit": [number], "place": pa.array([place], pa.int64()), "kind": [kind]})
        return write(database, visits, rows)

    with pytest.raises(ContractViolationError, match="place refers to nothing in places") as caught:
        visit(99)
    assert (caught.value.rows, caught.value.keys) == (1, ("7",))
    for number, (place, kind) in enumerate([(1, "real"), (None, "real"), (99, "dreamt")]):
        assert visit(place, kind, number).changed == 1


def test_the_rules_of_the_warehouse_hold_for_a_write_through_it(warehouse: Any) -> None:
    [row] = message_rows("nowhere", [(at("2025-01-01"), "Ada", SECRET)])
    with pytest.raises(ContractViolationError, match="thread_id refers to nothing") as caught:
        warehouse.write(MESSAGES, message_table([row]))
    assert caught.value.keys == (row["message_id"],)
    for wrong in ({"kind": SECRET}, {"content": None}, {"author": None}):
        with pytest.raises(ContractViolationError) as caught:
            warehouse.write(MESSAGES, message_table([row | wrong]))
        assert SECRET not in str(caught.value)
    assert query(warehouse.path, "FROM messages") == []


def test_no_value_of_a_row_is_told_when_it_does_not_fit_its_column(database: Path) -> None:
    with pytest.raises(ContractViolationError) as caught:
        write(database, PLACES, places(*AB).set_column(0, "id", pa.array([SECRET, "1"])))
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in str(error)
        assert error.__suppress_context__ or error.__context__ is None
        error = error.__cause__
    assert "cannot be stored in its column's type" in str(caught.value)


def test_no_value_of_a_row_is_told_when_a_computed_one_does_not_fit(database: Path) -> None:
    rows = ibis.memtable(pa.table({"text": [SECRET]}))
    contract = inferred_contract("numbers", ibis.schema({"n": "int64"}))
    with pytest.raises(ContractViolationError) as caught:
        write(database, contract, rows.select(n=rows.text.cast("int64")))
    assert SECRET not in str(caught.value)


def test_text_of_uuids_and_json_is_stored_as_such(warehouse: Any) -> None:
    rows = pa.table(
        {
            "thread_id": ["a"],
            "title": ["A"],
            "source": ["test"],
            "timezone": ["UTC"],
            "settings": ['{"x": 1}'],
            "created_at": pa.array([at("2025-01-01")], pa.timestamp("us", "UTC")),
        }
    )
    warehouse.write(THREADS, rows)
    assert query(warehouse.path, "SELECT settings->>'x' FROM threads") == [("1",)]
    bad = rows.set_column(4, "settings", pa.array([f"{{{SECRET}"]))
    with pytest.raises(ContractViolationError) as caught:
        warehouse.write(THREADS, bad)
    assert SECRET not in str(caught.value)


def test_nothing_temporary_stays_behind(database: Path) -> None:
    with connections.connect(database), pytest.raises(ContractViolationError):
        write(database, PLACES, places(AB[0], AB[0]))
    with connections.connect(database) as connection:
        with connections.transaction(database) as writer:
            for mode in ("merge", "replace"):
                write_rows(writer, PLACES, places(*AB), mode=mode)
        found = connection.execute(
            "SELECT table_name FROM duckdb_tables() UNION ALL "
            "SELECT view_name FROM duckdb_views() WHERE NOT internal"
        ).fetchall()
    assert found == [("places",)]


def test_a_view_names_no_catalog_so_that_a_copy_of_the_file_shows_its_own_rows(
    tmp_path: Path,
) -> None:
    database, copy = tmp_path / "theirs.duckdb", tmp_path / "copy.duckdb"
    write(database, PLACES, places(*AB))
    with connections.transaction(database) as connection:
        table = PLACES.table()
        sql = write_view(connection, "in'ns", table.filter(table.name == "inn"))
    assert "theirs" not in sql
    copy.write_bytes(database.read_bytes())
    write(copy, PLACES, places((9, "z", "inn", 1)))
    assert query(copy, """SELECT id FROM "in'ns" ORDER BY 1""") == [(1,), (9,)]
    assert query(database, """SELECT id FROM "in'ns" """) == [(1,)]
