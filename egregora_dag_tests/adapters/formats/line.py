"""The ways LINE's phones have written a chat: the clock, the day and the language differ."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Final

from egregora_dag_tests.adapters.conversation import Format, Said

_DAYS_JA: Final = "月火水木金土日"
_DAYS_ZH: Final = "一二三四五六日"
_SAVED: Final = datetime(2024, 4, 1, 12, 34)


def half_day(time: datetime, before: str, after: str) -> str:
    """A twelve-hour clock, as `下午03:04`."""
    return f"{after if time.hour >= 12 else before}{time.hour % 12 or 12:02d}:{time.minute:02d}"


def quoted(text: str) -> str:
    """A text of several lines in quotation marks; any other as it is."""
    return '"{}"'.format(text.replace('"', '""')) if "\n" in text else text


def lines(
    said: Sequence[Said], day: Callable[[datetime], str], clock: Callable[[datetime], str]
) -> Iterator[str]:
    """Day after day, with an empty line in between."""
    for _, messages in groupby(said, lambda message: message.time.date()):
        for number, message in enumerate(messages):
            if number == 0:
                yield day(message.time)
            yield f"{clock(message.time)}\t{message.author or ''}\t{quoted(message.text)}"
        yield ""


def write(
    title: str,
    saved: str,
    day: Callable[[datetime], str],
    clock: Callable[[datetime], str],
    said: Sequence[Said],
    folder: Path,
) -> Path:
    """The file that a phone sends, named like the chat.

    Args:
        title: What follows `[LINE] `.
        saved: What stands before the time of the export.
        day: Writes a day.
        clock: Writes a clock.
        said: What was said.
        folder: Where to write it.
    """
    path = folder / f"[LINE] {title}.txt"
    head = [f"[LINE] {title}", f"{saved}{_SAVED:%Y/%m/%d %H:%M}", ""]
    # Windows line endings, as the application writes them.
    path.write_bytes("\r\n".join([*head, *lines(said, day, clock)]).encode())
    return path


_ENGLISH: Final = partial(write, "Chat history with Ada Lovelace", "Saved on: ")
_JAPANESE: Final = partial(write, "旅行部のトーク履歴", "保存日時：")
_CHINESE: Final = partial(write, "與Bo的聊天記錄", "儲存日期：")

FORMATS: Final[Mapping[str, Format]] = {
    "line english": Format(
        partial(_ENGLISH, lambda d: f"{d:%a, %m/%d/%Y}", lambda d: f"{d:%I:%M%p}")
    ),
    "line english day first": Format(
        partial(_ENGLISH, lambda d: f"{d:%a, %d/%m/%Y}", lambda d: f"{d:%H:%M}")
    ),
    "line english year first": Format(
        partial(_ENGLISH, lambda d: f"{d:%Y.%m.%d %A}", lambda d: f"{d:%I:%M %p}")
    ),
    "line japanese": Format(
        partial(
            _JAPANESE,
            lambda d: f"{d:%Y/%m/%d}({_DAYS_JA[d.weekday()]})",
            lambda d: f"{d:%H:%M}",
        )
    ),
    "line japanese of an era": Format(
        partial(
            _JAPANESE,
            lambda d: f"R{d.year - 2018}/{d:%m/%d}({_DAYS_JA[d.weekday()]})",
            lambda d: half_day(d, "午前", "午後"),
        )
    ),
    "line chinese": Format(
        partial(
            _CHINESE,
            lambda d: f"{d:%Y/%m/%d}（週{_DAYS_ZH[d.weekday()]}）",
            lambda d: half_day(d, "上午", "下午"),
        )
    ),
}
