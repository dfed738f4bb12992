"""Schema versions: numbered SQL files, each applied once, in order, in its own transaction."""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from egregora_dag.database import connections
from egregora_dag.database.exceptions import DatabaseVersionError

_FILE = re.compile(r"(?P<version>\d{4})_(?P<name>\w+)\.sql")


@dataclass(frozen=True)
class Migration:
    """A step from one schema version to the next.

    Attributes:
        version: The schema's version after it, from 1.
        name: What it does.
        sql: Its statements, never changed once released.
    """

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the SQL, hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@cache
def all_migrations() -> tuple[Migration, ...]:
    """The migrations that this code knows, in order."""
    named = [
        (match, file) for file in files(__name__).iterdir() if (match := _FILE.fullmatch(file.name))
    ]
    migrations = (
        Migration(int(match["version"]), match["name"], file.read_text("utf-8"))
        for match, file in named
    )
    return tuple(sorted(migrations, key=lambda migration: migration.version))


def schema_version(connection: DuckDBPyConnection) -> int:
    """The version of the schema in this database; 0 for one without Egregora's tables."""
    try:
        row = connection.execute("SELECT max(version) FROM main.schema_migrations").fetchone()
    except duckdb.CatalogException:
        return 0
    return row[0] or 0 if row else 0


def pending_migrations(db_path: Path) -> list[Migration]:
    """What `run_migrations` would apply to this file.

    Args:
        db_path: The database file; a missing one counts as empty and is not made.

    Returns:
        The migrations that are not applied, in order.

    Raises:
        DatabaseVersionError: The file is newer than this code.
    """
    if not db_path.exists():
        return list(all_migrations())
    with connections.connect(db_path) as connection:
        return _pending(connection, db_path)


def _pending(connection: DuckDBPyConnection, db_path: Path) -> list[Migration]:
    found, known = schema_version(connection), all_migrations()[-1].version
    if found > known:
        raise DatabaseVersionError(db_path, found, known)
    return [migration for migration in all_migrations() if migration.version > found]


def run_migrations(db_path: Path) -> list[Migration]:
    """Bring a database file to the schema of this code; doing so again changes nothing.

    Args:
        db_path: The database file; made when missing.

    Returns:
        The migrations that were applied, in order.

    Raises:
        DatabaseVersionError: The file is newer than this code.
        DatabaseLockedError: Another process held the file.
    """
    applied: list[Migration] = []
    while True:
        # What is pending is asked anew under the turn to write: another thread may have been first.
        with connections.transaction(db_path) as connection:
            pending = _pending(connection, db_path)
            if not pending:
                return applied
            migration = pending[0]
            connection.execute(migration.sql)
            connection.execute(
                "INSERT INTO main.schema_migrations VALUES (?, ?, ?, now())",
                [migration.version, migration.name, migration.checksum],
            )
        applied.append(migration)


def ensure_schema(db_path: Path, *, timeout: float | None = None) -> None:
    """Give an empty or missing database its tables; refuse one with another version of them.

    Args:
        db_path: The database file.
        timeout: Seconds to wait for another process, `$EGREGORA_LOCK_TIMEOUT` or 120 when None.

    Raises:
        DatabaseVersionError: The file is older or newer than this code.
        DatabaseLockedError: Another process held the file.
    """
    with connections.connect(db_path, timeout=timeout) as connection:
        found = schema_version(connection)
    if found == 0:
        run_migrations(db_path)
    elif found != (known := all_migrations()[-1].version):
        raise DatabaseVersionError(db_path, found, known)
