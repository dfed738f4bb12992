"""The table `task_queue` worked off: pending tasks become runs, and their states follow the runs.

What is pending is the table's to say; what became of it, Dagster's. A task's run has the run key
`task_id:attempt`, under which Dagster launches one run and no second, so asking again after a crash
is harmless, and a task is only marked once its run is there to be seen.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from duckdb import DuckDBPyConnection

from egregora_dag.database.mirror import ATTEMPT_TAG, QUEUE_TAG, Database

SUPERSEDED: Final = "a newer task for the same subject"

# The newest run of each task, as the mirror has it; a task that waits to be tried again is not
# settled by the run of the try before.
_FOLLOW: Final = """
UPDATE main.task_queue SET
  status = if(run.status IN ('queued', 'running'), 'processing',
    if(run.status = 'completed', 'completed', 'failed')),
  run_id = run.run_id,
  attempt = run.attempt,
  error = if(run.status IN ('failed', 'cancelled'), coalesce(run.error, run.status), NULL),
  processed_at = run.ended_at
FROM (
  SELECT run_id, status, error, ended_at, tags->>$queue AS queue_id,
    (tags->>$attempt)::BIGINT AS attempt
  FROM main.runs WHERE tags->>$queue IS NOT NULL
  QUALIFY row_number() OVER (PARTITION BY queue_id ORDER BY created_at DESC, run_id) = 1
) run
WHERE task_id::VARCHAR = run.queue_id AND task_queue.status <> 'superseded'
  AND if(task_queue.status = 'pending',
    run.attempt > task_queue.attempt, run.attempt >= task_queue.attempt)
  AND (task_queue.run_id IS DISTINCT FROM run.run_id
    OR task_queue.processed_at IS DISTINCT FROM run.ended_at)
"""
_LOST: Final = """
UPDATE main.task_queue SET status = 'failed', error = 'its run was deleted', processed_at = now()
WHERE status = 'processing' AND run_id NOT IN (SELECT run_id FROM main.runs)
"""
_SUPERSEDE: Final = """
UPDATE main.task_queue SET status = 'superseded', error = $reason, processed_at = now()
FROM (
  SELECT task_id AS old FROM main.task_queue WHERE status = 'pending'
  QUALIFY row_number() OVER (
    PARTITION BY task_type, subject, payload->>'thread_id' ORDER BY created_at DESC, rowid DESC) > 1
) older
WHERE task_id = older.old
"""
_PENDING: Final = """
SELECT task_id, task_type, subject, payload, attempt FROM main.task_queue
WHERE status = 'pending' ORDER BY created_at, rowid LIMIT ?
"""
_NAMED: Final = "SELECT thread_id FROM main.threads WHERE thread_id = ?"
# The chat that a task is about, when it does not say: that of the window; the one in which the
# author wrote most; the one in which the link or file was posted first.
_THREADS: Final[Mapping[str, str]] = {
    "write_window": "SELECT thread_id FROM main.windows WHERE window_id::VARCHAR = ?",
    "update_profile": "SELECT thread_id FROM main.messages WHERE author = ? "
    "GROUP BY thread_id ORDER BY count(*) DESC, thread_id LIMIT 1",
    "enrich_url": "SELECT thread_id FROM main.messages WHERE list_contains(metadata.urls, ?) "
    "ORDER BY timestamp, thread_id LIMIT 1",
    "enrich_media": "SELECT thread_id FROM main.messages WHERE media_path = ? "
    "ORDER BY timestamp, thread_id LIMIT 1",
}


@dataclass(frozen=True)
class Request:
    """A run that a pending task asks for.

    Attributes:
        task_id: The task.
        task_type: What to do.
        subject: What to do it to.
        thread_id: The chat it is about.
        attempt: Which try it is, from 1.
    """

    task_id: UUID
    task_type: str
    subject: str
    thread_id: str
    attempt: int

    @property
    def run_key(self) -> str:
        """The name under which Dagster launches one run and no second."""
        return f"{self.task_id}:{self.attempt}"


def settle(database: Database) -> None:
    """Bring the tasks' states up to date with the mirror of their runs.

    Pending tasks that newer ones make needless are superseded.

    Args:
        database: The database.
    """
    paths = {"queue": f'$."{QUEUE_TAG}"', "attempt": f'$."{ATTEMPT_TAG}"'}
    with database.transaction() as connection:
        connection.execute(_FOLLOW, paths)
        connection.execute(_LOST)
        connection.execute(_SUPERSEDE, {"reason": SUPERSEDED})


def requests(database: Database, limit: int) -> Iterator[Request]:
    """The runs that pending tasks ask for, the oldest first.

    A task about nothing that there is fails here, without a run.

    Args:
        database: The database.
        limit: How many tasks are looked at.

    Yields:
        A request for each task.
    """
    for task_id, task_type, subject, payload, attempt in database.execute_query(_PENDING, [limit]):
        thread = _thread(database, task_type, subject, json.loads(payload).get("thread_id"))
        if thread is None:
            with database.transaction() as connection:
                _fail(connection, task_id, f"{task_type}: there is no such subject in any chat")
            continue
        yield Request(task_id, task_type, subject, thread, attempt + 1)


def _thread(database: Database, task_type: str, subject: str, named: str | None) -> str | None:
    known, value = (_THREADS[task_type], subject) if named is None else (_NAMED, named)
    rows = database.execute_query(known, [value])
    return str(rows[0][0]) if rows else None


def _fail(connection: DuckDBPyConnection, task_id: UUID, error: str) -> None:
    connection.execute(
        "UPDATE main.task_queue SET status = 'failed', error = ?, attempt = attempt + 1, "
        "processed_at = now() WHERE task_id = ?",
        [error, task_id],
    )
