"""Where KakaoTalk's messages begin: four layouts, of which a file follows one."""

from typing import Final

from duckdb import DuckDBPyConnection

from egregora_dag.adapters.protocol import ExportError, ExportFile

_GAP: Final = "[ \u00a0\u202f]"
_HALF: Final = "오전|오후|午前|午後"
_HOUR: Final = rf"(?:({_HALF}){_GAP}?)?(\d{{1,2}})"
_MINUTE: Final = rf"(\d{{2}})(?:{_GAP}?([AaPp])\.?[Mm]\.?)?"
_NUMBERS: Final = r"(\d{4})(?:[년年] ?|[./-] ?)(\d{1,2})(?:[월月] ?|[./-] ?)(\d{1,2})(?:[일日]|\.)?"
_WORDS: Final = r"(?:([A-Z][a-z]{2,8})\.? (\d{1,2})|(\d{1,2}) ([A-Z][a-z]{2,8}))\.?,? (\d{4})"
_DATE: Final = rf"(?:{_NUMBERS}|(?:[A-Z][a-z]+, )?{_WORDS})"
_DATE_PARTS: Final = ["y", "m", "d", "month", "day", "day2", "month2", "year"]
_FIELD: Final = r'(?:"((?:[^"]|"")*)"|([^",]*))'
# How a message begins: of all, to find which the file follows.
LAYOUTS: Final = {
    "bracketed": rf"^\[.*\] \[{_HOUR}:{_MINUTE}\]",
    "dated": rf"^{_DATE}(?:,| at)? *{_HOUR}:{_MINUTE}(?:,|: )",
    "timed": rf"^{_HOUR}:{_MINUTE}(?:,|: )",
    "csv": rf'^"?{_NUMBERS} \d{{1,2}}:\d{{2}}(?::\d{{2}})?"?,{_FIELD},',
}
_BRACKETS: Final = rf"^\[(.*?)\] \[((?:(?:{_HALF}) ?)?\d{{1,2}}:\d{{2}}[^\]]{{0,6}})\] ?(.*)$"
_WEEKDAY: Final = r"[月火水木金土日월화수목금토일]\S*"
_DATE_ALONE: Final = rf"{_DATE} *\(?(?:{_WEEKDAY})?\)?"
_RULED: Final = rf"^-{{3,}} ?{_DATE_ALONE} ?-{{3,}}$"
_UNRULED: Final = rf"^{_DATE_ALONE}(?:(?:,| at)? *{_HOUR}:{_MINUTE})?$"

_MACROS = """
CREATE OR REPLACE MACRO clock_of(hour, minute, second, half) AS
  if(hour < 24 AND minute < 60 AND second <= 60,
    (if(half IS NULL OR hour > 12, hour, hour % 12 + half) * 60 + minute) * 60
      + least(second, 59), NULL);
CREATE OR REPLACE MACRO half_of(word) AS CASE WHEN word IN ('오후', '午後', 'P', 'p') THEN 12
  WHEN word <> '' THEN 0 END;
CREATE OR REPLACE MACRO ymd(y, m, d) AS
  if(y BETWEEN 1970 AND 2199, try_cast(format('{:04d}-{:02d}-{:02d}', y, m, d) AS DATE), NULL);
CREATE OR REPLACE MACRO date_of(p) AS ymd(try_cast(p.y || p.year AS INTEGER),
  coalesce(try_cast(p.m AS INTEGER), list_position(
    ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
    lower(left(p.month || p.month2, 3)))),
  try_cast(p.d || p.day || p.day2 AS INTEGER));
"""

# Few of the texts before and after the first colon differ; only those are taken apart.
_CUT_AT_COLON = """
CREATE OR REPLACE TABLE cut AS
SELECT line, left(text, colon - 1) AS before, left(after, mark - 1) AS minute,
  substr(after, mark, 1) AS mark,
  substr(text, colon + mark + if(substr(text, colon + mark + 1, 1) = ' ', 2, 1)) AS rest
FROM (
  SELECT line, text, colon, after, CASE WHEN comma = 0 THEN second_colon
    WHEN second_colon = 0 THEN comma ELSE least(comma, second_colon) END AS mark
  FROM (
    SELECT *, strpos(after, ',') AS comma, strpos(after, ':') AS second_colon
    FROM (SELECT line, text, colon, substr(text, colon + 1, 9) AS after
      FROM (SELECT *, strpos(text, ':') AS colon FROM lines) WHERE colon BETWEEN 2 AND 40)))
WHERE mark BETWEEN 3 AND 9
"""
_HEADS_AT_COLON = """
CREATE OR REPLACE TABLE heads AS
WITH taken_apart AS MATERIALIZED (
  SELECT before, regexp_extract(before, $hour, $parts) AS h
  FROM (SELECT DISTINCT before FROM cut)
), hours AS (
  SELECT before, if($dated, date_of(h), NULL) AS date, h.hour::INTEGER AS hour,
    half_of(h.half) AS half
  FROM taken_apart WHERE h.hour <> ''
), minutes AS (
  SELECT minute, m.minute::INTEGER AS number, half_of(m.half) AS later_half
  FROM (SELECT minute, regexp_extract(minute, $minute, ['minute', 'half']) AS m
    FROM (SELECT DISTINCT minute FROM cut)) WHERE m.minute <> ''
)
SELECT line, date, clock_of(hour, number, 0, coalesce(half, later_half)) AS clock, '' AS name,
  mark = ',' AS named, rest
FROM cut JOIN hours USING (before) JOIN minutes USING (minute)
"""
_CUT_AT_BRACKET = """
CREATE OR REPLACE TABLE cut AS
SELECT line, substr(text, 2, gap - 2) AS name, left(stamp, length - 1) AS written,
  substr(text, gap + length + 4) AS rest
FROM (
  SELECT line, text, gap, stamp, strpos(stamp, ']') AS length
  FROM (SELECT line, text, gap, substr(text, gap + 3, 14) AS stamp
    FROM (SELECT *, strpos(text, '] [') AS gap FROM lines WHERE starts_with(text, '['))
    WHERE gap > 1))
WHERE length > 4 AND substr(text, gap + length + 3, 1) IN ('', ' ')
"""
_HEADS_AT_BRACKET = """
{verb}
WITH clocks AS (
  SELECT written, clock_of(c.hour::INTEGER, c.minute::INTEGER, 0,
    half_of(c.half || c.later)) AS clock
  FROM (SELECT written, regexp_extract(written, $clock, ['half', 'hour', 'minute', 'later']) AS c
    FROM (SELECT DISTINCT written FROM cut)) WHERE c.hour <> ''
)
SELECT line, NULL::DATE AS date, clock, name, false AS named, rest
FROM cut JOIN clocks USING (written)
"""
# A name with brackets and a space between them is cut too early. A table of what is left comes
# first, or the optimizer would look at every line.
_LEFT: Final = """
CREATE OR REPLACE TABLE left_over AS
SELECT line, text FROM lines ANTI JOIN heads USING (line) WHERE starts_with(text, '[')
"""
_CUT_LATER = """
CREATE OR REPLACE TABLE cut AS
SELECT line, o.name AS name, o.written AS written, o.rest AS rest
FROM (SELECT line, regexp_extract(text, $odd, ['name', 'written', 'rest']) AS o FROM left_over)
WHERE o.written <> ''
"""
_HEADS_OF_CSV = """
CREATE OR REPLACE TABLE heads AS
SELECT line, ymd(try_cast(h.y AS INTEGER), try_cast(h.m AS INTEGER), try_cast(h.d AS INTEGER))
    AS date,
  clock_of(h.hour::INTEGER, h.minute::INTEGER, coalesce(try_cast(h.second AS INTEGER), 0), NULL)
    AS clock,
  replace(h.name, '""', '"') || h.plain AS name, false AS named, h.rest AS rest
FROM (SELECT line, regexp_extract(text, $pattern,
    ['y', 'm', 'd', 'hour', 'minute', 'second', 'name', 'plain', 'rest']) AS h FROM lines)
WHERE h.minute <> ''
"""

# Without a rule around it, a line with nothing but a date tells the day of the message below.
_DAYS = """
CREATE OR REPLACE TABLE days AS
SELECT line, date_of(d) AS date
FROM (
  SELECT line, regexp_extract(text, $pattern, $parts) AS d FROM lines
  WHERE strlen(text) BETWEEN 10 AND 120 AND regexp_matches(text, '^[-A-Z12]')
    AND regexp_matches(text, $pattern))
WHERE $ruled OR line + 1 IN (SELECT line FROM heads)
"""


def find_heads(scratch: DuckDBPyConnection, layout: str) -> None:
    """Fill `heads (line, date, clock, name, named, rest)` with the lines that begin a message.

    The date is null where the layout has none, and where it does not exist; so is a clock, in
    seconds, that no one has. If `named`, the name stands before ` : ` in the rest.

    Args:
        scratch: The database with the table `lines`.
        layout: As `layout_of` returned.
    """
    scratch.execute(_MACROS)
    if layout == "bracketed":
        clock = {"clock": f"^{_HOUR}:{_MINUTE}$"}
        scratch.execute(_CUT_AT_BRACKET)
        scratch.execute(_HEADS_AT_BRACKET.format(verb="CREATE OR REPLACE TABLE heads AS"), clock)
        scratch.execute(_LEFT)
        scratch.execute(_CUT_LATER, {"odd": _BRACKETS})
        scratch.execute(_HEADS_AT_BRACKET.format(verb="INSERT INTO heads"), clock)
    elif layout == "csv":
        pattern = rf'^"?{_NUMBERS} (\d{{1,2}}):(\d{{2}})(?::(\d{{2}}))?"?,{_FIELD},(.*)$'
        scratch.execute(_HEADS_OF_CSV, {"pattern": pattern})
    else:
        dated = layout == "dated"
        scratch.execute(_CUT_AT_COLON)
        scratch.execute(
            _HEADS_AT_COLON,
            {
                "dated": dated,
                "hour": rf"^{_DATE}(?:,| at)? *{_HOUR}$" if dated else "()" * 8 + f"^{_HOUR}$",
                "parts": [*_DATE_PARTS, "half", "hour"],
                "minute": f"^{_MINUTE}$",
            },
        )


def find_days(scratch: DuckDBPyConnection, layout: str) -> None:
    """Fill `days (line, date)` with the lines that tell a day; the date is null if there is none.

    Args:
        scratch: The database that `find_heads` has filled.
        layout: As `layout_of` returned.
    """
    ruled = layout == "bracketed"
    pattern = _RULED if ruled else _UNRULED
    scratch.execute(_DAYS, {"pattern": pattern, "parts": _DATE_PARTS, "ruled": ruled})


def layout_of(file: ExportFile, scratch: DuckDBPyConnection) -> str:
    """The layout that most of the first lines follow.

    Args:
        file: The export.
        scratch: The database with the table `lines`.

    Returns:
        Its name in `LAYOUTS`.

    Raises:
        ExportError: None follows any.
    """
    counts = {
        name: (
            scratch.execute(
                "SELECT count(*) FROM (FROM lines LIMIT 5000) WHERE regexp_matches(text, ?)",
                [pattern],
            ).fetchone()
            or (0,)
        )[0]
        for name, pattern in LAYOUTS.items()
    }
    best = max(counts, key=lambda name: counts[name])
    if counts[best] == 0:
        raise ExportError(
            file.path,
            "no line begins a message, such as `[Ada] [오후 12:34] text`.",
            "Export the chat from KakaoTalk again; it may be empty.",
        )
    return best
