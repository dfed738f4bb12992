"""Names and archives of IRC logs: the channel a file is of, and the day it begins."""

import codecs
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from io import RawIOBase
from typing import IO, Final, cast

from egregora_dag.adapters.irc.months import MONTHS
from egregora_dag.adapters.protocol import ExportError, ExportFile

_DATE: Final = re.compile(r"(?<!\d)(\d{4})[-_.]?(\d{2})[-_.]?(\d{2})(?!\d)")
# A date at the beginning, at the end or between separators; of months too, where it has a hyphen.
_DATE_OF_NAME: Final = re.compile(
    r"(?:^|[-_. ])(?:(?:19|2[01])\d\d(?:[-_.]?\d\d[-_.]?\d\d|-\d\d)"
    r"|\d\d[A-Za-z]{3}(?:19|2[01])\d\d)(?=$|[-_. ])"
)
# As Eggdrop names its logs.
_DAY_MONTH_YEAR: Final = re.compile(r"\.(\d{2})([A-Za-z]{3})(\d{4})$")
_ENDING: Final = re.compile(r"(?:\.(?:txt|log|raw|weechatlog|irclog|irc))+$", re.IGNORECASE)
_LOG: Final = re.compile(r"\.(?:txt|log|weechatlog|irclog)$", re.IGNORECASE)
_SNIFFED: Final = 1 << 16


def day_in(name: str) -> date | None:
    """The first date of a file's name, written with the year first; None if it has none.

    Args:
        name: Such as `#chan.2018-05-01.log` or `#chan_20180501.log`.
    """
    dates = [(int(year), int(month), int(day)) for year, month, day in _DATE.findall(name)]
    if at_end := _DAY_MONTH_YEAR.search(name):
        dates.append((int(at_end[3]), MONTHS.get(at_end[2].lower(), 0), int(at_end[1])))
    for year, month, day in dates:
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if 1970 <= year < 2200:
            return found
    return None


def channel_of(path: str) -> str:
    """The channel that a log is of, from its name, so that a year of daily logs is one chat.

    Args:
        path: Name of the file, or of a member of an archive with its folders.

    Returns:
        The name without date and ending; the folder's name if nothing else is in the file's, as
        ZNC writes it; else the name without ending.
    """
    folders, base = posixpath.split(path.replace("\\", "/"))
    name = _ENDING.sub("", base) or base
    plain = _ENDING.sub("", _DATE_OF_NAME.sub("", name).strip("-_. "))
    if not _has_letter(plain):
        plain = posixpath.basename(folders) or name
    # WeeChat's name of the plugin, which is the same for all.
    return re.sub(r"^irc\.(?=.)", "", plain)


def channels(file: ExportFile) -> Mapping[str, Sequence[str | None]]:
    """The channels of a file: name → the members that hold its logs, by date; None is the file.

    Raises:
        ExportError: The archive is damaged, or holds no logs.
    """
    if not file.is_archive:
        return {channel_of(file.path.name): [None]}
    logs = _logs(file)
    if not logs:
        raise ExportError(file.path, "holds no .log or .txt file.", "Zip the logs themselves.")
    found: dict[str, list[str | None]] = {}
    for name in sorted(logs, key=lambda name: (day_in(name) or date.min, name)):
        found.setdefault(channel_of(name), []).append(name)
    return found


def is_log_archive(file: ExportFile, is_log: Callable[[str], bool]) -> bool:
    """Whether an archive holds nothing but logs, by their names and the beginning of one.

    Args:
        file: The archive.
        is_log: Whether text begins like a log.
    """
    try:
        logs = _logs(file)
        if not logs or len(logs) < len([name for name in file.members if not _is_hidden(name)]):
            return False
        if not all(_names_a_log(name) for name in logs):
            return False
        largest = max(logs, key=lambda name: file.members[name].file_size)
        with file.opened(largest) as text:
            return is_log(text.read(_SNIFFED).decode("utf-8", "replace").replace("\r\n", "\n"))
    except ExportError:
        return False


@contextmanager
def opened_channel(
    file: ExportFile, members: Sequence[str | None]
) -> Iterator[tuple[IO[bytes], dict[int, str]]]:
    """The logs of a channel as one text.

    Args:
        file: The export.
        members: Members of the archive, or only None for the file itself.

    Yields:
        The text; and, complete once that was read, number of the first line of each log → its name.

    Raises:
        ExportError: The archive is damaged, encrypted, or made to exhaust the reader.
    """
    names = [name for name in members if name is not None]
    if not names:
        with file.opened() as text:
            yield text, {1: file.path.name}
        return
    with file.opened_all({name: name for name in names}) as contents:
        chain = _Chain(contents)
        yield cast("IO[bytes]", chain), chain.starts


class _Chain(RawIOBase):
    """Texts one after another, each beginning on a line of its own."""

    def __init__(self, contents: Iterator[tuple[str, IO[bytes]]]) -> None:
        self.starts: dict[int, str] = {}
        self._contents = contents
        self._text: IO[bytes] | None = None
        self._ended = True
        self._lines = 0

    def read(self, size: int = -1) -> bytes:
        """At least as many bytes, unless the last text ends before."""
        data = bytearray()
        while size < 0 or len(data) < size:
            if self._text is None:
                name, self._text = next(self._contents, ("", None))
                if self._text is None:
                    break
                self.starts[self._lines + 1] = name
                chunk = self._text.read(size).removeprefix(codecs.BOM_UTF8)
            else:
                chunk = self._text.read(size)
            if not chunk:
                self._text = None
                chunk = b"" if self._ended else b"\n"
            if chunk:
                self._lines += chunk.count(b"\n")
                self._ended = chunk.endswith(b"\n")
                data += chunk
        return bytes(data)


def _logs(file: ExportFile) -> list[str]:
    return [
        name
        for name in file.members
        if not _is_hidden(name) and (_LOG.search(name) or _DAY_MONTH_YEAR.search(name))
    ]


def _is_hidden(name: str) -> bool:
    """Whether a system has added it, as macOS does."""
    return name.startswith("__MACOSX/") or posixpath.basename(name).startswith(".")


def _names_a_log(name: str) -> bool:
    """Whether only a log is called so: by a date, a channel or WeeChat's ending."""
    base = posixpath.basename(name)
    return day_in(base) is not None or "#" in name or base.endswith((".weechatlog", ".irclog"))


def _has_letter(name: str) -> bool:
    return any(sign.isalpha() or sign == "#" for sign in name)
