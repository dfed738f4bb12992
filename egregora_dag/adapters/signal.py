"""Signal, as two programs write its desktop database down: signal-export and sigtop.

signal-export writes Markdown, `[2019-05-29 15:04:05] Ada: text`, a folder with a `chat.md` for
each chat; sigtop writes blocks of fields, or with `-f text-short` a line a message.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Final

from duckdb import DuckDBPyConnection

from egregora_dag.adapters.lines import load_lines
from egregora_dag.adapters.protocol import ExportError, ExportFile, Parsed, Reading, titled

_MARKDOWN_NAMES: Final = ("chat.md", "index.md")
_PLAIN: Final = re.compile(r"^\[\d{4}-\d\d-\d\d,? \d\d:\d\d\] ?[^:\n]+:", re.MULTILINE)
# Since its version 3 signal-export tells seconds, as WhatsApp does; what tells them apart is the
# two spaces after each text, and the links to media.
_SECONDS: Final = re.compile(
    r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] [^:\n]+:"
    r"(?P<own>.*(?:  $|\(This message was deleted\)$))?",
    re.MULTILINE,
)
_OWN: Final = re.compile(r"\]\(\./media/|^\(- .+: .+ -\)|\]\(\.\./exported_stickers/", re.MULTILINE)
_WHATSAPP: Final = re.compile("[\u200e\u200f]|<attached: |end-to-end encrypted")
_FIELDS: Final = re.compile(
    r"^(?:From: .+\r?\n)?Type: [\w-]+\r?\n"
    r"(?:Sent|Received): (?:\w{3}, \d{1,2} \w{3} \d{4} |unknown)",
    re.MULTILINE,
)
_SHORT: Final = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d [^\s:,-][^:\n]*:(?: |\r?$)")
_CONVERSATION: Final = re.compile(r"^\ufeff?Conversation: (.+?)\r?$", re.MULTILINE)
# What sigtop adds to a name: telephone number, username, account, or that it is a group.
_DETAIL: Final = r" \((?:\+\d+|[\w-]+\.\d{2,}|[0-9a-f]{8}-[0-9a-f-]{27}|group)\)$"

_BLOCKS: Final = """
CREATE OR REPLACE TEMP TABLE numbered AS
WITH near AS (
  SELECT line, text, lag(text) OVER (ORDER BY line) AS before, lead(text) OVER (ORDER BY line) AS
    after FROM lines
)
SELECT line, text, max(line) FILTER (
  regexp_matches(text, $start) AND ($follows IS NULL
    OR regexp_matches(after, $follows) AND coalesce(before, '') = '')) OVER (ORDER BY line) AS start
FROM near;
"""
_JOIN: Final = """
CREATE OR REPLACE TEMP TABLE blocks AS
SELECT start AS line, string_agg(text, chr(10) ORDER BY line) AS block
FROM numbered WHERE start IS NOT NULL GROUP BY start
"""

_CREATE: Final = """
CREATE OR REPLACE TABLE parsed (
  chat VARCHAR, line BIGINT, local_time TIMESTAMP, author VARCHAR, content VARCHAR, kind VARCHAR,
  utc BOOLEAN, native_id VARCHAR, reply_native VARCHAR, media_path VARCHAR, media_type VARCHAR,
  edited BOOLEAN, reactions MAP(VARCHAR, BIGINT), extra JSON)
"""

_CALL: Final = (
    r"(?:Incoming|Outgoing|Missed) (?:voice |video |group |adhoc )*call(?: \([^()\n]*\))?"
)
_MARKDOWN: Final = {
    "header": r"^\[(\d{4}-\d\d-\d\d),? (\d\d:\d\d(?::\d\d)?)\] ?([^:\n]+):[ ]?((?s:.*))$",
    "quoted": r"^\s*\n((?:> ?[^\n]*\n)+)\s*",
    "reacted": r"(?:^|\n)\(- ([^\n]+?) -\)",
    "sticker": r"(?:^|\n)\(\( ([^\n]*?) \)\)",
    "sticker_file": r"\[([^\[\]\n]*)\]\(\.\./exported_stickers/([^()\n]+)\) {0,2}",
    "linked": r"!?\[[^\[\]\n]*\]\(\./media/((?:[^()\n]|\([^()\n]*\))+)\) {0,2}",
}
_PARSE_MARKDOWN: Final = r"""
INSERT INTO parsed BY NAME
WITH told AS (
  SELECT line, regexp_extract(block, $header, ['date', 'time', 'name', 'body']) AS h FROM blocks
), timed AS (
  SELECT line, try_cast(h.date || ' ' || h.time AS TIMESTAMP) AS local_time, trim(h.name) AS name,
    regexp_extract(h.body, $quoted, 1) AS quote, regexp_replace(h.body, $quoted, '') AS body
  FROM told
), found AS (
  SELECT *,
    if(contains(body, '(- '), nullif(regexp_extract(body, $reacted, 1), ''), NULL) AS reacted,
    if(contains(body, '(('), nullif(regexp_extract(body, $sticker, 1), ''), NULL) AS sticker,
    if(contains(body, '](../'), regexp_extract(body, $sticker_file, ['label', 'file']), NULL) AS s,
    if(contains(body, '](./media/'), list_transform(regexp_extract_all(body, $linked, 1),
      lambda x: replace(x, '%20', ' ')), []) AS files
  FROM timed WHERE year(local_time) BETWEEN 1970 AND 2199
), plain AS (
  SELECT *, nullif(s.file, '') AS sticker_file, trim(
      if(len(files) > 0 OR s IS NOT NULL OR reacted IS NOT NULL OR sticker IS NOT NULL,
        regexp_replace(regexp_replace(regexp_replace(regexp_replace(body, $linked, '', 'g'),
          $sticker_file, '', 'g'), $reacted, ''), $sticker, ''), body),
      ' ' || chr(10)) AS content
  FROM found
), sorted AS (
  SELECT *, coalesce(files[1], sticker_file) AS file, CASE
      WHEN content = '(This message was deleted)' THEN 'deleted'
      WHEN len(files) > 0 OR sticker IS NOT NULL OR sticker_file IS NOT NULL THEN 'media'
      WHEN regexp_full_match(content, $call) THEN 'call'
      -- Changes of the group, the timer or a key, of which the program writes only that they were.
      WHEN content = '' AND quote = '' AND reacted IS NULL THEN 'system'
      ELSE 'message' END AS kind
  FROM plain
)
SELECT $chat AS chat, line, local_time, if(kind = 'system', NULL, name) AS author,
  CASE WHEN kind = 'deleted' THEN '' WHEN kind = 'media' AND content = ''
    THEN coalesce(sticker, nullif(s.label, ''), '') ELSE content END AS content,
  kind, false AS utc, regexp_extract(file, '[^/]+$') AS media_path,
  CASE WHEN len(files) = 0 AND kind = 'media' THEN 'sticker' ELSE signal_media(file) END
    AS media_type,
  false AS edited,
  CASE WHEN reacted IS NOT NULL THEN list_aggregate(list_transform(string_split(reacted, ', '),
    lambda x: regexp_extract(x, '[^:]*$').trim()), 'histogram')::MAP(VARCHAR, BIGINT) END
    AS reactions,
  CASE WHEN kind = 'system' OR quote <> '' OR reacted IS NOT NULL OR len(files) > 1
    THEN json_merge_patch('{}', json_object(
      'actor', if(kind = 'system' AND name <> 'No-Sender', name, NULL),
      'quote', nullif(trim(regexp_replace(quote, '(?m)^> ?', '', 'g'), ' ' || chr(10)), ''),
      'reactions', reacted, 'files', if(len(files) > 1, files, NULL)))
    ELSE '{}'::JSON END AS extra
FROM sorted
"""

_SHORT_LINE: Final = {
    "header": r"^(\d{4}-\d\d-\d\d \d\d:\d\d) ([^:\n]+):[ ]?((?s:.*))$",
    "details": r"^\[((?:(?:reply to [^\n\]]+ on (?:[\d: -]+|unknown)|edited|"
    r"\d+ attachments?)(?:, )?)+)\](?: |$)",
    "typed": r"^\[([\w-]+) message\]$",
    "replied": r"reply to (.+ on (?:[\d-]+ [\d:]+|unknown))",
}
_PARSE_SHORT: Final = r"""
INSERT INTO parsed BY NAME
WITH told AS (
  SELECT line, regexp_extract(block, $header, ['time', 'name', 'body']) AS h FROM blocks
), found AS (
  SELECT line, try_cast(h.time AS TIMESTAMP) AS local_time, trim(h.name) AS name,
    regexp_extract(h.body, $details, 1) AS details, regexp_extract(h.body, $typed, 1) AS type,
    regexp_replace(h.body, $details, '') AS content
  FROM told
), sorted AS (
  SELECT *, CASE WHEN type = 'call-history' THEN 'call' WHEN type <> '' THEN 'system'
    WHEN contains(details, 'attachment') THEN 'media' ELSE 'message' END AS kind
  FROM found WHERE year(local_time) BETWEEN 1970 AND 2199
)
SELECT $chat AS chat, line, local_time, if(kind = 'system', NULL, name) AS author,
  if(type <> '', replace(type, '-', ' '), content) AS content, kind, false AS utc,
  contains(details, 'edited') AS edited,
  CASE WHEN type <> '' OR details NOT IN ('', 'edited') THEN json_merge_patch('{}', json_object(
    'actor', if(kind = 'system', name, NULL), 'type', nullif(type, ''),
    'reply_to', nullif(regexp_extract(details, $replied, 1), ''),
    'attachments', try_cast(regexp_extract(details, '(\d+) attachment', 1) AS INTEGER)))
    ELSE '{}'::JSON END AS extra
FROM sorted
"""

_BLOCK: Final = {
    "sent": r"(?m)^> Sent: (.*)$",
    "quoted": r"^((?:>[^\n]*(?:\n|$))+)\n?",
    "detail": _DETAIL,
    "attached": r"(?m)^Attachment: (.*) \(([^(),]*)(?:, \d+ bytes)?\)$",
    "reacted": r"(?m)^Reaction: (.+) from .*$",
    "reactions": r"(?m)^Reaction: (.+)$",
    "time": r"^\w{3}, (\d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d) ([+-])(\d\d)(\d\d)$",
}
_MACROS: Final = r"""
CREATE OR REPLACE TEMP MACRO sigtop_field(head, name) AS
  regexp_extract(head, '(?m)^' || name || ': (.*)$', 1);
CREATE OR REPLACE TEMP MACRO signal_media(file) AS CASE
  WHEN regexp_matches(file, '(?i)\.(png|jpe?g|gif|tiff?|webp|apng|svg|heic|bmp|avif)$')
    THEN 'image'
  WHEN regexp_matches(file, '(?i)\.(m4a|aac|mp3|ogg|oga|opus|wav|flac|amr)$') THEN 'audio'
  WHEN regexp_matches(file, '(?i)\.(mp4|mov|mkv|mpe?g|webm|qt|3gp|avi)$') THEN 'video'
  WHEN file IS NOT NULL THEN 'document' END;
CREATE OR REPLACE TEMP MACRO sigtop_time(t) AS
  try_strptime(t.clock, '%d %b %Y %H:%M:%S')
  - to_minutes(coalesce(try_cast(t.sign || t.hours AS INTEGER) * 60
    + try_cast(t.sign || t.minutes AS INTEGER), 0));
"""
# A message's id in Signal is when it was sent, and by whom. The text has seconds of it, so the
# second message within one is told by its content.
_PARSE_FIELDS: Final = r"""
INSERT INTO parsed BY NAME
WITH headed AS (
  SELECT line, block, split_part(block, chr(10) || chr(10), 1) AS head FROM blocks
), told AS (
  SELECT line, head, sigtop_field(head, 'Edited') <> '' AS edited,
    substr(block, length(head) + 3) AS rest,
    regexp_replace(sigtop_field(head, 'From'), $detail, '') AS name,
    sigtop_field(head, 'Type') AS type,
    regexp_extract(coalesce(nullif(sigtop_field(head, 'Sent'), ''), sigtop_field(head, 'Received')),
      $time, ['clock', 'sign', 'hours', 'minutes']) AS t
  FROM headed
), newest AS (
  -- The history of edits is set off by bars, the newest version first.
  SELECT * REPLACE (if(edited, split_part(regexp_replace(rest, '(?m)^\| ?', '', 'g'),
    chr(10) || chr(10) || 'Version: ', 1), rest) AS rest) FROM told
), bodies AS (
  SELECT * REPLACE (if(edited, head || chr(10) || split_part(rest, chr(10) || chr(10), 1), head)
      AS head,
    if(edited, substr(rest, length(split_part(rest, chr(10) || chr(10), 1)) + 3), rest) AS rest)
  FROM newest
), quoting AS (
  SELECT *, sigtop_time(t) AS local_time,
    if(starts_with(rest, '> From: '), regexp_extract(rest, $quoted, 1), '') AS quote,
    rtrim(if(starts_with(rest, '> From: '), regexp_replace(rest, $quoted, ''), rest), chr(10))
      AS content,
    list_transform(regexp_extract_all(head, $attached, 1), lambda x: nullif(x, 'no filename'))
      AS names,
    regexp_extract_all(head, $attached, 2) AS types
  FROM bodies
), sorted AS (
  SELECT * REPLACE (list_filter(names, lambda x: x IS NOT NULL) AS names), names[1] AS file,
    types[1] AS mime, CASE
      WHEN name = '' THEN 'system'
      WHEN type = 'call-history' THEN 'call'
      WHEN type NOT IN ('incoming', 'outgoing', 'unknown', '', 'story') THEN 'system'
      WHEN len(types) > 0 AND types <> ['text/x-signal-plain'] THEN 'media'
      ELSE 'message' END AS kind,
    epoch(local_time)::BIGINT || chr(31) || name AS id,
    regexp_extract(regexp_extract(quote, $sent, 1), $time, ['clock', 'sign', 'hours', 'minutes'])
      AS quoted,
    regexp_replace(sigtop_field(regexp_replace(quote, '(?m)^> ?', '', 'g'), 'From'), $detail, '')
      AS quoted_name
  FROM quoting WHERE year(local_time) BETWEEN 1970 AND 2199
)
SELECT $chat AS chat, line, local_time, if(kind = 'system', NULL, name) AS author,
  if(content = '' AND kind IN ('system', 'call'), replace(type, '-', ' '), content) AS content,
  kind, true AS utc,
  if(kind <> 'system' AND row_number() OVER (PARTITION BY id ORDER BY line) = 1, id, NULL)
    AS native_id,
  epoch(sigtop_time(quoted))::BIGINT || chr(31) || nullif(quoted_name, '') AS reply_native,
  if(kind = 'media', file, NULL) AS media_path,
  CASE WHEN kind <> 'media' THEN NULL WHEN regexp_matches(mime, '^(image|video|audio)/')
    THEN split_part(mime, '/', 1) ELSE 'document' END AS media_type,
  edited,
  CASE WHEN contains(head, 'Reaction: ') THEN list_aggregate(regexp_extract_all(
    head, $reacted, 1), 'histogram')::MAP(VARCHAR, BIGINT) END AS reactions,
  CASE WHEN kind IN ('system', 'call') OR quote <> '' OR len(types) > 1
      OR contains(head, 'Reaction: ')
    THEN json_merge_patch('{}', json_object(
      'type', if(kind = 'system', nullif(type, ''), NULL),
      'actor', if(kind = 'system', nullif(name, ''), NULL),
      'quote', nullif(trim(regexp_replace(regexp_replace(quote, '(?s)^.*?\n>\n', ''),
        '(?m)^> ?', '', 'g'), chr(10)), ''),
      'reactions', if(contains(head, 'Reaction: '), regexp_extract_all(head, $reactions, 1), NULL),
      'files', if(len(types) > 1, names, NULL)))
    ELSE '{}'::JSON END AS extra
FROM sorted
"""

# A line that belongs to no message, or to one without a time; not what names the conversation.
_REJECT: Final = """
INSERT INTO rejected
SELECT $chat, line FROM numbered
WHERE text IS NULL
  OR start IS NULL AND NOT (trim(text) = '' OR line = 1 AND starts_with(text, 'Conversation: '))
  OR start IS NOT NULL AND start NOT IN (SELECT line FROM parsed WHERE chat = $chat)
"""


@dataclass(frozen=True)
class _Layout:
    """One way to write messages down.

    Attributes:
        start: What the first line of a message looks like.
        follows: What the line after it looks like, and that one before it is empty; any if None.
        parse: The statement that reads the messages.
        patterns: Its parameters.
    """

    start: str
    follows: str | None
    parse: str
    patterns: Mapping[str, str]


_LAYOUTS: Final = {
    "markdown": _Layout(
        r"^\[\d{4}-\d\d-\d\d,? \d\d:\d\d(?::\d\d)?\] ?[^:\n]+:",
        None,
        _PARSE_MARKDOWN,
        {**_MARKDOWN, "call": _CALL},
    ),
    "fields": _Layout(r"^(?:From|Type): ", r"^(?:Type|Sent|Received): ", _PARSE_FIELDS, _BLOCK),
    "short": _Layout(
        r"^\d{4}-\d\d-\d\d \d\d:\d\d [^:\n]+:(?: |$)", None, _PARSE_SHORT, _SHORT_LINE
    ),
}


class SignalAdapter:
    """Reads the Markdown of signal-export and both texts of sigtop."""

    source = "signal"

    def recognizes(self, file: ExportFile) -> bool:
        """Whether it is text as either program writes it, or an archive of `chat.md` files."""
        if file.is_archive:
            return bool(_markdown_members(file))
        return _layout(file) is not None

    def threads(self, file: ExportFile) -> Mapping[str, str]:
        """The chats: their folders in an archive; else one, named in the text or by the file."""
        if file.is_archive:
            folders = _markdown_members(file).values()
            return titled((folder, posixpath.basename(folder)) for folder in folders)
        named = _CONVERSATION.search(file.text.partition("\n")[0])
        title = named[1] if named else file.stem
        if file.path.name in _MARKDOWN_NAMES:
            title = file.path.absolute().parent.name or title
        title = re.sub(_DETAIL, "", title.strip())
        return {title: title}

    def parse(self, file: ExportFile, scratch: DuckDBPyConnection, reading: Reading) -> Parsed:
        """Fill `parsed`; lines before the first message, and impossible dates, are rejected.

        Raises:
            ExportError: Nothing in it looks like a message.
        """
        layout = _LAYOUTS["markdown" if file.is_archive else _layout(file) or "markdown"]
        scratch.execute(_CREATE)
        scratch.execute(_MACROS)
        lines: dict[str, int] = {}
        notes: list[str] = []
        with _texts(file, self.threads(file)) as texts:
            for chat, text in texts:
                lines[chat], more = load_lines(scratch, text)
                notes += more
                scratch.execute(_BLOCKS, {"start": layout.start, "follows": layout.follows})
                scratch.execute(_JOIN)
                scratch.execute(layout.parse, {"chat": chat, **layout.patterns})
                scratch.execute(_REJECT, {"chat": chat})
        if not scratch.execute("SELECT 1 FROM parsed LIMIT 1").fetchone():
            raise ExportError(
                file.path,
                "no line begins like a message, such as `[2019-05-29 15:04] Ada: text`.",
                "Export the chat with signal-export or sigtop again.",
            )
        return Parsed(lines, tuple(dict.fromkeys(notes)))


def _layout(file: ExportFile) -> str | None:
    """The name of the layout that a text follows, if it is one of Signal's."""
    text = file.text
    if _FIELDS.search(text):
        return "fields"
    if _WHATSAPP.search(text) and not _OWN.search(text):
        return None
    if _PLAIN.search(text):
        return "markdown"
    with_seconds = list(_SECONDS.finditer(text))
    if with_seconds and (
        file.path.name in _MARKDOWN_NAMES
        or _OWN.search(text)
        or 2 * sum(match["own"] is not None for match in with_seconds) > len(with_seconds)
    ):
        return "markdown"
    return "short" if _SHORT.match(text.removeprefix("\ufeff")) else None


def _markdown_members(file: ExportFile) -> Mapping[str, str]:
    """Members that are chats → their folders."""
    folders: dict[str, str] = {}
    for name in sorted(file.members, reverse=True):
        folder, base = posixpath.split(name)
        is_old = base == "index.md" and f"{folder}/index.html" in file.members
        if base == "chat.md" or is_old:
            folders[name] = folder or file.stem
    # Where a folder has both, `chat.md` is the newer.
    newest = {folder: name for name, folder in folders.items()}
    return {name: folder for folder, name in sorted(newest.items())}


@contextmanager
def _texts(file: ExportFile, chats: Mapping[str, str]) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """Each chat and its text."""
    if file.is_archive:
        with file.opened_all(_markdown_members(file)) as texts:
            yield texts
    else:
        with file.opened() as text:
            yield iter([(chat, text) for chat in chats])
