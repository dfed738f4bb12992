"""Every DuckDB connection of the process is opened here, with one configuration.

DuckDB lets one process at a time write a file, and refuses a second configuration for a file that
the process has open. So a process opens a file once, hands out cursors of that one database, and
closes it when the last cursor is given back; whoever finds the file locked by another waits.
"""

import logging
import os
import random
import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection

from egregora_dag import settings
from egregora_dag.database import limits
from egregora_dag.database.exceptions import DatabaseLockedError, DatabaseOpenError
from egregora_dag.permissions import withheld, withheld_of

# What dagster-duckdb's stock resource passes, so that both can open one file in one process.
CONFIG: Mapping[str, Any] = {"custom_user_agent": "dagster"}

# DuckDB knows no program, or no process (PID 0), where it may not look or the holder has let go.
_LOCKED = re.compile(r"Conflicting lock is held in (?P<holder>PID \d+|.*?\(PID \d+\))")
_log = logging.getLogger(__name__)


@dataclass
class _Database:
    """One file of this process: its open instance, who uses it, and whose turn it is to write."""

    opening: threading.Lock = field(default_factory=threading.Lock)
    writing: threading.RLock = field(default_factory=threading.RLock)
    users: int = 0
    instance: DuckDBPyConnection | None = None
    opened: ExitStack = field(default_factory=ExitStack)


_databases: dict[Path, _Database] = {}
_registry = threading.Lock()


def _database(path: Path) -> _Database:
    with _registry:
        return _databases.setdefault(path.resolve(), _Database())


def open_waiting(
    path: Path,
    *,
    read_only: bool = False,
    config: Mapping[str, Any] = CONFIG,
    timeout: float | None = None,
) -> DuckDBPyConnection:
    """Open a database file, waiting while another process holds it.

    Args:
        path: The file; created when missing, unless `read_only`.
        read_only: Open without the right to write; several processes may do so at once.
        config: DuckDB's configuration.
        timeout: Seconds to wait, `$EGREGORA_LOCK_TIMEOUT` or 120 when None.

    Returns:
        The connection, which the caller closes.

    Raises:
        DatabaseLockedError: The file was still held when the time was over.
        DatabaseOpenError: It is not a database, or may not be read.
        DiskFullError: There is no room for it.
    """
    limit = settings.lock_timeout() if timeout is None else timeout
    deadline = time.monotonic() + limit
    pause = 0.005
    while True:
        try:
            connection = duckdb.connect(path, read_only=read_only, config=dict(config))
        except duckdb.ConnectionException:
            # Another configuration of the same file in this process: the code is wrong.
            raise
        except duckdb.Error as error:
            holder = holder_of(error)
            if holder is None:
                if told := limits.shortage(error, path):
                    raise told from error
                raise DatabaseOpenError(path, str(error)) from error
            if time.monotonic() + pause > deadline:
                raise DatabaseLockedError(path, holder, limit) from error
        else:
            break
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not cryptography
        pause = min(pause * 1.5, 0.5)
    _configure(connection, config, path)
    return connection


def holder_of(error: duckdb.Error) -> str | None:
    """The process that holds the file, if that is what the error says."""
    locked = _LOCKED.search(str(error))
    return locked["holder"] if locked else None


def open_memory() -> DuckDBPyConnection:
    """A new database in memory, with the configuration of those on disk."""
    connection = duckdb.connect(config=dict(CONFIG))
    _configure(connection, CONFIG)
    return connection


def _configure(
    connection: DuckDBPyConnection, config: Mapping[str, Any], path: Path | None = None
) -> None:
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    if "memory_limit" not in config:
        spill = None
        if path is not None and "temp_directory" not in config:
            spill = limits.spill_folder(path) / f"{limits.spill_prefix()}{secrets.token_hex(4)}"
        limits.limit(connection, spill)


def turn_to_write(path: Path) -> threading.RLock:
    """The lock under which the writers of this process take turns at a file."""
    return _database(path).writing


@contextmanager
def connect(
    path: Path, *, config: Mapping[str, Any] = CONFIG, timeout: float | None = None
) -> Iterator[DuckDBPyConnection]:
    """A connection of this thread to the file, given back at the end of the block.

    Args:
        path: The database file; made when missing.
        config: DuckDB's configuration, the same for all connections of a process to one file.
        timeout: Seconds to wait for another process, `$EGREGORA_LOCK_TIMEOUT` or 120 when None.

    Yields:
        A cursor of the one database instance of this process.

    Raises:
        DatabaseLockedError: Another process held the file for the whole time.
        DiskFullError: There was no room on the disk, also within the block.
        MemoryLimitError: Work within the block needs more memory than DuckDB may take.
    """
    database = _database(path)
    with database.opening:
        if database.instance is None:
            with ExitStack() as opened:
                # What DuckDB makes beside the file is for those who may read the file.
                opened.enter_context(withheld(withheld_of(path)))
                database.instance = open_waiting(path, config=config, timeout=timeout)
                database.opened = opened.pop_all()
        database.users += 1
        cursor = database.instance.cursor()
    try:
        with limits.shortages_told(path):
            yield cursor
    finally:
        cursor.close()
        with database.opening:
            database.users -= 1
            if database.users == 0 and database.instance is not None:
                database.instance.close()
                database.instance = None
                database.opened.close()


@contextmanager
def alone(path: Path, *, timeout: float | None = None) -> Iterator[None]:
    """Keep the other threads of this process away from a file, which it has not open meanwhile.

    Args:
        path: The database file.
        timeout: Seconds to wait for other threads, `$EGREGORA_LOCK_TIMEOUT` or 120 when None.

    Raises:
        DatabaseLockedError: A thread of this process had the file open for the whole time.
    """
    limit = settings.lock_timeout() if timeout is None else timeout
    deadline = time.monotonic() + limit
    database = _database(path)
    with database.writing:
        while True:
            with database.opening:
                if database.users == 0:
                    yield
                    return
            if time.monotonic() > deadline:
                raise DatabaseLockedError(path, f"this process (PID {os.getpid()})", limit)
            time.sleep(0.05)


@contextmanager
def transaction(
    path: Path, *, config: Mapping[str, Any] = CONFIG, timeout: float | None = None
) -> Iterator[DuckDBPyConnection]:
    """Like `connect`, with one transaction around the block; writers of the process take turns.

    The transaction is committed at the end of the block and rolled back when it raises.
    """
    with (
        turn_to_write(path),
        connect(path, config=config, timeout=timeout) as connection,
        committed(connection),
    ):
        yield connection


@contextmanager
def committed(connection: DuckDBPyConnection) -> Iterator[None]:
    """One transaction of a connection: committed at the end of the block, or rolled back."""
    connection.begin()
    try:
        yield
        connection.commit()
    except BaseException:
        try:
            connection.rollback()
        except duckdb.Error as error:
            # A failed commit, or DuckDB giving up on the file, ends the transaction by itself.
            _log.debug("nothing to roll back: %s", type(error).__name__)
        raise
