"""What code that stores tables may ask of a storage, whichever it is."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import ibis
import ibis.expr.types as ir
import pyarrow as pa

WriteTableMode: TypeAlias = Literal["replace", "append"]
Parameters: TypeAlias = Sequence[object] | Mapping[str, object] | None


class ArrowStream(Protocol):
    """Data that can be read as Arrow: frames of pandas and polars, among others."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The Arrow C stream of the data."""


TableLike: TypeAlias = ir.Table | pa.Table | pa.RecordBatchReader | ArrowStream


@runtime_checkable
class StorageProtocol(Protocol):
    """Tables by name, as Ibis expressions."""

    def connection(self) -> AbstractContextManager[Any]:
        """This thread's raw connection.

        Returns:
            A context manager that gives the connection.
        """

    def read_table(self, name: str) -> ir.Table:
        """A table or view as an expression.

        Args:
            name: The table or view.

        Returns:
            The expression.

        Raises:
            TableNotFoundError: There is none of this name.
        """

    def write_table(
        self,
        table: TableLike,
        name: str,
        mode: WriteTableMode = "replace",
        *,
        checkpoint: bool = True,
    ) -> None:
        """Store rows under a name.

        Args:
            table: The rows.
            name: Letters, digits and underscores, no digit in front.
            mode: `replace` what is stored, or `append` to it.
            checkpoint: Flush to disk afterwards.

        Raises:
            InvalidTableNameError: The name is none.
        """

    def persist_atomic(self, table: TableLike, name: str, schema: ibis.Schema) -> None:
        """Replace a table's rows and keep its constraints.

        Args:
            table: The rows.
            name: The table; made when missing.
            schema: Its columns.

        Raises:
            InvalidTableNameError: The name is none.
        """

    def replace_rows(
        self, table: str, rows: TableLike, *, by_keys: Mapping[str, object] | Sequence[str]
    ) -> None:
        """Replace the rows of some keys.

        Args:
            table: The table.
            rows: The rows to insert.
            by_keys: Columns and the values whose rows go; or columns in which a row that
                goes agrees with one that is inserted.

        Raises:
            InvalidOperationError: There are no keys.
        """

    def execute_query(self, sql: str, params: Parameters = None) -> list[tuple[Any, ...]]:
        """All rows of a query.

        Args:
            sql: The query, with `?` or `$name` where a value goes.
            params: The values.

        Returns:
            The rows.
        """

    def execute_query_single(self, sql: str, params: Parameters = None) -> tuple[Any, ...] | None:
        """The first row of a query, if any.

        Args:
            sql: The query, with `?` or `$name` where a value goes.
            params: The values.

        Returns:
            The row, or None.
        """

    def execute_sql(self, sql: str, params: Parameters = None) -> None:
        """Run a statement.

        Args:
            sql: The statement, with `?` or `$name` where a value goes.
            params: The values.
        """

    def table_exists(self, name: str) -> bool:
        """Whether there is a table or view of this name.

        Args:
            name: The name.

        Returns:
            True if there is.
        """

    def list_tables(self) -> list[str]:
        """Names of all tables and views, sorted.

        Returns:
            The names.
        """

    def drop_table(self, name: str, *, checkpoint_too: bool = False) -> None:
        """Remove a table or view.

        Args:
            name: The table or view.
            checkpoint_too: Also remove what a checkpoint left of it.

        Raises:
            TableNotFoundError: There is none of this name.
        """

    def row_count(self, name: str) -> int:
        """How many rows a table holds.

        Args:
            name: The table or view.

        Returns:
            The number of rows.

        Raises:
            TableNotFoundError: There is none of this name.
        """

    def get_table_columns(self, name: str, *, refresh: bool = False) -> set[str]:
        """Names of a table's columns.

        Args:
            name: The table or view.
            refresh: Read them anew, whatever is remembered.

        Returns:
            The names.

        Raises:
            TableNotFoundError: There is none of this name.
        """

    def checkpoint(self) -> None:
        """Make what was written durable in the database file."""

    def close(self) -> None:
        """Let go of the database."""


@runtime_checkable
class SequenceStorageProtocol(Protocol):
    """Sequences of numbers by name."""

    def ensure_sequence(self, name: str, *, start: int = 1) -> None:
        """Make a sequence unless there is one.

        Args:
            name: The sequence.
            start: Its first value.
        """

    def next_sequence_value(self, name: str) -> int:
        """The next value.

        Args:
            name: The sequence.

        Returns:
            A value that nobody else gets.

        Raises:
            SequenceNotFoundError: There is none of this name.
        """

    def next_sequence_values(self, name: str, *, count: int) -> list[int]:
        """The next values.

        Args:
            name: The sequence.
            count: How many, at least 1.

        Returns:
            Values that nobody else gets, in order.

        Raises:
            SequenceNotFoundError: There is none of this name.
        """

    def sync_sequence_with_table(self, name: str, *, table: str, column: str) -> None:
        """Move a sequence past the values of a column.

        Args:
            name: The sequence.
            table: The table.
            column: A column of whole numbers.

        Raises:
            SequenceNotFoundError: There is none of this name.
        """

    def ensure_sequence_default(self, table: str, column: str, name: str) -> None:
        """Give a column the sequence's next value where a row has none.

        Args:
            table: The table.
            column: Its column.
            name: The sequence.

        Raises:
            SequenceNotFoundError: There is none of this name.
        """
