"""LINE exports: clocks and days in many languages, quotation marks, and names with spaces."""

import zipfile
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
from egregora_dag.adapters.line import LineAdapter
from egregora_dag_tests.adapters.conversation import CONVERSATION
from egregora_dag_tests.adapters.formats.line import FORMATS

Row = dict[str, Any]
HEAD = ("[LINE] Chat history with Ada", "Saved on: 2020/02/03 12:34", "")


def write(folder: Path, *lines: str, name: str = "[LINE] Ada.txt") -> Path:
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def read(path: Path, **options: Any) -> list[Row]:
    rows: list[Row] = read_export(path, **options).read_all().to_pylist()
    return rows


def said(folder: Path, *lines: str) -> list[Row]:
    """What is read of lines that follow a head and a day."""
    return read(write(folder, *HEAD, "2020/01/31(Fri)", *lines))


def tally_of(path: Path) -> Tally:
    with scratch_database() as scratch:
        options: dict[str, Any] = {"chat": None, "thread": "line", "timezone": "UTC"}
        return import_file(scratch, ExportFile.open(path), LineAdapter(), **options).tally


def clock_of(row: Row) -> str:
    return f"{row['timestamp']:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize("name", FORMATS)
def test_what_was_written_is_read(tmp_path: Path, name: str) -> None:
    written = [one for one in CONVERSATION if one.kind in FORMATS[name].kinds]
    path = FORMATS[name].write(written, tmp_path)
    assert isinstance(adapter_for(ExportFile.open(path)), LineAdapter)
    assert [
        (row["content"], row["author"], row["timestamp"], row["kind"]) for row in read(path)
    ] == [(one.text, one.author, one.time, one.kind) for one in written]
    assert tally_of(path).rejected == 0


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Chat history with Ada", "Ada"),
        ("Chat history in Project Team", "Project Team"),
        ("Adaとのトーク履歴", "Ada"),
        ("グループ名のトーク履歴", "グループ名"),
        ('"グループ"のトーク履歴', "グループ"),
        ("Adaとのトーク", "Ada"),
        ("與Ada的聊天記錄", "Ada"),
        ("與 Ada 的聊天紀錄", "Ada"),
        ("与Ada的聊天记录", "Ada"),
        ("群組的聊天記錄", "群組"),
        ("ประวัติการแชทกับ Ada", "Ada"),
        ("Ada님과의 대화", "Ada"),
        ("Keep Memo", "Keep Memo"),
    ],
)
def test_the_title_is_that_of_the_first_line(tmp_path: Path, title: str, expected: str) -> None:
    path = write(tmp_path, f"[LINE] {title}", "Saved on: x", name="x.txt")
    assert LineAdapter().threads(ExportFile.open(path)) == {expected: expected}


def test_a_text_without_a_title_is_named_like_its_file(tmp_path: Path) -> None:
    path = write(tmp_path, "2020.01.31 金曜日", "12:34 Ada hi", name="[LINE]旅行部のトーク (2).txt")
    assert LineAdapter().threads(ExportFile.open(path)) == {"旅行部": "旅行部"}


@pytest.mark.parametrize(
    "day",
    [
        "2020/01/31(金)",
        "2020/1/31（週五）",
        "2020/01/31（五）",
        "2020/01/31週五",
        "2020/01/31 Friday",
        "2020/01/31 Fri",
        "2020.01.31 星期五",
        "2020.01.31 金曜日",
        "2020.01.31 금요일",
        "2020/01/31(금)",
        "2020/01/31 ศุกร์",
        "2020/01/31",
        "R2/01/31(金)",
        "Fri, 01/31/2020",
        "Fri, 1/31/2020",
        "Fri, 31/01/2020",
        "Fri, 31/01/2563 BE",
        "31/01/2020 Fri",
    ],
)
def test_days_are_told_in_many_ways(tmp_path: Path, day: str) -> None:
    [row] = read(write(tmp_path, *HEAD, day, "12:34\tAda\thi"))
    assert clock_of(row) == "2020-01-31 12:34"


CLOCKS = {
    "12:34": "12:34",
    "0:05": "00:05",
    "午前0:05": "00:05",
    "午後12:34": "12:34",
    "午後0:34": "12:34",
    "下午 03:04": "15:04",
    "上午12:05": "00:05",
    "中午12:05": "12:05",
    "오후 11:59": "23:59",
    "12:34 PM": "12:34",
    "12:34AM": "00:34",
    "09:30PM": "21:30",
    "9:02\u202fpm": "21:02",
    "9:02\u00a0a.m.": "09:02",
}


def test_clocks_are_told_in_many_ways(tmp_path: Path) -> None:
    rows = said(tmp_path, *(f"{clock}\tAda\t{clock}" for clock in CLOCKS))
    assert {row["content"]: row["metadata"]["local_time"] for row in rows} == {
        clock: f"2020-01-31 {time}:00" for clock, time in CLOCKS.items()
    }


@pytest.mark.parametrize(
    ("days", "order", "dates"),
    [
        (("Thu, 01/02/2020", "Sat, 02/01/2020"), "month day year", ["01-02", "02-01"]),
        (("Sat, 01/02/2020", "Sun, 02/02/2020"), "day month year", ["02-01", "02-02"]),
        (("xx, 05/04/2020", "xx, 13/04/2020"), "day month year", ["04-05", "04-13"]),
    ],
)
def test_weekdays_tell_the_order_of_day_and_month(
    tmp_path: Path, days: tuple[str, ...], order: str, dates: list[str]
) -> None:
    lines = [line for day in days for line in (day, "12:00\tAda\thi", "")]
    path = write(tmp_path, *HEAD, *lines)
    assert [f"{row['timestamp']:%m-%d}" for row in read(path)] == dates
    with scratch_database() as scratch:
        options: dict[str, Any] = {"chat": None, "thread": "line", "timezone": "UTC"}
        imported = import_file(scratch, ExportFile.open(path), LineAdapter(), **options)
    assert imported.parsed.date_order is not None
    assert imported.parsed.date_order.order == order
    assert not imported.parsed.date_order.is_guess


def test_what_the_user_says_of_the_order_is_taken(tmp_path: Path) -> None:
    path = write(tmp_path, *HEAD, "xx, 05/04/2020", "12:00\tAda\thi")
    assert clock_of(read(path)[0]) == "2020-04-05 12:00"
    assert clock_of(read(path, day_first=False)[0]) == "2020-05-04 12:00"


# Text → kind, media_type, media_path and content.
LABELS: list[tuple[str, str, str | None, str | None, str]] = [
    ("[Photo]", "media", "image", None, ""),
    ("[写真]", "media", "image", None, ""),
    ("[照片]", "media", "image", None, ""),
    ("[Sticker]", "media", "sticker", None, ""),
    ("[スタンプ]", "media", "sticker", None, ""),
    ("[貼圖]", "media", "sticker", None, ""),
    ("[Video]", "media", "video", None, ""),
    ("[動画]", "media", "video", None, ""),
    ("[影片]", "media", "video", None, ""),
    ("[Voice message]", "media", "audio", None, ""),
    ("[ボイスメッセージ]", "media", "audio", None, ""),
    ("[File]", "media", "document", None, ""),
    ("[File] terms.pdf", "media", "document", "terms.pdf", ""),
    ("[ファイル] 表.xlsx", "media", "document", "表.xlsx", ""),
    ("[位置情報] 東京都", "location", None, None, "東京都"),
    ("[Location]", "location", None, None, ""),
    ("[連絡先] Bo", "contact", None, None, "Bo"),
    ("[Poll] when?", "poll", None, None, "[Poll] when?"),
    ("[投票]", "poll", None, None, "[投票]"),
    ("[アルバム] 旅行", "message", None, None, "[アルバム] 旅行"),
    ("[ノート] 予定", "message", None, None, "[ノート] 予定"),
    ("☎ 不在着信", "call", None, None, "☎ 不在着信"),
    ("不在着信", "call", None, None, "不在着信"),
    ("グループ通話が終了しました。", "call", None, None, "グループ通話が終了しました。"),
    ("[Photo] was nice", "message", None, None, "[Photo] was nice"),
    ("スタンプ", "message", None, None, "スタンプ"),
    ("[", "message", None, None, "["),
    ("@Bo see https://example.org/a", "message", None, None, "@Bo see https://example.org/a"),
]


def test_labels_stand_for_what_text_cannot_show(tmp_path: Path) -> None:
    rows = said(tmp_path, *(f"12:34\tAda\t{text}" for text, *_ in LABELS))
    assert {row["author"] for row in rows} == {"Ada"}
    assert [
        (row["kind"], row["media_type"], row["media_path"], row["content"]) for row in rows
    ] == [tuple(rest) for _, *rest in LABELS]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("☎ 通話時間 1:05", 65), ("☎ Call time 1:02:03", 3723), ("通話時間 0:07", 7)],
)
def test_calls_tell_how_long_they_were(tmp_path: Path, text: str, seconds: int) -> None:
    [row] = said(tmp_path, f"12:34\tAda\t{text}")
    assert (row["kind"], row["metadata"]["extra"]) == ("call", f'{{"seconds":{seconds}}}')


@pytest.mark.parametrize(
    ("line", "author"),
    [
        ("12:34\tBoがメッセージの送信を取り消しました", "Bo"),
        ("12:34\t\tBo 已收回訊息", "Bo"),
        ("12:34\t\tBo unsent a message.", "Bo"),
        ("12:34\tBo\tBo unsent a message.", "Bo"),
        ("12:34\tBo\tメッセージの送信を取り消しました", "Bo"),
        ("12:34\t\tメッセージの送信を取り消しました", "Me"),
        ("12:34\tYou unsent a message.", "Me"),
        ("12:34\t您已收回訊息", "Me"),
    ],
)
def test_what_was_unsent_is_known_as_such(tmp_path: Path, line: str, author: str) -> None:
    rows = said(tmp_path, "12:00\tMe\thi", "12:00\tAda\thi", line)
    assert (rows[-1]["kind"], rows[-1]["author"]) == ("deleted", author)


def test_who_unsent_is_unknown_in_a_group(tmp_path: Path) -> None:
    authors = [f"12:00\t{name}\thi" for name in ("Ada", "Bo", "Cy")]
    [*_, row] = said(tmp_path, *authors, "12:34\t\tYou unsent a message.")
    assert (row["kind"], row["author"]) == ("system", None)


@pytest.mark.parametrize(
    ("line", "content"),
    [
        ("12:34\t\tBo joined the group.", "Bo joined the group."),
        ("12:34\tBoがグループに参加しました。", "Boがグループに参加しました。"),
        ("12:34\tAda\tAdaがBoをグループに追加しました。", "AdaがBoをグループに追加しました。"),
        ("12:34\t\tany notice: of any kind", "any notice: of any kind"),
    ],
)
def test_notices_have_no_author(tmp_path: Path, line: str, content: str) -> None:
    [row] = said(tmp_path, line)
    assert (row["kind"], row["author"], row["content"]) == ("system", None, content)


def test_texts_of_several_lines_lose_their_quotation_marks(tmp_path: Path) -> None:
    rows = said(
        tmp_path,
        '12:34\tAda\t"first',
        "",
        'said ""no"" 🌻"',
        '12:35\tBo\t"one line"',
        '12:36\tBo\t12" is "long',
        '12:37\tAda\t"a',
        '"',
        "",
        "2020/02/01(Sat)",
        "12:00\tBo\tunquoted",
        "  goes on",
    )
    assert [row["content"] for row in rows] == [
        'first\n\nsaid "no" 🌻',
        '"one line"',
        '12" is "long',
        "a\n",
        "unquoted\n  goes on",
    ]


def test_a_chat_pasted_into_a_message_stays_within_it(tmp_path: Path) -> None:
    pasted = '"look:\n10:30\tZ\thello\n2019/05/05(Sun)\n10:31\tZ\tbye\nend"'
    rows = said(tmp_path, f"12:34\tAda\t{pasted}", "12:35\tBo\tok")
    assert [(row["author"], row["content"], clock_of(row)) for row in rows] == [
        ("Ada", pasted.strip('"'), "2020-01-31 12:34"),
        ("Bo", "ok", "2020-01-31 12:35"),
    ]


def test_a_quotation_mark_that_is_never_closed_takes_no_other_message(tmp_path: Path) -> None:
    rows = said(
        tmp_path, '12:34\tAda\t"open', "12:35\tBo\thi", '12:36\tAda\t"a', 'b"', "12:37\tBo\tx"
    )
    assert [row["content"] for row in rows] == ['"open', "hi", "a\nb", "x"]


def test_tabs_in_a_text_are_part_of_it(tmp_path: Path) -> None:
    [row] = said(tmp_path, "12:34\tAda\ta\tb\t")
    assert row["content"] == "a\tb\t"


def test_the_desktop_parts_by_spaces_what_phones_part_by_tabs(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "2025.12.30 火曜日",
        "23:43 jelly cat スタンプ",
        "23:44 Ada joined the group.",
        "23:47 Bo わ!",
        "見ます!",
        "23:48 jelly cat C# code",
        "23:49 jelly catがメッセージの送信を取り消しました",
        "2025.12.31 水曜日",
        *(f"10:2{number} Mie (work) text {number}" for number in range(5)),
        "10:26 Mie (work) Mie (work)がLuをグループに招待しました。",
        "10:28 Bo 通話時間 1:23",
        name="[LINE]旅行部.txt",
    )
    assert [(row["author"], row["content"], row["kind"]) for row in read(path)] == [
        ("jelly cat", "", "media"),
        (None, "Ada joined the group.", "system"),
        ("Bo", "わ!\n見ます!", "message"),
        ("jelly cat", "C# code", "message"),
        ("jelly cat", "jelly catがメッセージの送信を取り消しました", "deleted"),
        *(("Mie (work)", f"text {number}", "message") for number in range(5)),
        (None, "Mie (work)がLuをグループに招待しました。", "system"),
        ("Bo", "通話時間 1:23", "call"),
    ]
    assert tally_of(path) == Tally(15, 10, 2, 3, 0, ())


def test_the_title_of_a_chat_of_two_is_a_name(tmp_path: Path) -> None:
    path = write(
        tmp_path, "2020.01.31 Friday", "12:34 Ada Lovelace hi", name="[LINE]Ada Lovelace.txt"
    )
    assert [(row["author"], row["content"]) for row in read(path)] == [("Ada Lovelace", "hi")]


def test_tabs_that_became_spaces_still_part(tmp_path: Path) -> None:
    rows = read(write(tmp_path, *HEAD, "2020/01/31(金)", "15:18    Ada B    hi  there"))
    assert [(row["author"], row["content"]) for row in rows] == [("Ada B", "hi  there")]


def test_every_line_is_accounted_for(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        *HEAD,
        "stray",
        "09:00\tAda\tbefore any day",
        "2020/01/31(Fri)",
        "12:34\tAda\thi",
        "goes on",
        "25:00\tAda\tno such clock",
        "its second line",
        "12:60\tAda\tno such clock",
        "12:35\t\tBo joined the group.",
        "",
        "2020/02/30(Sun)",
        "12:00\tAda\tno such day",
        "9999/01/01(Fri)",
        "12:00\tAda\tno such year",
        "0001/01/01(Fri)",
        "12:00\tAda\tno such year",
        "2020/02/01(Sat)",
        "12:00\tBo\tbye",
    )
    tally = tally_of(path)
    assert tally.rejected_lines == (4, 5, 9, 10, 11, 15, 17, 19)
    assert (tally.lines, tally.messages, tally.system, tally.rejected) == (21, 2, 1, 8)
    assert tally.continuation == 10


def test_a_date_within_a_text_is_no_day_where_days_have_weekdays(tmp_path: Path) -> None:
    rows = said(tmp_path, "12:34\tAda\tthe dates:", "2021/05/05", "2021/06/06", "12:35\tBo\tok")
    assert [row["content"] for row in rows] == ["the dates:\n2021/05/05\n2021/06/06", "ok"]
    assert {row["timestamp"].year for row in rows} == {2020}


def test_ids_are_those_of_another_export_of_the_chat(tmp_path: Path) -> None:
    days = [
        ("2020/01/31(Fri)", "12:34\tAda\thi", "12:34\tAda\thi", "12:35\tBo\t[Photo]"),
        ("2020/02/01(Sat)", '12:34\tAda\t"a', 'b"'),
        ("2020/02/02(Sun)", "12:34\tBo\tbye"),
    ]
    (tmp_path / "later").mkdir()
    first = read(write(tmp_path, *HEAD, *days[0], *days[1]))
    later = read(write(tmp_path / "later", HEAD[0], "Saved on: x", "", *days[1], *days[2]))
    ids = [row["message_id"] for row in (*first, *later)]
    assert ids[3] == ids[4]
    assert len(set(ids)) == 5


def test_ids_do_not_depend_on_the_language_of_labels(tmp_path: Path) -> None:
    [one] = said(tmp_path, "12:34\tAda\t[Photo]")
    [other] = said(tmp_path, "下午12:34\tAda\t[照片]")
    assert one["message_id"] == other["message_id"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings_of_other_programs_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(
        "[LINE] Adaとのトーク履歴\r\n保存日時：x\r\n\r\n2020/01/31(金)\r\n12:34\tAda\tこ".encode(
            encoding
        )
    )
    [row] = read(path)
    assert (row["author"], row["content"], row["source"]) == ("Ada", "こ", "line")


def test_an_archive_of_an_export_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "a/[LINE] Ada.txt", "\n".join([*HEAD, "2020/01/31(Fri)", "12:34\tAda\thi"])
        )
    [row] = read(path)
    assert (row["content"], row["thread_id"]) == ("hi", "ada")


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (HEAD, r"no line begins with a clock"),
        ((*HEAD, "2020/01/31(Fri)", "only text"), r"no line begins with a clock"),
        ((*HEAD, "12:34\tAda\tsecret"), r"no line tells the day"),
    ],
)
def test_a_file_without_messages_is_refused(
    tmp_path: Path, lines: tuple[str, ...], problem: str
) -> None:
    path = write(tmp_path, *lines)
    with pytest.raises(ExportError, match=problem) as caught:
        read_export(path)
    assert caught.value.path == path
    assert "secret" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_chat_of_notices_alone_is_read(tmp_path: Path) -> None:
    rows = said(tmp_path, "12:34\t\tBo joined the group.")
    assert [(row["author"], row["kind"]) for row in rows] == [(None, "system")]


def test_a_text_that_was_cut_off_is_read_to_its_end(tmp_path: Path) -> None:
    path = write(tmp_path, *HEAD, "2020/01/31(Fri)", "12:34\tAda\thi")
    path.write_bytes(path.read_bytes() + '12:35\tBo\t"half é'.encode()[:-1])
    assert [row["content"][:5] for row in read(path)] == ["hi", '"half']


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "hello",
        "2020/01/31, 12:34 - Ada: hi",
        "[12:18] <ada> hi",
        "12:34 a meeting",
        "2020/01/31 notes\nof a day",
        "timestamp,author,content\n",
        '{"a": 1}',
    ],
)
def test_other_texts_are_not_taken_for_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.txt"
    path.write_text(f"{text} ", "utf-8")
    assert not LineAdapter().recognizes(ExportFile.open(path))


def test_times_are_those_of_the_chats_zone(tmp_path: Path) -> None:
    path = write(tmp_path, *HEAD, "2020/01/31(Fri)", "12:34\tAda\thi")
    [row] = read(path, timezone="Asia/Tokyo")
    assert row["timestamp"].astimezone(tz=None).timestamp() == (
        datetime.fromisoformat("2020-01-31T12:34+09:00").timestamp()
    )
