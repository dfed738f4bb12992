"""An Ibis backend over one database that any thread may use: each on its own connection."""

import logging
import threading
from typing import Any
from weakref import WeakSet

import duckdb
from duckdb import DuckDBPyConnection
from ibis.backends.duckdb import Backend

from egregora_dag.database.exceptions import InvalidOperationError
from egregora_dag.database.utils import quote_identifier

_log = logging.getLogger(__name__)


class ThreadConnections:
    """The connections of the threads that use a database.

    Args:
        first: The connection of the thread that makes this; others get cursors of it.
    """

    def __init__(self, first: DuckDBPyConnection) -> None:
        self.first = first
        self._lock = threading.Lock()
        self._local = threading.local()
        self._local.connection = first
        self._cursors: WeakSet[DuckDBPyConnection] = WeakSet()
        self._views: dict[str, str] = {}
        self._dropped: set[str] = set()
        self._version = self._local.version = 0
        self._closed = False

    def current(self) -> DuckDBPyConnection:
        """The connection of this thread.

        Raises:
            InvalidOperationError: The connections are closed.
        """
        if self._closed:
            raise InvalidOperationError("storage", "The storage is closed. Open it anew.")
        connection: DuckDBPyConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._cursor()
        if self._version != getattr(self._local, "version", 0):
            self._make_views(connection)
        return connection

    @property
    def memtables(self) -> WeakSet[Any]:
        """The in-memory tables of Ibis that this thread's connection knows."""
        if not hasattr(self._local, "memtables"):
            self._local.memtables = WeakSet()
        known: WeakSet[Any] = self._local.memtables
        return known

    def cursor(self) -> DuckDBPyConnection:
        """A connection of its own, which the caller closes."""
        with self._lock:
            return self.first.cursor()

    def _cursor(self) -> DuckDBPyConnection:
        cursor = self.cursor()
        # As Ibis configures its own connection.
        cursor.execute("SET TimeZone = 'UTC'; SET python_enable_replacements = false")
        self._cursors.add(cursor)
        return cursor

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def views(self) -> frozenset[str]:
        """Names of the temporary views, lower case."""
        return frozenset(self._views)

    def add_view(self, name: str, statement: str) -> None:
        """Make a temporary view, now on this thread's connection, on others when next used.

        Args:
            name: Its name.
            statement: `CREATE OR REPLACE TEMPORARY VIEW …`.
        """
        self.current().execute(statement)
        with self._lock:
            # The latest stands last, as it may show others.
            self._views.pop(name.lower(), None)
            self._views[name.lower()] = statement
            self._dropped.discard(name.lower())
            self._version += 1

    def drop_view(self, name: str) -> None:
        """Drop a temporary view, now on this thread's connection, on others when next used."""
        with self._lock:
            self._views.pop(name.lower(), None)
            self._dropped.add(name.lower())
            self._version += 1
        self.current()

    def _make_views(self, connection: DuckDBPyConnection) -> None:
        """Make and drop the views as other threads have, which DuckDB keeps by connection."""
        with self._lock:
            version, statements = self._version, list(self._views.values())
            dropped = sorted(self._dropped)
        drops = [f"DROP VIEW IF EXISTS temp.main.{quote_identifier(name)}" for name in dropped]
        for statement in [*drops, *statements]:
            try:
                connection.execute(statement)
            except (duckdb.CatalogException, duckdb.BinderException) as error:
                # What it showed is gone or changed since; reading the view will say so.
                _log.debug("a view cannot be made in this thread: %s", type(error).__name__)
        self._local.version = version

    def close(self) -> None:
        """Close the cursors; the first connection stays with whoever opened it."""
        with self._lock:
            self._closed = True
            for cursor in list(self._cursors):
                cursor.close()


class ThreadedBackend(Backend):  # type: ignore[misc]  # Ibis tells no types
    """Ibis's DuckDB backend, on the connection of whichever thread asks.

    So an expression that one thread made can be executed by another, and joined with its own.
    """

    @property
    def con(self) -> DuckDBPyConnection:
        """This thread's connection."""
        return self.threads.current()

    @con.setter
    def con(self, connection: DuckDBPyConnection) -> None:
        self.threads = ThreadConnections(connection)

    @property
    def _memtables(self) -> WeakSet[Any]:
        """What Ibis need not hand to this connection again; it keeps one such set by backend."""
        return self.threads.memtables

    @_memtables.setter
    def _memtables(self, _: WeakSet[Any]) -> None:
        """Ibis sets it before there is a connection."""

    @property
    def db_identity(self) -> str:
        """Which database this is: expressions over two of them do not mix."""
        return f"{type(self).__name__}-{id(self.threads)}"
