"""A window, read: its lines, what they weigh, what it is about and what was decided in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Final

from egregora_dag.writers import stopwords
from egregora_dag.writers.languages import ENGLISH, Language, language_of
from egregora_dag.writers.lines import QUESTION_MARKS, Line, activity, called, link, read_lines
from egregora_dag.writers.phrases import sentences
from egregora_dag.writers.protocol import Window
from egregora_dag.writers.weighing import Words, weigh

_NEAR: Final = 8  # Lines within which a yes is taken to answer a proposal.


@dataclass(frozen=True, slots=True)
class Reading:
    """What a window holds, ready to be told.

    Attributes:
        window: The window.
        language: What it is written in, mostly.
        lines: Its messages with words, in order.
        ranked: The same, the one that matters most first; of equals the earlier.
        addressed: Whether people name whom they answer, as on IRC.
        words: The telling words.
        topics: What it is about, up to three names of things.
        decisions: The lines that state what was decided, in order.
        activity: Messages of each author, most active first.
        called: Author by the names that they are called.
    """

    window: Window
    language: Language
    lines: list[Line]
    ranked: list[Line]
    addressed: bool
    words: Words
    topics: list[str]
    decisions: list[Line]
    activity: dict[str, int]
    called: dict[str, str]


def read(window: Window, least: int) -> Reading | None:
    """Read a window.

    Args:
        window: The window.
        least: The fewest lines to read.

    Returns:
        What it holds; None when fewer messages hold words, or none says more than a greeting.
    """
    authors = activity(window)
    names = called(authors)
    lines = read_lines(window, names)
    if len(lines) < least or sum(bool(line.terms) for line in lines) < 2:
        return None
    # Where people name whom they answer (IRC), a message that names nobody answers nobody.
    addressed = sum(line.to is not None for line in lines) * 5 >= len(lines)
    link(lines, addressed)
    words = Words(lines)
    weigh(lines, words.weights)
    language = language_of(chain.from_iterable(line.tokens for line in lines))
    return Reading(
        window=window,
        language=language,
        lines=lines,
        ranked=sorted(lines, key=attrgetter("score"), reverse=True),
        addressed=addressed,
        words=words,
        topics=words.topics(english=language.code == ENGLISH),
        decisions=_decisions(lines, addressed, language),
        activity=authors,
        called=names,
    )


def _decisions(lines: Sequence[Line], addressed: bool, language: Language) -> list[Line]:
    """Lines that state a decision, or that others agreed to one after another."""
    votes: dict[int, set[str]] = {}
    proposal: Line | None = None
    stated = set()
    for line in lines:
        if line.tokens[0] in stopwords.AGREEMENT and not line.asks and line.length < 20:
            if proposal and proposal.author != line.author and line.index - proposal.index < _NEAR:
                votes.setdefault(proposal.index, set()).add(line.author)
        elif len(line.terms) > 2:
            proposal = line
        if len(line.terms) > 2 and language.decides(line.text, line.tokens):
            # A question may name a decision, but states none.
            parts = [part for part in sentences(line.text) if not part.endswith(QUESTION_MARKS)]
            if any(language.decides(part, line.tokens) for part in parts):
                stated.add(line.index)
    # Two who say yes answer a question; to agree to a statement takes three.
    voted = {at for at, who in votes.items() if len(who) + lines[at].asks > 2 and not addressed}
    return [lines[at] for at in sorted(stated | voted)]
