"""The doctor finds what is wrong, says what to do, and tells nothing of what a chat says."""

import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

from egregora_dag import doctor
from egregora_dag.automation import sensors
from egregora_dag.database import connections, copies, dagster_runs, mirror
from egregora_dag.doctor import Line, examine
from egregora_dag.instance import dagster_instance
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home
from egregora_dag_tests.conftest import execute, query
from egregora_dag_tests.database.test_connections import held_by_another_process
from egregora_dag_tests.database.test_migrations import at_version

COMMAND = [sys.executable, "-c", "from egregora_dag.cli import main; main()", "doctor", "--home"]
PLANTED = ("Planted Person", "a planted sentence", "planted-thread", "Planted Title", "planted.txt")


@pytest.fixture
def home(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with nothing to fix, its database and copy empty."""
    before = os.umask(0o077)
    home = Home(tmp_path / "home")
    home.create()
    with dagster_instance(home, share=False):
        pass
    shutil.copyfile(migrated, home.database)
    copies.publish(home)
    os.umask(before)
    monkeypatch.setattr(doctor, "_PATIENCE", 0.3)
    return home


def found(home: Home, verdict: str) -> dict[str, str]:
    return {line.subject: line.text for line in examine(home) if line.verdict == verdict}


def test_in_a_home_with_nothing_to_fix_every_line_is_ok(home: Home) -> None:
    lines = list(examine(home))
    subjects = [line.subject for line in lines if line.verdict == "ok"]
    assert subjects == [
        "home",
        "permissions",
        "dagster.yaml",
        "key",
        "disk",
        "temporary files",
        "database",
        "schema",
        "contracts",
        "runs",
        "mirror",
        "published copy",
    ]
    [other] = [line for line in lines if line.verdict != "ok"]
    assert other == Line(
        "hint", "daemon", "does not run. Commands need none; `egregora-dag dev` runs it."
    )


def readable(home: Home) -> None:
    home.secret.chmod(0o644)


def without_key(home: Home) -> None:
    home.secret.write_text("")


def out_of_space(home: Home) -> None:
    os.truncate(home.database, shutil.disk_usage(home.root).free)


def older(home: Home) -> None:
    home.database.unlink()
    at_version(home.database, 1)


def newer(home: Home) -> None:
    execute(home.database, "INSERT INTO schema_migrations VALUES (99, 'future', 'x', now())")


def no_database(home: Home) -> None:
    home.database.write_bytes(b"Dear diary, " * 1000)


def column_dropped(home: Home) -> None:
    execute(home.database, "ALTER TABLE reply_links DROP score")


def orphans(home: Home) -> None:
    execute(
        home.database,
        "INSERT INTO thumbnails VALUES "
        "('planted-thread', 'planted.txt', 'x', 1, 1, 'image/png', '')",
    )


def copy_of_another_version(home: Home) -> None:
    home.published.unlink()
    at_version(home.published, 1)
    home.published.chmod(0o400)


def damaged_copy(home: Home) -> None:
    home.published.chmod(0o600)
    home.published.write_bytes(b"x" * 20_000)


@pytest.mark.parametrize(
    ("harm", "subject", "told"),
    [
        (out_of_space, "disk", "Make room for"),
        (older, "schema", "version 1, not "),
        (newer, "database", "Install a newer egregora-dag"),
        (no_database, "database", "not a valid DuckDB database"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_with_what_to_do(
    home: Home, harm: Callable[[Home], None], subject: str, told: str
) -> None:
    harm(home)
    assert told in found(home, "fix")[subject]


def test_everything_that_is_wrong_is_found_at_once(home: Home) -> None:
    for harm in (readable, without_key, column_dropped, orphans, copy_of_another_version):
        harm(home)
    fixes = [line.text for line in examine(home) if line.verdict == "fix"]
    told = (
        "others may use 1 files or folders. chmod -R go= ",
        "Put it back from a backup",
        "reply_links: column 'score' is missing. Restore",
        "thumbnails: thread_id refers to nothing in threads in 1 rows",
        "of schema version 1, not ",
    )
    assert len(fixes) == len(told)
    for text, expected in zip(fixes, told, strict=True):
        assert expected in text
        assert not any(planted in text for planted in PLANTED)
    home.secret.write_text("key")
    damaged_copy(home)
    assert "`egregora-dag run` makes it anew" in found(home, "fix")["published copy"]


def test_a_locked_database_is_told_with_its_holder(home: Home) -> None:
    with held_by_another_process(home.database) as (pid, release):
        assert f"(PID {pid})" in found(home, "fix")["database"]
        release.write("\n")
        release.flush()


def test_a_folder_for_temporary_files_that_is_none_is_told(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EGREGORA_TEMP_DIRECTORY", str(tmp_path / "file"))
    assert "set EGREGORA_TEMP_DIRECTORY" in found(home, "fix")["temporary files"]


def test_what_may_be_meant_to_be_so_is_a_hint(home: Home, tmp_path: Path) -> None:
    with (home.dagster / "dagster.yaml").open("a") as file:
        file.write("# mine\n")
    home.published.unlink()
    hints = found(home, "hint")
    assert "is not the package's" in hints["dagster.yaml"]
    assert "there is none" in hints["published copy"]
    copies.publish(home)
    os.utime(home.published, (time.time() - 200_000, time.time() - 200_000))
    assert "hours older than the database" in found(home, "hint")["published copy"]
    assert "is missing" in found(Home(tmp_path / "nowhere"), "fix")["home"]


def running(instance: DagsterInstance, **tags: str) -> str:
    run_id = uuid.uuid4()
    dagster_runs.register_run(
        instance, run_id, job_name="work", config={}, tags=tags, parent_run_id=None
    )
    [run] = instance.get_runs(limit=1)
    dagster_runs.report_status(instance, run, "running")
    return str(run_id)


def test_runs_are_compared_with_dagsters_and_those_without_a_process_reported(home: Home) -> None:
    warehouse = Warehouse(database=str(home.database))
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    with dagster_instance(home, share=False) as instance:
        running(instance)
        mirror.pull(warehouse, instance)
        gone = {
            dagster_runs.PROCESS_TAG: str(ended.pid),
            dagster_runs.HOST_TAG: socket.gethostname(),
        }
        running(instance, **gone)
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "SENSOR", None, None))
    execute(home.database, "DELETE FROM runs")
    oks = found(home, "ok")
    assert oks["runs"] == "1 whose process was gone are reported as failed now"
    assert oks["mirror"] == "2 runs were not as Dagster has them, and are now"
    assert oks["daemon"] == "runs"
    assert sorted(query(home.database, "SELECT status FROM runs")) == [("failed",), ("running",)]
    # As if nothing had happened to it since, so that the mirror does not look at it again.
    with dagster_instance(home, share=False) as instance:
        [record] = instance.get_run_records(RunsFilter(statuses=[DagsterRunStatus.FAILURE]))
    with connections.connect(home.database) as connection:
        connection.execute(
            "UPDATE runs SET status = 'completed', ended_at = ? WHERE status = 'failed'",
            [record.update_timestamp],
        )
    assert "1 runs are not as Dagster has them" in found(home, "fix")["mirror"]


def sensor_state(name: str, status: InstigatorStatus) -> InstigatorState:
    location = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("egregora"), "__repository__")
    return InstigatorState(
        RemoteInstigatorOrigin(location, name),
        InstigatorType.SENSOR,
        status,
        SensorInstigatorData(),
    )


def test_sensors_that_failed_or_are_off_are_told_without_what_they_said(home: Home) -> None:
    failed = sensor_state("inbox_sensor", InstigatorStatus.RUNNING)
    error = SerializableErrorInfo(f"ValueError: {PLANTED[1]}", [], "ValueError")
    tick = TickData(
        instigator_origin_id=failed.instigator_origin_id,
        instigator_name=failed.name,
        instigator_type=InstigatorType.SENSOR,
        status=TickStatus.FAILURE,
        timestamp=time.time(),
        selector_id=failed.selector_id,
        error=error,
    )
    with dagster_instance(home, share=False) as instance:
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "SENSOR", None, None))
        instance.add_instigator_state(failed)
        instance.add_instigator_state(sensor_state("mirror_runs", InstigatorStatus.STOPPED))
        instance.create_tick(tick)
    lines = [line for line in examine(home) if line.subject == "sensor"]
    assert {line.text for line in lines if line.verdict != "ok"} == {
        "inbox_sensor failed (ValueError). Its page in the browser says why.",
        "mirror_runs is off. Turn it on in the browser.",
    }
    assert len(lines) == len(sensors)


def test_the_command_ends_with_one_if_there_is_something_to_fix_and_tells_nothing_of_chats(
    home: Home,
) -> None:
    execute(
        home.database,
        "INSERT INTO threads VALUES "
        "('planted-thread', 'Planted Title', 'test', 'UTC', '{}', now())",
        "INSERT INTO documents BY NAME SELECT uuid() AS document_id, 'post' AS doc_type, "
        "'planted-thread' AS thread_id, uuid() AS window_id, 'x' AS slug, "
        "'Planted Title' AS title, "
        "'a planted sentence' AS summary, 'a planted sentence' AS content, "
        "['Planted Person'] AS authors, [] AS tags, DATE '2025-01-01' AS date, "
        "'published' AS status, 'offline' AS writer, 'x' AS signature FROM range(2)",
        "INSERT INTO pseudonyms SELECT 'Planted Person', 'Planted Person', now() FROM range(2)",
    )
    # Of these, the one in the inbox is as somebody put it there.
    for folder in (home.root, home.inbox):
        (folder / "planted.txt").touch()
        (folder / "planted.txt").chmod(0o644)
    told = subprocess.run([*COMMAND, str(home.root)], capture_output=True, text=True, check=False)
    assert told.returncode == 1, told.stderr
    assert "fix   contracts: pseudonyms: pseudonym is not unique in 2 rows." in told.stdout
    assert "fix   contracts: documents: window_id refers to nothing in windows" in told.stdout
    assert "fix   permissions: others may use 1 files" in told.stdout
    assert {line[:6] for line in told.stdout.splitlines()} == {"ok    ", "hint  ", "fix   "}
    assert not any(planted in told.stdout + told.stderr for planted in PLANTED)


def test_versions_that_do_not_fit_are_told_before_anything_else(home: Home, tmp_path: Path) -> None:
    for name, version in (("sqlglot", "30.20.0"), ("dagster-webserver", "1.13.1")):
        folder = tmp_path / "site" / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
    path = os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])
    told = subprocess.run(
        [*COMMAND, str(home.root)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert told.returncode == 1, told.stderr
    lines = told.stdout.splitlines()
    assert lines[0] == "fix   versions: sqlglot 30.20.0: pip install 'sqlglot<30.18'"
    assert lines[1].startswith("fix   versions: dagster-webserver 1.13.1 with dagster 1.13.")
    assert len(lines) == 2
