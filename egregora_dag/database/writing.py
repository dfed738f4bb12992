"""The one way rows get into a table: write, verify the contract, inside the caller's transaction.

The IO manager, the warehouse resource and the stores all write through `write_rows`.
"""

import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import and_, or_
from typing import NoReturn

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
import sqlglot as sg
import sqlglot.expressions as sge
from duckdb import DuckDBPyConnection

from egregora_dag.database.contracts import Contract, Reference, WriteMode, differences
from egregora_dag.database.exceptions import ContractViolationError
from egregora_dag.database.tables import (
    Rows,
    backend_of,
    identifier,
    parsed,
    queried,
    schema_of,
    stored_schema,
)

EXAMPLES = 5


@dataclass(frozen=True)
class Dimension:
    """One dimension of a partition: a column, and the keys or stretches of time it holds.

    Attributes:
        column: The column's name.
        keys: Values of the column, as text.
        spans: Half-open stretches [start, end) of time.
    """

    column: str
    keys: tuple[str, ...] = ()
    spans: tuple[tuple[datetime, datetime], ...] = ()

    def holds(self, table: ir.Table) -> ir.BooleanValue:
        """Whether a row lies in it."""
        column = table[self.column]
        if not self.spans:
            return column.cast("string").isin(self.keys) if self.keys else ibis.literal(False)
        return reduce(or_, (self._within(column, start, end) for start, end in self.spans))

    @staticmethod
    def _within(column: ir.Column, start: datetime, end: datetime) -> ir.BooleanValue:
        type_ = column.type()
        if type_.is_date():
            return (column >= start.date()) & (column < end.date())
        if not (type_.is_timestamp() and type_.timezone):
            start, end = start.replace(tzinfo=None), end.replace(tzinfo=None)
        return (column >= ibis.literal(start)) & (column < ibis.literal(end))


@dataclass(frozen=True)
class Slice:
    """The rows of a table that belong to a materialization: all of its partitions' rows.

    Attributes:
        parts: Alternatives; a row belongs when every dimension of one of them holds it.
    """

    parts: tuple[tuple[Dimension, ...], ...]

    def holds(self, table: ir.Table) -> ir.BooleanValue:
        """Whether a row of this table lies in the slice."""
        if not self.parts:
            return ibis.literal(False)
        return reduce(or_, (reduce(and_, (d.holds(table) for d in part)) for part in self.parts))


@dataclass(frozen=True)
class Written:
    """What a write did.

    Attributes:
        rows: Rows that the slice holds now.
        total: Rows that the table holds now.
        changed: Rows that were inserted or updated.
        sql: The query whose result was stored, when the rows came from an expression.
        seconds: How long it took.
    """

    rows: int
    total: int
    changed: int
    sql: str | None
    seconds: float


def write_rows(
    connection: DuckDBPyConnection,
    contract: Contract,
    rows: Rows,
    *,
    schema: str = "main",
    mode: WriteMode | None = None,
    slice_: Slice | None = None,
) -> Written:
    """Write rows to a table and verify its contract; the caller's transaction makes it atomic.

    Args:
        connection: A connection inside a transaction.
        contract: What the table promises; the table is made from it when missing.
        rows: An Ibis expression that DuckDB computes, or Arrow data with the contract's columns.
        schema: DuckDB schema of the table; made when missing.
        mode: How to write, the contract's own mode when None.
        slice_: The rows that belong to this write; the whole table when None. `replace` deletes
            them first, and every row written must lie in it.

    Returns:
        How many rows there are, and how many of them changed.

    Raises:
        ContractViolationError: The rows break the contract; the caller rolls back.
    """
    started = time.perf_counter()
    with translated_errors(contract.name):
        writer = _Writer(connection, contract, schema, slice_)
        changed, sql = writer.write(rows, mode or contract.mode)
        writer.verify()
        total = writer.count(writer.table)
        rows_ = total if slice_ is None else writer.count(writer.held(writer.table))
        seconds = time.perf_counter() - started
        return Written(rows_, total, changed, sql, seconds)


def write_view(
    connection: DuckDBPyConnection, name: str, expression: ir.Table, *, schema: str = "main"
) -> str:
    """Create or replace a SQL view of an expression; no catalog is named, so copies keep working.

    Args:
        connection: A connection inside a transaction.
        name: The view's name.
        expression: What it shows, over tables of the same database.
        schema: DuckDB schema of the view; made when missing.

    Returns:
        The view's query.
    """
    query = parsed(ibis.to_sql(expression, dialect="duckdb"))
    create = sge.Create(kind="VIEW", this=identifier(name, schema), expression=query, replace=True)
    _make_schema(connection, schema)
    connection.execute(create.sql("duckdb"))
    return str(query.sql("duckdb", pretty=True))


def _make_schema(connection: DuckDBPyConnection, schema: str) -> None:
    if schema != "main":
        name = sge.Table(db=sg.to_identifier(schema, quoted=True))
        connection.execute(sge.Create(kind="SCHEMA", this=name, exists=True).sql("duckdb"))


@contextmanager
def translated_errors(name: str) -> Iterator[None]:
    """DuckDB's complaints about rows, told without the rows' values."""
    try:
        yield
    except duckdb.ConstraintException as error:
        # "NOT NULL constraint failed: t.c", "CHECK constraint failed on table t with expression …"
        rule = str(error).removeprefix("Constraint Error: ").splitlines()[0]
        raise ContractViolationError(name, rule) from None
    except duckdb.ConversionException:
        raise ContractViolationError(
            name, "a value cannot be stored in its column's type"
        ) from None


class _Writer:
    """One write of one table inside a transaction."""

    def __init__(
        self, connection: DuckDBPyConnection, contract: Contract, schema: str, slice_: Slice | None
    ) -> None:
        self.connection = connection
        self.contract = contract
        self.schema = schema
        self.slice = slice_
        self.backend = backend_of(connection)
        self.target = identifier(contract.name, schema)
        self.staged: list[sge.Table] = []

    @property
    def table(self) -> ir.Table:
        return self.backend.table(self.contract.name, database=self.schema)

    def held(self, table: ir.Table) -> ir.Table:
        return table if self.slice is None else table.filter(self.slice.holds(table))

    def count(self, table: ir.Table) -> int:
        return int(table.count().to_pyarrow().as_py())

    def write(self, rows: Rows, mode: WriteMode) -> tuple[int, str | None]:
        """Store the rows; returns how many changed, and the SQL of an expression."""
        self._check_columns(schema_of(rows), arrow=not isinstance(rows, ir.Table))
        with queried(self.connection, rows) as (query, sql):
            source: sge.Query = self._columns_of(query.subquery("given"))
            if mode == "replace" and self._reads_target(source):
                source = self._columns_of(self._stage(source))
            self._make_table()
            if mode == "merge":
                changed = self._merge(source)
            else:
                if mode == "replace":
                    self._empty_slice()
                changed = self._insert_inside(source)
            for table in self.staged:
                self._execute(sge.Drop(kind="TABLE", this=table))
        return changed, sql

    def _columns_of(self, source: sge.Expression) -> sge.Select:
        return sg.select(*(_column(name) for name in self.contract.columns)).from_(source)

    def _check_columns(self, found: ibis.Schema, *, arrow: bool = False) -> None:
        """Names must match; a type may differ if every value of it fits the column's type."""
        expected = self.contract.schema
        wrong = {
            name
            for name in expected
            if name in found
            # Arrow has no types of its own for UUID and JSON: DuckDB parses their text.
            and not (found[name].castable(expected[name]) or (arrow and found[name].is_string()))
        }
        compared = ibis.schema(
            {
                name: found[name] if name in wrong else expected.get(name, found[name])
                for name in found
            }
        )
        if problems := differences(expected, compared):
            self._fail("; ".join(problems))

    def _make_table(self) -> None:
        _make_schema(self.connection, self.schema)
        stored = stored_schema(self.connection, self.contract.name, self.schema)
        if stored is not None:
            problems = differences(self.contract.schema, stored)
            if not problems:
                return
            if self.slice is not None or self.contract.mode != "replace":
                self._fail("the stored table does not fit: " + "; ".join(problems))
            self._execute(sge.Drop(kind="TABLE", this=self.target))
        self._create(self.target)

    def _create(self, target: sge.Table, *, temporary: bool = False) -> None:
        properties = [sge.TemporaryProperty()] if temporary else []
        columns = self.contract.schema.to_sqlglot_column_defs("duckdb")
        self._execute(
            sge.Create(
                kind="TABLE",
                this=sge.Schema(this=target, expressions=columns),
                properties=sge.Properties(expressions=properties),
            )
        )

    def _reads_target(self, source: sge.Query) -> bool:
        """Whether a query reads the table that it fills, be it through a view."""
        views = self.connection.execute(
            "SELECT lower(view_name) FROM duckdb_views() WHERE NOT internal"
        ).fetchall()
        targets = {self.contract.name.lower(), *(view for (view,) in views)}
        return any(table.name.lower() in targets for table in source.find_all(sge.Table))

    def _empty_slice(self) -> None:
        """Delete the slice's rows."""
        delete = sge.Delete(this=self.target)
        if self.slice is not None:
            numbered = self.table.mutate(rowid=self.table.rowid())
            doomed = self.backend.compile(self.held(numbered).select("rowid"))
            delete = delete.where(_column("rowid").isin(query=parsed(doomed)))
        self._execute(delete)

    def _stage(self, source: sge.Query) -> sge.Table:
        """The source's rows in a temporary table with the contract's types."""
        staged = identifier(f"staged_{uuid.uuid4().hex}")
        self._create(staged, temporary=True)
        self.staged.append(staged)
        self._insert(source, into=staged)
        return staged

    def _insert(self, source: sge.Query, into: sge.Table | None = None) -> int:
        columns = [sg.to_identifier(name, quoted=True) for name in self.contract.columns]
        return self._execute(sge.insert(source, into=into or self.target, columns=columns))

    def _insert_inside(self, source: sge.Query) -> int:
        """Insert rows, all of which must lie in the slice."""
        if self.slice is None:
            return self._insert(source)
        before = self.count(self.held(self.table))
        changed = self._insert(source)
        outside = changed - (self.count(self.held(self.table)) - before)
        if outside:
            self._fail(_OUTSIDE, outside)
        return changed

    def _merge(self, source: sge.Query) -> int:
        """Insert rows whose key is new, update those that differ; returns how many."""
        contract, staged = self.contract, self._stage(source)
        rows = self.backend.table(staged.name)
        self._check_unique(rows, contract.key)
        if self.slice is not None:
            outside = self.count(rows.filter(~self.slice.holds(rows)))
            if outside:
                self._fail(_OUTSIDE, outside)
        mutable = [name for name in contract.columns if name not in {*contract.key, *contract.keep}]

        def pair(name: str, compare: type[sge.Binary]) -> sge.Binary:
            return compare(this=_column(name, "stored"), expression=_column(name, "given"))

        whens = []
        if mutable:
            differ = sge.or_(*(pair(name, sge.NullSafeNEQ) for name in mutable))
            update = sge.Update(
                expressions=[
                    sge.EQ(this=_column(name), expression=_column(name, "given"))
                    for name in mutable
                ]
            )
            whens.append(sge.When(matched=True, condition=differ, then=update))
        insert = sge.Insert(
            this=sge.Tuple(expressions=[_column(name) for name in contract.columns]),
            expression=sge.Tuple(expressions=[_column(name, "given") for name in contract.columns]),
        )
        whens.append(sge.When(matched=False, then=insert))
        return self._execute(
            sge.Merge(
                this=sge.alias_(self.target, "stored", table=True),
                using=sge.alias_(staged.copy(), "given", table=True),
                on=sge.and_(*(pair(name, sge.EQ) for name in contract.key)),
                whens=sge.Whens(expressions=whens),
            )
        )

    def verify(self) -> None:
        """The keys and enforced references that this write can have broken."""
        for key in self.contract.keys:
            self._check_unique(self.table, key)
        for reference in self.contract.references:
            if reference.enforced:
                self._check_reference(reference)

    def _check_unique(self, table: ir.Table, key: Sequence[str]) -> None:
        if self.slice is not None:
            # A key of the slice may also stand in another partition: look at all rows, but only
            # at the keys that this write may have brought.
            table = table.semi_join(self.held(table).select(*key), list(key))
        repeated = repeated_keys(table, key)
        found = self.backend.to_pyarrow(repeated.limit(EXAMPLES))
        if found.num_rows:
            rows = int(repeated.rows.sum().to_pyarrow().as_py())
            self._fail(f"key {', '.join(key)} is not unique", rows, shown_keys(found, key))

    def _check_reference(self, reference: Reference) -> None:
        missing = unresolved(
            self.held(self.table),
            self.backend.table(reference.table, database=self.schema),
            reference,
        ).select(self.contract.key)
        found = self.backend.to_pyarrow(missing.limit(EXAMPLES))
        if found.num_rows:
            columns = ", ".join(reference.columns)
            self._fail(
                f"{columns} refers to nothing in {reference.table}",
                self.count(missing),
                shown_keys(found, self.contract.key),
            )

    def _fail(self, rule: str, rows: int | None = None, keys: Sequence[str] = ()) -> NoReturn:
        raise ContractViolationError(self.contract.name, rule, rows=rows, keys=keys)

    def _execute(self, statement: sge.Expression) -> int:
        """Run a statement; returns the count of rows that DuckDB reports, 0 for DDL."""
        result = self.connection.execute(statement.sql("duckdb")).fetchone()
        return int(result[0]) if result else 0


_OUTSIDE = "rows lie outside the partition that is written"


def repeated_keys(table: ir.Table, key: Sequence[str]) -> ir.Table:
    """Keys that stand in more than one row, with the number of their `rows`."""
    counted = table.group_by(list(key)).aggregate(rows=table.count())
    return counted.filter(counted.rows > 1).order_by(list(key))


def unresolved(table: ir.Table, target: ir.Table, reference: Reference) -> ir.Table:
    """Rows of `table` whose reference finds nothing in `target`; a null is no reference."""
    for column, value in reference.where.items():
        table = table.filter(table[column] == value)
    for column in reference.columns:
        table = table.filter(table[column].notnull())
    found = [
        table[column].cast("string") == target[name].cast("string")
        if table[column].type().is_string() != target[name].type().is_string()
        else table[column] == target[name]
        for column, name in zip(reference.columns, reference.targets, strict=True)
    ]
    return table.anti_join(target, found)


def shown_keys(found: pa.Table, key: Sequence[str]) -> list[str]:
    """Keys as text, for messages: ids, numbers and times, never what a chat says."""
    return [" ".join(str(row[name]) for name in key) for row in found.to_pylist()]


def _column(name: str, table: str | None = None) -> sge.Column:
    return sg.column(name, table=table, quoted=True)
