"""Runs that any Python process reports, in Dagster's own storage and in its mirror."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from dagster import DagsterInstance, DagsterRunStatus

from egregora_dag.database.duckdb_manager import DuckDBStorageManager
from egregora_dag.database.exceptions import InvalidOperationError
from egregora_dag.database.run_store import RunStore
from egregora_dag.instance import dagster_instance
from egregora_dag.settings import Home
from egregora_dag_tests.conftest import query


@pytest.fixture(autouse=True)
def _no_home_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[DuckDBStorageManager]:
    with DuckDBStorageManager(tmp_path / "site" / "pipeline.duckdb") as manager:
        yield manager


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


def test_a_run_is_in_dagsters_storage_and_in_the_mirror_at_once(
    storage: DuckDBStorageManager, instance: DagsterInstance
) -> None:
    store, run_id = RunStore(storage, instance), uuid4()
    store.create_run(
        run_id, {"source": "whatsapp"}, job_name="nightly", tags={"who": "cron"}, status="running"
    )
    run = instance.get_run_by_id(str(run_id))
    assert run is not None
    assert (run.status, run.run_config) == (DagsterRunStatus.STARTED, {"source": "whatsapp"})
    assert run.tags["who"] == "cron"
    rows = storage.execute_query(
        "SELECT run_id, job_name, status, config->>'source', tags->>'who', started_at IS NULL, "
        "ended_at FROM runs"
    )
    assert rows == [(run_id, "nightly", "running", "whatsapp", "cron", False, None)]


@pytest.mark.parametrize(
    ("status", "dagster_status"),
    [
        ("completed", DagsterRunStatus.SUCCESS),
        ("failed", DagsterRunStatus.FAILURE),
        ("cancelled", DagsterRunStatus.CANCELED),
    ],
)
def test_the_end_of_a_run_is_kept_with_time_and_error(
    storage: DuckDBStorageManager,
    instance: DagsterInstance,
    status: str,
    dagster_status: DagsterRunStatus,
) -> None:
    store, run_id = RunStore(storage, instance), uuid4()
    store.create_run(run_id, {})
    store.update_run_status(run_id, status, None if status == "completed" else "no room left")
    found = instance.get_run_by_id(str(run_id))
    assert found is not None
    assert found.status == dagster_status
    run = store.get_run(run_id)
    assert run is not None
    assert run.status == status
    assert run.error == (None if status == "completed" else "no room left")
    assert run.started_at
    assert run.ended_at
    assert run.duration_seconds == (run.ended_at - run.started_at).total_seconds() >= 0
    assert [one.run_id for one in store.get_failed_runs(5)] == [run_id] * (status == "failed")


def test_a_queued_run_waits_for_its_process_and_not_for_the_daemon(
    storage: DuckDBStorageManager, instance: DagsterInstance
) -> None:
    store, run_id = RunStore(storage, instance), uuid4()
    store.create_run(run_id, {}, "queued")
    run = instance.get_run_by_id(str(run_id))
    assert run is not None
    assert run.status == DagsterRunStatus.NOT_STARTED
    mirrored = store.get_run(run_id)
    assert mirrored is not None
    assert (mirrored.status, mirrored.started_at) == ("queued", None)
    store.update_run_status(run_id, "running")
    mirrored = store.get_run(run_id)
    assert mirrored is not None
    assert mirrored.status == "running"


def test_recent_runs_are_the_latest_and_those_of_other_processes_are_among_them(
    storage: DuckDBStorageManager, instance: DagsterInstance
) -> None:
    store = RunStore(storage, instance)
    ids = [uuid4() for _ in range(4)]
    for run_id in ids:
        store.create_run(run_id, {})
    other = RunStore(storage, instance)
    assert [run.run_id for run in other.get_recent_runs(limit=3)] == ids[:0:-1]
    assert other.get_recent_runs(limit=0) == []


def test_what_dagster_forgets_the_mirror_forgets(
    storage: DuckDBStorageManager, instance: DagsterInstance
) -> None:
    store, run_id = RunStore(storage, instance), uuid4()
    store.create_run(run_id, {})
    instance.delete_run(str(run_id))
    assert store.sync().removed == 1
    assert storage.row_count("runs") == 0
    assert store.get_run(run_id) is None


def test_a_repeated_run_knows_which_it_repeats(
    storage: DuckDBStorageManager, instance: DagsterInstance
) -> None:
    store, first, second = RunStore(storage, instance), uuid4(), uuid4()
    store.create_run(first, {}, "failed")
    store.create_run(second, {}, parent_run_id=first)
    run = store.get_run(second)
    assert run is not None
    assert run.parent_run_id == first


@pytest.mark.parametrize("run_id", ["", "msg-123", "'; DROP TABLE runs; --", str(UUID(int=7))])
def test_a_run_that_is_unknown_is_none_and_cannot_be_updated(
    storage: DuckDBStorageManager, instance: DagsterInstance, run_id: str
) -> None:
    store = RunStore(storage, instance)
    assert store.get_run(run_id) is None
    with pytest.raises(InvalidOperationError) as caught:
        store.update_run_status(run_id, "completed")
    assert caught.value.name == run_id


def test_what_makes_no_sense_is_refused_and_nothing_is_stored(
    storage: DuckDBStorageManager, instance: DagsterInstance
) -> None:
    store, run_id = RunStore(storage, instance), uuid4()
    with pytest.raises(InvalidOperationError, match="is no status"):
        store.create_run(run_id, {}, "finished")
    with pytest.raises(InvalidOperationError, match="is no run id"):
        store.create_run("seven", {})
    assert instance.get_runs() == []
    store.create_run(run_id, {})
    with pytest.raises(InvalidOperationError, match="There is a run"):
        store.create_run(run_id, {})
    with pytest.raises(InvalidOperationError, match="queued"):
        store.update_run_status(run_id, "queued")
    run = store.get_run(run_id)
    assert run is not None
    assert run.status == "running"


REPORT = """
import os, sys
from pathlib import Path
from uuid import UUID
from egregora_dag.database.duckdb_manager import DuckDBStorageManager
from egregora_dag.database.run_store import RunStore
with DuckDBStorageManager(Path(sys.argv[1])) as storage:
    RunStore(storage).create_run(UUID(sys.argv[2]), {"depth": 3})
"""


def report_from_another_process(database: Path, run_id: UUID, **environment: str) -> None:
    subprocess.run(
        [sys.executable, "-c", REPORT, str(database), str(run_id)],
        check=True,
        env={**os.environ, **environment},
    )


def test_a_run_whose_process_is_gone_counts_as_failed(tmp_path: Path) -> None:
    database, run_id = tmp_path / "site" / "pipeline.duckdb", uuid4()
    report_from_another_process(database, run_id)
    with dagster_instance(Home(database.parent), share=False) as made:
        run = made.get_run_by_id(str(run_id))
        assert run is not None
        assert run.status == DagsterRunStatus.STARTED
    with DuckDBStorageManager(database) as storage, RunStore(storage) as store:
        [run_] = store.get_recent_runs()
        assert (run_.run_id, run_.status) == (run_id, "failed")
        assert run_.error == "The process of this run is gone."
        own = uuid4()
        store.create_run(own, {})
        store.sync()
        found = store.get_run(own)
        assert found is not None
        assert found.status == "running"


def test_the_instance_is_the_one_given_else_dagster_homes_else_beside_the_database(
    tmp_path: Path,
) -> None:
    elsewhere = Home(tmp_path / "elsewhere")
    elsewhere.create()
    database = tmp_path / "site" / "pipeline.duckdb"
    beside, there = uuid4(), uuid4()
    report_from_another_process(database, beside)
    report_from_another_process(database, there, DAGSTER_HOME=str(elsewhere.dagster))
    for home, run_id in ((Home(database.parent), beside), (elsewhere, there)):
        with dagster_instance(home, share=False) as made:
            assert [run.run_id for run in made.get_runs()] == [str(run_id)]
    assert "DAGSTER_HOME" not in os.environ


def test_the_database_holds_no_lock_of_dagsters_and_its_rows_are_there_for_sql(
    tmp_path: Path,
) -> None:
    database, run_id = tmp_path / "site" / "pipeline.duckdb", uuid4()
    report_from_another_process(database, run_id)
    assert query(database, "SELECT run_id, config->>'depth' FROM runs") == [(run_id, "3")]
