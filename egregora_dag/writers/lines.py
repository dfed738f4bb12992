"""The messages of a window that hold words, and which of them answers which."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from egregora_dag.writers import tokens
from egregora_dag.writers.markdown import without_urls
from egregora_dag.writers.protocol import Message, Window

QUESTION_MARKS: Final = ("?", "؟", "？")

_SPOKEN: Final = frozenset({"message", "media", "poll"})
_PROMPT: Final = 900.0  # Seconds within which the next message may answer a question.
_ADDRESS: Final = re.compile(r"@?+([^\s:,!]{1,32}+(?: [^\s:,!]{1,32}+)?+)[:,!]\s+(?=\S)")
_MENTION: Final = re.compile(r"@((\S+) \S+|\S+)\s+(?=\S)")
_BULLET: Final = re.compile(r"(?:[-*•–]|OPTION:)\s+")


@dataclass(slots=True, eq=False)
class Line:
    """A message with words, read once.

    Attributes:
        index: Place among the window's lines, from 0.
        message: The message.
        author: Who wrote it.
        text: What they typed, without the name it opens with.
        tokens: Its words and pauses, a word first.
        forms: What each token counts as, empty where it says little; the last is empty.
        length: Number of its words.
        terms: Its telling words, each once, in order.
        to: Whom it names at its start.
        asks: Whether it holds a question.
        parent: Index of the line that it answers.
        answer: The first line that answers it, if it asks.
        replies: How many lines answer it.
        weight: Sum of its terms' weights.
        score: How much it matters to the window.
    """

    index: int
    message: Message
    author: str
    text: str
    tokens: list[str]
    forms: list[str]
    length: int
    terms: dict[str, None]
    to: str | None
    asks: bool
    # An index, as lines that refer to each other would wait in memory for the garbage collector.
    parent: int | None = None
    answer: "Line | None" = None
    replies: int = 0
    weight: float = 0.0
    score: float = 0.0


def activity(window: Window) -> dict[str, int]:
    """Messages of each author.

    Args:
        window: The window.

    Returns:
        Author → number of messages, most active first.
    """
    counts = Counter(m.author for m in window.messages if m.author is not None)
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def called(authors: Iterable[str]) -> dict[str, str]:
    """How authors are called: by the whole name, or by a first name that only one bears.

    Args:
        authors: Names of authors.

    Returns:
        Name in lower case → author.
    """
    whole: dict[str, str] = {}
    bearers: dict[str, list[str]] = {}
    for author in authors:
        parts = _name_words(author)
        whole[author.lower()] = whole[" ".join(parts)] = author
        bearers.setdefault(parts[0] if parts else "", []).append(author)
    return {name: who[0] for name, who in bearers.items() if len(who) == 1} | whole


@lru_cache(maxsize=10_000)
def _name_words(name: str) -> tuple[str, ...]:
    return tuple(tokens.words(name))


def body(message: Message) -> str:
    """What the author typed, on one line.

    Args:
        message: The message.

    Returns:
        Its text without the name of its file and without list marks.
    """
    text = message.content
    if message.media_path and message.media_path in text:
        text = re.sub(rf"{re.escape(message.media_path)}(?: *\([^()\n]*\))?", "", text)
    if message.kind == "poll":
        text = text.removeprefix("POLL:")
    if "\n" not in text:
        return text.strip()
    rows = [row.strip() for row in text.splitlines() if row.strip()]
    joined = rows[0] if rows else ""
    for row in rows[1:]:
        bullet = _BULLET.match(row)
        item = row[bullet.end() :] if bullet else row
        mark = " · " if item != row else " " if joined[-1] in ".!?…:;,؟。！？" else " / "
        joined += mark + item
    return joined


def unaddressed(text: str, names: dict[str, str]) -> tuple[str, str | None]:
    """A message without the name that it opens with, and whose name that is.

    Args:
        text: The message.
        names: What `called` returned.

    Returns:
        The rest of the text and the author it is addressed to; the whole text and None where it
        opens with nobody's name.
    """
    match = _ADDRESS.match(text)
    if match and (to := names.get(match[1].lower())):
        return text[match.end() :], to
    match = _MENTION.match(text) if text[:1] == "@" else None
    for group in (1, 2) if match else ():
        if match and (to := names.get((match[group] or "").lower())):
            return text[match.end(group) :].strip(), to
    return text, None


def read_lines(window: Window, names: dict[str, str]) -> list[Line]:
    """The messages that hold words, in order, not yet weighed.

    Args:
        window: The window.
        names: What `called` returned for its authors.

    Returns:
        A line for each.
    """
    own = {part for name in names for part in _name_words(name)}
    lines: list[Line] = []
    term_of = tokens.TERMS.__getitem__
    for message in window.messages:
        author = message.author
        if author is None or message.kind not in _SPOKEN or not message.content:
            continue
        text, to = unaddressed(body(message), names)
        found = tokens.tokens(without_urls(text, " "))
        while found and found[0] in tokens.PAUSES:
            del found[0]
        if not found:
            continue
        forms = [*map(term_of, found), ""]
        terms = dict.fromkeys(filter(None, forms))
        if not own.isdisjoint(terms):
            terms = {word: None for word in terms if word not in own}
        asks = text.endswith(QUESTION_MARKS) or "? " in text or "؟ " in text
        to = None if to == author else to
        at = len(lines)
        length = tokens.count_words(found)
        lines.append(Line(at, message, author, text, found, forms, length, terms, to, asks))
    return lines


def link(lines: Sequence[Line], addressed: bool) -> None:
    """Find what each line answers.

    Args:
        lines: Lines in order; their `parent`, `answer` and `replies` are set.
        addressed: Whether people name whom they answer, so that the rest answers nobody.
    """
    by_id = {line.message.message_id: line for line in lines}
    latest: dict[str, Line] = {}
    before: Line | None = None
    for line in lines:
        parent = by_id.get(line.message.reply_to or "") or latest.get(line.to or "")
        if parent is None and before and before.asks and not addressed:
            seconds = (line.message.time - before.message.time).total_seconds()
            parent = before if seconds <= _PROMPT else None
        if parent and parent.author != line.author:
            line.parent = parent.index
            parent.replies += 1
            if parent.asks and parent.answer is None and not line.asks:
                parent.answer = line
        known = latest.get(line.author)
        # Thanks and asides do not hide the question that is still to be answered.
        if line.terms and not (known and known.asks and not known.answer and not line.asks):
            latest[line.author] = line
        before = line
