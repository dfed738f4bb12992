"""Runs of the pipeline, and of any process that reports its own, in Dagster's storage."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self
from uuid import UUID

from dagster import DagsterInstance

from egregora_dag.database import dagster_runs, mirror
from egregora_dag.database.duckdb_manager import DuckDBStorageManager
from egregora_dag.database.exceptions import InvalidOperationError
from egregora_dag.database.init import initialize_database
from egregora_dag.database.mirror import Pulled
from egregora_dag.database.schemas import RUN_STATUSES, RUNS

_COLUMNS: Final = ", ".join(f'"{name}"' for name in RUNS.columns)
_SELECT: Final = f"SELECT {_COLUMNS} FROM main.runs"  # noqa: S608 - names of columns


@dataclass(frozen=True)
class Run:
    """A run, as the table `runs` has it.

    Attributes:
        run_id: Dagster's run id.
        job_name: The job.
        status: `queued`, `running`, `completed`, `failed` or `cancelled`.
        dagster_status: Dagster's own word for it.
        config: The run's config.
        tags: The run's tags.
        partition: Its partition, or range of partitions.
        assets: The assets it was to materialize.
        parent_run_id: The run it was started again from.
        created_at: When it was created, UTC.
        started_at: When it started.
        ended_at: When it ended.
        duration_seconds: Seconds between the two.
        error: Type and place of its error, or the words of whoever reported it.
    """

    run_id: UUID
    job_name: str
    status: str
    dagster_status: str
    config: Mapping[str, Any]
    tags: Mapping[str, str]
    partition: str | None
    assets: tuple[str, ...]
    parent_run_id: UUID | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    duration_seconds: float | None
    error: str | None


class RunStore:
    """Runs in Dagster's storage, and their mirror in the database.

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

    def create_run(
        self,
        run_id: UUID | str,
        config: Mapping[str, object],
        status: str = "running",
        *,
        job_name: str = "external",
        tags: Mapping[str, str] | None = None,
        parent_run_id: UUID | None = None,
    ) -> None:
        """Register a run of this process, so that it shows in Dagster's UI and in `runs`.

        When the process is gone before the run has ended, the run counts as failed.

        Args:
            run_id: A UUID of the caller's.
            config: What the run was told, anything that JSON can hold.
            status: How it stands, as for `update_run_status`; `queued` for one not yet started.
            job_name: What it does.
            tags: Further tags.
            parent_run_id: The run that it repeats.

        Raises:
            InvalidOperationError: The id is no UUID or is taken, or there is no such status.
        """
        id_ = _run_id(run_id)
        _check_status(id_, status)
        if self._instance.has_run(str(id_)):
            raise InvalidOperationError(
                str(id_), f"There is a run {id_} already. Use update_run_status, or another id."
            )
        dagster_runs.register_run(
            self._instance,
            id_,
            job_name=job_name,
            config=config,
            tags=tags or {},
            parent_run_id=parent_run_id,
        )
        if status != "queued":
            self._report(id_, "running")
        if status not in {"queued", "running"}:
            self._report(id_, status)
        self._mirror(id_)

    def update_run_status(self, run_id: UUID | str, status: str, error: str | None = None) -> None:
        """Say how a run stands.

        Args:
            run_id: The run.
            status: `running`, `completed`, `failed` or `cancelled`.
            error: What went wrong, in words that may be seen by whoever sees the run.

        Raises:
            InvalidOperationError: There is no such run or status, or a run that has begun was to
                be queued again.
        """
        id_ = _run_id(run_id)
        _check_status(id_, status)
        if status == "queued":
            raise InvalidOperationError(
                str(id_), "A run is queued by being created so. Use another status."
            )
        self._report(id_, status, error)
        self._mirror(id_)

    def _report(self, run_id: UUID, status: str, error: str | None = None) -> None:
        run = self._instance.get_run_by_id(str(run_id))
        if run is None:
            raise InvalidOperationError(
                str(run_id), f"There is no run {run_id}. Register it with create_run."
            )
        dagster_runs.report_status(self._instance, run, status, error)

    def _mirror(self, run_id: UUID) -> None:
        mirror.pull_runs(self._storage, self._instance, [str(run_id)])

    def get_run(self, run_id: UUID | str) -> Run | None:
        """A run, as Dagster has it now.

        Args:
            run_id: Its id.

        Returns:
            The run; None for an id that is unknown or no UUID.
        """
        try:
            id_ = _run_id(run_id)
        except InvalidOperationError:
            return None
        self._mirror(id_)
        rows = self._storage.execute_query(f"{_SELECT} WHERE run_id = ?", [id_])
        return _run(rows[0]) if rows else None

    def get_recent_runs(self, limit: int = 10) -> list[Run]:
        """The runs that were created last, the latest first.

        Args:
            limit: How many, at most.

        Returns:
            The runs.
        """
        return self._recent("TRUE", limit)

    def get_failed_runs(self, limit: int = 10) -> list[Run]:
        """The runs that failed, the latest first.

        Args:
            limit: How many, at most.

        Returns:
            The runs.
        """
        return self._recent("status = 'failed'", limit)

    def _recent(self, condition: str, limit: int) -> list[Run]:
        self.sync()
        rows = self._storage.execute_query(
            f"{_SELECT} WHERE {condition} ORDER BY created_at DESC, run_id LIMIT ?",
            [max(limit, 0)],
        )
        return [_run(row) for row in rows]

    def sync(self) -> Pulled:
        """Bring `runs` and `tasks` up to date with Dagster's storage.

        Runs of this machine whose process is gone are reported as failed first.

        Returns:
            How many runs were looked at, and how many rows changed.
        """
        dagster_runs.reap(self._instance)
        return mirror.pull(self._storage, self._instance)


def _run(row: tuple[Any, ...]) -> Run:
    values = dict(zip(RUNS.columns, row, strict=True))
    values |= {name: json.loads(values[name]) for name in ("config", "tags")}
    return Run(**{**values, "assets": tuple(values["assets"])})


def _run_id(run_id: UUID | str) -> UUID:
    try:
        return run_id if isinstance(run_id, UUID) else UUID(run_id)
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidOperationError(
            str(run_id), f"{run_id!r} is no run id. Use a UUID, such as uuid.uuid4()."
        ) from error


def _check_status(run_id: UUID, status: str) -> None:
    if status not in RUN_STATUSES:
        raise InvalidOperationError(
            str(run_id), f"{status!r} is no status of a run. Use one of {', '.join(RUN_STATUSES)}."
        )
