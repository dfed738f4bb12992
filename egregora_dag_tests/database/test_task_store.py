"""The queue of work asked for, and the tasks of Dagster's runs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from dagster import (
    DagsterInstance,
    MaterializeResult,
    RetryPolicy,
    asset,
    asset_check,
    materialize,
)

from egregora_dag.database.duckdb_manager import DuckDBStorageManager
from egregora_dag.database.exceptions import InvalidOperationError
from egregora_dag.database.run_store import RunStore
from egregora_dag.database.task_store import TaskStore


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[DuckDBStorageManager]:
    with DuckDBStorageManager(tmp_path / "pipeline.duckdb") as manager:
        yield manager


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def tasks(storage: DuckDBStorageManager, instance: DagsterInstance) -> TaskStore:
    return TaskStore(storage, instance)


def test_tasks_are_fetched_in_the_order_they_were_enqueued_and_stay_pending(
    tasks: TaskStore,
) -> None:
    first = tasks.enqueue("enrich_url", {"url": "https://a.example", "depth": 1})
    rest = tasks.enqueue_batch(
        [
            ("update_profile", {"author": "Ana"}),
            ("enrich_url", {"url": "https://b.example"}),
            ("write_window", {"window_id": str(uuid4())}),
            ("enrich_media", {"media_path": "IMG-1.jpg"}),
        ]
    )
    found = tasks.fetch_pending()
    assert [task.task_id for task in found] == [first, *rest]
    assert [task.subject for task in found[:2]] == ["https://a.example", "Ana"]
    assert found[0].payload == {"url": "https://a.example", "depth": 1}
    assert {(task.status, task.attempt, task.run_id) for task in found} == {("pending", 0, None)}
    assert [task.task_id for task in tasks.fetch_pending("enrich_url")] == [first, rest[1]]
    assert [task.task_id for task in tasks.fetch_pending(limit=2)] == [first, rest[0]]
    assert tasks.fetch_pending() == found


def test_what_was_done_is_no_longer_pending_and_keeps_its_error(tasks: TaskStore) -> None:
    done, broken, needless, waiting = tasks.enqueue_batch(
        [("update_profile", {"author": name}) for name in "abcd"]
    )
    tasks.mark_completed(done)
    tasks.mark_failed(broken, "TimeoutError")
    tasks.mark_superseded(needless, "a newer task")
    assert [task.task_id for task in tasks.fetch_pending()] == [waiting]
    states = [tasks.get_task(id_) for id_ in (done, broken, needless, waiting)]
    assert [(s.status, s.error, s.processed_at is None) for s in states if s] == [
        ("completed", None, False),
        ("failed", "TimeoutError", False),
        ("superseded", "a newer task", False),
        ("pending", None, True),
    ]


def test_what_has_ended_does_not_end_otherwise(tasks: TaskStore) -> None:
    task = tasks.enqueue("update_profile", {"author": "Ana"})
    tasks.mark_completed(task)
    tasks.mark_completed(task)
    with pytest.raises(InvalidOperationError, match="is completed already"):
        tasks.mark_failed(task, "late")
    for unknown in (uuid4(), "no uuid", "'; DELETE FROM task_queue; --"):
        assert tasks.get_task(unknown) is None
        with pytest.raises(InvalidOperationError, match="does not exist"):
            tasks.mark_completed(unknown)
    found = tasks.get_task(task)
    assert found is not None
    assert found.status == "completed"


@pytest.mark.parametrize(
    ("task_type", "payload", "problem"),
    [
        ("paint", {}, "'paint' is no type of task"),
        ("enrich_url", {}, "'url'"),
        ("update_profile", {"author": ""}, "'author'"),
    ],
)
def test_a_task_that_says_not_what_to_do_is_refused_with_all_of_its_batch(
    tasks: TaskStore, task_type: str, payload: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidOperationError, match=problem):
        tasks.enqueue_batch([("update_profile", {"author": "Ana"}), (task_type, payload)])
    assert tasks.fetch_pending() == []


@asset
def soil() -> MaterializeResult[None]:
    return MaterializeResult(metadata={"dagster/row_count": 7, "rows_changed": 3})


@asset(deps=[soil], retry_policy=RetryPolicy(max_retries=2))
def beans() -> None:
    raise RuntimeError("what somebody said in private")


@asset(deps=[beans])
def soup() -> None:
    """Never made."""


def run_of(instance: DagsterInstance, *assets: Any) -> str:
    return materialize(list(assets), instance=instance, raise_on_error=False).run_id


def test_the_tasks_of_a_run_are_its_steps_one_for_each_try(
    tasks: TaskStore, instance: DagsterInstance
) -> None:
    run_id = run_of(instance, soil, beans, soup)
    found = tasks.get_tasks(run_id)
    assert [(t.step_key, t.attempt, t.status, t.asset) for t in found] == [
        ("soil", 1, "completed", "soil"),
        ("beans", 1, "failed", "beans"),
        ("beans", 2, "failed", "beans"),
        ("beans", 3, "failed", "beans"),
        ("soup", 1, "skipped", "soup"),
    ]
    assert found[0].result == {"tables": [{"table": "soil", "rows": 7, "changed": 3}]}
    assert {t.task_type for t in found} == {"materialize"}
    for task in found[:4]:
        assert task.started_at
        assert task.ended_at
        assert task.duration_seconds == (task.ended_at - task.started_at).total_seconds()


def test_an_error_is_kept_by_type_and_place_never_by_what_it_says(
    tasks: TaskStore, storage: DuckDBStorageManager, instance: DagsterInstance
) -> None:
    run_of(instance, soil, beans)
    tasks.sync()
    errors = storage.execute_query("SELECT error FROM tasks WHERE error IS NOT NULL")
    assert len(errors) == 3
    for (error,) in errors:
        assert error.startswith("RuntimeError at test_task_store.py:")
    [(error,)] = storage.execute_query("SELECT error FROM runs")
    assert error.startswith("step beans: RuntimeError at test_task_store.py:")
    [(text,)] = storage.execute_query(
        "SELECT string_agg(r::VARCHAR || t::VARCHAR) FROM runs r, tasks t"
    )
    assert "private" not in text


def test_pulling_again_changes_nothing_and_pulling_from_nothing_gives_the_same_rows(
    tasks: TaskStore, storage: DuckDBStorageManager, instance: DagsterInstance
) -> None:
    for made in ((soil,), (soil, beans, soup), (soil, beans)):
        run_of(instance, *made)
        tasks.sync()
    RunStore(storage, instance).create_run(uuid4(), {"a": 1})
    assert tasks.sync().changed == 0
    content = ("FROM runs ORDER BY run_id", "FROM tasks ORDER BY task_id")
    before = [storage.execute_query(sql) for sql in content]
    storage.execute_sql("DELETE FROM runs")
    storage.execute_sql("DELETE FROM tasks")
    assert tasks.sync().runs == 4
    assert [storage.execute_query(sql) for sql in content] == before
    assert [len(rows) for rows in before] == [4, 10]


def test_the_tasks_of_a_check_say_so_and_a_runs_config_is_the_payload(
    tasks: TaskStore, instance: DagsterInstance
) -> None:
    @asset(config_schema={"depth": int})
    def bed() -> None:
        """Dug."""

    @asset_check(asset=bed)
    def dug() -> Any:
        raise AssertionError

    config = {"ops": {"bed": {"config": {"depth": 2}}}}
    run = materialize([bed, dug], instance=instance, raise_on_error=False, run_config=config)
    by_step = {task.step_key: task for task in tasks.get_tasks(run.run_id)}
    assert by_step["bed"].payload == {"config": {"depth": 2}}
    assert {by_step[step].task_type for step in by_step if step != "bed"} == {"check"}
    assert json.dumps(by_step["bed"].payload)


def test_tasks_of_a_run_that_is_unknown_are_none(tasks: TaskStore) -> None:
    for run_id in (uuid4(), "", "'; DROP TABLE tasks; --"):
        assert tasks.get_tasks(run_id) == []
