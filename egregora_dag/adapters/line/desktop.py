"""LINE's desktop text, `12:34 name text`: where a name ends that may have spaces itself.

A name is one that stands alone before a label (`Ada Lovelace スタンプ`) or before a notice, or is
the chat's title; else it goes on as long as the words that follow it hardly ever differ.
"""

from typing import Final

from duckdb import DuckDBPyConnection

from egregora_dag.adapters.line.words import NOTICE, UNSENT

_VERBS: Final = (
    r"^(?:(?:joined|left) the |unsent a message|(?:added|invited|removed) .{1,200} (?:to|from) the "
    r"|已?(?:加入|退出)(?:群組|聊天)|已收回訊息)"
)
_MOST_WORDS: Final = 5
# A name of two words is followed by its second word in all but a few lines.
_SHARE: Final = 0.9
_FEWEST: Final = 4

_SPACED = """
CREATE OR REPLACE TABLE spaced AS
SELECT line, m.clock AS clock, m.rest AS rest, split_part(m.rest, ' ', 1) AS prefix
FROM (SELECT line, regexp_extract(text, $clock, ['clock', 'rest']) AS m FROM lines)
WHERE m.clock <> ''
"""
_NAMES = """
CREATE OR REPLACE TABLE names AS
WITH told AS (
  SELECT regexp_extract(rest, $label, 1) AS name FROM spaced UNION ALL
  SELECT regexp_extract(rest, $unsent, 1) FROM spaced
), firsts AS (SELECT prefix, count(*) AS total FROM spaced GROUP BY prefix)
SELECT name, split_part(name, ' ', 1) AS prefix FROM (
  SELECT name, any_value(total) AS total, (SELECT count(*) FROM spaced s
    WHERE s.prefix = split_part(name, ' ', 1) AND starts_with(s.rest, name || ' ')) AS lines
  FROM (SELECT DISTINCT name FROM told WHERE name <> '' AND length(name) <= 40)
    JOIN firsts ON firsts.prefix = split_part(name, ' ', 1)
  GROUP BY name)
WHERE lines >= 0.2 * total UNION SELECT $title, split_part($title, ' ', 1)
"""
# The next word of a name that is still growing.
_GROW = """
CREATE OR REPLACE TABLE growing AS
WITH longer AS (
  SELECT g.name, g.lines, g.prefix,
    g.name || ' ' || split_part(substr(s.rest, length(g.name) + 2), ' ', 1) AS next
  FROM growing g JOIN spaced s ON s.prefix = g.prefix AND starts_with(s.rest, g.name || ' ')
  WHERE strpos(substr(s.rest, length(g.name) + 2), ' ') > 0
)
SELECT next AS name, count(*) AS lines, prefix FROM longer
GROUP BY next, prefix, longer.lines
HAVING count(*) >= $share * longer.lines
"""
_SPLIT = """
CREATE OR REPLACE TABLE lines AS
WITH named AS (
  SELECT line, any_value(clock) AS clock, any_value(rest) AS rest,
    arg_max(name, strlen(name)) AS name
  FROM spaced s LEFT JOIN names n ON n.prefix = s.prefix AND starts_with(s.rest, n.name || ' ')
  GROUP BY line
), guessed AS (
  SELECT *, CASE WHEN name IS NULL AND (regexp_matches(rest, $notice)
        OR regexp_matches(rest, $unsent)) THEN ''
      ELSE coalesce(name, if(strpos(rest, ' ') = 0, '', split_part(rest, ' ', 1))) END AS author
  FROM named
), split AS (
  SELECT line, clock, rest, if(author <> '' AND regexp_matches(
    substr(rest, length(author) + 2), $verbs), '', author) AS author
  FROM guessed
)
SELECT line, CASE WHEN s.line IS NULL THEN text ELSE clock || chr(9) || author || chr(9)
    || if(author = '', rest, substr(rest, length(author) + 2)) END AS text
FROM lines LEFT JOIN split s USING (line)
"""


def split_spaces(
    scratch: DuckDBPyConnection, clock: str, title: str, labels: tuple[str, ...]
) -> None:
    """Rewrite `lines` with tabs after the clock and after the name.

    Args:
        scratch: The database with the table `lines`.
        clock: Regular expression of a line that begins with a clock; groups clock and rest.
        title: The chat's title, which in a chat of two is a name.
        labels: Texts that stand for media.
    """
    label = f"^(.+) (?:{'|'.join(labels)})$"
    scratch.execute(_SPACED, {"clock": clock})
    scratch.execute(_NAMES, {"label": label, "unsent": UNSENT, "title": title})
    scratch.execute(
        "CREATE OR REPLACE TABLE growing AS SELECT prefix AS name, count(*) AS lines, prefix "
        "FROM spaced ANTI JOIN names USING (prefix) GROUP BY prefix HAVING count(*) >= ?",
        [_FEWEST],
    )
    for _ in range(_MOST_WORDS - 1):
        scratch.execute(_GROW, {"share": _SHARE})
        scratch.execute("INSERT INTO names SELECT name, prefix FROM growing")
    scratch.execute(_SPLIT, {"notice": NOTICE, "unsent": UNSENT, "verbs": _VERBS})
