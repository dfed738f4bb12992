"""The daily schedules of a computer that slept."""

import logging
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time
from dagster._core.workspace.load_target import ModuleTarget
from dagster._scheduler.scheduler import ScheduleIterationTimes, launch_scheduled_runs

from egregora_dag.database.migrations import ensure_schema
from egregora_dag.instance import dagster_instance, environment_of
from egregora_dag.settings import Home

PIPELINE = ModuleTarget("egregora_dag.definitions", None, None, "egregora_dag")
EVENING = datetime(2025, 3, 1, 20, tzinfo=UTC)


def test_a_computer_that_slept_for_days_does_the_daily_work_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    home.create()
    ensure_schema(home.database)
    for name, value in environment_of(home).items():
        monkeypatch.setenv(name, value)
    known: dict[str, ScheduleIterationTimes] = {}
    # In the morning after, it wakes for a minute; then it sleeps for five days.
    slept = (0, 12, 12.1, 5 * 24, 5 * 24 + 0.1)
    runs: list[Counter[str]] = []
    with (
        dagster_instance(home) as instance,
        create_test_daemon_workspace_context(PIPELINE, instance) as workspace,
    ):
        for hours in slept:
            now = EVENING + timedelta(hours=hours)
            with freeze_time(now):
                list(launch_scheduled_runs(workspace, logging.getLogger(), now, known))
            names = (run.tags.get("dagster/schedule_name", "") for run in instance.get_runs())
            runs.append(Counter(names))
    once, twice = ({"daily_ranking": number, "daily_site": number} for number in (1, 2))
    assert runs == [{}, once, once, twice, twice]
