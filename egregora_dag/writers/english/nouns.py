"""Which English words name things, and with which article."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

import lemminflect

_ARTICLES: Final = frozenset({"a", "an"})
_VOWEL: Final = re.compile(
    r"[aeio](?!ne\b|nce\b|u)|u(?![ns][aeiou])|hour|honest|heir|honou?r", re.I
)
_OPENERS: Final = frozenset(["the", "a", "an", "my", "your", "our", "his", "her", "their", "this"])


@lru_cache(maxsize=10_000)
def is_noun(word: str) -> bool:
    """Whether a word is a noun and nothing else, or no word of the dictionary, as most names.

    Args:
        word: A word in lower case.

    Returns:
        False for words such as `open` and `plan` that need an article to be taken for nouns.
    """
    classes = set(lemminflect.getAllLemmas(word))
    return not classes or (
        bool(classes & {"NOUN", "PROPN"}) and not classes & {"VERB", "ADJ", "ADV"}
    )


@lru_cache(maxsize=10_000)
def may_be_noun(word: str) -> bool:
    """Whether a word can be a noun at all.

    Args:
        word: A word in lower case.

    Returns:
        False for words such as `forgot` and `late`.
    """
    classes = set(lemminflect.getAllLemmas(word))
    return not classes or bool(classes & {"NOUN", "PROPN"})


@lru_cache(maxsize=10_000)
def is_adjective(word: str) -> bool:
    """Whether a word can be an adjective.

    Args:
        word: A word in lower case.

    Returns:
        True for `empty` and `broken`.
    """
    return "ADJ" in lemminflect.getAllLemmas(word)


def with_article(topic: str, said: Iterable[Sequence[str]]) -> str:
    """A topic with the article that a chat gives it.

    Args:
        topic: One or two words.
        said: The words of what was said, in lower case, where the topic occurs.

    Returns:
        `the roof`, `a savings account`, `tomatoes`.
    """
    *first, last = topic.lower().split()
    found: Counter[str] = Counter()
    for words in said:
        at = words.index(last) - len(first)
        before = words[max(0, at - 2) : max(0, at)][::-1]
        # A word may stand between: `a nice roof`.
        opener = next((word for word in before if word in _OPENERS), "")
        found[opener] += 1
    if lemminflect.getLemma(last, "NOUN")[:1] != (last,):  # A plural: `a few hills`.
        for article in _ARTICLES:
            found[""] += found.pop(article, 0)
    bare = found.pop("", 0)
    if sum(found.values()) < max(1, bare):
        return topic
    if sum(found[article] for article in _ARTICLES) * 2 > sum(found.values()):
        return f"{'an' if _VOWEL.match(topic) else 'a'} {topic}"
    return f"the {topic}"
