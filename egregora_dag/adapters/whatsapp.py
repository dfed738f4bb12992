"""WhatsApp exports, `.txt` or the phone's `.zip`, of Android and iOS.

The format of the headers is found from the whole file, never line by line: its layout (brackets,
separators) is the one that most lines follow, and its date order the one under which every date
exists and time only moves forward. Where both orders do, day first is taken and said so.
"""

import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Final

from duckdb import DuckDBPyConnection

from egregora_dag.adapters.lines import checked, encoding_of, is_zip, load_lines, opened_archive
from egregora_dag.adapters.protocol import ExportError, ExportFile, Tally

# Marks of writing direction, which phones put around names, dates and attachments.
_MARKS: Final = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
_SPACE: Final = " \u00a0\u202f\u2009"
_TITLES: Final = (
    re.compile(r"^WhatsApp Chat with (.+)$"),
    re.compile(r"^WhatsApp Chat - (.+)$"),
    re.compile(r"^Conversa do WhatsApp com (.+)$"),
    re.compile(r"^Chat de WhatsApp con (.+)$"),
    re.compile(r"^WhatsApp[- ]Chat mit (.+)$"),
    re.compile(r"^Discussion WhatsApp avec (.+)$"),
    re.compile(r"^Chat WhatsApp con (.+)$"),
)


@dataclass(frozen=True)
class _Layout:
    """One way to write a header: `[date, time] ` or `date, time - `, with one date separator."""

    bracketed: bool
    separator: str

    @cached_property
    def pattern(self) -> str:
        """The header and the rest of its line; groups a, b, c, hour, minute, second, half, rest."""
        gap = rf"[{_SPACE}]"
        part = rf"{re.escape(self.separator)}{gap}?"
        date = rf"(\d{{1,4}}){part}(\d{{1,2}}){part}(\d{{1,4}})\.?"
        half = rf"(?:{gap}?([AaPp]\.?{gap}?[Mm]\.?))?"
        time = rf"(\d{{1,2}})[:.](\d{{2}})(?:[:.](\d{{2}}))?{half}"
        before, after = (r"\[", rf"\]{gap}") if self.bracketed else ("", rf"{gap}-{gap}")
        return rf"^[{_MARKS}]*{before}{date},?{gap}+{time}{after}(.*)$"


_GROUPS: Final = ["a", "b", "c", "hour", "minute", "second", "half", "rest"]
_LAYOUTS: Final = tuple(_Layout(bracketed, sep) for bracketed in (True, False) for sep in "/.-")
# Which of a header's three numbers are year, month and day.
_ORDERS: Final = {
    "year first": {"y": "a", "m": "b", "d": "c"},
    "day first": {"y": "c", "m": "b", "d": "a"},
    "month first": {"y": "c", "m": "a", "d": "b"},
}


@dataclass(frozen=True)
class _Words:
    """What phones write in place of things that text cannot show; regular expressions."""

    attached: tuple[str, ...] = (
        "file attached",
        "arquivo anexado",
        "ficheiro anexado",
        "archivo adjunto",
        "Datei angehängt",
        "fichier joint",
        "file allegato",
    )
    attached_tag: tuple[str, ...] = (
        "attached",
        "anexado",
        "adjunto",
        "Anhang",
        "pièce jointe",
        "allegato",
    )
    omitted: tuple[str, ...] = (
        "<Media omitted>",
        "<Mídia oculta>",
        "<Ficheiro não revelado>",
        "<Multimedia omitido>",
        "<Medien ausgeschlossen>",
        "<Médias omis>",
        "<Media omessi>",
        "(?:image|video|audio|GIF|sticker|document|Contact card) omitted",
        "(?:imagem|vídeo|áudio|figurinha|documento) (?:ocultada?|omitid[oa])",
        "(?:Bild|Video|Audio|Sticker|GIF|Dokument) weggelassen",
    )
    deleted: tuple[str, ...] = (
        r"This message was deleted\.?",
        r"You deleted this message\.?",
        r"Mensagem apagada\.?",
        r"Você apagou esta mensagem\.?",
        r"Se eliminó este mensaje\.?",
        r"Eliminaste este mensaje\.?",
        r"Diese Nachricht wurde gelöscht\.?",
        r"Du hast diese Nachricht gelöscht\.?",
        r"Ce message a été supprimé\.?",
        r"Questo messaggio è stato eliminato\.?",
    )
    edited: tuple[str, ...] = (
        "<This message was edited>",
        "<Mensagem editada>",
        "<Se editó este mensaje\\.>",
        "<Diese Nachricht wurde bearbeitet\\.?>",
        "<Ce message a été modifié>",
        "<Questo messaggio è stato modificato>",
    )
    call: tuple[str, ...] = (
        r"(?:Missed|Silenced|Incoming|Outgoing|Declined) (?:group )?(?:[Vv]oice|[Vv]ideo) call.*",
        r"(?:Voice|Video) call(?:[.,] .*)?",
        r"(?:Chamada|Ligação) de (?:voz|vídeo).*",
        r"(?:Llamada|Videollamada) .*perdida.*",
        r"Verpasster (?:Sprach|Video)anruf.*",
    )
    encryption: tuple[str, ...] = (
        "Messages and calls are end-to-end encrypted",
        "As mensagens e as? (?:chamadas|ligações) s[ãa]o? ?protegidas",
        "Los mensajes y las llamadas están cifrados",
        "Nachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt",
    )


_WORDS: Final = _Words()


def _any(words: tuple[str, ...]) -> str:
    return f"(?:{'|'.join(words)})"


_CAPTION: Final = r"(?:\n([\s\S]*))?$"
_PATTERNS: Final = {
    "attached": rf"^[{_MARKS}]*([^\n]+?\.[A-Za-z0-9]{{1,5}}) \({_any(_WORDS.attached)}\){_CAPTION}",
    "tagged": rf"^(?:([\s\S]*?)\s*)?[{_MARKS}]*<{_any(_WORDS.attached_tag)}: ([^>\n]+)>{_CAPTION}",
    "omitted": rf"^[{_MARKS}]*({_any(_WORDS.omitted)}){_CAPTION}",
    "deleted": rf"^[{_MARKS}]*{_any(_WORDS.deleted)}$",
    "edited": rf"\s*[{_MARKS}]*{_any(_WORDS.edited)}$",
    "call": rf"^[{_MARKS}]*{_any(_WORDS.call)}$",
    "poll": rf"^[{_MARKS}]*POLL:",
    "location": rf"^[{_MARKS}]*(?:[Ll]ocation: )?https://maps\.google\.com/\?q=",
    "encryption": rf"^[{_MARKS}]+{_any(_WORDS.encryption)}",
    "marks": rf"^[{_MARKS}]+",
    "notice": r'["“”„«»]',
}

_HEADERS = """
CREATE OR REPLACE TABLE headers AS
SELECT line, h.a::INTEGER AS a, h.b::INTEGER AS b, h.c::INTEGER AS c, length(h.a) AS width,
  if(h.hour::INTEGER > 24, h.hour::INTEGER,
    h.hour::INTEGER % if(h.half = '', 24, 12) + if(h.half ILIKE 'p%', 12, 0)) AS hour,
  h.minute::INTEGER AS minute, coalesce(try_cast(h.second AS INTEGER), 0) AS second, h.rest AS rest
FROM (SELECT line, regexp_extract(text, $header, $groups) AS h FROM lines)
WHERE h.rest <> '' OR h.a <> ''
"""

# Dates that do not exist in an order, and steps back in time between those that do.
_FAULTS = """
WITH dated AS (
  SELECT line, m BETWEEN 1 AND 12 AND d BETWEEN 1 AND 31 AS possible,
    (if(y < 100, 2000 + y, y) * 100 + m) * 100 + d AS day
  FROM (SELECT line, {y} AS y, {m} AS m, {d} AS d FROM headers)
), stepped AS (
  SELECT day < lag(day) OVER (ORDER BY line) AS backwards FROM dated WHERE possible
)
SELECT (SELECT count(*) FROM dated WHERE NOT possible),
  (SELECT count(*) FROM stepped WHERE backwards)
"""
# A few lines that look like headers may be quoted from elsewhere.
_MOST_IMPOSSIBLE: Final = 0.05

# Continuation lines are joined only for the messages that have any.
_BODIES = """
CREATE OR REPLACE TABLE bodies AS
WITH dated AS (
  SELECT line, rest, try_cast(
    format('{{:04d}}-{{:02d}}-{{:02d}} {{:02d}}:{{:02d}}:{{:02d}}',
      if({y} < 100, 2000 + {y}, {y}), {m}, {d}, hour, minute, second) AS TIMESTAMP) AS local_time
  FROM headers
), numbered AS (
  SELECT l.line, l.text, h.line IS NULL AS continues,
    max(h.line) OVER (ORDER BY l.line) AS start
  FROM lines l LEFT JOIN headers h USING (line)
), tails AS (
  SELECT start, string_agg(text, chr(10) ORDER BY line) AS tail
  FROM numbered WHERE continues AND start IS NOT NULL GROUP BY start
), split AS (
  SELECT line, local_time, rest, tail, strpos(rest, ': ') AS colon
  FROM dated LEFT JOIN tails ON start = line WHERE local_time IS NOT NULL
), named AS (
  SELECT *, CASE WHEN colon > 1 AND NOT regexp_matches(substr(rest, 1, colon), $notice)
    THEN trim(regexp_replace(substr(rest, 1, colon - 1), $marks, '')) END AS author
  FROM split
)
SELECT line, local_time,
  author,
  if(author IS NULL, rest, substr(rest, colon + 2)) || coalesce(chr(10) || tail, '') AS body
FROM named
"""

_PARSE = """
CREATE OR REPLACE TABLE parsed AS
WITH told AS (
  SELECT line, local_time, body,
    if(author = $title AND regexp_matches(body, $encryption), NULL, author) AS author,
    body LIKE '%<%>' AND regexp_matches(body, $edited) AS edited,
    contains(body, '(') AND regexp_matches(body, $attached) AS is_attached,
    contains(body, '<') AND regexp_matches(body, $tagged) AS is_tagged,
    length(body) < 4000 AND regexp_matches(body, $omitted) AS is_omitted
  FROM bodies
), shown AS (
  SELECT line, local_time, author, edited, CASE
      WHEN author IS NULL THEN 'system'
      WHEN is_attached OR is_tagged OR is_omitted THEN 'media'
      WHEN length(body) < 200 AND regexp_matches(body, $deleted) THEN 'deleted'
      WHEN length(body) < 200 AND regexp_matches(body, $call) THEN 'call'
      WHEN regexp_matches(body, $poll) THEN 'poll'
      WHEN regexp_matches(body, $location) THEN 'location'
      ELSE 'message' END AS kind,
    CASE WHEN is_attached THEN regexp_extract(body, $attached, 1)
      WHEN is_tagged THEN regexp_extract(body, $tagged, 2) END AS file,
    if(is_omitted, lower(regexp_extract(body, $omitted, 1)), '') AS word,
    CASE WHEN author IS NULL THEN regexp_replace(body, $marks, '')
      WHEN is_attached THEN regexp_extract(body, $attached, 2)
      WHEN is_tagged THEN concat_ws(chr(10), nullif(regexp_extract(body, $tagged, 1), ''),
        nullif(regexp_extract(body, $tagged, 3), ''))
      WHEN is_omitted THEN regexp_extract(body, $omitted, 2)
      WHEN edited THEN regexp_replace(regexp_replace(body, $edited, ''), $marks, '')
      ELSE regexp_replace(body, $marks, '') END AS content
  FROM told
)
SELECT line, local_time, false AS utc, author, content,
  if(kind = 'media', chr(1) || 'media' || chr(10) || content, content) AS identity,
  CASE WHEN kind = 'media' AND (file ILIKE '%.vcf' OR word LIKE 'contact%') THEN 'contact'
    ELSE kind END AS kind,
  file AS media_path,
  CASE
    WHEN kind <> 'media' OR file ILIKE '%.vcf' THEN NULL
    WHEN regexp_matches(lower(file), '\\.webp$') OR regexp_matches(word, 'sticker|figurinha')
      THEN 'sticker'
    WHEN regexp_matches(lower(file), '\\.(jpe?g|png|gif|heic|bmp|avif)$')
      OR regexp_matches(word, '^(image|imagem|bild)') THEN 'image'
    WHEN regexp_matches(lower(file), '\\.(mp4|mov|3gp|mkv|webm|avi)$')
      OR regexp_matches(word, '^(video|vídeo|gif)') THEN 'video'
    WHEN regexp_matches(lower(file), '\\.(opus|mp3|m4a|aac|ogg|wav|amr)$')
      OR regexp_matches(word, '^(audio|áudio)') THEN 'audio'
    WHEN file IS NOT NULL OR regexp_matches(word, '^(document|dokument)') THEN 'document' END
    AS media_type,
  edited, false AS forwarded, NULL::UUID AS message_id, NULL::UUID AS reply_to, '{}'::JSON AS extra
FROM shown
"""


class WhatsAppAdapter:
    """Reads the phone's "Export chat", with or without media."""

    source = "whatsapp"

    def recognizes(self, file: ExportFile) -> bool:
        """Whether it is an archive with a chat's text, or text with WhatsApp's headers."""
        if is_zip(file):
            with opened_archive(file.path) as archive:
                return _chat_text(archive) is not None
        text = file.head.decode(encoding_of(file.head), "replace")
        return any(re.search(layout.pattern, text, re.MULTILINE) for layout in _LAYOUTS)

    def threads(self, file: ExportFile) -> Mapping[str, str]:
        """One chat: the title in the file's name, as the phone wrote it."""
        name = file.path.name.rsplit(".", 1)[0]
        # What browsers and phones add when a name is taken already.
        name = re.sub(r" ?\(\d+\)$", "", name.removesuffix(".txt"))
        title = next((m[1] for pattern in _TITLES if (m := pattern.match(name))), name)
        return {title: title}

    def parse(self, file: ExportFile, scratch: DuckDBPyConnection, chat: str | None) -> Tally:
        """Fill `parsed`; lines before the first header, or with impossible dates, are rejected."""
        with _opened_text(file) as text:
            count = load_lines(scratch, file.path, text)
        scratch.execute(_HEADERS, {"header": _layout(file, scratch).pattern, "groups": _GROUPS})
        order, notes = _date_order(file, scratch)
        [title] = self.threads(file).values()
        names = ("marks", "notice")
        scratch.execute(_BODIES.format(**_ORDERS[order]), {name: _PATTERNS[name] for name in names})
        scratch.execute(
            _PARSE,
            {"title": title, **{k: v for k, v in _PATTERNS.items() if k not in {"notice"}}},
        )
        rejected = scratch.execute(_REJECTED).fetchall()
        [continued] = scratch.execute(_CONTINUED).fetchone() or [0]
        return Tally(count, continued - len(rejected), tuple(line for (line,) in rejected), notes)


# A line belongs to the last header above it; without one, or with one whose date does not exist,
# it is rejected.
_REJECTED = """
SELECT line FROM (
  SELECT l.line, max(h.line) OVER (ORDER BY l.line) AS start
  FROM lines l LEFT JOIN headers h USING (line))
WHERE start IS NULL OR start NOT IN (SELECT line FROM parsed)
ORDER BY line
"""
_CONTINUED = "SELECT (SELECT count(*) FROM lines) - (SELECT count(*) FROM parsed)"


def _chat_text(archive: zipfile.ZipFile) -> zipfile.ZipInfo | None:
    """The member that holds the text: `_chat.txt` on iOS, else a `.txt` with a chat's name."""
    texts = [m for m in archive.infolist() if re.fullmatch(r"[^/\\]+\.txt", m.filename)]
    named = [m for m in texts if m.filename == "_chat.txt" or _names_a_chat(m.filename)]
    return next(iter(named or texts), None)


def _names_a_chat(name: str) -> bool:
    return any(pattern.match(name.removesuffix(".txt")) for pattern in _TITLES)


@contextmanager
def _opened_text(file: ExportFile) -> Iterator[IO[bytes]]:
    """The chat's text, read from the archive without unpacking it to disk."""
    if not is_zip(file):
        with file.path.open("rb") as text:
            yield text
        return
    with opened_archive(file.path) as archive:
        member = _chat_text(archive)
        if member is None:
            raise ExportError(
                file.path, "holds no chat's text.", "Export the chat from WhatsApp again."
            )
        with archive.open(checked(file.path, member)) as text:
            yield text


def _layout(file: ExportFile, scratch: DuckDBPyConnection) -> _Layout:
    """The layout that most of the first lines follow."""
    counts = {
        layout: (
            scratch.execute(
                "SELECT count(*) FROM (FROM lines LIMIT 200000) WHERE regexp_matches(text, ?)",
                [layout.pattern],
            ).fetchone()
            or [0]
        )[0]
        for layout in _LAYOUTS
    }
    best = max(_LAYOUTS, key=lambda layout: counts[layout])
    if counts[best] == 0:
        raise ExportError(
            file.path,
            "no line begins like a WhatsApp message, such as `31/12/2025, 18:05 - Name: text`.",
            "Export the chat from WhatsApp again, or say which --source it is.",
        )
    return best


def _date_order(file: ExportFile, scratch: DuckDBPyConnection) -> tuple[str, tuple[str, ...]]:
    """How dates are written, found from all of them; with a note where it remains a guess."""
    [headers, width] = scratch.execute("SELECT count(*), max(width) FROM headers").fetchone() or (
        0,
        0,
    )
    if width == 4:
        return "year first", ()
    faults = {
        order: scratch.execute(_FAULTS.format(**_ORDERS[order])).fetchone() or (0, 0)
        for order in ("day first", "month first")
    }
    order = min(faults, key=lambda order: faults[order])
    if faults[order][0] > _MOST_IMPOSSIBLE * headers:
        raise ExportError(
            file.path,
            "its dates follow no single order of day and month.",
            "Export the chat again from one phone; do not join files by hand.",
        )
    if len(set(faults.values())) > 1:
        return order, ()
    return order, ("Dates fit both day first and month first; day first was taken.",)
