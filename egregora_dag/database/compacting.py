"""A database file of nothing but what is stored: DuckDB leaves deleted rows in unused pages."""

import time
from pathlib import Path
from typing import Final

import duckdb
import sqlglot.expressions as sge

from egregora_dag import settings
from egregora_dag.database import connections, limits
from egregora_dag.database.copies import sync_folder as sync
from egregora_dag.database.exceptions import DatabaseLockedError

# A process that has opened the former file, and not locked it yet, does so within this time.
_LOCKED_WITHIN: Final = 0.2


def rewrite(path: Path, *, timeout: float | None = None) -> None:
    """Put a new file of what is stored in the place of a database file.

    Readers that have the former file open go on reading that; nobody can write it any more.

    Args:
        path: The database file.
        timeout: Seconds to wait for another process, `$EGREGORA_LOCK_TIMEOUT` or 120 when None.

    Raises:
        DatabaseLockedError: Another process held the file for the whole time; it is as it was.
        DiskFullError: There is no room for the new file; the former is as it was.
    """
    limit = settings.lock_timeout() if timeout is None else timeout
    deadline = time.monotonic() + limit
    fresh = path.with_name(f".{path.name}.fresh")
    with connections.alone(path, timeout=timeout), limits.shortages_told(path):
        while not _rewritten(path, fresh, deadline, limit):
            pass


def _rewritten(path: Path, fresh: Path, deadline: float, limit: float) -> bool:
    """Try once; false if another process wrote meanwhile."""
    log = path.with_name(f"{path.name}.wal")
    connections.open_waiting(path, timeout=max(0.0, deadline - time.monotonic())).close()
    for rest in (fresh, fresh.with_name(f"{fresh.name}.wal")):
        rest.unlink(missing_ok=True)
    try:
        with duckdb.connect(config=dict(connections.CONFIG)) as connection:
            spill = limits.spill_folder(path) / f"{limits.spill_prefix()}{fresh.name}"
            limits.limit(connection, spill)
            # A reader's lock: nobody can write, and closing the file does nothing to its log.
            _attach(connection, path, deadline, limit)
            if log.exists():
                return False
            connection.execute(f"ATTACH {_quoted(fresh)} AS fresh")
            fresh.chmod(0o600)
            connection.execute("COPY FROM DATABASE former TO fresh")
            connection.execute("DETACH fresh")
            sync(fresh)
            fresh.replace(path)
            sync(path.parent)
            time.sleep(_LOCKED_WITHIN)
    finally:
        fresh.unlink(missing_ok=True)
    return True


def _attach(
    connection: duckdb.DuckDBPyConnection, path: Path, deadline: float, limit: float
) -> None:
    while True:
        try:
            connection.execute(f"ATTACH {_quoted(path)} AS former (READ_ONLY)")
        except duckdb.IOException as error:
            holder = connections.holder_of(error)
            if holder is None:
                raise
            if time.monotonic() > deadline:
                raise DatabaseLockedError(path, holder, limit) from error
            time.sleep(_LOCKED_WITHIN)
        else:
            return


def _quoted(path: Path) -> str:
    return sge.Literal.string(str(path)).sql("duckdb")
