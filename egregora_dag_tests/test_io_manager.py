"""The IO manager on its own, in a project whose tables Egregora knows nothing of."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pytest
from dagster import (
    AssetExecutionContext,
    AssetIn,
    AssetsDefinition,
    AssetSelection,
    BackfillPolicy,
    DagsterInstance,
    DailyPartitionsDefinition,
    Definitions,
    DynamicPartitionsDefinition,
    ExecuteInProcessResult,
    MultiPartitionsDefinition,
    Output,
    StaticPartitionsDefinition,
    asset,
    define_asset_job,
    materialize,
)

from egregora_dag.database import connections
from egregora_dag.database.exceptions import ContractViolationError, DatabaseError
from egregora_dag.io_manager import DuckDBIbisIOManager

COLOURS = StaticPartitionsDefinition(["red", "it's", 'g"reen'])
DAYS = DailyPartitionsDefinition("2025-01-01", end_date="2025-01-11")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "their.duckdb"


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as instance:
        yield instance


def rows(database: Path, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    with duckdb.connect(database, read_only=True) as connection:
        return connection.execute(sql, parameters).fetchall()


def run(
    database: Path, assets: Sequence[AssetsDefinition], **options: Any
) -> ExecuteInProcessResult:
    resources = {"io_manager": DuckDBIbisIOManager(database=str(database))}
    return materialize(assets, resources=resources, **options)


def run_range(
    database: Path,
    instance: DagsterInstance,
    assets: Sequence[AssetsDefinition],
    first: str,
    last: str,
) -> ExecuteInProcessResult:
    definitions = Definitions(
        assets,
        jobs=[define_asset_job("all", AssetSelection.all())],
        resources={"io_manager": DuckDBIbisIOManager(database=str(database))},
    )
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    return definitions.resolve_job_def("all").execute_in_process(instance=instance, tags=tags)


@asset
def numbers() -> pa.Table:
    return pa.table({"n": pa.array(range(10), pa.int64()), "text": ["secret"] * 10})


@asset
def squares(numbers: ibis.Table) -> ibis.Table:
    return numbers.mutate(square=numbers.n * numbers.n)


@asset(metadata={"materialized": "view"})
def large(squares: ir.Table) -> ir.Table:
    return squares.filter(squares.square > 50)


@asset
def odd(squares: pa.Table) -> pa.RecordBatchReader:
    assert isinstance(squares, pa.Table)
    return squares.filter(pa.compute.equal(pa.compute.bit_wise_and(squares["n"], 1), 1)).to_reader()


def test_expressions_are_computed_by_duckdb_and_views_stay_views(database: Path) -> None:
    assert run(database, [numbers, squares, large, odd]).success
    assert rows(database, "SELECT sum(square) FROM squares") == [(285,)]
    assert rows(database, "SELECT count(*) FROM large") == [(2,)]
    assert rows(database, "SELECT list(n ORDER BY n) FROM odd") == [([1, 3, 5, 7, 9],)]
    tables = "SELECT table_name, table_type FROM information_schema.tables ORDER BY 1"
    assert rows(database, tables) == [
        ("large", "VIEW"),
        ("numbers", "BASE TABLE"),
        ("odd", "BASE TABLE"),
        ("squares", "BASE TABLE"),
    ]


def test_an_input_is_unbound_and_holds_no_connection(database: Path) -> None:
    run(database, [numbers])

    @asset
    def outsider(numbers: ibis.Table) -> ibis.Table:
        duckdb.connect(database, config={"threads": 1}).close()  # refused while the file is open
        return numbers

    assert run(database, [numbers, outsider]).success


def test_a_materialization_tells_rows_columns_sql_and_a_preview_without_text(
    database: Path,
) -> None:
    result = run(database, [numbers, squares])
    [event] = [
        e
        for e in result.get_asset_materialization_events()
        if e.asset_key and e.asset_key.path == ["squares"]
    ]
    metadata: dict[str, Any] = {k: v.value for k, v in event.materialization.metadata.items()}
    assert metadata["dagster/row_count"] == 10
    assert metadata["dagster/table_name"] == "main.squares"
    assert [c.name for c in metadata["dagster/column_schema"].columns] == ["n", "text", "square"]
    assert '"numbers"' in metadata["sql"]
    assert metadata["seconds"] >= 0
    assert set(metadata["preview"].records[0].data) == {"n", "square"}
    assert "secret" not in str(metadata)


@pytest.mark.parametrize("key", COLOURS.get_partition_keys())
def test_a_static_partition_replaces_its_own_rows_alone(database: Path, key: str) -> None:
    @asset(partitions_def=COLOURS, metadata={"partition_expr": "colour"})
    def painted(context: AssetExecutionContext) -> pa.Table:
        return pa.table({"colour": [context.partition_key] * 2, "n": [1, 2]})

    @asset(partitions_def=COLOURS, metadata={"partition_expr": "colour"})
    def counted(painted: ibis.Table) -> ibis.Table:
        return painted.group_by("colour").aggregate(n=painted.count())

    for each in [*COLOURS.get_partition_keys(), key]:
        assert run(database, [painted, counted], partition_key=each).success
    assert rows(database, "SELECT count(*) FROM painted") == [(6,)]
    assert rows(database, "SELECT n FROM counted WHERE colour = ?", key) == [(2,)]


def test_dynamic_partitions_in_one_run_and_all_of_them_downstream(
    database: Path, instance: DagsterInstance
) -> None:
    cities = DynamicPartitionsDefinition(name="cities")
    instance.add_dynamic_partitions("cities", ["a", "b'", "c", "d"])

    @asset(
        partitions_def=cities,
        metadata={"partition_expr": "city"},
        backfill_policy=BackfillPolicy.single_run(),
    )
    def visits(context: AssetExecutionContext) -> pa.Table:
        return pa.table(
            {"city": list(context.partition_keys), "n": [1] * len(context.partition_keys)}
        )

    assert run_range(database, instance, [visits], "b'", "c").success
    assert rows(database, "SELECT city FROM visits ORDER BY city") == [("b'",), ("c",)]

    @asset
    def total(visits: ibis.Table) -> ibis.Table:
        return visits.aggregate(n=visits.n.sum())

    @asset(metadata={"materialized": "view"})
    def all_visits(visits: ibis.Table) -> ibis.Table:
        return visits

    assert run_range(database, instance, [visits], "a", "d").success
    assert run(
        database, [visits, total, all_visits], selection=[total, all_visits], instance=instance
    ).success
    assert rows(database, "SELECT n FROM total") == [(4,)]
    # The view knows no partition keys: what is added later shows.
    [(sql,)] = rows(database, "SELECT sql FROM duckdb_views() WHERE view_name = 'all_visits'")
    assert "WHERE" not in sql


@pytest.mark.parametrize("type_", [pa.date32(), pa.timestamp("us"), pa.timestamp("us", "UTC")])
def test_time_windows_by_column_type(
    database: Path, instance: DagsterInstance, type_: pa.DataType
) -> None:
    @asset(
        partitions_def=DAYS,
        metadata={"partition_expr": "day"},
        backfill_policy=BackfillPolicy.single_run(),
    )
    def daily(context: AssetExecutionContext) -> pa.Table:
        days = [date.fromisoformat(key) for key in context.partition_keys]
        return pa.table({"day": pa.array(days, pa.date32()).cast(type_), "n": [1] * len(days)})

    assert run_range(database, instance, [daily], "2025-01-02", "2025-01-05").success
    assert run(database, [daily], partition_key="2025-01-03", instance=instance).success
    assert run(database, [daily], partition_key="2025-01-09", instance=instance).success
    assert rows(database, "SELECT count(*), count(DISTINCT day) FROM daily") == [(5, 5)]


def test_multi_dimensional_partitions(database: Path, instance: DagsterInstance) -> None:
    both = MultiPartitionsDefinition({"colour": COLOURS, "day": DAYS})

    @asset(partitions_def=both, metadata={"partition_expr": {"colour": "colour", "day": "on"}})
    def cells(context: AssetExecutionContext) -> pa.Table:
        colour, day = (
            both.get_partition_key_from_str(context.partition_key).keys_by_dimension[name]
            for name in ("colour", "day")
        )
        return pa.table({"colour": [colour], "on": [date.fromisoformat(day)]})

    for key in ("it's|2025-01-01", "it's|2025-01-02", "red|2025-01-01", "it's|2025-01-01"):
        assert run(database, [cells], partition_key=key, instance=instance).success
    assert rows(database, 'SELECT colour, day("on") FROM cells ORDER BY ALL') == [
        ("it's", 1),
        ("it's", 2),
        ("red", 1),
    ]


@pytest.mark.parametrize(("mode", "expected"), [("replace", 2), ("append", 4), ("merge", 3)])
def test_write_modes(database: Path, mode: str, expected: int) -> None:
    first = [1, 2]

    @asset(metadata={"write_mode": mode, "primary_key": ["id"] if mode == "merge" else []})
    def things() -> pa.Table:
        return pa.table({"id": first, "name": ["x"] * 2})

    run(database, [things])
    first = [2, 3]
    run(database, [things])
    assert rows(database, "SELECT count(*) FROM things") == [(expected,)]


def test_an_output_may_override_its_assets_write_mode(database: Path) -> None:
    rebuild = False

    @asset(metadata={"write_mode": "merge", "primary_key": ["id"]})
    def things() -> Output[pa.Table]:
        metadata = {"write_mode": "replace"} if rebuild else {}
        return Output(pa.table({"id": [int(rebuild)]}), metadata=metadata)

    run(database, [things])
    rebuild = True
    run(database, [things])
    assert rows(database, "SELECT id FROM things") == [(1,)]


def broken_rows() -> pa.RecordBatchReader:
    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"part": ["a"], "id": [7]})
        raise OSError("disk error")

    return pa.RecordBatchReader.from_batches(batches_schema(), batches())


def batches_schema() -> pa.Schema:
    return pa.schema({"part": pa.string(), "id": pa.int64()})


@pytest.mark.parametrize(
    "bad",
    [
        lambda: pa.table({"part": ["a", "a"], "id": [1, 1]}),  # key twice
        lambda: pa.table({"part": ["a"], "id": pa.array([None], pa.int64())}),  # null key
        lambda: pa.table({"part": ["b"], "id": [5]}),  # another partition's row
        lambda: pa.table({"part": ["a"], "idd": [5]}),  # wrong column
        lambda: ibis.memtable(pa.table({"part": ["a"], "id": ["x"]})).mutate(
            id=ibis.cases(
                (ibis.literal("x") == ibis.row_number().cast("string"), 1),
                else_=ibis.literal("x").cast("int64"),
            )
        ),  # fails while it is computed
        broken_rows,
    ],
)
def test_a_failed_materialization_leaves_the_rows_and_no_connection(
    database: Path, bad: Any
) -> None:
    fail = False

    @asset(
        partitions_def=StaticPartitionsDefinition(["a", "b"]),
        metadata={"partition_expr": "part", "primary_key": ["part", "id"]},
    )
    def parts(context: AssetExecutionContext) -> Any:
        return bad() if fail else pa.table({"part": [context.partition_key], "id": [1]})

    for key in ("a", "b"):
        run(database, [parts], partition_key=key)
    fail = True
    assert not run(database, [parts], partition_key="a", raise_on_error=False).success
    # Another configuration is refused as long as any connection to the file is open.
    with duckdb.connect(database, config={"threads": 1}) as connection:
        assert connection.execute("SELECT * FROM parts ORDER BY ALL").fetchall() == [
            ("a", 1),
            ("b", 1),
        ]


def test_an_exception_in_the_asset_leaves_the_rows(database: Path) -> None:
    run(database, [numbers])

    @asset(name="numbers")
    def raising() -> pa.Table:
        raise RuntimeError

    assert not run(database, [raising], raise_on_error=False).success
    assert rows(database, "SELECT count(*) FROM numbers") == [(10,)]


def test_an_asset_may_read_the_partition_it_replaces(database: Path) -> None:
    run(database, [numbers])

    @asset(name="numbers")
    def doubled() -> ibis.Table:
        stored = ibis.table({"n": "int64", "text": "string"}, name="numbers", database="main")
        return stored.union(stored)

    run(database, [doubled])
    assert rows(database, "SELECT count(*) FROM numbers") == [(20,)]


def test_key_prefixes_and_schema_names_are_quoted(database: Path) -> None:
    @asset(metadata={"schema": 'odd "schema"; DROP TABLE x --'}, name="select")
    def awkward() -> pa.Table:
        return pa.table({"from": [1], 'a"b': [2]})

    @asset(ins={"awkward": AssetIn(key=awkward.key)})
    def reader(awkward: ibis.Table) -> ibis.Table:
        return awkward

    assert run(database, [awkward, reader]).success
    assert rows(database, "SELECT * FROM reader") == [(1, 2)]


def test_missing_settings_are_named(database: Path) -> None:
    @asset(partitions_def=COLOURS)
    def lost() -> pa.Table:
        return pa.table({"colour": ["red"]})

    with pytest.raises(DatabaseError, match="partition_expr"):
        run(database, [lost], partition_key="red")

    @asset(metadata={"write_mode": "upsert"})
    def unknown() -> pa.Table:
        return pa.table({"a": [1]})

    with pytest.raises(DatabaseError, match="replace, append, merge"):
        run(database, [unknown])


def test_the_error_of_a_broken_key_names_rule_count_and_keys(database: Path) -> None:
    @asset(metadata={"primary_key": ["id"]})
    def repeated() -> pa.Table:
        return pa.table({"id": [3, 3, 4, 4, 5]})

    with pytest.raises(ContractViolationError) as caught:
        run(database, [repeated])
    assert caught.value.rows == 4
    assert caught.value.keys == ("3", "4")
    assert "is as it was" in str(caught.value)


def test_a_retry_after_a_failure_works_in_the_same_process(database: Path) -> None:
    def fail() -> None:
        with connections.transaction(database) as connection:
            connection.execute("CREATE TABLE x (a INTEGER)")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    run(database, [numbers])
    assert rows(database, "SELECT table_name FROM information_schema.tables") == [("numbers",)]
