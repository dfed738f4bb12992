"""What people see in the UI: assets and their lineage, schedules, sensors, settings."""

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets import Origin, Subprotocol
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from egregora_dag.windowing import WindowConfig
from egregora_dag_tests.e2e.deployment import (
    LOCATION,
    Deployment,
    asset_keys,
    listened_at,
    status_of,
    warnings_of_ours,
)


@pytest.fixture(scope="module")
def dependencies(deployment: Deployment) -> dict[str, set[str]]:
    nodes = deployment.ask("{ assetNodes { assetKey { path } dependencyKeys { path } } }")
    return {
        node["assetKey"]["path"][-1]: {key["path"][-1] for key in node["dependencyKeys"]}
        for node in nodes["assetNodes"]
    }


def test_the_code_location_loads_without_errors(deployment: Deployment) -> None:
    [entry] = deployment.ask(
        """{ workspaceOrError { ... on Workspace { locationEntries {
          name loadStatus
          locationOrLoadError {
            __typename
            ... on PythonError { message }
            ... on RepositoryLocation { repositories { name } }
          }
        } } } }"""
    )["workspaceOrError"]["locationEntries"]
    assert entry == {
        "name": "egregora_dag",
        "loadStatus": "LOADED",
        "locationOrLoadError": {
            "__typename": "RepositoryLocation",
            "repositories": [{"name": "__repository__"}],
        },
    }


def test_the_servers_print_no_errors_and_no_warnings_of_ours(deployment: Deployment) -> None:
    [webserver, daemon] = [path.read_text("utf-8", "replace") for path in deployment.logs]
    assert "Traceback" not in webserver
    assert " ERROR " not in re.sub(r"\x1b\[\d+m", " ", webserver)
    assert warnings_of_ours(webserver + daemon) == []


def test_documents_descend_from_messages_and_ratings_from_documents(
    dependencies: dict[str, set[str]],
) -> None:
    assert dependencies["messages"] == {"threads"}
    assert dependencies["imports"] == {"threads"}
    assert dependencies["windows"] == {"messages", "threads"}
    assert dependencies["reply_links"] == {"messages"}
    assert dependencies["documents"] == {"messages", "windows", "threads"}
    assert dependencies["comparisons"] == {"documents"}
    assert dependencies["elo_ratings"] == {"comparisons"}
    assert dependencies["bradley_terry"] == {"comparisons"}
    assert dependencies["threads"] == set()


@pytest.mark.parametrize(
    ("view", "tables"),
    [
        ("chunks", {"messages"}),
        ("chunks_optimized", {"messages"}),
        ("messages_with_media", {"messages"}),
        ("messages_with_text", {"messages"}),
        ("hourly_aggregates", {"messages", "threads"}),
        ("daily_aggregates", {"messages", "threads"}),
        ("window_messages", {"windows", "messages"}),
        ("linked_conversations", {"reply_links", "messages"}),
        ("top_posts", {"documents", "elo_ratings", "bradley_terry"}),
        ("run_history", {"runs"}),
        ("asset_freshness", {"tasks"}),
        ("document_lineage", {"documents", "generations", "runs", "tasks"}),
        ("journal", {"generations", "documents"}),
    ],
)
def test_a_view_is_downstream_of_the_tables_it_reads(
    dependencies: dict[str, set[str]], view: str, tables: set[str]
) -> None:
    assert dependencies[view] == tables


def test_every_asset_explains_itself(deployment: Deployment) -> None:
    nodes = deployment.ask("{ assetNodes { assetKey { path } groupName description } }")
    unexplained = [node["assetKey"] for node in nodes["assetNodes"] if not node["description"]]
    assert unexplained == []
    assert "default" not in {node["groupName"] for node in nodes["assetNodes"]}


def test_the_daily_schedule_is_listed_and_running(deployment: Deployment) -> None:
    schedules = deployment.ask(
        """query ($location: RepositorySelector!) {
          schedulesOrError(repositorySelector: $location) {
            ... on Schedules { results { name pipelineName scheduleState { status } } }
          }
        }""",
        location=LOCATION,
    )["schedulesOrError"]["results"]
    assert {
        "name": "daily_ranking",
        "pipelineName": "rank_posts",
        "scheduleState": {"status": "RUNNING"},
    } in schedules


@pytest.mark.parametrize(
    "name", ["inbox_sensor", "follow_documents", "mirror_runs", "work_off_queue"]
)
def test_the_sensors_are_listed_and_running(deployment: Deployment, name: str) -> None:
    sensors = deployment.ask(
        """query ($location: RepositorySelector!) {
          sensorsOrError(repositorySelector: $location) {
            ... on Sensors { results { name sensorState { status } } }
          }
        }""",
        location=LOCATION,
    )["sensorsOrError"]["results"]
    assert {"name": name, "sensorState": {"status": "RUNNING"}} in sensors


def test_every_daemon_is_healthy(deployment: Deployment) -> None:
    query = """{ instance { daemonHealth { allDaemonStatuses {
      daemonType required healthy lastHeartbeatErrors { message }
    } } } }"""

    def unhealthy() -> list[Any]:
        statuses = deployment.ask(query)["instance"]["daemonHealth"]["allDaemonStatuses"]
        return [one for one in statuses if one["required"] and not one["healthy"]]

    deployment.wait_for(lambda: not unhealthy(), "healthy daemons")


def config_fields(deployment: Deployment, op: str) -> dict[str, Any]:
    """The fields of an asset's config in the launchpad, by name."""
    schema = deployment.ask(
        """query ($selector: PipelineSelector!) {
          runConfigSchemaOrError(selector: $selector, mode: "default") {
            ... on RunConfigSchema {
              rootConfigType { key }
              allConfigTypes {
                key
                ... on CompositeConfigType {
                  fields { name description isRequired configTypeKey defaultValueAsJson }
                }
              }
            }
          }
        }""",
        selector={
            **LOCATION,
            "pipelineName": "__ASSET_JOB",
            "assetSelection": asset_keys(["messages", "imports", "windows", "documents"]),
        },
    )["runConfigSchemaOrError"]
    types = {type_["key"]: type_.get("fields", []) for type_ in schema["allConfigTypes"]}

    def below(key: str, path: Iterator[str]) -> dict[str, Any]:
        fields = {field["name"]: field for field in types[key]}
        name = next(path, None)
        return fields if name is None else below(fields[name]["configTypeKey"], path)

    return below(schema["rootConfigType"]["key"], iter(["ops", op, "config"]))


def test_the_launchpad_offers_the_settings_of_windows_with_their_defaults(
    deployment: Deployment,
) -> None:
    fields = config_fields(deployment, "windows")
    defaults = {field.name: field.default for field in dataclasses.fields(WindowConfig)}
    assert fields.keys() == defaults.keys()
    for name, default in defaults.items():
        shown = fields[name]["defaultValueAsJson"]
        assert (None if shown is None else json.loads(shown)) == default, name


@pytest.mark.parametrize(
    ("op", "names"),
    [
        ("documents", {"writer", "min_messages", "max_quotes"}),
        ("read_exports", {"rebuild"}),
        ("windows", {field.name for field in dataclasses.fields(WindowConfig)}),
    ],
)
def test_settings_are_optional_and_explained(
    deployment: Deployment, op: str, names: set[str]
) -> None:
    fields = config_fields(deployment, op)
    assert fields.keys() >= names
    assert not any(field["isRequired"] for field in fields.values())
    assert all(field["description"] for field in fields.values())


# A mutation that changes nothing; Dagster takes one by GET, too, and so from a picture's address.
_ORDER = 'mutation { deletePipelineRun(runId: "none") { __typename } }'


def test_the_ui_is_served_to_this_computers_own_pages_alone(deployment: Deployment) -> None:
    assert listened_at(deployment.url) == {"127.0.0.1"}
    for query in ("{ version }", _ORDER):
        url = f"{deployment.url}/graphql?{urlencode({'query': query})}"
        for data in (None, b""):
            assert status_of(url, data=data) == 200
            assert status_of(url, data=data, Host="localhost") == 200
            assert status_of(url, data=data, Origin=deployment.url) == 200
            assert status_of(url, data=data, Host="evil.example") == 403
            assert status_of(url, data=data, Origin="http://evil.example") == 403
            assert status_of(url, data=data, Sec_Fetch_Site="cross-site") == 403


def test_a_socket_of_another_sites_page_is_refused(deployment: Deployment) -> None:
    address = deployment.url.replace("http", "ws") + "/graphql"
    protocol = [Subprotocol("graphql-ws")]
    with connect(address, subprotocols=protocol, origin=Origin(deployment.url)) as socket:
        socket.send('{"type": "connection_init"}')
        assert "connection_ack" in socket.recv(timeout=60)
    with pytest.raises(InvalidStatus, match="403"):
        connect(address, subprotocols=protocol, origin=Origin("http://evil.example"))
