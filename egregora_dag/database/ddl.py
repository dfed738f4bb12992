"""Definitions of tables, one step at a time, on a DuckDB connection or an Ibis backend for it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias, cast

import duckdb
import ibis
import sqlglot as sg
import sqlglot.expressions as sge
from duckdb import DuckDBPyConnection
from ibis.backends.duckdb import Backend
from ibis.backends.sql.datatypes import DuckDBType
from ibis.expr.datatypes import DataType

from egregora_dag.database.exceptions import InvalidOperationError, TableNotFoundError
from egregora_dag.database.utils import quote_identifier

Connection: TypeAlias = DuckDBPyConnection | Backend

_COPY: Final = "egregora_dag_copy"


def ibis_to_duckdb_type(ibis_type: DataType) -> str:
    """The SQL type in which DuckDB stores an Ibis type.

    Args:
        ibis_type: The type; nested ones too.

    Returns:
        The type as DuckDB writes it, such as `STRUCT(a BIGINT, b TEXT[])`.
    """
    return str(DuckDBType.from_ibis(ibis_type).sql("duckdb"))


def create_table_if_not_exists(
    conn: Connection, table_name: str, schema: ibis.Schema, *, overwrite: bool = False
) -> None:
    """Make a table unless there is one of this name.

    Args:
        conn: A DuckDB connection or an Ibis backend for DuckDB.
        table_name: The table.
        schema: Its columns; those of a type that is not nullable are NOT NULL.
        overwrite: Make it anew, and empty, if there is one.
    """
    create = sge.Create(
        kind="TABLE",
        this=sge.Schema(
            this=sge.table_(table_name, quoted=True),
            expressions=schema.to_sqlglot_column_defs("duckdb"),
        ),
        exists=not overwrite,
        replace=overwrite,
    )
    _run(conn, create.sql("duckdb"))


def create_index(conn: Connection, table_name: str, index_name: str, column_name: str) -> None:
    """Make an index on a column unless there is one of this name.

    Args:
        conn: A DuckDB connection or an Ibis backend for DuckDB.
        table_name: The table.
        index_name: The index.
        column_name: The column.
    """
    index, table, column = map(quote_identifier, (index_name, table_name, column_name))
    _run(conn, f"CREATE INDEX IF NOT EXISTS {index} ON {table} ({column})")


def add_primary_key(conn: Connection, table_name: str, column_name: str) -> None:
    """Make a column the key of a table, unless it is already.

    Args:
        conn: A DuckDB connection or an Ibis backend for DuckDB.
        table_name: The table.
        column_name: The column.

    Raises:
        TableNotFoundError: There is no such table.
        InvalidOperationError: The table has another key, or the column's values are not all there
            and different.
    """
    keys = _run(
        conn,
        "SELECT constraint_column_names FROM duckdb_constraints() "
        "WHERE constraint_type = 'PRIMARY KEY' AND table_name = ?",
        [table_name],
    ).fetchall()
    if keys != [([column_name],)]:
        table, column = quote_identifier(table_name), quote_identifier(column_name)
        with _refusals(table_name):
            _run(conn, f"ALTER TABLE {table} ADD PRIMARY KEY ({column})")


def add_check_constraint(conn: Connection, table_name: str, expression: str) -> None:
    """Add a condition that every row satisfies, unless the table has it.

    DuckDB cannot add one to a table, so the table is copied, in one transaction.

    Args:
        conn: A DuckDB connection or an Ibis backend for DuckDB, outside of a transaction.
        table_name: The table.
        expression: The condition in SQL over the table's columns; it is code, never data.

    Raises:
        TableNotFoundError: There is no such table.
        InvalidOperationError: A stored row breaks the condition, it is none, or the table has an
            index, which the copy would lose; the table is as it was.
    """
    # DuckDB's own count of a table's indexes includes that of its key, which the copy keeps.
    found = _run(
        conn,
        "SELECT sql, (SELECT count(*) FROM duckdb_indexes() i WHERE i.table_name = t.table_name) "
        "FROM duckdb_tables() t WHERE table_name = ?",
        [table_name],
    ).fetchone()
    if found is None:
        raise TableNotFoundError(table_name)
    definition = cast("sge.Create", sg.parse_one(found[0], read="duckdb"))
    with _refusals(table_name):
        condition = sg.parse_one(expression, read="duckdb").unnest()
        if condition in _conditions(conn, table_name):
            return
        if found[1]:
            raise InvalidOperationError(
                table_name, f"Table {table_name!r} has an index. Drop it first, then make it again."
            )
        definition.this.set("this", sge.table_(_COPY, quoted=True))
        definition.this.append("expressions", sge.CheckColumnConstraint(this=condition))
        table = quote_identifier(table_name)
        with _transaction(conn):
            _run(conn, definition.sql("duckdb"))
            _run(conn, f"INSERT INTO {_COPY} FROM {table}")
            _run(conn, f"DROP TABLE {table}")
            _run(conn, f"ALTER TABLE {_COPY} RENAME TO {table}")


def _conditions(conn: Connection, table_name: str) -> list[sge.Expr]:
    rows = _run(
        conn,
        "SELECT expression FROM duckdb_constraints() "
        "WHERE constraint_type = 'CHECK' AND table_name = ?",
        [table_name],
    ).fetchall()
    return [sg.parse_one(text, read="duckdb").unnest() for (text,) in rows]


def ensure_identity_column(
    conn: Connection, table_name: str, column_name: str, *, start: int = 1
) -> None:
    """Number the rows that come without a number.

    DuckDB has no identity columns, so a sequence `TABLE_COLUMN_seq` gives the column's default;
    its name leaves out double quotes, as DuckDB draws from none that has them.

    Args:
        conn: A DuckDB connection or an Ibis backend for DuckDB.
        table_name: The table.
        column_name: A column of whole numbers.
        start: The first number, if the table has no higher one.

    Raises:
        TableNotFoundError: There is no such table.
        InvalidOperationError: It has no such column, or one of another type.
    """
    table, column = quote_identifier(table_name), quote_identifier(column_name)
    with _refusals(table_name):
        highest = _run(conn, f"SELECT max({column}) FROM {table}")  # noqa: S608 - quoted
        type_ = highest.description[0][1]
        if not type_.id.endswith(("int", "integer")):
            raise InvalidOperationError(
                column_name,
                f"Column {column_name!r} of {table_name!r} is {type_}. Name one of whole numbers.",
            )
        [first] = highest.fetchone() or (None,)
        begin = start if first is None else max(start, int(first) + 1)
        sequence = quote_identifier(f"{table_name}_{column_name}_seq".replace('"', ""))
        _run(conn, f"CREATE SEQUENCE IF NOT EXISTS {sequence} START {begin:d}")
        default = sge.func("nextval", sge.Literal.string(sequence)).sql("duckdb")
        _run(conn, f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {default}")


def _run(conn: Connection, sql: str, values: Sequence[object] = ()) -> DuckDBPyConnection:
    raw: DuckDBPyConnection = conn.con if isinstance(conn, Backend) else conn
    return raw.execute(sql, list(values))


@contextmanager
def _transaction(conn: Connection) -> Iterator[None]:
    _run(conn, "BEGIN TRANSACTION")
    try:
        yield
    except BaseException:
        _run(conn, "ROLLBACK")
        raise
    _run(conn, "COMMIT")


@contextmanager
def _refusals(table_name: str) -> Iterator[None]:
    """DuckDB's refusals to change a table, as the project's errors."""
    try:
        yield
    except duckdb.CatalogException as error:
        if str(error).startswith("Catalog Error: Table with name"):
            raise TableNotFoundError(table_name) from error
        raise InvalidOperationError(table_name, f"Table {table_name!r}: {error}") from error
    except (duckdb.Error, sg.errors.ParseError, ValueError) as error:
        raise InvalidOperationError(table_name, f"Table {table_name!r}: {error}") from error
