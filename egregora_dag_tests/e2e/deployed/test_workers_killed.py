"""A run that the daemon launched is killed, or the daemon too; it comes again by itself."""

import os
import random
import signal
import time
from functools import partial
from typing import Any, Final

import pytest

from egregora_dag_tests import crashing
from egregora_dag_tests.conftest import query
from egregora_dag_tests.crashing import Kills
from egregora_dag_tests.e2e import chats
from egregora_dag_tests.e2e.deployed.test_mirror import started
from egregora_dag_tests.e2e.deployment import Deployment

THREAD: Final = "kelp-beds"
MESSAGES: Final = f"SELECT count(*) FROM messages WHERE thread_id = '{THREAD}'"
KILLS: Final = 6


def imports(deployment: Deployment) -> list[Any]:
    return [run for run in deployment.runs(thread=THREAD) if run["jobName"] == "import_chats"]


def completed(deployment: Deployment, earlier: set[str]) -> bool:
    """Whether a run that is not one of the earlier ones has succeeded."""
    return any(
        run["status"] == "SUCCESS" for run in imports(deployment) if run["runId"] not in earlier
    )


def launched_by_the_sensor(deployment: Deployment, *, days: int) -> str:
    """The run that follows when the chat's export, now of so many days, is put into its folder."""
    before = len(imports(deployment))
    folder = deployment.home.inbox / THREAD
    folder.mkdir(mode=0o700, exist_ok=True)
    chats.whatsapp(folder, "Kelp Beds", days=days)
    deployment.wait_for(lambda: len(imports(deployment)) > before, "the sensor to launch a run")
    return str(imports(deployment)[0]["runId"])


@pytest.mark.torture
def test_a_killed_worker_or_daemon_leaves_whole_tables_and_the_run_comes_again(
    ranked: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    choice, seen = random.Random(KILLS), Kills("runs of the daemon")
    database = ranked.home.database
    ranked.ended(launched_by_the_sensor(ranked, days=1))
    for number in range(KILLS):
        days = number + 2
        ranked.settle()
        before = crashing.state_of(database)
        [(stored,)] = query(database, MESSAGES)
        earlier = {run["runId"] for run in imports(ranked)}
        run_id = launched_by_the_sensor(ranked, days=days)
        worker = started(ranked, run_id)
        time.sleep(choice.uniform(0, 2))
        if number % 3 == 2:
            ranked.kill_daemon()
        try:
            os.kill(worker, signal.SIGKILL)
        except ProcessLookupError:
            assert ranked.ended(run_id)["status"] == "SUCCESS"
        if number % 3 == 2:
            ranked.start_daemon()
        run = ranked.ended(run_id)
        crashing.check_sound(database)
        [(found,)] = query(database, MESSAGES)
        complete = 9 * days + 1
        assert found in {stored, complete}
        if run["status"] == "SUCCESS":
            struck = "after"
        else:
            struck = "before" if crashing.state_of(database) == before else "in"
        seen.struck[struck] += 1
        # Started again by the daemon, or it had ended before it was killed.
        ranked.wait_for(partial(completed, ranked, earlier), "a run that completes")
        assert query(database, MESSAGES) == [(complete,)]
    ranked.settle()
    crashing.check_sound(database)
    with capsys.disabled():
        print(f"\n{seen}")
