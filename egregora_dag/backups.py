"""A home in a folder that can be kept elsewhere, and a home made of one.

Tables are Parquet files, which other programs can read; everything else that DuckDB knows of the
database (views, constraints, where sequences stand) is in a database file without rows. Exports,
the key, prompts and Dagster's history are files as in the home. `manifest.json` holds the SHA-256
of each.
"""

import hashlib
import json
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Final

import duckdb
import sqlglot as sg
import sqlglot.expressions as sge
from duckdb import DuckDBPyConnection

from egregora_dag.assets.common import THREADS
from egregora_dag.checks import broken_contracts
from egregora_dag.database import connections, copies, dagster_runs
from egregora_dag.database.exceptions import DatabaseVersionError
from egregora_dag.database.migrations import all_migrations, run_migrations, schema_version
from egregora_dag.database.names import is_name
from egregora_dag.database.threads import all_threads
from egregora_dag.database.utils import quote_identifier
from egregora_dag.exceptions import EgregoraError
from egregora_dag.instance import dagster_instance
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home

_FORMAT: Final = 1
_MANIFEST: Final = "manifest.json"
_TABLES: Final = "tables.json"
_SCHEMA: Final = "schema.duckdb"
_READABLE: Final = "schema.sql"
_HOME: Final = "home"
# What a backup may hold of a home.
_FILES: Final = ("secret", "names-deleted")
_FOLDERS: Final = ("inbox", "prompts")
_HISTORY: Final = ".db"
# Types that Parquet files have not, or not to the last digit.
_AS_TEXT: Final = re.compile(
    r"HUGEINT|\bTIME WITH TIME ZONE|\bBIT\b|BIGNUM|TIMESTAMP_M?S\b|UNION|VARIANT"
)
_CHUNK: Final = 1 << 20


class BackupError(EgregoraError):
    """A backup cannot be made, or a home not be made of it.

    Attributes:
        path: The file or folder that is in the way.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} {problem}")
        self.path = path


@dataclass(frozen=True)
class BackedUp:
    """What a backup holds.

    Attributes:
        tables: How many tables.
        rows: Rows of all tables.
        files: How many files.
        size: Bytes of all files.
    """

    tables: int
    rows: int
    files: int
    size: int


@dataclass(frozen=True)
class _Stored:
    """A table and the file that holds its rows."""

    schema: str
    name: str
    file: str
    rows: int
    columns: list[str]

    @property
    def sql(self) -> str:
        return f"{quote_identifier(self.schema)}.{quote_identifier(self.name)}"


def back_up(home: Home, folder: Path) -> BackedUp:
    """Write a backup of a home; the pipeline may be at work, and waits while one file is copied.

    Args:
        home: The home.
        folder: The backup's folder, missing or empty. It is there when the backup is whole: until
            then it is made beside it under a hidden name.

    Returns:
        What the backup holds.

    Raises:
        BackupError: There is something in the folder, or it lies in the home.
        DatabaseLockedError: Another process held the database.
        CopyError: There is no room.
    """
    folder = folder.absolute()
    if folder.resolve().is_relative_to(home.root.resolve()):
        raise BackupError(folder, "lies in the home, and goes with it. Name another folder.")
    with _made_beside(folder) as hidden:
        tables = _write_tables(home.database, hidden)
        _copy_files(home, hidden / _HOME)
        files = {
            path.relative_to(hidden).as_posix(): {"sha256": _digest(path), "bytes": _size(path)}
            for path in sorted(hidden.rglob("*"))
            if path.is_file()
        }
        manifest = {
            "format": _FORMAT,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "egregora-dag": version("egregora-dag"),
            "duckdb": duckdb.__version__,
            "files": files,
        }
        _write_json(hidden / _MANIFEST, manifest)
    sizes = [int(str(file["bytes"])) for file in files.values()]
    return BackedUp(len(tables), sum(table.rows for table in tables), len(files), sum(sizes))


def restore(source: Path, home: Home) -> list[str]:
    """Make a home of a backup, and bring its database to the schema of this code.

    Args:
        source: The backup's folder.
        home: The home, missing or empty. It is there when it is whole: until then it is made
            beside it under a hidden name.

    Returns:
        Where the database breaks its contracts; nothing if it was sound when it was backed up.

    Raises:
        BackupError: A file of the backup is missing or changed, or was never one of a backup; or
            there is something in the home. Nothing was made.
        DatabaseVersionError: The backup is newer than this code.
        MigrationChangedError: It was made by other migrations than this code has.
    """
    source = source.absolute()
    files = _verified(source)
    with _made_beside(home.root) as hidden:
        made = Home(hidden)
        for name in files:
            if name.startswith(f"{_HOME}/"):
                _copy(source / name, hidden / name.removeprefix(f"{_HOME}/"))
        made.create()
        _fill(source, made.database)
        run_migrations(made.database)
        with connections.connect(made.database) as connection:
            threads = list(all_threads(connection))
        with dagster_instance(made, share=False) as instance:
            instance.add_dynamic_partitions(THREADS.name or "", threads)
            dagster_runs.report_all_gone(instance)
        copies.publish(made)
        return list(broken_contracts(Warehouse(database=str(made.database))))


@contextmanager
def _made_beside(folder: Path) -> Iterator[Path]:
    """A hidden folder, which at the end takes the place of one that is missing or empty."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise BackupError(folder, "is no folder. Name one that is empty or missing.")
    if folder.is_dir() and any(folder.iterdir()):
        raise BackupError(folder, "is not empty. Name a folder that is empty or missing.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    hidden = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield hidden
        os.sync()
        hidden.replace(folder)
    except BaseException:
        shutil.rmtree(hidden)
        raise
    copies.sync_folder(folder.parent)


def _write_tables(database: Path, folder: Path) -> list[_Stored]:
    """Write every table of a database to files, from a copy, so that it is held shortly."""
    tables = folder / "tables"
    tables.mkdir(mode=0o700)
    copy = folder / database.name
    copies.copy_file(database, copy)
    with closing(connections.open_waiting(copy)) as connection:
        found = connection.execute(
            "SELECT schema_name, table_name, sql FROM duckdb_tables() "
            "WHERE NOT temporary AND NOT internal ORDER BY table_oid"
        ).fetchall()
        stored = [
            _write_table(connection, folder, number, *table) for number, table in enumerate(found)
        ]
        # For people; what counts is the file without rows.
        definitions = connection.execute(
            "SELECT sql FROM duckdb_tables() UNION ALL "
            "SELECT sql FROM duckdb_views() WHERE NOT internal"
        ).fetchall()
        copies.write_schema(connection, folder / _SCHEMA)
        facts = {
            "schema_version": schema_version(connection),
            "tables": [asdict(table) for table in stored],
        }
    copy.unlink()
    _write_json(folder / _TABLES, facts)
    _write_private(folder / _READABLE, "\n".join(sql for (sql,) in definitions))
    return stored


def _write_table(
    connection: DuckDBPyConnection, folder: Path, number: int, schema: str, name: str, sql: str
) -> _Stored:
    plain = schema == "main" and is_name(name)
    stem = name if plain else f"{number}"
    definition = sg.parse_one(sql, read="duckdb")
    computed = {
        column.name
        for column in definition.find_all(sge.ColumnDef)
        if column.find(sge.GeneratedAsIdentityColumnConstraint)
    }
    types = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() "
        "WHERE schema_name = ? AND table_name = ? ORDER BY column_index",
        [schema, name],
    ).fetchall()
    kept = {column: type_ for column, type_ in types if column not in computed}
    written = ", ".join(
        f"{quote_identifier(column)}::VARCHAR AS {quote_identifier(column)}"
        if _AS_TEXT.search(type_)
        else quote_identifier(column)
        for column, type_ in kept.items()
    )
    table = f"{quote_identifier(schema)}.{quote_identifier(name)}"
    target = folder / "tables" / f"{stem}.parquet"
    rows = connection.sql(f"SELECT {written} FROM {table}")  # noqa: S608 - quoted
    rows.write_parquet(str(target), compression="zstd")
    target.chmod(0o600)
    [count] = connection.execute(f"SELECT count(*) FROM {table}").fetchone() or (0,)  # noqa: S608
    return _Stored(schema, name, target.relative_to(folder).as_posix(), count, list(kept))


def _copy_files(home: Home, folder: Path) -> None:
    """Copy what a home holds beside its database."""
    folder.mkdir(mode=0o700)
    for name in _FILES:
        if (home.root / name).is_file():
            _copy(home.root / name, folder / name)
    linked: dict[tuple[int, int], Path] = {}
    for name in _FOLDERS:
        for path in sorted((home.root / name).rglob("*")):
            hidden = any(part.startswith(".") for part in path.relative_to(home.root).parts)
            if hidden or not path.is_file():
                continue
            status = path.stat()
            target = folder / path.relative_to(home.root)
            known = linked.setdefault((status.st_dev, status.st_ino), target)
            _copy(path if known == target else known, target, link=known != target)
    for path in sorted(home.dagster.rglob(f"*{_HISTORY}")):
        _copy_sqlite(path, folder / path.relative_to(home.root))


def _copy(source: Path, target: Path, *, link: bool = False) -> None:
    """Copy a file with the time of its change, for its owner alone; or give it a second name."""
    _make_folder(target.parent)
    if link:
        target.hardlink_to(source)
        return
    target.touch(mode=0o600, exist_ok=False)
    shutil.copyfile(source, target)
    status = source.stat()
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _make_folder(folder: Path) -> None:
    """Make a folder, and those that it lies in, for their owner alone."""
    for one in (*reversed(folder.parents), folder):
        one.mkdir(mode=0o700, exist_ok=True)


def _copy_sqlite(source: Path, target: Path) -> None:
    """Copy a SQLite database as it is at one moment, whoever writes it."""
    _make_folder(target.parent)
    target.touch(mode=0o600)
    with (
        closing(sqlite3.connect(source, timeout=60)) as reading,
        closing(sqlite3.connect(target)) as writing,
    ):
        reading.backup(writing)
        # One file, without a log beside it.
        writing.execute("PRAGMA journal_mode = DELETE")


def _verified(source: Path) -> Iterable[str]:
    """The files of a backup, all of which are there and as they were written."""
    try:
        manifest = json.loads((source / _MANIFEST).read_text("utf-8"))
        format_, files = manifest["format"], manifest["files"]
        digests = {str(name): str(file["sha256"]) for name, file in files.items()}
    except FileNotFoundError as error:
        problem = "is no backup: it has no manifest.json. Name the folder of one."
        raise BackupError(source, problem) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = "cannot be read. Use another copy of the backup."
        raise BackupError(source / _MANIFEST, problem) from error
    if format_ != _FORMAT:
        raise BackupError(source, f"is of format {format_!r}. Install a newer egregora-dag.")
    for name in (_TABLES, _SCHEMA, *digests):
        if name not in digests:
            raise BackupError(source / _MANIFEST, f"lists no {name}. Use another copy.")
        path = source / name
        if not _is_allowed(name):
            problem = f"names a file {name!r} that no backup has. Nothing was made."
            raise BackupError(source / _MANIFEST, problem)
        if not path.is_file() or _has_links(source, path):
            problem = "is missing from the backup. Nothing was made; use another copy of it."
            raise BackupError(path, problem)
        if _digest(path) != digests[name]:
            problem = "is not as it was backed up. Nothing was made; use another copy of it."
            raise BackupError(path, problem)
    return digests


def _is_allowed(name: str) -> bool:
    """Whether a backup may hold a file of this name; others could lead anywhere."""
    parts = PurePosixPath(name).parts
    if "/".join(parts) != name or ".." in parts or "\0" in name:
        return False
    match parts:
        case [file]:
            return file in {_TABLES, _SCHEMA, _READABLE}
        case ["tables", file]:
            return file.endswith(".parquet")
        case ["home", file]:
            return file in _FILES
        case ["home", folder, *_, file]:
            return folder in _FOLDERS or (folder == "dagster" and file.endswith(_HISTORY))
    return False


def _has_links(source: Path, path: Path) -> bool:
    """Whether a file is reached by a symbolic link within the backup."""
    return any(part.is_symlink() for part in (path, *path.parents) if part != source)


def _fill(source: Path, database: Path) -> None:
    """Make a database of the file without rows and the files with them."""
    facts = json.loads((source / _TABLES).read_text("utf-8"))
    known = all_migrations()[-1].version
    if facts["schema_version"] > known:
        raise DatabaseVersionError(source, facts["schema_version"], known)
    _copy(source / _SCHEMA, database)
    for table in (_Stored(**fields) for fields in facts["tables"]):
        if not _is_allowed(table.file) or not table.file.startswith("tables/"):
            raise BackupError(source / _TABLES, f"names a file {table.file!r} that is no table.")
        columns = ", ".join(map(quote_identifier, table.columns))
        with connections.transaction(database) as connection:
            connection.execute(
                f"INSERT INTO {table.sql} ({columns}) SELECT {columns} FROM read_parquet(?)",  # noqa: S608
                [str(source / table.file)],
            )
            [rows] = connection.execute(f"SELECT count(*) FROM {table.sql}").fetchone() or (0,)  # noqa: S608
        if rows != table.rows:
            raise BackupError(
                source / table.file, f"holds {rows} rows, not {table.rows}. Use another copy."
            )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(path: Path) -> int:
    return path.stat().st_size


def _write_json(path: Path, value: object) -> None:
    _write_private(path, json.dumps(value, indent=1))


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")
