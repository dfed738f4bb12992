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
        """This thread's raw connection."""

    def read_table(self, name: str) -> ir.Table:
        """A table or view as an expression."""

    def write_table(
        self,
        table: TableLike,
        name: str,
        mode: WriteTableMode = "replace",
        *,
        checkpoint: bool = True,
    ) -> None:
        """Store rows under a name."""

    def persist_atomic(self, table: TableLike, name: str, schema: ibis.Schema) -> None:
        """Replace a table's rows and keep its constraints."""

    def replace_rows(
        self, table: str, rows: TableLike, *, by_keys: Mapping[str, object] | Sequence[str]
    ) -> None:
        """Replace the rows of some keys."""

    def execute_query(self, sql: str, params: Parameters = None) -> list[tuple[Any, ...]]:
        """All rows of a query."""

    def execute_query_single(self, sql: str, params: Parameters = None) -> tuple[Any, ...] | None:
        """The first row of a query, if any."""

    def execute_sql(self, sql: str, params: Parameters = None) -> None:
        """Run a statement."""

    def table_exists(self, name: str) -> bool:
        """Whether there is a table or view of this name."""

    def list_tables(self) -> list[str]:
        """Names of all tables and views, sorted."""

    def drop_table(self, name: str, *, checkpoint_too: bool = False) -> None:
        """Remove a table or view."""

    def row_count(self, name: str) -> int:
        """How many rows a table holds."""

    def get_table_columns(self, name: str, *, refresh: bool = False) -> set[str]:
        """Names of a table's columns."""

    def checkpoint(self) -> None:
        """Make what was written durable in the database file."""

    def close(self) -> None:
        """Let go of the database."""


@runtime_checkable
class SequenceStorageProtocol(Protocol):
    """Sequences of numbers by name."""

    def ensure_sequence(self, name: str, *, start: int = 1) -> None:
        """Make a sequence unless there is one."""

    def next_sequence_value(self, name: str) -> int:
        """The next value."""

    def next_sequence_values(self, name: str, *, count: int) -> list[int]:
        """The next values."""

    def sync_sequence_with_table(self, name: str, *, table: str, column: str) -> None:
        """Move a sequence past the values of a column."""

    def ensure_sequence_default(self, table: str, column: str, name: str) -> None:
        """Give a column the sequence's next value where a row has none."""
