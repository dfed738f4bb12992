"""What a writer knows of languages: each is one file here, named by its ISO 639-1 code.

A file holds the words that say little, the words that agree and decide, and the wording of what
a writer says in that language: its headings and sentences. A new language is a new file.
"""

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from itertools import chain, islice
from typing import Final

ENGLISH: Final = "en"
FALLBACK: Final = ENGLISH

_RIGHT_TO_LEFT: Final = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_LEFT_TO_RIGHT: Final = re.compile(r"[A-Za-z\u00c0-\u058f\u0900-\u1fff\u3040-\ud7ff]")
_ISOLATE: Final = "\u2068{}\u2069"  # The characters that keep a text's direction to itself.
_SAMPLE: Final = 600  # Words that are enough to tell a language.
_WORD: Final = re.compile(r"\w+(?:'\w+)*")
_LEAST: Final = 3  # Stop words of a language that make it likelier than the fallback.


@dataclass(frozen=True)
class Language:
    """The words of a language and what is said in it.

    Attributes:
        code: Its ISO 639-1 code.
        name: What it calls itself.
        right_to_left: Whether it is written from right to left.
        spaced: Whether spaces stand between its words.
        characters: Matches what only it is written with; None where its script does not tell it.
        words: Groups of words by name: `stop`, `agreement`, `small_talk`, `weak_openers` and
            `determiners`.
        decisions: What states a decision; `^` stands for the start of a message.
        headings: Headings of a post's sections by name.
        media: Kinds of media by `schemas.MEDIA_TYPES`, and `file`.
        sentences: Patterns of sentences by name, with the places that `say` fills; and headings
            and labels of what is told of people, links, files and windows.
    """

    code: str
    name: str
    right_to_left: bool
    spaced: bool
    characters: re.Pattern[str] | None
    words: Mapping[str, frozenset[str]]
    decisions: tuple[str, ...]
    headings: Mapping[str, str]
    media: Mapping[str, str]
    sentences: Mapping[str, str]

    @cached_property
    def decision_pattern(self) -> re.Pattern[str]:
        """Matches a statement of a decision, in lower case."""
        inside = [re.escape(cue) for cue in self.decisions if cue[0] != "^"]
        # Before the start may stand `ok, right, `.
        first = [re.escape(cue[1:]) for cue in self.decisions if cue[0] == "^"]
        edge = r"(?<!\w)" if self.spaced else ""
        opening = rf"^(?:\w{{1,6}}, ){{0,2}}(?:{'|'.join(first)})" if first else ""
        return re.compile("|".join(filter(None, [opening, f"{edge}(?:{'|'.join(inside)})"])))

    @cached_property
    def decision_words(self) -> frozenset[str]:
        """The longest word of each cue of a decision: only where one stands is it searched for."""
        return frozenset(max(_WORD.findall(cue), key=len) for cue in self.decisions)

    def decides(self, text: str, words: Iterable[str]) -> bool:
        """Whether a message states a decision.

        Args:
            text: The message.
            words: Its words in lower case.

        Returns:
            True if one of the language's cues stands in it.
        """
        if self.spaced and self.decision_words.isdisjoint(words):
            return False
        return self.decision_pattern.search(text.lower()) is not None

    def say(self, sentence: str, **values: str | int) -> str:
        """A sentence with its places filled.

        Args:
            sentence: Name of a pattern in `sentences`.
            **values: What stands in its places; names and quotes `isolated`.

        Returns:
            The sentence.
        """
        return self.sentences[sentence].format_map(values)

    def quoted(self, text: str) -> str:
        """A text between the language's quotation marks.

        Args:
            text: What somebody said.

        Returns:
            The quote, its text isolated where it runs in the other direction.
        """
        return self.say("quote", text=self.isolated(text))

    def isolated(self, text: str) -> str:
        """A text that cannot reorder what stands around it.

        Args:
            text: A name or a quote.

        Returns:
            The text within U+2068 and U+2069 if a part of it runs against this language's
            direction; else the text.
        """
        against = _LEFT_TO_RIGHT if self.right_to_left else _RIGHT_TO_LEFT
        return _ISOLATE.format(text) if against.search(text) else text

    def listed(self, items: Sequence[str], limit: int = 0) -> str:
        """Names in a sentence.

        Args:
            items: The names, as they are to be shown.
            limit: How many to say at most; 0 for all.

        Returns:
            In English: `A`, `A and B`, `A, B and C`, or `A, B and 3 others`.
        """
        cut = 0 < limit < len(items)
        shown = [self.isolated(item) for item in (items[: limit - 1] if cut else items)]
        if cut:
            shown.append(self.say("others", n=len(items) - len(shown)))
        if len(shown) < 2:
            return "".join(shown)
        return self.sentences["and"].join([self.sentences["comma"].join(shown[:-1]), shown[-1]])


def wording(code: str) -> Language:
    """What is said in a language.

    Args:
        code: Its ISO 639-1 code.

    Returns:
        The language; English where there is no file for the code.
    """
    return LANGUAGES.get(code, LANGUAGES[FALLBACK])


def language_of(words: Iterable[str]) -> Language:
    """The language that words are of, by the stop words among them.

    A script that only one language here uses tells it; a stop word counts less the more languages
    share it. Of equals the first by code.

    Args:
        words: Words in lower case, as `tokens.tokens` cuts them; the first 600 are looked at.

    Returns:
        The language; English where nothing tells.
    """
    seen = Counter(islice(words, _SAMPLE))
    votes: defaultdict[str, float] = defaultdict(float)
    for word in seen.keys() & _SHARES.keys():
        for code, share in _SHARES[word]:
            votes[code] += share * seen[word]
    text = "" if all(map(str.isascii, seen)) else "".join(seen.elements())
    for code, characters in _CHARACTERS if text else ():
        votes[code] += len(characters.findall(text)) / 2
    if votes["ja"] and votes["zh"]:
        votes["ja"] += votes.pop("zh")  # Where kana stand, Chinese characters are Japanese too.
    best = max(sorted(votes), key=votes.__getitem__, default=FALLBACK)
    return LANGUAGES[best if votes[best] >= _LEAST else FALLBACK]


def _read(code: str, text: str) -> Language:
    content = tomllib.loads(text)
    characters = content.get("characters")
    return Language(
        code=code,
        name=content["name"],
        right_to_left=content["right_to_left"],
        spaced=content.get("spaced", True),
        characters=re.compile(characters) if characters else None,
        words={name: frozenset(group.split()) for name, group in content["words"].items()},
        decisions=tuple(content["decisions"]),
        headings=content["headings"],
        media=content["media"],
        sentences=content["sentences"] | content["facts"],
    )


def _shares() -> dict[str, list[tuple[str, float]]]:
    """Stop word → the languages it is of, and the vote that it gives to each."""
    codes: dict[str, list[str]] = {}
    for language in LANGUAGES.values():
        for word in language.words["stop"]:
            codes.setdefault(word, []).append(language.code)
    return {word: [(code, 1 / len(all_)) for code in all_] for word, all_ in codes.items()}


LANGUAGES: Final = {
    file.name.removesuffix(".toml"): _read(file.name.removesuffix(".toml"), file.read_text("utf-8"))
    for file in sorted(files(__name__).iterdir(), key=lambda file: file.name)
    if file.name.endswith(".toml")
}
_SHARES: Final = _shares()
_CHARACTERS: Final = [
    (one.code, one.characters) for one in LANGUAGES.values() if one.characters is not None
]


def every(group: str) -> frozenset[str]:
    """The words of a group in all languages.

    Args:
        group: A name in `Language.words`.

    Returns:
        Words in lower case.
    """
    return frozenset(chain.from_iterable(one.words[group] for one in LANGUAGES.values()))
