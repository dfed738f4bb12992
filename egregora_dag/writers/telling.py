"""Which of the things that were said in English are told, in reported speech, and in what words."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import nlargest
from math import sqrt
from typing import Final

from egregora_dag.writers import phrases, tokens
from egregora_dag.writers.english import report
from egregora_dag.writers.lines import Line
from egregora_dag.writers.markdown import plain
from egregora_dag.writers.reading import Reading

_STATEMENTS: Final = 2  # How many are told; of several conversations one more.
_SENTENCES: Final = 8  # How many of those that matter most are put into reported speech.
_EARLY: Final = 4  # The first lines are among them, if they weigh enough.
_LATE: Final = 8  # How many of the last lines may tell how it ended.
_BUSY: Final = 60  # Lines from which on people who name each other hold several conversations.
_DOING: Final = re.compile(
    r" (?:asks \S.*? (?:not )?to|wants|suggests|offers|will|is going to|has to|needs) "
)
_NAME: Final = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")
_TITLES: Final = re.compile(r"\b(Mr|Mrs|Ms|Dr|Prof|St)\.(?= )")  # No end of a sentence.
_DANGLING: Final = re.compile(
    r" says (?:that )?(?:it|this|he|she|they|these|those) | that (?:is|was) "
    r"| says (?:not )?to \w+ (?:him|her|them|it)\b"
)


@dataclass(frozen=True)
class Told:
    """Something said, as it is told.

    Attributes:
        line: Where it was said.
        place: Place of the sentence in the line.
        text: The sentence as it was said, or in reported speech without its full stop.
        terms: Its telling words.
        score: How much it matters.
    """

    line: Line
    place: int
    text: str
    terms: frozenset[str]
    score: float


def told(reading: Reading) -> list[Told]:
    """The statements that tell best what was said.

    They are taken one by one, each for the words that the ones before it did not cover. Where
    several conversations go on at once, each tells of another of them.

    Args:
        reading: A window in English.

    Returns:
        Statements, in order.
    """
    busy = is_busy(reading)
    limit = _STATEMENTS + busy
    pool = sorted(_candidates(reading, _SENTENCES * (1 + 2 * busy)), key=lambda one: -one.score)
    chosen: list[Told] = []
    covered: set[str] = set()
    while pool and len(chosen) < limit:
        best = max(pool, key=lambda one: one.score * _new(reading, one, covered))
        pool.remove(best)
        if best.score * _new(reading, best, covered) <= 0.1:
            break
        chosen.append(best)
        covered |= best.terms
        if busy:
            root = _root(reading, best.line)
            pool = [one for one in pool if _root(reading, one.line) != root]
    return sorted(chosen, key=lambda one: (one.line.index, one.place))


def last(reading: Reading, before: Sequence[Told]) -> Told | None:
    """How a window ended: what was last said in it.

    Args:
        reading: A window in English.
        before: Statements that are told already.

    Returns:
        A statement of the window's last lines that adds something; None if there is none.
    """
    late = reading.lines[-max(3, len(reading.lines) // 5) :][-_LATE:]
    covered = set[str]().union(*(one.terms for one in before))
    least = 0.5 * min(one.score for one in before)
    for line in reversed(late):
        if line.length < 4 or any(one.line is line for one in before):
            continue
        spoken = [one for one in _spoken(reading, line) if one.terms - covered]
        best = max(spoken, key=lambda one: one.score, default=None)
        told_ = _as_told(reading, best, ()) if best and best.score >= least else None
        if told_ and told_.score >= least:
            return told_
    return None


def is_busy(reading: Reading) -> bool:
    """Whether several conversations go on at once in a window.

    Args:
        reading: The window.

    Returns:
        True for a long one in which people name whom they answer.
    """
    return reading.addressed and len(reading.lines) > _BUSY


def _root(reading: Reading, line: Line) -> int:
    """Index of the line that began the conversation a line is in."""
    while line.parent is not None:
        line = reading.lines[line.parent]
    return line.index


def _new(reading: Reading, one: Told, covered: Collection[str]) -> float:
    weights = reading.words.weights
    whole = sum(weights[term] for term in one.terms)
    return sum(weights[term] for term in one.terms if term not in covered) / whole if whole else 0.0


def _candidates(reading: Reading, limit: int) -> Iterator[Told]:
    """What can be told of the sentences that matter most."""
    lines = dict.fromkeys(reading.ranked[: limit * 3 // 2] + reading.lines[:_EARLY])
    for line in reading.decisions[-1:]:
        lines.pop(line, None)  # It is told as the outcome.
    names = {name for line in lines for name in _NAME.findall(line.text)}
    spoken = [one for line in lines for one in _spoken(reading, line)]
    best = nlargest(limit, spoken, key=lambda one: one.score)
    return filter(None, (_as_told(reading, one, names) for one in best))


def _spoken(reading: Reading, line: Line) -> Iterator[Told]:
    """The sentences of a line that hold telling words, as they were said."""
    for place, sentence in enumerate(phrases.sentences(_TITLES.sub(r"\1", line.text))):
        found = map(tokens.TERMS.__getitem__, tokens.tokens(sentence))
        terms = frozenset(filter(reading.words.weights.__contains__, found))
        if terms:
            yield Told(line, place, sentence, terms, _score(reading, line, terms, sentence))


def _as_told(reading: Reading, one: Told, names: Collection[str]) -> Told | None:
    """A sentence in reported speech; None where that is not sure."""
    sentence, called = _uncalled(one.text, reading)
    whom = called or addressee(reading, one.line)
    text = report(sentence, plain(one.line.author), whom, names)
    if text is None:
        return None
    score = _score(reading, one.line, one.terms, text) * (1.3 if _DOING.search(text) else 1.0)
    score *= 0.5 if _DANGLING.search(text) else 1.0
    return replace(one, text=text, score=score)


def _uncalled(sentence: str, reading: Reading) -> tuple[str, str | None]:
    """A sentence without the names it calls between commas, and the last of these people."""
    if "," not in sentence:
        return sentence, None
    parts = sentence.split(",")
    called = [reading.called.get(part.strip(" .!?").lower()) for part in parts]
    if not any(called):
        return sentence, None
    end = sentence[-1] if sentence[-1] in ".!?" else ""
    kept = [part for part, author in zip(parts, called, strict=True) if author is None]
    rest = ",".join(kept).strip(" .!?") + end
    return rest, plain(next(author for author in reversed(called) if author))


def _score(reading: Reading, line: Line, terms: frozenset[str], text: str) -> float:
    weights = reading.words.weights
    score = sum(weights[term] for term in terms) / sqrt(text.count(" ") + 6)
    score *= 1 + 0.15 * min(line.replies, 4)
    return score * (1.5 if line.index * 3 <= len(reading.lines) else 1.0)


def addressee(reading: Reading, line: Line) -> str | None:
    """Whom a line is said to, where that is sure.

    Args:
        reading: The window.
        line: One of its lines.

    Returns:
        The one it names or answers, or the only other one who writes; None otherwise.
    """
    if line.to:
        return plain(line.to)
    if line.parent is not None and line.message.reply_to:
        return plain(reading.lines[line.parent].author)
    others = [author for author in reading.activity if author != line.author]
    return plain(others[0]) if len(others) == 1 else None
