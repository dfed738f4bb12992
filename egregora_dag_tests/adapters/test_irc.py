"""IRC logs: a clock without a date, nicks, actions and notices."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from egregora_dag.adapters import (
    ExportError,
    ExportFile,
    Tally,
    adapter_for,
    import_file,
    read_export,
    scratch_database,
)
from egregora_dag.adapters.irc import IrcAdapter
from egregora_dag_tests.conftest import SHARED

LOGS = sorted((SHARED / "data" / "irc").glob("*.raw.txt"))
NAME = "2025-01-31_ubuntu.txt"
Row = dict[str, Any]


def write(folder: Path, *lines: str, name: str = NAME) -> Path:
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def read(path: Path, **options: Any) -> list[Row]:
    rows: list[Row] = read_export(path, **options).read_all().to_pylist()
    return rows


def tally_of(path: Path) -> tuple[Tally, int, int]:
    """What became of the lines; how many messages and system lines there are."""
    with scratch_database() as scratch:
        options: dict[str, Any] = {"chat": None, "thread": "irc", "timezone": "UTC"}
        imported = import_file(scratch, ExportFile.open(path), IrcAdapter(), **options)
    return imported.tally, imported.messages, imported.system


def clocks(folder: Path, *times: str) -> list[datetime]:
    rows = read(write(folder, *(f"[{time}] <ada> hello" for time in times)))
    return [row["timestamp"].replace(tzinfo=None) for row in rows]


@pytest.mark.skipif(not LOGS, reason=f"the logs of {SHARED / 'data' / 'irc'} are not there")
def test_every_line_of_the_published_logs_is_accounted_for() -> None:
    assert len(LOGS) == 10
    for path in LOGS:
        assert isinstance(adapter_for(ExportFile.open(path)), IrcAdapter)
        tally, messages, system = tally_of(path)
        assert (tally.lines, tally.continuation) == (1250, 0)
        assert messages + system + len(tally.rejected) == 1250
        assert messages > 500
        # What was rejected is neither said, nor done, nor announced.
        text = path.read_text("utf-8").splitlines()
        for line in tally.rejected:
            assert not text[line - 1].startswith(("===", "[", " *"))


@pytest.mark.skipif(not LOGS, reason=f"the logs of {SHARED / 'data' / 'irc'} are not there")
def test_the_published_logs_begin_on_the_day_of_their_name_and_move_on() -> None:
    for path in LOGS:
        rows = read(path)
        times = [row["timestamp"] for row in rows]
        assert f"{times[0]:%Y-%m-%d}" == path.name[:10]
        assert (times[-1] - times[0]).days < 3
        assert len({row["message_id"] for row in rows}) == len(rows)
        text = path.read_text("utf-8").split("\n")
        for row in rows:
            line = text[row["metadata"]["line"] - 1]
            assert row["author"] is None or row["author"] in line


def test_nick_and_text_are_told_apart(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "[12:18] <|trey|> usual:  quite stable",
        "[12:18] <a[b]-c^> <x> hi",
        "[12:19] <ada>",
        "[12:19] <ada> ",
    )
    assert [(row["author"], row["content"], row["kind"]) for row in read(path)] == [
        ("|trey|", "usual:  quite stable", "message"),
        ("a[b]-c^", "<x> hi", "message"),
        ("ada", "", "message"),
        ("ada", "", "message"),
    ]


def test_an_action_is_a_message_that_is_known_as_one(tmp_path: Path) -> None:
    path = write(tmp_path, "[12:18] <bo> hi", "[12:18]  * ada waves: hello", " * bo nods")
    rows = read(path)
    assert [(row["author"], row["content"]) for row in rows[1:]] == [
        ("ada", "waves: hello"),
        ("bo", "nods"),
    ]
    assert [row["metadata"]["extra"] for row in rows] == [
        "{}",
        '{"action": true}',
        '{"action": true}',
    ]
    assert {row["kind"] for row in rows} == {"message"}


def test_a_notice_has_no_author_and_the_time_of_the_line_before(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "=== ada joined",
        "[12:18] <ada> hi",
        "=== ada is now known as bo",
        "===",
        "[12:20] <bo> x",
    )
    rows = read(path)
    assert [(row["kind"], row["author"]) for row in rows[:1]] == [("system", None)]
    assert [row["content"] for row in rows if row["kind"] == "system"] == [
        "ada joined",
        "ada is now known as bo",
        "",
    ]
    assert [row["timestamp"].minute for row in rows] == [18, 18, 18, 18, 20]


def test_codes_of_colour_and_shape_are_no_text(tmp_path: Path) -> None:
    path = write(tmp_path, "[12:18] <ada> \x02bold\x02 \x0304,12red\x03 \x1ditalic\x0f 100\x1f%")
    assert read(path)[0]["content"] == "bold red italic 100%"


def test_a_clock_that_jumps_back_has_passed_midnight(tmp_path: Path) -> None:
    assert clocks(tmp_path, "23:58", "00:01", "12:00", "00:30") == [
        datetime(2025, 1, 31, 23, 58),
        datetime(2025, 2, 1, 0, 1),
        datetime(2025, 2, 1, 12, 0),
        datetime(2025, 2, 2, 0, 30),
    ]


def test_a_clock_that_is_set_back_a_little_stays_on_its_day(tmp_path: Path) -> None:
    assert clocks(tmp_path, "10:30:59", "10:29:58", "09:31:00", "10:40:00") == [
        datetime(2025, 1, 31, 10, 30, 59),
        datetime(2025, 1, 31, 10, 29, 58),
        datetime(2025, 1, 31, 9, 31),
        datetime(2025, 1, 31, 10, 40),
    ]


@pytest.mark.parametrize(
    "name",
    ["2025-01-31.txt", "#ubuntu.20250131.log", "log_2025.01.31.txt", "x 99999999 2025-01-31"],
)
def test_the_day_stands_in_the_files_name(tmp_path: Path, name: str) -> None:
    [row] = read(write(tmp_path, "[12:18] <ada> hi", name=name))
    assert row["timestamp"].replace(tzinfo=None) == datetime(2025, 1, 31, 12, 18)


@pytest.mark.parametrize("name", ["ubuntu.txt", "2025-02-30.txt", "12-18.log"])
def test_a_log_without_a_day_in_its_name_is_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, "[12:18] <ada> hi", name=name)
    with pytest.raises(ExportError, match=r"no date.*file's name, such as") as caught:
        read_export(path)
    assert caught.value.path == path


def test_other_lines_are_rejected_by_number(tmp_path: Path) -> None:
    path = write(tmp_path, "# a log", "[12:18] <ada> hi", "", "[99] <x> y", "[12:19] <bo> ho")
    tally, messages, system = tally_of(path)
    assert (tally.lines, messages, system, tally.rejected) == (5, 2, 0, (1, 3, 4))


def test_a_time_that_no_clock_shows_is_rejected(tmp_path: Path) -> None:
    path = write(
        tmp_path, "[12:18] <ada> hi", "[27:00] <ada> x", "[12:75] <ada> y", "[12:19] <bo> ho"
    )
    assert tally_of(path)[0].rejected == (2, 3)


def test_logs_of_one_channel_repeat_ids_only_for_the_same_lines(tmp_path: Path) -> None:
    first = read(write(tmp_path, *["[12:18] <ada> hi"] * 3), thread="ubuntu")
    again = read(
        write(tmp_path, *["[12:18] <ada> hi"] * 4, name="copy 2025-01-31"), thread="ubuntu"
    )
    later = read(write(tmp_path, "[12:18] <ada> hi", name="2025-02-01.txt"), thread="ubuntu")
    ids = [[row["message_id"] for row in rows] for rows in (first, again, later)]
    assert ids[0] == ids[1][:3]
    assert len({id_ for some in ids for id_ in some}) == 5
