"""WhatsApp exports, `.txt` or the phone's `.zip`, of Android and iOS, in any phone's language.

Form and date order of the headers are found from the whole file, never line by line; see `headers`
and `dates`. Where several date orders fit, day first is taken and said so.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

import pyarrow as pa
from duckdb import DuckDBPyConnection

from egregora_dag.adapters.dates import Order, order_of
from egregora_dag.adapters.files import ExportError, ExportFile
from egregora_dag.adapters.lines import load_lines
from egregora_dag.adapters.protocol import DateOrder, Parsed, Reading
from egregora_dag.adapters.whatsapp import headers, messages, words

_SAMPLE: Final = 2_000
_FIRST_LINES: Final = 500
_LONGEST_HEADER: Final = 200
# The chat's own text is among the likeliest; the others were sent in it.
_MOST_TEXTS: Final = 20
# Of more changes of the date than make three years, some of all tell as much.
_MOST_DATES: Final = 1_000

# A name ends at the first colon with a space behind it. One that holds other colons is rare, and
# costs a second look.
_NAME: Final = f"^((?:[^:{headers.QUOTES}]|:+[^: {headers.QUOTES}])+:*): "
_CUT: Final = """
CREATE OR REPLACE TABLE cut AS
SELECT line, date, clock, name,
  CASE WHEN date IS NULL THEN text
    ELSE substr(text, length(head) + $gap + coalesce(length(name) + 2, 0) + 1) END AS said
FROM (
  SELECT line, text, h.head AS head, nullif(h.date, '') AS date, h.clock AS clock,
    CASE WHEN h.name <> '' THEN h.name
      WHEN h.date <> '' AND contains(text, ': ') THEN nullif(
        regexp_extract(substr(text, length(h.head) + $gap + 1), $name, 1), '') END AS name
  FROM (SELECT line, text,
    regexp_extract(text, $header, ['head', 'date', 'clock', 'name']) AS h FROM lines)
)
"""
_HEADERS: Final = "CREATE OR REPLACE TEMP VIEW headers AS FROM cut WHERE date IS NOT NULL"

# The lines of `cut` lie in their order; to sort them all again would take longer than all of this.
_DATES: Final = """
WITH changed AS (
  SELECT line, date FROM headers QUALIFY date IS DISTINCT FROM lag(date) OVER ()
), numbered AS (
  SELECT *, count(*) OVER () AS dates, row_number() OVER (ORDER BY line) AS place FROM changed
)
SELECT date FROM numbered WHERE place % greatest(dates // ?, 1) = 0 ORDER BY line
"""

# Lines without a header of their own, next to each other: they go on the line above the first.
_OTHERS: Final = """
CREATE OR REPLACE TABLE others AS
SELECT line, text, min(line) OVER (PARTITION BY island) - 1 AS start
FROM (
  SELECT line, said AS text, line - row_number() OVER (ORDER BY line) AS island
  FROM cut WHERE date IS NULL
)
"""

# A line that is too long to be read is rejected, and so is what stands below no header, or below
# one whose date or time does not exist.
_REJECTED: Final = """
INSERT INTO rejected
WITH unsound AS (
  SELECT line FROM headers
  WHERE date IN (SELECT date FROM dates WHERE means IS NULL)
    OR clock IN (SELECT clock FROM clocks WHERE means IS NULL)
)
SELECT $chat, line FROM others
WHERE text IS NULL OR start = 0 OR start IN (FROM unsound)
UNION ALL
SELECT $chat, line FROM unsound
"""


class WhatsAppAdapter:
    """Reads the phone's "Export chat", with or without media."""

    source = "whatsapp"

    def recognizes(self, file: ExportFile) -> bool:
        """Whether it is an archive with a chat's text, or text with WhatsApp's headers."""
        if file.is_archive:
            return _chat_text(file) is not None
        return _looks_like_a_chat(file.text)

    def threads(self, file: ExportFile) -> Mapping[str, str]:
        """One chat: the title in the file's name, as the phone wrote it."""
        title = _title(file)
        return {title: title}

    def parse(self, file: ExportFile, scratch: DuckDBPyConnection, reading: Reading) -> Parsed:
        """Fill `parsed`; lines before the first header, or with impossible dates, are rejected."""
        member = _chat_text(file) if file.is_archive else None
        if file.is_archive and member is None:
            raise ExportError(
                file.path, "holds no chat's text.", "Export the chat from WhatsApp again."
            )
        with file.opened(member) as text:
            count, notes = load_lines(scratch, text)
        found = _found(file, scratch, count)
        scratch.execute(_CUT, {"header": found.pattern, "gap": int(found.spaced), "name": _NAME})
        scratch.execute(_HEADERS)
        scratch.execute(_OTHERS)
        scratch.execute("DROP TABLE lines")
        order, told = _date_order(file, scratch, reading.day_first)
        title = _title(file)
        all_sound = _store_times(scratch, order)
        scratch.execute(_REJECTED, {"chat": title})
        messages.parse(scratch, title, file.media, all_sound=all_sound)
        guess = (f"The order of dates is a guess: {told.found}.",) if told.is_guess else ()
        return Parsed({title: count}, (*notes, *_foreign(found), *guess), told)


def _title(file: ExportFile) -> str:
    name = re.sub(r"\.(txt|zip)$", "", file.path.name, flags=re.IGNORECASE)
    # What browsers and phones add when a name is taken already.
    name = re.sub(r" ?\(\d+\)$", "", name.removesuffix(".txt"))
    return _titled(name) or name


def _titled(name: str) -> str | None:
    """The chat's title in the name that a phone gives an export."""
    for before, after in words.TITLES:
        if name.startswith(before) and name.endswith(after) and len(name) > len(before + after):
            return name[len(before) : len(name) - len(after)]
    return None


def _looks_like_a_chat(text: str) -> bool:
    for line in text.split("\n"):
        form = headers.form_of(line[:_LONGEST_HEADER])
        if form is not None and (form.end in {"-", "]"} or ": " in line):
            return True
    return False


def _chat_text(file: ExportFile) -> str | None:
    """The member that holds the text: `_chat.txt` on iOS, else a `.txt` with a chat's name."""

    def likelihood(name: str) -> tuple[bool, int]:
        base = name.rsplit("/", 1)[-1]
        named = base == "_chat.txt" or _titled(base.removesuffix(".txt")) is not None
        return not named, name.count("/")

    texts = sorted((n for n in file.members if n.lower().endswith(".txt")), key=likelihood)
    for name in texts[:_MOST_TEXTS]:
        with file.opened(name) as text:
            if _looks_like_a_chat(text.read(1 << 16).decode("utf-8-sig", "replace")):
                return name
    return None


def _found(file: ExportFile, scratch: DuckDBPyConnection, count: int) -> headers.Found:
    """The form of the headers, from the first lines and some of all the others."""
    sample = scratch.execute(
        "SELECT line, text[:$length] FROM lines "
        "WHERE text IS NOT NULL AND (line <= $first OR line % $step = 0) ORDER BY line",
        {"length": _LONGEST_HEADER, "first": _FIRST_LINES, "step": max(count // _SAMPLE, 1)},
    ).fetchall()
    found = headers.found_in(sample)
    if found is None:
        raise ExportError(
            file.path,
            "no line begins like a WhatsApp message, such as `31/12/2025, 18:05 - Name: text`.",
            "Export the chat from WhatsApp again, or say which --source it is.",
        )
    if second := _second_form(found):
        raise ExportError(
            file.path,
            f"its messages begin in one form up to here and in another from line {second} on.",
            "Cut the file in two there, and import both.",
            place=f"line {second}",
        )
    return found


def _second_form(found: headers.Found) -> int | None:
    """The line from which on the file goes on in another form, as if two had been joined."""
    for form in {form for _, form in found.others}:
        lines = [line for line, one in found.others if one == form]
        apart = lines[0] > found.own[-1] or lines[-1] < found.own[0]
        if apart and len(lines) > 1 and len(lines) * 4 >= len(found.own):
            return max(lines[0], found.own[0])
    return None


def _foreign(found: headers.Found) -> tuple[str, ...]:
    if not found.others:
        return ()
    line, _ = found.others[0]
    return (
        f"Lines that begin like a message of another form, such as line {line:,}, were read as "
        "text of the message above.",
    )


def _date_order(
    file: ExportFile, scratch: DuckDBPyConnection, day_first: bool | None
) -> tuple[Order, DateOrder]:
    """How dates are written, found from all of them."""
    changes = scratch.execute(_DATES, [_MOST_DATES]).fetchall()
    found = order_of((headers.written_date(date) for (date,) in changes), day_first)
    if found is None:
        raise ExportError(
            file.path,
            "its dates follow no single order of day, month and year.",
            "Export the chat again from one phone; do not join files by hand.",
        )
    return found


def _store_times(scratch: DuckDBPyConnection, order: Order) -> bool:
    """What each date and each clock says, as tables `dates` and `clocks`; null if there is none.

    Returns:
        Whether all of them exist.
    """

    def store(name: str, column: str, means: Callable[[str], object], type_: pa.DataType) -> bool:
        written = scratch.table("headers").select(column).distinct().fetchall()
        texts = [text for (text,) in written]
        told = list(map(means, texts))
        table = pa.table({column: texts, "means": pa.array(told, type_)})
        scratch.from_arrow(table).create(name)
        return None not in told

    dates = store("dates", "date", lambda text: order.date(headers.written_date(text)), pa.date32())
    return store("clocks", "clock", headers.clock_time, pa.duration("us")) and dates
