"""What the README says, checked against what there is."""

import re
import runpy
from pathlib import Path

import pytest

from egregora_dag import settings
from egregora_dag.adapters.registry import ADAPTERS
from egregora_dag.cli import cli
from egregora_dag.database.schemas import CONTRACTS
from egregora_dag.pipeline import Pipeline
from egregora_dag.settings import Home
from egregora_dag_tests.conftest import query
from egregora_dag_tests.test_cli import CHAT

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
SOURCES = (ROOT / "docs" / "sources.md").read_text("utf-8")


def test_every_source_is_documented_with_what_is_kept_and_what_is_not() -> None:
    rows = [line for line in SOURCES.splitlines() if line.startswith("|")]
    for adapter in ADAPTERS:
        assert sum(f"`{adapter.source}`" in row.split("|")[1] for row in rows) == 2, adapter.source


def test_the_tables_are_listed_with_their_contracts_words() -> None:
    for contract in CONTRACTS.values():
        assert f"| `{contract.name}` | {contract.description} |" in README


def test_every_command_and_option_in_the_readme_exists() -> None:
    for line in re.findall(r"egregora-dag ([^\n`\[]+)", README):
        words = line.split()
        command = cli.get_command(None, words[0])  # type: ignore[arg-type]
        assert command is not None, line
        options = {option for parameter in command.params for option in parameter.opts}
        if words[0] == "threads":
            command = command.commands[words[1]]  # type: ignore[attr-defined]
            continue
        assert {word for word in words if word.startswith("--")} <= options, line


def test_the_files_in_the_layout_and_the_picture_exist() -> None:
    [layout] = re.findall(r"```\negregora_dag/\n(.*?)```", README, re.DOTALL)
    names = re.findall(r"^  ([\w./ ]+?)  ", layout, re.MULTILINE)
    assert names
    for name in " ".join(names).split():
        assert (ROOT / "egregora_dag" / name).exists(), name
    for picture in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (ROOT / picture).is_file()


def test_the_settings_defaults_are_those_in_the_code() -> None:
    assert f"| {settings.DEFAULT_MEMORY_LIMIT} |" in README
    assert f"| {settings.DEFAULT_LOCK_TIMEOUT:.0f} |" in README
    assert settings.DEFAULT_HOME in README


def test_the_python_example_runs_on_a_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chat = tmp_path / "WhatsApp Chat with Shed.txt"
    chat.write_text(CHAT, "utf-8")
    with Pipeline.open(Home.resolve(tmp_path / settings.DEFAULT_HOME)) as pipeline:
        assert pipeline.run(pipeline.add([chat])).succeeded
    [example] = [
        code
        for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL)
        if "warehouse" in code
    ]
    script = tmp_path / "example.py"
    script.write_text(example, "utf-8")
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(script))
    assert "'author': 'Ana', 'messages': 12" in capsys.readouterr().out
    [asking] = [
        code
        for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL)
        if "TaskStore" in code
    ]
    script.write_text(asking, "utf-8")
    runpy.run_path(str(script))
    database = tmp_path / settings.DEFAULT_HOME / "pipeline.duckdb"
    assert query(database, "SELECT task_type, subject, status FROM task_queue") == [
        ("enrich_url", "https://example.org", "pending")
    ]
