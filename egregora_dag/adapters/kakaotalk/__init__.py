"""KakaoTalk's exports: text of Windows, Android and iOS, in Korean, English or Japanese, and CSV.

The whole file follows one layout, which most of its lines show. What does not begin a message goes
on the one above it, but for lines that tell a day, and for the notices without a clock that
Windows writes between messages.
"""

import re
from collections.abc import Mapping
from typing import Final

from duckdb import DuckDBPyConnection

from egregora_dag.adapters.kakaotalk.heads import LAYOUTS, find_days, find_heads, layout_of
from egregora_dag.adapters.kakaotalk.words import (
    AMBIGUOUS_NOTICE,
    CALL,
    FRAME,
    HASHED_FILE,
    NOTICE,
    WHOLE,
    load_words,
)
from egregora_dag.adapters.lines import load_lines
from egregora_dag.adapters.protocol import ExportError, ExportFile, Parsed, Reading

_TITLES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"^(.+?) ?님과 ?카카오톡 대화$",
        r"^(.+?)(?: \d{1,3})? 카카오톡 대화$",
        r"^KakaoTalk Chats with (.+)$",
        r"^(.+?) (?:with|saved) KakaoTalk Chats(?: with .*)?$",
        r"^(.+?) ?(?:さん)?との(?:カカオ)?トーク.*$",
        r"^KakaoTalk_Chats?_(.+?)_\d{4}-\d{2}-\d{2}-\d{2}-\d{2}-\d{2}$",
    )
)
_SAVED: Final = re.compile(r"^(?:저장한 ?날짜|Date ?Saved|Saved Date|保存した日付|保存日) ?: ?.*\d")
_NAMED: Final = re.compile(r"카카오톡 대화$|KakaoTalk Chats")
_UNLIKE_OTHERS: Final = re.compile(
    r"-{10,} \d{4}년 \d{1,2}월 \d{1,2}일 .요일 -{10,}\n|\d{4}년 \d{1,2}월 \d{1,2}일 오[전후] "
    r"\d{1,2}:\d{2}(?:, .+ : |\n)|\d{4}\. \d{1,2}\. \d{1,2}\. 오[전후] \d{1,2}:\d{2}, .+ : "
)
_MEMBER: Final = re.compile(r"(?:^|/)(?:KakaoTalk|Talk_)[^/]*\.(?:txt|csv)$")

# Where messages do not tell their day, the line above does.
_DATE_ABOVE: Final = (
    "(SELECT h.* REPLACE (days.date AS date) FROM heads h ASOF JOIN days ON h.line > days.line)"
)
_OTHERS = """
CREATE OR REPLACE TABLE others AS
SELECT line, text FROM lines ANTI JOIN heads USING (line) ANTI JOIN days USING (line)
"""
# A notice without a clock was written at that of the message above, if that is of the same day.
_NOTICES = """
CREATE OR REPLACE TABLE notices AS
SELECT n.line, date + to_seconds(if(h.above > d.above, h.clock, 0)) AS local_time,
  text AS content
FROM (
  SELECT line, text FROM others WHERE $bracketed AND strlen(text) < 600 AND (
    regexp_matches(text, $notice)
    OR regexp_extract(text, $ambiguous, 1) IN (SELECT name FROM heads WHERE name <> ''))
) n
ASOF JOIN (SELECT line AS above, date FROM days) d ON n.line > d.above
ASOF LEFT JOIN (SELECT line AS above, clock FROM heads) h ON n.line > h.above
"""
_TAILS = """
CREATE OR REPLACE TABLE tails AS
SELECT line, text, start FROM (FROM others ANTI JOIN notices USING (line)) t
ASOF LEFT JOIN (SELECT line AS start FROM heads UNION ALL SELECT line FROM notices) h
  ON t.line > h.start
"""

_PARSE = """
CREATE OR REPLACE TABLE parsed AS
WITH timed AS (
  SELECT line, name, rest, date + to_seconds(clock) AS local_time,
    if(named, strpos(rest || ' ', ' : '), 0) AS colon
  FROM {heads}
), dated AS (
  SELECT line, local_time,
    if(colon = 0, nullif(trim(name), ''), nullif(trim(left(rest, colon)), '')) AS author,
    if(colon = 0, rest, substr(rest, colon + 3)) AS content
  FROM timed
  UNION ALL SELECT line, local_time, NULL, content FROM notices
), joined AS (
  SELECT start, string_agg(text, chr(10) ORDER BY line) AS tail
  FROM tails WHERE start IS NOT NULL GROUP BY start
), whole AS (
  SELECT line, local_time, author,
    if(tail IS NULL, content, rtrim(content || chr(10) || tail, chr(10))) AS text
  FROM dated LEFT JOIN joined ON start = line WHERE local_time IS NOT NULL
), unquoted AS (
  SELECT line, local_time, author, {content} AS content FROM whole
), worded AS (
  SELECT l.*, word, word_type,
    CASE WHEN word IS NOT NULL THEN regexp_matches(content, $whole) END AS is_word,
    CASE WHEN word IS NOT NULL THEN regexp_matches(content, $call) END AS is_call,
    CASE WHEN strlen(content) BETWEEN 35 AND 70 AND strpos(content, ' ') = 0
      THEN lower(regexp_extract(content, $hashed, 1)) ELSE '' END AS ending
  FROM (SELECT *, split_part(content, ' ', 1) AS label FROM unquoted) l
  LEFT JOIN words USING (label)
), told AS (
  SELECT * REPLACE (if(notice, NULL, author) AS author),
    CASE WHEN author IS NULL OR notice THEN 'system' WHEN is_call THEN 'call'
      WHEN is_word THEN word WHEN ending <> '' THEN 'media' ELSE 'message' END AS kind
  FROM (SELECT *, $csv AND starts_with(content, author) AND strlen(content) < 600
      AND (regexp_matches(content, $notice) OR regexp_matches(content, $ambiguous)) AS notice
    FROM worded)
), shown AS (
  SELECT *, CASE WHEN kind NOT IN ('media', 'location', 'contact') THEN content
      WHEN ending <> '' THEN content
      WHEN starts_with(label, '(') THEN trim(substr(content, length(label) + 1))
      WHEN ends_with(label, ':') THEN trim(substr(content, length(label) + 1)) ELSE '' END AS named,
    CASE WHEN kind <> 'media' THEN NULL WHEN ending = '' THEN word_type
      WHEN ending IN ('jpg', 'jpeg', 'png', 'gif', 'webp', 'heic') THEN 'image'
      WHEN ending IN ('mp4', 'mov', 'avi', 'mkv', '3gp') THEN 'video'
      WHEN ending IN ('m4a', 'aac', 'mp3', 'wav', 'amr', 'ogg') THEN 'audio'
      ELSE 'document' END AS media_type
  FROM told
)
SELECT $chat AS chat, line, local_time, author, kind, media_type,
  if(kind = 'media' AND media_type <> 'sticker', '', named) AS content,
  CASE WHEN kind = 'media' THEN chr(1) || media_type || chr(10) || named END AS identity,
  CASE WHEN kind = 'media' AND media_type <> 'sticker' THEN nullif(named, '') END AS media_path,
  CASE WHEN kind = 'call' AND regexp_matches(content, '\\d:\\d\\d') THEN
    json_object('seconds', list_reduce(list_transform(
      string_split(regexp_extract(content, '(?:\\d{{1,3}}:)?\\d{{1,3}}:\\d\\d'), ':'),
      lambda n: n::BIGINT),
      lambda a, b: a * 60 + b)) ELSE '{{}}' END::JSON AS extra
FROM shown
"""
_AS_WRITTEN: Final = "text"
_AS_CSV: Final = """replace(CASE WHEN NOT starts_with(text, '"') THEN text
  WHEN ends_with(text, '"') THEN left(substr(text, 2), -1) ELSE substr(text, 2) END, '""', '"')"""

# The title, when it was saved, days and empty lines are the frame, not the chat.
_REJECTED = """
INSERT INTO rejected SELECT $chat, line FROM (
  SELECT line, line AS start FROM heads UNION ALL
  SELECT line, line FROM notices UNION ALL
  SELECT line, start FROM tails WHERE trim(text) <> ''
    AND (start IS NOT NULL OR line > 6 OR NOT regexp_matches(text, $frame))
  UNION ALL SELECT line, NULL FROM lines WHERE text IS NULL)
ANTI JOIN (SELECT line AS start FROM parsed) p USING (start)
"""


class KakaoTalkAdapter:
    """Reads "Export chat" of phones and "Save chat" of the desktop, and archives of them."""

    source = "kakaotalk"

    def recognizes(self, file: ExportFile) -> bool:
        """Whether it begins with KakaoTalk's title and date of saving, or its CSV's columns."""
        if file.is_archive:
            return bool(_members(file))
        lines = [line.strip() for line in file.text.lstrip("\ufeff").split("\n", 60)[:60]]
        first, *others = [line for line in lines if line] or [""]
        if re.fullmatch(r'"?Date"?,"?User"?,"?Message"?', first):
            return not others or re.match(LAYOUTS["csv"], others[0]) is not None
        if _NAMED.search(first):
            return True
        follows = any(re.match(pattern, line) for pattern in LAYOUTS.values() for line in others)
        saved = any(_SAVED.match(line) for line in (first, *others[:2]))
        # Without its first lines, a text may still be like no other source's.
        return (saved and follows) or _UNLIKE_OTHERS.match("\n".join((first, *others))) is not None

    def threads(self, file: ExportFile) -> Mapping[str, str]:
        """One chat: the title in its first line, else the one in its file's name."""
        name = next(iter(_members(file)), file.path.name) if file.is_archive else file.path.name
        name = re.sub(r" ?\(\d+\)$", "", name.rpartition("/")[2].rsplit(".", 1)[0])
        if file.is_archive and _members(file):
            with file.opened(_members(file)[0]) as text:
                first = text.readline(1000).decode("utf-8-sig", "replace").strip()
        else:
            first = file.text.lstrip("\ufeff\r\n ").partition("\n")[0].strip()
        for candidate in (first, name):
            if title := next((m[1] for p in _TITLES if (m := p.match(candidate))), None):
                return {title.strip(): title.strip()}
        return {name: name}

    def parse(self, file: ExportFile, scratch: DuckDBPyConnection, reading: Reading) -> Parsed:
        """Fill `parsed`; what has no day above it, or a day or clock that no one has, is rejected.

        Raises:
            ExportError: No line begins a message.
        """
        [title] = self.threads(file).values()
        count, notes = _load(file, scratch)
        layout = layout_of(file, scratch)
        find_heads(scratch, layout)
        find_days(scratch, layout)
        scratch.execute(_OTHERS)
        notices = {"notice": NOTICE, "ambiguous": AMBIGUOUS_NOTICE}
        scratch.execute(_NOTICES, {"bracketed": layout == "bracketed"} | notices)
        scratch.execute(_TAILS)
        load_words(scratch)
        csv = layout == "csv"
        scratch.execute(
            _PARSE.format(
                heads="heads" if layout in {"dated", "csv"} else _DATE_ABOVE,
                content=_AS_CSV if csv else _AS_WRITTEN,
            ),
            {"chat": title, "csv": csv, "whole": WHOLE, "call": CALL, "hashed": HASHED_FILE}
            | notices,
        )
        scratch.execute(_REJECTED, {"chat": title, "frame": FRAME})
        return Parsed({title: count}, notes)


def _members(file: ExportFile) -> list[str]:
    """The texts in an archive, the parts of a long chat in their order."""
    names = [name for name in file.members if _MEMBER.search(name)]
    return sorted(names, key=lambda name: [int(n) for n in re.findall(r"\d+", name)])


def _load(file: ExportFile, scratch: DuckDBPyConnection) -> tuple[int, tuple[str, ...]]:
    """The table `lines`, of one text or of all parts one after another."""
    members: list[str | None] = [*_members(file)] if file.is_archive else [None]
    if not members:
        raise ExportError(file.path, "holds no chat's text.", "Export the chat from KakaoTalk.")
    total, notes = 0, dict[str, None]()
    for number, member in enumerate(members):
        with file.opened(member) as text:
            count, more = load_lines(scratch, text)
        notes |= dict.fromkeys(more)
        if len(members) > 1:
            verb = "INSERT INTO parts" if number else "CREATE OR REPLACE TABLE parts AS"
            scratch.execute(f"{verb} SELECT line + ? AS line, text FROM lines", [total])  # noqa: S608 - constants
        total += count
    if len(members) > 1:
        scratch.execute("CREATE OR REPLACE TABLE lines AS FROM parts")
    return total, tuple(notes)
