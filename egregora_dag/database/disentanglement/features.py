"""What a reader weighs in a message and an earlier one that it may answer.

Every attribute of such a pair is a small whole number, and the model has a weight for each
combination of values of the attributes that a template names.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from egregora_dag.database.disentanglement.naming import NOBODY, Bools, Ints
from egregora_dag.database.disentanglement.text import CUES
from egregora_dag.database.disentanglement.timeline import BEFORE, CANDIDATES, NO_MESSAGE, Facts

# Names of attributes whose values are weighed together.
Template = tuple[str, ...]

# Steps of what two messages have in common, thousandths.
_COMMON: Final = (100, 2_500, 4_000, 5_500, 8_000, 11_000, 15_000, 20_000)


@dataclass(frozen=True)
class Pairs:
    """Rows of a block as replies, each with the CANDIDATES rows before it.

    Attributes:
        facts: What is known of each message of the block.
        common: int64[rows of the block, CANDIDATES], from `words_in_common`.
        rows: The replies.
    """

    facts: Facts
    common: Ints
    rows: slice
    _known: dict[str, Ints] = field(default_factory=dict)

    def reply(self, fact: str) -> Ints:
        """The fact on the replies: int64[replies, 1]."""
        return self.facts[fact][self.rows, None]

    def candidate(self, fact: str) -> Ints:
        """The fact on the candidates, oldest first: int64[replies, CANDIDATES], 0 where none is."""
        first = self.rows.start - CANDIDATES
        values = self.facts[fact][max(first, 0) : self.rows.stop - 1]
        padded = np.pad(values, (max(-first, 0), 0))
        return sliding_window_view(padded, CANDIDATES)

    def attribute(self, name: str) -> Ints:
        """An attribute: int64[replies, CANDIDATES], or [replies, 1] if it is of the reply alone."""
        if name not in self._known:
            self._known[name] = ATTRIBUTES[name].of(self)
        return self._known[name]

    def combined(self, template: Template) -> Ints:
        """Number of the combination of the attributes' values; the last one's change fastest."""
        code = self.attribute(template[0])
        for name in template[1:]:
            code = code * ATTRIBUTES[name].levels + self.attribute(name)
        return code

    @property
    def is_candidate(self) -> Bools:
        """Which candidates are messages that may be answered: bool[replies, CANDIDATES]."""
        exists = self.reply("row") - np.arange(CANDIDATES, 0, -1) >= 0
        spoken = (self.candidate("spoken") == 1) & (self.reply("spoken") == 1)
        return np.asarray(exists & spoken)


@dataclass(frozen=True)
class Attribute:
    """Something that a pair is judged by.

    Attributes:
        levels: Its values are 0 up to levels - 1.
        of: Computes it.
    """

    levels: int
    of: Callable[[Pairs], Ints]


def _stepped(values: Ints, steps: tuple[int, ...]) -> Ints:
    """How many of the steps each value reaches."""
    return np.asarray(_levels(steps)[np.clip(values, 0, steps[-1])])


@cache
def _levels(steps: tuple[int, ...]) -> Ints:
    return np.searchsorted(steps, np.arange(steps[-1] + 1), side="right")


def _count(conditions: Iterable[Bools]) -> Ints:
    """How many of the conditions hold."""
    return np.asarray(sum(condition.astype(np.int64) for condition in conditions))


def _distance(pairs: Pairs, steps: tuple[int, ...]) -> Ints:
    """Messages from the candidate to the reply."""
    return _stepped(pairs.reply("ordinal") - pairs.candidate("ordinal"), steps)


def _gap(pairs: Pairs) -> Ints:
    """Minutes from the candidate to the reply."""
    return _stepped(pairs.reply("minute") - pairs.candidate("minute"), (1, 2, 3, 5, 8, 15, 30, 60))


def _same_author(pairs: Pairs) -> Ints:
    return np.asarray(pairs.reply("author") == pairs.candidate("author"), np.int64)


def _names(pairs: Pairs) -> Ints:
    """Whom the reply names.

    0 nobody, 1 it salutes the candidate's author, 2 that author after somebody else, 3 others only,
    4 somebody unknown, 5 the candidate's author first but without a salutation.
    """
    author, first, manner = pairs.candidate("author"), pairs.reply("named1"), pairs.reply("manner")
    also = (pairs.reply("named2") == author) | (pairs.reply("named3") == author)
    nobody = np.where(manner == 5, 4, 0)
    otherwise = np.where(also, 2, np.where(first == NOBODY, nobody, 3))
    return np.where(first == author, np.where(manner == 1, 1, 5), otherwise)


def _named_by(pairs: Pairs) -> Ints:
    """Whom the candidate names: as `names`, of the reply's author; 6 whom the reply names too."""
    author, first = pairs.reply("author"), pairs.candidate("named1")
    manner = pairs.candidate("manner")
    also = (pairs.candidate("named2") == author) | (pairs.candidate("named3") == author)
    nobody = np.where(manner == 5, 4, 0)
    others = np.where(first == pairs.reply("named1"), 6, 3)
    otherwise = np.where(also, 2, np.where(first == NOBODY, nobody, others))
    return np.where(first == author, np.where(manner == 1, 1, 5), otherwise)


def _own_since(pairs: Pairs) -> Ints:
    """Messages of the reply's author after the candidate, up to 3."""
    row = pairs.candidate("row")
    return _count(pairs.reply(f"before{nth}") > row for nth in (1, 2, 3))


def _more_since(pairs: Pairs) -> Ints:
    """Messages of the candidate's author after the candidate, up to 3."""
    row = pairs.reply("row")
    return _count(pairs.candidate(f"after{nth}") < row for nth in (1, 2, 3))


def _calls_since(pairs: Pairs) -> Ints:
    """Messages after the candidate that address its author, up to 2."""
    row = pairs.reply("row")
    return _count(pairs.candidate(f"called_after{nth}") < row for nth in (1, 2))


def _others_since(pairs: Pairs) -> Ints:
    """Messages after the candidate by third persons."""
    between = pairs.reply("ordinal") - pairs.candidate("ordinal") - 1
    theirs = np.where(pairs.attribute("same_author") == 1, 0, pairs.attribute("more_since"))
    others = between - pairs.attribute("own_since") - theirs
    return _stepped(others, (1, 2, 3, 5, 8, 15, 30))


def _aimed(target: Ints, author: Ints) -> Ints:
    """0 there is no such message, 1 it names nobody, 2 it names the author, 3 others."""
    known = np.where(target == NOBODY, 1, np.where(target == author, 2, 3))
    return np.where(target == NO_MESSAGE, 0, known)


def _partner(pairs: Pairs, nth: int) -> Ints:
    """Whether the nth message before of the reply's author was aimed at the candidate's."""
    return _aimed(pairs.reply(f"target{nth}"), pairs.candidate("author"))


def _partner_of(pairs: Pairs, nth: int) -> Ints:
    """Whether the nth message before of the candidate's author was aimed at the reply's."""
    return _aimed(pairs.candidate(f"target{nth}"), pairs.reply("author"))


def _caller(pairs: Pairs) -> Ints:
    """Who named the reply's author last.

    0 nobody, 1 the candidate, 2 its author later, 3 its author earlier, 4 somebody else later, 5
    somebody else earlier.
    """
    call, row = pairs.reply("called_before"), pairs.candidate("row")
    theirs = np.where(call == row, 1, np.where(call > row, 2, 3))
    is_theirs = pairs.reply("caller") == pairs.candidate("author")
    called = np.where(is_theirs, theirs, np.where(call > row, 4, 5))
    return np.where(call == BEFORE, 0, called)


def _begins_turn(pairs: Pairs) -> Ints:
    """Whether the row before the candidate is not its author's."""
    return np.asarray(pairs.candidate("before1") != pairs.candidate("row") - 1, np.int64)


def _common(pairs: Pairs) -> Ints:
    """How much the two have in common, from `words_in_common`."""
    return _stepped(pairs.common[pairs.rows], _COMMON)


def _is_new(pairs: Pairs, side: str) -> Ints:
    """Whether the author has not spoken before, within HISTORY."""
    before = pairs.reply("before1") if side == "reply" else pairs.candidate("before1")
    return np.asarray(before == BEFORE, np.int64)


def _silence(pairs: Pairs) -> Ints:
    """Rows since the reply's author wrote."""
    return _stepped(pairs.reply("row") - pairs.reply("before1"), (2, 4, 7, 12, 20, 40, 80))


def _called(pairs: Pairs) -> Ints:
    """0 the reply's author was not named, 1 since the last message, 2 of late, 3 long ago."""
    call = pairs.reply("called_before")
    late = np.where(pairs.reply("row") - call < 20, 2, 3)
    return np.where(call == BEFORE, 0, np.where(call > pairs.reply("before1"), 1, late))


def _its_answer(pairs: Pairs) -> Ints:
    """Whom the candidate answers: 0 nobody, 1 the reply's author, 2 its own author, 3 others."""
    answered = pairs.candidate("answered")
    theirs = np.where(answered == pairs.candidate("author"), 2, 3)
    known = np.where(answered == pairs.reply("author"), 1, theirs)
    return np.where(answered == NOBODY, 0, known)


def _continues(pairs: Pairs) -> Ints:
    """How the candidate relates to the message before of the reply's author.

    0 there is none, 1 the candidate answers it, 2 it answers the candidate, 3 both answer the same,
    4 it answers the candidate's author, 5 in no such way.
    """
    before = pairs.reply("before1")
    answers, its = pairs.reply("link_before"), pairs.candidate("link")
    cases = [before == BEFORE, its == before, answers == pairs.candidate("row")]
    cases += [(answers == its) & (answers != before)]
    cases += [pairs.reply("answered_before") == pairs.candidate("author")]
    return np.select(cases, list(range(5)), default=5)


def _conversation(pairs: Pairs) -> Ints:
    """0 the reply's author has not spoken, 1 was in the candidate's conversation, 2 in another."""
    same = pairs.reply("root_before") == pairs.candidate("root")
    return np.where(pairs.reply("before1") == BEFORE, 0, np.where(same, 1, 2))


_FLAGS = ("bot", *CUES)
ATTRIBUTES: Final[dict[str, Attribute]] = {
    "distance": Attribute(11, partial(_distance, steps=(2, 3, 4, 5, 7, 10, 15, 25, 45, 70))),
    "apart": Attribute(2, partial(_distance, steps=(2,))),
    "gap": Attribute(9, _gap),
    "same_author": Attribute(2, _same_author),
    "names": Attribute(6, _names),
    "named_by": Attribute(7, _named_by),
    "own_since": Attribute(4, _own_since),
    "more_since": Attribute(4, _more_since),
    "calls_since": Attribute(3, _calls_since),
    "others_since": Attribute(8, _others_since),
    "partner": Attribute(4, partial(_partner, nth=1)),
    "partner2": Attribute(4, partial(_partner, nth=2)),
    "partner_of": Attribute(4, partial(_partner_of, nth=1)),
    "partner_of2": Attribute(4, partial(_partner_of, nth=2)),
    "caller": Attribute(6, _caller),
    "begins_turn": Attribute(2, _begins_turn),
    "common": Attribute(9, _common),
    "silence": Attribute(8, _silence),
    "called": Attribute(4, _called),
    "its_answer": Attribute(4, _its_answer),
    "continues": Attribute(6, _continues),
    "conversation": Attribute(3, _conversation),
    "manner": Attribute(6, partial(Pairs.reply, fact="manner")),
    "size": Attribute(6, partial(Pairs.reply, fact="size")),
    "its_size": Attribute(6, partial(Pairs.candidate, fact="size")),
    "new": Attribute(2, partial(_is_new, side="reply")),
    "its_new": Attribute(2, partial(_is_new, side="candidate")),
    **{flag: Attribute(2, partial(Pairs.reply, fact=flag)) for flag in _FLAGS},
    **{f"its_{flag}": Attribute(2, partial(Pairs.candidate, fact=flag)) for flag in _FLAGS},
}
