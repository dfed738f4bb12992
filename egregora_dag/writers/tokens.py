"""How text is cut into words, whatever its script."""

import re
import sys
import unicodedata
from collections.abc import Callable
from itertools import filterfalse
from typing import Final, TypeVar

from egregora_dag.writers import stopwords

T = TypeVar("T")

# `\w` leaves out the vowel signs of Indic and the points of Arabic and Hebrew: they are marks.
MARKS: Final = frozenset(
    chr(code)
    for code in range(min(sys.maxunicode, 0x10000))
    if unicodedata.category(chr(code)) in {"Mn", "Mc"} and not 0xFE00 <= code <= 0xFE0F
)
_TAIL: Final = rf"[\w{re.escape(''.join(sorted(MARKS)))}\u200c\u200d]"
_WORD: Final = re.compile(rf"[^\W_]{_TAIL}*(?:[.'\-]{_TAIL}+)*")
PAUSES: Final = frozenset(".,;:!?()/·،؛؟。，！？")
_TOKEN: Final = re.compile(rf"{_WORD.pattern}|[{re.escape(''.join(sorted(PAUSES)))}]")
# The same for ASCII in lower case; most words have no inner marks and are matched by themselves.
_ASCII_TOKEN: Final = re.compile(
    r"[a-z0-9]\w*+(?![.'\-]\w)|[a-z0-9]\w*+(?:[.'\-]\w++)*|[.,;:!?()/]", re.ASCII
)
_KEPT: Final = 200_000  # Words that a Memo remembers; a large chat has as many.
_LAUGHTER: Final = re.compile(
    r"(?:[ha]*(?:h[aeiou]+){2,}h*|a*(?:ja|je|ha|he){2,}[jh]?|k{2,}|(?:rs){2,}s?|l+o+l+|x+d+|ه{2,}|"
    r"(?:[хах]){3,}|a{3,}|w{3,}|y+e+s+s+|o+m+g+|n+o+o+|z{3,}|\w)"
)
_ENDING: Final = re.compile(r"'(?:s|d|m|t|ll|re|ve)$")
_ELISION: Final = re.compile(r"^(?:[cdjlmnst]|qu|all|dell|nell|un)'")
_UNSPACED: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_UNSPACED_RUN: Final = re.compile(r"[\u3400-\u9fff]+|[\u30a0-\u30ff]{2,}")


def words(text: str) -> list[str]:
    """The words of a text in lower case, in order; any script.

    Args:
        text: Any text.

    Returns:
        Words; Chinese and Japanese, which put no spaces, come as pairs of characters.
    """
    return list(filterfalse(PAUSES.__contains__, tokens(text)))


def tokens(text: str) -> list[str]:
    """The words of a text and, among them, the marks at which a reader pauses.

    Args:
        text: Any text.

    Returns:
        Words as in `words`, and single characters of `PAUSES`.
    """
    if text.isascii():
        return _ASCII_TOKEN.findall(text.lower())
    found: list[str] = _TOKEN.findall(text.lower().replace("’", "'"))
    if not _UNSPACED.search(text):
        return found
    return [part for word in found for part in _pairs(word)]


def count_words(found: list[str]) -> int:
    """The number of words among tokens.

    Args:
        found: What `tokens` returned.

    Returns:
        How many of them are no marks of `PAUSES`.
    """
    return len(found) - len(list(filter(PAUSES.__contains__, found)))


def _pairs(word: str) -> list[str]:
    if not _UNSPACED.search(word):
        return [word]
    runs = _UNSPACED_RUN.findall(word)
    return [
        part
        for run in runs
        for part in ([run] if len(run) < 3 or run[0] < "\u3400" else _bigrams(run))
    ]


def _bigrams(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)]


def term(word: str) -> str:
    """The form under which a word counts as telling.

    Args:
        word: One of `words`.

    Returns:
        The word without possessive or elided article; empty for words that say little.
    """
    bare = word if "'" not in word else _ELISION.sub("", _ENDING.sub("", word))
    bare = bare.rstrip("_")
    if not stopwords.STOP_WORDS.isdisjoint((word, bare)) or bare in stopwords.AGREEMENT:
        return ""
    if is_small_talk(word):
        return ""
    if len(bare) < (3 if bare.isascii() else 2) or not any(map(str.isalpha, bare)):
        return ""
    return "" if any(map(str.isdigit, bare)) and len(bare) < 4 else bare


def is_small_talk(word: str) -> bool:
    """Whether a word is a greeting, thanks or laughter.

    Args:
        word: One of `words`.

    Returns:
        True for words that a message of mere courtesy is made of.
    """
    return word in stopwords.SMALL_TALK or _LAUGHTER.fullmatch(word) is not None


class Memo(dict[str, T]):
    """What a function says of words; a word looked up is quicker than a cached call.

    Args:
        function: The function of a word.
    """

    def __init__(self, function: Callable[[str], T]) -> None:
        super().__init__()
        self._function: Final = function

    def __missing__(self, word: str) -> T:
        if len(self) >= _KEPT:
            self.clear()
        found = self[word] = self._function(word)
        return found


TERMS: Final = Memo(term)
