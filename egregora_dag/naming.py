"""Finding somebody's name in what others wrote.

A name is found whole and by its words, however it is capitalised, with or without its accents, and
a phone number however it is grouped. A word that another person's name shares stays, and so does
one that is an everyday word of the chat's language ("de"), unless it is the first of the name; such
a first name ("Will") is found only as it is capitalised.
"""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

MARK: Final = "[name]"

# Scripts that put no spaces between words, or endings right behind a name.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
)
_INSIDE: Final = rf"[^\W_{_UNSPACED}]"
_WORD: Final = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
_NUMBER: Final = re.compile(r"\+?\d(?:[\s().\-/\xa0\u202f\u2011]{0,2}\d){7,}")
_REPEATED: Final = re.compile(rf"{re.escape(MARK)}(?:\s+{re.escape(MARK)})+")
_FEWEST_DIGITS: Final = 8
_SHORTEST_WORD: Final = 2
_CODE_LENGTH: Final = 24


@dataclass(frozen=True)
class Names:
    """Names that are to be found in texts.

    Attributes:
        folded: Names, and words of names, found however they are capitalised; in lower case.
        exact: Words that are found only as they stand here.
        numbers: Phone numbers, digits alone, without leading zeros.
    """

    folded: frozenset[str] = frozenset()
    exact: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, names: Iterable[str], others: Iterable[str] = (), everyday: Container[str] = ()
    ) -> "Names":
        """The ways in which somebody may be named.

        Args:
            names: The names somebody goes by.
            others: Names of other people, whose words stay.
            everyday: Words that everybody uses, in lower case.
        """
        taken = {word.lower() for name in others for word in _WORD.findall(_composed(name))}
        folded, exact, numbers = set[str](), set[str](), set[str]()
        for name in map(_bare, names):
            digits = _digits(name)
            if len(digits) >= _FEWEST_DIGITS and not any(map(str.isalpha, name)):
                numbers.add(digits)
                continue
            words = _WORD.findall(name)
            if len(words) != 1 or words[0] != name:
                folded.add(name.lower())
            # What is in brackets stands for a name already, such as a masked number.
            for place, word in enumerate([] if name.startswith("[") else words):
                common = word.lower() in everyday
                shared = word.lower() in taken and len(words) > 1
                if shared or len(word) < _SHORTEST_WORD or (common and place):
                    continue
                if common:
                    exact |= {word, word.upper()}
                else:
                    folded.add(word.lower())
        plain = {_without_accents(name) for name in folded}
        return cls(frozenset(folded | plain - taken), frozenset(exact), frozenset(numbers))

    def __or__(self, other: "Names") -> "Names":
        """The names of both."""
        return Names(
            self.folded | other.folded, self.exact | other.exact, self.numbers | other.numbers
        )

    def __bool__(self) -> bool:
        """Whether there is any name to find."""
        return bool(self.folded or self.exact or self.numbers)

    def are_in(self, text: str) -> bool:
        """Whether a text names somebody."""
        return self.masked(text) != text

    def masked(self, text: str) -> str:
        """The text with `MARK` in place of every name."""
        found = _composed(text)
        for pattern in self._patterns:
            found = pattern.sub(MARK, found)
        if self.numbers:
            found = _NUMBER.sub(self._masked_number, found)
        return _REPEATED.sub(MARK, found) if found != _composed(text) else text

    def masked_json(self, value: Any) -> Any:
        """The same for every text in a value of JSON; what it calls them stays."""
        match value:
            case str():
                return self.masked(value)
            case list():
                return [self.masked_json(one) for one in value]
            case dict():
                return {key: self.masked_json(one) for key, one in value.items()}
        return value

    @cached_property
    def _patterns(self) -> list[re.Pattern[str]]:
        kinds = ((self.folded, re.IGNORECASE), (self.exact, re.NOFLAG))
        return [re.compile(_alternatives(names), flags) for names, flags in kinds if names]

    def _masked_number(self, match: re.Match[str]) -> str:
        digits = _digits(match[0])
        same = any(digits.endswith(one) or one.endswith(digits) for one in self.numbers)
        return MARK if same else match[0]


@dataclass(frozen=True)
class Codes:
    """What is kept of names that were forgotten, so that they are known when they come again.

    Who has the key can find the names by trying, and nobody else.

    Attributes:
        key: The home's key.
        codes: A code for each author and each way to be named.
    """

    key: str = field(repr=False)
    codes: frozenset[str] = frozenset()

    @classmethod
    def of(cls, key: str, authors: Iterable[str], names: Names) -> "Codes":
        """The codes of authors as they are stored, and of the ways in which they may be named."""
        codes = cls(key)
        numbers = {
            number[start:]
            for number in names.numbers
            for start in range(len(number) - _FEWEST_DIGITS + 1)
        }
        kinds: Mapping[str, Iterable[str]] = {
            "author": authors,
            "folded": names.folded,
            "exact": names.exact,
            "number": numbers,
        }
        found = {codes._code(kind, text) for kind, texts in kinds.items() for text in texts}
        return cls(key, frozenset(found))

    def authors_among(self, authors: Iterable[str]) -> list[str]:
        """The authors that were forgotten."""
        return [author for author in authors if self._code("author", author) in self.codes]

    def named_in(self, texts: Iterable[str]) -> Names:
        """The names in some texts that were forgotten; those of one word, and phone numbers."""
        words, numbers = set[str](), set[str]()
        for text in texts:
            composed = _composed(text)
            words.update(_WORD.findall(composed))
            numbers.update(map(_digits, _NUMBER.findall(composed)))
        folded = {word.lower() for word in words}
        return Names(
            frozenset(self._among("folded", folded)),
            frozenset(self._among("exact", words)),
            frozenset(self._among("number", numbers)),
        )

    def _among(self, kind: str, texts: Collection[str]) -> Iterator[str]:
        return (text for text in texts if self._code(kind, text) in self.codes)

    def _code(self, kind: str, text: str) -> str:
        named = f"forgotten\x1f{kind}\x1f{unicodedata.normalize('NFC', text)}"
        return hmac.new(self.key.encode(), named.encode(), hashlib.sha256).hexdigest()[
            :_CODE_LENGTH
        ]


def renamer(old: str, new: str) -> Callable[[str], str]:
    """What puts another name into a text, wherever the old one stands whole and as it is."""
    pattern = re.compile(_alternatives([_composed(old)]))

    def renamed(text: str) -> str:
        found, count = pattern.subn(lambda _: new, _composed(text))
        return found if count else text

    return renamed


def _alternatives(names: Iterable[str]) -> str:
    ordered = sorted(names, key=lambda name: (-len(name), name))
    return "|".join(map(_pattern, ordered))


def _pattern(name: str) -> str:
    """A name as a word of its own, its spaces of any kind."""
    text = r"\s+".join(re.escape(part) for part in name.split())
    before = rf"(?<!{_INSIDE})" if re.match(_INSIDE, name) else ""
    after = rf"(?!{_INSIDE})" if re.match(_INSIDE, name[-1]) else ""
    return f"{before}{text}{after}"


def _bare(name: str) -> str:
    """A name without the `~` that marks one which its owner chose."""
    return _composed(name).strip("~ \t\xa0\u202f\u200e")


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _without_accents(name: str) -> str:
    parts = unicodedata.normalize("NFD", name)
    return _composed("".join(part for part in parts if not unicodedata.combining(part)))


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text).lstrip("0")
