"""Starts and asks a deployment: processes, GraphQL over HTTP, and the database file."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

import psutil

from egregora_dag.database import connections
from egregora_dag.settings import Home

REPOSITORY = Path(__file__).parents[2]
LOCATION = {"repositoryName": "__repository__", "repositoryLocationName": "egregora_dag"}
# Longer than anything takes on two busy cores; waits end as soon as what they wait for is there.
DEADLINE = 420.0
_PAUSE = 0.25
ENDED = ("SUCCESS", "FAILURE", "CANCELED")
_PATH_OF_OURS = re.compile(
    rf"{re.escape(str(REPOSITORY / 'egregora_dag'))}\S*:\d+: (?P<category>\w*Warning)"
)

T = TypeVar("T")


def environment(home: Home) -> dict[str, str]:
    """Environment variables of a process that works on this home and imports this repository."""
    paths = [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "EGREGORA_HOME": str(home.root),
        "DAGSTER_HOME": str(home.dagster),
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
    }


def script(name: str) -> str:
    """A command that is installed beside the Python that runs the tests."""
    return str(Path(sys.executable).with_name(name))


def asset_keys(names: Sequence[str]) -> list[dict[str, list[str]]]:
    """Asset keys as GraphQL takes them."""
    return [{"path": [name]} for name in names]


def listened_at(url: str) -> set[str]:
    """Addresses of this computer at which the port of a URL is listened on."""
    port = urlsplit(url).port
    return {
        connection.laddr.ip
        for connection in psutil.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
        and connection.laddr
        and connection.laddr.port == port
    }


def status_of(url: str, *, data: bytes | None = None, **headers: str) -> int:
    """The status of an answer; `_` stands for `-` in the names of headers."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, sent), timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def others_may_use(*folders: Path) -> list[tuple[str, str]]:
    """Files and folders that somebody else than their owner has permissions on, and which."""
    paths = [path for folder in folders for path in (folder, *folder.rglob("*"))]
    return [
        (f"{mode:o}", str(path)) for path in paths if (mode := path.lstat().st_mode & 0o777) & 0o077
    ]


def warnings_of_ours(output: str) -> list[str]:
    """Warnings that point at a file of the package, but for those about what is new in Dagster."""
    announced = {"BetaWarning", "PreviewWarning", "SupersessionWarning"}
    return [
        line
        for line in output.splitlines()
        if (found := _PATH_OF_OURS.search(line)) and found["category"] not in announced
    ]


class Server:
    """A process with all its children, whose output goes to a file.

    Args:
        command: The program and its arguments.
        home: The home it works on.
        log: Where its output is added.
    """

    def __init__(self, command: Sequence[str], home: Home, log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=environment(home),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def check_alive(self) -> None:
        """Fail if the process has ended."""
        if (code := self._process.poll()) is not None:
            output = self.log.read_text("utf-8", "replace")[-5_000:]
            raise AssertionError(f"{self.log.stem} ended with exit code {code}:\n{output}")

    def ask_to_end(self) -> None:
        """Ask it to end, without waiting until it has."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Ask it to end, wait, and end whatever is left of its process group."""
        self.ask_to_end()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._kill_group()
            self._process.wait()

    def kill(self) -> None:
        """End it and its process group at once."""
        self._kill_group()
        self._process.wait()

    def _kill_group(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


@dataclass
class Deployment:
    """A webserver and a daemon that work on one home.

    Attributes:
        home: The home.
        url: Address of the webserver.
    """

    home: Home
    url: str
    # The one that is running, for the reports of tests that fail.
    current: ClassVar["Deployment | None"] = None
    _servers: dict[str, Server] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def started(cls, home: Home) -> Iterator["Deployment"]:
        """A deployment whose code location is loaded; all its processes end with the block."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        running = cls.current = cls(home, f"http://127.0.0.1:{port}")
        try:
            running._start(
                "webserver",
                [sys.executable, "-m", "egregora_dag.ui", "-h", "127.0.0.1", "-p", port],
            )
            # Not both at once: each makes Dagster's storage where there is none.
            running.wait_for(running._loaded, "the code location")
            running.start_daemon()
            yield running
        finally:
            cls.current = None
            for server in running._servers.values():
                server.ask_to_end()
            for server in running._servers.values():
                server.stop()

    @property
    def logs(self) -> list[Path]:
        """Files with what the servers printed."""
        return [server.log for server in self._servers.values()]

    def _start(self, name: str, command: Sequence[str]) -> None:
        log = self.home.root.parent / f"{name}.log"
        self._servers[name] = Server([*command, "-w", "workspace.yaml"], self.home, log)

    def start_daemon(self) -> None:
        """Start the daemon."""
        self._start("daemon", [script("dagster-daemon"), "run"])

    def kill_daemon(self) -> None:
        """End the daemon, and whatever it started, by SIGKILL."""
        self._servers["daemon"].kill()

    def stop_daemon(self) -> None:
        """Stop the daemon."""
        self._servers["daemon"].stop()

    def wait_for(self, condition: Callable[[], T], what: str, *, within: float = DEADLINE) -> T:
        """What the condition returns as soon as it is true; the test fails after the deadline."""
        deadline = time.monotonic() + within
        while True:
            for server in self._servers.values():
                server.check_alive()
            if result := condition():
                return result
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {within:.0f} seconds in vain for {what}")
            time.sleep(_PAUSE)

    def _loaded(self) -> bool:
        try:
            [entry] = self.ask(_LOCATIONS)["workspaceOrError"]["locationEntries"]
        except urllib.error.URLError:
            return False
        problem = (entry["locationOrLoadError"] or {}).get("message")
        assert problem is None, problem
        return bool(entry["loadStatus"] == "LOADED")

    def ask(self, query: str, **variables: object) -> Any:
        """The answer to a GraphQL query.

        Raises:
            AssertionError: The query is refused.
        """
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"{self.url}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def runs(
        self,
        *,
        thread: str | None = None,
        status: str | None = None,
        tags: Mapping[str, str] = MappingProxyType({}),
    ) -> list[Any]:
        """The runs of a chat, or all, newest first."""
        wanted = {**tags, **({"dagster/partition": thread} if thread else {})}
        filter_ = {
            "tags": [{"key": key, "value": value} for key, value in wanted.items()],
            **({"statuses": [status]} if status else {}),
        }
        return list(self.ask(_RUNS, filter=filter_)["runsOrError"]["results"])

    def settle(self) -> None:
        """Wait until no run is under way."""
        self.wait_for(lambda: all(run["status"] in ENDED for run in self.runs()), "all runs to end")

    def materialized(self) -> set[str]:
        """Names of the assets that were materialized at least once."""
        nodes = self.ask(
            "{ assetNodes { assetKey { path } assetMaterializations(limit: 1) { runId } } }"
        )["assetNodes"]
        return {node["assetKey"]["path"][-1] for node in nodes if node["assetMaterializations"]}

    def checks(self, *assets: str) -> dict[str, Any]:
        """For each check of these assets, or of all, `asset.check` → its last execution."""
        nodes = self.ask(_CHECKS, keys=asset_keys(assets) or None)["assetNodes"]
        return {
            f"{node['assetKey']['path'][-1]}.{check['name']}": check
            for node in nodes
            for check in node["assetChecksOrError"].get("checks", [])
        }

    def evaluations(self, run_id: str) -> dict[str, bool]:
        """For each check that was executed in a run, `asset.check` → whether it passed."""
        events = self.ask(_RUN, id=run_id)["runOrError"]["eventConnection"]["events"]
        found = [event["evaluation"] for event in events if "evaluation" in event]
        return {
            f"{one['assetKey']['path'][-1]}.{one['checkName']}": one["success"] for one in found
        }

    def ticks(self, sensor: str, *, after: float) -> list[Any]:
        """The ticks of a sensor that began after a time and are over, newest first."""
        selector = {**LOCATION, "sensorName": sensor}
        state = self.ask(_TICKS, selector=selector, after=after)["sensorOrError"]["sensorState"]
        return [tick for tick in state["ticks"] if tick["status"] != "STARTED"]

    def launch(
        self, *assets: str, thread: str | None = None, config: Mapping[str, Any] | None = None
    ) -> Any:
        """Launch a run of these assets, for a chat, as the UI does, and wait for its end.

        Returns:
            The run with its steps.
        """
        return self.ended(self.launched(*assets, thread=thread, config=config))

    def launched(
        self, *assets: str, thread: str | None = None, config: Mapping[str, Any] | None = None
    ) -> str:
        """Launch a run of these assets, for a chat, as the UI does; returns its id."""
        params = {
            "mode": "default",
            "selector": {
                **LOCATION,
                "pipelineName": "__ASSET_JOB",
                "assetSelection": asset_keys(assets),
            },
            "runConfigData": config or {},
            "executionMetadata": {
                "tags": [{"key": "dagster/partition", "value": thread}] if thread else []
            },
        }
        answer = self.ask(_LAUNCH, params=params)["launchPipelineExecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def terminate(self, run_id: str) -> None:
        """Ask a run to end, as the UI does, until Dagster can."""
        self.wait_for(
            lambda: (
                self.ask(_TERMINATE, id=run_id)["terminateRun"]["__typename"]
                == "TerminateRunSuccess"
            ),
            f"run {run_id} to be terminated",
        )

    def executed_again(self, run_id: str) -> Any:
        """A run of the steps that failed in another, as the UI starts it, once it has ended."""
        answer = self.ask(_AGAIN, params={"parentRunId": run_id, "strategy": "FROM_FAILURE"})
        launched = answer["launchRunReexecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return self.ended(launched["run"]["runId"])

    def check_imported(self, thread: str) -> None:
        """Wait until the first run of a chat has ended; fail if it failed."""
        runs = self.wait_for(lambda: self.runs(thread=thread), f"a run of {thread}")
        run = self.ended(runs[-1]["runId"])
        assert run["status"] == "SUCCESS", run

    def ended(self, run_id: str) -> Any:
        """A run, once it has ended."""

        def over() -> Any:
            run = self.ask(_RUN, id=run_id)["runOrError"]
            return run if run["status"] in ENDED else None

        return self.wait_for(over, f"the end of run {run_id}")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the warehouse; waits while a run writes to it."""
        with connections.open_waiting(self.home.database, read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def tamper(self, *statements: str) -> None:
        """Change the warehouse behind the pipeline's back."""
        with connections.open_waiting(self.home.database) as connection:
            for statement in statements:
                connection.execute(statement)


_LOCATIONS = """
{
  workspaceOrError {
    ... on Workspace {
      locationEntries { loadStatus locationOrLoadError { ... on PythonError { message } } }
    }
  }
}
"""

_RUNS = """
query Runs($filter: RunsFilter) {
  runsOrError(filter: $filter) {
    ... on Runs { results { runId jobName status tags { key value } assetSelection { path } } }
  }
}
"""

_RUN = """
query Run($id: ID!) {
  runOrError(runId: $id) {
    ... on Run {
      runId
      status
      stepStats { stepKey status }
      eventConnection(limit: 1000) {
        events {
          __typename
          ... on AssetCheckEvaluationEvent { evaluation { checkName assetKey { path } success } }
          ... on ExecutionStepFailureEvent {
            stepKey
            error { message errorChain { error { message } } }
          }
        }
      }
    }
  }
}
"""

_LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on PythonError { message stack }
  }
}
"""

_TERMINATE = "mutation End($id: String!) { terminateRun(runId: $id) { __typename } }"

_AGAIN = """
mutation Again($params: ReexecutionParams!) {
  launchRunReexecution(reexecutionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""

_CHECKS = """
query Checks($keys: [AssetKeyInput!]) {
  assetNodes(assetKeys: $keys) {
    assetKey { path }
    assetChecksOrError {
      ... on AssetChecks {
        checks {
          name
          blocking
          executionForLatestMaterialization {
            status
            runId
            evaluation { success severity description }
          }
        }
      }
    }
  }
}
"""

_TICKS = """
query Ticks($selector: SensorSelector!, $after: Float) {
  sensorOrError(sensorSelector: $selector) {
    ... on Sensor {
      sensorState {
        ticks(afterTimestamp: $after) { status timestamp runIds error { message } }
      }
    }
  }
}
"""
