"""Rows, whatever they come as, into tables that no contract describes.

Every function works on a connection inside a transaction of the caller's.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias, cast

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
import sqlglot as sg
import sqlglot.expressions as sge
from duckdb import DuckDBPyConnection
from ibis.backends.duckdb import Backend

from egregora_dag.database.exceptions import InvalidOperationError, TableCreationError

Rows: TypeAlias = ir.Table | pa.Table | pa.RecordBatchReader


def backend_of(connection: DuckDBPyConnection) -> Backend:
    """An Ibis backend on this very connection, inside whatever transaction it is in."""
    return ibis.duckdb.from_connection(connection)


def stored_schema(
    connection: DuckDBPyConnection, name: str, schema: str = "main"
) -> ibis.Schema | None:
    """The columns of a table or view as they are stored; None when there is none."""
    try:
        return backend_of(connection).get_schema(name, database=schema)
    except ibis.common.exceptions.TableNotFound:
        return None


def schema_of(rows: Rows) -> ibis.Schema:
    """The columns of rows."""
    return rows.schema() if isinstance(rows, ir.Table) else ibis.Schema.from_pyarrow(rows.schema)


def memory_table(rows: Sequence[Mapping[str, Any]], schema: ibis.Schema) -> pa.Table:
    """Rows as an Arrow table with a contract's columns; UUIDs and JSON as text."""
    return pa.Table.from_pylist(list(rows), schema=_arrow(schema))


def _arrow(schema: ibis.Schema) -> pa.Schema:
    """The Arrow types that carry a contract's columns."""
    fields = []
    for name, type_ in schema.items():
        plain = type_.is_uuid() or type_.is_json()
        fields.append(pa.field(name, pa.string() if plain else type_.to_pyarrow()))
    return pa.schema(fields)


def identifier(name: str, schema: str | None = None) -> sge.Table:
    """A table's name in SQL, quoted."""
    table: sge.Table = sge.table_(name, db=schema, quoted=True)
    return table


def parsed(sql: str) -> sge.Query:
    """A query to be made part of another."""
    return cast("sge.Query", sg.parse_one(sql, read="duckdb"))


@contextmanager
def queried(connection: DuckDBPyConnection, rows: Rows) -> Iterator[tuple[sge.Query, str | None]]:
    """Rows as a query of this connection.

    Args:
        connection: Where the query will run.
        rows: An expression, which becomes SQL unless it reads tables of another connection; or
            Arrow data, which DuckDB scans as long as the block lasts.

    Yields:
        The query, and the SQL of an expression.
    """
    if isinstance(rows, ir.Table) and _is_foreign(rows, connection):
        rows = rows.to_pyarrow_batches()
    if isinstance(rows, ir.Table):
        backend = backend_of(connection)
        # Makes in-memory tables and Python functions of the expression known to DuckDB; Ibis
        # itself does so before each execution, and has no public name for it.
        backend._run_pre_execute_hooks(rows)
        sql = backend.compile(rows)
        yield parsed(sql), sql
        return
    name = f"rows_{uuid.uuid4().hex}"
    connection.register(name, rows)
    try:
        yield sg.select("*").from_(identifier(name)), None
    finally:
        connection.unregister(name)


def _is_foreign(expression: ir.Table, connection: DuckDBPyConnection) -> bool:
    """Whether it reads tables of a backend on another connection, which then computes it."""
    read = expression.op().find((ops.DatabaseTable, ops.SQLQueryResult))
    return any(getattr(table.source, "con", None) is not connection for table in read)


def create_table(connection: DuckDBPyConnection, rows: Rows, name: str) -> None:
    """Make a table of rows, in place of another, which they may read.

    Raises:
        TableCreationError: The rows have no columns, or one without a name or type.
    """
    schema = schema_of(rows)
    if not schema:
        raise TableCreationError(name, f"Table {name!r} would have no columns. Give it one.")
    if unnamed := [column for column in schema if not column or "\0" in column]:
        raise TableCreationError(
            name,
            f"Table {name!r}: {unnamed[0]!r} is no name of a column. "
            "Give it one with a character in it, and no NUL.",
        )
    if untyped := [column for column, type_ in schema.items() if type_.is_null()]:
        raise TableCreationError(
            name,
            f"Table {name!r}: {', '.join(untyped)} has no type, as all its values are null. "
            "Cast it to the type it should have.",
        )
    with queried(connection, rows) as (query, _):
        create = sge.Create(
            kind="TABLE", this=identifier(name, "main"), expression=query, replace=True
        )
        connection.execute(create.sql("duckdb"))


def insert_rows(connection: DuckDBPyConnection, rows: Rows, name: str) -> None:
    """Append rows by the names of their columns; a column that they lack gets its default.

    Raises:
        InvalidOperationError: The table has no such columns.
    """
    stored, columns = stored_schema(connection, name) or {}, list(schema_of(rows))
    if unknown := [column for column in columns if column not in stored]:
        raise InvalidOperationError(
            name, f"Table {name!r} has no column {', '.join(unknown)}. Drop it from the rows."
        )
    with queried(connection, rows) as (query, _):
        insert = sge.insert(
            sg.select(*(sg.column(column, quoted=True) for column in columns)).from_(
                query.subquery("given")
            ),
            into=identifier(name, "main"),
            columns=[sg.to_identifier(column, quoted=True) for column in columns],
        )
        connection.execute(insert.sql("duckdb"))


@contextmanager
def staged(connection: DuckDBPyConnection, rows: Rows) -> Iterator[ir.Table]:
    """Rows in a temporary table, as what the block does may change what they are made of.

    Yields:
        The temporary table, as an unbound expression.
    """
    name = f"staged_{uuid.uuid4().hex}"
    with queried(connection, rows) as (query, _):
        create = sge.Create(
            kind="TABLE",
            this=identifier(name),
            expression=query,
            properties=sge.Properties(expressions=[sge.TemporaryProperty()]),
        )
        connection.execute(create.sql("duckdb"))
    yield ibis.table(schema_of(rows), name=name)
    connection.execute(sge.Drop(kind="TABLE", this=identifier(name)).sql("duckdb"))


def delete_rows(
    connection: DuckDBPyConnection,
    name: str,
    keys: Mapping[str, object] | Sequence[str],
    given: ir.Table,
) -> None:
    """Delete the rows of some keys.

    Args:
        connection: The connection.
        name: The table.
        keys: Columns with their values; or columns, and the rows that agree in all of them with
            one of `given` are deleted.
        given: A stored table.
    """
    if isinstance(keys, Mapping):
        where = sge.and_(*(_column(key).eq(sge.Placeholder()) for key in keys))
        delete = sge.Delete(this=identifier(name, "main")).where(where)
        connection.execute(delete.sql("duckdb"), list(keys.values()))
        return
    agree = sge.and_(
        *(
            sge.NullSafeEQ(this=_column(key, "stored"), expression=_column(key, "given"))
            for key in keys
        )
    )
    source = sge.alias_(identifier(given.get_name()), "given", table=True)
    target = sge.alias_(identifier(name, "main"), "stored", table=True)
    connection.execute(sge.Delete(this=target, using=[source]).where(agree).sql("duckdb"))


def _column(name: str, table: str | None = None) -> sge.Column:
    return sg.column(name, table=table, quoted=True)
