"""The copy for readers: whole, private, and made beside whoever reads or writes."""

import resource
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from dagster import (
    AssetKey,
    AssetMaterialization,
    DagsterInstance,
    evaluate_automation_conditions,
)

from egregora_dag.database import connections, copies
from egregora_dag.database.exceptions import CopyError
from egregora_dag.definitions import defs
from egregora_dag.settings import Home
from egregora_dag_tests.conftest import content, execute, query


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with a database of one small table."""
    home = Home(tmp_path / "home")
    home.create()
    execute(home.database, "CREATE TABLE notes AS SELECT 1 AS n")
    return home


def opened(path: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(path, read_only=True)


@pytest.mark.parametrize("way", ["same bytes", "compacted"])
def test_a_copy_has_every_row_view_sequence_and_constraint(
    published: Home, tmp_path: Path, way: str
) -> None:
    home = Home(tmp_path)
    shutil.copy(published.database, home.database)
    execute(home.database, "CREATE SEQUENCE numbers START 5", "SELECT nextval('numbers')")
    if way == "compacted":
        with connections.connect(home.database) as connection:
            copies.write_compacted(connection, tmp_path / "it's.duckdb")
        copy = tmp_path / "it's.duckdb"
    else:
        copy = copies.publish(home)
        assert copy == home.published
    assert content(copy) == content(home.database)
    assert len(content(copy)) > 30


def test_the_copy_is_its_owners_alone_is_not_written_and_nothing_is_left_beside_it(
    home: Home,
) -> None:
    assert copies.published_at(home) is None
    copies.publish(home)
    copies.publish(home)
    assert stat.S_IMODE(home.published.stat().st_mode) == 0o400
    assert stat.S_IMODE(home.published.parent.stat().st_mode) == 0o700
    assert list(home.published.parent.iterdir()) == [home.published]
    made = copies.published_at(home)
    assert made is not None
    assert abs((datetime.now(UTC) - made).total_seconds()) < 60
    copies.withdraw(home)
    assert copies.published_at(home) is None


def test_who_has_the_former_copy_open_goes_on_reading_it(home: Home) -> None:
    copies.publish(home)
    script = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True); "
        "print(c.execute('FROM notes').fetchall(), flush=True); input(); "
        "print(c.execute('FROM notes').fetchall())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(home.published)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout
        assert reader.stdout.readline() == "[(1,)]\n"
        execute(home.database, "INSERT INTO notes VALUES (2)")
        copies.publish(home)
        told, _ = reader.communicate("\n")
    assert told == "[(1,)]\n"
    assert query(home.published.parent.parent / "pipeline.duckdb", "FROM notes") == [(1,), (2,)]
    with opened(home.published) as connection:
        assert connection.execute("FROM notes").fetchall() == [(1,), (2,)]


def test_the_database_stays_locked_for_others_while_and_after_it_is_copied(home: Home) -> None:
    script = "import duckdb, sys; duckdb.connect(sys.argv[1])"
    with connections.connect(home.database) as connection:
        copies.publish(home)
        other = subprocess.run(
            [sys.executable, "-c", script, str(home.database)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Conflicting lock" in other.stderr
        connection.execute("INSERT INTO notes VALUES (2)")


def test_writers_who_do_not_take_turns_tear_no_copy(home: Home) -> None:
    execute(home.database, "CREATE TABLE one (n INTEGER)", "CREATE TABLE other (n INTEGER)")
    over = threading.Event()

    def write() -> None:
        with connections.connect(home.database) as connection:
            while not over.wait(0.05):
                with connections.committed(connection):
                    for name in ("one", "other"):
                        connection.execute(f"INSERT INTO {name} FROM range(20000)")
                with suppress(duckdb.TransactionException):
                    connection.execute("CHECKPOINT")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            with opened(copies.publish(home)) as connection:
                [[one, other]] = connection.execute(
                    "SELECT (SELECT count(*) FROM one), (SELECT count(*) FROM other)"
                ).fetchall()
                assert one == other
    finally:
        over.set()
        writer.join()
    assert one > 0


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Files of this process and those it starts can grow to so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_copy_that_cannot_be_written_leaves_the_former_one(home: Home) -> None:
    copies.publish(home)
    execute(home.database, "INSERT INTO notes FROM range(500000)")
    with files_up_to(100_000), pytest.raises(CopyError, match="File too large") as caught:
        copies.publish(home)
    assert str(home.published.parent) in str(caught.value)
    assert list(home.published.parent.iterdir()) == [home.published]
    with opened(home.published) as connection:
        assert connection.execute("FROM notes").fetchall() == [(1,)]
    copies.publish(home)


def test_the_copy_follows_changes_at_most_once_in_ten_minutes() -> None:
    copy, cursor = AssetKey("published_copy"), None

    def asks(instance: DagsterInstance, time: str) -> bool:
        nonlocal cursor
        at = datetime.fromisoformat(f"2025-03-01T{time}+00:00")
        result = evaluate_automation_conditions(defs, instance, cursor=cursor, evaluation_time=at)
        cursor = result.cursor
        return result.get_num_requested(copy) > 0

    with DagsterInstance.ephemeral() as instance:
        instance.report_runless_asset_event(AssetMaterialization(copy))
        assert not asks(instance, "12:00:30")
        instance.report_runless_asset_event(AssetMaterialization("bradley_terry"))
        assert not asks(instance, "12:05:00")
        assert asks(instance, "12:10:10")
        instance.report_runless_asset_event(AssetMaterialization(copy))
        assert not asks(instance, "12:20:10")
