"""What broken files do to a chat that is stored already: nothing, and everybody is told."""

import shutil
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dagster import AssetKey

from egregora_dag.adapters import ExportError
from egregora_dag.cli import EXIT_FAILED, EXIT_UNSOUND, main
from egregora_dag.pipeline import Pipeline
from egregora_dag.settings import Home

NAME = "WhatsApp Chat with Boat.txt"
LINES = [f"{day:02}/03/2025, 18:05 - Ada: who brings varnish no. {day}?" for day in range(1, 25)]
STORED = ("threads", "messages", "imports", "windows", "documents")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one sound chat, boat, that was imported; to be copied."""
    folder = tmp_path_factory.mktemp("stored")
    home = Home.resolve(folder / "home")
    with Pipeline.open(home) as pipeline:
        outcome = pipeline.run(pipeline.add([export(folder / "first", *LINES[:12])]))
        assert outcome.succeeded, outcome
    return home.root


@pytest.fixture
def home(stored: Path, tmp_path: Path) -> Home:
    """That home, to do with as one likes."""
    return Home.resolve(shutil.copytree(stored, tmp_path / "home"))


def export(folder: Path, *lines: str) -> Path:
    folder.mkdir(parents=True)
    path = folder / NAME
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def rows(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    with duckdb.connect(home.database, read_only=True) as connection:
        return {
            name: connection.execute(f'SELECT * FROM "{name}" ORDER BY ALL').fetchall()
            for name in STORED
        }


def metadata(home: Home) -> dict[str, Any]:
    """What the latest materialization of `messages` tells."""
    with Pipeline.open(home) as pipeline:
        event = pipeline.instance.get_latest_materialization_event(AssetKey("messages"))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: one.value for name, one in event.asset_materialization.metadata.items()}


def run(*arguments: str) -> int:
    """The exit code of `egregora-dag run`."""
    with pytest.raises(SystemExit) as ended:
        main(["run", *arguments])
    return int(ended.value.code or 0)


def broken_zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_chat.txt", "\n".join(LINES))
    path.write_bytes(path.read_bytes()[:-30])
    return path


def test_a_broken_file_changes_no_stored_row_and_is_told_with_its_own_exit_code(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = rows(home)
    path = broken_zip(tmp_path / "WhatsApp Chat - Boat.zip")
    # Named by hand, it is refused before anything is copied.
    assert run(str(path), "--home", str(home.root)) == EXIT_FAILED
    told = capsys.readouterr().err
    assert told.startswith(f"Error: {path.name}: the archive is damaged")
    assert told.count("\n") == 1
    assert sorted(one.name for one in (home.inbox / "boat").iterdir()) == [NAME]
    # In the chat's folder, the others are read beside it.
    broken_zip(home.inbox / "boat" / path.name)
    assert run("--home", str(home.root)) == EXIT_UNSOUND
    told = " ".join(capsys.readouterr().err.split())
    assert f"{path.name}: the archive is damaged" in told
    assert "varnish" not in told
    assert rows(home) == before


def test_what_is_sound_in_a_file_is_stored_and_what_is_not_is_listed(
    home: Home, tmp_path: Path
) -> None:
    before = rows(home)
    lines = ["nothing", *LINES[:14], "31/02/2025, 18:05 - Ada: never", "below it", *LINES[14:]]
    path = export(tmp_path / "second", *lines)
    broken_zip(home.inbox / "boat" / "broken.zip")
    with Pipeline.open(home) as pipeline:
        outcome = pipeline.run(pipeline.add([path]))
    assert [*outcome.errors] == []
    [problem] = outcome.failed_checks
    assert "broken.zip: the archive is damaged" in problem
    after = rows(home)
    assert len(after["messages"]) == len(LINES)
    assert all(row in after["messages"] for row in before["messages"])
    assert len(after["imports"]) == 2
    assert all(row in after["imports"] for row in before["imports"])
    told = metadata(home)
    counts = ("lines", "messages", "system_lines", "continuation_lines", "rejected_lines")
    assert [told[name] for name in counts] == [27, 24, 0, 0, 3]
    assert [record.data["line"] for record in told["rejected"].records] == [1, 16, 17]
    assert "varnish" not in str(told)


def test_a_rebuild_stops_at_a_broken_file_and_leaves_the_chat_as_it_was(home: Home) -> None:
    before = rows(home)
    broken_zip(home.inbox / "boat" / "broken.zip")
    with Pipeline.open(home) as pipeline:
        outcome = pipeline.run(["boat"], rebuild=True)
        [error] = outcome.errors
        assert "broken.zip: the archive is damaged" in error
        assert "not rebuilt" in error
        with pytest.raises(ExportError, match="is a folder"):
            pipeline.add([home.inbox])
    assert rows(home) == before
