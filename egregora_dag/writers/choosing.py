"""Which lines of a window are quoted, and which phrase becomes its title."""

from collections.abc import Collection, Mapping, Sequence
from math import sqrt
from types import MappingProxyType
from typing import Final

from egregora_dag.writers import phrases, tokens
from egregora_dag.writers.english.titles import fitness, noun_phrases
from egregora_dag.writers.languages import ENGLISH
from egregora_dag.writers.lines import Line
from egregora_dag.writers.markdown import without_urls
from egregora_dag.writers.reading import Reading

Unit = tuple[Line, ...]

_CENTRAL: Final = 4  # Of so many of the heaviest words a title holds at least one.
_TITLE_LENGTH: Final = 60


def moments(reading: Reading, limit: int) -> list[Line]:
    """The messages to quote: questions with their answers, and what adds to them.

    They are taken one by one, each for the words that the ones before it did not cover.

    Args:
        reading: The window, read.
        limit: How many at most.

    Returns:
        Lines, in order.
    """
    decided = set(reading.decisions)
    pool = [line for line in reading.ranked[: 2 * limit + 12] if line not in decided]
    gains = {unit: _gain(unit) for unit in (_unit(line, reading, decided) for line in pool)}
    chosen: dict[int, Line] = {}
    covered: set[str] = set()
    current: set[Unit] = set(gains)  # The units whose gain is not from before the last choice.
    while gains and len(chosen) < limit:
        best = max(gains, key=gains.__getitem__)
        fresh = [line for line in best if line.index not in chosen]
        # Gains only fall, so one that is still the highest when brought up to date is the highest.
        if best not in current:
            gains[best] = _gain(fresh, covered, reading.words.weights)
            current.add(best)
            continue
        if gains.pop(best) <= 0:
            break
        if len(chosen) + len(fresh) > limit:
            continue
        chosen.update({line.index: line for line in fresh})
        covered.update(*(line.terms for line in fresh))
        # The rest of a pair may gain by standing alone.
        now = set(fresh)
        current = {unit for unit in gains if not now.isdisjoint(unit)}
        for unit in current:
            rest = [line for line in unit if line.index not in chosen]
            gains[unit] = _gain(rest, covered, reading.words.weights)
    return [chosen[index] for index in sorted(chosen)]


def _unit(line: Line, reading: Reading, taken: set[Line]) -> Unit:
    if line.asks and line.answer and line.answer not in taken:
        return (line, line.answer)
    parent = None if line.parent is None else reading.lines[line.parent]
    return (parent, line) if parent and parent.asks and parent not in taken else (line,)


def _gain(
    lines: Sequence[Line],
    covered: Collection[str] = (),
    weights: Mapping[str, float] = MappingProxyType({}),
) -> float:
    """What lines add to quotes that cover some words already."""
    gain = 0.0
    telling = [line for line in lines if line.terms]
    for line in telling:
        share = 1.0
        if covered:
            new = [weights[term] for term in line.terms if term not in covered]
            share = sum(new) / line.weight
        gain += line.score * (0.1 + 0.9 * share) if share > 0 else 0.0
    return gain / sqrt(len(telling)) if telling else 0.0


def headline(reading: Reading) -> tuple[str, Line] | None:
    """The phrase that tells best what the window is about.

    Args:
        reading: The window, read.

    Returns:
        The phrase and the line it stands in; None when no phrase tells enough.
    """
    least, best = 0.3, None
    weights = reading.words.weights
    english = reading.language.code == ENGLISH
    for line in dict.fromkeys(reading.ranked[:16] + reading.lines[:6]):
        bonus = 1.25 if line.index * 5 <= len(reading.lines) else 1.0
        bonus *= 1 + 0.15 * min(line.replies, 4)
        if phrases.most("??", line) * bonus <= least:
            continue
        of_poll = line.message.kind == "poll"  # Its question comes first, then the options.
        for phrase in phrases.phrases(line.text)[: 1 if of_poll else None]:
            if phrases.most(phrase, line) * bonus <= least:
                continue
            value = phrases.value(phrase, weights, line) * bonus
            value *= fitness(phrase) if english else 1.0
            if value > least:
                least, best = value, (phrase, line)
    return best


def named(reading: Reading) -> tuple[str, Line] | None:
    """The noun phrase that tells best what an English window is about.

    Args:
        reading: The window, read; in English.

    Returns:
        The phrase and the line it stands in; None when none names what the window is about.
    """
    weights = reading.words.weights
    central = set(reading.words.heaviest(_CENTRAL))
    least, best = 0.0, None
    for line in dict.fromkeys(reading.ranked[:16] + reading.lines[:6]):
        bonus = 1.25 if line.index * 5 <= len(reading.lines) else 1.0
        for phrase in noun_phrases(without_urls(line.text, "…")):
            if len(phrase) > _TITLE_LENGTH:
                continue
            found = tokens.tokens(phrase)
            terms = dict.fromkeys(map(tokens.TERMS.__getitem__, found))
            known = [term for term in terms if term in weights]
            if len(known) < 2 or central.isdisjoint(known):
                continue
            value = bonus * sum(map(weights.__getitem__, known)) / (len(found) + 2) ** 0.7
            if value > least:
                least, best = value, (phrase, line)
    return best


def introduces(reading: Reading, phrase: str) -> bool:
    """Whether a noun phrase brings up the very thing that a window is about.

    Args:
        reading: The window, read; in English.
        phrase: One of its noun phrases.

    Returns:
        True for `a` or `an` before one of the two heaviest words.
    """
    words = tokens.words(phrase)
    return words[0] in {"a", "an"} and not set(words).isdisjoint(reading.words.heaviest(2))


def ending(reading: Reading, titled: Line | None) -> Line | None:
    """How the window ended.

    Args:
        reading: The window, read.
        titled: The line that gave the title.

    Returns:
        What was decided, else the last line of substance; None if there is neither.
    """
    if reading.decisions:
        return reading.decisions[-1]
    late = reading.lines[-max(3, len(reading.lines) // 5) :]
    told = [line for line in late if len(line.terms) > 1 and line.length > 3]
    return next((line for line in reversed(told) if line is not titled), None)


def heart(reading: Reading, titled: Line | None, last: Line | None) -> Line | None:
    """What mattered most beside the title and the end.

    Args:
        reading: The window, read.
        titled: The line that gave the title.
        last: The line that it ended with.

    Returns:
        The line; None if no other line matters.
    """
    if titled and titled.asks and titled.answer and titled.answer.terms:
        return titled  # A title that asks wants to be answered.
    best = next((line for line in reading.ranked if line is not titled and line is not last), None)
    return best if best and best.score > 0 else None
