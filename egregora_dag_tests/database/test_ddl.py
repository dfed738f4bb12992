"""Tables are defined step by step, on a connection or on an Ibis backend."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.datatypes as dt
import pytest

from egregora_dag.database import exceptions
from egregora_dag.database.ddl import Connection
from egregora_dag.database.duckdb_manager import DuckDBStorageManager, temp_storage
from egregora_dag.database.exceptions import (
    DatabaseError,
    DatabaseObjectError,
    DatabaseVersionError,
    InvalidOperationError,
    RepositoryError,
    SequenceError,
    TableNotFoundError,
)
from egregora_dag.database.init import initialize_database
from egregora_dag.database.migrations import schema_version
from egregora_dag.database.protocols import SequenceStorageProtocol, StorageProtocol
from egregora_dag.database.schemas import (
    CONTRACTS,
    MESSAGES_SCHEMA,
    add_check_constraint,
    add_primary_key,
    create_index,
    create_table_if_not_exists,
    ensure_identity_column,
    ibis_to_duckdb_type,
    quote_identifier,
)
from egregora_dag.database.utils import quote_identifier as quote_identifier_of_utils
from egregora_dag.database.utils import resolve_db_uri

NAMES = ["things", 'odd "name"; DROP TABLE other; --', "SELECT", "ünï cödé", "a.b", "it's"]
SCHEMA = ibis.schema({"n": "!int64", "name": "string"})


@pytest.fixture
def raw() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@pytest.fixture(params=["connection", "backend"])
def conn(request: pytest.FixtureRequest, raw: duckdb.DuckDBPyConnection) -> Connection:
    if request.param == "backend":
        backend: Connection = ibis.duckdb.from_connection(raw)
        return backend
    return raw


def rows(raw: duckdb.DuckDBPyConnection, name: str) -> list[tuple[Any, ...]]:
    return raw.execute(f"FROM {quote_identifier(name)} ORDER BY ALL").fetchall()


def fill(raw: duckdb.DuckDBPyConnection, name: str, *values: tuple[Any, ...]) -> None:
    raw.executemany(f"INSERT INTO {quote_identifier(name)} VALUES (?, ?)", list(values))


def catalogue(raw: duckdb.DuckDBPyConnection) -> list[Any]:
    return [
        raw.execute(f"SELECT {columns} FROM {function}() ORDER BY ALL").fetchall()
        for function, columns in (
            ("duckdb_tables", "table_name, sql"),
            ("duckdb_indexes", "index_name, sql"),
            ("duckdb_sequences", "sequence_name, start_value"),
            ("duckdb_constraints", "table_name, constraint_text"),
        )
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_table_is_made_once(conn: Connection, raw: duckdb.DuckDBPyConnection, name: str) -> None:
    create_table_if_not_exists(conn, name, SCHEMA)
    fill(raw, name, (1, "a"))
    create_table_if_not_exists(conn, name, ibis.schema({"other": "string"}))
    assert rows(raw, name) == [(1, "a")]
    with pytest.raises(duckdb.ConstraintException):
        fill(raw, name, (None, "a"))
    create_table_if_not_exists(conn, name, SCHEMA, overwrite=True)
    assert rows(raw, name) == []
    assert ibis.duckdb.from_connection(raw).get_schema(name) == SCHEMA


def test_a_table_of_the_pipeline_is_made_with_its_types(
    conn: Connection, raw: duckdb.DuckDBPyConnection
) -> None:
    create_table_if_not_exists(conn, "messages", MESSAGES_SCHEMA)
    types = dict(raw.execute("SELECT column_name, data_type FROM duckdb_columns()").fetchall())
    assert types["message_id"] == "UUID"
    assert types["timestamp"] == "TIMESTAMP WITH TIME ZONE"
    assert types["metadata"].startswith("STRUCT(")


@pytest.mark.parametrize("name", NAMES)
def test_an_index_is_made_once(conn: Connection, raw: duckdb.DuckDBPyConnection, name: str) -> None:
    create_table_if_not_exists(conn, name, ibis.schema({name: "int64", "n": "int64"}))
    for _ in range(2):
        create_index(conn, name, f"{name} by", name)
    assert raw.execute("SELECT index_name, table_name FROM duckdb_indexes()").fetchall() == [
        (f"{name} by", name)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_key_is_made_once(conn: Connection, raw: duckdb.DuckDBPyConnection, name: str) -> None:
    create_table_if_not_exists(conn, name, ibis.schema({name: "int64", "n": "int64"}))
    fill(raw, name, (1, 1), (2, 1))
    for _ in range(2):
        add_primary_key(conn, name, name)
    with pytest.raises(duckdb.ConstraintException):
        fill(raw, name, (1, 3))
    before = catalogue(raw)
    with pytest.raises(InvalidOperationError) as caught:
        add_primary_key(conn, name, "n")
    assert caught.value.name == name
    assert catalogue(raw) == before


@pytest.mark.parametrize("values", [[(1, "a"), (1, "b")], [(None, "a")]])
def test_values_that_are_missing_or_the_same_are_no_key(
    conn: Connection, raw: duckdb.DuckDBPyConnection, values: list[tuple[Any, ...]]
) -> None:
    create_table_if_not_exists(conn, "things", ibis.schema({"n": "int64", "name": "string"}))
    fill(raw, "things", *values)
    before = catalogue(raw)
    for column in ("n", "nothing"):
        with pytest.raises(InvalidOperationError) as caught:
            add_primary_key(conn, "things", column)
        assert caught.value.name == "things"
    assert catalogue(raw) == before
    assert rows(raw, "things") == values


@pytest.mark.parametrize("name", NAMES)
def test_a_condition_is_added_once_and_keeps_rows_keys_and_defaults(
    conn: Connection, raw: duckdb.DuckDBPyConnection, name: str
) -> None:
    create_table_if_not_exists(conn, name, SCHEMA)
    add_primary_key(conn, name, "n")
    ensure_identity_column(conn, name, "n", start=5)
    fill(raw, name, (1, "a"), (2, None))
    for _ in range(2):
        add_check_constraint(conn, name, "n > 0")
    add_check_constraint(conn, name, "name <> 'it''s; --' AND length(name) < 3")
    assert rows(raw, name) == [(1, "a"), (2, None)]
    raw.execute(f"INSERT INTO {quote_identifier(name)} (name) VALUES ('b')")
    assert rows(raw, name)[2] == (5, "b")
    for bad in ((0, "a"), (1, "a"), (9, "it's; --"), (9, "long"), (None, "a")):
        with pytest.raises(duckdb.ConstraintException):
            fill(raw, name, bad)
    checks = raw.execute(
        "SELECT count(*) FROM duckdb_constraints() WHERE constraint_type = 'CHECK'"
    ).fetchone()
    assert checks == (2,)
    assert raw.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [(name,)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "condition",
    [
        "n > 1",
        "nothing > 1",
        "n >",
        "n > (SELECT 1)",
        "no_function(n)",
        "n > 1; DROP TABLE other",
        "",
    ],
)
def test_a_condition_that_cannot_be_added_leaves_the_table_as_it_was(
    conn: Connection, raw: duckdb.DuckDBPyConnection, name: str, condition: str
) -> None:
    create_table_if_not_exists(conn, "other", SCHEMA)
    create_table_if_not_exists(conn, name, SCHEMA)
    add_primary_key(conn, name, "n")
    fill(raw, name, (1, "a"))
    before = catalogue(raw)
    with pytest.raises(InvalidOperationError) as caught:
        add_check_constraint(conn, name, condition)
    assert caught.value.name == name
    assert catalogue(raw) == before
    assert rows(raw, name) == [(1, "a")]
    # No transaction is left open.
    raw.begin()
    raw.rollback()


def test_an_index_is_not_lost_to_a_condition(
    conn: Connection, raw: duckdb.DuckDBPyConnection
) -> None:
    create_table_if_not_exists(conn, "things", SCHEMA)
    create_index(conn, "things", "by_name", "name")
    before = catalogue(raw)
    with pytest.raises(InvalidOperationError, match="index"):
        add_check_constraint(conn, "things", "n > 0")
    assert catalogue(raw) == before


@pytest.mark.parametrize("name", NAMES)
def test_rows_without_a_number_are_numbered(
    conn: Connection, raw: duckdb.DuckDBPyConnection, name: str
) -> None:
    create_table_if_not_exists(conn, name, ibis.schema({"n": "int64", "name": "string"}))
    fill(raw, name, (7, "a"))
    for _ in range(2):
        ensure_identity_column(conn, name, "n", start=3)
    table = quote_identifier(name)
    raw.execute(f"INSERT INTO {table} (name) VALUES ('b'), ('c')")
    assert rows(raw, name) == [(7, "a"), (8, "b"), (9, "c")]


@pytest.mark.parametrize("start", [1, 50])
def test_the_first_number_is_that_asked_for(
    conn: Connection, raw: duckdb.DuckDBPyConnection, start: int
) -> None:
    create_table_if_not_exists(conn, "things", SCHEMA)
    ensure_identity_column(conn, "things", "n", start=start)
    raw.execute("INSERT INTO things (name) VALUES ('a')")
    assert rows(raw, "things") == [(start, "a")]


def test_only_numbers_count(conn: Connection, raw: duckdb.DuckDBPyConnection) -> None:
    create_table_if_not_exists(conn, "things", SCHEMA)
    fill(raw, "things", (1, "a"))
    before = catalogue(raw)
    for column in ("name", "nothing", ""):
        with pytest.raises(InvalidOperationError):
            ensure_identity_column(conn, "things", column)
    assert catalogue(raw) == before
    raw.execute("DELETE FROM things")
    with pytest.raises(InvalidOperationError, match="VARCHAR") as caught:
        ensure_identity_column(conn, "things", "name")
    assert caught.value.name == "name"
    assert catalogue(raw) == before


def test_a_table_that_is_not_there_is_named(conn: Connection) -> None:
    attempts: list[Callable[[], None]] = [
        lambda: add_primary_key(conn, "nothing", "n"),
        lambda: add_check_constraint(conn, "nothing", "n > 1"),
        lambda: ensure_identity_column(conn, "nothing", "n"),
    ]
    for attempt in attempts:
        with pytest.raises(TableNotFoundError) as caught:
            attempt()
        assert caught.value.name == "nothing"


TYPES = [
    "int64",
    "string",
    "uuid",
    "json",
    "date",
    "timestamp('UTC', 6)",
    "timestamp(6)",
    "decimal(18, 3)",
    "array<string>",
    "array<array<int8>>",
    "map<string, int64>",
    "struct<a: int64, b: array<string>>",
    "struct<select: int64, order: string>",
    "map<string, array<struct<x: float64, y: array<uuid>>>>",
    "array<struct<a: map<string, json>>>",
]


@pytest.mark.parametrize("text", TYPES)
def test_a_type_is_stored_as_it_is_told(raw: duckdb.DuckDBPyConnection, text: str) -> None:
    type_ = ibis.dtype(text)
    raw.execute(f"CREATE TABLE t (a {ibis_to_duckdb_type(type_)})")
    assert ibis.duckdb.from_connection(raw).get_schema("t")["a"] == type_
    assert ibis_to_duckdb_type(type_.copy(nullable=False)).removesuffix(
        " NOT NULL"
    ) == ibis_to_duckdb_type(type_)


def test_an_odd_name_within_a_type_is_quoted(raw: duckdb.DuckDBPyConnection) -> None:
    type_ = dt.Struct(dict.fromkeys(NAMES, ibis.dtype("array<int64>")))
    raw.execute(f"CREATE TABLE t (a {ibis_to_duckdb_type(type_)})")
    [(_, found, *_)] = raw.execute("DESCRIBE t").fetchall()
    assert raw.table("t").types[0].children[0][0] == NAMES[0]
    assert [name for name, _ in raw.table("t").types[0].children] == NAMES
    assert found.startswith("STRUCT(")


@pytest.mark.parametrize("name", [*NAMES, '"', '""', "", "a\nb", "\\", "%s{0}"])
def test_a_quoted_name_is_one_name(raw: duckdb.DuckDBPyConnection, name: str) -> None:
    assert quote_identifier is quote_identifier_of_utils
    quoted = quote_identifier(name)
    assert quoted == '"' + name.replace('"', '""') + '"'
    if name:
        assert raw.execute(f"SELECT 1 AS {quoted}").description[0][0] == name


# Addresses


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("duckdb:///./pipeline.duckdb", "duckdb:///site/pipeline.duckdb"),
        ("duckdb:///./a/../b/x.duckdb", "duckdb:///site/b/x.duckdb"),
        ("duckdb:///../x.duckdb", "duckdb:///x.duckdb"),
        ("duckdb:///./with%20space.duckdb", "duckdb:///site/with space.duckdb"),
        ("duckdb:////data/x.duckdb", "duckdb:///data/x.duckdb"),
        ("duckdb:///data/x.duckdb", "duckdb:///data/x.duckdb"),
        ("duckdb://", "duckdb://"),
        ("duckdb:///:memory:", "duckdb:///:memory:"),
        ("postgres://user@host/base", "postgres://user@host/base"),
        ("sqlite:///./x.db", "sqlite:///./x.db"),
        ("", ""),
    ],
)
def test_the_path_of_an_address_is_made_absolute(uri: str, expected: str) -> None:
    assert resolve_db_uri(uri, Path("/site")) == expected


def test_a_resolved_address_is_that_of_the_database(tmp_path: Path) -> None:
    uri = resolve_db_uri("duckdb:///./x.duckdb", tmp_path)
    backend = ibis.connect(uri)
    backend.create_table("t", schema=SCHEMA)
    backend.disconnect()
    with DuckDBStorageManager(tmp_path / "x.duckdb") as storage:
        assert storage.list_tables() == ["t"]
    memory = ibis.connect(resolve_db_uri("duckdb://", tmp_path))
    assert memory.list_tables() == []


# Setting up a database


@pytest.mark.parametrize(
    "given",
    [
        lambda raw: raw,
        ibis.duckdb.from_connection,
        DuckDBStorageManager.from_connection,
    ],
    ids=["connection", "backend", "storage"],
)
def test_a_database_gets_every_table_once(
    raw: duckdb.DuckDBPyConnection, given: Callable[[duckdb.DuckDBPyConnection], Any]
) -> None:
    raw.execute("CREATE TABLE their_own AS SELECT 1 AS a")
    initialize_database(given(raw))
    found = {name for (name,) in raw.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert set(CONTRACTS) | {"their_own"} == found
    backend = ibis.duckdb.from_connection(raw)
    for name, contract in CONTRACTS.items():
        assert backend.get_schema(name).names == contract.schema.names
    raw.execute("INSERT INTO elo_ratings VALUES ('a', 1, 1, 0, 0, 0, 0, now(), now())")
    before = catalogue(raw)
    initialize_database(given(raw))
    assert catalogue(raw) == before
    assert raw.execute("SELECT count(*) FROM elo_ratings").fetchone() == (1,)
    assert schema_version(raw) > 0


def test_a_database_of_another_version_stays_as_it_is(raw: duckdb.DuckDBPyConnection) -> None:
    initialize_database(raw)
    raw.execute("UPDATE schema_migrations SET version = version + 40")
    before = catalogue(raw)
    with pytest.raises(DatabaseVersionError) as caught:
        initialize_database(raw)
    assert caught.value.found == caught.value.expected + 40
    assert catalogue(raw) == before


# Protocols and exceptions


def rows_in(storage: StorageProtocol, name: str) -> int:
    return storage.row_count(name) if storage.table_exists(name) else 0


def first_number(storage: SequenceStorageProtocol, name: str) -> int:
    storage.ensure_sequence(name)
    return storage.next_sequence_value(name)


def test_a_manager_is_what_code_may_ask_for() -> None:
    storage: StorageProtocol = temp_storage()
    sequences: SequenceStorageProtocol = temp_storage()
    assert rows_in(storage, "nothing") == 0
    assert first_number(sequences, "numbers") == 1
    assert isinstance(storage, StorageProtocol)
    assert isinstance(storage, SequenceStorageProtocol)
    assert not isinstance(object(), StorageProtocol)
    assert not isinstance(object(), SequenceStorageProtocol)
    storage.close()


ABOUT_A_NAME: dict[str, tuple[Any, ...]] = {
    "DatabaseObjectError": ("thing", "message"),
    "TableNotFoundError": ("thing",),
    "SequenceNotFoundError": ("thing",),
    "InvalidTableNameError": ("thing",),
    "InvalidOperationError": ("thing", "message"),
    "TableCreationError": ("thing", "message"),
    "TableInfoError": ("thing", "message"),
    "SequenceError": ("thing", "message"),
    "SequenceFetchError": ("thing", "message"),
    "SequenceCreationError": ("thing", "message"),
    "SequenceRetryFailedError": ("thing", "message"),
    "RepositoryError": ("thing", "message"),
    "DocumentNotFoundError": ("post", "thing"),
    "UnsupportedDocumentTypeError": ("thing", ("post", "media")),
    "DatabaseOperationError": ("thing", "message"),
}


@pytest.mark.parametrize(("name", "arguments"), ABOUT_A_NAME.items(), ids=list(ABOUT_A_NAME))
def test_an_error_is_one_of_the_databases_and_carries_the_name(
    name: str, arguments: tuple[Any, ...]
) -> None:
    error = getattr(exceptions, name)(*arguments)
    assert isinstance(error, DatabaseError)
    assert isinstance(error, DatabaseObjectError)
    assert error.name == "thing"
    assert isinstance(error, SequenceError) == (
        name.startswith("Sequence") and name != "SequenceNotFoundError"
    )
    assert isinstance(error, RepositoryError) == (
        name in {"RepositoryError", "DatabaseOperationError"} or "Document" in name
    )
    assert "message" in arguments or "thing" in str(error)
