"""KakaoTalk exports: four layouts, notices without a clock, labels, and CSV."""

import zipfile
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
from egregora_dag.adapters.kakaotalk import KakaoTalkAdapter
from egregora_dag_tests.adapters.conversation import CONVERSATION
from egregora_dag_tests.adapters.formats.kakaotalk import FORMATS

Row = dict[str, Any]
HEAD = ("여행부 님과 카카오톡 대화", "저장한 날짜 : 2020-02-03 12:34:56", "")
DAY = "--------------- 2020년 1월 31일 금요일 ---------------"
NEXT_DAY = "--------------- 2020년 2월 1일 토요일 ---------------"


def write(folder: Path, *lines: str, name: str = "KakaoTalk.txt") -> Path:
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def read(path: Path, **options: Any) -> list[Row]:
    rows: list[Row] = read_export(path, **options).read_all().to_pylist()
    return rows


def tally_of(path: Path) -> Tally:
    with scratch_database() as scratch:
        options: dict[str, Any] = {"chat": None, "thread": "kakao", "timezone": "UTC"}
        return import_file(scratch, ExportFile.open(path), KakaoTalkAdapter(), **options).tally


def told(path: Path) -> list[tuple[str, str | None, str]]:
    """The clock, author and content of each row."""
    return [(row["metadata"]["local_time"], row["author"], row["content"]) for row in read(path)]


@pytest.mark.parametrize("name", FORMATS)
def test_what_was_written_is_read(tmp_path: Path, name: str) -> None:
    written = [one for one in CONVERSATION if one.kind in FORMATS[name].kinds]
    path = FORMATS[name].write(written, tmp_path)
    assert isinstance(adapter_for(ExportFile.open(path)), KakaoTalkAdapter)
    assert [
        (row["content"], row["author"], row["timestamp"], row["kind"]) for row in read(path)
    ] == [(one.text, one.author, one.time, one.kind) for one in written]
    assert tally_of(path).rejected == 0


@pytest.mark.parametrize(
    ("first", "name", "expected"),
    [
        ("여행부 님과 카카오톡 대화", "x.txt", "여행부"),
        ("여행부님과 카카오톡 대화", "x.txt", "여행부"),
        ("여행부 16 카카오톡 대화", "x.txt", "여행부"),
        ("여행부 카카오톡 대화", "x.txt", "여행부"),
        ("KakaoTalk Chats with Ada", "x.txt", "Ada"),
        ("Ada with KakaoTalk Chats", "x.txt", "Ada"),
        ("Talk_2020.1.31 12:34-1.txt", "Talk_2020.1.31 12_34-1.txt", "Talk_2020.1.31 12_34-1"),
        ("Date,User,Message", "KakaoTalk_Chat_여행부_2020-01-31-12-34-56.csv", "여행부"),
        ("Date,User,Message", "chat (1).csv", "chat"),
    ],
)
def test_the_title_is_in_the_first_line_or_in_the_files_name(
    tmp_path: Path, first: str, name: str, expected: str
) -> None:
    path = write(tmp_path, first, name=name)
    assert KakaoTalkAdapter().threads(ExportFile.open(path)) == {expected: expected}


def test_brackets_hold_names_and_clocks(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        *HEAD,
        DAY,
        "[Ada] [오전 12:05] midnight",
        "[Ada] [오후 12:05] noon",
        "[Ada] [오후 3:04] [x] [오후 1:00] quoted",
        "[Bo [work]] [15:05] text",
        "[Bo] [Cy] [15:06] two brackets",
        "[Ada] [3:07 PM] english",
        "[Ada] [15:08]",
        "[] [15:09] notice",
        "--------------- Saturday, February 1, 2020 ---------------",
        "[Ada] [1:02 AM] next day",
    )
    assert told(path) == [
        ("2020-01-31 00:05:00", "Ada", "midnight"),
        ("2020-01-31 12:05:00", "Ada", "noon"),
        ("2020-01-31 15:04:00", "Ada", "[x] [오후 1:00] quoted"),
        ("2020-01-31 15:05:00", "Bo [work]", "text"),
        ("2020-01-31 15:06:00", "Bo] [Cy", "two brackets"),
        ("2020-01-31 15:07:00", "Ada", "english"),
        ("2020-01-31 15:08:00", "Ada", ""),
        ("2020-01-31 15:09:00", None, "notice"),
        ("2020-02-01 01:02:00", "Ada", "next day"),
    ]


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2020년 1월 31일 오후 12:34", "2020-01-31 12:34:00"),
        ("2020년 1월 31일 15:34", "2020-01-31 15:34:00"),
        ("2020. 1. 31. 오전 12:34", "2020-01-31 00:34:00"),
        ("2020. 1. 31. 15:34", "2020-01-31 15:34:00"),
        ("2020.1.31. 오후 3:34", "2020-01-31 15:34:00"),
        ("2020年1月31日 午後3:34", "2020-01-31 15:34:00"),
        ("2020/01/31 15:34", "2020-01-31 15:34:00"),
        ("January 31, 2020 at 12:34 PM", "2020-01-31 12:34:00"),
        ("January 31, 2020, 3:34 p.m.", "2020-01-31 15:34:00"),
        ("Jan 31, 2020 at 3:34\u202fPM", "2020-01-31 15:34:00"),
        ("Jan 31, 2020 at 15:34", "2020-01-31 15:34:00"),
        ("Jan 31, 2020 12:34 AM", "2020-01-31 00:34:00"),
        ("31 Jan 2020 at 15:34", "2020-01-31 15:34:00"),
    ],
)
def test_phones_put_the_whole_time_before_a_message(
    tmp_path: Path, stamp: str, expected: str
) -> None:
    path = write(
        tmp_path,
        *HEAD,
        f"{stamp}, Ada : hi : there",
        "goes on",
        f"{stamp}, Bo :",
        f"{stamp},  : of the application",
        f"{stamp}, Bo님이 나갔습니다.",
        f"{stamp}: Cy left this chatroom.",
    )
    assert told(path) == [
        (expected, "Ada", "hi : there\ngoes on"),
        (expected, "Bo", ""),
        (expected, None, "of the application"),
        (expected, None, "Bo님이 나갔습니다."),
        (expected, None, "Cy left this chatroom."),
    ]


def test_a_clock_alone_is_of_the_day_above(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        *HEAD,
        "2020년 1월 31일 금요일",
        "오전 12:05,  : 시스템 알림",
        "오후 8:36, Ada : hi",
        "",
        "2020년 2월 1일 토요일",
        "오후 8:38, Bo님이 나갔습니다.",
    )
    assert told(path) == [
        ("2020-01-31 00:05:00", None, "시스템 알림"),
        ("2020-01-31 20:36:00", "Ada", "hi"),
        ("2020-02-01 20:38:00", None, "Bo님이 나갔습니다."),
    ]


def test_notices_between_messages_have_the_clock_of_the_one_above(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        *HEAD,
        DAY,
        "Bo님이 Ada님과 Cy님을 초대하였습니다.",
        "[Ada] [오후 3:04] hi",
        "goes on",
        "Cy님이 나갔습니다.",
        "Cy님을 내보냈습니다.",
        "Ada invited Di.",
        "nobody left.",
        "채팅방 관리자가 메시지를 가렸습니다.",
        NEXT_DAY,
        "Di님이 들어왔습니다.",
        "운영정책을 위반한 메시지로 신고 접수 시",
        "[Di] [오후 5:00] hello",
    )
    assert told(path) == [
        ("2020-01-31 00:00:00", None, "Bo님이 Ada님과 Cy님을 초대하였습니다."),
        ("2020-01-31 15:04:00", "Ada", "hi\ngoes on"),
        ("2020-01-31 15:04:00", None, "Cy님이 나갔습니다."),
        ("2020-01-31 15:04:00", None, "Cy님을 내보냈습니다."),
        ("2020-01-31 15:04:00", None, "Ada invited Di.\nnobody left."),
        ("2020-01-31 15:04:00", None, "채팅방 관리자가 메시지를 가렸습니다."),
        (
            "2020-02-01 00:00:00",
            None,
            "Di님이 들어왔습니다.\n운영정책을 위반한 메시지로 신고 접수 시",
        ),
        ("2020-02-01 17:00:00", "Di", "hello"),
    ]


# Text → kind, media_type, media_path and content.
LABELS: list[tuple[str, str, str | None, str | None, str]] = [
    ("사진", "media", "image", None, ""),
    ("사진 3장", "media", "image", None, ""),
    ("Photo", "media", "image", None, ""),
    ("동영상", "media", "video", None, ""),
    ("Video", "media", "video", None, ""),
    ("videos", "media", "video", None, ""),
    ("이모티콘", "media", "sticker", None, ""),
    ("(이모티콘) 안녕", "media", "sticker", None, "안녕"),
    ("Emoticons", "media", "sticker", None, ""),
    ("음성메시지", "media", "audio", None, ""),
    ("Voice Note", "media", "audio", None, ""),
    ("파일: 계약서 1.pdf", "media", "document", "계약서 1.pdf", ""),
    ("File: terms.pdf", "media", "document", "terms.pdf", ""),
    (f"{'0a' * 32}.jpg", "media", "image", f"{'0a' * 32}.jpg", ""),
    (f"{'0a' * 32}.mp4", "media", "video", f"{'0a' * 32}.mp4", ""),
    ("보이스톡 해요", "call", None, None, "보이스톡 해요"),
    ("페이스톡 취소", "call", None, None, "페이스톡 취소"),
    ("Voice Call", "call", None, None, "Voice Call"),
    ("Live Talk ended", "call", None, None, "Live Talk ended"),
    ("삭제된 메시지입니다.", "deleted", None, None, "삭제된 메시지입니다."),
    ("This message was deleted.", "deleted", None, None, "This message was deleted."),
    ("지도: 서울역", "location", None, None, "서울역"),
    ("연락처: Bo", "contact", None, None, "Bo"),
    ("카카오톡 프로필", "contact", None, None, ""),
    ("투표: 언제?", "poll", None, None, "투표: 언제?"),
    ("톡게시판 '투표': 어디?", "poll", None, None, "톡게시판 '투표': 어디?"),
    ("사진 예쁘다", "message", None, None, "사진 예쁘다"),
    ("Photo of us", "message", None, None, "Photo of us"),
    ("This message was short", "message", None, None, "This message was short"),
    ("@Bo https://example.org/a", "message", None, None, "@Bo https://example.org/a"),
]


def test_labels_stand_for_what_text_cannot_show(tmp_path: Path) -> None:
    rows = read(write(tmp_path, *HEAD, DAY, *(f"[Ada] [오후 3:04] {text}" for text, *_ in LABELS)))
    assert {row["author"] for row in rows} == {"Ada"}
    assert [
        (row["kind"], row["media_type"], row["media_path"], row["content"]) for row in rows
    ] == [tuple(rest) for _, *rest in LABELS]


def test_calls_tell_how_long_they_were(tmp_path: Path) -> None:
    calls = {"보이스톡 0:17": 17, "Voice Call 1:02:03": 3723, "페이스톡 12:00": 720}
    rows = read(write(tmp_path, *HEAD, DAY, *(f"[Ada] [오후 3:04] {call}" for call in calls)))
    assert [(row["kind"], row["metadata"]["extra"]) for row in rows] == [
        ("call", f'{{"seconds":{seconds}}}') for seconds in calls.values()
    ]


def test_tables_of_macos_are_read(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "Date,User,Message",
        '2020-01-31 12:34:56,"Ada","hi, ""you""',
        "",
        'there"',
        '2020-01-31 12:35:00,"Bo ""B"" C","ends with ""x"""',
        '2020-01-31 12:36:00,"","notice"',
        '2020-01-31 12:37:00,"Ada","Ada invited Bo ."',
        '2020-01-31 12:38:00,"Ada","Ada님이 나갔습니다."',
        "2020.1.31 12:39,Ada,plain",
        '2020-02-30 12:40:00,"Ada","no such day"',
        name="chat.csv",
    )
    assert told(path) == [
        ("2020-01-31 12:34:56", "Ada", 'hi, "you"\n\nthere'),
        ("2020-01-31 12:35:00", 'Bo "B" C', 'ends with "x"'),
        ("2020-01-31 12:36:00", None, "notice"),
        ("2020-01-31 12:37:00", None, "Ada invited Bo ."),
        ("2020-01-31 12:38:00", None, "Ada님이 나갔습니다."),
        ("2020-01-31 12:39:00", "Ada", "plain"),
    ]
    tally = tally_of(path)
    assert (tally.lines, tally.rejected_lines) == (10, (10,))


def test_every_line_is_accounted_for(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        *HEAD,
        "stray",
        "[Ada] [오후 3:00] before any day",
        DAY,
        "[Ada] [오후 3:04] hi",
        "goes on",
        "[Ada] [25:04] no such clock",
        "its second line",
        "[Ada] [오후 3:75] no such clock",
        "",
        "--------------- 2020년 2월 30일 일요일 ---------------",
        "[Ada] [오후 3:05] no such day",
        "Ada님이 나갔습니다.",
        "--------------- 9999년 1월 1일 금요일 ---------------",
        "[Ada] [오후 3:05] no such year",
        DAY,
        "[Bo] [오후 3:06] bye",
    )
    tally = tally_of(path)
    assert tally.rejected_lines == (4, 5, 9, 10, 11, 14, 15, 17)
    assert (tally.lines, tally.messages, tally.system, tally.continuation) == (19, 2, 0, 9)


@pytest.mark.parametrize("year", ["0001", "1969", "2200", "9999"])
def test_years_that_no_one_wrote_in_are_rejected(tmp_path: Path, year: str) -> None:
    path = write(
        tmp_path,
        *HEAD,
        "2020년 1월 31일 오후 12:34, Ada : hi",
        f"{year}년 1월 31일 오후 12:34, Ada : no",
        "2020년 13월 41일 오후 12:34, Ada : no",
    )
    assert [row["content"] for row in read(path)] == ["hi"]
    assert tally_of(path).rejected_lines == (5, 6)


def test_a_date_within_a_text_stays_there(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        *HEAD,
        "2020년 1월 31일 오후 12:34, Ada : the dates:",
        "2020년 5월 5일 화요일",
        "and that is all",
        "2020년 1월 31일 오후 12:35, Bo : ok",
    )
    assert [row["content"] for row in read(path)] == [
        "the dates:\n2020년 5월 5일 화요일\nand that is all",
        "ok",
    ]


def test_ids_are_those_of_another_export_of_the_chat(tmp_path: Path) -> None:
    days = [
        (DAY, "[Ada] [오후 3:04] hi", "[Ada] [오후 3:04] hi", "[Bo] [오후 3:05] 사진"),
        (NEXT_DAY, "[Ada] [오후 3:04] a", "b"),
        (NEXT_DAY.replace("1일 토", "2일 일"), "[Bo] [오후 3:04] bye"),
    ]
    (tmp_path / "later").mkdir()
    first = read(write(tmp_path, *HEAD, *days[0], *days[1]))
    later = read(write(tmp_path / "later", *HEAD, *days[1], *days[2]))
    ids = [row["message_id"] for row in (*first, *later)]
    assert ids[3] == ids[4]
    assert len(set(ids)) == 5


def test_ids_are_those_of_another_phone_in_another_language(tmp_path: Path) -> None:
    [one] = read(write(tmp_path, *HEAD, "2020년 1월 31일 오후 3:04, Ada : 사진"))
    [other] = read(write(tmp_path, *HEAD, "Jan 31, 2020 at 15:04, Ada : Photo"))
    assert one["message_id"] == other["message_id"]


def test_the_parts_of_a_long_chat_in_an_archive_are_one_chat(tmp_path: Path) -> None:
    path = tmp_path / "chat.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for part in (10, 2, 1):
            head = "\n".join((*HEAD, "2020년 1월 31일 금요일", "")) if part == 1 else ""
            archive.writestr(
                f"Talk_2020.1.31 12:34-{part}.txt",
                f"{head}2020. 1. 31. 오후 {part}:00, Ada : {part}\n",
            )
        archive.writestr(f"{'0a' * 32}.jpg", b"")
    assert [(row["content"], row["metadata"]["line"]) for row in read(path)] == [
        ("1", 5),
        ("2", 6),
        ("10", 7),
    ]
    assert tally_of(path) == Tally(7, 3, 0, 4, 0, ())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings_of_other_programs_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes("\r\n".join((*HEAD, DAY, "[Ada] [오후 3:04] 안녕", "")).encode(encoding))
    [row] = read(path)
    assert (row["author"], row["content"], row["source"]) == ("Ada", "안녕", "kakaotalk")


@pytest.mark.parametrize(
    "lines",
    [
        (DAY, "[Ada] [오후 3:04] hi"),
        ("2020년 1월 31일 오후 3:04, Ada : hi",),
        ("2020. 1. 31. 오후 3:04, Ada : hi",),
    ],
)
def test_a_text_without_its_head_is_recognized(tmp_path: Path, lines: tuple[str, ...]) -> None:
    [row] = read(write(tmp_path, *lines, name="x.txt"))
    assert (row["source"], row["author"], row["content"]) == ("kakaotalk", "Ada", "hi")


@pytest.mark.parametrize(
    "lines", [HEAD, (*HEAD, DAY), (*HEAD, "only secret text"), ("Date,User,Message",)]
)
def test_a_file_without_messages_is_refused(tmp_path: Path, lines: tuple[str, ...]) -> None:
    path = write(tmp_path, *lines)
    with pytest.raises(ExportError, match="no line begins a message") as caught:
        read_export(path)
    assert caught.value.path == path
    assert "secret" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_chat_of_notices_alone_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, *HEAD, "2020년 1월 31일 오후 3:04, Ada님이 나갔습니다.")
    assert told(path) == [("2020-01-31 15:04:00", None, "Ada님이 나갔습니다.")]


def test_a_text_that_was_cut_off_is_read_to_its_end(tmp_path: Path) -> None:
    path = write(tmp_path, *HEAD, DAY, "[Ada] [오후 3:04] hi")
    path.write_bytes(path.read_bytes() + "[Bo] [오후 3:05] ha".encode())
    assert [row["content"] for row in read(path)] == ["hi", "ha"]
    csv = write(tmp_path, "Date,User,Message", '2020-01-31 12:34:56,"Ada","half', name="x.csv")
    assert told(csv) == [("2020-01-31 12:34:56", "Ada", "half")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "hello",
        "31/01/2020, 12:34 - Ada: hi",
        "[12:18] <ada> hi",
        "[LINE] Adaとのトーク履歴\n保存日時：2020/01/31 12:34\n2020/01/31(金)\n12:34\tAda\thi",
        "Date,User,Message\n1,2,3",
        "timestamp,author,content\n2020-01-31 12:34:56,Ada,hi",
        "Date Saved : 2020-01-31\nof a report",
        '{"a": 1}',
    ],
)
def test_other_texts_are_not_taken_for_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.txt"
    path.write_text(f"{text} ", "utf-8")
    assert not KakaoTalkAdapter().recognizes(ExportFile.open(path))
