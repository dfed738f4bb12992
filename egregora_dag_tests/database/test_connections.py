"""One open database a process and file; another process's lock is waited for."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import duckdb
import pytest

from egregora_dag.database import connections
from egregora_dag.database.exceptions import DatabaseLockedError, DatabaseOpenError

HOLD = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute("CREATE TABLE IF NOT EXISTS held (a INTEGER)")
print("held", flush=True)
sys.stdin.readline()
connection.close()
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "pipeline.duckdb"


@contextmanager
def held_by_another_process(database: Path) -> Iterator[tuple[int, IO[str]]]:
    """Its process id, and where to write a line to make it let go."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process.pid, process.stdin


def is_closed(database: Path) -> bool:
    """DuckDB refuses another configuration as long as any connection of the process is open."""
    try:
        duckdb.connect(database, config={"threads": 1}).close()
    except duckdb.ConnectionException:
        return False
    return True


def test_what_another_process_holds_is_waited_for(database: Path) -> None:
    found: list[tuple[int]] = []

    def work() -> None:
        with connections.connect(database, timeout=60) as connection:
            found.extend(connection.execute("SELECT count(*) FROM held").fetchall())

    with held_by_another_process(database) as (_, release):
        with pytest.raises(DatabaseLockedError), connections.connect(database, timeout=0.05):
            pass
        worker = threading.Thread(target=work)
        worker.start()
        assert worker.is_alive()
        assert found == []
        release.write("\n")
        release.close()
        worker.join()
    assert found == [(0,)]


@pytest.mark.parametrize(
    ("told", "holder"),
    [
        ("/usr/bin/python3.11 (PID 12) by user ana. See also", "/usr/bin/python3.11 (PID 12)"),
        ("/opt/my tools/duckdb (PID 12). However, you", "/opt/my tools/duckdb (PID 12)"),
        # Of another user, or one that has let go meanwhile.
        ("PID 4711. However, you would be able to (PID 1)", "PID 4711"),
        ("PID 0. However, you would be able to", "PID 0"),
    ],
)
def test_a_lock_is_known_whatever_duckdb_knows_of_its_holder(told: str, holder: str) -> None:
    error = duckdb.IOException(
        f'IO Error: Could not set lock on file "/x.duckdb": Conflicting lock is held in {told}'
    )
    assert connections.holder_of(error) == holder
    assert connections.holder_of(duckdb.IOException("IO Error: Could not read file")) is None


def test_past_the_limit_the_error_names_file_holder_and_limit(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EGREGORA_LOCK_TIMEOUT", "0.02")
    with held_by_another_process(database) as (pid, release):
        with pytest.raises(DatabaseLockedError) as caught, connections.connect(database):
            pass
        release.close()
    assert caught.value.path == database
    assert f"PID {pid}" in caught.value.holder
    assert str(database) in str(caught.value)
    assert f"PID {pid}" in str(caught.value)
    assert "0.02 seconds" in str(caught.value)
    assert "EGREGORA_LOCK_TIMEOUT" in str(caught.value)


def test_a_file_can_be_opened_after_waiting_in_vain(database: Path) -> None:
    with held_by_another_process(database) as (_, release):
        for attempt in (connections.connect, connections.transaction):
            with pytest.raises(DatabaseLockedError), attempt(database, timeout=0):
                pass
        release.close()
    with connections.transaction(database) as connection:
        assert connection.execute("FROM held").fetchall() == []
    assert is_closed(database)


def test_readers_wait_for_a_writer_and_share_with_readers(database: Path) -> None:
    with held_by_another_process(database) as (_, release):
        with pytest.raises(DatabaseLockedError):
            connections.open_waiting(database, read_only=True, timeout=0)
        release.close()
    first = connections.open_waiting(database, read_only=True)
    second = connections.open_waiting(database, read_only=True)
    assert second.execute("FROM held").fetchall() == []
    first.close()
    second.close()


def test_another_error_of_opening_is_not_waited_for(tmp_path: Path) -> None:
    text = tmp_path / "notes.duckdb"
    text.write_text("not a database" * 1000)
    with (
        pytest.raises(DatabaseOpenError, match=r"notes\.duckdb"),
        connections.connect(text, timeout=3600),
    ):
        pass
    text.unlink()
    with connections.connect(text) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert is_closed(text)


@pytest.mark.parametrize("opened", [connections.connect, connections.transaction])
@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_the_file_is_closed_however_the_block_ends(
    database: Path, opened: type, error: type[BaseException] | None
) -> None:
    def work() -> None:
        with opened(database) as connection:
            connection.execute("CREATE TABLE t (a INTEGER)")
            assert not is_closed(database)
            if error:
                raise error

    if error:
        with pytest.raises(error):
            work()
    else:
        work()
    assert is_closed(database)


def test_the_file_stays_open_until_the_last_user_is_done(database: Path) -> None:
    with connections.connect(database):
        with connections.connect(database):
            assert not is_closed(database)
        assert not is_closed(database)
    assert is_closed(database)


def test_threads_share_one_instance(database: Path) -> None:
    seen = []

    def look() -> None:
        with connections.connect(database) as other:
            seen.extend(other.execute("SELECT a FROM side.t").fetchall())

    with connections.connect(database) as connection:
        # What is attached belongs to the instance, not to the file.
        connection.execute("ATTACH ':memory:' AS side")
        connection.execute("CREATE TABLE side.t AS SELECT 7 AS a")
        worker = threading.Thread(target=look)
        worker.start()
        worker.join()
    assert seen == [(7,)]


def test_a_second_name_of_the_file_is_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "pipeline.duckdb"
    monkeypatch.chdir(tmp_path)
    with connections.connect(database) as connection:
        connection.execute("ATTACH ':memory:' AS side")
        with connections.connect(Path("pipeline.duckdb")) as other:
            assert ("side",) in other.execute(
                "SELECT database_name FROM duckdb_databases()"
            ).fetchall()


def test_a_transaction_is_whole_or_not_at_all(database: Path) -> None:
    with connections.transaction(database) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS a")

    def fail() -> None:
        with connections.transaction(database) as connection:
            connection.execute("INSERT INTO t VALUES (2)")
            connection.execute("CREATE TABLE other (a INTEGER)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with connections.connect(database) as connection:
        assert connection.execute("FROM t").fetchall() == [(1,)]
        assert connection.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("t",)]


def test_an_error_of_the_database_leaves_its_own_error_and_rolls_back(database: Path) -> None:
    with connections.transaction(database) as connection:
        connection.execute("CREATE TABLE t (a INTEGER NOT NULL)")

    def fail() -> None:
        with connections.transaction(database) as connection:
            connection.execute("INSERT INTO t VALUES (1)")
            connection.execute("INSERT INTO t VALUES (NULL)")

    with pytest.raises(duckdb.ConstraintException):
        fail()
    with connections.connect(database) as connection:
        assert connection.execute("FROM t").fetchall() == []
    assert is_closed(database)


def test_what_a_transaction_has_not_committed_nobody_sees(database: Path) -> None:
    with connections.transaction(database) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS a")
    with connections.transaction(database) as writer:
        writer.execute("UPDATE t SET a = 2")
        with connections.connect(database) as reader:
            assert reader.execute("FROM t").fetchall() == [(1,)]


def test_writers_of_a_process_take_turns(database: Path) -> None:
    with connections.transaction(database) as connection:
        connection.execute("CREATE TABLE t AS SELECT 0 AS a")
    failures = []

    def work() -> None:
        try:
            for _ in range(5):
                with connections.transaction(database) as connection:
                    connection.execute("UPDATE t SET a = a + 1")
        except duckdb.Error as error:
            failures.append(error)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    with connections.connect(database) as connection:
        assert connection.execute("FROM t").fetchall() == [(20,)]


def test_times_are_shown_in_utc_and_memory_is_limited_as_said(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EGREGORA_MEMORY_LIMIT", "300MB")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    with connections.connect(database) as connection:
        found = connection.execute(
            "SELECT current_setting('TimeZone'), current_setting('memory_limit')"
        ).fetchone()
    assert found is not None
    assert found[0] == "UTC"
    assert found[1] == "286.1 MiB"
