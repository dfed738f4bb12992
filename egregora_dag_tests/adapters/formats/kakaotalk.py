"""The ways KakaoTalk's applications have written a chat, in Korean and English, and as CSV."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Final

from egregora_dag_tests.adapters.conversation import Format, Said

_WEEKDAYS: Final = "월화수목금토일"

Body = Callable[[Sequence[Said]], Iterator[str]]


def half_day(time: datetime) -> str:
    """A clock as `오후 3:04`."""
    half = "오후" if time.hour >= 12 else "오전"
    return f"{half} {time.hour % 12 or 12}:{time.minute:02d}"


def day(time: datetime) -> str:
    """A day as `2024년 2월 7일`."""
    return f"{time.year}년 {time.month}월 {time.day}일"


def weekday(time: datetime) -> str:
    """A day with its weekday."""
    return f"{day(time)} {_WEEKDAYS[time.weekday()]}요일"


def dotted(time: datetime) -> str:
    """A day as `2024. 2. 7.`."""
    return f"{time.year}. {time.month}. {time.day}."


def windows(said: Sequence[Said], ruler: Callable[[datetime], str], clock: str) -> Iterator[str]:
    """A ruled line for each day, names and clocks in brackets."""
    for _, messages in groupby(said, lambda message: message.time.date()):
        for number, message in enumerate(messages):
            if number == 0:
                yield f"--------------- {ruler(message.time)} ---------------"
            time = f"{message.time:{clock}}" if clock else half_day(message.time)
            yield f"[{message.author or ''}] [{time}] {message.text}"


def mobile(
    said: Sequence[Said],
    head: Callable[[datetime], str],
    stamp: Callable[[datetime], str],
    notice: str,
) -> Iterator[str]:
    """A line for each day, and before each message its whole time."""
    for _, messages in groupby(said, lambda message: message.time.date()):
        for number, message in enumerate(messages):
            if number == 0:
                yield from ("", head(message.time))
            if message.author is None:
                yield f"{stamp(message.time)}{notice}{message.text}"
            else:
                yield f"{stamp(message.time)}, {message.author} : {message.text}"


def write(
    name: str, title: str, saved: str, body: Body, said: Sequence[Said], folder: Path
) -> Path:
    """A text with its title and the time of the export above it."""
    path = folder / name
    path.write_text("\n".join([title, saved, "", *body(said), ""]), "utf-8-sig")
    return path


def write_csv(said: Sequence[Said], folder: Path) -> Path:
    """What macOS saves: the date plain, the others in quotation marks."""
    path = folder / "KakaoTalk_Chat_여행부_2024-04-01-12-34-56.csv"
    rows = io.StringIO()
    writer = csv.writer(rows, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for message in said:
        rows.write(f"{message.time:%Y-%m-%d %H:%M:%S},")
        writer.writerow([message.author or "", message.text])
    path.write_text(f"Date,User,Message\n{rows.getvalue()}", "utf-8-sig")
    return path


def _text(name: str, body: Body, *, english: bool = False) -> Format:
    """A format of a text in one of two languages."""
    if english:
        return Format(
            partial(write, name, "KakaoTalk Chats with Bo", "Date Saved : 2024-04-01", body)
        )
    return Format(
        partial(write, name, "여행부 님과 카카오톡 대화", "저장한 날짜 : 2024-04-01", body)
    )


FORMATS: Final[Mapping[str, Format]] = {
    "kakaotalk windows": _text(
        "KakaoTalk_20240401_1234_56_789_group.txt", partial(windows, ruler=weekday, clock="")
    ),
    "kakaotalk windows 24 hours": _text(
        "KakaoTalk_24.txt", partial(windows, ruler=weekday, clock="%H:%M")
    ),
    "kakaotalk windows english": _text(
        "KakaoTalk_en.txt",
        partial(windows, ruler=lambda d: f"{d:%A, %B %d, %Y}", clock="%I:%M %p"),
        english=True,
    ),
    "kakaotalk android": _text(
        "KakaoTalkChats.txt",
        partial(
            mobile,
            head=lambda d: f"{day(d)} {half_day(d)}",
            stamp=lambda d: f"{day(d)} {half_day(d)}",
            notice=", ",
        ),
    ),
    "kakaotalk android english": _text(
        "KakaoTalkChats.en.txt",
        partial(
            mobile,
            head=lambda d: f"{d:%B %d, %Y, %I:%M %p}",
            stamp=lambda d: f"{d:%B %d, %Y, %I:%M %p}",
            notice=", ",
        ),
        english=True,
    ),
    "kakaotalk ios": _text(
        "Talk_2024.4.1 12_34-1.txt",
        partial(mobile, head=weekday, stamp=lambda d: f"{dotted(d)} {half_day(d)}", notice=": "),
    ),
    "kakaotalk ios clock alone": _text(
        "Talk_2024.4.1-1.txt", partial(mobile, head=weekday, stamp=half_day, notice=", ")
    ),
    "kakaotalk ios english": _text(
        "Talk_2024.4.1 12_34-2.txt",
        partial(
            mobile,
            head=lambda d: f"{d:%A, %B %d, %Y}",
            stamp=lambda d: f"{d:%b %d, %Y at %H:%M}",
            notice=": ",
        ),
        english=True,
    ),
    "kakaotalk csv": Format(write_csv),
}
