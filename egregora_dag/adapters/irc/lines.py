"""The lines of IRC logs as SQL: what each is, who said it, and on which day.

The patterns are RE2's. One pattern reads the time and stops where the text begins; the text is told
by its first signs, so that long texts cost no more than short ones.
"""

from typing import Any, Final

from duckdb import DuckDBPyConnection

from egregora_dag.adapters.irc.months import MONTHS

_CLOCK: Final = r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d|60)(?:[.,](\d{1,9}))?)?"
_READ_PARAMETERS: Final[dict[str, Any]] = {
    "month_names": list(MONTHS),
    "month_numbers": list(MONTHS.values()),
    # Bold, colours, reset, monospace, reverse, italic, strikethrough and underline of IRC clients,
    # and the colours of terminals.
    "codes": r"\x02|\x03(?:\d{1,2}(?:,\d{1,2})?)?|\x04(?:[0-9A-Fa-f]{6}(?:,[0-9A-Fa-f]{6})?)?"
    r"|\x0f|\x11|\x16|\x1b\[[0-9;]*m|\x1d|\x1e|\x1f",
    "stamp": rf"^(\[?(?:(\d{{4}}-\d\d-\d\d)[ T])?{_CLOCK}(Z|UTC| ?[+-]\d\d:?\d\d)?\]?[ \t])",
    "stamp_parts": ["whole", "date", "hour", "minute", "second", "fraction", "zone"],
    "yearless": rf"^(((?i:{'|'.join(MONTHS)}))[.॰]? +(\d\d?) {_CLOCK}[ \t])",
    "yearless_parts": ["whole", "month", "day", "hour", "minute", "second", "fraction"],
    # Announcements that mIRC, HexChat and The Lounge begin like an action.
    "event": r"^\*[ \t]+(?:(?:Joins|Parts|Quits): \S+ \("
    r"|\S+ \([^\s()]+@[^\s()]+\) (?:has )?(?:joined|left|quit|Quit|join|part)\b"
    r"|\S+ sets modes?:? [+-]|\S+ is now known as \S+$|You are now known as "
    r"|\S+ was kicked by \S+|\S+ changes topic to '|\S+ has changed the topic to: "
    r"|Now talking (?:on|in) |Topic (?:for|is) |Set by \S+ )",
    # Those of HexChat that only a tab tells from an action.
    "tabbed_event": r"^\*\t+(?:\S+ has (?:joined|left|quit|kicked)\b|You have |Disconnected\b"
    r"|\S+ (?:gives|removes) (?:channel |voice |ban |exempt |invite )"
    r"|\S+ sets (?:ban|exempt|invite) |Channel \S+ (?:created|url|modes)\b|Users on |Cannot join )",
    "notice": r"^-([^\s(:]+?)(?:\([^\s)]*\))?(?::\S+?)?-(?:[ \t]+(.*))?$",
    "private": r"^(?:\*([^\s*]+)\*|\[([^\s()\[\]]+)\([^\s()]*@[^\s()]*\)\])[ \t]+(.*)$",
    "day_line": r"^--- \p{L}[\p{L}\p{M}.]* \p{L}[\p{L}\p{M}.॰]* +\d\d? \d{4}$",
    # What no nick is made of: the arrows and signs in its place.
    "no_nick": r"^[^\p{L}\p{N}\[\]\\^_`{|}]*$",
}

# `form` is what a line is: said, action, notice, private, system; other if it has a time alone.
_READ: Final = r"""
CREATE OR REPLACE TABLE read AS
WITH plain AS (
  SELECT line, CASE WHEN regexp_matches(text, '[\x02-\x04\x0f-\x1f]')
    THEN regexp_replace(text, $codes, '', 'g') ELSE text END AS text
  FROM lines WHERE text IS NOT NULL
), timed AS (
  SELECT *, regexp_extract(text, $stamp, $stamp_parts) AS s FROM plain
), named AS (
  SELECT *, CASE WHEN s.whole = '' AND regexp_matches(text, '^\p{L}')
    THEN regexp_extract(text, $yearless, $yearless_parts) END AS y
  FROM timed
), stamped AS (
  SELECT line, text, s.date AS date, s.zone AS zone,
    nullif(y.month, '') AS month,
    CASE WHEN month IS NOT NULL THEN y.day END AS month_day,
    CASE WHEN month IS NOT NULL THEN y.whole ELSE s.whole END AS stamp,
    CASE WHEN month IS NOT NULL THEN y.hour ELSE s.hour END AS hour,
    CASE WHEN month IS NOT NULL THEN y.minute ELSE s.minute END AS minute,
    CASE WHEN month IS NOT NULL THEN y.second ELSE s.second END AS second,
    CASE WHEN month IS NOT NULL THEN y.fraction ELSE s.fraction END AS fraction
  FROM named
), cut AS (
  SELECT *, date <> '' AND stamp LIKE '%' || chr(9) AS is_table,
    ltrim(CASE WHEN stamp = '' THEN text ELSE substr(text, length(stamp) + 1) END, ' ') AS rest,
    strpos(rest, CASE WHEN is_table THEN chr(9) ELSE '>' END) AS sign
  FROM stamped
), headed AS (
  SELECT *, CASE WHEN is_table THEN trim(left(rest, sign - 1)) END AS head FROM cut
), formed AS (
  SELECT *, CASE
    WHEN is_table THEN CASE
      WHEN sign = 0 THEN 'system'
      WHEN head = '*' THEN 'action'
      WHEN NOT regexp_matches(head, $no_nick) THEN 'said'
      WHEN rest LIKE '%Notice(%' AND regexp_matches(rest, '\tNotice\([^)]+\)') THEN 'server notice'
      ELSE 'system' END
    WHEN rest LIKE '<%' THEN CASE
      WHEN regexp_matches(rest, '^<--[ \t]') THEN 'system'
      WHEN ltrim(substr(rest, 2, greatest(sign - 2, 0)), ' @+%~&!') <> ''
        AND substr(rest, sign + 1, 1) IN ('', ' ', chr(9)) THEN 'said'
      ELSE 'other' END
    WHEN rest LIKE '*%' THEN CASE
      WHEN rest LIKE '*** %' OR rest LIKE '**** %' THEN 'system'
      WHEN regexp_matches(rest, '^\*[ \t]+[^ \t]') THEN if(regexp_matches(rest, $event)
        OR regexp_matches(rest, $tabbed_event), 'system', 'action')
      WHEN regexp_matches(rest, $private) THEN 'private'
      ELSE 'other' END
    WHEN rest LIKE '-%' THEN CASE
      WHEN regexp_matches(rest, '^(?:-!-|--|---|-->)[ \t]') THEN 'system'
      WHEN regexp_matches(rest, $notice) THEN 'notice'
      ELSE 'other' END
    WHEN rest LIKE '===%' OR regexp_matches(rest, '^=!= ') THEN 'system'
    WHEN rest LIKE '[%' AND regexp_matches(rest, $private) THEN 'private'
    WHEN rest LIKE 'Action: _%' THEN 'action'
    WHEN rest LIKE 'Session %' AND regexp_matches(rest, '^Session (?:Start|Time|Close|Ident): ')
      THEN if(stamp = '', 'system', 'other')
    ELSE 'other' END AS shape
  FROM headed
), told AS (
  SELECT *, CASE WHEN shape = 'other' THEN if(stamp = '', NULL, 'system')
      WHEN shape = 'server notice' THEN 'notice' ELSE shape END AS form,
    CASE shape
      WHEN 'action' THEN ltrim(substr(rest, CASE WHEN is_table THEN sign + 1
        WHEN rest LIKE 'A%' THEN 9 ELSE 2 END), chr(9) || ' ')
      WHEN 'system' THEN CASE
        WHEN is_table THEN if(sign = 0, trim(rest, '* '), substr(rest, sign + 1))
        WHEN rest LIKE '===%' THEN regexp_replace(rest, '^=== ?', '')
        ELSE regexp_replace(rest, '^[-<>*!=]+[ \t]+', '') END
      ELSE rest END AS body,
    CASE shape WHEN 'notice' THEN regexp_extract(rest, $notice, ['nick', 'text'])
      WHEN 'server notice' THEN regexp_extract(rest,
        '\tNotice\(([^)]+)\)(?: -> \S+)?:? ?(.*)$', ['nick', 'text']) END AS n,
    CASE shape WHEN 'private' THEN regexp_extract(rest, $private, ['a', 'b', 'text']) END AS p,
    CASE WHEN is_table THEN NULL
      WHEN stamp = '' AND shape = 'system' AND regexp_matches(rest, '^(?:--- |\*{4} |Session )')
        THEN rest
      WHEN shape = 'system' AND rest LIKE '--- %' AND regexp_matches(rest, $day_line) THEN rest
      END AS banner
  FROM formed
), announced AS (
  SELECT *, CASE WHEN banner IS NOT NULL THEN {
      'month': list_filter(list_transform(
        string_split_regex(lower(nfc_normalize(banner)), '[\s.,॰]+'),
        lambda word: $month_numbers[list_position($month_names, word)]),
        lambda number: number IS NOT NULL)[-1],
      'day': regexp_extract(banner, '(?:^|\s)(\d\d?)[.,]?(?:\s|$)', 1),
      'year': regexp_extract(banner, '(?:^|\s)(\d{4})(?:\s|$)', 1),
      'date': regexp_extract(banner, '\d{4}-\d\d-\d\d'),
      'clock': try_cast(nullif(regexp_extract(banner, '\d\d?:\d\d:\d\d'), '') AS TIME)
    } END AS b
  FROM told
), anchored AS (
  SELECT *, CASE WHEN date <> '' THEN try_cast(date AS DATE)
      WHEN b.date <> '' THEN try_cast(b.date AS DATE)
      WHEN banner IS NOT NULL
        THEN try_cast(concat_ws('-', b.year, b.month, b.day) AS DATE) END AS stated,
    CASE WHEN stated BETWEEN DATE '1970-01-01' AND DATE '2199-12-31' THEN stated END AS at_date,
    banner IS NOT NULL AND at_date IS NOT NULL AS is_banner
  FROM announced
)
SELECT line, form, month, try_cast(month_day AS INTEGER) AS month_day,
  date <> '' OR month IS NOT NULL AS is_dated,
  at_date - DATE '1970-01-01' AS day,
  is_banner AND b.clock IS NULL AS begins,
  CASE WHEN stamp <> '' THEN zone <> '' END AS utc,
  CASE WHEN stamp <> '' THEN
    (hour::BIGINT * 3600 + minute::BIGINT * 60
      + least(coalesce(try_cast(second AS BIGINT), 0), 59)) * 1000000
    + CASE WHEN fraction <> '' THEN left(rpad(fraction, 6, '0'), 6)::BIGINT ELSE 0 END
    - CASE WHEN regexp_matches(zone, '[+-]') THEN 60000000 * if(contains(zone, '-'), -1, 1)
        * (substr(ltrim(zone), 2, 2)::BIGINT * 60 + right(zone, 2)::BIGINT) ELSE 0 END
    WHEN is_banner THEN coalesce(epoch_us(b.clock), 0) END AS clock,
  CASE form WHEN 'said' THEN ltrim(CASE WHEN is_table THEN trim(head, '<>')
      ELSE substr(rest, 2, sign - 2) END, ' @+%~&!')
    WHEN 'action' THEN split_part(body, ' ', 1)
    WHEN 'notice' THEN n.nick
    WHEN 'private' THEN p.a || p.b END AS author,
  CASE form WHEN 'said' THEN substr(rest, sign + if(is_table, 1, 2))
    WHEN 'action' THEN substr(body, strpos(body || ' ', ' ') + 1)
    WHEN 'notice' THEN n.text
    WHEN 'private' THEN p.text
    ELSE body END AS content
FROM anchored
"""

PARSED: Final = """
SELECT $chat AS chat, line, make_timestamp(days.day * 86400000000 + days.clock) AS local_time,
  days.utc AS utc, nullif(read.author, '') AS author, coalesce(content, '') AS content,
  if(nullif(read.author, '') IS NULL, 'system', 'message') AS kind,
  CASE WHEN form IN ('said', 'system') OR read.author = '' THEN '{}'
    ELSE '{"' || form || '": true}' END::JSON AS extra
FROM read JOIN days USING (line)
WHERE days.day BETWEEN 0 AND DATE '2199-12-31' - DATE '1970-01-01'
"""


def read_lines(scratch: DuckDBPyConnection) -> None:
    """Make of `lines` the table `read`: what each line is, and what it says of its time.

    Args:
        scratch: The database with the lines.
    """
    scratch.execute(_READ, _READ_PARAMETERS)
