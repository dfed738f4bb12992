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
from egregora_dag.database.exceptions import DatabaseVersionError, MigrationChangedError
from egregora_dag.database.writing import translated_errors

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
    """The migrations that this code knows, in order.

    Returns:
        The migrations, from version 1.
    """
    named = [
        (match, file) for file in files(__name__).iterdir() if (match := _FILE.fullmatch(file.name))
    ]
    migrations = (
        Migration(int(match["version"]), match["name"], file.read_text("utf-8"))
        for match, file in named
    )
    return tuple(sorted(migrations, key=lambda migration: migration.version))


def schema_version(connection: DuckDBPyConnection) -> int:
    """The version of the schema in this database; 0 for one without Egregora's tables.

    Args:
        connection: A connection to it.

    Returns:
        The version of the migration applied last.
    """
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
        MigrationChangedError: It was migrated with other statements than this code has.
    """
    if not db_path.exists():
        return list(all_migrations())
    with connections.connect(db_path) as connection:
        return _pending(connection, db_path)


def _pending(connection: DuckDBPyConnection, name: Path | str) -> list[Migration]:
    found, known = schema_version(connection), all_migrations()
    if found > known[-1].version:
        raise DatabaseVersionError(name, found, known[-1].version)
    if found:
        rows = connection.execute("SELECT version, checksum FROM main.schema_migrations")
        applied = dict(rows.fetchall())
        for migration in known[:found]:
            if applied.get(migration.version) != migration.checksum:
                raise MigrationChangedError(name, f"{migration.version:04d}_{migration.name}")
    return list(known[found:])


def migrate_one(connection: DuckDBPyConnection, name: Path | str) -> Migration | None:
    """Apply the next migration, if any is pending.

    Args:
        connection: A connection inside a transaction of the caller's.
        name: What errors call the database.

    Returns:
        The migration that was applied.

    Raises:
        DatabaseVersionError: The database is newer than this code.
        MigrationChangedError: It was migrated with other statements than this code has.
        ContractViolationError: Stored rows do not fit the new version.
    """
    pending = _pending(connection, name)
    if not pending:
        return None
    migration = pending[0]
    with translated_errors(migration.name):
        connection.execute(migration.sql)
    connection.execute(
        "INSERT INTO main.schema_migrations VALUES (?, ?, ?, now())",
        [migration.version, migration.name, migration.checksum],
    )
    return migration


def run_migrations(db_path: Path) -> list[Migration]:
    """Bring a database file to the schema of this code; doing so again changes nothing.

    Each migration is a transaction of its own: what was applied before one that fails stays.

    Args:
        db_path: The database file; made when missing.

    Returns:
        The migrations that were applied, in order.

    Raises:
        DatabaseVersionError: The file is newer than this code.
        MigrationChangedError: It was migrated with other statements than this code has.
        ContractViolationError: Stored rows do not fit the new version.
        DatabaseLockedError: Another process held the file.
    """
    applied: list[Migration] = []
    while True:
        # What is pending is asked anew under the turn to write: another thread may have been first.
        with connections.transaction(db_path) as connection:
            migration = migrate_one(connection, db_path)
        if migration is None:
            return applied
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
    db_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with connections.connect(db_path, timeout=timeout) as connection:
        found = schema_version(connection)
    if found == 0:
        # All or nothing, so that a new database that was cut off is still a new one.
        with connections.transaction(db_path) as connection:
            while migrate_one(connection, db_path):
                pass
    elif found != (known := all_migrations()[-1].version):
        raise DatabaseVersionError(db_path, found, known)
