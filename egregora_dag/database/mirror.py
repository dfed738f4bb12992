"""The tables `runs` and `tasks`: Dagster's runs and their steps, so that SQL can join them.

Dagster's storage is the truth. A pull looks at the runs that are new, not final, or updated since
the latest time that the mirror has seen, so its cost grows with what changed; runs that are gone
from Dagster go from the mirror. From nothing, it makes the same rows.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import Any, Final, Protocol

import pyarrow as pa
from dagster import DagsterEventType, DagsterInstance
from dagster._core.events import DagsterEvent
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.dagster_run import RunRecord
from dagster_shared.error import SerializableErrorInfo
from duckdb import DuckDBPyConnection

from egregora_dag.database import dagster_runs
from egregora_dag.database.dagster_runs import FINAL, STATUSES
from egregora_dag.database.identifiers import make_id
from egregora_dag.database.protocols import Parameters
from egregora_dag.database.schemas import RUNS, TASKS
from egregora_dag.database.tables import memory_table
from egregora_dag.database.writing import write_rows

QUEUE_TAG: Final = "egregora/queue_id"
TASK_TYPE_TAG: Final = "egregora/task_type"
ATTEMPT_TAG: Final = "egregora/attempt"

# Clocks of processes differ, and an event is stored a little after it happened.
_OVERLAP: Final = timedelta(seconds=10)
# Times go through floats on their way.
_SAME: Final = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Pulled:
    """What a pull found.

    Attributes:
        runs: Runs that were looked at.
        changed: Rows of `runs` and `tasks` that changed.
        removed: Runs that are gone from Dagster.
        left: Runs that are left to the next pull, for want of time.
    """

    runs: int
    changed: int
    removed: int
    left: int = 0


class Database(Protocol):
    """What a pull needs of a database; it is held for no longer than each of these takes."""

    def execute_query(self, sql: str, params: Parameters = None) -> list[tuple[Any, ...]]:
        """All rows of a query."""

    def transaction(self) -> AbstractContextManager[DuckDBPyConnection]:
        """A connection inside a transaction."""


def pull(database: Database, instance: DagsterInstance, *, seconds: float | None = None) -> Pulled:
    """Bring the mirror up to date with Dagster's storage, in one transaction.

    Args:
        database: The database.
        instance: Dagster's instance.
        seconds: Time after which the rest is left to the next pull; none if None.

    Returns:
        What was found.
    """
    known, latest = _mirrored(database)
    present = dagster_runs.run_ids(instance)
    due = {id_ for id_ in present if known.get(id_) is None}
    if latest is not None:
        due |= dagster_runs.run_ids_updated_after(instance, latest - _OVERLAP) & present
    gone = known.keys() - present
    deadline = None if seconds is None else time.monotonic() + seconds
    return _store(database, instance, sorted(due), sorted(gone), known, deadline)


def pull_runs(database: Database, instance: DagsterInstance, ids: Iterable[str]) -> Pulled:
    """Bring the mirror up to date for some runs.

    Args:
        database: The database.
        instance: Dagster's instance.
        ids: The runs.

    Returns:
        What was found.
    """
    return _store(database, instance, list(ids), [], {}, None)


def rebuilt(instance: DagsterInstance) -> tuple[pa.Table, pa.Table]:
    """The mirror from nothing.

    Args:
        instance: Dagster's instance.

    Returns:
        All rows of `runs` and of `tasks`.
    """
    runs, tasks, _ = _read(instance, sorted(dagster_runs.run_ids(instance)), {}, None)
    return memory_table(runs, RUNS.schema), memory_table(tasks, TASKS.schema)


def _mirrored(database: Database) -> tuple[dict[str, datetime | None], datetime | None]:
    """The runs that are mirrored, with the end of those that are final, and the latest time."""
    rows = database.execute_query("SELECT run_id::VARCHAR, status, ended_at FROM main.runs")
    [[latest]] = database.execute_query(
        "SELECT least(max(greatest(created_at, started_at, ended_at)), now()) FROM main.runs"
    )
    return {run_id: ended if status in FINAL else None for run_id, status, ended in rows}, latest


def _read(
    instance: DagsterInstance,
    ids: Sequence[str],
    known: Mapping[str, datetime | None],
    deadline: float | None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    """The rows of runs and of their tasks, and how many runs are left for want of time."""
    runs: list[dict[str, Any]] = []
    tasks: list[dict[str, Any]] = []
    seen = 0
    for record in dagster_runs.run_records(instance, ids):
        if runs and deadline is not None and time.monotonic() > deadline:
            break
        seen += 1
        ended = known.get(record.dagster_run.run_id)
        if ended is not None and abs(record.update_timestamp - ended) < _SAME:
            continue  # Nothing has happened to it since its end.
        run = _Run(record)
        for entry in dagster_runs.events_of(instance, record.dagster_run.run_id):
            run.tell(entry)
        runs.append(run.row())
        tasks += run.tasks()
    return runs, tasks, len(ids) - seen


def _store(
    database: Database,
    instance: DagsterInstance,
    due: Sequence[str],
    gone: Sequence[str],
    known: Mapping[str, datetime | None],
    deadline: float | None,
) -> Pulled:
    runs, tasks, left = _read(instance, due, known, deadline)
    changed = 0
    if runs or gone:
        ids = [row["run_id"] for row in runs]
        with database.transaction() as connection:
            for name in ("runs", "tasks"):
                connection.execute(
                    f'DELETE FROM main."{name}" WHERE run_id::VARCHAR IN (SELECT unnest(?))',  # noqa: S608
                    [list(gone)],
                )
            # A step that was to run and did not, a try that never was: what is told no more.
            connection.execute(
                "DELETE FROM main.tasks WHERE run_id::VARCHAR IN (SELECT unnest(?)) "
                "AND task_id::VARCHAR NOT IN (SELECT unnest(?))",
                [ids, [row["task_id"] for row in tasks]],
            )
            for contract, rows in ((RUNS, runs), (TASKS, tasks)):
                table = memory_table(rows, contract.schema)
                changed += write_rows(connection, contract, table).changed
    return Pulled(len(runs), changed, len(gone), left)


@dataclass
class _Attempt:
    """One try of a step, as its events tell it."""

    status: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: str | None = None
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)

    def end(self, status: str, at: datetime, error: str | None = None) -> None:
        self.status, self.ended_at, self.error = status, at, error


class _Run:
    """A run as its record and events tell it."""

    def __init__(self, record: RunRecord) -> None:
        self.record = record
        self.run = record.dagster_run
        self.status = STATUSES.get(self.run.status, "running")
        self.error: str | None = None
        self.assets: dict[str, list[str]] = {}
        self.steps: dict[str, list[_Attempt]] = {}
        self.checks: set[str] = set()

    def tell(self, entry: EventLogEntry) -> None:
        """Take in an event."""
        event = entry.dagster_event
        if event is None:
            return
        at = datetime.fromtimestamp(entry.timestamp, UTC)
        if event.event_type in {DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED}:
            self.error = _run_error(event)
        elif event.step_key is not None:
            self._tell_of_step(event, event.step_key, at)

    def _tell_of_step(self, event: DagsterEvent, step: str, at: datetime) -> None:
        attempts = self.steps.setdefault(step, [])
        match event.event_type:
            case DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
                assets = self.assets.setdefault(step, [])
                name = event.asset_key.to_user_string() if event.asset_key else ""
                assets += [name] if name not in assets else []
            case DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
                self.checks.add(step)
            case DagsterEventType.STEP_START | DagsterEventType.STEP_RESTARTED:
                attempts.append(_Attempt("processing", at))
            case DagsterEventType.STEP_SKIPPED:
                attempts.append(_Attempt("skipped", None, at))
            case _ if not attempts:
                pass  # An event of a step that never began.
            case DagsterEventType.STEP_SUCCESS:
                attempts[-1].end("completed", at)
            case DagsterEventType.STEP_FAILURE:
                attempts[-1].end("failed", at, _step_error(event.step_failure_data.error))
            case DagsterEventType.STEP_UP_FOR_RETRY:
                attempts[-1].end("failed", at, _step_error(event.step_retry_data.error))
            case DagsterEventType.ASSET_MATERIALIZATION:
                self._materialized(event, attempts[-1])

    @staticmethod
    def _materialized(event: DagsterEvent, attempt: _Attempt) -> None:
        materialization = event.step_materialization_data.materialization
        counts = {
            name: materialization.metadata[key].value
            for name, key in _COUNTS.items()
            if key in materialization.metadata
        }
        table = materialization.asset_key.to_user_string()
        told = attempt.tables.setdefault(table, {"table": table})
        told |= {name: int(str(value)) for name, value in counts.items()}
        if materialization.partition is not None:
            told.setdefault("partitions", []).append(materialization.partition)

    @property
    def partition(self) -> str | None:
        tags = self.run.tags
        if "dagster/partition" in tags:
            return tags["dagster/partition"]
        ends = [tags.get(f"dagster/asset_partition_range_{end}") for end in ("start", "end")]
        return "...".join(end for end in ends if end) or None

    def row(self) -> dict[str, Any]:
        """The run's row of `runs`."""
        record, run = self.record, self.run
        started, ended = _time(record.start_time), _time(record.end_time)
        assets = {asset for assets in self.assets.values() for asset in assets}
        assets |= {key.to_user_string() for key in run.asset_selection or ()}
        parent = run.parent_run_id or run.tags.get("dagster/parent_run_id")
        return {
            "run_id": run.run_id,
            "job_name": run.job_name,
            "status": self.status,
            "dagster_status": run.status.value,
            "config": _json(run.run_config),
            "tags": _json(run.tags),
            "partition": self.partition,
            "assets": sorted(assets),
            "parent_run_id": parent,
            "created_at": record.create_timestamp,
            "started_at": started,
            "ended_at": ended,
            "duration_seconds": _seconds(started, ended),
            "error": self.error,
        }

    def tasks(self) -> list[dict[str, Any]]:
        """The rows of `tasks` of its steps."""
        return [
            self._task(step, number, attempt)
            for step, attempts in self.steps.items()
            for number, attempt in enumerate(attempts or [self._waiting()], 1)
        ]

    def _waiting(self) -> _Attempt:
        """A step that never began: it waits, or the run ended without it."""
        return _Attempt("skipped" if self.status in FINAL else "pending")

    def _task(self, step: str, number: int, attempt: _Attempt) -> dict[str, Any]:
        if attempt.status == "processing" and self.status in FINAL:
            ended = _time(self.record.end_time)
            attempt.end("failed", ended or self.record.update_timestamp, f"run {self.status}")
        config: Any = self.run.run_config
        payload = config.get("ops", {}).get(step) if isinstance(config, Mapping) else None
        kind = "materialize" if step in self.assets else "check" if step in self.checks else "op"
        return {
            "task_id": str(make_id("task", self.run.run_id, step, number)),
            "run_id": self.run.run_id,
            "queue_id": self.run.tags.get(QUEUE_TAG),
            "step_key": step,
            "task_type": self.run.tags.get(TASK_TYPE_TAG, kind),
            "asset": next(iter(self.assets.get(step, [])), None),
            "partition": self.partition,
            "status": attempt.status,
            "attempt": number,
            "started_at": attempt.started_at,
            "ended_at": attempt.ended_at,
            "duration_seconds": _seconds(attempt.started_at, attempt.ended_at),
            "payload": None if payload is None else _json(payload),
            "result": _json({"tables": list(attempt.tables.values())}) if attempt.tables else None,
            "error": attempt.error,
        }


_COUNTS: Final = {
    "rows": "dagster/row_count",
    "partition_rows": "dagster/partition_row_count",
    "changed": "rows_changed",
}


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _time(timestamp: float | None) -> datetime | None:
    return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()


def _run_error(event: DagsterEvent) -> str | None:
    """What ended a run: the words of whoever reported it, or the step that failed first."""
    data = event.event_specific_data
    first = getattr(data, "first_step_failure_event", None)
    if first is not None:
        return f"step {first.step_key}: {_step_error(first.step_failure_data.error)}"
    error = getattr(data, "error", None)
    if error is not None:
        return str(error.message) if error.cls_name is None else _step_error(error)
    # Dagster's own words, such as that a worker has exited.
    return event.message if event.event_type is DagsterEventType.RUN_FAILURE else None


def _step_error(error: SerializableErrorInfo | None) -> str | None:
    """An error's type and place; never its message, which may hold what a chat says."""
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return None
    place = next((line for line in reversed(error.stack) if '", line ' in line), "")
    file, _, rest = place.strip().removeprefix('File "').partition('", line ')
    line = rest.split(",")[0].split("\n")[0]
    at = f" at {PurePath(file).name}:{line}" if file else ""
    return f"{error.cls_name}{at}"
