"""Pending tasks ask for runs; their states follow the runs that the mirror shows."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from egregora_dag import task_queue
from egregora_dag.database.mirror import ATTEMPT_TAG, QUEUE_TAG
from egregora_dag.database.schemas import MESSAGES, RUNS, TASK_QUEUE
from egregora_dag.resources import Warehouse
from egregora_dag_tests.conftest import add_thread, at, execute, insert, message_rows, query

NOW = datetime(2025, 3, 1, tzinfo=UTC)


@pytest.fixture
def chats(warehouse: Warehouse) -> Warehouse:
    """Two chats; Bo writes more in the second, a link and a file stand in the first."""
    for thread, authors in (("one", ["Ada", "Bo", None]), ("two", ["Bo", "Bo", "Cy"])):
        add_thread(warehouse, thread)
        rows = message_rows(thread, [(at("2025-03-01T10:00"), who, "") for who in authors])
        rows[0]["metadata"]["urls"] = ["https://tides.example"] if thread == "one" else []
        if thread == "one":
            rows[1] |= {"media_path": "map.pdf", "media_type": "document", "kind": "media"}
        insert(warehouse.path, MESSAGES, *rows)
    return warehouse


def task(
    warehouse: Warehouse,
    task_type: str = "update_profile",
    subject: str = "Bo",
    *,
    payload: str = "{}",
    after: int = 0,
    **columns: Any,
) -> UUID:
    """A task that was asked for some seconds later."""
    id_ = uuid4()
    row = {
        "task_id": str(id_),
        "task_type": task_type,
        "subject": subject,
        "payload": payload,
        "status": "pending",
        "attempt": 0,
        "created_at": NOW + timedelta(seconds=after),
    }
    insert(warehouse.path, TASK_QUEUE, row | columns)
    return id_


def run(
    warehouse: Warehouse, task_id: UUID, status: str, *, attempt: int = 1, after: int = 0
) -> str:
    """A run of a task, as the mirror shows it."""
    id_ = str(uuid4())
    ended = None if status in {"queued", "running"} else NOW + timedelta(seconds=after + 1)
    insert(
        warehouse.path,
        RUNS,
        {
            "run_id": id_,
            "job_name": "work_off_task",
            "status": status,
            "dagster_status": status.upper(),
            "config": "{}",
            "tags": f'{{"{QUEUE_TAG}": "{task_id}", "{ATTEMPT_TAG}": "{attempt}"}}',
            "assets": [],
            "created_at": NOW + timedelta(seconds=after),
            "ended_at": ended,
            "error": "ValueError at x.py:1" if status == "failed" else None,
        },
    )
    return id_


def states(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    task_queue.settle(warehouse)
    return query(
        warehouse.path,
        "SELECT status, attempt, error FROM task_queue ORDER BY created_at, rowid",
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("queued", ("processing", 1, None)),
        ("running", ("processing", 1, None)),
        ("completed", ("completed", 1, None)),
        ("failed", ("failed", 1, "ValueError at x.py:1")),
        ("cancelled", ("failed", 1, "cancelled")),
    ],
)
def test_a_tasks_state_follows_its_run(
    chats: Warehouse, status: str, expected: tuple[Any, ...]
) -> None:
    run(chats, task(chats), status)
    assert states(chats) == [expected]
    assert states(chats) == [expected]
    asked = list(task_queue.requests(chats, 10))
    assert asked == []


def test_a_task_that_no_run_is_seen_of_is_asked_for_again_under_the_same_key(
    chats: Warehouse,
) -> None:
    id_ = task(chats)
    keys = {next(task_queue.requests(chats, 10)).run_key for _ in range(3)}
    assert keys == {f"{id_}:1"}
    assert states(chats) == [("pending", 0, None)]


def test_a_task_to_be_tried_again_is_not_settled_by_the_try_before(chats: Warehouse) -> None:
    id_ = task(chats)
    run(chats, id_, "failed")
    states(chats)
    execute(chats.path, "UPDATE task_queue SET status = 'pending', processed_at = NULL")
    assert states(chats) == [("pending", 1, "ValueError at x.py:1")]
    assert [request.run_key for request in task_queue.requests(chats, 10)] == [f"{id_}:2"]
    run(chats, id_, "completed", attempt=2, after=9)
    assert states(chats) == [("completed", 2, None)]


def test_of_several_runs_of_a_task_the_newest_counts(chats: Warehouse) -> None:
    id_ = task(chats)
    run(chats, id_, "failed")
    run(chats, id_, "running", after=5)
    assert states(chats) == [("processing", 1, None)]


def test_a_task_whose_run_was_deleted_has_failed(chats: Warehouse) -> None:
    run_id = run(chats, task(chats), "running")
    states(chats)
    execute(chats.path, f"DELETE FROM runs WHERE run_id = '{run_id}'")
    assert states(chats) == [("failed", 1, "its run was deleted")]


def test_only_the_newest_of_the_tasks_that_wait_for_one_subject_stays(chats: Warehouse) -> None:
    task(chats, after=0)
    task(chats, after=2)
    task(chats, subject="Ada", after=3)
    task(chats, "enrich_url", after=4)
    task(chats, payload='{"thread_id": "one"}', after=5)
    worked_on = task(chats, after=1)
    run(chats, worked_on, "running")
    assert [status for status, *_ in states(chats)] == [
        "superseded",
        "processing",
        "pending",
        "pending",
        "pending",
        "pending",
    ]
    # A superseded task stays so, whatever runs there are.
    assert states(chats)[0] == ("superseded", 0, task_queue.SUPERSEDED)


def test_a_task_goes_to_the_chat_that_it_is_about(chats: Warehouse) -> None:
    task(chats, after=0)
    task(chats, "enrich_url", "https://tides.example", after=1)
    task(chats, "enrich_media", "map.pdf", after=2)
    task(chats, subject="Ada", payload='{"thread_id": "two"}', after=3)
    asked = list(task_queue.requests(chats, 10))
    assert [request.thread_id for request in asked] == ["two", "one", "one", "two"]
    assert [request.attempt for request in asked] == [1] * 4
    assert len(list(task_queue.requests(chats, 2))) == 2


@pytest.mark.parametrize(
    ("task_type", "subject", "payload"),
    [
        ("update_profile", "'; DROP TABLE messages; --", "{}"),
        ("enrich_url", "https://nobody.example", "{}"),
        ("enrich_media", "none.jpg", "{}"),
        ("write_window", "no uuid", "{}"),
        ("update_profile", "Bo", '{"thread_id": "three"}'),
    ],
)
def test_a_task_about_nothing_that_there_is_fails_and_is_not_in_the_way_of_others(
    chats: Warehouse, task_type: str, subject: str, payload: str
) -> None:
    task(chats, task_type, subject, payload=payload)
    task(chats, subject="Cy", after=1)
    assert [request.subject for request in task_queue.requests(chats, 10)] == ["Cy"]
    [first, second] = states(chats)
    assert first == ("failed", 1, f"{task_type}: there is no such subject in any chat")
    assert second == ("pending", 0, None)
