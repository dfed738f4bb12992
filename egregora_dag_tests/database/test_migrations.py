"""Schema versions: from nothing to the newest, and what is refused."""

import hashlib
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from egregora_dag.database import connections, migrations
from egregora_dag.database.contracts import differences
from egregora_dag.database.exceptions import (
    ContractViolationError,
    DatabaseOpenError,
    DatabaseVersionError,
    MigrationChangedError,
)
from egregora_dag.database.migrations import (
    Migration,
    all_migrations,
    ensure_schema,
    pending_migrations,
    run_migrations,
    schema_version,
)
from egregora_dag.database.schemas import CONTRACTS
from egregora_dag.database.tables import stored_schema
from egregora_dag.resources import Warehouse
from egregora_dag_tests.conftest import execute, query

NEWEST = len(all_migrations())


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_newer(path: Path) -> None:
    execute(path, f"INSERT INTO schema_migrations VALUES ({NEWEST + 1}, 'future', 'x', now())")


def test_a_missing_file_gets_every_table_and_the_list_of_what_was_applied(tmp_path: Path) -> None:
    path = tmp_path / "new.duckdb"
    assert pending_migrations(path) == list(all_migrations())
    assert not path.exists()
    assert run_migrations(path) == list(all_migrations())
    stored = query(path, "SELECT version, name, checksum FROM schema_migrations ORDER BY 1")
    assert stored == [(m.version, m.name, m.checksum) for m in all_migrations()]
    assert pending_migrations(path) == []


def test_a_database_without_tables_gets_them(tmp_path: Path) -> None:
    path = tmp_path / "bare.duckdb"
    execute(path, "CREATE TABLE theirs AS SELECT 1 AS a")
    assert run_migrations(path) == list(all_migrations())
    assert query(path, "FROM theirs") == [(1,)]


def test_a_new_database_that_was_cut_off_is_still_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pipeline.duckdb"
    migrate_one = migrations.migrate_one

    def migrate_some(connection: duckdb.DuckDBPyConnection, db_path: Path) -> Migration | None:
        applied = migrate_one(connection, db_path)
        if applied and applied.version == 3:
            raise KeyboardInterrupt
        return applied

    monkeypatch.setattr(migrations, "migrate_one", migrate_some)
    with pytest.raises(KeyboardInterrupt):
        ensure_schema(path)
    monkeypatch.undo()
    with connections.connect(path) as connection:
        assert schema_version(connection) == 0
    ensure_schema(path)
    with connections.connect(path) as connection:
        assert schema_version(connection) == len(all_migrations())


def test_migrating_again_changes_nothing(warehouse: Warehouse) -> None:
    before = digest(warehouse.path)
    assert run_migrations(warehouse.path) == []
    ensure_schema(warehouse.path)
    assert digest(warehouse.path) == before
    assert len(query(warehouse.path, "FROM schema_migrations")) == NEWEST


def test_a_newer_file_is_refused_by_name_and_number_and_left_as_it_is(warehouse: Warehouse) -> None:
    path = warehouse.path
    make_newer(path)
    before = digest(path)
    for act in (run_migrations, ensure_schema, pending_migrations):
        with pytest.raises(DatabaseVersionError, match="Install a newer egregora-dag") as caught:
            act(path)
        assert (caught.value.path, caught.value.found) == (path, NEWEST + 1)
        assert caught.value.expected == NEWEST
        assert str(path) in str(caught.value)
    assert digest(path) == before


def test_an_older_file_is_not_migrated_unasked(warehouse: Warehouse) -> None:
    execute(warehouse.path, "UPDATE schema_migrations SET version = -1")
    before = digest(warehouse.path)
    with pytest.raises(DatabaseVersionError, match="egregora-dag migrate"):
        ensure_schema(warehouse.path)
    assert digest(warehouse.path) == before


@pytest.mark.parametrize("content", [b"", b"Dear diary, " * 1000, b"PAR1" * 5000])
@pytest.mark.parametrize("act", [run_migrations, ensure_schema, pending_migrations])
def test_a_file_of_another_program_is_refused_and_left_as_it_is(
    tmp_path: Path, act: Callable[[Path], object], content: bytes
) -> None:
    other = tmp_path / "notes.duckdb"
    other.write_bytes(content)
    with pytest.raises(DatabaseOpenError, match=r"notes\.duckdb.* not a valid DuckDB database"):
        act(other)
    assert other.read_bytes() == content


def test_a_table_of_the_same_name_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    path = tmp_path / "theirs.duckdb"
    execute(path, "CREATE TABLE messages AS SELECT 'theirs' AS text")
    with pytest.raises(duckdb.CatalogException, match="messages"):
        run_migrations(path)
    assert query(path, "SELECT table_name FROM duckdb_tables()") == [("messages",)]
    assert query(path, "FROM messages") == [("theirs",)]


def test_threads_that_migrate_at_once_apply_each_step_once(tmp_path: Path) -> None:
    path, applied = tmp_path / "new.duckdb", []
    workers = [
        threading.Thread(target=lambda: applied.append(run_migrations(path))) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    versions = sorted(migration.version for each in applied for migration in each)
    assert versions == list(range(1, NEWEST + 1))


def test_the_version_of_a_database_is_its_newest_step(warehouse: Warehouse, tmp_path: Path) -> None:
    with connections.connect(warehouse.path) as connection:
        assert schema_version(connection) == NEWEST
    with connections.connect(tmp_path / "new.duckdb") as connection:
        assert schema_version(connection) == 0


def test_steps_are_numbered_from_one_without_gaps() -> None:
    assert [m.version for m in all_migrations()] == list(range(1, NEWEST + 1))
    assert len({m.name for m in all_migrations()}) == NEWEST


def test_the_checksum_is_that_of_the_file_of_statements() -> None:
    folder = Path(migrations.__file__).parent
    for migration in all_migrations():
        [file] = folder.glob(f"{migration.version:04d}_*.sql")
        assert migration.checksum == digest(file)


def test_a_copy_of_the_file_is_as_good(warehouse: Warehouse, tmp_path: Path) -> None:
    copy = tmp_path / "copy of it.duckdb"
    shutil.copy(warehouse.path, copy)
    assert pending_migrations(copy) == []


def test_a_migration_that_was_released_is_never_changed() -> None:
    released = {
        1: "74282a8c48778b7be96e87557ef44e52976ee98ddf0c345b3e0ae934c605454e",
        2: "09373afe3dcc274f84aed26de6d10267cd1324b8d496ff9361c7fb690c0e7160",
        3: "99f5d2e911db7ef2925b144fa954797ab216b2df9b2ce87c9be203c98874ef50",
        4: "26196c0a4c30eda3fdc614b859caf3aeb06cdffaf701133ee488aff43f600e3f",
        5: "238101a6f380e94a92f014026b71502d0cc7d5aba9655acc84642c7d8fb795f2",
        6: "111cd45aea50529ef03e63615877dcf76ea149dd98b35b4d57b3567ef4a1d4c5",
    }
    assert {m.version: m.checksum for m in all_migrations()} == released


def at_version(path: Path, version: int) -> None:
    """A database as the code of that version left it."""
    with connections.transaction(path) as connection:
        for migration in all_migrations()[:version]:
            connection.execute(migration.sql)
            connection.execute(
                "INSERT INTO schema_migrations VALUES (?, ?, ?, now())",
                [migration.version, migration.name, migration.checksum],
            )


FILL = """
INSERT INTO threads VALUES ('fig', 'Fig', 'test', 'UTC', '{}', now());
INSERT INTO comparisons
  SELECT uuid(), 'a' || i, 'b' || i, ['a', 'b', 'tie'][1 + i % 3], 1500 + i, 1500 - i, 1510, 1490,
    32, 'offline', TIMESTAMPTZ '2025-03-01 12:00:00+00' + to_seconds(i), i,
    if(i % 2 = 0, NULL, '{"said": "it''s \\"fine\\""}')
  FROM range(10000) r(i);
INSERT INTO elo_ratings SELECT 'a' || i, 1500, 1510, 1, 1, 0, 0, now(), now() FROM range(100) r(i);
CREATE VIEW verdicts AS SELECT winner, count(*) AS n FROM comparisons GROUP BY winner;
"""
CONTENT = (
    "FROM comparisons ORDER BY sequence",
    "FROM elo_ratings ORDER BY post_id",
    "FROM threads",
)


@pytest.mark.parametrize("version", range(1, NEWEST))
def test_a_filled_database_of_each_version_keeps_every_row(tmp_path: Path, version: int) -> None:
    path = tmp_path / "old.duckdb"
    at_version(path, version)
    execute(path, FILL)
    before = [query(path, sql) for sql in CONTENT]
    assert pending_migrations(path) == list(all_migrations())[version:]
    with pytest.raises(DatabaseVersionError, match="egregora-dag migrate"):
        ensure_schema(path)
    assert run_migrations(path) == list(all_migrations())[version:]
    assert [query(path, sql) for sql in CONTENT] == before
    assert sum(n for _, n in query(path, "FROM verdicts")) == 10_000
    for contract in CONTRACTS.values():
        with connections.connect(path) as connection:
            stored = stored_schema(connection, contract.name)
        assert stored is not None
        assert differences(contract.schema, stored) == []


def test_a_row_that_does_not_fit_stops_the_migration_and_the_old_version_stays(
    tmp_path: Path,
) -> None:
    path = tmp_path / "old.duckdb"
    at_version(path, 1)
    execute(path, FILL, "UPDATE comparisons SET post_b = post_a WHERE sequence = 7")
    before = [query(path, sql) for sql in CONTENT]
    with pytest.raises(ContractViolationError, match="CHECK"):
        run_migrations(path)
    assert [query(path, sql) for sql in CONTENT] == before
    with connections.connect(path) as connection:
        assert schema_version(connection) == 1
    execute(path, "UPDATE comparisons SET post_b = 'b7' WHERE sequence = 7")
    assert len(run_migrations(path)) == NEWEST - 1


def test_a_database_migrated_with_other_statements_is_refused(warehouse: Warehouse) -> None:
    execute(warehouse.path, "UPDATE schema_migrations SET checksum = 'x' WHERE version = 2")
    for act in (run_migrations, pending_migrations):
        with pytest.raises(MigrationChangedError, match="0002_comparisons_of_two_posts") as caught:
            act(warehouse.path)
        assert str(warehouse.path) in str(caught.value)


KILLED = """
import os, signal, sys, threading
from pathlib import Path
from egregora_dag.database.migrations import run_migrations
threading.Timer(float(sys.argv[2]), os.kill, (os.getpid(), signal.SIGKILL)).start()
print("begun", flush=True)
run_migrations(Path(sys.argv[1]))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("delay", [0.02, 0.2, 0.6, 1.2])
def test_a_process_killed_while_it_migrates_leaves_a_whole_version(
    tmp_path: Path, delay: float
) -> None:
    path = tmp_path / "old.duckdb"
    at_version(path, 1)
    execute(
        path,
        FILL,
        "INSERT INTO comparisons BY NAME SELECT c.* REPLACE (uuid() AS "
        "comparison_id, sequence + 10000 * n AS sequence) FROM comparisons c, range(1, 30) r(n)",
    )
    before = query(path, "SELECT count(*), sum(hash(comparisons)) FROM comparisons")
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), str(delay)], capture_output=True, check=False
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    with connections.connect(path) as connection:
        version = schema_version(connection)
    assert 1 <= version <= NEWEST
    assert query(path, "SELECT count(*), sum(hash(comparisons)) FROM comparisons") == before
    tables = [name for (name,) in query(path, "SELECT table_name FROM duckdb_tables()")]
    assert "comparisons_of_two" not in tables
    assert run_migrations(path) == list(all_migrations())[version:]
    assert query(path, "SELECT count(*), sum(hash(comparisons)) FROM comparisons") == before
