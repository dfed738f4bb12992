"""Dagster's storage in SQLite, for its owner alone, with connections that stay open.

Dagster opens and closes a file anew for each event that it stores in it, which takes longer than to
store the event.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, make_url

from egregora_dag.permissions import for_owner_alone

# The index, and the events of a run and of some that are looked at beside it.
_MOST_FILES: Final = 4


class Connections:
    """Connections to SQLite files; those to the last few files that were used stay open."""

    def __init__(self) -> None:
        # By address and by which file stands there: one may have been put in another's place.
        self._engines: OrderedDict[tuple[str, int | None], Engine] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def transaction(self, url: str) -> Iterator[Connection]:
        """A connection in a transaction, which is committed unless the block raises.

        Args:
            url: SQLAlchemy's address of the file.

        Yields:
            The connection; no other thread's.
        """
        with self._engine(url).begin() as connection:
            yield connection

    def _engine(self, url: str) -> Engine:
        file = None
        with suppress(FileNotFoundError):
            file = Path(make_url(url).database or "").stat().st_ino
        with self._lock:
            engine = self._engines.pop((url, file), None) or create_engine(
                url,
                pool_size=1,
                max_overflow=-1,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
            )
            self._engines[url, file] = engine
            while len(self._engines) > _MOST_FILES:
                _, oldest = self._engines.popitem(last=False)
                oldest.dispose()
            return engine

    def close(self) -> None:
        """Close those that are open."""
        with self._lock:
            while self._engines:
                _, engine = self._engines.popitem()
                engine.dispose()


class _Runs(SqliteRunStorage):
    """Dagster's runs."""

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._url, self._connections = conn_string, Connections()
        super().__init__(conn_string, inst_data)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with self._connections.transaction(self._url) as connection:
            yield connection

    def dispose(self) -> None:
        super().dispose()
        self._connections.close()


class _Events(SqliteEventLogStorage):
    """The events of each run, and an index of those of assets."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._made: set[str] = set()
        self._connections = Connections()
        super().__init__(base_dir, inst_data)

    def run_connection(self, run_id: str | None = None) -> AbstractContextManager[Connection]:
        return self._shard(str(run_id))

    def index_connection(self) -> AbstractContextManager[Connection]:
        return self._shard(INDEX_SHARD_NAME)

    @contextmanager
    def _shard(self, name: str) -> Iterator[Connection]:
        if name not in self._made:
            # Dagster makes the file and its tables, or sees that they are there.
            with super().run_connection(name):
                self._made.add(name)
        with self._connections.transaction(self.conn_string_for_shard(name)) as connection:
            yield connection

    def dispose(self) -> None:
        super().dispose()
        self._connections.close()


class OwnersStorage(DagsterSqliteStorage):
    """Dagster's storage in SQLite, for its owner alone, as are all files of its processes.

    `dagster.yaml` names it, so it is loaded by whatever works on the instance: the webserver, the
    daemon and each run, also where they are started by Dagster's own commands.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # What the parent does, in the same folders, but with the storages above. No step stores
        # anything in that of schedules.
        self.base_dir, self._inst_data = base_dir, inst_data
        folder = Path(base_dir)
        self._run_storage = _Runs.from_local(str(folder / "history"))
        self._event_log_storage = _Events(str(folder / "history" / "runs"))
        self._schedule_storage = SqliteScheduleStorage.from_local(str(folder / "schedules"))
        super(DagsterSqliteStorage, self).__init__()  # type: ignore[no-untyped-call]

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """The storage that `dagster.yaml` describes."""
        for_owner_alone()
        return cls.from_local(inst_data=inst_data, **config_value)
