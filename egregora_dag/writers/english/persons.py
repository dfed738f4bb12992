"""`I` and `you` turned into the people who are meant."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from egregora_dag.writers.english import verbs
from egregora_dag.writers.english.vocabulary import (
    ACTIONS,
    ADVERBS,
    AUXILIARIES,
    CAPITALIZED,
    CAUSATIVES,
    CLAUSE_OPENERS,
    DO,
    FUNCTION,
    HAVE,
    MODALS,
    PARTICLES,
    PREPOSITIONS,
    THIRD,
)

_WORD: Final = re.compile(r"(\w+(?:[-'.:]\w+)*)")
_FIRST: Final = frozenset(
    {"i", "me", "my", "mine", "myself", "we", "us", "our", "ours", "ourselves"}
)
_SECOND: Final = frozenset({"you", "your", "yours", "yourself", "yourselves"})
_PLAIN: Final = {
    "me": "them",
    "my": "their",
    "mine": "theirs",
    "myself": "themselves",
    "we": "they",
    "us": "them",
    "our": "their",
    "ours": "theirs",
    "ourselves": "themselves",
}


class UnsureError(Exception):
    """The rules do not know what a sentence means; it is quoted instead."""


@dataclass
class Clause:
    """Words with what stands between them.

    Attributes:
        words: The words.
        gaps: What stands before each word, and after the last: one more than words.
    """

    words: list[str]
    gaps: list[str]
    lower: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.lower = [word.lower() for word in self.words]

    @classmethod
    def of(cls, text: str) -> "Clause":
        """The clause of a text.

        Args:
            text: A sentence.

        Returns:
            Its words.
        """
        parts = _WORD.split(text)
        return cls(parts[1::2], parts[0::2])

    def __getitem__(self, part: slice) -> "Clause":
        begin, end, _ = part.indices(len(self.words))
        return Clause(self.words[begin:end], ["", *self.gaps[begin + 1 : end + 1]])

    def __len__(self) -> int:
        return len(self.words)

    def starts(self, *words: str) -> bool:
        """Whether the clause begins with certain words.

        Args:
            *words: Words in lower case.

        Returns:
            True if so.
        """
        return tuple(self.lower[: len(words)]) == words

    def __str__(self) -> str:
        pairs = zip(self.gaps, self.words, strict=False)
        return "".join([*(part for pair in pairs for part in pair), self.gaps[-1]]).strip()


@dataclass(frozen=True)
class Persons:
    """Who speaks and to whom.

    Attributes:
        who: The speaker's name, as it is shown.
        whom: The name of the one spoken to; None where it is not sure.
        names: Words that keep a capital wherever they stand.
        beside: Whether both are named in the sentence, so that `they` could be either.
    """

    who: str
    whom: str | None
    names: Collection[str] = ()
    beside: bool = False

    def told(self, clause: Clause, *, mentioned: bool, base: bool = False) -> str:
        """A clause with names and pronouns of the third person.

        Args:
            clause: What was said, or a part of it.
            mentioned: Whether the speaker's name stands before it in the sentence.
            base: Whether its first word is a verb that is to stay as it is, as after `to`.

        Returns:
            The clause, its verbs in agreement.

        Raises:
            UnsureError: It says `you` to nobody known, or its grammar is not clear.
        """
        lower = clause.lower
        if self.whom is None and not _SECOND.isdisjoint(lower):
            raise UnsureError
        alone = not self.beside and _SECOND.isdisjoint(lower) and THIRD.isdisjoint(lower)
        words = list(clause.words)
        for at, word in enumerate(lower):
            if word in {"i", "we"}:
                by_name = word == "i" and not (mentioned and alone)
                words[at] = self.who if by_name else "they"
                self._agree(clause, words, at, singular=by_name)
                mentioned = True
            elif word == "you":
                words[at] = self.whom or ""
                if self._is_subject(clause, at):
                    self._agree(clause, words, at, singular=True)
            elif word in _FIRST:
                words[at] = self._other(word, plain=alone and mentioned)
                mentioned = True
            elif word in {"your", "yours"}:
                words[at] = possessive(self.whom or "")
            elif word in _SECOND:
                words[at] = "themselves"
        if not base and words and words[0] == clause.words[0]:
            words[0] = self._lowered(words[0])
        return str(Clause(words, clause.gaps))

    def _lowered(self, word: str) -> str:
        """A sentence's first word as it stands within one: a name as it is."""
        lower = word.lower()
        if word != word.capitalize() or word == "I" or word in self.names:
            return word
        common = lower in FUNCTION | CLAUSE_OPENERS or verbs.is_known(lower)
        return lower if common and lower not in CAPITALIZED else word

    def _other(self, word: str, *, plain: bool) -> str:
        """A pronoun of the first person that is no subject."""
        if plain or word in {"us", "our", "ours", "myself", "ourselves"}:
            return _PLAIN[word]
        return self.who if word == "me" else possessive(self.who)

    @staticmethod
    def _is_subject(clause: Clause, at: int) -> bool:
        """Whether the `you` at a place has a finite verb of its own."""
        verb = _verb_at(clause, at)
        if verb is None:
            return False
        before = clause.lower[at - 1] if at else ""
        if before in DO | HAVE | MODALS | {"not"}:
            raise UnsureError  # `do you`: a question within the sentence.
        word = clause.lower[verb]
        if word in AUXILIARIES:
            return True
        if before in CAUSATIVES or not (verbs.is_present(word) or verbs.is_past(word)):
            return False
        if not before or before in CLAUSE_OPENERS or "," in clause.gaps[at]:
            return word not in PREPOSITIONS
        if word in PREPOSITIONS | PARTICLES:
            return False
        raise UnsureError  # `the one you need`, `give you work`.

    @staticmethod
    def _agree(clause: Clause, words: list[str], at: int, *, singular: bool) -> None:
        """Bring the verb of the subject at a place into agreement with its new form."""
        before = clause.lower[at - 1] if at else ""
        if before in DO | MODALS | HAVE | {"am", "is", "are", "was", "were", "nor"}:
            raise UnsureError
        if before == "and" and at <= 3:
            return  # `My wife and I`.
        verb = _verb_at(clause, at)
        if verb is None:
            if at + 1 < len(words) and clause.lower[at] == "i":
                raise UnsureError
            return
        word = clause.lower[verb]
        if not singular:
            words[verb] = verbs.plural(word)
            return
        if word in MODALS or word in {"did", "had"}:
            return
        form = verbs.singular(word)
        if form is None:
            raise UnsureError
        words[verb] = form
        if form != word and word not in {"am", "are", "were", "have", "do"}:
            _agree_joined(clause, words, verb)


def _agree_joined(clause: Clause, words: list[str], verb: int) -> None:
    """Bring verbs that `and` joins to one in the present into agreement, too."""
    for at in range(verb + 1, len(clause) - 1):
        word = clause.lower[at]
        if word in {"to", "i", "you", "we", "he", "she", "they", "that", "if"} | AUXILIARIES:
            return
        if word in {"and", "or", "but"}:
            after = at + 1
            if clause.lower[after] in ADVERBS and after + 1 < len(clause):
                after += 1
            joined = at == verb + 1 and verbs.is_present(clause.lower[after])
            if joined or clause.lower[after] in ACTIONS:
                words[after] = verbs.inflected(clause.lower[after], "VBZ")
            return


def _verb_at(clause: Clause, subject: int) -> int | None:
    """Where the verb of a subject stands; adverbs may stand between."""
    at = subject + 1
    while at < len(clause) and (clause.lower[at] in ADVERBS or clause.lower[at].endswith("lly")):
        at += 1
    if at >= len(clause) or clause.gaps[subject + 1].strip() or clause.gaps[at].strip():
        return None
    word = clause.lower[at]
    return at if word in AUXILIARIES or verbs.lemmas(word) else None


def possessive(name: str) -> str:
    """A name with the ending that makes it an owner's.

    Args:
        name: A name.

    Returns:
        `Mara's`.
    """
    return f"{name}'s"
