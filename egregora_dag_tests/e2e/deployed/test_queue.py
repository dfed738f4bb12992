"""Work asked for in the queue: each task becomes one run, and its state follows the run."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from egregora_dag.database.dagster_runs import GONE
from egregora_dag.database.duckdb_manager import DuckDBStorageManager
from egregora_dag.database.task_store import TaskStore
from egregora_dag.instance import dagster_instance
from egregora_dag_tests.e2e import chats
from egregora_dag_tests.e2e.deployed.conftest import WHATSAPP
from egregora_dag_tests.e2e.deployed.test_mirror import MARKED, held, started
from egregora_dag_tests.e2e.deployment import Deployment, environment

# A deployment of its own takes minutes; `test_task_queue` says the same of each part in seconds.
pytestmark = pytest.mark.torture

URL = "https://tides.example/slipway"
GUESTS = "guest-book"


@contextmanager
def queue_of(deployment: Deployment) -> Iterator[TaskStore]:
    with (
        dagster_instance(deployment.home, share=False) as instance,
        DuckDBStorageManager(deployment.home.database) as storage,
    ):
        yield TaskStore(storage, instance)


def enqueued(deployment: Deployment, *tasks: tuple[str, dict[str, Any]]) -> list[UUID]:
    with queue_of(deployment) as queue:
        return queue.enqueue_batch(tasks)


def states(deployment: Deployment, ids: list[UUID]) -> list[tuple[Any, ...]]:
    """Status, tries and error of tasks, in the order given."""
    rows = deployment.rows("SELECT task_id, status, attempt, error FROM task_queue")
    found = {row[0]: row[1:] for row in rows}
    return [found[id_] for id_ in ids]


def settled(deployment: Deployment, ids: list[UUID], **options: float) -> list[tuple[Any, ...]]:
    """The states of tasks once none of them waits or is worked on."""
    deployment.wait_for(
        lambda: not {"pending", "processing"} & {state[0] for state in states(deployment, ids)},
        "the tasks to end",
        **options,
    )
    return states(deployment, ids)


def runs_of(deployment: Deployment, id_: UUID) -> list[Any]:
    return deployment.runs(tags={"egregora/queue_id": str(id_)})


def written(deployment: Deployment, where: str) -> Any:
    return deployment.rows(f"SELECT max(created_at) FROM generations WHERE {where}")[0][0]


@pytest.fixture
def posted(ranked: Deployment) -> Deployment:
    """The deployment with a link and a file in two messages."""
    ranked.settle()
    ranked.tamper(
        "UPDATE messages SET media_path = 'gauge.jpg', media_type = 'image', "
        f"metadata = struct_update(metadata, urls := ['{URL}']) "
        f"WHERE thread_id = '{WHATSAPP}' AND position IN (3, 7)"
    )
    return ranked


def test_each_type_of_task_is_done_by_one_run(posted: Deployment) -> None:
    [(window,)] = posted.rows(
        "SELECT window_id::VARCHAR FROM windows ORDER BY start_time DESC, window_id LIMIT 1"
    )
    about = [f"window_id = '{window}'", f"subject = 'Oona' AND thread_id = '{WHATSAPP}'"]
    before = [written(posted, where) for where in about]
    ids = enqueued(
        posted,
        ("write_window", {"window_id": window}),
        ("update_profile", {"author": "Oona", "thread_id": WHATSAPP}),
        ("enrich_url", {"url": URL}),
        ("enrich_media", {"media_path": "gauge.jpg"}),
    )
    assert settled(posted, ids) == [("completed", 1, None)] * 4
    for id_ in ids:
        [run] = runs_of(posted, id_)
        assert (run["status"], run["jobName"]) == ("SUCCESS", "work_off_task")
    after = [written(posted, where) for where in about]
    assert all(new > old for new, old in zip(after, before, strict=True))
    assert posted.rows(
        "SELECT doc_type, title, subject, status FROM documents "
        "WHERE doc_type IN ('enrichment', 'media') ORDER BY 1"
    ) == [
        ("enrichment", "tides.example/slipway", URL, "published"),
        ("media", "gauge.jpg", "gauge.jpg", "published"),
    ]
    # The run's steps say which task they were for, and the task which run.
    assert posted.rows(
        "SELECT tasks.task_type, count(*) FROM tasks "
        "JOIN task_queue ON queue_id = task_queue.task_id AND tasks.run_id = task_queue.run_id "
        "WHERE step_key = 'documents' GROUP BY ALL ORDER BY ALL"
    ) == [("enrich_media", 1), ("enrich_url", 1), ("update_profile", 1), ("write_window", 1)]


@pytest.mark.parametrize(
    "payload", [{"author": "Nobody"}, {"author": "Ines", "thread_id": "no-such-chat"}]
)
def test_a_task_about_nothing_that_there_is_fails_without_a_run(
    ranked: Deployment, payload: dict[str, Any]
) -> None:
    ids = enqueued(ranked, ("update_profile", payload))
    [(status, attempt, error)] = settled(ranked, ids)
    assert (status, attempt) == ("failed", 1)
    assert "there is no such subject" in error
    assert runs_of(ranked, ids[0]) == []


def test_a_task_whose_run_is_killed_fails_and_is_tried_again_by_a_run_of_its_own(
    ranked: Deployment,
) -> None:
    ranked.settle()
    [task] = enqueued(ranked, ("update_profile", {"author": "Ines", "thread_id": WHATSAPP}))
    ranked.wait_for(lambda: runs_of(ranked, task), "the task's run")
    with held(ranked):
        [run] = runs_of(ranked, task)
        os.kill(started(ranked, run["runId"]), signal.SIGKILL)
    [(status, attempt, error)] = settled(ranked, [task])
    assert (status, attempt) == ("failed", 1)
    assert error in {GONE, MARKED}
    with queue_of(ranked) as queue:
        queue.retry(task)
    assert settled(ranked, [task]) == [("completed", 2, None)]
    assert [run["status"] for run in runs_of(ranked, task)] == ["SUCCESS", "FAILURE"]


def test_a_newer_task_for_the_same_subject_supersedes_those_that_wait(ranked: Deployment) -> None:
    ranked.settle()
    ranked.stop_daemon()
    ids = enqueued(ranked, *[("update_profile", {"author": "Bram", "n": n}) for n in range(3)])
    ranked.start_daemon()
    ended = [status for status, *_ in settled(ranked, ids)]
    assert ended == ["superseded", "superseded", "completed"]
    assert [len(runs_of(ranked, id_)) for id_ in ids] == [0, 0, 1]


ENQUEUE = """
import sys
from pathlib import Path
from egregora_dag.database.dagster_runs import GONE
from egregora_dag.database.duckdb_manager import DuckDBStorageManager
from egregora_dag.database.task_store import TaskStore
for name in sys.argv[3:]:
    with DuckDBStorageManager(Path(sys.argv[1])) as storage, TaskStore(storage) as tasks:
        tasks.enqueue("update_profile", {"author": name, "thread_id": sys.argv[2]})
"""


@pytest.mark.timeout(5400)
@pytest.mark.parametrize("each", [2, 50])
def test_tasks_enqueued_by_four_processes_while_the_daemon_works_are_done_once_each(
    ranked: Deployment, tmp_path: Path, each: int
) -> None:
    people = [f"guest{each}-{number}" for number in range(4 * each)]
    channel = f"{GUESTS}-{each}"
    (ranked.home.inbox / f"{channel}.2025-06-06.txt").write_bytes(
        chats.crowd(tmp_path, channel, people).read_bytes()
    )
    ranked.check_imported(channel)
    before = {id_ for (id_,) in ranked.rows("SELECT task_id FROM task_queue")}
    profiles = f"thread_id = '{channel}' AND doc_type = 'profile'"
    first = ranked.rows(f"SELECT max(created_at) FROM generations WHERE {profiles}")[0][0]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", ENQUEUE, str(ranked.home.database), channel, *people[n::4]],
            env=environment(ranked.home),
        )
        for n in range(4)
    ]
    assert [worker.wait() for worker in workers] == [0] * 4
    ids = [id_ for (id_,) in ranked.rows("SELECT task_id FROM task_queue") if id_ not in before]
    assert len(ids) == len(people)
    ended = settled(ranked, ids, within=120 + 20 * len(people))
    assert Counter(ended) == {("completed", 1, None): len(people)}
    assert [len(runs_of(ranked, id_)) for id_ in ids] == [1] * len(people)
    # Every profile was written again, and none is there twice.
    again = ranked.rows(f"SELECT subject, created_at FROM generations WHERE {profiles}")
    assert Counter(name for name, _ in again) == dict.fromkeys(people, 1)
    assert min(time for _, time in again) > first
