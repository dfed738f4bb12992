"""A second file of the database, for readers, while the pipeline writes the first.

DuckDB lets nobody read a file that another process may write. So what is written is copied, as a
whole, to a file that nobody writes.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import duckdb
import sqlglot.expressions as sge
from duckdb import DuckDBPyConnection

from egregora_dag import settings
from egregora_dag.database import connections
from egregora_dag.database.exceptions import CopyError
from egregora_dag.database.utils import quote_identifier
from egregora_dag.settings import Home

# A file's locks are gone once the process closes any descriptor of it, so this process, which holds
# the database, must not open it in any other way: another one reads it. What a checkpoint refers to
# stays as it is until the next one, which changes the first 12 KiB.
_COPIED: Final = """
import os, shutil, sys
source, target = sys.argv[1:]
private = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
with open(source, "rb") as reading, open(private, "wb") as writing:
    before = os.pread(reading.fileno(), 12288, 0)
    try:
        shutil.copyfileobj(reading, writing, 1 << 20)
        writing.flush()
        os.fsync(writing.fileno())
    except OSError as error:
        os.unlink(target)
        sys.exit(error.strerror)
    sys.exit(0 if os.pread(reading.fileno(), 12288, 0) == before else 3)
"""
_CHECKPOINTED: Final = 3
_PAUSE: Final = 0.05


def published_at(home: Home) -> datetime | None:
    """When the copy for readers was made.

    Args:
        home: The home.

    Returns:
        The time; None when there is no copy.
    """
    try:
        return datetime.fromtimestamp(home.published.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def publish(home: Home, *, timeout: float | None = None) -> Path:
    """Replace the copy for readers, `published/pipeline.duckdb`, by the database as it is now.

    Whoever has the former copy open goes on reading that. The copy is made under a fixed name, so
    that one which was cut off leaves no file behind that the next does not replace.

    Args:
        home: The home.
        timeout: Seconds to wait for another process, `$EGREGORA_LOCK_TIMEOUT` or 120 when None.

    Returns:
        The copy.

    Raises:
        DatabaseLockedError: Another process held the database.
        CopyError: The copy cannot be written; the former one is as it was.
    """
    folder = home.published.parent
    folder.mkdir(mode=0o700, exist_ok=True)
    hidden = _hidden(home)
    with connections.turn_to_write(home.database):
        copy_file(home.database, hidden, timeout=timeout)
        hidden.chmod(0o400)
        hidden.replace(home.published)
        sync_folder(folder)
    return home.published


def withdraw(home: Home) -> None:
    """Delete the copy for readers, as it holds what is being forgotten; `publish` makes it anew.

    Args:
        home: The home.
    """
    for path in (home.published, _hidden(home)):
        path.unlink(missing_ok=True)


def _hidden(home: Home) -> Path:
    """What a copy is called until it is whole."""
    return home.published.with_name(f".{home.published.name}")


def copy_file(database: Path, target: Path, *, timeout: float | None = None) -> None:
    """Copy a database, as of its latest commit, to a file of the same bytes.

    Args:
        database: The database file.
        target: The copy, which is replaced when there is one.
        timeout: Seconds to wait for another process, `$EGREGORA_LOCK_TIMEOUT` or 120 when None.

    Raises:
        DatabaseLockedError: Another process held the database.
        CopyError: The copy cannot be written.
    """
    command = [sys.executable, "-I", "-S", "-c", _COPIED, str(database), str(target)]
    target.unlink(missing_ok=True)
    with (
        connections.turn_to_write(database),
        connections.connect(database, timeout=timeout) as connection,
    ):
        deadline = time.monotonic() + (settings.lock_timeout() if timeout is None else timeout)
        while not _copied(connection, command, target):
            # A thread of this process writes without waiting for its turn.
            if time.monotonic() > deadline:
                raise CopyError(target, "another thread kept writing the database")
            time.sleep(_PAUSE)


def _copied(connection: DuckDBPyConnection, command: list[str], target: Path) -> bool:
    """Whether the file could be copied before it changed."""
    try:
        connection.execute("CHECKPOINT")
    except duckdb.TransactionException:
        return False
    copied = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if copied.returncode not in {0, _CHECKPOINTED}:
        raise CopyError(target, copied.stderr.strip().rpartition("\n")[2])
    return copied.returncode == 0


@contextmanager
def attached(connection: DuckDBPyConnection, path: Path) -> Iterator[str]:
    """Another database file beside the connection's own, as long as the block lasts.

    Args:
        connection: The connection.
        path: The file, made when missing.

    Yields:
        The name by which SQL knows it, quoted.
    """
    name = quote_identifier(f"beside_{os.urandom(8).hex()}")
    file = sge.Literal.string(str(path)).sql("duckdb")
    connection.execute(f"ATTACH {file} AS {name}")
    try:
        yield name
    finally:
        connection.execute(f"DETACH {name}")


def write_compacted(connection: DuckDBPyConnection, target: Path) -> None:
    """Write everything that a connection's database holds to a new file, and nothing else.

    Unlike the database's own file, it holds no pages of rows that were deleted; it takes about ten
    times as long as `copy_file`. Indexes, which the pipeline has none of, are kept too.

    Args:
        connection: A connection outside of a transaction.
        target: The new file.
    """
    _write_all(connection, target, "")


def write_schema(connection: DuckDBPyConnection, target: Path) -> None:
    """Write what a connection's database is, without its rows, to a new file.

    Args:
        connection: A connection outside of a transaction.
        target: The new file, with tables, views, constraints, and where sequences stand.
    """
    _write_all(connection, target, "(SCHEMA)")


def _write_all(connection: DuckDBPyConnection, target: Path, option: str) -> None:
    [own] = connection.execute("SELECT current_database()").fetchone() or ("",)
    with attached(connection, target) as name:
        target.chmod(0o600)
        connection.execute(f"COPY FROM DATABASE {quote_identifier(own)} TO {name} {option}")


def sync_folder(folder: Path) -> None:
    """Make what was renamed in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
