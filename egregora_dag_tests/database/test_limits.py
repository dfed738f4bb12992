"""Disks and memory that run out are told clearly, and cost nothing that was stored."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from egregora_dag.adapters import scratch_database
from egregora_dag.checks import run_checks
from egregora_dag.database import connections
from egregora_dag.database.duckdb_manager import DuckDBStorageManager
from egregora_dag.database.exceptions import DiskFullError, MemoryLimitError
from egregora_dag.database.limits import shortage, spill_folder, spill_prefix
from egregora_dag.database.schemas import MESSAGES
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home
from egregora_dag_tests import crashing
from egregora_dag_tests.conftest import add_thread, at, message_rows, message_table, query

# Sorted at once, this takes some 100 MB.
MUCH = """
SELECT count(*)
FROM (SELECT row_number() OVER (ORDER BY md5(i::VARCHAR)) FROM range(1_000_000) r(i))
"""
WHOLE = "SELECT len(list(md5(i::VARCHAR))) FROM range(3_000_000) r(i)"


@dataclass
class Disk:
    """A file system of so many megabytes, mounted on a folder."""

    path: Path

    def resize(self, megabytes: float) -> None:
        self._mount("remount", megabytes)

    def mount(self, megabytes: float) -> None:
        self._mount("rw", megabytes)

    def _mount(self, option: str, megabytes: float) -> None:
        size = f"{option},size={int(megabytes * 1024)}k"
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(self.path)],
            check=True,
            capture_output=True,
        )


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk of 4 MB."""
    made = Disk(tmp_path / "disk")
    made.path.mkdir()
    try:
        made.mount(4)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("may not mount a file system")
    try:
        yield made
    finally:
        subprocess.run(["umount", "--lazy", str(made.path)], check=True)


def check_messages(warehouse: Warehouse) -> None:
    assert not any(run_checks(warehouse, MESSAGES).values())


def test_a_full_disk_is_named_and_loses_nothing(disk: Disk, migrated: Path) -> None:
    warehouse = Warehouse(database=str(disk.path / "pipeline.duckdb"))
    shutil.copy(migrated, warehouse.path)
    add_thread(warehouse, "fig")
    time = at("2025-03-01 12:00")
    rows = message_rows("fig", [(time, "Ana", os.urandom(1000).hex()) for _ in range(6_000)])
    few, many = message_table(rows[:500]), message_table(rows)
    warehouse.write(MESSAGES, few)
    with pytest.raises(DiskFullError, match="No space left on device") as caught:
        warehouse.write(MESSAGES, many)
    assert str(caught.value.path).startswith(str(warehouse.path))
    assert "Make room" in str(caught.value)
    assert query(warehouse.path, "SELECT count(*) FROM messages") == [(500,)]
    check_messages(warehouse)
    disk.resize(100)
    warehouse.write(MESSAGES, many)
    assert query(warehouse.path, "SELECT count(*) FROM messages") == [(6_000,)]
    check_messages(warehouse)


# The database, Dagster's storage and the copy for readers run out of room first, in this order.
@pytest.mark.parametrize(
    "megabytes", [3, *(pytest.param(size, marks=pytest.mark.torture) for size in (1, 2, 4, 5, 8))]
)
def test_a_run_on_a_full_disk_says_so_and_the_next_one_with_room_ends_well(
    disk: Disk, megabytes: int
) -> None:
    disk.resize(megabytes)
    home = Home(disk.path / "home")
    [sample] = (Path(__file__).parents[2] / "egregora_dag" / "sample").glob("*.txt")
    command = [sys.executable, "-c", "from egregora_dag.cli import main; main()"]
    command += ["run", str(sample), "--home", str(home.root)]
    full = subprocess.run(command, capture_output=True, text=True, check=False)
    assert full.returncode == 1, full.stderr
    assert "Make room" in full.stderr.splitlines()[-1]
    assert "Traceback" not in full.stderr
    disk.resize(200)
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    crashing.check_sound(home.database)
    assert query(home.database, "SELECT count(*) FROM messages") == [(2081,)]


def test_small_writes_are_kept_until_the_disk_is_full(disk: Disk) -> None:
    path = disk.path / "pipeline.duckdb"
    insert = "INSERT INTO notes SELECT $number, md5(i::VARCHAR) FROM range($rows) r(i)"
    sizes = "SELECT number, count(*) FROM notes GROUP BY number ORDER BY number"
    acknowledged = 0
    with DuckDBStorageManager(path) as storage:
        storage.execute_sql("CREATE TABLE notes (number BIGINT, text VARCHAR)")

    def fill() -> None:
        nonlocal acknowledged
        with DuckDBStorageManager(path) as storage:
            while True:
                storage.execute_sql(insert, {"number": acknowledged, "rows": 1000})
                acknowledged += 1

    # Nobody can say whether it was the write or its checkpoint that there was no room for.
    with pytest.raises(DiskFullError, match=r"pipeline\.duckdb"):
        fill()
    assert acknowledged > 2
    stored = query(path, sizes)
    assert len(stored) - acknowledged in {0, 1}
    assert stored == [(number, 1000) for number in range(len(stored))]
    disk.resize(50)
    with DuckDBStorageManager(path) as storage:
        storage.execute_sql(insert, {"number": -1, "rows": 100_000})
    assert query(path, sizes) == [(-1, 100_000), *stored]


def test_a_disk_without_room_for_a_database_is_named(disk: Disk) -> None:
    (disk.path / "ballast").write_bytes(b"x" * (4 << 20))
    path = disk.path / "pipeline.duckdb"
    with pytest.raises(DiskFullError, match="No space left"), connections.connect(path):
        pass
    (disk.path / "ballast").unlink()
    path.unlink(missing_ok=True)
    with connections.connect(path) as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")


def test_a_file_that_may_not_grow_is_named(tmp_path: Path) -> None:
    # As a quota does it, and without the right to mount.
    code = """
import resource, sys
from pathlib import Path
from egregora_dag.database import connections
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
with connections.transaction(Path(sys.argv[1])) as connection:
    connection.execute("CREATE TABLE t AS SELECT md5(i::VARCHAR) AS a FROM range(300000) r(i)")
"""
    path = tmp_path / "pipeline.duckdb"
    ended = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert f"DiskFullError: {path}" in ended.stderr
    assert query(path, "SELECT count(*) FROM duckdb_tables()") == [(0,)]


def test_a_disk_without_room_for_temporary_files_is_named(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EGREGORA_MEMORY_LIMIT", "60MB")
    monkeypatch.setenv("EGREGORA_TEMP_DIRECTORY", str(disk.path / "spilled"))
    path = tmp_path / "pipeline.duckdb"
    with (
        pytest.raises(DiskFullError, match="EGREGORA_TEMP_DIRECTORY"),
        connections.connect(path) as connection,
    ):
        connection.execute(MUCH)
    with pytest.raises(DiskFullError), scratch_database() as scratch:
        scratch.execute(MUCH)
    disk.resize(200)
    with connections.connect(path) as connection:
        assert connection.execute(MUCH).fetchone() == (1_000_000,)
        assert list((disk.path / "spilled").iterdir())
    assert list((disk.path / "spilled").iterdir()) == []
    assert (disk.path / "spilled").stat().st_mode & 0o777 == 0o700


def test_what_exceeds_the_memory_limit_is_spilled_beside_the_database_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EGREGORA_MEMORY_LIMIT", "60MB")
    path = tmp_path / "pipeline.duckdb"
    with connections.connect(path) as connection:
        assert connection.execute(MUCH).fetchone() == (1_000_000,)
        assert any(one.name.startswith(spill_prefix()) for one in tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == [path]
    with scratch_database(path) as scratch:
        assert scratch.execute(MUCH).fetchone() == (1_000_000,)
    assert list(tmp_path.iterdir()) == [path]


def test_a_memory_limit_that_is_too_low_is_told_with_its_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EGREGORA_MEMORY_LIMIT", "25MB")
    path = tmp_path / "pipeline.duckdb"
    with (
        pytest.raises(MemoryLimitError, match=r"25MB .*Raise EGREGORA_MEMORY_LIMIT"),
        connections.connect(path) as connection,
    ):
        connection.execute(WHOLE)
    with pytest.raises(MemoryLimitError), scratch_database() as scratch:
        scratch.execute(WHOLE)
    with (
        DuckDBStorageManager(path) as storage,
        pytest.raises(MemoryLimitError, match=str(path)),
    ):
        storage.execute_query(WHOLE)
    with DuckDBStorageManager(path) as storage:
        assert storage.execute_query("SELECT 1") == [(1,)]


def test_only_folders_of_processes_that_are_gone_are_removed(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom egregora_dag.database.limits import spill_prefix\nprint(spill_prefix())"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    others = "duckdb-tmp-elsewhere-4194305-ab"
    kept = {f"{spill_prefix()}ab", others, "notes"}
    for name in (*kept, f"{printed}ab"):
        (tmp_path / name).mkdir()
    (tmp_path / f"{printed}ab" / "duckdb_temp_storage_DEFAULT-0.tmp").touch()
    assert spill_folder(tmp_path / "pipeline.duckdb") == tmp_path
    assert {one.name for one in tmp_path.iterdir()} == kept


def test_what_a_killed_process_spilled_goes_when_the_database_is_opened(tmp_path: Path) -> None:
    code = f"""
import os, signal, sys
from pathlib import Path
from egregora_dag.database import connections
with connections.connect(Path(sys.argv[1])) as connection:
    connection.execute({MUCH!r})
    os.kill(os.getpid(), signal.SIGKILL)
"""
    path = tmp_path / "pipeline.duckdb"
    ended = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        env={**os.environ, "EGREGORA_MEMORY_LIMIT": "60MB"},
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    assert any(one.name.startswith("duckdb-tmp-") for one in tmp_path.iterdir())
    with connections.connect(path):
        pass
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "error",
    [
        ValueError("No space left on device"),
        duckdb.InvalidInputException('CSV: "No space left on device" /home/ana'),
        duckdb.ConversionException("Could not convert string 'Out of Memory Error'"),
        FileNotFoundError(2, "No such file"),
    ],
)
def test_what_merely_quotes_such_words_is_no_shortage(error: Exception) -> None:
    assert shortage(error, "pipeline.duckdb") is None
