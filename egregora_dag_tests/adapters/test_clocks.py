"""Clock times become UTC as documented, also where the clock is changed."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from egregora_dag.adapters import read_export
from egregora_dag.adapters.day_periods import PERIODS, hour_of_day, normalized


@pytest.mark.parametrize(
    ("clock", "utc"),
    [
        # Summer time ends in Lisbon on 26 October 2025 at 2:00, which becomes 1:00.
        ("26/10/2025, 00:59", datetime(2025, 10, 25, 23, 59)),
        ("26/10/2025, 01:30", datetime(2025, 10, 26, 1, 30)),
        ("26/10/2025, 02:00", datetime(2025, 10, 26, 2, 0)),
        # It begins on 30 March 2025 at 1:00, which becomes 2:00.
        ("30/03/2025, 00:59", datetime(2025, 3, 30, 0, 59)),
        ("30/03/2025, 01:30", datetime(2025, 3, 30, 1, 30)),
        ("30/03/2025, 02:00", datetime(2025, 3, 30, 1, 0)),
    ],
)
def test_local_times_around_a_change_of_the_clock(
    tmp_path: Path, clock: str, utc: datetime
) -> None:
    path = tmp_path / "WhatsApp Chat with Ada.txt"
    path.write_text(f"{clock} - Ada: hello\n", "utf-8")
    [row] = read_export(path, timezone="Europe/Lisbon").read_all().to_pylist()
    assert row["timestamp"] == utc.replace(tzinfo=UTC)


def test_the_order_of_messages_does_not_depend_on_a_clock_that_goes_back(tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat with Ada.txt"
    clocks = ("01:10", "01:50", "01:05", "01:40", "02:10")
    path.write_text("".join(f"26/10/2025, {clock} - Ada: {clock}\n" for clock in clocks), "utf-8")
    rows = read_export(path, timezone="Europe/Lisbon").read_all().to_pylist()
    assert [row["content"] for row in rows] == list(clocks)


_AROUND = {
    "WhatsApp Chat with Ada.txt": ("", "[31/12/2016, 23:59:{second}] Ada: {text}\n"),
    "libera.#fig.weechatlog": ("", "2016-12-31 23:59:{second}\tAda\t{text}\n"),
    "notes.csv": ("author,timestamp,content\n", "Ada,2016-12-31 23:59:{second},{text}\n"),
    "notes.ndjson": (
        "",
        '{{"author":"Ada","timestamp":"2016-12-31T23:59:{second}Z","content":"{text}"}}\n',
    ),
    "discord.csv": (
        "AuthorID,Author,Date,Content,Attachments,Reactions\n",
        "1,ada,2016-12-31T23:59:{second}.0000000+00:00,{text},,\n",
    ),
    "KakaoTalk_Chat_fig.csv": ("Date,User,Message\n", '2016-12-31 23:59:{second},"Ada","{text}"\n'),
}


@pytest.mark.parametrize("name", _AROUND)
def test_a_leap_second_counts_as_the_one_before_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    head, line = _AROUND[name]
    said = {58: "before", 60: "in", 59: "again"}
    path.write_text(
        head + "".join(line.format(second=second, text=text) for second, text in said.items()),
        "utf-8",
    )
    rows = read_export(path, timezone="UTC").read_all().to_pylist()
    assert [row["content"] for row in rows] == list(said.values())
    midnight = datetime(2017, 1, 1, tzinfo=UTC)
    assert [(midnight - row["timestamp"]).seconds for row in rows] == [2, 1, 1]


def test_a_minute_of_sixty_is_no_time(tmp_path: Path) -> None:
    head, line = _AROUND["discord.csv"]
    path = tmp_path / "discord.csv"
    path.write_text(
        head
        + line.format(second=10, text="well").replace("23:59", "23:60")
        + line.format(second=20, text="better"),
        "utf-8",
    )
    rows = read_export(path, timezone="UTC").read_all().to_pylist()
    assert [row["content"] for row in rows] == ["better"]


def test_times_to_come_are_kept_up_to_2199(tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat with Ada.txt"
    path.write_text(
        "[31/12/2061, 23:59:58] Ada: once\n[01/01/2150, 00:00:01] Ada: far\n"
        "[02/01/2025, 00:00:01] Ada: now\n",
        "utf-8",
    )
    rows = read_export(path, timezone="UTC").read_all().to_pylist()
    assert [(row["timestamp"].year, row["content"]) for row in rows] == [
        (2061, "once"),
        (2150, "far"),
        (2025, "now"),
    ]


@pytest.mark.parametrize(
    ("hour", "word", "expected"),
    [
        (12, "AM", 0),
        (12, "p. m.", 12),
        (1, "下午", 13),
        (12, "오전", 0),
        (12, "凌晨", 0),
        (12, "中午", 12),
        (1, "中午", 13),
        (8, "晚上", 20),
        (12, "晚上", 0),
        (7, "μ.μ.", 19),
        (9, "ق.ظ", 9),
        (2, "रात", 2),
        (10, "रात", 22),
        (18, "pm", 18),
        (7, "sometime", None),
    ],
)
def test_an_hour_of_a_twelve_hour_clock_is_told_by_its_word(
    hour: int, word: str, expected: int | None
) -> None:
    assert hour_of_day(hour, word) == expected


def test_words_are_known_as_they_are_written_without_dots_and_spaces() -> None:
    assert all(normalized(word) == word for word in PERIODS if "." not in word and "/" not in word)
