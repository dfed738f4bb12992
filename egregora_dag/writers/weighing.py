"""How much the words and the lines of a window weigh, and what the window is about."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain, compress, count, pairwise
from math import log2, sqrt
from typing import Final

from egregora_dag.writers import stopwords
from egregora_dag.writers.english.nouns import is_noun, may_be_noun, with_article
from egregora_dag.writers.lines import Line
from egregora_dag.writers.tokens import Memo

_NAMED: Final = 1.6  # How much more a word weighs that looks like the name of something.
_RANKED: Final = 24


class Words:
    """The telling words of a window.

    Attributes:
        weights: Word → weight: by how many lines and people use it, how long it is, and whether it
            looks like the name of something.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines: Final = lines
        self._spread: Final = Counter(chain.from_iterable(line.terms for line in lines))
        self._named: Final = _named(lines)
        shared = {word: spread for word, spread in self._spread.items() if spread > 1}
        lone = map(_LONE_WEIGHTS.__getitem__, self._spread)
        self.weights: Final = dict(zip(self._spread, lone, strict=True))
        people = _people(lines)
        for word, spread in shared.items():
            self.weights[word] *= 2 * (log2(spread) * (3 + people[word]) / 4 + 0.5)
        for word in self._named.intersection(self.weights):
            self.weights[word] *= _NAMED
        self._common: Final = self._rank(shared)
        # No word of one line outweighs a word of two, so these need not be sorted among the rest.
        enough = len(self._common) == _RANKED
        self._ranked: Final = self._common if enough else self._rank(self.weights)

    def _rank(self, pool: Mapping[str, float]) -> list[str]:
        return sorted(pool, key=lambda word: (-self.weights[word], word))[:_RANKED]

    def heaviest(self, limit: int) -> list[str]:
        """The heaviest words, of a singular and its plural the heavier alone.

        Args:
            limit: How many words at most, up to 12.

        Returns:
            Words, heaviest first.
        """
        return _distinct(self._ranked[: 2 * limit])[:limit]

    def topics(self, *, english: bool) -> list[str]:
        """What the window is about.

        Args:
            english: Whether the window is in English, whose nouns are told from other words.

        Returns:
            Up to three names of things, as the chat writes them.
        """
        words = _distinct(self._common or self._ranked)[:12]
        if english:
            nouns = [word for word in words if self._names_something(word)]
            words = nouns or [word for word in _distinct(self._ranked) if may_be_noun(word)][:1]
        chosen: list[str] = []
        for word in words:
            topic = self._recurring_pair(word) or word
            if not any(topic in other or other in topic for other in chosen):
                chosen.append(topic)
            if len(chosen) == 3:
                break
        return [self._as_written(topic, english=english) for topic in chosen]

    def _names_something(self, word: str) -> bool:
        """Whether an English word is a noun, by itself or by the article it stands with."""
        if not word.isascii() or (word.endswith("ing") and not is_noun(word)):
            return False
        return is_noun(word) or (word in self._named and may_be_noun(word))

    def _recurring_pair(self, word: str) -> str | None:
        """The two words that this word mostly comes in, such as `greenhouse roof`."""
        pairs = Counter(
            pair
            for line in self._lines
            if word in line.terms
            for pair in pairwise(line.forms)
            if word in pair
        )
        recurring = [(n, pair) for pair, n in pairs.items() if n > 1 and all(pair)]
        times, pair = max(recurring, default=(0, ("", "")))
        return " ".join(pair) if times and times * 2 >= self._spread[word] else None

    def _as_written(self, topic: str, *, english: bool) -> str:
        """The topic with the capitals, and in English the article, that it mostly comes with."""
        forms = dict.fromkeys((topic, topic.capitalize(), topic.title(), topic.upper()), 0)
        last = topic.rpartition(" ")[2]
        lines = [line for line in self._lines if last in line.terms]
        for line in lines:
            for form in forms:
                forms[form] += f" {form}" in line.text
        form = max(forms, key=lambda form: forms[form])
        if not english or form != topic:
            return form
        return with_article(form, [line.tokens for line in lines if last in line.tokens])


def _lone_weight(word: str) -> float:
    """Weight of a word in a single line: by its length, as long words say more."""
    return 0.5 * (0.4 + min(len(word), 8) / 10 if word.isascii() else 1.0)


_LONE_WEIGHTS: Final = Memo(_lone_weight)


def _people(lines: Sequence[Line]) -> Counter[str]:
    """How many people use each word."""
    used: defaultdict[str, set[str]] = defaultdict(set)
    for line in lines:
        used[line.author].update(line.terms)
    return Counter(chain.from_iterable(used.values()))


def _named(lines: Sequence[Line]) -> set[str]:
    """The words that end a phrase which a determiner opens."""
    found = set()
    for line in lines:
        if stopwords.DETERMINERS.isdisjoint(line.tokens):
            continue
        for begin in compress(count(1), map(stopwords.DETERMINERS.__contains__, line.tokens)):
            end = line.forms.index("", begin)
            if end > begin:
                found.add(line.forms[end - 1])
    return found


def _distinct(ranked: Sequence[str]) -> list[str]:
    """Words without the plurals and singulars of those before them."""
    chosen: list[str] = []
    for word in ranked:
        if word + "s" not in chosen and (word[-1] != "s" or word[:-1] not in chosen):
            chosen.append(word)
    return chosen


def weigh(lines: Sequence[Line], weights: Mapping[str, float]) -> None:
    """Weigh lines by their words, by the answers they drew and by whether they ask.

    Args:
        lines: Lines in order, linked; their `weight` and `score` are set.
        weights: The weight of each of their terms.
    """
    after_command = False
    weight_of = weights.__getitem__
    for line in lines:
        line.weight = sum(map(weight_of, line.terms))
        score = line.weight / sqrt(line.length + 6)
        score *= (1 + 0.2 * min(line.replies, 4)) * (1.2 if line.asks else 1.0)
        marked = line.text[0] in "!*"
        if line.length < 3 or marked:
            score *= 0.1  # Bot commands and corrections of the line before.
        elif line.length > 90:
            score *= 0.6
        # What follows a command such as `!mint | ziggi` comes from a bot.
        line.score = score * 0.2 if after_command else score
        after_command = marked and line.text[0] == "!"
