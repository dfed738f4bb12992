"""The sentences of a message: cut out, trimmed, shortened and valued."""

import re
from collections.abc import Mapping
from itertools import filterfalse
from typing import Final

from egregora_dag.writers import stopwords, tokens
from egregora_dag.writers.lines import QUESTION_MARKS, Line
from egregora_dag.writers.markdown import plain, without_urls

_TITLE_LENGTH: Final = 72
_EMOJI: Final = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d]+")
# Each begins with one class of characters, so that a search skips to where it can match.
_SENTENCE: Final = re.compile(r"\s(?:(?<=[.!?…؟。！？।]\s)\s*|\s*[/·]\s+)")
_CLAUSE: Final = re.compile(
    r"[,;:،؛、\s](?:(?<!\s)\s+|(?<=\s)\s*(?:[-–—(]\s*|(?=(?:and|but|because|which|so|if)\s)))"
)
_CODE: Final = re.compile(
    r"[<>{}\[\]|\\`$=/~_.!*](?:(?<=[<>{}\[\]|\\`$=/~])|(?<=\w[_.])(?=\w)|(?<=\.)(?=\.)|(?<=\A[!*]))"
)
_OPENING: Final = frozenset("_¿¡“(£$€")
_CLOSING: Final = frozenset("_?؟？)”%+") | tokens.MARKS
_LEAD_IN: Final = re.compile(r"(?:(?:and|but|so|ok|okay|oh|well|hmm|hum|yes|no|right)\b,?\s+)+")
_RIGHT_TO_LEFT: Final = re.compile(r"[\u0590-\u08ff]")


def phrases(text: str) -> list[str]:
    """The sentences of a message that could be a title.

    Args:
        text: The message.

    Returns:
        Its sentences, trimmed and cut to length, links left out.
    """
    text = without_urls(text, "…")
    found = map(trim, sentences(text if text.isascii() else _EMOJI.sub(" · ", text)))
    return [clip(part, _TITLE_LENGTH) for part in found if part]


def sentences(text: str) -> list[str]:
    """The sentences of a text.

    Args:
        text: A text on one line.

    Returns:
        Its parts that end in a full stop or at a line that was joined to the next.
    """
    return _SENTENCE.split(text)


def trim(phrase: str) -> str:
    """A phrase without what leads in to it and without the punctuation around it.

    Args:
        phrase: A sentence or a part of one.

    Returns:
        The phrase; empty if it has no words.
    """
    phrase = phrase.strip()
    opening = _LEAD_IN.match(phrase.lower())
    begin, end = opening.end() if opening else 0, len(phrase)
    while begin < end and not (phrase[begin].isalnum() or phrase[begin] in _OPENING):
        begin += 1
    while begin < end and not (phrase[end - 1].isalnum() or phrase[end - 1] in _CLOSING):
        end -= 1
    trimmed = phrase[begin:end]
    return trimmed.replace('"', "") if trimmed.count('"') % 2 else trimmed


def value(phrase: str, weights: Mapping[str, float], line: Line) -> float:
    """How well a phrase tells what a window is about.

    Args:
        phrase: A phrase out of `phrases`.
        weights: The weights of the window's words.
        line: The line it stands in.

    Returns:
        From 0; a phrase below 0.3 tells nothing.
    """
    if line.text.startswith(phrase) and not line.text[len(phrase) :].strip(".!,;: "):
        first, length, known, weight = line.tokens[0], line.length, len(line.terms), line.weight
    else:
        found = tokens.tokens(phrase)
        length = tokens.count_words(found)
        first = next(filterfalse(tokens.PAUSES.__contains__, found), "")
        terms = dict.fromkeys(map(tokens.TERMS.__getitem__, found))
        weighed = list(filter(None, map(weights.get, terms)))
        known, weight = len(weighed), sum(weighed)
    if not known or length < 2:
        return 0.0
    worth: float = weight / (length + 4) ** 0.7 * (1.0 if known > 1 else 0.6)
    worth *= 1.25 if phrase[-1] in "?؟？" else 1.0
    worth *= 0.6 if first in stopwords.WEAK_OPENERS else 1.0
    worth *= 0.4 if _CODE.search(phrase) else 1.0
    return worth * (0.6 if length < 4 or phrase[-1] == "…" else 1.0)


def most(phrase: str, line: Line) -> float:
    """The most that `value` may be; quicker to find than the value.

    Args:
        phrase: A phrase.
        line: The line it stands in.

    Returns:
        A number that is no less, if half of what stands between spaces are words.
    """
    length = max(2.0, phrase.count(" ") / 2)
    bound: float = line.weight / (length + 4) ** 0.7
    return bound * (1.25 if phrase[-1] in "?؟？" else 1.0)


def clip(text: str, limit: int) -> str:
    """A text cut to length.

    Args:
        text: A text on one line.
        limit: Characters, about.

    Returns:
        The text, ended where a clause or a word ends; whole if it runs from right to left.
    """
    if len(text) <= limit or _RIGHT_TO_LEFT.search(text):
        return text
    ends = [m.start() for m in _CLAUSE.finditer(text) if limit * 0.4 <= m.start() < limit]
    if ends:
        return trim(text[: ends[-1]]) + "…"
    space = text.rfind(" ", 0, limit)
    return trim(text[: space if space > 0 else limit]) + "…"


def telling(line: Line, weights: Mapping[str, float], limit: int) -> str:
    """The part of a line to quote within a sentence.

    Args:
        line: The line.
        weights: The weights of the window's words.
        limit: Characters, about.

    Returns:
        All of it, or its heaviest sentence, as plain text.
    """
    if len(line.text) <= limit:
        return plain(line.text)
    parts = [part for part in map(str.strip, sentences(line.text)) if part]
    if line.asks:
        parts = [part for part in parts if part.endswith(QUESTION_MARKS)] or parts
    best = max(parts, key=lambda part: value(part, weights, line), default=line.text)
    return plain(clip(best, limit))
