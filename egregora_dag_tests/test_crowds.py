"""Many at one file: processes that write it at once, and one that holds it."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pytest
from dagster import (
    AssetExecutionContext,
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    ExecuteInProcessResult,
    StaticPartitionsDefinition,
    asset,
    materialize,
)

from egregora_dag.definitions import definitions_of
from egregora_dag.io_manager import DuckDBIbisIOManager
from egregora_dag.settings import Home
from egregora_dag_tests import crashing
from egregora_dag_tests.conftest import query

ROWS: Final = 5
PARTS: Final = StaticPartitionsDefinition([f"part-{number}" for number in range(3500)])
HOLD: Final = """
import sys, duckdb
with duckdb.connect(sys.argv[1], read_only=len(sys.argv) > 2) as connection:
    print(connection.execute("SELECT count(*) FROM duckdb_tables()").fetchone(), flush=True)
    sys.stdin.readline()
"""


@asset(
    partitions_def=PARTS,
    metadata={"partition_expr": "part", "primary_key": ["part", "row"], "schema": "main"},
)
def parts(context: AssetExecutionContext) -> pa.Table:
    return pa.table({"part": [context.partition_key] * ROWS, "row": list(range(ROWS))})


def materialize_parts(database: Path, keys: list[str]) -> None:
    """Materialize partitions, each by a run of its own."""
    options: Any = {
        "resources": {"io_manager": DuckDBIbisIOManager(database=str(database))},
        "run_config": {"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
    }
    with DagsterInstance.ephemeral() as instance:
        for key in keys:
            ended = materialize([parts], partition_key=key, instance=instance, **options)
            assert ended.success


@pytest.mark.parametrize(
    ("count", "processes"),
    [(24, 4), pytest.param(3500, 8, marks=pytest.mark.torture)],
    ids=["short", "long"],
)
def test_partitions_of_many_processes_are_all_there(
    tmp_path: Path, count: int, processes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    database = tmp_path / "crowd.duckdb"
    keys = PARTS.get_partition_keys()[:count]
    started = time.monotonic()
    # The last partition is everybody's: it is replaced by all of them.
    shares = [(database, [*keys[number:-1:processes], keys[-1]]) for number in range(processes)]
    crashing.all_finished(materialize_parts, shares)
    seconds = time.monotonic() - started
    rows = query(database, "SELECT part, count(*), sum(row) FROM parts GROUP BY part")
    assert sorted(rows) == sorted((key, ROWS, sum(range(ROWS))) for key in keys)
    with capsys.disabled():
        print(f"\n{count:,} partitions by {processes} processes in {seconds:.0f} s, none lost")


@pytest.fixture
def home(tmp_path: Path, migrated: Path) -> Home:
    """A home without chats."""
    home = Home(tmp_path / "home")
    home.create()
    home.database.write_bytes(migrated.read_bytes())
    return home


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as opened:
        yield opened


@contextmanager
def held(home: Home, *read_only: str) -> Iterator["subprocess.Popen[str]"]:
    """The database open in another process, until that gets a line to read."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home.database), *read_only],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline()
        try:
            yield process
        finally:
            release(process)


def release(process: "subprocess.Popen[str]") -> None:
    """Make it let go."""
    if process.stdin and not process.stdin.closed:
        process.stdin.close()
    process.wait()


def mirrored(home: Home, instance: DagsterInstance) -> ExecuteInProcessResult:
    """A run of two assets that the IO manager stores."""
    job = definitions_of(home).resolve_job_def("rebuild_mirror")
    assets = [AssetKey("runs"), AssetKey("tasks")]
    return job.execute_in_process(instance=instance, raise_on_error=False, asset_selection=assets)


def retries(instance: DagsterInstance) -> list[str]:
    """The errors after which a step was tried again."""
    [run] = instance.get_runs()
    records = instance.get_records_for_run(
        run.run_id, of_type=DagsterEventType.STEP_UP_FOR_RETRY
    ).records
    return [str(record.event_log_entry.dagster_event) for record in records]


def failure_of(ended: ExecuteInProcessResult) -> str:
    """The error of the step that failed, with its causes."""
    [failure] = ended.filter_events(lambda event: event.is_step_failure)
    error = failure.step_failure_data.error
    assert error
    return error.to_string()


@pytest.mark.parametrize(
    "seconds", [3, pytest.param(60, marks=pytest.mark.torture)], ids=["short", "long"]
)
@pytest.mark.parametrize("how", [(), ("read_only",)], ids=["writer", "reader"])
def test_a_run_waits_for_whoever_has_the_file_open(
    home: Home, instance: DagsterInstance, how: tuple[str, ...], seconds: float
) -> None:
    with held(home, *how) as process:
        started = time.monotonic()
        threading.Timer(seconds, release, [process]).start()
        assert mirrored(home, instance).success
        assert time.monotonic() - started >= seconds
    assert retries(instance) == []
    assert len(query(home.database, "FROM runs")) == 1


def test_a_step_that_waited_in_vain_is_tried_again(
    home: Home, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EGREGORA_LOCK_TIMEOUT", "0.2")
    with held(home) as process:

        def release_after_a_retry() -> None:
            while not (instance.get_runs() and retries(instance)):
                time.sleep(0.02)
            release(process)

        watching = threading.Thread(target=release_after_a_retry)
        watching.start()
        ended = mirrored(home, instance)
        watching.join()
    assert retries(instance)
    assert ended.success
    assert len(query(home.database, "FROM runs")) == 1


def test_a_file_that_stays_held_fails_the_step_with_the_holders_process_id(
    home: Home, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EGREGORA_LOCK_TIMEOUT", "0.1")
    with held(home) as process:
        ended = mirrored(home, instance)
    assert not ended.success
    assert len(retries(instance)) == 2
    told = failure_of(ended)
    assert f"DatabaseLockedError: {home.database} is in use by" in told
    assert f"(PID {process.pid})" in told


def test_what_is_refused_is_not_tried_again(home: Home, instance: DagsterInstance) -> None:
    job = definitions_of(home).resolve_job_def("rank_posts")
    ended = job.execute_in_process(
        instance=instance,
        raise_on_error=False,
        asset_selection=[AssetKey("comparisons")],
        run_config={"ops": {"comparisons": {"config": {"judge": "nobody"}}}},
    )
    assert not ended.success
    assert retries(instance) == []
    assert "nobody" in failure_of(ended)
