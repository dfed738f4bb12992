"""Runs that somebody launches in the UI: those that succeed, and those that must not."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from egregora_dag_tests.e2e.deployed.conftest import WHATSAPP
from egregora_dag_tests.e2e.deployment import LOCATION, Deployment, environment, others_may_use

SNAPSHOT = """
SELECT window_id, thread_id, window_index, signature, config::VARCHAR FROM windows ORDER BY ALL
"""


def steps(run: dict[str, Any]) -> dict[str, str]:
    return {step["stepKey"]: step["status"] for step in run["stepStats"]}


def failures(run: dict[str, Any]) -> dict[str, str]:
    """The messages of failed steps, with those of their causes."""
    return {
        event["stepKey"]: " ".join(
            [
                event["error"]["message"],
                *(link["error"]["message"] for link in event["error"]["errorChain"]),
            ]
        )
        for event in run["eventConnection"]["events"]
        if event["__typename"] == "ExecutionStepFailureEvent"
    }


def test_everything_can_be_materialized_for_one_chat_and_its_checks_are_green(
    imported: Deployment,
) -> None:
    imported.settle()
    generated = imported.rows("SELECT count(*) FROM generations")
    nodes = imported.ask("{ assetNodes { assetKey { path } isMaterializable } }")["assetNodes"]
    assets = [node["assetKey"]["path"][-1] for node in nodes if node["isMaterializable"]]
    run = imported.launch(*assets, thread=WHATSAPP)
    assert run["status"] == "SUCCESS", failures(run)
    assert set(steps(run).values()) == {"SUCCESS"}
    # What the run itself found: a run that follows by condition may already check anew.
    found = imported.evaluations(run["runId"])
    assert found.keys() == imported.checks().keys()
    assert all(found.values()), found
    # Nothing had changed, so nothing was written anew.
    assert imported.rows("SELECT count(*) FROM generations") == generated


@pytest.fixture
def tampered(imported: Deployment) -> Iterator[Deployment]:
    """The deployment while positions of messages have a gap that nobody recorded."""
    imported.settle()
    shift = "UPDATE messages SET position = position {} 1000 WHERE thread_id = '{}'"
    imported.tamper(shift.format("+", WHATSAPP))
    yield imported
    imported.tamper(shift.format("-", WHATSAPP))


def test_a_table_changed_behind_the_pipelines_back_stops_what_is_downstream(
    tampered: Deployment,
) -> None:
    before = tampered.rows(SNAPSHOT)
    run = tampered.launch("messages", "imports", "windows", "documents", thread=WHATSAPP)
    assert run["status"] == "FAILURE"
    status = steps(run)
    assert status["read_exports"] == "SUCCESS"
    assert status["messages_checks"] == "FAILURE"
    assert status.get("windows", "SKIPPED") == "SKIPPED"
    assert status.get("documents", "SKIPPED") == "SKIPPED"
    check = tampered.checks("messages")["messages.no_gaps"]
    execution = check["executionForLatestMaterialization"]
    assert check["blocking"]
    assert execution["runId"] == run["runId"]
    assert execution["status"] == "FAILED"
    assert execution["evaluation"]["severity"] == "ERROR"
    assert "position does not count 0, 1, 2" in execution["evaluation"]["description"]
    assert tampered.rows(SNAPSHOT) == before


OPEN = """
import sys
from pathlib import Path
from egregora_dag.database import connections
with connections.connect(Path(sys.argv[1]), timeout=5) as connection:
    connection.execute("CREATE TABLE touched AS SELECT 1")
    connection.execute("DROP TABLE touched")
    print(connection.execute("SELECT count(*) FROM windows").fetchone()[0])
"""


def test_a_refused_setting_fails_the_run_and_leaves_the_rows_and_the_file_free(
    imported: Deployment,
) -> None:
    imported.settle()
    before = imported.rows(SNAPSHOT)
    config = {"ops": {"windows": {"config": {"step_unit": "fortnights"}}}}
    run = imported.launch("windows", thread=WHATSAPP, config=config)
    opened = subprocess.run(
        [sys.executable, "-c", OPEN, str(imported.home.database)],
        env=environment(imported.home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run["status"] == "FAILURE"
    assert steps(run)["windows"] == "FAILURE"
    assert "fortnights" in failures(run)["windows"]
    assert opened.returncode == 0, opened.stderr
    assert int(opened.stdout) == len(before)
    assert imported.rows(SNAPSHOT) == before


def test_config_that_the_launchpad_does_not_know_is_refused_before_a_run_begins(
    imported: Deployment,
) -> None:
    before = len(imported.runs())
    config = {"ops": {"windows": {"config": {"step_sise": 3}}}}
    with pytest.raises(AssertionError, match="step_sise"):
        imported.launch("windows", thread=WHATSAPP, config=config)
    assert len(imported.runs()) == before


HOSTILE = "../../out'side\"\n; DROP TABLE messages; --\u202e🙂" + "x" * 300
_ADD = """
mutation Add($selector: RepositorySelector!, $key: String!) {
  addDynamicPartition(
    repositorySelector: $selector, partitionsDefName: "threads", partitionKey: $key
  ) { __typename }
}
"""


def test_a_partition_that_somebody_adds_by_hand_makes_no_chat(imported: Deployment) -> None:
    imported.settle()
    content = "SELECT count(*), sum(hash(messages)) FROM messages"
    before = imported.rows("FROM threads"), imported.rows(content)
    files = sorted(imported.home.root.parent.rglob("*out*side*"))
    selector = {key: LOCATION[key] for key in ("repositoryName", "repositoryLocationName")}
    answer = imported.ask(_ADD, selector=selector, key=HOSTILE)["addDynamicPartition"]
    assert answer["__typename"] == "AddDynamicPartitionSuccess"
    run = imported.launch("messages", "imports", thread=HOSTILE)
    assert run["status"] == "FAILURE"
    assert "There is no chat" in failures(run)["read_exports"]
    assert (imported.rows("FROM threads"), imported.rows(content)) == before
    assert sorted(imported.home.root.parent.rglob("*out*side*")) == files


def test_what_the_servers_and_runs_leave_is_for_their_owner_alone(imported: Deployment) -> None:
    imported.settle()
    open_ = [path for _, path in others_may_use(imported.home.root)]
    # What is in the inbox is as people put it there; nobody else gets into that folder.
    assert [path for path in open_ if "inbox/" not in str(path)] == []
