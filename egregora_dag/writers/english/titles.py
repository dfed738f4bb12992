"""Noun phrases of English that could be a title: `The chain on the bottom gate`."""

import re
from collections.abc import Iterator
from typing import Final

from egregora_dag.writers import tokens
from egregora_dag.writers.english import nouns, verbs
from egregora_dag.writers.english.vocabulary import (
    ADJECTIVES,
    DETERMINERS,
    NO_SUBJECTS,
    PREPOSITIONS,
    TITLE_DETERMINERS,
    TITLE_LINKS,
)

_WORD: Final = re.compile(r"[^\W_]+(?:['’.\-][^\W_]+)*")
_LONGEST: Final = 4  # Words of a noun phrase without what is linked to it.
_LINKED: Final = 2
_PRIVATE: Final = re.compile(r"\b(?:i|me|we|us|you|im|ive|youre)\b", re.I)
_PRONOUNS: Final = frozenset({"it", "that", "this", "he", "she", "they", "him", "them", "its"})
_OWN: Final = {"my": "the", "your": "the", "our": "the", "his": "the", "her": "the", "their": "the"}


def is_private(phrase: str) -> bool:
    """Whether a phrase is of the one who says it, so that it names nothing to others.

    Args:
        phrase: A sentence of a message.

    Returns:
        True if it says `I`, `me`, `we`, `us` or `you`.
    """
    return _PRIVATE.search(phrase) is not None


def fitness(phrase: str) -> float:
    """How well the form of a phrase suits a title.

    Args:
        phrase: A sentence of a message.

    Returns:
        1; less where it is private, begins with a pronoun or ends in the middle.
    """
    fit = 0.5 if is_private(phrase) else 1.0
    words = phrase.lower().rstrip("?!…").split()
    fit *= 0.3 if words[-1:] and words[-1] in PREPOSITIONS | DETERMINERS | NO_SUBJECTS else 1.0
    return fit * (0.6 if words[:1] and words[0].partition("'")[0] in _PRONOUNS else 1.0)


def noun_phrases(text: str) -> Iterator[str]:
    """The noun phrases of a text that a preposition joins, each as long as it goes.

    Args:
        text: A text on one line.

    Yields:
        Phrases such as `the letter to the council`; what is somebody's own gets `the`.
    """
    words = list(_WORD.finditer(text))
    at = 0
    while at < len(words):
        end = _phrase(text, words, at)
        if end is None:
            at += 1
            continue
        last = end
        for _ in range(_LINKED):
            linked = _linked(text, words, last)
            if linked is None:
                break
            last = linked
        shown = text[words[at].start() : words[last - 1].end()]
        opener = words[at][0].lower()
        if last > end:
            yield _OWN[opener] + shown[len(opener) :] if opener in _OWN else shown
        at = last


def _linked(text: str, words: list[re.Match[str]], at: int) -> int | None:
    """Where a phrase ends that a preposition joins to the one before; None if there is none."""
    if at >= len(words) or words[at][0].lower() not in TITLE_LINKS or not _joined(text, words, at):
        return None
    return _phrase(text, words, at + 1) if _joined(text, words, at + 1) else None


def _joined(text: str, words: list[re.Match[str]], at: int) -> bool:
    """Whether only a space stands before a word."""
    return 0 < at < len(words) and text[words[at - 1].end() : words[at].start()] == " "


def _phrase(text: str, words: list[re.Match[str]], at: int) -> int | None:
    """Where a noun phrase ends that begins at a word; None if none begins there."""
    begin = at
    if at < len(words) and words[at][0].lower() in TITLE_DETERMINERS:
        at += 1
        if not _joined(text, words, at):
            return None
    first = at
    while at < len(words) and at - first < _LONGEST and (at == begin or _joined(text, words, at)):
        word = words[at][0].lower()
        if not (word in ADJECTIVES or (tokens.TERMS[word] and _fits(words, first, at))):
            break
        at += 1
    while at > first and not _is_head(words[at - 1][0].lower()):
        at -= 1
    return at if at > first else None


def _fits(words: list[re.Match[str]], first: int, at: int) -> bool:
    """Whether a word can stand in a noun phrase."""
    word = words[at][0].lower()
    if word in verbs.thirds():
        return False
    if nouns.may_be_noun(word):
        # `The heap stinks of fish`: a verb, where a noun stands before it and a phrase after it.
        return not (at > first and verbs.is_third(word) and nouns.is_noun(words[at - 1][0].lower()))
    return nouns.is_adjective(word)


def _is_head(word: str) -> bool:
    return bool(tokens.TERMS[word]) and nouns.may_be_noun(word) and word not in ADJECTIVES
