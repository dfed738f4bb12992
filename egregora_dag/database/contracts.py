"""What a table promises: columns, key, allowed values, references, and how it is written.

One definition per table. The write verifies it inside its transaction, the asset checks and the
columns shown in the UI derive from it, and the reference documentation prints it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import ibis
import ibis.expr.types as ir

WriteMode = Literal["replace", "append", "merge"]
WRITE_MODES: tuple[WriteMode, ...] = ("replace", "append", "merge")


@dataclass(frozen=True)
class Column:
    """A column: its Ibis type (`!` in front: never null), what it holds, the values allowed."""

    type: str
    description: str
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reference:
    """Rows of one table that must have a counterpart in another.

    Attributes:
        columns: Columns of the referring table.
        table: The table referred to.
        targets: Its columns, in the same order.
        where: Only rows with these values refer (column → value).
        enforced: A write verifies it; otherwise only the asset check warns.
    """

    columns: tuple[str, ...]
    table: str
    targets: tuple[str, ...]
    where: Mapping[str, str] = field(default_factory=dict)
    enforced: bool = True


@dataclass(frozen=True)
class Rule:
    """A condition that every row satisfies, beyond its columns' types and values."""

    name: str
    holds: Callable[[ir.Table], ir.BooleanValue]


@dataclass(frozen=True)
class Contract:
    """What a table promises.

    Attributes:
        name: The table's name.
        description: What a row is.
        columns: Name → column, in the table's order.
        key: Columns that identify a row.
        mode: How an asset writes it: `replace` the partition, `append`, or `merge` by key.
        partition: The column that holds the partition key.
        unique: Further sets of columns that are unique together.
        references: Rows that must exist elsewhere.
        rules: Conditions that every row satisfies.
        sequence: A column that counts 0, 1, 2, … within each value of `partition`.
        keep: Columns that a merge leaves as first written.
    """

    name: str
    description: str
    columns: Mapping[str, Column]
    key: tuple[str, ...] = ()
    mode: WriteMode = "replace"
    partition: str | None = None
    unique: tuple[tuple[str, ...], ...] = ()
    references: tuple[Reference, ...] = ()
    rules: tuple[Rule, ...] = ()
    sequence: str | None = None
    keep: tuple[str, ...] = ()

    @property
    def schema(self) -> ibis.Schema:
        """The columns' Ibis types, nullability included."""
        return ibis.schema({name: column.type for name, column in self.columns.items()})

    @property
    def not_null(self) -> tuple[str, ...]:
        """Columns that are never null."""
        return tuple(name for name, type_ in self.schema.items() if not type_.nullable)

    @property
    def keys(self) -> Iterator[tuple[str, ...]]:
        """Every set of columns that is unique together, the key first."""
        if self.key:
            yield self.key
        yield from self.unique

    def table(self) -> ir.Table:
        """The table as an unbound Ibis expression."""
        return ibis.table(self.schema, name=self.name, database="main")


def inferred_contract(
    name: str,
    schema: ibis.Schema,
    *,
    key: Sequence[str] = (),
    not_null: Sequence[str] = (),
    mode: WriteMode = "replace",
) -> Contract:
    """The contract of a table that nobody has declared: the columns of what is written to it.

    Args:
        name: The table's name.
        schema: The columns written.
        key: Columns that identify a row, if any.
        not_null: Columns that are never null, beside the key's.
        mode: How the table is written.

    Returns:
        A contract with every column nullable but those of `key` and `not_null`.
    """
    required = {*key, *not_null}
    return Contract(
        name=name,
        description="",
        columns={
            column: Column(str(type_.copy(nullable=column not in required)), "")
            for column, type_ in schema.items()
        },
        key=tuple(key),
        mode=mode,
    )


def differences(expected: ibis.Schema, found: ibis.Schema) -> list[str]:
    """How a schema differs from the expected one; empty when it does not.

    Args:
        expected: The schema that is right.
        found: The schema to compare.

    Returns:
        One phrase for each column that is missing, not expected, or of another type.
    """
    right, seen = _definitions(expected), _definitions(found)
    problems = [f"column {name!r} is missing" for name in right if name not in seen]
    problems += [f"column {name!r} is not expected" for name in seen if name not in right]
    problems += [
        f"column {name!r} is {seen[name]}, expected {right[name]}"
        for name in right
        if name in seen and seen[name] != right[name]
    ]
    return problems


def _definitions(schema: ibis.Schema) -> dict[str, str]:
    """Each column's type and nullability as DuckDB stores them (Ibis distinguishes more)."""
    definitions = schema.to_sqlglot_column_defs("duckdb")
    return {
        column.name: " ".join(part.sql("duckdb") for part in (column.kind, *column.constraints))
        for column in definitions
    }
