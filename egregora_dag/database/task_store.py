"""Work asked for, in the table `task_queue`, and the tasks of runs, in the table `tasks`."""

import json
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self
from uuid import UUID

from dagster import DagsterInstance
from duckdb import DuckDBPyConnection

from egregora_dag.database import dagster_runs, mirror
from egregora_dag.database.contracts import Contract
from egregora_dag.database.duckdb_manager import DuckDBStorageManager
from egregora_dag.database.exceptions import InvalidOperationError
from egregora_dag.database.init import initialize_database
from egregora_dag.database.mirror import Pulled
from egregora_dag.database.schemas import TASK_QUEUE, TASK_TYPES, TASKS

# Task type → the field of its payload that says what it is done to.
SUBJECTS: Final[Mapping[str, str]] = {
    "enrich_url": "url",
    "enrich_media": "media_path",
    "update_profile": "author",
    "write_window": "window_id",
}


def _select(contract: Contract) -> str:
    columns = ", ".join(f'"{name}"' for name in contract.columns)
    return f'SELECT {columns} FROM main."{contract.name}"'  # noqa: S608 - the contract's names


_QUEUED: Final = _select(TASK_QUEUE)
_TASK: Final = _select(TASKS)


@dataclass(frozen=True)
class QueuedTask:
    """Work asked for.

    Attributes:
        task_id: Its id.
        task_type: One of `schemas.TASK_TYPES`.
        subject: What it is done to.
        payload: Details.
        status: `pending`, `processing`, `completed`, `failed` or `superseded`.
        attempt: Tries so far.
        run_id: The run that works on it.
        error: What went wrong.
        created_at: When it was asked for, UTC.
        processed_at: When it was done.
    """

    task_id: UUID
    task_type: str
    subject: str
    payload: Mapping[str, Any]
    status: str
    attempt: int
    run_id: UUID | None
    error: str | None
    created_at: datetime
    processed_at: datetime | None


@dataclass(frozen=True)
class Task:
    """One try of a step of a run, as the table `tasks` has it.

    Attributes:
        task_id: Made from run, step and attempt.
        run_id: The run.
        queue_id: The queued task it works off.
        step_key: Dagster's step key.
        task_type: What it does.
        asset: The asset it materializes.
        partition: The partition.
        status: How it stands.
        attempt: Which try it is, from 1.
        started_at: When it started, UTC.
        ended_at: When it ended.
        duration_seconds: Seconds between the two.
        payload: What it was asked to do.
        result: Rows and tables it wrote.
        error: Type and place of its error.
    """

    task_id: UUID
    run_id: UUID
    queue_id: UUID | None
    step_key: str
    task_type: str
    asset: str | None
    partition: str | None
    status: str
    attempt: int
    started_at: datetime | None
    ended_at: datetime | None
    duration_seconds: float | None
    payload: Any
    result: Any
    error: str | None


class TaskStore:
    """The queue of work asked for, first in, first out; and the tasks of runs.

    Args:
        storage: The storage manager of the database.
        instance: Dagster's instance; if None, that of `DAGSTER_HOME`, else that in the folder
            `dagster` beside the database.

    Raises:
        DatabaseVersionError: The database's tables are of another version.
    """

    def __init__(
        self, storage: DuckDBStorageManager, instance: DagsterInstance | None = None
    ) -> None:
        initialize_database(storage)
        self._storage = storage
        self._resources = ExitStack()
        self._instance = self._resources.enter_context(
            dagster_runs.instance_for(storage.db_path, instance)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of Dagster's instance, if the store opened it."""
        self._resources.close()

    def enqueue(self, task_type: str, payload: Mapping[str, object]) -> UUID:
        """Ask for work.

        Args:
            task_type: `enrich_url` (payload: url), `enrich_media` (media_path), `update_profile`
                (author) or `write_window` (window_id).
            payload: What to do it to, and further details, anything that JSON can hold.

        Returns:
            The task's id.

        Raises:
            InvalidOperationError: There is no such type, or the payload does not say what to do it
                to.
        """
        return self.enqueue_batch([(task_type, payload)])[0]

    def enqueue_batch(self, tasks: Sequence[tuple[str, Mapping[str, object]]]) -> list[UUID]:
        """Ask for several things, all or none.

        Args:
            tasks: Type and payload of each, as for `enqueue`.

        Returns:
            The tasks' ids, in the same order.

        Raises:
            InvalidOperationError: One of them is not as `enqueue` takes it; none is stored.
        """
        now = datetime.now(UTC)
        rows = [
            [uuid.uuid4(), type_, _subject(type_, payload), json.dumps(payload), now]
            for type_, payload in tasks
        ]
        with self._storage.transaction() as connection:
            for row in rows:
                connection.execute(
                    "INSERT INTO main.task_queue (task_id, task_type, subject, payload, "
                    "created_at, status, attempt) VALUES (?, ?, ?, ?, ?, 'pending', 0)",
                    row,
                )
        return [row[0] for row in rows]  # type: ignore[misc]  # the first is the id

    def fetch_pending(self, task_type: str | None = None, limit: int = 100) -> list[QueuedTask]:
        """Tasks that wait, the oldest first; they stay as they are.

        Args:
            task_type: Only those of this type.
            limit: How many, at most.

        Returns:
            The tasks.
        """
        rows = self._storage.execute_query(
            # In the order of their arrival, also those of one moment.
            f"{_QUEUED} WHERE status = 'pending' "
            "AND ($type IS NULL OR task_type = $type) ORDER BY created_at, rowid LIMIT $limit",
            {"type": task_type, "limit": max(limit, 0)},
        )
        return [_queued(row) for row in rows]

    def mark_completed(self, task_id: UUID | str) -> None:
        """Say that a task is done.

        Args:
            task_id: The task.

        Raises:
            InvalidOperationError: There is no such task, or it ended otherwise.
        """
        self._mark(task_id, "completed", None)

    def mark_failed(self, task_id: UUID | str, error: str) -> None:
        """Say that a task could not be done.

        Args:
            task_id: The task.
            error: Why, without what a chat says.

        Raises:
            InvalidOperationError: There is no such task, or it ended otherwise.
        """
        self._mark(task_id, "failed", error)

    def mark_superseded(self, task_id: UUID | str, reason: str) -> None:
        """Say that a task need not be done, as another makes it needless.

        Args:
            task_id: The task.
            reason: Why, without what a chat says.

        Raises:
            InvalidOperationError: There is no such task, or it ended otherwise.
        """
        self._mark(task_id, "superseded", reason)

    def retry(self, task_id: UUID | str) -> None:
        """Ask for a task that failed to be tried again.

        Args:
            task_id: The task.

        Raises:
            InvalidOperationError: There is no such task, or it did not fail.
        """
        with self._storage.transaction() as connection:
            found = _status(connection, task_id)
            if found != "failed":
                told = f"is {found}" if found else "does not exist"
                raise InvalidOperationError(
                    str(task_id), f"Task {task_id} {told}. Only one that failed is tried again."
                )
            connection.execute(
                "UPDATE main.task_queue SET status = 'pending', processed_at = NULL "
                "WHERE task_id::VARCHAR = ?",
                [str(task_id)],
            )

    def _mark(self, task_id: UUID | str, status: str, error: str | None) -> None:
        with self._storage.transaction() as connection:
            found = _status(connection, task_id)
            if found not in {"pending", "processing", status}:
                told = f"is {found} already" if found else "does not exist"
                raise InvalidOperationError(
                    str(task_id), f"Task {task_id} {told}. Enqueue the work anew."
                )
            connection.execute(
                "UPDATE main.task_queue SET status = ?, error = ?, processed_at = ? "
                "WHERE task_id::VARCHAR = ?",
                [status, error, datetime.now(UTC), str(task_id)],
            )

    def get_task(self, task_id: UUID | str) -> QueuedTask | None:
        """A task of the queue.

        Args:
            task_id: Its id.

        Returns:
            The task; None for an id that is unknown or no UUID.
        """
        rows = self._storage.execute_query(f"{_QUEUED} WHERE task_id::VARCHAR = ?", [str(task_id)])
        return _queued(rows[0]) if rows else None

    def get_tasks(self, run_id: UUID | str) -> list[Task]:
        """The tasks of a run, as Dagster has them now, in the order they began.

        Args:
            run_id: The run.

        Returns:
            Its tasks; none for an id that is unknown or no UUID.
        """
        mirror.pull_runs(self._storage, self._instance, [str(run_id)])
        rows = self._storage.execute_query(
            f"{_TASK} WHERE run_id::VARCHAR = ? ORDER BY started_at NULLS LAST, step_key, attempt",
            [str(run_id)],
        )
        return [_task(row) for row in rows]

    def sync(self) -> Pulled:
        """Bring `runs` and `tasks` up to date with Dagster's storage.

        Returns:
            How many runs were looked at, and how many rows changed.
        """
        return mirror.pull(self._storage, self._instance)


def _subject(task_type: str, payload: Mapping[str, object]) -> str:
    if task_type not in SUBJECTS:
        raise InvalidOperationError(
            task_type, f"{task_type!r} is no type of task. Use one of {', '.join(TASK_TYPES)}."
        )
    field = SUBJECTS[task_type]
    if not payload.get(field):
        raise InvalidOperationError(
            task_type, f"The payload of {task_type} must say what to do it to, in {field!r}."
        )
    return str(payload[field])


def _status(connection: DuckDBPyConnection, task_id: UUID | str) -> str | None:
    found = connection.execute(
        "SELECT status FROM main.task_queue WHERE task_id::VARCHAR = ?", [str(task_id)]
    ).fetchone()
    return None if found is None else str(found[0])


def _queued(row: tuple[Any, ...]) -> QueuedTask:
    values = dict(zip(TASK_QUEUE.columns, row, strict=True))
    return QueuedTask(**{**values, "payload": json.loads(values["payload"])})


def _task(row: tuple[Any, ...]) -> Task:
    values = dict(zip(TASKS.columns, row, strict=True))
    decoded = {
        name: None if values[name] is None else json.loads(values[name])
        for name in ("payload", "result")
    }
    return Task(**{**values, **decoded})
