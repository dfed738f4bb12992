"""Logs of IRC as clients, bouncers and bots write them."""

import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Final

from egregora_dag_tests.adapters.conversation import Format, Said

_MESSAGES: Final = frozenset({"message"})


def _stored(path: Path, lines: Iterator[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8", newline="")
    return path


def _line(said: Said, clock: str, event: str) -> str:
    return f"{clock} {event} {said.text}" if said.author is None else _spoken(said, clock)


def _spoken(said: Said, clock: str) -> str:
    return f"{clock} <{said.author}> {said.text}"


def _by_day(said: Sequence[Said]) -> Iterator[tuple[date, list[Said]]]:
    return ((day, list(some)) for day, some in groupby(said, lambda one: one.time.date()))


def irssi(said: Sequence[Said], folder: Path) -> Path:
    """One file for all; a line for each new day."""

    def lines() -> Iterator[str]:
        yield f"--- Log opened {said[0].time:%a %b %d %H:%M:%S %Y}"
        for number, (day, some) in enumerate(_by_day(said)):
            if number:
                yield f"--- Day changed {day:%a %b %d %Y}"
            for one in some:
                nick = f"<@{one.author}>" if one.author == "Bo" else f"< {one.author}>"
                head = "-!-" if one.author is None else nick
                yield f"{one.time:%H:%M} {head} {one.text}"
        yield f"--- Log closed {said[-1].time:%a %b %d %H:%M:%S %Y}"

    return _stored(folder / "#room.log", lines())


def _weechat(stamp: str) -> Callable[[Sequence[Said], Path], Path]:
    def write(said: Sequence[Said], folder: Path) -> Path:
        rows = (
            f"{one.time:{stamp}}\t{'--' if one.author is None else one.author}\t{one.text}"
            for one in said
        )
        return _stored(folder / "irc.libera.#room.weechatlog", rows)

    return write


def _daily(name: str, line: Callable[[Said], str]) -> Callable[[Sequence[Said], Path], Path]:
    """Writes a file for each day, all in one archive."""

    def write(said: Sequence[Said], folder: Path) -> Path:
        path = folder / "logs.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for day, some in _by_day(said):
                archive.writestr(f"{day:{name}}", "".join(f"{line(one)}\n" for one in some))
        return path

    return write


def eggdrop(said: Sequence[Said], folder: Path) -> Path:
    """A line for each day, with a clock of its own."""

    def lines() -> Iterator[str]:
        for day, some in _by_day(said):
            yield f"[00:00] --- {day:%a %b} {day.day:2} {day.year}"
            for one in some:
                yield _spoken(one, f"[{one.time:%H:%M}]")

    return _stored(folder / "room.log", lines())


def hexchat(said: Sequence[Said], folder: Path) -> Path:
    """Dates without a year, which stands where logging began."""

    def lines() -> Iterator[str]:
        yield f"**** BEGIN LOGGING AT {said[0].time:%a %b %d %H:%M:%S %Y}"
        yield ""
        for one in said:
            yield f"{one.time:%b %d %H:%M:%S} <{one.author}>\t{one.text}"

    return _stored(folder / "Libera-#room.log", lines())


def mirc(said: Sequence[Said], folder: Path) -> Path:
    """Sessions, and colours."""

    def lines() -> Iterator[str]:
        yield f"Session Start: {said[0].time:%a %b %d %H:%M:%S %Y}"
        yield "Session Ident: #room"
        for number, (day, some) in enumerate(_by_day(said)):
            if number:
                yield f"Session Time: {datetime.combine(day, datetime.min.time()):%c}"
            for one in some:
                yield f"\x0301[{one.time:%H:%M}] <@{one.author}> {one.text}\x0f"

    return _stored(folder / "#room.log", lines())


def the_lounge(said: Sequence[Said], folder: Path) -> Path:
    """Times in UTC, with milliseconds."""
    rows = (_line(one, f"[{one.time:%Y-%m-%dT%H:%M:%S}.000Z]", "***") for one in said)
    return _stored(folder / "#room.log", rows)


def _seconds(said: Said) -> str:
    return _line(said, f"[{said.time:%H:%M:%S}]", "***")


def _minutes(said: Said) -> str:
    return _spoken(said, f"[{said.time:%H:%M}]")


FORMATS: Final[Mapping[str, Format]] = {
    "irc irssi": Format(irssi, multiline=False, banners=True),
    "irc weechat": Format(_weechat("%Y-%m-%d %H:%M:%S"), multiline=False, seconds=True),
    "irc weechat 4.10": Format(_weechat("%Y-%m-%dT%H:%M:%S.%fZ"), multiline=False, seconds=True),
    "irc znc": Format(_daily("u/net/#room/%Y-%m-%d.log", _seconds), multiline=False, seconds=True),
    "irc znc 1.4": Format(_daily("#room_%Y%m%d.log", _seconds), multiline=False, seconds=True),
    "irc energymech": Format(_daily("room.%Y-%m-%d.log", _seconds), multiline=False, seconds=True),
    # Their lines of what happened have no time.
    "irc ubuntu": Format(_daily("%Y-%m-%d-#room.txt", _minutes), kinds=_MESSAGES, multiline=False),
    "irc eggdrop": Format(eggdrop, kinds=_MESSAGES, multiline=False, banners=True),
    "irc hexchat": Format(hexchat, kinds=_MESSAGES, multiline=False, seconds=True, banners=True),
    "irc mirc": Format(mirc, kinds=_MESSAGES, multiline=False, banners=True),
    "irc the lounge": Format(the_lounge, multiline=False, seconds=True),
}
