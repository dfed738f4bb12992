"""Forms of English verbs, out of LemmInflect's dictionary."""

from functools import lru_cache
from typing import Final

import lemminflect

from egregora_dag.writers.english.vocabulary import AMBIGUOUS_PASTS, FINITE

_IRREGULAR: Final = {"am": "is", "are": "is", "were": "was", "have": "has", "do": "does"}
_PLURAL: Final = {"am": "are", "is": "are", "was": "were", "has": "have", "does": "do"}


@lru_cache(maxsize=10_000)
def lemmas(word: str) -> tuple[str, ...]:
    """The verbs that a word may be a form of.

    Args:
        word: A word in lower case.

    Returns:
        Base forms; empty if it is no form of a verb that the dictionary knows.
    """
    found: tuple[str, ...] = lemminflect.getAllLemmas(word, upos="VERB").get("VERB", ())
    return found


@lru_cache(maxsize=10_000)
def is_known(word: str) -> bool:
    """Whether a word is in the dictionary, of whatever class.

    Args:
        word: A word in lower case.

    Returns:
        True for common words; False for most names.
    """
    return bool(lemminflect.getAllLemmas(word))


@lru_cache(maxsize=10_000)
def is_past(word: str) -> bool:
    """Whether a word may be the past of a verb, as `put`, `saw` and `asked`.

    Args:
        word: A word in lower case.

    Returns:
        True if so.
    """
    if word in lemmas(word) and word not in AMBIGUOUS_PASTS:
        return word in lemminflect.getInflection(word, "VBD")  # `Put`; but `weed` is not of `wee`.
    return any(word in lemminflect.getInflection(lemma, "VBD") for lemma in lemmas(word))


def is_present(word: str) -> bool:
    """Whether a word is a verb's present, as after `I`, and cannot be taken for a past.

    Args:
        word: A word in lower case.

    Returns:
        True if so.
    """
    return word in lemmas(word) and not is_past(word)


@lru_cache(maxsize=10_000)
def is_third(word: str) -> bool:
    """Whether a word may be a verb's form after `he`.

    Args:
        word: A word in lower case.

    Returns:
        True for `stinks` and `plans`.
    """
    return word.endswith("s") and any(inflected(lemma, "VBZ") == word for lemma in lemmas(word))


@lru_cache(maxsize=10_000)
def inflected(verb: str, tag: str) -> str:
    """A form of a verb.

    Args:
        verb: Its base form.
        tag: A Penn Treebank tag: `VBZ`, `VBD` or `VBG`.

    Returns:
        The form.
    """
    if tag == "VBZ" and verb in _IRREGULAR:
        return _IRREGULAR[verb]
    forms: tuple[str, ...] = lemminflect.getInflection(verb, tag)
    return forms[0] if forms else verb


def singular(word: str) -> str | None:
    """The form that a verb after `I` or `you` takes after a name.

    Args:
        word: The verb in lower case: `am`, `have`, `want`, `wanted`.

    Returns:
        `is`, `has`, `wants`, `wanted`; None if the word is no finite verb.
    """
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if is_past(word):
        return word
    return inflected(word, "VBZ") if word in lemmas(word) else None


def plural(word: str) -> str:
    """The form that a verb after `I` takes after `they`.

    Args:
        word: The verb in lower case.

    Returns:
        `are` for `am`; most verbs as they are.
    """
    return _PLURAL.get(word, word)


@lru_cache(maxsize=1)
def thirds() -> frozenset[str]:
    """Forms that hardly ever are nouns, of common verbs: after `he`, and the past.

    Returns:
        `needs`, `includes`, `got`, `went`.
    """
    return frozenset(inflected(verb, tag) for verb in FINITE for tag in ("VBZ", "VBD"))
