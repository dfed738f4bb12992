"""Runs and tasks in the database are those of Dagster, whatever becomes of them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from dagster import DagsterEventType, DagsterInstance

from egregora_dag.database import connections, mirror
from egregora_dag.database.dagster_runs import GONE
from egregora_dag.database.tables import create_table
from egregora_dag.instance import dagster_instance
from egregora_dag_tests.e2e.deployed.conftest import IRC, WHATSAPP
from egregora_dag_tests.e2e.deployment import Deployment, environment

MARKED = "This run has been marked as failed from outside the execution context."
ROWS = ("FROM runs ORDER BY run_id", "FROM tasks ORDER BY task_id")


@contextmanager
def storage_of(deployment: Deployment) -> Iterator[DagsterInstance]:
    with dagster_instance(deployment.home, share=False) as instance:
        yield instance


def truth(deployment: Deployment) -> list[list[tuple[Any, ...]]]:
    """The rows of both tables, made anew from Dagster's storage."""
    with storage_of(deployment) as instance, connections.open_memory() as memory:
        for name, rows in zip(("runs", "tasks"), mirror.rebuilt(instance), strict=True):
            create_table(memory, rows, name)
        return [memory.execute(f"SELECT COLUMNS(*)::VARCHAR {sql}").fetchall() for sql in ROWS]


def mirrored(deployment: Deployment) -> list[list[tuple[Any, ...]]]:
    return [deployment.rows(f"SELECT COLUMNS(*)::VARCHAR {sql}") for sql in ROWS]


def after_a_tick(deployment: Deployment) -> None:
    """Wait until the sensor has had a turn that began after this call."""
    began = time.time()
    deployment.wait_for(
        lambda: [
            tick
            for tick in deployment.ticks("mirror_runs", after=began)
            if tick["status"] == "SKIPPED"
        ],
        "a turn of the mirror",
    )


def check_agreement(deployment: Deployment, run_id: str, status: str) -> None:
    """The mirror has the run within a turn of the sensor, and all else as Dagster has it."""
    deployment.settle()
    after_a_tick(deployment)
    [(found,)] = deployment.rows(f"SELECT dagster_status FROM runs WHERE run_id = '{run_id}'")
    assert found == status
    # A run that the automation has begun in between shows at the next look.
    deployment.wait_for(lambda: truth(deployment) == mirrored(deployment), "the mirror to agree")


@contextmanager
def held(deployment: Deployment) -> Iterator[None]:
    """The database held by another program, so that runs wait."""
    with connections.open_waiting(deployment.home.database):
        yield


def started(deployment: Deployment, run_id: str) -> int:
    """The process id of a run's worker, once it is at work."""

    def look() -> int | None:
        with storage_of(deployment) as instance:
            begun = instance.get_records_for_run(run_id, of_type=DagsterEventType.RUN_START)
            events = instance.get_records_for_run(run_id, of_type=DagsterEventType.ENGINE_EVENT)
            data = [
                record.event_log_entry.dagster_event.engine_event_data
                for record in events.records
                if record.event_log_entry.dagster_event
            ]
        pids = [int(str(d.metadata["pid"].value)) for d in data if "pid" in d.metadata]
        return pids[-1] if begun.records and pids else None

    found = deployment.wait_for(look, f"run {run_id} to begin")
    assert found is not None
    return found


def test_the_mirror_has_a_run_and_its_steps_within_a_turn_of_the_sensor(
    ranked: Deployment,
) -> None:
    run = ranked.launch("windows", thread=WHATSAPP)
    check_agreement(ranked, run["runId"], "SUCCESS")
    tasks = ranked.rows(
        "SELECT asset, partition, status, json_extract_string(result, '$.tables[0].partitions[0]') "
        f"FROM tasks WHERE run_id = '{run['runId']}' AND step_key = 'windows'"
    )
    assert tasks == [("windows", WHATSAPP, "completed", WHATSAPP)]


def test_a_run_that_fails_and_its_execution_again_from_there_are_mirrored(
    ranked: Deployment,
) -> None:
    config = {"ops": {"windows": {"config": {"step_unit": "fortnights"}}}}
    failed = ranked.launch("windows", thread=WHATSAPP, config=config)
    check_agreement(ranked, failed["runId"], "FAILURE")
    [(error,)] = ranked.rows(f"SELECT error FROM runs WHERE run_id = '{failed['runId']}'")
    assert error.startswith("step windows: ")
    assert "fortnights" not in error
    tries = ranked.rows(
        f"SELECT attempt, status FROM tasks WHERE run_id = '{failed['runId']}' "
        "AND step_key = 'windows' ORDER BY attempt"
    )
    # A setting that cannot be is not tried again.
    assert tries == [(1, "failed")]
    again = ranked.executed_again(failed["runId"])
    check_agreement(ranked, again["runId"], "FAILURE")
    assert ranked.rows(
        f"SELECT parent_run_id::VARCHAR FROM runs WHERE run_id = '{again['runId']}'"
    ) == [(failed["runId"],)]


@pytest.mark.torture
def test_a_run_that_is_cancelled_is_mirrored(ranked: Deployment) -> None:
    ranked.settle()
    with held(ranked):
        run_id = ranked.launched("windows", thread=IRC)
        started(ranked, run_id)
        ranked.terminate(run_id)
        ranked.ended(run_id)
    check_agreement(ranked, run_id, "CANCELED")
    assert ("processing",) not in ranked.rows(f"SELECT status FROM tasks WHERE run_id = '{run_id}'")


def test_a_run_whose_worker_is_killed_fails_and_holds_no_slot(ranked: Deployment) -> None:
    ranked.settle()
    with held(ranked):
        run_id = ranked.launched("windows", thread=IRC)
        os.kill(started(ranked, run_id), signal.SIGKILL)
    run = ranked.ended(run_id)
    assert run["status"] == "FAILURE"
    check_agreement(ranked, run_id, "FAILURE")
    [(error,)] = ranked.rows(f"SELECT error FROM runs WHERE run_id = '{run_id}'")
    # Whoever sees it first reports it: the worker's parent, or the sensor.
    assert error in {GONE, MARKED}
    assert ranked.launch("windows", thread=IRC)["status"] == "SUCCESS"


@pytest.mark.torture
def test_a_run_that_is_deleted_goes_from_the_mirror(ranked: Deployment) -> None:
    run_id = ranked.launch("windows", thread=IRC)["runId"]
    check_agreement(ranked, run_id, "SUCCESS")
    with storage_of(ranked) as instance:
        instance.delete_run(run_id)
    after_a_tick(ranked)
    for table in ("runs", "tasks"):
        assert ranked.rows(f"FROM {table} WHERE run_id = '{run_id}'") == []


REPORT = """
import os, sys
from pathlib import Path
from uuid import UUID
from egregora_dag.database.duckdb_manager import DuckDBStorageManager
from egregora_dag.database.run_store import RunStore
os.environ.pop("DAGSTER_HOME")
with DuckDBStorageManager(Path(sys.argv[1])) as storage:
    store = RunStore(storage)
    store.create_run(UUID(sys.argv[2]), {"source": "whatsapp", "window_size": 7})
    store.update_run_status(UUID(sys.argv[2]), "completed")
    print(store.get_recent_runs(1)[0].run_id)
"""


def test_a_run_that_a_plain_script_reports_is_on_the_runs_page_with_its_config(
    ranked: Deployment,
) -> None:
    run_id = uuid4()
    told = subprocess.run(
        [sys.executable, "-c", REPORT, str(ranked.home.database), str(run_id)],
        env=environment(ranked.home),
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == [str(run_id)]
    page = ranked.ask("{ runsOrError { ... on Runs { results { runId status runConfigYaml } } } }")[
        "runsOrError"
    ]["results"]
    [run] = [run for run in page if run["runId"] == str(run_id)]
    assert run["status"] == "SUCCESS"
    assert "source: whatsapp" in run["runConfigYaml"]
    assert "window_size: 7" in run["runConfigYaml"]
    check_agreement(ranked, str(run_id), "SUCCESS")


@pytest.mark.torture
def test_the_assets_runs_and_tasks_mend_what_was_changed_behind_the_pipelines_back(
    ranked: Deployment,
) -> None:
    ranked.settle()
    ranked.tamper(
        "UPDATE runs SET status = 'failed', error = 'tampered' WHERE status = 'completed'",
        "UPDATE tasks SET attempt = 9",
    )
    run = ranked.launch("runs", "tasks")
    assert run["status"] == "SUCCESS"
    check_agreement(ranked, run["runId"], "SUCCESS")
    assert ranked.rows("FROM runs WHERE error = 'tampered'") == []


def test_a_document_is_joined_to_the_run_and_the_step_that_wrote_it(ranked: Deployment) -> None:
    check_agreement(ranked, ranked.launch("windows", thread=IRC)["runId"], "SUCCESS")
    assert ranked.rows("SELECT DISTINCT job_name, step_key, task_status FROM document_lineage") == [
        ("import_chats", "documents", "completed")
    ]
    fresh = dict(
        ranked.rows("SELECT thread_id, last_success FROM asset_freshness WHERE asset = 'windows'")
    )
    assert fresh[IRC] > fresh[WHATSAPP]
    [(runs, failures, median, longest)] = ranked.rows(
        "SELECT runs, failures, median_seconds, p95_seconds FROM run_history "
        "WHERE job_name = 'import_chats'"
    )
    assert runs >= 3
    assert failures == 0
    assert 0 < median <= longest
