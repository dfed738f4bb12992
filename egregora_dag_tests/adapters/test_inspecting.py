"""What a file holds is told before anything is stored."""

import json
import os
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner

from egregora_dag.adapters import inspect_export, read_export
from egregora_dag.cli import cli

LINES = (
    "copied by hand",
    "05/04/2025, 10:00 - Ada created the group",
    "05/04/2025, 10:01 - Ada: IMG-20250405-WA0001.jpg (file attached)",
    "06/04/2025, 10:02 - Bo: list:",
    "- milk",
    "31/02/2025, 10:03 - Bo: never",
    "neither was this",
    "07/04/2025, 10:04 - Ada: IMG-20250407-WA0002.jpg (file attached)",
)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "WhatsApp Chat with Trip.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("WhatsApp Chat with Trip.txt", "".join(f"{line}\n" for line in LINES))
        archive.writestr("IMG-20250405-WA0001.jpg", b"\xff\xd8")
    return path


def test_counts_add_up_to_the_lines_and_rejected_ones_are_numbered(export: Path) -> None:
    found = inspect_export(export)
    assert (found.messages, found.system, found.continuation, found.rejected) == (3, 1, 1, 3)
    assert found.lines == len(LINES) == found.count + found.continuation + found.rejected
    assert found.rejected_lines == {"trip": (1, 6, 7)}
    assert found.count == read_export(export).read_all().num_rows


def test_source_chat_times_and_media_are_told(export: Path) -> None:
    found = inspect_export(export, timezone="Europe/Lisbon")
    [chat] = found.threads
    assert (found.source, chat.thread_id, chat.title) == ("whatsapp", "trip", "Trip")
    assert found.first == datetime(2025, 4, 5, 9, 0, tzinfo=UTC)
    assert found.last == datetime(2025, 4, 7, 9, 4, tzinfo=UTC)
    assert chat.kinds == {"media": 2, "message": 1, "system": 1}
    assert (found.media.messages, found.media.named, found.media.found) == ({"image": 2}, 2, 1)


@pytest.mark.parametrize(
    ("dates", "day_first", "order", "found", "is_guess"),
    [
        (["05/04/2025", "13/04/2025"], None, "day month year", "exist in this order", False),
        (["04/05/2025", "04/13/2025"], None, "month day year", "exist in this order", False),
        (["01/02/2025", "02/02/2025", "01/03/2025"], None, "day month year", "forward", False),
        (["2025-04-05"], None, "year month day", "exist in this order", False),
        (["05/04/2025"], None, "day month year", "the first was taken", True),
        (["05/04/2025"], True, "day month year", "as told", False),
        (["05/04/2025"], False, "month day year", "as told", False),
        (["2025-04-05"], True, "year month day", "exist in this order", False),
    ],
)
def test_the_order_of_dates_is_told_with_how_it_was_found(
    tmp_path: Path,
    dates: list[str],
    day_first: bool | None,
    order: str,
    found: str,
    is_guess: bool,
) -> None:
    path = tmp_path / "WhatsApp Chat with Trip.txt"
    path.write_text("".join(f"{date}, 10:00 - Ada: hello\n" for date in dates), "utf-8")
    told = inspect_export(path, day_first=day_first)
    assert told.date_order is not None
    assert (told.date_order.order, told.date_order.is_guess) == (order, is_guess)
    assert found in told.date_order.found
    assert bool(told.warnings) == is_guess


def test_the_command_prints_a_table_or_json(export: Path) -> None:
    runner = CliRunner()
    shown = runner.invoke(cli, ["inspect", str(export), "--timezone", "Europe/Lisbon"])
    assert shown.exit_code == 0
    for text in ("whatsapp", "Trip (trip)", "2025-04-05 09:00:00 UTC", "1, 6, 7", "2 image"):
        assert text in shown.output
    assert "milk" not in shown.output
    told = json.loads(runner.invoke(cli, ["inspect", str(export), "--format", "json"]).output)
    assert (told["lines"], told["rejected"], told["source"]) == (8, 3, "whatsapp")


def test_a_file_of_many_chats_is_told_chat_by_chat(tmp_path: Path) -> None:
    path = tmp_path / "both.csv"
    rows = ("2025-01-01 10:00,a,Ada,hello", "2025-01-01 10:00,b,Bo,hi", "never,b,Bo,hi")
    path.write_text("timestamp,thread_id,author,content\n" + "\n".join(rows) + "\n", "utf-8")
    found = inspect_export(path)
    assert {chat.thread_id: chat.tally.messages for chat in found.threads} == {"a": 1, "b": 1}
    assert (found.lines, found.rejected, found.rejected_lines) == (3, 1, {"b": (3,)})
    shown = CliRunner().invoke(cli, ["inspect", str(path)])
    assert "rejected of b" in shown.output


def test_chats_whose_titles_make_one_key_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "both.csv"
    rows = ("2025-01-01 10:00,Trip,Ada,hello", "2025-01-01 10:00,trip!,Bo,hi")
    path.write_text("timestamp,thread_id,author,content\n" + "\n".join(rows) + "\n", "utf-8")
    rows_read = read_export(path).read_all().to_pylist()
    assert [row["position"] for row in rows_read] == [0, 0]
    first, second = (chat.thread_id for chat in inspect_export(path).threads)
    assert {row["thread_id"] for row in rows_read} == {first, second}
    assert first == "trip"
    assert second.startswith("trip-")


def test_another_package_can_add_a_source(tmp_path: Path) -> None:
    module = """
        from egregora_dag.adapters import Parsed

        class TeletypeAdapter:
            source = "teletype"

            def recognizes(self, file):
                return file.head.startswith(b"ZCZC")

            def threads(self, file):
                return {"line 1": "Line 1"}

            def parse(self, file, scratch, reading):
                scratch.execute(
                    "CREATE TABLE parsed AS SELECT 'line 1' AS chat, 1 AS line, "
                    "TIMESTAMP '1970-02-03 04:05:06' AS local_time, 'Ada' AS author, "
                    "'stop' AS content, 'message' AS kind"
                )
                return Parsed({"line 1": 1})
    """
    (tmp_path / "teletype.py").write_text(dedent(module), "utf-8")
    about = tmp_path / "teletype-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: teletype\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[egregora_dag.adapters]\nteletype = teletype:TeletypeAdapter\n"
    )
    export = tmp_path / "tape.txt"
    export.write_text("ZCZC\n", "utf-8")
    program = "from egregora_dag.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "inspect", str(export), "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["source"] == "teletype"
