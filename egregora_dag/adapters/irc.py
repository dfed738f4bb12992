"""IRC logs as Ubuntu publishes them: `[HH:MM] <nick> text`, dated by the file's name."""

import re
from collections.abc import Mapping
from datetime import date

from duckdb import DuckDBPyConnection

from egregora_dag.adapters.lines import load_lines
from egregora_dag.adapters.protocol import ExportError, ExportFile, Tally

_LINE = re.compile(rb"^\[\d{1,2}:\d{2}(:\d{2})?\] +(<[^>\s]+>|\* )", re.MULTILINE)
_DATE = re.compile(r"(?<!\d)(\d{4})[-_.]?(\d{2})[-_.]?(\d{2})(?!\d)")

_TIME = r"\[([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?\] "
_PARTS = ["hour", "minute", "second", "nick", "actor", "text"]
_EVENT = rf"^(?:{_TIME})? *(?:<([^>]+)>|\* ([^ ]+))(?: (.*))?$"
_SYSTEM = r"^=== ?(.*)$"
# Bold, colour, reset, monospace, reverse, italic, strikethrough and underline of IRC clients.
_FORMATTING = r"\x02|\x03(?:\d{1,2}(?:,\d{1,2})?)?|\x0f|\x11|\x16|\x1d|\x1e|\x1f"

# A clock that goes back by more than an hour has passed midnight; by less, it was set.
_PARSE = """
CREATE OR REPLACE TABLE parsed AS
WITH matched AS (
  SELECT line, text,
    regexp_extract(text, $event, $parts) AS e,
    regexp_extract(text, $system, 1) AS notice,
    regexp_matches(text, $event) AS is_event,
    regexp_matches(text, $system) AS is_system
  FROM lines
), clocked AS (
  SELECT *, try_cast(e.hour AS INTEGER) * 3600
    + try_cast(e.minute AS INTEGER) * 60 + coalesce(try_cast(e.second AS INTEGER), 0) AS clock
  FROM matched WHERE is_event OR is_system
), filled AS (
  SELECT *, coalesce(
    last_value(clock IGNORE NULLS) OVER (ORDER BY line),
    first_value(clock IGNORE NULLS) OVER (
      ORDER BY line ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING),
    0) AS seconds
  FROM clocked
), stepped AS (
  SELECT *, coalesce(lag(seconds) OVER (ORDER BY line) - seconds > 3600, false)::INTEGER AS midnight
  FROM filled
)
SELECT line,
  $day::TIMESTAMP + to_days(sum(midnight) OVER (ORDER BY line)::INTEGER) + to_seconds(seconds)
    AS local_time,
  false AS utc,
  coalesce(nullif(e.nick, ''), nullif(e.actor, '')) AS author,
  regexp_replace(if(is_event, e.text, notice), $formatting, '', 'g') AS content,
  NULL::VARCHAR AS identity,
  if(is_event, 'message', 'system') AS kind,
  NULL::VARCHAR AS media_path, NULL::VARCHAR AS media_type,
  false AS edited, false AS forwarded,
  NULL::UUID AS message_id, NULL::UUID AS reply_to,
  if(is_event AND e.actor <> '', '{"action": true}', '{}')::JSON AS extra
FROM stepped
"""


class IrcAdapter:
    """Reads logs of one channel, one file after another; the date stands in the file's name."""

    source = "irc"

    def recognizes(self, file: ExportFile) -> bool:
        """Whether lines of the head look like `[HH:MM] <nick> text`."""
        return len(_LINE.findall(file.head)) > 0

    def threads(self, file: ExportFile) -> Mapping[str, str]:
        """One chat, named like the file."""
        return {file.stem: file.stem}

    def parse(self, file: ExportFile, scratch: DuckDBPyConnection, chat: str | None) -> Tally:
        """Fill `parsed`; lines without a time take that of the line before."""
        with file.path.open("rb") as text:
            count = load_lines(scratch, file.path, text)
        scratch.execute(
            _PARSE,
            {
                "event": _EVENT,
                "parts": _PARTS,
                "system": _SYSTEM,
                "formatting": _FORMATTING,
                "day": self._day(file),
            },
        )
        rejected = scratch.execute(
            "SELECT line FROM lines ANTI JOIN parsed USING (line) ORDER BY line"
        ).fetchall()
        return Tally(lines=count, continuation=0, rejected=tuple(line for (line,) in rejected))

    @staticmethod
    def _day(file: ExportFile) -> date:
        for year, month, day in _DATE.findall(file.path.name):
            try:
                return date(int(year), int(month), int(day))
            except ValueError:
                continue
        raise ExportError(
            file.path,
            "the log has times but no date.",
            "Put the day it begins into the file's name, such as channel.2025-01-31.txt.",
        )
