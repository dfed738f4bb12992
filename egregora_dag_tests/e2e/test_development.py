"""Dagster's own commands and settings, as developers meet them in the repository."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from egregora_dag.settings import Home
from egregora_dag_tests.e2e.deployment import REPOSITORY, environment, script, warnings_of_ours

COMMANDS = {
    "dagster definitions validate": [sys.executable, "-m", "dagster", "definitions", "validate"],
    "dg check defs": [script("dg"), "check", "defs"],
}
INSTANCE = """
import dagster
instance = dagster.DagsterInstance.get()
print(instance.telemetry_enabled, instance.root_directory, instance.run_monitoring_enabled)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.resolve(tmp_path / "home")
    home.create()
    return home


def run(command: list[str], home: Home) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=REPOSITORY,
        # The commands of `dg` start the `dagster` that is found on the path.
        env={
            **environment(home),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONWARNINGS": "always",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_the_definitions_are_valid_and_warn_of_nothing_of_ours(name: str, home: Home) -> None:
    done = run(COMMANDS[name], home)
    assert done.returncode == 0, done.stdout + done.stderr
    assert warnings_of_ours(done.stdout + done.stderr) == []
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.torture
def test_dg_lists_the_assets(home: Home) -> None:
    done = run([script("dg"), "list", "defs", "--json"], home)
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    assets = {asset["asset_key"] for asset in listed["assets"]}
    assert assets >= {"threads", "messages", "imports", "windows", "documents"}
    assert assets >= {"comparisons", "elo_ratings", "top_posts"}
    assert {"inbox_sensor", "follow_documents"} <= {one["name"] for one in listed["sensors"]}


def test_the_package_carries_the_repositorys_dagster_yaml() -> None:
    ours = (REPOSITORY / "dagster.yaml").read_bytes()
    assert (REPOSITORY / "egregora_dag" / "dagster.yaml").read_bytes() == ours


def test_a_new_home_gets_the_dagster_yaml_and_dagster_uses_it_without_telemetry(home: Home) -> None:
    ours = (REPOSITORY / "dagster.yaml").read_bytes()
    assert (home.dagster / "dagster.yaml").read_bytes() == ours
    done = run([sys.executable, "-c", INSTANCE], home)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["False", str(home.dagster), "True"]
