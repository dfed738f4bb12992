"""Connections that stay open: nothing of Dagster's storage may be lost or hidden by that."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from dagster import AssetMaterialization, DagsterInstance, job, op
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from egregora_dag.dagster_storage import Connections
from egregora_dag.database.dagster_forgetting import Forgotten, forget
from egregora_dag.instance import dagster_instance
from egregora_dag.settings import Home


@pytest.fixture
def connections() -> Iterator[Connections]:
    kept = Connections()
    yield kept
    kept.close()


def made(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE notes (note TEXT)")
    return f"sqlite:///{path}"


def notes(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [note for (note,) in connection.execute("SELECT note FROM notes")]


def note(connections: Connections, url: str, what: str) -> None:
    with connections.transaction(url) as connection:
        connection.execute(text("INSERT INTO notes VALUES (:what)"), {"what": what})


def note_and_fail(connections: Connections, url: str) -> None:
    with connections.transaction(url) as connection:
        connection.execute(text("INSERT INTO notes VALUES ('lost')"))
        connection.execute(text("INSERT INTO nowhere VALUES ('lost')"))


def open_files(folder: Path) -> set[Path]:
    opened = {path.resolve() for path in Path("/proc/self/fd").iterdir()}
    return {path for path in opened if path.suffix == ".db" and path.is_relative_to(folder)}


def test_what_is_written_can_be_read_by_others_at_once(
    connections: Connections, tmp_path: Path
) -> None:
    url = made(tmp_path / "one.db")
    note(connections, url, "first")
    assert notes(tmp_path / "one.db") == ["first"]
    note(connections, url, "second")
    assert notes(tmp_path / "one.db") == ["first", "second"]


def test_what_fails_is_undone_and_the_connection_serves_on(
    connections: Connections, tmp_path: Path
) -> None:
    url = made(tmp_path / "one.db")
    with pytest.raises(OperationalError):
        note_and_fail(connections, url)
    note(connections, url, "kept")
    assert notes(tmp_path / "one.db") == ["kept"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs the list of open files")
def test_only_the_last_few_files_stay_open(connections: Connections, tmp_path: Path) -> None:
    for number in range(20):
        note(connections, made(tmp_path / f"{number}.db"), "some")
    assert open_files(tmp_path) == {tmp_path / f"{number}.db" for number in range(16, 20)}
    connections.close()
    assert not open_files(tmp_path)


def test_a_file_put_in_anothers_place_is_the_one_that_is_written(
    connections: Connections, tmp_path: Path
) -> None:
    url = made(tmp_path / "one.db")
    note(connections, url, "old")
    made(tmp_path / "other.db")
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"one.db{suffix}").unlink(missing_ok=True)
    (tmp_path / "other.db").replace(tmp_path / "one.db")
    note(connections, url, "new")
    assert notes(tmp_path / "one.db") == ["new"]


def test_threads_write_side_by_side(connections: Connections, tmp_path: Path) -> None:
    url = made(tmp_path / "one.db")

    def write(number: int) -> None:
        for turn in range(25):
            note(connections, url, f"{number}/{turn}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {f"{number}/{turn}" for number in range(4) for turn in range(25)}
    assert sorted(notes(tmp_path / "one.db")) == sorted(expected)


def told(instance: DagsterInstance, asset: str) -> None:
    instance.report_runless_asset_event(AssetMaterialization(asset))


def test_two_instances_of_a_home_see_each_others_events(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with dagster_instance(home) as one, dagster_instance(home) as other:
        told(one, "messages")
        assert [key.to_user_string() for key in other.get_asset_keys()] == ["messages"]
        told(other, "windows")
        assert sorted(key.to_user_string() for key in one.get_asset_keys()) == [
            "messages",
            "windows",
        ]


def test_an_instance_that_is_closed_leaves_no_log_of_changes(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with dagster_instance(home) as instance:
        told(instance, "messages")
    assert [*home.dagster.rglob("*.db")]
    assert not [*home.dagster.rglob("*.db-wal")]


@op
def nothing() -> None:
    """A step that does nothing."""


@job
def idle() -> None:
    nothing()


class _NoNames:
    def masked(self, text: str) -> str:
        return text


def test_of_a_forgotten_run_nothing_is_left_in_files_that_stay_open(tmp_path: Path) -> None:
    keys = ("wombatarium", "regatta")
    with dagster_instance(Home(tmp_path)) as instance:
        instance.add_dynamic_partitions("threads", keys)
        for key in keys:
            idle.execute_in_process(instance=instance, tags={"dagster/partition": key})
        gone = Forgotten(_NoNames(), keys=frozenset({"wombatarium"}), order=keys)
        forget(instance, gone)
        held = {
            key: [path for path in tmp_path.rglob("*.db*") if key.encode() in path.read_bytes()]
            for key in keys
        }
    assert not held["wombatarium"]
    assert held["regatta"]
