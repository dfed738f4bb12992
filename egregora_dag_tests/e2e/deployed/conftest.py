"""A real deployment: webserver and daemon over a home of their own.

It is started once for the tests of this folder, which one process runs, and ends with them.
"""

from collections.abc import Generator, Iterator
from typing import Final

import pytest

from egregora_dag.settings import Home
from egregora_dag_tests.e2e import chats
from egregora_dag_tests.e2e.deployment import ENDED, Deployment

WHATSAPP: Final = "harbour-watch"
IRC: Final = "tide-gauge"
SURROUNDED: Final = "pottery-shed"
_MOST_OUTPUT: Final = 20_000


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds the end of what the servers printed to the report of a test that fails."""
    report = yield
    if report.failed and (running := Deployment.current) is not None:
        for path in running.logs:
            output = path.read_text("utf-8", "replace")[-_MOST_OUTPUT:]
            report.sections.append((f"Output of the {path.stem}", output))
    return report


@pytest.fixture(scope="package")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The running deployment.

    Two exports are put into its inbox at once, so that it works while the first tests ask it.
    """
    home = Home.resolve(tmp_path_factory.mktemp("deployment") / "home")
    home.create()
    with Deployment.started(home) as running:
        chats.whatsapp(home.inbox, "Harbour Watch")
        chats.irc(home.inbox, IRC)
        yield running


@pytest.fixture(scope="package")
def imported(deployment: Deployment) -> Deployment:
    """The deployment after the exports in its inbox were imported."""
    for thread in (WHATSAPP, IRC):
        deployment.check_imported(thread)
    return deployment


@pytest.fixture(scope="package")
def surrounded(imported: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """The deployment after a good file was put among broken ones, in the inbox and its folder."""
    inbox, elsewhere = imported.home.inbox, tmp_path_factory.mktemp("exports")
    for name, content in chats.BROKEN.items():
        (inbox / name).write_bytes(content)
    (inbox / SURROUNDED).mkdir()
    (inbox / SURROUNDED / "empty.txt").touch()
    export = chats.whatsapp(elsewhere, "Pottery Shed", days=2)
    (inbox / SURROUNDED / "damaged.zip").write_bytes(chats.damaged_archive(export))
    (inbox / export.name).write_bytes(export.read_bytes())
    return imported


@pytest.fixture(scope="package")
def ranked(surrounded: Deployment) -> Deployment:
    """The deployment after the automation conditions had their turn on the imported chats."""
    made = {"comparisons", "elo_ratings", "bradley_terry", "top_posts", "reply_links"}
    tags = {"dagster/sensor_name": "follow_documents"}
    surrounded.wait_for(
        lambda: (
            surrounded.materialized() >= made
            and all(run["status"] in ENDED for run in surrounded.runs(tags=tags))
        ),
        "materializations by automation conditions",
    )
    return surrounded
