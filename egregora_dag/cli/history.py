"""`runs`: what ran, how it ended, and the tasks of a run."""

from datetime import datetime
from typing import Any, Final

import click

from egregora_dag.cli import existing_database, home_option
from egregora_dag.cli.printing import print_table
from egregora_dag.database import dagster_runs, mirror
from egregora_dag.exceptions import EgregoraError
from egregora_dag.instance import dagster_instance
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home

_RUNS: Final = """
SELECT run_id::VARCHAR, job_name, status, partition, created_at, duration_seconds, error
FROM runs ORDER BY created_at DESC, run_id LIMIT ?
"""
_MATCHING: Final = "SELECT run_id::VARCHAR FROM runs WHERE starts_with(run_id::VARCHAR, ?) LIMIT 2"
_TASKS: Final = """
SELECT step_key, task_type, attempt, status, started_at, duration_seconds, error
FROM tasks WHERE run_id::VARCHAR = ? ORDER BY started_at NULLS LAST, step_key, attempt
"""


@click.command()
@click.argument("run_id", required=False)
@home_option
@click.option("--limit", default=20, show_default=True, help="How many runs, at most.")
def runs(run_id: str | None, home: Home, limit: int) -> None:
    """Show the latest runs; with RUN_ID, or its beginning, the tasks of that run and their errors.

    Runs whose process is gone are reported as failed first.
    """
    warehouse = Warehouse(database=str(existing_database(home)))
    warehouse.prepare()
    with dagster_instance(home) as instance:
        dagster_runs.reap(instance)
        mirror.pull(warehouse, instance)
    if run_id is None:
        columns = ("run", "job", "status", "partition", "created", "seconds", "error")
        found = warehouse.execute_query(_RUNS, [max(limit, 0)])
        print_table(columns, [_shown(row) for row in found])
        return
    matching = warehouse.execute_query(_MATCHING, [run_id.lower()])
    if len(matching) != 1:
        many = "more than one run begins" if matching else "no run begins"
        raise EgregoraError(f"{many} with {run_id!r}. `egregora-dag runs` lists them.")
    [[id_]] = matching
    columns = ("step", "task", "try", "status", "started", "seconds", "error")
    print_table(columns, [_shown(row) for row in warehouse.execute_query(_TASKS, [id_])], title=id_)


def _shown(row: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(map(_text, row))


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, float):
        return f"{value:.1f}"
    return "" if value is None else str(value)
