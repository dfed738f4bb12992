"""The contracts, and the database that the migrations make: two descriptions of the same tables."""

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import ibis
import pytest
from duckdb import DuckDBPyConnection
from ibis.expr import datatypes as dt

from egregora_dag.database.contracts import (
    WRITE_MODES,
    Contract,
    differences,
    inferred_contract,
)
from egregora_dag.database.schemas import COMPARISONS, CONTRACTS, MESSAGES
from egregora_dag.database.tables import stored_schema

ALL = list(CONTRACTS.values())
ALLOWED = [(c, name) for c in ALL for name, column in c.columns.items() if column.allowed]
REQUIRED = [(c, name) for c in ALL for name in c.not_null]


def label(value: object) -> str:
    return value.name if isinstance(value, Contract) else str(value)


@pytest.fixture(scope="module")
def database(
    migrated: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DuckDBPyConnection]:
    copy = tmp_path_factory.mktemp("contracts") / "copy.duckdb"
    shutil.copy(migrated, copy)
    with duckdb.connect(copy) as connection:
        yield connection


def value_of(type_: dt.DataType) -> object:
    """Some value of a type."""
    if type_.is_struct():
        return {name: value_of(field) for name, field in type_.items()}
    values: dict[str, object] = {
        "String": "text",
        "UUID": uuid4(),
        "JSON": "{}",
        "Int64": 1,
        "Float64": 1.5,
        "Boolean": True,
        "Binary": b"\0",
        "Array": [],
        "Map": {},
        "Date": date(2025, 1, 1),
        "Timestamp": datetime(2025, 1, 1, tzinfo=UTC),
    }
    return values[type(type_).__name__]


def right_row(contract: Contract) -> dict[str, object]:
    """A row with every column filled that breaks no rule."""
    return {
        name: column.allowed[0] if column.allowed else value_of(contract.schema[name])
        for name, column in contract.columns.items()
    } | ({"post_b": "another"} if "post_b" in contract.columns else {})


def insert(connection: DuckDBPyConnection, contract: Contract, row: dict[str, object]) -> None:
    marks = ", ".join("?" * len(row))
    connection.begin()
    try:
        connection.execute(f'INSERT INTO "{contract.name}" VALUES ({marks})', list(row.values()))
    finally:
        connection.rollback()


def test_the_migrations_make_a_table_for_each_contract_and_no_other(
    database: DuckDBPyConnection,
) -> None:
    tables = database.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
    assert [name for (name,) in tables] == sorted(CONTRACTS)


@pytest.mark.parametrize("contract", ALL, ids=label)
def test_the_migrations_make_the_columns_of_the_contract(
    database: DuckDBPyConnection, contract: Contract
) -> None:
    stored = stored_schema(database, contract.name)
    assert stored is not None
    assert differences(contract.schema, stored) == []
    described = database.execute(f'DESCRIBE "{contract.name}"').fetchall()
    assert [name for name, *_ in described] == list(contract.columns)
    assert [name for name, _, null, *_ in described if null == "NO"] == list(contract.not_null)


@pytest.mark.parametrize("contract", ALL, ids=label)
def test_every_allowed_value_and_rule_is_a_check_of_the_table(
    database: DuckDBPyConnection, contract: Contract
) -> None:
    found = database.execute(
        "SELECT count(*) FROM duckdb_constraints() "
        "WHERE table_name = ? AND constraint_type = 'CHECK'",
        [contract.name],
    ).fetchone()
    listed = [column for column in contract.columns.values() if column.allowed]
    assert found == (len(listed) + len(contract.rules),)


@pytest.mark.parametrize("contract", ALL, ids=label)
def test_a_right_row_is_taken(database: DuckDBPyConnection, contract: Contract) -> None:
    insert(database, contract, right_row(contract))


@pytest.mark.parametrize(("contract", "column"), ALLOWED, ids=label)
def test_the_table_takes_every_allowed_value_and_no_other(
    database: DuckDBPyConnection, contract: Contract, column: str
) -> None:
    for value in contract.columns[column].allowed:
        row = right_row(contract) | {column: value}
        insert(database, contract, row | ({"author": None} if value == "system" else {}))
    for wrong in ("nonsense", "", contract.columns[column].allowed[0].upper()):
        with pytest.raises(duckdb.ConstraintException, match="CHECK"):
            insert(database, contract, right_row(contract) | {column: wrong})


@pytest.mark.parametrize(("contract", "column"), REQUIRED, ids=label)
def test_the_table_takes_no_null_where_the_contract_allows_none(
    database: DuckDBPyConnection, contract: Contract, column: str
) -> None:
    with pytest.raises(duckdb.ConstraintException, match=f"NOT NULL.*{contract.name}.{column}"):
        insert(database, contract, right_row(contract) | {column: None})


@pytest.mark.parametrize(
    ("kind", "author"), [("system", "Ada"), ("message", None), ("media", None)]
)
def test_the_table_takes_an_author_exactly_for_what_is_no_system_line(
    database: DuckDBPyConnection, kind: str, author: str | None
) -> None:
    with pytest.raises(duckdb.ConstraintException, match="CHECK"):
        insert(database, MESSAGES, right_row(MESSAGES) | {"kind": kind, "author": author})


def test_the_table_takes_no_comparison_of_a_post_with_itself(database: DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.ConstraintException, match="CHECK"):
        insert(database, COMPARISONS, right_row(COMPARISONS) | {"post_b": "text"})


@pytest.mark.parametrize("contract", ALL, ids=label)
def test_a_contract_speaks_only_of_columns_and_tables_that_exist(contract: Contract) -> None:
    named = {*contract.key, *contract.keep, *(name for key in contract.unique for name in key)}
    named |= {name for name in (contract.partition, contract.sequence) if name}
    for reference in contract.references:
        named |= {*reference.columns, *reference.where}
        assert set(reference.targets) <= set(CONTRACTS[reference.table].columns)
    assert named <= set(contract.columns)
    assert contract.key
    assert set(contract.key) <= set(contract.not_null)
    assert contract.mode in WRITE_MODES


@pytest.mark.parametrize("contract", ALL, ids=label)
def test_everything_in_a_contract_is_described(contract: Contract) -> None:
    assert contract.description.endswith(".")
    assert all(column.description.endswith(".") for column in contract.columns.values())


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"a": "!int64", "b": "string"}, []),
        ({"b": "string", "a": "!int64"}, []),
        ({"a": "!int64"}, ["column 'b' is missing"]),
        ({"a": "!int64", "b": "string", "c": "date"}, ["column 'c' is not expected"]),
        ({"a": "!int64", "b": "date"}, ["column 'b' is DATE, expected TEXT"]),
        ({"a": "int64", "b": "string"}, ["column 'a' is BIGINT, expected BIGINT NOT NULL"]),
    ],
)
def test_differences_name_the_column_and_both_types(
    found: dict[str, Any], expected: list[str]
) -> None:
    right = ibis.schema({"a": "!int64", "b": "string"})
    assert differences(right, ibis.schema(found)) == expected


def test_types_that_the_engine_stores_alike_do_not_differ() -> None:
    arrow = ibis.schema({"t": "timestamp('UTC', 9)", "s": "string"})
    assert differences(ibis.schema({"t": "timestamp('UTC', 6)", "s": "string"}), arrow) == []


def test_an_undeclared_table_is_nullable_but_for_its_key_and_what_is_said() -> None:
    schema = ibis.schema({"id": "int64", "name": "string", "note": "!string"})
    contract = inferred_contract("things", schema, key=["id"], not_null=["name"], mode="merge")
    assert contract.not_null == ("id", "name")
    assert (contract.key, contract.mode, list(contract.keys)) == (("id",), "merge", [("id",)])
