"""The mirror of 2,000 runs of 8 steps: the first pull, one with nothing new, one with a new run."""

import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from dagster import AssetKey, AssetMaterialization, DagsterEventType, DagsterInstance, DagsterRun
from dagster._core.events import (
    AssetMaterializationPlannedData,
    DagsterEvent,
    StepMaterializationData,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.plan.objects import StepSuccessData

from egregora_dag.database import mirror
from egregora_dag.database.migrations import run_migrations
from egregora_dag.instance import dagster_instance
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home

RUNS, STEPS, TURNS = 2_000, 8, 5
JOB = "bench"


def events(run_id: str) -> Iterator[EventLogEntry]:
    """What a run of eight assets leaves in Dagster's log."""
    started = DagsterEvent(DagsterEventType.RUN_START.value, JOB)
    ended = DagsterEvent(DagsterEventType.RUN_SUCCESS.value, JOB)
    names = [f"asset_{number}" for number in range(STEPS)]
    planned = [
        DagsterEvent(
            DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value,
            JOB,
            step_key=name,
            event_specific_data=AssetMaterializationPlannedData(AssetKey(name)),
        )
        for name in names
    ]
    steps = []
    for name in names:
        made = AssetMaterialization(name, metadata={"dagster/row_count": 1_000})
        steps += [
            DagsterEvent(DagsterEventType.STEP_START.value, JOB, step_key=name),
            DagsterEvent(
                DagsterEventType.ASSET_MATERIALIZATION.value,
                JOB,
                step_key=name,
                event_specific_data=StepMaterializationData(made),
            ),
            DagsterEvent(
                DagsterEventType.STEP_SUCCESS.value,
                JOB,
                step_key=name,
                event_specific_data=StepSuccessData(1.0),  # type: ignore[no-untyped-call]
            ),
        ]
    for event in (*planned, started, *steps, ended):
        yield EventLogEntry(  # type: ignore[no-untyped-call]
            error_info=None,
            level=20,
            user_message="",
            run_id=run_id,
            timestamp=time.time(),
            step_key=event.step_key,
            job_name=JOB,
            dagster_event=event,
        )


def add_run(instance: DagsterInstance) -> None:
    """A run that has ended, as it stands in storage."""
    run_id = str(uuid4())
    instance.add_run(DagsterRun(JOB, run_id))
    told = list(events(run_id))
    instance.event_log_storage.store_event_batch(told)
    for entry in told:
        if entry.dagster_event and entry.step_key is None:
            instance.handle_run_event(run_id, entry.dagster_event)


def pulled(warehouse: Warehouse, instance: DagsterInstance, runs: int) -> float:
    """Seconds of a pull that finds so many runs it did not know."""
    before = warehouse.execute_query("SELECT count(*) FROM runs")[0][0]
    started = time.perf_counter()
    mirror.pull(warehouse, instance)
    seconds = time.perf_counter() - started
    after = warehouse.execute_query("SELECT count(*) FROM runs")[0][0]
    assert after - before == runs
    return seconds


def main() -> None:
    """Print the seconds of each as JSON; of the repeated ones the median."""
    with TemporaryDirectory() as folder:
        home = Home(Path(folder))
        with dagster_instance(home, share=False) as instance:
            run_migrations(home.database)
            warehouse = Warehouse(database=str(home.database))
            for _ in range(RUNS):
                add_run(instance)
            first = pulled(warehouse, instance, RUNS)
            assert warehouse.execute_query("SELECT count(*) FROM tasks") == [(RUNS * STEPS,)]
            nothing = [pulled(warehouse, instance, 0) for _ in range(TURNS)]
            one = []
            for _ in range(TURNS):
                add_run(instance)
                one.append(pulled(warehouse, instance, 1))
    found = {"first": [first], "nothing": nothing, "one": one}
    print(json.dumps({name: statistics.median(times) for name, times in found.items()}))


if __name__ == "__main__":
    main()
