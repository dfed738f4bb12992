"""IRC logs: clocks without a date, nicks, actions, notices and archives, of many clients."""

import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from egregora_dag.adapters import (
    ExportError,
    ExportFile,
    Reading,
    Tally,
    adapter_for,
    import_chat,
    parse_file,
    read_export,
    scratch_database,
)
from egregora_dag.adapters.irc import IrcAdapter
from egregora_dag_tests.adapters.conversation import CONVERSATION
from egregora_dag_tests.adapters.formats.irc import FORMATS
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


def tally_of(path: Path) -> Tally:
    """What became of the lines."""
    file, adapter = ExportFile.open(path), IrcAdapter()
    with scratch_database() as scratch:
        parsed = parse_file(scratch, file, adapter, Reading())
        options: dict[str, Any] = {"chat": None, "thread": "irc", "timezone": "UTC"}
        return import_chat(scratch, file, parsed, source=adapter.source, **options).tally


def clocks(folder: Path, *times: str) -> list[datetime]:
    rows = read(write(folder, *(f"[{time}] <ada> hello" for time in times)))
    return [row["timestamp"].replace(tzinfo=None) for row in rows]


@pytest.mark.skipif(not LOGS, reason=f"the logs of {SHARED / 'data' / 'irc'} are not there")
def test_every_line_of_the_published_logs_is_accounted_for() -> None:
    assert len(LOGS) == 10
    for path in LOGS:
        assert isinstance(adapter_for(ExportFile.open(path)), IrcAdapter)
        tally = tally_of(path)
        assert (tally.lines, tally.continuation) == (1250, 0)
        assert tally.messages + tally.system + tally.rejected == 1250
        assert tally.messages > 500
        # What was rejected is neither said, nor done, nor announced.
        text = path.read_text("utf-8").splitlines()
        for line in tally.rejected_lines:
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
    tally = tally_of(path)
    assert (tally.lines, tally.messages, tally.system) == (5, 2, 0)
    assert tally.rejected_lines == (1, 3, 4)


def test_a_time_that_no_clock_shows_is_rejected(tmp_path: Path) -> None:
    path = write(
        tmp_path, "[12:18] <ada> hi", "[27:00] <ada> x", "[12:75] <ada> y", "[12:19] <bo> ho"
    )
    assert tally_of(path).rejected_lines == (2, 3)


def test_logs_of_one_channel_repeat_ids_only_for_the_same_lines(tmp_path: Path) -> None:
    first = read(write(tmp_path, *["[12:18] <ada> hi"] * 3), thread="ubuntu")
    again = read(
        write(tmp_path, *["[12:18] <ada> hi"] * 4, name="copy 2025-01-31"), thread="ubuntu"
    )
    later = read(write(tmp_path, "[12:18] <ada> hi", name="2025-02-01.txt"), thread="ubuntu")
    ids = [[row["message_id"] for row in rows] for rows in (first, again, later)]
    assert ids[0] == ids[1][:3]
    assert len({id_ for some in ids for id_ in some}) == 5


def told(rows: list[Row]) -> list[tuple[Any, ...]]:
    return [(row["kind"], row["author"], row["content"]) for row in rows]


def times(rows: list[Row]) -> list[str]:
    return [f"{row['timestamp']:%Y-%m-%d %H:%M:%S}" for row in rows]


def extras(rows: list[Row]) -> list[str]:
    return [row["metadata"]["extra"] for row in rows]


@pytest.mark.parametrize("name", FORMATS)
def test_a_conversation_reads_as_it_was_said(tmp_path: Path, name: str) -> None:
    form = FORMATS[name]
    said = [one for one in CONVERSATION if one.kind in form.kinds and "\n" not in one.text]
    path = form.write(said, tmp_path)
    file = ExportFile.open(path)
    assert isinstance(adapter_for(file), IrcAdapter)
    assert len(IrcAdapter().threads(file)) == 1
    rows = read(path)
    own = ("Log ", "Day ", "Session ", "BEGIN ", "Tue ", "Wed ", "Thu ", "Fri ", "Sat ")
    found = [row for row in rows if row["author"] or not row["content"].startswith(own)]
    assert [(row["content"], row["author"], row["timestamp"], row["kind"]) for row in found] == [
        (one.text, one.author, one.time, one.kind) for one in said
    ]
    tally = tally_of(path)
    assert tally.lines == tally.messages + tally.system + tally.rejected
    assert tally.rejected == (name == "irc hexchat")


def test_irssi_tells_what_happened_from_what_was_said(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "--- Log opened Tue May 01 23:50:00 2018",
        "23:50 -!- ada [~ada@host] has joined #chan",
        "23:51 < ada> hi",
        "23:52 <@bo> hello > <you>",
        "23:53:30  * ada waves at bo",
        "23:54 -ChanServ(ChanServ@services.)- welcome",
        "23:54 -bo:#chan- attention",
        "23:55 [ada(~ada@host)] psst",
        "23:55 [msg(ada)] mine",
        "--- Day changed Wed May 02 2018",
        "00:01 <+relay> <eve> hi",
        name="#chan.log",
    )
    rows = read(path)
    assert told(rows) == [
        ("system", None, "Log opened Tue May 01 23:50:00 2018"),
        ("system", None, "ada [~ada@host] has joined #chan"),
        ("message", "ada", "hi"),
        ("message", "bo", "hello > <you>"),
        ("message", "ada", "waves at bo"),
        ("message", "ChanServ", "welcome"),
        ("message", "bo", "attention"),
        ("message", "ada", "psst"),
        ("system", None, "[msg(ada)] mine"),
        ("system", None, "Day changed Wed May 02 2018"),
        ("message", "relay", "<eve> hi"),
    ]
    assert extras(rows)[4:8] == [
        '{"action": true}',
        '{"notice": true}',
        '{"notice": true}',
        '{"private": true}',
    ]
    assert [times(rows)[row] for row in (0, 4, 9, 10)] == [
        "2018-05-01 23:50:00",
        "2018-05-01 23:53:30",
        "2018-05-02 00:00:00",
        "2018-05-02 00:01:00",
    ]
    assert {row["thread_id"] for row in rows} == {"chan"}


@pytest.mark.parametrize(
    ("day", "month"),
    [
        ("Tue Mar 05 2019", 3),
        ("Di Mär 05 2019", 3),
        ("mar. mars 05 2019", 3),
        ("mar mag 05 2019", 5),
        ("ter fev 05 2019", 2),
        ("mar ene 05 2019", 1),
        ("di mrt 05 2019", 3),
        ("Sal Şub 05 2019", 2),
        ("Sel Agu 05 2019", 8),
        ("Вт мая 05 2019", 5),
        ("вт. янв. 05 2019", 1),
        ("ث ديسمبر 05 2019", 12),
        ("मंगल मार्च 05 2019", 3),
        ("मंगल नव॰ 05 2019", 11),
        ("Dienstag, 5. Oktober 2019", 10),
        ("2019-07-05", 7),
    ],
)
def test_a_new_day_is_read_in_the_clients_language(tmp_path: Path, day: str, month: int) -> None:
    path = write(tmp_path, f"--- Day changed {day}", "12:00 < ada> hi", name="x.log")
    assert times(read(path))[1] == f"2019-{month:02}-05 12:00:00"


def test_lines_before_the_first_date_are_counted_back_from_it(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "22:00 < ada> two days before",
        "23:00 < ada> still",
        "01:00 < ada> the day before",
        "--- Day changed Thu Mar 01 2018",
        "02:00 < ada> that day",
        "--- Day changed Thu Mar 08 2018",
        "03:00 < ada> a week after",
        name="#x.log",
    )
    assert [time[:10] for time in times(read(path))] == [
        "2018-02-27",
        "2018-02-27",
        "2018-02-28",
        "2018-03-01",
        "2018-03-01",
        "2018-03-08",
        "2018-03-08",
    ]


def test_weechat_tells_what_happened_by_the_sign_in_the_nicks_place(tmp_path: Path) -> None:
    lines = [
        "2018-05-01 12:34:56\t****  Beginning of log  ****",
        "2018-05-01 12:34:56\t-->\tada (~ada@host) has joined #chan",
        "2018-05-01 12:34:57\t@ada\thi\tthere",
        "2018-05-01 12:34:58\t *\tada waves",
        "2018-05-01 12:34:59\t--\tMode #chan [+o ada] by ChanServ",
        "2018-05-01 12:34:59\t--\tNotice(bo) -> #chan: attention",
        "2018-05-01 12:34:59\t=!=\tno such nick",
        "2018-05-01 12:34:59\t←\tada has quit",
        "2018-05-01 12:35:00\t\tindented",
        "2025-12-01T12:34:56.123456Z\t+_x_\tin UTC",
        "2025-12-01T12:34:56.5+0200\tbo\tto the east",
    ]
    path = write(tmp_path, *lines, name="irc.libera.#chan.weechatlog")
    rows = read(path, timezone="Asia/Tokyo")
    assert told(rows) == [
        ("system", None, "Beginning of log"),
        ("system", None, "ada (~ada@host) has joined #chan"),
        ("message", "ada", "hi\tthere"),
        ("message", "ada", "waves"),
        ("system", None, "Mode #chan [+o ada] by ChanServ"),
        ("message", "bo", "attention"),
        ("system", None, "no such nick"),
        ("system", None, "ada has quit"),
        ("system", None, "indented"),
        ("message", "_x_", "in UTC"),
        ("message", "bo", "to the east"),
    ]
    assert [times(rows)[row] for row in (0, 9, 10)] == [
        "2018-05-01 03:34:56",
        "2025-12-01 12:34:56",
        "2025-12-01 10:34:56",
    ]
    assert {row["thread_id"] for row in rows} == {"libera-chan"}


def test_the_stars_of_bouncers_and_bots_announce(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "[12:34:56] *** Joins: ada (~ada@host)",
        "[12:34:57] <ada> hi",
        "[12:34:58] * ada waves",
        "[12:34:59] -NickServ- identify",
        "[12:35:00] *** ada sets mode: +o bo",
        "[12:35:01] Connected to IRC (irc.example.org)",
        "[12:35:02] Action: bo nods",
        "[12:35:03] eve (eve@host) joined #chan.",
        "[12:35:04] eve kicked from #chan by ada: bye",
        "*** bo is now known as bob",
        name="#chan_20180501.log",
    )
    rows = read(path)
    assert told(rows) == [
        ("system", None, "Joins: ada (~ada@host)"),
        ("message", "ada", "hi"),
        ("message", "ada", "waves"),
        ("message", "NickServ", "identify"),
        ("system", None, "ada sets mode: +o bo"),
        ("system", None, "Connected to IRC (irc.example.org)"),
        ("message", "bo", "nods"),
        ("system", None, "eve (eve@host) joined #chan."),
        ("system", None, "eve kicked from #chan by ada: bye"),
        ("system", None, "bo is now known as bob"),
    ]
    assert extras(rows)[6] == '{"action": true}'
    assert {row["thread_id"] for row in rows} == {"chan"}


def test_hexchat_writes_no_year_and_announces_like_an_action(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "**** BEGIN LOGGING AT Sun Dec 30 22:00:00 2018",
        "",
        "Dec 30 22:00:00 *\tNow talking on #chan",
        "Dec 30 22:00:01 *\tada (~ada@host) has joined",
        "Dec 31 23:59:00 <ada>\thi",
        "Jan 01 00:00:00 *\tada waves",
        "Jan 01 00:00:01 -NickServ-\tyes",
        "Jan 01 00:00:02 *bo*\tpsst",
        "Jan 01 00:00:03 *\tada gives channel operator status to bo",
        "Feb 30 00:00:04 <ada>\tno such day",
        "juil. 02 00:00:05 <ada>\toui",
        "Jan 03 00:00:06 <ada>\ta year later",
        name="Libera-#chan.log",
    )
    rows = read(path)
    assert told(rows)[1:] == [
        ("system", None, "Now talking on #chan"),
        ("system", None, "ada (~ada@host) has joined"),
        ("message", "ada", "hi"),
        ("message", "ada", "waves"),
        ("message", "NickServ", "yes"),
        ("message", "bo", "psst"),
        ("system", None, "ada gives channel operator status to bo"),
        ("message", "ada", "oui"),
        ("message", "ada", "a year later"),
    ]
    assert times(rows)[3:5] == ["2018-12-31 23:59:00", "2019-01-01 00:00:00"]
    assert times(rows)[-2:] == ["2019-07-02 00:00:05", "2020-01-03 00:00:06"]
    assert tally_of(path).rejected_lines == (2, 10)


def test_mirc_begins_sessions_and_announces_like_an_action(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "Session Start: Tue May 01 12:00:00 2018",
        "Session Ident: #chan",
        "\x0303[12:00] * Now talking in #chan",
        "[12:01] <@ada> \x02hi\x02",
        "[12:02] * ada waves",
        "\x0303[12:03] * bo (bo@host) has joined #chan",
        "\x0303[12:04] * bo sets mode: +o ada",
        "Session Time: Wed May 02 00:00:00 2018",
        "[00:01] <ada> next",
        name="#chan.log",
    )
    rows = read(path)
    assert [row["author"] for row in rows] == [None, None, None, "ada", "ada", None, None, None,
                                               "ada"]  # fmt: skip
    assert rows[3]["content"] == "hi"
    assert times(rows)[-1] == "2018-05-02 00:01:00"


@pytest.mark.parametrize(
    "line",
    [
        "2018-02-30 12:00:00\tbo\tx",
        "9999-01-01 12:00:00\tbo\tx",
        "0001-01-01 12:00:00\tbo\tx",
        "1969-12-31 12:00:00\tbo\tx",
        "2018-05-01 25:00:00\tbo\tx",
        "2018-05-01\tbo\tx",
    ],
)
def test_a_date_that_cannot_be_is_rejected(tmp_path: Path, line: str) -> None:
    path = write(
        tmp_path,
        "2018-05-01 12:00:00\tada\thi",
        line,
        "2018-05-01 12:00:01\tada\tho",
        name="x.weechatlog",
    )
    assert tally_of(path).rejected_lines == (2,)
    assert times(read(path)) == ["2018-05-01 12:00:00", "2018-05-01 12:00:01"]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("#ubuntu.2018-05-01.txt", "#ubuntu"),
        ("2018-05-01-#ubuntu.txt", "#ubuntu"),
        ("#ubuntu_20180501.log", "#ubuntu"),
        ("ada_libera_#ubuntu_20180501.log", "ada_libera_#ubuntu"),
        ("#ubuntu-2018-05.log", "#ubuntu"),
        ("#ubuntu.log.01May2018", "#ubuntu"),
        ("##c++.log", "##c++"),
        ("#room201805.log", "#room201805"),
        ("irc.libera.#ubuntu.weechatlog", "libera.#ubuntu"),
        ("2004-11-15_03.raw.txt", "2004-11-15_03"),
        ("2018-05-01.log", "2018-05-01"),
        (".log", "log"),
    ],
)
def test_a_chat_is_named_after_the_channel(tmp_path: Path, name: str, title: str) -> None:
    file = ExportFile.open(write(tmp_path, "[12:18] <ada> hi", name=name))
    assert list(IrcAdapter().threads(file).values()) == [title]


def zipped(folder: Path, members: dict[str, str], name: str = "logs.zip") -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in members.items():
            archive.writestr(member, text)
    return path


def test_an_archive_holds_channels_each_in_the_order_of_its_days(tmp_path: Path) -> None:
    path = zipped(
        tmp_path,
        {
            "ada/net/#b/2018-05-01.log": "[12:00:00] <bo> other\n",
            "ada/net/#a/2018-05-02.log": "\ufeff[00:01:00] <ada> second\r\n",
            "ada/net/#a/2018-05-03.log": "",
            "ada/net/#a/2018-05-01.log": "=== joined\n[23:58:00] <ada> first\njunk",
            "ada/net/#a/2018-05-10.log": "=== left\n[00:01:00] <ada> last",
            "__MACOSX/ada/net/#a/._2018-05-10.log": "\0",
        },
    )
    rows = read(path)
    assert [(row["thread_id"], row["content"]) for row in rows] == [
        ("a", "joined"),
        ("a", "first"),
        ("a", "second"),
        ("a", "left"),
        ("a", "last"),
        ("b", "other"),
    ]
    assert times(rows) == [
        "2018-05-01 23:58:00",
        "2018-05-01 23:58:00",
        "2018-05-02 00:01:00",
        "2018-05-10 00:01:00",
        "2018-05-10 00:01:00",
        "2018-05-01 12:00:00",
    ]
    tally = tally_of(path)
    assert (tally.lines, tally.messages, tally.system) == (7, 4, 2)
    assert tally.rejected_lines == (3,)


def test_a_day_has_the_same_ids_alone_in_an_archive_and_in_a_longer_log(tmp_path: Path) -> None:
    first = "=== ada joined\n[23:59:00] <ada> hi\n[23:59:00] <ada> hi\n"
    second = "=== bo joined\n[00:10:00] <bo> hi\n"
    names = ("#a_20180501.log", "#a_20180502.log")
    alone = [
        row["message_id"]
        for name, text in zip(names, (first, second), strict=True)
        for row in read(write(tmp_path, *text.splitlines(), name=name))
    ]
    together = read(zipped(tmp_path, dict(zip(names, (first, second), strict=True))))
    assert [row["message_id"] for row in together] == alone
    longer = read(write(tmp_path, *first.splitlines(), "[00:10:00] <bo> hi", name=names[0]))
    assert [row["message_id"] for row in longer] == [*alone[:3], alone[4]]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "chat.txt",
            ["31/12/2018, 12:00 - Ada: look", "12:01 <bo> quoted", "31/12/2018, 12:02 - B: x"],
        ),
        ("table.tsv", ["time\tauthor\ttext", "2018-05-01 12:34:56\tada\thi"]),
        ("line.txt", ["12:34\tada\thi", "12:35\tbo\tho"]),
        ("notes.txt", ["# to do", "- first -", "* second item"]),
        ("page.html", ["<html>", "<p> 12:00 </p>"]),
        ("empty.txt", ["", ""]),
    ],
)
def test_files_of_others_are_left_to_them(tmp_path: Path, name: str, lines: list[str]) -> None:
    assert not IrcAdapter().recognizes(ExportFile.open(write(tmp_path, *lines, name=name)))


@pytest.mark.parametrize(
    "members",
    [
        {"_chat.txt": "[12:18] <ada> hi\n"},
        {"2018-05-01.log": "[12:18] <ada> hi\n", "photo.jpg": "x"},
        {"2018-05-01.log": "nothing\n"},
        {"#a/2018-05-01.json": "{}"},
        {},
    ],
)
def test_archives_of_others_are_left_to_them(tmp_path: Path, members: dict[str, str]) -> None:
    assert not IrcAdapter().recognizes(ExportFile.open(zipped(tmp_path, members)))


def test_a_damaged_archive_is_no_log(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"2018-05-01.log": "[12:18] <ada> hi\n" * 99})
    path.write_bytes(path.read_bytes()[:80])
    assert not IrcAdapter().recognizes(ExportFile.open(path))
    with pytest.raises(ExportError, match="damaged"):
        read_export(path, source="irc")


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"photo.jpg": "x"}, r"holds no \.log or \.txt file"),
        ({"2018-05-01.log": "nothing"}, "no line begins like an IRC log's"),
        (
            {"#a.2018-05-01.log": "[12:00] <a> x\n", "#a.log": "[12:00] <a> x"},
            r"#a\.log: .* no date",
        ),
        ({"a.log": "[12:00] <a> x\n--- not a day\n"}, "no date"),
        ({"a.log": "May 01 12:00:00 <a>\tx\n"}, "no date"),
    ],
)
def test_what_cannot_be_read_says_why(
    tmp_path: Path, members: dict[str, str], problem: str
) -> None:
    with pytest.raises(ExportError, match=problem) as caught:
        read_export(zipped(tmp_path, members), source="irc")
    assert str(caught.value).endswith(".")


def test_only_what_happened_is_a_chat_of_system_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "[12:00:00] *** Joins: ada (a@b)", "[12:00:01] *** Quits: ada (a@b) ()",
                 name="2018-05-01.log")  # fmt: skip
    assert isinstance(adapter_for(ExportFile.open(path)), IrcAdapter)
    assert (tally_of(path).messages, tally_of(path).system) == (0, 2)


def test_a_line_that_only_looks_like_a_date_changes_nothing(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "--- Log opened Tue May 01 12:00:00 2018",
        "12:01 < ada> --- Day changed Wed May 02 2019",
        "--- Day changed Wed Foo 02 2019",
        "--- Day changed Wed May 32 2019",
        "--- Day changed Wed May 02 9999",
        "12:02 < ada> hi",
        name="#x.log",
    )
    assert {time[:10] for time in times(read(path))} == {"2018-05-01"}
    assert tally_of(path).rejected_lines == ()
