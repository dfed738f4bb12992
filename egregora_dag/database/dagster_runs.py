"""Runs in Dagster's own storage, also by calls that Dagster has no public name for.

A process that is not Dagster's own registers its work as a run, so that it shows on the Runs page
of the UI; a run whose process is gone is reported as failed, so that it holds no slot.
"""

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.events import (
    DagsterEvent,
    EngineEventData,
    JobCanceledData,
    JobFailureData,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES, RunRecord
from dagster_shared.error import SerializableErrorInfo

from egregora_dag.instance import dagster_instance
from egregora_dag.settings import Home

HOST_TAG: Final = "egregora/host"
PROCESS_TAG: Final = "egregora/process"
GONE: Final = "The process of this run is gone."

# Dagster's status → the word of the table `runs`.
STATUSES: Final[Mapping[DagsterRunStatus, str]] = {
    DagsterRunStatus.QUEUED: "queued",
    DagsterRunStatus.NOT_STARTED: "queued",
    DagsterRunStatus.MANAGED: "running",
    DagsterRunStatus.STARTING: "running",
    DagsterRunStatus.STARTED: "running",
    DagsterRunStatus.CANCELING: "running",
    DagsterRunStatus.SUCCESS: "completed",
    DagsterRunStatus.FAILURE: "failed",
    DagsterRunStatus.CANCELED: "cancelled",
}
FINAL: Final = frozenset({"completed", "failed", "cancelled"})

_EVENTS: Final = {
    "running": DagsterEventType.RUN_START,
    "completed": DagsterEventType.RUN_SUCCESS,
    "failed": DagsterEventType.RUN_FAILURE,
    "cancelled": DagsterEventType.RUN_CANCELED,
}
_TOLD: Final = {
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.STEP_START,
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.STEP_SKIPPED,
    DagsterEventType.STEP_UP_FOR_RETRY,
    DagsterEventType.STEP_RESTARTED,
    DagsterEventType.RUN_FAILURE,
    DagsterEventType.RUN_CANCELED,
}
# SQLite takes so many ids in a query.
_CHUNK: Final = 500


@contextmanager
def instance_for(
    database: Path | None, instance: DagsterInstance | None = None
) -> Iterator[DagsterInstance]:
    """The Dagster instance that the runs of a database live in.

    Args:
        database: The database file; None for one in memory.
        instance: The instance, if the caller has one.

    Yields:
        `instance`; else that of `DAGSTER_HOME`; else that in the folder `dagster` beside the
        database, made when first needed; for a database in memory one that is in memory too.
    """
    with ExitStack() as opened:
        if instance is None:
            if os.environ.get("DAGSTER_HOME"):
                instance = opened.enter_context(DagsterInstance.get())
            elif database is None:
                instance = opened.enter_context(DagsterInstance.ephemeral())
            else:
                home = Home(database.parent.absolute())
                instance = opened.enter_context(dagster_instance(home, share=False))
        yield instance


def process_tags() -> dict[str, str]:
    """Tags that say which process a run is worked on by."""
    return {HOST_TAG: socket.gethostname(), PROCESS_TAG: _process(os.getpid())}


def _process(pid: int) -> str:
    """A process by its id and, where the system tells, by when it began, as ids are used again."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except OSError:
        return str(pid)
    return f"{pid}@{stat.rpartition(')')[2].split()[19]}"


def _is_alive(process: str) -> bool:
    pid = int(process.partition("@")[0])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # It is another user's, so it is there.
    return "@" not in process or _process(pid) == process


def register_run(
    instance: DagsterInstance,
    run_id: UUID,
    *,
    job_name: str,
    config: Mapping[str, object],
    tags: Mapping[str, str],
    parent_run_id: UUID | None,
) -> None:
    """Make a run that this process works on; it is not started yet."""
    parent = None if parent_run_id is None else str(parent_run_id)
    instance.add_run(
        DagsterRun(
            job_name=job_name,
            run_id=str(run_id),
            run_config=config,
            tags={**process_tags(), **tags},
            parent_run_id=parent,
            root_run_id=parent,
            # Not QUEUED: the daemon would try to launch it.
            status=DagsterRunStatus.NOT_STARTED,
        )
    )


def report_status(
    instance: DagsterInstance, run: DagsterRun, status: str, error: str | None = None
) -> None:
    """Report that a run has started or ended.

    Args:
        instance: The instance.
        run: The run.
        status: `running`, `completed`, `failed` or `cancelled`.
        error: What went wrong, if it failed.
    """
    told = SerializableErrorInfo(message=error, stack=[], cls_name=None) if error else None
    data: dict[str, JobFailureData | JobCanceledData] = {
        "failed": JobFailureData(error=told),
        "cancelled": JobCanceledData(error=told),
    }
    instance.report_dagster_event(
        DagsterEvent(
            event_type_value=_EVENTS[status].value,
            job_name=run.job_name,
            message=error or f"Reported as {status}.",
            event_specific_data=data.get(status),
        ),
        run_id=run.run_id,
    )


def reap(instance: DagsterInstance) -> list[str]:
    """Report the runs of this machine whose process is gone as failed.

    Args:
        instance: The instance.

    Returns:
        Ids of these runs.
    """
    in_progress = RunsFilter(statuses=IN_PROGRESS_RUN_STATUSES)
    gone = []
    for run in instance.get_runs(in_progress):
        process = _process_of(instance, run)
        if process is None or _is_alive(process):
            continue
        # Its last words may have come in between; now that it is gone, there will be no others.
        if instance.get_run_ids(RunsFilter([run.run_id], statuses=IN_PROGRESS_RUN_STATUSES)):
            report_status(instance, run, "failed", GONE)
            gone.append(run.run_id)
    return gone


def report_all_gone(instance: DagsterInstance) -> None:
    """Report every run that is said to be in progress as failed, as in a restored storage.

    Args:
        instance: The instance.
    """
    for run in instance.get_runs(RunsFilter(statuses=IN_PROGRESS_RUN_STATUSES)):
        report_status(instance, run, "failed", GONE)


def _process_of(instance: DagsterInstance, run: DagsterRun) -> str | None:
    """The process of this machine that works on a run, if that is known."""
    if PROCESS_TAG in run.tags:
        return run.tags[PROCESS_TAG] if run.tags.get(HOST_TAG) == socket.gethostname() else None
    # Dagster's own run workers say it when they begin.
    events = instance.get_records_for_run(run.run_id, of_type=DagsterEventType.ENGINE_EVENT)
    pid = None
    for record in events.records:
        event = record.event_log_entry.dagster_event
        if event and isinstance(event.event_specific_data, EngineEventData):
            value = event.event_specific_data.metadata.get("pid")
            pid = str(value.value) if value is not None else pid
    return pid


def run_ids(instance: DagsterInstance) -> set[str]:
    """Ids of all runs."""
    return set(instance.get_run_ids())


def run_records(instance: DagsterInstance, ids: Sequence[str]) -> Iterator[RunRecord]:
    """The runs of these ids, as far as there are any."""
    for start in range(0, len(ids), _CHUNK):
        yield from instance.get_run_records(RunsFilter(run_ids=ids[start : start + _CHUNK]))


def run_ids_updated_after(instance: DagsterInstance, time: datetime) -> set[str]:
    """Ids of the runs that began, ended or changed their status since a time."""
    return set(instance.get_run_ids(RunsFilter(updated_after=time)))


def events_of(instance: DagsterInstance, run_id: str) -> Iterator[EventLogEntry]:
    """What a run's log says of its steps and of how it ended, in order."""
    cursor, more = None, True
    while more:
        page = instance.get_records_for_run(run_id, cursor=cursor, of_type=_TOLD)
        yield from (record.event_log_entry for record in page.records)
        cursor, more = page.cursor, page.has_more
