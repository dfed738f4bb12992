"""Sequences of numbers that are unique across threads: what a storage manager does with them."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import sqlglot.expressions as sge
from duckdb import DuckDBPyConnection

from egregora_dag.database.exceptions import (
    InvalidOperationError,
    SequenceCreationError,
    SequenceFetchError,
    SequenceNotFoundError,
)
from egregora_dag.database.names import checked_name
from egregora_dag.database.tables import identifier
from egregora_dag.database.utils import quote_identifier

# Numbers are drawn one by one up to here, which takes seconds; further, the sequence is made anew.
_MOST_DRAWN: Final = 100_000_000


@dataclass(frozen=True)
class SequenceState:
    """Where a sequence stands.

    Attributes:
        sequence_name: Its name.
        start_value: Its first value.
        increment_by: What is added each time.
        last_value: The value drawn last; None before the first.
    """

    sequence_name: str
    start_value: int
    increment_by: int
    last_value: int | None

    @property
    def next_value(self) -> int:
        """The value that is drawn next."""
        if self.last_value is None:
            return self.start_value
        return self.last_value + self.increment_by


class SequenceOperations(ABC):
    """The sequences of a database, given a way to run statements on it."""

    @abstractmethod
    def execute_query(self, sql: str, params: Any = None) -> list[tuple[Any, ...]]:
        """All rows of a query.

        Args:
            sql: The query.
            params: The values, bound.

        Returns:
            The rows.
        """

    @abstractmethod
    def transaction(self) -> AbstractContextManager[DuckDBPyConnection]:
        """A connection inside a transaction; writers take turns.

        Returns:
            A context manager that gives the connection.
        """

    @abstractmethod
    def get_table_columns(self, name: str, *, refresh: bool = False) -> set[str]:
        """Names of a table's columns.

        Args:
            name: The table.
            refresh: Accepted for callers that know a cache.

        Returns:
            The names.
        """

    def ensure_sequence(self, name: str, *, start: int = 1) -> None:
        """Make a sequence unless there is one of this name.

        Args:
            name: Its name.
            start: Its first value.

        Raises:
            InvalidTableNameError: The name is none.
            SequenceCreationError: There is something else of this name, or no such first value.
        """
        properties = sge.SequenceProperties(start=sge.Literal.number(int(start)))
        create = sge.Create(
            kind="SEQUENCE",
            this=sge.to_identifier(checked_name(name), quoted=True),
            exists=True,
            properties=sge.Properties(expressions=[properties]),
        )
        try:
            with self.transaction() as connection:
                connection.execute(create.sql("duckdb"))
        except (duckdb.CatalogException, duckdb.ParserException) as error:
            raise SequenceCreationError(name, f"Sequence {name!r}: {error}") from error

    def get_sequence_state(self, name: str) -> SequenceState:
        """Where a sequence stands.

        Args:
            name: The sequence.

        Returns:
            Its state.

        Raises:
            SequenceNotFoundError: There is none of this name.
        """
        rows = self.execute_query(
            "SELECT sequence_name, start_value, increment_by, last_value FROM duckdb_sequences() "
            "WHERE schema_name = 'main' AND lower(sequence_name) = lower(?)",
            [name],
        )
        if not rows:
            raise SequenceNotFoundError(name)
        return SequenceState(*rows[0])

    def next_sequence_value(self, name: str) -> int:
        """The next value, which nobody else gets.

        Args:
            name: The sequence.

        Returns:
            The value.

        Raises:
            SequenceNotFoundError: There is none of this name.
        """
        return self.next_sequence_values(name, count=1)[0]

    def next_sequence_values(self, name: str, *, count: int) -> list[int]:
        """The next values, in order, which nobody else gets.

        Args:
            name: The sequence.
            count: How many, at least 1.

        Returns:
            The values.

        Raises:
            InvalidOperationError: The count is below 1.
            SequenceNotFoundError: There is none of this name.
            SequenceFetchError: It has no more values, or double quotes in its name.
        """
        if count < 1:
            raise InvalidOperationError(
                name, f"{count} values of sequence {name!r} cannot be drawn. Draw at least 1."
            )
        self.get_sequence_state(name)
        rows = self._draw("SELECT nextval(?) FROM range(?)", name, count)
        return [value for (value,) in rows]

    def _draw(self, sql: str, name: str, count: int) -> list[tuple[Any, ...]]:
        try:
            return self.execute_query(sql, [quote_identifier(name), count])
        except (duckdb.SequenceException, duckdb.CatalogException) as error:
            raise SequenceFetchError(name, f"Sequence {name!r}: {error}") from error

    def sync_sequence_with_table(self, name: str, *, table: str, column: str) -> None:
        """Move a sequence on, so that its next value is above all in a column.

        Args:
            name: The sequence.
            table: The table.
            column: A column of whole numbers.

        Raises:
            SequenceNotFoundError: There is no such sequence.
            TableNotFoundError: There is no such table.
            InvalidOperationError: The table has no such column of whole numbers, or the sequence
                would have to move by more than 100 million while it is the default of a column.
            SequenceCreationError: No sequence counts that far.
            SequenceFetchError: This one does not, or has double quotes in its name.
        """
        state = self.get_sequence_state(name)
        self._check_column(table, column)
        [[highest]] = self.execute_query(
            f"SELECT max({quote_identifier(column)}) FROM {quote_identifier(table)}"  # noqa: S608
        )
        if not isinstance(highest, int | None):
            raise InvalidOperationError(
                column,
                f"Column {column!r} of {table!r} holds no whole numbers. Name one that does.",
            )
        steps = 0 if highest is None else highest + 1 - state.next_value
        if highest is not None and steps > _MOST_DRAWN:
            self._restart(name, highest + 1)
        elif steps > 0:
            self._draw("SELECT max(nextval(?)) FROM range(?)", name, steps)

    def _restart(self, name: str, start: int) -> None:
        create = sge.Create(
            kind="SEQUENCE",
            this=sge.to_identifier(name, quoted=True),
            replace=True,
            properties=sge.Properties(
                expressions=[sge.SequenceProperties(start=sge.Literal.number(start))]
            ),
        )
        try:
            with self.transaction() as connection:
                connection.execute(create.sql("duckdb"))
        except duckdb.DependencyException as error:
            raise InvalidOperationError(
                name,
                f"Sequence {name!r} is the default of a column and cannot be moved to {start}. "
                "Make another one that starts there.",
            ) from error
        except duckdb.ParserException as error:
            raise SequenceCreationError(name, f"Sequence {name!r}: {error}") from error

    def ensure_sequence_default(self, table: str, column: str, name: str) -> None:
        """Give a column the sequence's next value where a row has none.

        Args:
            table: The table.
            column: Its column.
            name: The sequence.

        Raises:
            SequenceNotFoundError: There is no such sequence.
            TableNotFoundError: There is no such table.
            InvalidOperationError: The table has no such column.
        """
        self.get_sequence_state(name)
        self._check_column(table, column)
        default = sge.func("nextval", sge.Literal.string(quote_identifier(name)))
        alter = sge.Alter(
            kind="TABLE",
            this=identifier(table),
            actions=[sge.AlterColumn(this=sge.to_identifier(column, quoted=True), default=default)],
        )
        with self.transaction() as connection:
            connection.execute(alter.sql("duckdb"))

    def _check_column(self, table: str, column: str) -> None:
        if column.lower() not in map(str.lower, self.get_table_columns(table)):
            raise InvalidOperationError(column, f"Table {table!r} has no column {column!r}.")
