"""The central entry point for all database operations.

from pathlib import Path
from egregora_dag.database.duckdb_manager import DuckDBStorageManager

with DuckDBStorageManager(Path("pipeline.duckdb")) as storage:
    print(storage.read_table("messages").count().execute())
"""

import logging
import os
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, Self, TypeVar, get_args

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
import sqlglot.expressions as sge
from duckdb import DuckDBPyConnection
from ibis.backends.duckdb import Backend
from ibis.common.exceptions import TableNotFound

from egregora_dag import settings
from egregora_dag.database import connections, limits
from egregora_dag.database.backends import ThreadedBackend
from egregora_dag.database.contracts import Contract, differences
from egregora_dag.database.exceptions import (
    DatabaseOpenError,
    InvalidOperationError,
    InvalidTableNameError,
    TableInfoError,
    TableNotFoundError,
)
from egregora_dag.database.names import checked_name, is_name
from egregora_dag.database.protocols import Parameters, TableLike, WriteTableMode
from egregora_dag.database.schemas import CONTRACTS, create_table_if_not_exists
from egregora_dag.database.sequences import SequenceOperations, SequenceState
from egregora_dag.database.tables import (
    Rows,
    create_table,
    delete_rows,
    identifier,
    insert_rows,
    parsed,
    staged,
    stored_schema,
)
from egregora_dag.database.utils import quote_identifier
from egregora_dag.database.views import ViewBuilder
from egregora_dag.database.writing import translated_errors, write_rows

__all__ = ["DuckDBStorageManager", "SequenceState", "duckdb_backend", "temp_storage"]

T = TypeVar("T")

_FATAL: Final = (duckdb.FatalException, duckdb.InternalException)
_log = logging.getLogger(__name__)


class DuckDBStorageManager(SequenceOperations):
    """Tables of one DuckDB database, as Ibis expressions in and out.

    Each thread has its own connection to the database, writers take turns, and a file is held
    until `close`: another process that wants it waits, and is then told who holds it. Rows do not
    pass through Python.

    Args:
        db_path: The database file, made when missing; a database in memory when None.
        checkpoint_dir: Folder in which each table that is written is also left as
            `NAME.parquet`; no such files when None.

    Raises:
        DatabaseLockedError: Another process held the file for longer than `EGREGORA_LOCK_TIMEOUT`.
        DatabaseOpenError: The file is not a database, or may not be written.
    """

    def __init__(self, db_path: Path | None = None, checkpoint_dir: Path | None = None) -> None:
        self._resources = ExitStack()
        if db_path is None:
            connection = self._resources.enter_context(connections.open_memory())
        else:
            Path(db_path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            connection = self._resources.enter_context(connections.connect(Path(db_path)))
        self._share(connection, checkpoint_dir)

    @classmethod
    def from_connection(
        cls, conn: DuckDBPyConnection, checkpoint_dir: Path | None = None
    ) -> "DuckDBStorageManager":
        """A manager over a connection that is open already, which `close` leaves open.

        Args:
            conn: The connection; this thread uses it, others use cursors of it.
            checkpoint_dir: As for the class.

        Returns:
            The manager.
        """
        manager = cls.__new__(cls)
        manager._resources = ExitStack()
        manager._share(conn, checkpoint_dir)
        return manager

    @classmethod
    def from_ibis_backend(
        cls, backend: Backend, checkpoint_dir: Path | None = None
    ) -> "DuckDBStorageManager":
        """A manager over the connection of an Ibis backend, which `close` leaves open.

        Args:
            backend: An Ibis backend for DuckDB.
            checkpoint_dir: As for the class.

        Returns:
            The manager.

        Raises:
            InvalidOperationError: It is the backend of another engine.
        """
        if not isinstance(backend, Backend):
            name = getattr(backend, "name", type(backend).__name__)
            raise InvalidOperationError(
                name, f"A backend for {name} holds no DuckDB database. Use ibis.duckdb.connect."
            )
        return cls.from_connection(backend.con, checkpoint_dir)

    def _share(self, connection: DuckDBPyConnection, checkpoint_dir: Path | None) -> None:
        self._conn = connection
        found = connection.execute(
            "SELECT database_name, path FROM duckdb_databases() "
            "WHERE database_name = current_database()"
        ).fetchone()
        self._catalog, file = found or ("memory", None)
        self.db_path = Path(file) if file else None
        self.checkpoint_dir = None if checkpoint_dir is None else Path(checkpoint_dir)
        self.backend = ThreadedBackend.from_connection(connection)
        self._turn = connections.turn_to_write(self.db_path) if self.db_path else threading.RLock()
        self._flushed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Checkpoint, then let go of the database; closing again does nothing.

        Raises:
            DiskFullError: There is no room for the checkpoint; what was committed is kept, in the
                write-ahead log beside the file.
        """
        if not self.backend.threads.closed:
            try:
                self.checkpoint()
            finally:
                self.backend.threads.close()
                self._resources.close()

    @property
    def name(self) -> str:
        """What errors call the database: its file."""
        return "the database in memory" if self.db_path is None else str(self.db_path)

    @contextmanager
    def connection(self) -> Iterator[DuckDBPyConnection]:
        """This thread's raw connection, for what has no method here.

        Yields:
            The connection, which is not to be kept or closed.
        """
        with self._named_errors():
            yield self.backend.con
        self._flushed = False

    @contextmanager
    def transaction(self) -> Iterator[DuckDBPyConnection]:
        """This thread's connection inside a transaction; the writers of the process take turns.

        Yields:
            The connection; what was done is committed at the end of the block, or rolled back.
        """
        with self._turn, self._named_errors():
            connection = self.backend.con
            with connections.committed(connection):
                yield connection
        self._flushed = False

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        """DuckDB's fatal errors, and what ran short, with the file's name."""
        try:
            with limits.shortages_told(self.name):
                yield
        except _FATAL as error:
            raise DatabaseOpenError(self.name, f"DuckDB gave up on it: {error}") from error

    # Reading

    def read_table(self, name: str) -> ir.Table:
        """A table or view as an Ibis expression, which any thread can execute.

        Args:
            name: The name; of a view made with `execute_view` before one of the pipeline's own.

        Returns:
            The expression.

        Raises:
            TableNotFoundError: There is none of this name.
            InvalidTableNameError: Nor can there be.
            TableInfoError: It is a view of something that is gone.
        """
        self._flush()
        return self._table(name)

    def _table(self, name: str, *, temporary: bool = True) -> ir.Table:
        # With its place, as a temporary view may have the name of what it shows.
        [catalog, found] = self._place(name, temporary=temporary) or (None, name)
        if catalog is None:
            raise TableNotFoundError(name) if is_name(name) else InvalidTableNameError(name)
        try:
            return self.backend.table(found, database=(catalog, "main"))
        except (TableNotFound, duckdb.BinderException) as error:
            if self._place(name, temporary=temporary) is None:
                raise TableNotFoundError(name) from error
            raise TableInfoError(
                name, f"{name!r} is a view of what is gone or has changed. Make it anew."
            ) from error

    def _place(self, name: str, *, temporary: bool = True) -> tuple[str, str] | None:
        """The catalog that holds the table or view, and its name as it is written there."""
        row = self.execute_query_single(
            "SELECT table_catalog, table_name FROM information_schema.tables "
            "WHERE lower(table_name) = lower($name) AND table_schema = 'main' "
            "AND (table_catalog = $catalog OR $temporary AND table_catalog = 'temp') "
            "ORDER BY table_catalog = 'temp' DESC",
            {"name": name, "catalog": self._catalog, "temporary": temporary},
        )
        return None if row is None else (row[0], row[1])

    def execute_view(self, view_name: str, builder: ViewBuilder, source_table: str) -> ir.Table:
        """Show what a builder makes of a table, as a temporary view of this manager.

        A view of the same name in the database stays as it is.

        Args:
            view_name: The view's name, under which this manager's SQL finds it.
            builder: Makes an expression of the table's expression, as those of `COMMON_VIEWS` do.
            source_table: The table or view to read.

        Returns:
            The view as an expression.

        Raises:
            InvalidTableNameError: The view's name is none.
            TableNotFoundError: There is no such source.
        """
        checked_name(view_name)
        self._flush()
        # What has the view's own name is what the view stands in front of.
        source = self._table(source_table, temporary=source_table.lower() != view_name.lower())
        expression = builder(source)
        create = sge.Create(
            kind="VIEW",
            this=identifier(view_name),
            expression=parsed(self.backend.compile(expression)),
            replace=True,
            properties=sge.Properties(expressions=[sge.TemporaryProperty()]),
        )
        with self._named_errors():
            self.backend.threads.add_view(view_name, create.sql("duckdb"))
        return self.backend.table(view_name, database=("temp", "main"))

    def execute_query(self, sql: str, params: Parameters = None) -> list[tuple[Any, ...]]:
        """Run a query.

        Args:
            sql: The query, with `?` or `$name` where a value goes.
            params: The values, always bound, never part of the text.

        Returns:
            All rows.
        """
        return self._run(sql, params, lambda result: result.fetchall())

    def execute_query_single(self, sql: str, params: Parameters = None) -> tuple[Any, ...] | None:
        """Run a query.

        Args:
            sql: The query, with `?` or `$name` where a value goes.
            params: The values.

        Returns:
            The first row; None if there is none.
        """
        return self._run(sql, params, lambda result: result.fetchone())

    def execute_sql(self, sql: str, params: Parameters = None) -> None:
        """Run a statement that gives nothing back; writers take turns.

        Args:
            sql: The statement, with `?` or `$name` where a value goes.
            params: The values.
        """
        with self._turn:
            self._run(sql, params, lambda _: None)

    def _run(self, sql: str, params: Parameters, rows: Callable[[DuckDBPyConnection], T]) -> T:
        """Run a statement, again as long as it conflicts with that of another writer."""
        deadline = time.monotonic() + settings.lock_timeout()
        values: Any = params if isinstance(params, Mapping) else list(params or ())
        with self.connection() as connection:
            while True:
                try:
                    return rows(connection.execute(sql, values))
                except duckdb.TransactionException as error:
                    single = len(connection.extract_statements(sql)) == 1
                    if "onflict" not in str(error) or not single or time.monotonic() > deadline:
                        raise
                time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - jitter, not cryptography

    def table_exists(self, name: str) -> bool:
        """Whether there is a table or view of this name.

        Args:
            name: The name.

        Returns:
            True if there is.
        """
        return self._place(name) is not None

    def list_tables(self) -> list[str]:
        """Names of the database's tables and views, sorted.

        Returns:
            The names; temporary views are not among them.
        """
        rows = self.execute_query(
            "SELECT table_name FROM information_schema.tables "
            "WHERE table_schema = 'main' AND table_catalog = ? ORDER BY ALL",
            [self._catalog],
        )
        return [name for (name,) in rows]

    def row_count(self, name: str) -> int:
        """How many rows a table or view holds.

        Args:
            name: The table or view.

        Returns:
            The number of rows.

        Raises:
            TableNotFoundError: There is none of this name.
        """
        return int(self.read_table(name).count().to_pyarrow().as_py())

    def get_table_columns(self, name: str, *, refresh: bool = False) -> set[str]:
        """Names of a table's or view's columns.

        Args:
            name: The table or view.
            refresh: Accepted for callers that know a cache; the columns are always read anew.

        Returns:
            The names.

        Raises:
            TableNotFoundError: There is none of this name.
            TableInfoError: It is a view of something that is gone.
        """
        return set(self._table(name).columns)

    # Writing

    def write_table(
        self,
        table: TableLike,
        name: str,
        mode: WriteTableMode = "replace",
        *,
        checkpoint: bool = True,
    ) -> None:
        """Store rows under a name, all or nothing.

        One of the pipeline's own tables keeps its contract: rows that break it are refused. Any
        other table that is replaced takes the columns of what replaces it.

        Args:
            table: An Ibis expression, also one that reads the table it replaces; an Arrow table or
                reader; a pandas or polars frame.
            name: Letters, digits and underscores, no digit in front.
            mode: `replace` what is stored, or `append` to it.
            checkpoint: Flush to the database file, and to `NAME.parquet` in `checkpoint_dir`.

        Raises:
            InvalidTableNameError: The name is none.
            InvalidOperationError: There is a view of this name, no such mode, or the rows have
                columns that the table has not.
            TableCreationError: No table can be made of these columns.
            ContractViolationError: The rows break the contract of one of the pipeline's tables.
        """
        checked_name(name)
        if mode not in get_args(WriteTableMode):
            raise InvalidOperationError(
                name, f"Mode {mode!r} is none. Use {' or '.join(get_args(WriteTableMode))}."
            )
        rows = _rows(table)
        with self._written(name, checkpoint=checkpoint) as connection:
            contract = self._contract(name)
            if contract is not None:
                write_rows(connection, contract, rows, mode=mode)
            elif mode == "append" and stored_schema(connection, name) is not None:
                insert_rows(connection, rows, name)
            else:
                create_table(connection, rows, name)

    def persist_atomic(self, table: TableLike, name: str, schema: ibis.Schema) -> None:
        """Replace a table's rows in one transaction, and keep its constraints and indexes.

        Args:
            table: The rows, as for `write_table`.
            name: The table; made when missing.
            schema: Its columns; the rows have them, and are stored in their types.

        Raises:
            InvalidTableNameError: The name is none.
            InvalidOperationError: The rows have not these columns.
            ContractViolationError: The rows break the contract of one of the pipeline's tables.
        """
        checked_name(name)
        rows = _rows(table)
        with self._written(name) as connection:
            contract = self._contract(name)
            if contract is not None:
                write_rows(connection, contract, rows, mode="replace")
                return
            create_table_if_not_exists(connection, name, schema)
            with staged(connection, rows) as given:
                if missing := [column for column in schema if column not in given.columns]:
                    raise InvalidOperationError(
                        name, f"The rows for {name!r} lack the columns {', '.join(missing)}."
                    )
                cast = given.select(*schema).cast(dict(schema.items()))
                connection.execute(f"DELETE FROM main.{quote_identifier(name)}")  # noqa: S608
                insert_rows(connection, cast, name)

    def replace_rows(
        self, table: str, rows: TableLike, *, by_keys: Mapping[str, object] | Sequence[str]
    ) -> None:
        """Delete the rows of some keys and insert others, in one transaction.

        Args:
            table: The table.
            rows: The rows to insert, as for `write_table`.
            by_keys: Columns and the values whose rows are deleted; or columns, and the rows that
                agree in all of them with one that is inserted are deleted.

        Raises:
            InvalidOperationError: There are no keys, or no such columns.
            TableNotFoundError: There is no such table.
            ContractViolationError: The rows break the contract of one of the pipeline's tables.
        """
        if not by_keys:
            raise InvalidOperationError(
                table, f"Rows of {table!r} are replaced by key. Name at least one column."
            )
        if missing := set(by_keys) - set(self._table(table, temporary=False).columns):
            raise InvalidOperationError(
                table, f"Table {table!r} has no column {', '.join(sorted(missing))}."
            )
        with self._written(table) as connection, staged(connection, _rows(rows)) as given:
            delete_rows(connection, table, by_keys, given)
            contract = self._contract(table)
            if contract is not None:
                write_rows(connection, contract, given, mode="append")
            else:
                insert_rows(connection, given, table)

    def drop_table(self, name: str, *, checkpoint_too: bool = False) -> None:
        """Remove a table or view.

        Args:
            name: The table or view.
            checkpoint_too: Also remove its `NAME.parquet` from `checkpoint_dir`.

        Raises:
            TableNotFoundError: There is none of this name.
            InvalidTableNameError: Nor can there be.
        """
        if not self.table_exists(name):
            raise TableNotFoundError(name) if is_name(name) else InvalidTableNameError(name)
        if name.lower() in self.backend.threads.views:
            self.backend.threads.drop_view(name)
        else:
            with self.transaction() as connection:
                [is_view] = connection.execute(
                    "SELECT count(*) FROM duckdb_views() WHERE lower(view_name) = lower(?)", [name]
                ).fetchone() or (0,)
                drop = sge.Drop(kind="VIEW" if is_view else "TABLE", this=identifier(name))
                connection.execute(drop.sql("duckdb"))
        if checkpoint_too and self.checkpoint_dir is not None and is_name(name):
            (self.checkpoint_dir / f"{name}.parquet").unlink(missing_ok=True)

    def drop_index(self, name: str) -> None:
        """Remove an index.

        Args:
            name: The index.

        Raises:
            InvalidOperationError: There is none of this name.
        """
        try:
            self.execute_sql(f"DROP INDEX {quote_identifier(name)}")
        except (duckdb.CatalogException, duckdb.ParserException) as error:
            raise InvalidOperationError(name, f"There is no index {name!r}.") from error

    def checkpoint(self) -> None:
        """Flush what was written to the database file.

        While another connection writes, DuckDB cannot; then the next checkpoint does, and what was
        committed is durable all the same, in the write-ahead log beside the file.
        """
        self._flushed = True
        try:
            with self._named_errors():
                self.backend.con.execute("CHECKPOINT")
        except duckdb.TransactionException as error:
            self._flushed = False
            _log.debug("checkpoint skipped: %s", error)

    def _flush(self) -> None:
        if not self._flushed:
            self.checkpoint()

    @contextmanager
    def _written(self, name: str, *, checkpoint: bool = True) -> Iterator[DuckDBPyConnection]:
        """A transaction that writes a table, then its Parquet file and the checkpoint."""
        with self._turn:
            temporary = None
            try:
                with translated_errors(name), self.transaction() as connection:
                    self._refuse_view(connection, name)
                    yield connection
                    if checkpoint and self.checkpoint_dir is not None:
                        temporary = self._exported(connection, name, self.checkpoint_dir)
                if temporary is not None:
                    temporary.replace(temporary.with_name(f"{name}.parquet"))
            finally:
                if temporary is not None:
                    temporary.unlink(missing_ok=True)
        if checkpoint:
            self.checkpoint()

    @staticmethod
    def _exported(connection: DuckDBPyConnection, name: str, folder: Path) -> Path:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = folder / f".{name}.{os.getpid()}-{uuid.uuid4().hex}.parquet"
        connection.sql(f"FROM main.{quote_identifier(name)}").write_parquet(str(file))
        return file

    @staticmethod
    def _refuse_view(connection: DuckDBPyConnection, name: str) -> None:
        [views] = connection.execute(
            "SELECT count(*) FROM duckdb_views() WHERE lower(view_name) = lower(?) "
            "AND schema_name = 'main' AND NOT temporary",
            [name],
        ).fetchone() or (0,)
        if views:
            raise InvalidOperationError(
                name, f"{name!r} is a view, which holds no rows. Write to a table."
            )

    def _contract(self, name: str) -> Contract | None:
        """The contract of one of the pipeline's tables, if this is it and not a namesake."""
        contract = CONTRACTS.get(name.lower())
        if contract is None:
            return None
        stored = stored_schema(self.backend.con, contract.name)
        return None if stored is None or differences(contract.schema, stored) else contract


def _rows(table: TableLike) -> Rows:
    """What may be written, as an expression or Arrow data."""
    if isinstance(table, ir.Table | pa.Table | pa.RecordBatchReader):
        return table
    return ibis.memtable(table)


def temp_storage() -> DuckDBStorageManager:
    """A storage manager over a database in memory, which is gone when it is closed.

    Returns:
        The manager, which is closed by `close` or at the end of a `with` block.
    """
    return DuckDBStorageManager()


@contextmanager
def duckdb_backend() -> Iterator[Backend]:
    """A database in memory as Ibis's default backend, as long as the block lasts.

    Yields:
        The backend.
    """
    before = ibis.options.default_backend
    backend = ibis.duckdb.connect()
    ibis.options.default_backend = backend
    try:
        yield backend
    finally:
        ibis.options.default_backend = before
        backend.disconnect()
