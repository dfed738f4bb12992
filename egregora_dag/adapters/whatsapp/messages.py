"""What a WhatsApp message is: who wrote it, and whether it is text, a file, a call or else."""

import re
from collections.abc import Mapping
from typing import Final

import pyarrow as pa
from duckdb import DuckDBPyConnection

from egregora_dag.adapters.whatsapp import words
from egregora_dag.adapters.whatsapp.headers import MARKS

_VALUE: Final = re.compile(r"\$(\w+)")
_MARK: Final = f"[{MARKS}]*"
# The mark that an iPhone puts in front of what the application says.
_SPOKEN: Final = "\u200e"
_BEFORE: Final = rf"(?:([\s\S]*?)[{MARKS}]+)?"
_CAPTION: Final = r"(?:\n([\s\S]*))?$"
# Names that phones give to files, whatever their language.
_ENDING: Final = r"\.[A-Za-z0-9]{1,5}"
_ANDROID_NAME: Final = rf"(?:IMG|VID|AUD|PTT|STK|DOC|VN)-\d{{8}}-WA\d{{4,}}[^\n]{{0,40}}?{_ENDING}"
_IPHONE_NAME: Final = rf"\d{{4,}}-[^>\n]+{_ENDING}"


def _any(phrases: tuple[str, ...]) -> str:
    return f"(?:{'|'.join(phrases)})"


_PATTERNS: Final = {
    "attached": rf"(?i)^{_MARK}(?:([^\n]+?{_ENDING}) \({_MARK}{_any(words.ATTACHED)}"
    rf"{_MARK}\)|({_ANDROID_NAME}) \([^()\n]{{2,40}}\)){_MARK}{_CAPTION}",
    "tagged": rf"(?i)^(?:([\s\S]*?)\s*)?{_MARK}<(?:{_MARK}{_any(words.TAGS)}{_MARK}: ?{_MARK}"
    rf"([^>\n]+?)|[^<>:\n]{{2,40}}: ?{_MARK}({_IPHONE_NAME})){_MARK}>{_MARK}{_CAPTION}",
    "omitted": rf"(?i)^{_BEFORE}{_MARK}({_any(words.OMITTED)})\.?{_MARK}{_CAPTION}",
    "view_once": rf"(?i)^{_MARK}{_any(words.VIEW_ONCE)}$",
    "deleted": rf"(?i)^{_MARK}{_any(words.DELETED)}$",
    "edited": rf"(?i)\s*{_MARK}{_any(words.EDITED)}{_MARK}$",
    "call": rf"(?i)^{_MARK}{_any(words.CALL)}$",
    "poll": rf"^{_MARK}{_any(words.POLL)}:",
    "location": rf"(?i)^{_MARK}(?:[^:\n]{{1,30}}: ?{_MARK})?https?://(?:maps\.google\.com/|"
    r"(?:www\.)?google\.com/maps)",
    "live_location": rf"(?i)^{_MARK}{_any(words.LIVE_LOCATION)}\.?$",
    "encryption": rf"^[{MARKS}]+{_any(words.ENCRYPTION)}",
    "placeholder": r"^<[^<>\n:/]{4,60}>$",
    "isolated": "@\u2068([^\u2069\n]+)\u2069",
    "named": "@([\\p{L}\\p{N}][^\\s@,;:!?]*)",
    "marks": f"^[{MARKS}]+",
    "all_marks": f"[{MARKS}]+",
    **{f"is_{name}": f"(?i)(?:{noun})" for name, noun in words.MEDIA_WORDS.items()},
}
# One look tells of most messages that they are none of these; of text in ASCII, which has no marks,
# the first few letters do.
_PATTERNS["special"] = "|".join(
    f"(?:{_PATTERNS[name]})"
    for name in ("omitted", "view_once", "deleted", "call", "poll", "live_location")
)
_PATTERNS["special_ascii"] = _PATTERNS["special"].replace(_BEFORE, "").replace(_MARK, "")

# A name that holds a colon is cut in two: then all that its owner ever wrote seems to begin alike.
# An iPhone lets the chat itself say what happens in it: all that it ever says has the mark.
_NAMES: Final = """
WITH told AS (
  SELECT name, count(*) AS messages, bool_and(contains(said, ': ')) AS has_colons,
    bool_and(starts_with(said, $spoken)) AS is_voice
  FROM headers WHERE name IS NOT NULL GROUP BY name
), cut_again AS (
  SELECT name, CASE WHEN regexp_matches(said, '^[^\\n:<>"“”„«»\\x{200e}]{1,40}: ')
    AND NOT regexp_matches(said, '^[^:]+: ?https?://')
    THEN substr(said, 1, strpos(said, ': ') - 1) END AS second
  FROM headers SEMI JOIN (FROM told WHERE messages >= 3 AND has_colons) USING (name)
), seconds AS (
  SELECT name, min(second) AS second FROM cut_again GROUP BY name
  HAVING count(*) = count(second) AND min(second) = max(second)
    AND NOT regexp_matches(min(second), '^\\d')
)
SELECT name, second, is_voice FROM told LEFT JOIN seconds USING (name)
WHERE second IS NOT NULL OR is_voice
"""

# What stands in for files in a language that is not known is said again and again.
_PLACEHOLDERS: Final = """
SELECT trim(regexp_replace(said, $all_marks, '', 'g')) AS phrase
FROM headers WHERE strlen(said) < 200 AND contains(said, '<')
  AND regexp_matches(trim(regexp_replace(said, $all_marks, '', 'g')), $placeholder)
GROUP BY phrase HAVING count(*) >= 3
"""

# Only the messages that have continuation lines are touched; a join would lose the order. Lists are
# sorted faster than what `string_agg` is to join.
_TAILS: Final = """
UPDATE cut SET said = concat(said, chr(10), tail) FROM (
  SELECT start, array_to_string(
    list_transform(list_sort(list((line, text))), lambda one: one[2]), chr(10)) AS tail
  FROM others WHERE text IS NOT NULL GROUP BY start
) WHERE line = start
"""

# What dates and clocks say is looked up, not joined: a join would leave the lines out of order.
_TIMES: Final = """
CREATE OR REPLACE TYPE date_written AS ENUM (SELECT date FROM dates);
CREATE OR REPLACE TYPE clock_written AS ENUM (SELECT clock FROM clocks);
SET VARIABLE dates = (SELECT list(means) FROM dates);
SET VARIABLE clocks = (SELECT list(means) FROM clocks)
"""

# Every pattern stands here once, as each costs time to compile; CASE, unlike AND, does not match
# what its condition rules out.
_PARSE: Final = """
CREATE OR REPLACE TABLE parsed AS
WITH bodies AS (
  SELECT line, getvariable('dates')[enum_code(date::date_written) + 1]
      + getvariable('clocks')[enum_code(clock::clock_written) + 1] AS local_time,
    if(place > 0, concat(name, ': ', $seconds[place]), name) AS name,
    if(place > 0, substr(said, length($seconds[place]) + 3), said) AS body
  FROM (SELECT *, if($any_names, list_position($names, name), 0) AS place FROM headers)
  WHERE $all_sound OR local_time IS NOT NULL
), told AS (
  SELECT line, local_time, body, name,
    trim(if(unicode(name) < $first_mark, name, regexp_replace(name, $marks, ''))) AS author,
    CASE WHEN contains(body, '>') THEN regexp_matches(body, $edited) ELSE false END AS edited,
    CASE WHEN contains(body, '(')
      THEN regexp_extract(body, $attached, ['file', 'usual', 'caption']) END AS attached,
    CASE WHEN contains(body, '<')
      THEN regexp_extract(body, $tagged, ['before', 'file', 'usual', 'caption']) END AS tagged,
    CASE WHEN strlen(body) < 4000 AND contains(body, '://')
      THEN regexp_matches(body, $location) ELSE false END AS is_place,
    CASE WHEN strlen(body) >= 4000 THEN false
      WHEN strlen(body) = length(body) THEN regexp_matches(body, $special_ascii)
      ELSE regexp_matches(body, $special) END AS is_special,
    CASE WHEN is_special THEN regexp_extract(body, $omitted, ['before', 'word', 'caption']) END
      AS omitted,
    CASE WHEN strlen(body) < 200 AND contains(body, '<') AND $any_placeholder
      THEN trim(regexp_replace(body, $all_marks, '', 'g')) IN $placeholders
      ELSE false END AS is_placeholder,
    CASE WHEN is_special THEN regexp_matches(body, $view_once) ELSE false END AS is_view_once
  FROM bodies
), seen AS (
  SELECT *,
    CASE WHEN attached IS NOT NULL OR tagged IS NOT NULL
      THEN nullif(regexp_replace(coalesce(nullif(attached.file, ''), nullif(attached.usual, ''),
        nullif(tagged.file, ''), nullif(tagged.usual, ''), ''), $all_marks, '', 'g'), '') END
      AS file,
    CASE WHEN is_special THEN coalesce(nullif(omitted.word, ''), if(is_view_once, body, ''))
      ELSE '' END AS word
  FROM told
), shown AS (
  SELECT * REPLACE (if(kind = 'system', NULL, author) AS author)
  FROM (SELECT *, CASE
    WHEN author IS NULL THEN 'system'
    WHEN starts_with(body, $spoken) AND regexp_matches(body, $encryption) THEN 'system'
    WHEN file IS NOT NULL OR word <> '' OR is_placeholder THEN 'media'
    WHEN is_special THEN CASE
      WHEN regexp_matches(body, $deleted) THEN 'deleted'
      WHEN regexp_matches(body, $call) THEN 'call'
      WHEN regexp_matches(body, $poll) THEN 'poll'
      WHEN regexp_matches(body, $live_location) THEN 'location'
      ELSE 'message' END
    WHEN is_place THEN 'location'
    WHEN starts_with(body, $spoken) AND (author = $chat OR name IN $voices
      OR starts_with(substr(body, 2), author || ' ')) THEN 'system'
    ELSE 'message' END AS kind FROM seen)
), typed AS (
  SELECT *, ends_with(lower(file), '.vcf') AS is_card,
    CASE
      WHEN kind = 'media' THEN concat_ws(chr(10),
        nullif(coalesce(nullif(tagged.before, ''), omitted.before), ''),
        nullif(coalesce(nullif(attached.caption, ''), nullif(tagged.caption, ''),
          omitted.caption), ''))
      WHEN edited THEN regexp_replace(body, $edited, '')
      ELSE body END AS marked,
    if(unicode(marked) < $first_mark, marked, regexp_replace(marked, $marks, '')) AS content
  FROM shown
), kinds AS (
  SELECT *, CASE WHEN kind = 'media'
    THEN coalesce(is_card, false) OR regexp_matches(word, $is_contact)
    ELSE false END AS is_contact
  FROM typed
)
SELECT $chat AS chat, line, local_time, author, content,
  CASE WHEN kind = 'media' THEN concat(chr(1), 'media', chr(10), content) END AS identity,
  if(kind = 'media' AND is_contact, 'contact', kind) AS kind,
  CASE WHEN kind = 'media' THEN file END AS media_path,
  CASE WHEN kind <> 'media' OR is_contact OR word = '' THEN NULL
    {types} END AS media_type,
  edited,
  CASE WHEN contains(body, chr(8296)) THEN list_concat(
    regexp_extract_all(body, $isolated, 1), regexp_extract_all(body, $named, 1)) END AS mentions,
  CASE WHEN kind = 'media' AND is_view_once THEN '{{"view_once": true}}'::JSON END AS extra
FROM kinds
"""

_DROP: Final = """
RESET VARIABLE dates; RESET VARIABLE clocks; DROP TYPE date_written; DROP TYPE clock_written;
DROP VIEW headers; DROP TABLE cut; DROP TABLE others; DROP TABLE dates; DROP TABLE clocks
"""
_MEMBERS: Final = """
UPDATE parsed SET media_path = member FROM media WHERE nfc_normalize(media_path) = base
"""
_TYPES: Final = "\n    ".join(
    f"WHEN regexp_matches(word, $is_{name}) THEN '{name}'"
    for name in words.MEDIA_WORDS
    if name != "contact"
)


def parse(
    scratch: DuckDBPyConnection, chat: str, media: Mapping[str, str], *, all_sound: bool
) -> None:
    """Turn the tables `cut`, `others`, `dates` and `clocks` into `parsed`.

    Args:
        scratch: The database with these tables.
        chat: The chat's title.
        media: Name of a file in the archive → its whole name there.
        all_sound: Whether all dates and clocks exist.
    """

    def execute(query: str, **more: object) -> DuckDBPyConnection:
        values = {**_PATTERNS, "spoken": _SPOKEN, "chat": chat, **more}
        return scratch.execute(query, {name: values[name] for name in _VALUE.findall(query)})

    names = execute(_NAMES).fetchall()
    cut = {name: second for name, second, _ in names if second}
    phrases = [phrase for (phrase,) in execute(_PLACEHOLDERS).fetchall()]
    execute(_TAILS)
    scratch.execute(_TIMES)
    execute(
        _PARSE.format(types=_TYPES),
        all_sound=all_sound,
        first_mark=ord(min(MARKS)),
        names=list(cut),
        seconds=list(cut.values()),
        any_names=bool(cut),
        voices=[name for name, _, is_voice in names if is_voice],
        placeholders=phrases,
        any_placeholder=bool(phrases),
    )
    if media:
        files = {"base": list(media), "member": list(media.values())}
        scratch.register("media", pa.table(files))
        scratch.execute(_MEMBERS)
        scratch.unregister("media")
    # They hold as much as the file: what is no longer needed makes room.
    scratch.execute(_DROP)
