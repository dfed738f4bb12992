"""Wiring: what assets, checks and sensors are handed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
from dagster import ConfigurableResource
from duckdb import DuckDBPyConnection
from pydantic import Field, PrivateAttr

from egregora_dag.database import connections
from egregora_dag.database.contracts import Contract
from egregora_dag.database.migrations import ensure_schema
from egregora_dag.database.protocols import Parameters
from egregora_dag.database.schemas import CONTRACTS
from egregora_dag.database.tables import Rows, backend_of
from egregora_dag.database.writing import Written, write_rows
from egregora_dag.discretion import discretion
from egregora_dag.inbox import is_export
from egregora_dag.io_manager import DuckDBIbisIOManager
from egregora_dag.settings import Home


class WarehouseIOManager(DuckDBIbisIOManager):
    """The IO manager for Egregora's own tables, whose contracts it knows."""

    def contracts(self) -> Mapping[str, Contract]:
        """The contracts of the warehouse."""
        return CONTRACTS

    def errors(self) -> AbstractContextManager[None]:
        """What DuckDB says of values is left out."""
        return discretion()

    def prepare(self) -> None:
        """Give a new database its tables."""
        ensure_schema(Path(self.database), timeout=self.lock_timeout)


class Warehouse(ConfigurableResource[None]):
    """Reads and writes for work that goes through Python; holds no connection in between.

    A new database gets its tables at the first use, within a step: where another process holds the
    file for too long, that step fails, and Dagster tries it again.

    Args:
        database: Path of the DuckDB file; made, with its tables, when missing.
        lock_timeout: Seconds to wait for another process; `$EGREGORA_LOCK_TIMEOUT` or 120 if None.
    """

    database: str = Field(description="Path of the DuckDB file.")
    lock_timeout: float | None = Field(
        default=None, description="Seconds to wait while another process holds the file."
    )

    @property
    def path(self) -> Path:
        """Path of the DuckDB file."""
        return Path(self.database)

    _prepared: bool = PrivateAttr(default=False)

    def prepare(self) -> None:
        """Give a new database its tables.

        Raises:
            DatabaseVersionError: The file is older or newer than this code.
            DatabaseLockedError: Another process held the file.
        """
        if not self._prepared:
            ensure_schema(self.path, timeout=self.lock_timeout)
            self._prepared = True

    @contextmanager
    def _connected(self) -> Iterator[DuckDBPyConnection]:
        self.prepare()
        with connections.connect(self.path, timeout=self.lock_timeout) as connection:
            yield connection

    def read(self, expression: ir.Table) -> pa.Table:
        """The rows of an unbound expression.

        Args:
            expression: What to read; its in-memory tables are handed to DuckDB.

        Returns:
            All rows, in memory: ask for as many as there is room for.
        """
        with self._connected() as connection:
            backend = backend_of(connection)
            # See `writing`: Ibis has no public name for this.
            backend._run_pre_execute_hooks(expression)
            return connection.execute(backend.compile(expression)).to_arrow_table()

    def rows(self, expression: ir.Table) -> list[dict[str, Any]]:
        """The rows of an unbound expression as dictionaries; for small results."""
        rows: list[dict[str, Any]] = self.read(expression).to_pylist()
        return rows

    def execute_query(self, sql: str, params: Parameters = None) -> list[tuple[Any, ...]]:
        """All rows of a query in SQL, its values bound."""
        values: Any = params if isinstance(params, Mapping) else list(params or ())
        with self._connected() as connection:
            return connection.execute(sql, values).fetchall()

    def write(self, contract: Contract, rows: Rows) -> Written:
        """Write rows to a table as its contract says, in a transaction of its own.

        Raises:
            ContractViolationError: The rows break the contract; nothing was written.
        """
        with self.transaction() as connection:
            return write_rows(connection, contract, rows)

    @contextmanager
    def transaction(self) -> Iterator[DuckDBPyConnection]:
        """A connection inside a transaction, committed at the end of the block."""
        self.prepare()
        with connections.transaction(self.path, timeout=self.lock_timeout) as connection:
            yield connection


class Secret(ConfigurableResource[None]):
    """The home's key, read where it is needed; it is part of no config.

    Args:
        home: The home's folder.
    """

    home: str = Field(description="Folder of the home, which holds the key of pseudonyms.")

    def key(self) -> str:
        """The key.

        Raises:
            EgregoraError: There is none.
        """
        return Home(Path(self.home)).key()

    @property
    def keeps_names(self) -> bool:
        """Whether it is kept who stands behind a pseudonym."""
        return not Home(Path(self.home)).names_deleted.exists()


class SiteFolder(ConfigurableResource[None]):
    """Where what people read is kept.

    Args:
        root: The folder.
    """

    root: str = Field(description="Folder of the Markdown files and the site.")

    @property
    def path(self) -> Path:
        """The folder."""
        return Path(self.root)


class Inbox(ConfigurableResource[None]):
    """The exports of each chat, in a folder named by its key.

    Args:
        root: The inbox's folder.
    """

    root: str = Field(description="Folder of the exports, one folder a chat.")

    @property
    def path(self) -> Path:
        """The inbox's folder."""
        return Path(self.root)

    def files(self, threads: Sequence[str]) -> Iterator[tuple[str, Path]]:
        """The exports in the folders of these chats, with the chat's key, sorted by name."""
        for thread in threads:
            folder = self.path / thread
            if folder.is_dir():
                for path in sorted(folder.iterdir()):
                    if is_export(path):
                        yield thread, path
