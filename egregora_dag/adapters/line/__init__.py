"""LINE's text exports, of phones (columns between tabs) and of the desktop (spaces).

A line tells a day, or begins a message with a clock, or goes on the message above. Phones put a
text of several lines into quotation marks, within which nothing is a header. The desktop writes
spaces where phones write tabs, so a name with spaces in it ends where the file as a whole says.
"""

import re
from collections.abc import Mapping
from typing import Final

from duckdb import DuckDBPyConnection

from egregora_dag.adapters.line.desktop import split_spaces
from egregora_dag.adapters.line.words import MEDIA_LABELS, NOTICE, UNSENT, load_words
from egregora_dag.adapters.lines import load_lines
from egregora_dag.adapters.protocol import DateOrder, ExportError, ExportFile, Parsed, Reading

_HALF: Final = "上午|午前|오전|凌晨|清晨|早上|下午|午後|오후|傍晚|晚上|中午|[AaPp]\\.?[Mm]\\.?"
_GAP: Final = "[ \u00a0\u202f]?"
CLOCK: Final = rf"(?:(?:{_HALF}){_GAP})?\d{{1,2}}:\d{{2}}(?::\d{{2}})?(?:{_GAP}[AaPp]\.?[Mm]\.?)?"
_CLOCK_PARTS: Final = (
    rf"^(?:({_HALF}){_GAP})?(\d{{1,2}}):(\d{{2}})(?::(\d{{2}}))?{_GAP}([AaPp])?[.Mm]*$"
)
# A weekday in any language, bracketed or not; Thai phones add the era to the year.
_WEEKDAY: Final = r"(?: ?[(（]?([^\d\s()（）,:]{1,14})[)）]?)"
_YEAR_FIRST: Final = (
    rf"^(?:(\d{{4}})|([RHS])(\d{{1,2}}))[/.-](\d{{1,2}})[/.-](\d{{1,2}}){_WEEKDAY}?$"
)
_YEAR_LAST: Final = (
    rf"^(?:([^\d\s,:]{{1,14}}),? )?(\d{{1,2}})[/.-](\d{{1,2}})[/.-](\d{{4}})(?: BE)?{_WEEKDAY}?$"
)
_DAY: Final = f"(?:{_YEAR_FIRST})|(?:{_YEAR_LAST})"
_TITLES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"^(?:Chat history|Chat) (?:with|in) (.+)$",
        r"^(.+?)(?:との?|の)トーク(?:履歴)?$",
        r"^[與与] ?(.+?) ?的(?:聊天|對話)(?:[記紀]錄|记录)?$",
        r"^(.+?) ?的聊天(?:[記紀]錄|记录)?$",
        r"^ประวัติการ(?:สนทนา|แชท)กับ ?(.+)$",
        r"^(?:Riwayat obrolan|Obrolan) dengan (.+)$",
        r"^(.+?)님과(?:의)? (?:대화|대화한 내용|채팅)$",
    )
)
_MARK: Final = "[LINE]"
_TABBED: Final = re.compile(rf"^{CLOCK}\t", re.MULTILINE)
_SPACED: Final = re.compile(rf"^{CLOCK} +[^ \d]", re.MULTILINE)

_CLOCKS = """
CREATE OR REPLACE TABLE clocks AS
SELECT written, CASE WHEN hour < 24 AND minute < 60 AND second <= 60
  THEN to_seconds((if(half IS NULL OR hour > 12, hour, hour % 12
    + if(half = 'pm' OR half = 'noon' AND hour % 12 < 10, 12, 0)) * 60 + minute) * 60
    + least(second, 59))
  END AS clock
FROM (
  SELECT written, c.hour::INTEGER AS hour, c.minute::INTEGER AS minute,
    coalesce(try_cast(c.second AS INTEGER), 0) AS second,
    CASE WHEN c.half = '' AND c.after = '' THEN NULL WHEN c.half = '中午' THEN 'noon'
      WHEN regexp_matches(c.half || c.after, '^[Pp]|下午|午後|오후|傍晚|晚上') THEN 'pm'
      ELSE 'am' END AS half
  FROM (
    SELECT written,
      regexp_extract(written, $parts, ['half', 'hour', 'minute', 'second', 'after']) AS c
    FROM (SELECT DISTINCT left(text, strpos(text, chr(9)) - 1) AS written FROM lines
      WHERE strpos(text, chr(9)) BETWEEN 5 AND 18)
    WHERE regexp_matches(written, $clock))
)
"""

_HEADS = """
CREATE OR REPLACE TABLE heads AS
SELECT line, clock, if(gap = 0, NULL, nullif(left(rest, gap - 1), '')) AS author,
  if(gap = 0, rest, substr(rest, gap + 1)) AS content
FROM (SELECT *, strpos(rest, chr(9)) AS gap FROM (
  SELECT line, left(text, strpos(text, chr(9)) - 1) AS written,
    substr(text, strpos(text, chr(9)) + 1) AS rest
  FROM lines WHERE strpos(text, chr(9)) BETWEEN 5 AND 18))
JOIN clocks USING (written)
"""

# Any day is told with its weekday, or none is: a bare date may be a line of a text.
_DAYS = """
CREATE OR REPLACE TABLE days AS
WITH told AS (
  SELECT line, regexp_extract(text, $first, ['y', 'era', 'e', 'm', 'd', 'weekday']) AS f,
    regexp_extract(text, $last, ['before', 'a', 'b', 'y', 'after']) AS l
  FROM lines WHERE strlen(text) BETWEEN 8 AND 64 AND regexp_matches(text, $day)
), numbered AS (
  SELECT line, f.m = '' AS year_last, lower(left(
      if(f.m = '', coalesce(nullif(l.before, ''), l.after), f.weekday), 3)) AS weekday,
    CASE WHEN f.era <> '' THEN try_cast(f.e AS INTEGER)
        + CASE f.era WHEN 'R' THEN 2018 WHEN 'H' THEN 1988 ELSE 1925 END
      ELSE try_cast(coalesce(nullif(f.y, ''), l.y) AS INTEGER) END AS y,
    try_cast(if(f.m = '', l.a, f.m) AS INTEGER) AS a,
    try_cast(if(f.m = '', l.b, f.d) AS INTEGER) AS b
  FROM told
)
SELECT line, year_last, weekday, date_of(if(y > 2400, y - 543, y), a, b) AS month_first,
  date_of(if(y > 2400, y - 543, y), b, a) AS day_first
FROM numbered
QUALIFY weekday <> '' OR NOT bool_or(weekday <> '') OVER ()
"""
_DATE = """
CREATE OR REPLACE MACRO date_of(y, m, d) AS
  if(y BETWEEN 1970 AND 2199, try_cast(format('{:04d}-{:02d}-{:02d}', y, m, d) AS DATE), NULL)
"""
# Dates that do not exist, that fall on another weekday than said, or that go back.
_FAULTS = """
SELECT count(*) FILTER (day IS NULL
  OR weekday IN ('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun')
    AND weekday <> lower(left(dayname(day), 3))
  OR day < before)
FROM (SELECT weekday, {order} AS day, lag({order}) OVER (ORDER BY line) AS before
  FROM days WHERE year_last)
"""

# A text in quotation marks ends with the line that closes them; the last one opened before that
# line is the one that it closes, as an earlier one was never closed.
_TAILS = """
CREATE OR REPLACE TABLE tails AS
SELECT line, text, start FROM (
  SELECT line, text FROM lines ANTI JOIN heads USING (line) ANTI JOIN days USING (line)) t
ASOF LEFT JOIN (SELECT line AS start FROM heads) h ON t.line > h.start
"""
_QUOTED = """
CREATE OR REPLACE TABLE quoted AS
WITH opened AS (
  SELECT line AS first FROM heads
  WHERE starts_with(content, '"') AND quotes(content) % 2 = 1
), closed AS (
  SELECT line AS last, start FROM tails
  WHERE ends_with(rtrim(text), '"') AND quotes(text) % 2 = 1
)
SELECT first, min(last) AS last, min_by(start, last) AS start
FROM closed ASOF JOIN opened ON last > first
GROUP BY first
"""
_QUOTES = """
CREATE OR REPLACE MACRO quotes(text) AS strlen(text) - strlen(replace(text, '"', ''))
"""

_PARSE = """
CREATE OR REPLACE TABLE parsed AS
WITH dated AS (
  SELECT heads.*, if(year_last, {day}, month_first) + clock AS local_time
  FROM heads ASOF JOIN days ON heads.line > days.line
), joined AS (
  SELECT start, string_agg(text, chr(10) ORDER BY line) AS tail
  FROM tails WHERE start IS NOT NULL GROUP BY start
), whole AS (
  SELECT line, local_time, author, first IS NOT NULL AS is_quoted,
    if(tail IS NULL, content, rtrim(content || chr(10) || tail, chr(10))) AS text
  FROM dated LEFT JOIN joined ON start = line LEFT JOIN quoted ON first = line
  WHERE local_time IS NOT NULL
), unquoted AS (
  SELECT line, local_time, author,
    if(is_quoted, replace(left(substr(rtrim(text), 2), -1), '""', '"'), text) AS content
  FROM whole
), labelled AS (
  SELECT *, CASE WHEN starts_with(content, '[') THEN left(content, strpos(content, ']'))
      WHEN starts_with(content, '☎') THEN '☎' WHEN starts_with(content, '通話時間 ') THEN '通話時間'
      WHEN strlen(content) <= 64 THEN content END AS label
  FROM unquoted
), worded AS (
  SELECT l.*, w.kind AS word, w.media_type AS word_type, trim(substr(content,
      length(l.label) + 1)) AS named
  FROM labelled l LEFT JOIN words w ON w.label = l.label
    AND (w.named OR l.label = content)
), told AS (
  SELECT * REPLACE (CASE WHEN notice THEN NULL WHEN author IS NULL AND unsent IS NOT NULL
      THEN coalesce(nullif(unsent, ''), $own) ELSE author END AS author)
  FROM (
    SELECT *, CASE WHEN (author IS NULL OR starts_with(content, author))
        AND regexp_matches(content, $unsent) THEN regexp_extract(content, $unsent, 1) END AS unsent,
      starts_with(content, author) AND strlen(content) < 400 AND regexp_matches(content, $notice)
        AS notice
    FROM worded)
), shown AS (
  SELECT *, CASE WHEN author IS NULL THEN 'system' WHEN unsent IS NOT NULL THEN 'deleted'
      ELSE coalesce(word, 'message') END AS kind
  FROM told
)
SELECT $chat AS chat, line, local_time, author, kind,
  CASE WHEN kind = 'media' THEN '' WHEN kind IN ('location', 'contact') THEN named
    ELSE content END AS content,
  CASE WHEN kind = 'media' THEN chr(1) || word_type || chr(10) || named END AS identity,
  CASE WHEN kind = 'media' THEN nullif(named, '') END AS media_path,
  CASE WHEN kind = 'media' THEN word_type END AS media_type,
  CASE WHEN kind = 'call' AND regexp_matches(content, '\\d:\\d\\d') THEN
    json_object('seconds', list_reduce(list_transform(
      string_split(regexp_extract(content, '(?:\\d{{1,3}}:)?\\d{{1,3}}:\\d\\d'), ':'),
      lambda n: n::BIGINT),
      lambda a, b: a * 60 + b)) ELSE '{{}}' END::JSON AS extra
FROM shown
"""

# Within a text in quotation marks.
_WITHIN = """
DELETE FROM {table} WHERE line IN (SELECT line FROM (
  SELECT line, last FROM {table} ASOF JOIN (FROM quoted WHERE '{table}' = 'days' OR start <> first)
    ON line > first) WHERE line <= last)
"""
_WIDE_GAPS = """
CREATE OR REPLACE TABLE lines AS
SELECT line, regexp_replace(text, $gap, '\\1\t\\2\t') AS text FROM lines
"""

# The writer of what was unsent without a name: in a chat of two, who is not in the title.
_OWN = """
SELECT if(count(*) <= 2 AND bool_or(author = $title), any_value(author) FILTER (author <> $title),
  NULL) FROM (SELECT DISTINCT author FROM heads WHERE author IS NOT NULL)
"""

# The title, when it was saved, days and empty lines are the frame, not the chat.
_REJECTED = """
INSERT INTO rejected SELECT $chat, line FROM (
  SELECT line, line AS start, '' AS text FROM heads UNION ALL SELECT line, start, text FROM tails
  WHERE trim(text) <> '' AND (start IS NOT NULL OR line > 5 OR NOT regexp_matches(text, $frame))
  UNION ALL SELECT line, NULL, '' FROM lines WHERE text IS NULL)
ANTI JOIN (SELECT line AS start FROM parsed) p USING (start)
"""
_FRAME: Final = (
    r"^\s*\[LINE\]|^(?:Saved?|保存|儲存|บันทึก|저장|Disimpan|Tersimpan)[^:：\d]{0,20}[:：]? ?[RH]?\d"
)


class LineAdapter:
    """Reads "Export chat history" of phones and "Save chat" of the desktop."""

    source = "line"

    def recognizes(self, file: ExportFile) -> bool:
        """Whether it begins with LINE's title, or with a day and then clocks."""
        if file.is_archive:
            return _member(file) is not None
        text = file.text.lstrip("\ufeff\r\n ")
        first, _, rest = text.partition("\n")
        if first.startswith(_MARK):
            return True
        # RE2, which reads the file, and Python agree on this pattern.
        is_day = re.match(_DAY, first.rstrip()) is not None
        following = next((line for line in rest.split("\n") if line.strip()), "")
        return is_day and bool(_TABBED.match(following) or _SPACED.match(following))

    def threads(self, file: ExportFile) -> Mapping[str, str]:
        """One chat: the title that the text begins with, or that its file's name holds."""
        member = _member(file) if file.is_archive else None
        if member is None:
            first = file.text.lstrip("\ufeff\r\n ").partition("\n")[0].strip()
        else:
            with file.opened(member) as text:
                first = text.readline(1000).decode("utf-8-sig", "replace").strip()
        if not first.startswith(_MARK):
            first = (member or file.path.name).rpartition("/")[2].rsplit(".", 1)[0]
            first = re.sub(r" ?\(\d+\)$", "", first)
        name = first.removeprefix(_MARK).strip() or file.stem
        found = next((m[1] for pattern in _TITLES if (m := pattern.match(name))), name)
        title = found.strip().strip('"').strip() or name
        return {title: title}

    def parse(self, file: ExportFile, scratch: DuckDBPyConnection, reading: Reading) -> Parsed:
        """Fill `parsed`; what has no day above it, or a day or clock that no one has, is rejected.

        Raises:
            ExportError: No line begins with a clock, or none tells a day.
        """
        [title] = self.threads(file).values()
        with file.opened(_member(file) if file.is_archive else None) as text:
            count, notes = load_lines(scratch, text)
        desktop = _tabulated(file, scratch, title)
        for statement in (_DATE, _QUOTES):
            scratch.execute(statement)
        scratch.execute(_CLOCKS, {"parts": _CLOCK_PARTS, "clock": f"^{CLOCK}$"})
        scratch.execute(_HEADS)
        scratch.execute(_DAYS, {"first": _YEAR_FIRST, "last": _YEAR_LAST, "day": _DAY})
        _close_quotes(scratch, desktop=desktop)
        order = _order(file, scratch, reading)
        load_words(scratch, desktop=desktop)
        [own] = scratch.execute(_OWN, {"title": title}).fetchone() or (None,)
        day = "day_first" if order is None or order.order == "day month year" else "month_first"
        scratch.execute(
            _PARSE.format(day=day), {"chat": title, "own": own, "unsent": UNSENT, "notice": NOTICE}
        )
        scratch.execute(_REJECTED, {"chat": title, "frame": _FRAME})
        return Parsed({title: count}, notes, order)


def _member(file: ExportFile) -> str | None:
    """The text in an archive that someone made of an export."""
    return next((n for n in file.members if re.search(r"(?:^|/)\[LINE\][^/]*\.txt$", n)), None)


def _tabulated(file: ExportFile, scratch: DuckDBPyConnection, title: str) -> bool:
    """Put tabs where the text has spaces instead; whether the desktop wrote it.

    Raises:
        ExportError: No line begins with a clock.
    """
    tabs, gaps, spaces = scratch.execute(
        "SELECT count(*) FILTER (regexp_matches(text, $tab)), "
        "count(*) FILTER (regexp_matches(text, $gap)), "
        "count(*) FILTER (regexp_matches(text, $space)) FROM (FROM lines LIMIT 20000)",
        {"tab": f"^{CLOCK}\t", "gap": f"^{CLOCK} {{2,}}", "space": f"^{CLOCK} [^ ]"},
    ).fetchone() or (0, 0, 0)
    if tabs + gaps + spaces == 0:
        raise ExportError(
            file.path,
            "no line begins with a clock, as LINE's messages do.",
            "Export the chat from LINE again; it may be empty.",
        )
    if tabs >= max(gaps, spaces):
        return False
    if gaps >= spaces:
        scratch.execute(_WIDE_GAPS, {"gap": f"^({CLOCK}) {{2,}}(\\S.*?)(?: {{2,}}|$)"})
        return False
    split_spaces(scratch, f"^({CLOCK}) +([^ ].*)$", title, MEDIA_LABELS)
    return True


def _close_quotes(scratch: DuckDBPyConnection, *, desktop: bool) -> None:
    """Fill `quoted` and `tails`; what looks like a header or a day within quotes is neither."""
    scratch.execute(_TAILS)
    scratch.execute(_QUOTED)
    if desktop:
        scratch.execute("DELETE FROM quoted")
    within = 0
    for table in ("heads", "days"):
        deleted = scratch.execute(_WITHIN.format(table=table)).fetchone()
        within += deleted[0] if deleted else 0
    if within:
        scratch.execute(_TAILS)


def _order(file: ExportFile, scratch: DuckDBPyConnection, reading: Reading) -> DateOrder | None:
    """How days are written where the year is last; None if it is first.

    Raises:
        ExportError: No line tells a day.
    """
    days, last = scratch.execute(
        "SELECT count(*), count(*) FILTER (year_last) FROM days"
    ).fetchone() or (0, 0)
    if days == 0:
        raise ExportError(
            file.path,
            "no line tells the day, such as `2020/01/31(Fri)`.",
            "Export the chat from LINE again; do not cut the file.",
        )
    if last == 0:
        return None
    orders = {True: "day month year", False: "month day year"}
    if reading.day_first is not None:
        return DateOrder(orders[reading.day_first], "as said")
    faults = {
        first: (scratch.execute(_FAULTS.format(order=column)).fetchone() or (0,))[0]
        for first, column in ((True, "day_first"), (False, "month_first"))
    }
    if faults[True] == faults[False]:
        return DateOrder(orders[True], "both orders fit", is_guess=True)
    return DateOrder(orders[faults[True] < faults[False]], "from weekdays and the order of days")
