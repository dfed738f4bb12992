"""IRC logs of irssi, WeeChat, ZNC, HexChat and the bots; what a line is, its own form decides.

A line has a clock (`[12:31]`, `12:31:59`), a date and a clock (`2018-05-01 12:31:59`), or a month
and a day (`May 01 12:31:59`). The day of a clock is that of the last line which states one, such
as `--- Day changed Wed May 02 2018`, or of the file's name, and one more each time the clock passes
midnight.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from duckdb import DuckDBPyConnection

from egregora_dag.adapters.irc.days import store_days
from egregora_dag.adapters.irc.files import channels, day_in, is_log_archive, opened_channel
from egregora_dag.adapters.irc.lines import PARSED, read_lines
from egregora_dag.adapters.lines import load_lines
from egregora_dag.adapters.protocol import ExportError, ExportFile, Parsed, Reading, titled

_CLOCK: Final = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?"
# Colours stand before the times of mIRC.
_STAMP: Final = (
    r"(?:\x03\d{0,2}(?:,\d{1,2})?|[\x02\x0f\x16\x1d\x1f])*"
    rf"(?:\[(?:\d{{4}}-\d\d-\d\d[ T])?{_CLOCK} ?(?:Z|[+-]\d\d:?\d\d)?\]"
    rf"|(?:\d{{4}}-\d\d-\d\d[ T])?{_CLOCK}(?:Z|[+-]\d\d:?\d\d)?"
    rf"|[^\W\d_]{{3,9}}\.? +\d{{1,2}} {_CLOCK}) +"
)
_NICK: Final = r"[^\s<>()]{1,64}"
# What only logs of IRC have after the time: who said, did or announced something.
_SAID: Final = re.compile(
    rf"^{_STAMP}(?:<[ @+%~&!]?[^<>\n]{{1,64}}>(?:\s|$)|\* {_NICK} |\*\t|-!- |-{_NICK}-\s"
    rf"|\*\*\* (?:Joins|Parts|Quits): |\*\*\* {_NICK} (?:sets mode|is now known|was kicked|changes)"
    rf"|\*\*\* {_NICK} \([^)\n]*\) (?:joined|left|quit)|Action: {_NICK} "
    rf"|{_NICK} \({_NICK}@[^)\n]*\) (?:joined|left) )",
    re.MULTILINE,
)
# WeeChat's lines are a table, but one without a line of names.
_WEECHAT: Final = re.compile(
    r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?Z?\t[^\t\n]{0,64}\t", re.MULTILINE
)
_OPENED: Final = re.compile(
    r"(?:--- Log opened \S|\*\*\*\* BEGIN LOGGING AT \S|Session Start: \S|\S+ +\S+\t\*{4}  )"
)
_OTHER: Final = re.compile(rf"^(?:===|--- |\*{{4}} |Session |{_STAMP}\S)", re.MULTILINE)

_REJECTED: Final = """
INSERT INTO rejected
SELECT $chat, line FROM lines ANTI JOIN (FROM parsed WHERE chat = $chat) USING (line)
"""


class IrcAdapter:
    """Reads the log of a channel, or an archive with one or many logs of one or many channels."""

    source = "irc"

    def recognizes(self, file: ExportFile) -> bool:
        """Whether lines of the head look like a log's, not only some that are quoted in it."""
        if file.is_archive:
            return is_log_archive(file, _is_log)
        return _is_log(file.text)

    def threads(self, file: ExportFile) -> Mapping[str, str]:
        """The channels, named like the files without their date, or like the files' folders.

        Raises:
            ExportError: The archive is damaged, or holds no logs.
        """
        return titled((name, name) for name in channels(file))

    def parse(self, file: ExportFile, scratch: DuckDBPyConnection, reading: Reading) -> Parsed:
        """Fill `parsed`; lines without a time take that of the line before.

        Raises:
            ExportError: No line is that of a log, or nothing states the day.
        """
        lines: dict[str, int] = {}
        notes: list[str] = []
        for number, (chat, members) in enumerate(channels(file).items()):
            with opened_channel(file, members) as (text, logs):
                lines[chat], more = load_lines(scratch, text)
            notes += more
            read_lines(scratch)
            undated = store_days(scratch, {line: day_in(name) for line, name in logs.items()})
            if undated is not None:
                self._refuse_undated(file, [log for line, log in logs.items() if line <= undated])
            verb = "INSERT INTO parsed" if number else "CREATE OR REPLACE TABLE parsed AS"
            scratch.execute(f"{verb} {PARSED}", {"chat": chat})
            scratch.execute(_REJECTED, {"chat": chat})
        if scratch.execute("SELECT 1 FROM parsed LIMIT 1").fetchone() is None:
            raise ExportError(
                file.path,
                "no line begins like an IRC log's, such as `[12:31] <nick> text`.",
                "Copy the log file as the client wrote it, or say which --source it is.",
            )
        return Parsed(lines, tuple(dict.fromkeys(notes)))

    @staticmethod
    def _refuse_undated(file: ExportFile, logs: Sequence[str]) -> None:
        raise ExportError(
            file.path,
            "the log has times but no date.",
            "Put the day it begins into the file's name, such as channel.2025-01-31.txt.",
            place=logs[-1] if file.is_archive else "",
        )


def _is_log(text: str) -> bool:
    """Whether text begins like a log: some lines are surely one's, and most may be."""
    filled = sum(1 for line in text.split("\n") if line.strip())
    if filled == 0:
        return False
    if len(_WEECHAT.findall(text)) * 2 > filled:
        return _WEECHAT.match(text) is not None or _OPENED.match(text) is not None
    is_told = _SAID.search(text) is not None or _OPENED.match(text) is not None
    return is_told and len(_OTHER.findall(text)) * 2 >= filled
