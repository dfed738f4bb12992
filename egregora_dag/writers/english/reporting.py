"""A sentence told in reported speech."""

import re
from collections.abc import Collection
from typing import Final

from egregora_dag.writers.english import questions, verbs
from egregora_dag.writers.english.cleaning import cleaned
from egregora_dag.writers.english.persons import Clause, Persons, UnsureError
from egregora_dag.writers.english.vocabulary import (
    ABOUT_SPEECH,
    ACTIONS,
    ADVERBS,
    AUXILIARIES,
    CALLED,
    CONDITIONS,
    DETERMINERS,
    DO,
    EMPTY,
    INTERJECTIONS,
    LEADING,
    MODALS,
    NO_SUBJECTS,
    POLITE,
    PREPOSITIONS,
    SUBJECTS,
    VOCATIVES,
    WH,
)

_LONGEST: Final = 30  # Words of a reported sentence.
_SHORTEST: Final = 3
_STRANGE: Final = re.compile(
    r"(?<!\w)'|'(?!\w)|[a-z][.!?][A-Z]|[^\w\s,;:'\-–—%$€£.!?/&()]|_|\.\.|\w\.\w*\(|--|\d\)|\(|\)|/"
)
_TAG: Final = re.compile(
    r",\s*(?:(?:is|are|do|does|did|was|were|can|will|would|has|have|should|could)(?: not)? "
    r"(?:not )?(?:it|you|he|she|they|we|there|that|i)|right|okay|ok|huh|eh|yeah|yes|no)\s*\?\s*$",
    re.I,
)
# What is said of what was said before, not of what follows.
_NOD: Final = re.compile(
    r"^(?:that|it|this) is (?:\w+ )?(?:right|fine|true|great|good|ok|okay|all|it|perfect)[,.!] "
    r"|^i (?:see|agree|know|understand)[,.!] |^thanks(?: \w+)?, |^dear [\w ]+, "
    r"|^i (?:have to|must) say,? "
    r"|^(?:as you know|to be honest|in fact|for example|first of all|after all),? ",
    re.I,
)
_COURTESY: Final = re.compile(
    r"(?:,? (?:please|thank you|thanks|congratulations|haha|lol)(?: very much| a lot)?"
    r"|, i (?:suppose|think|guess|hope|believe)|, i am (?:afraid|sure)"
    r"|, you know|, you see|, of course)[ .!]*(?=\??$)",
    re.I,
)
_OBJECTS: Final = frozenset({"me", "us", "it", "them", "him", "her"})
_UNFINISHED: Final = (DETERMINERS | {"and", "or", "but", "because", "if", "to"}) - SUBJECTS
_AFTER_A_CALL: Final = SUBJECTS | MODALS | DO
_CUT: Final = re.compile(r"[,;–—-]?\s+(?:and|but|so|because|which|although|or|as)\s|[;–—]\s|,\s")


def report(sentence: str, who: str, whom: str | None, names: Collection[str] = ()) -> str | None:
    """A sentence told in reported speech.

    Args:
        sentence: What was said: one English sentence.
        who: The name of the one who said it, as it is shown.
        whom: The name of the one it was said to; None where that is not sure.
        names: Words that are names, which keep their capital.

    Returns:
        A clause without its full stop, such as `Mara asks João to bring a ladder`; None where the
        rules are not sure, or nothing but a courtesy was said.
    """
    text = cleaned(sentence)
    if _STRANGE.search(text) or text.isupper():
        return None
    asks = text.endswith("?")
    if asks and _TAG.search(text):
        text, asks = _TAG.sub("", text), False
    text = _COURTESY.sub("", text)
    clause = _bare(Clause.of(text.rstrip(" .!?;:,-–—")))
    nod = _NOD.match(str(clause))
    if nod:
        clause = _bare(Clause.of(str(clause)[nod.end() :]))
    stops = any(re.search(r"[.!?]", gap) for gap in clause.gaps[1:-1])
    if stops or len(clause) < _SHORTEST:
        return None
    fitting = clause if len(clause) <= _LONGEST else _shortened(clause)
    try:
        return _reported(fitting, Persons(who, whom, names), asks=asks) if fitting else None
    except UnsureError:
        return None


def _bare(clause: Clause) -> Clause:
    """A clause without greetings, interjections and the names of those it calls."""
    dropped = -1
    while dropped and len(clause):
        dropped = _opening(clause)
        clause = clause[dropped:]
    while len(clause) > 1 and clause.lower[-1] in VOCATIVES and "," in clause.gaps[-2]:
        clause = Clause(clause.words[:-1], [*clause.gaps[:-2], ""])
    return Clause(clause.words[:-1], [*clause.gaps[:-2], ""]) if _ends_in_a_call(clause) else clause


def _opening(clause: Clause) -> int:
    """How many words at the start of a clause say nothing by themselves."""
    first = clause.lower[0]
    for phrase in POLITE.get(first, ()):
        if clause.starts(*phrase) and clause.gaps[len(phrase)].startswith(","):
            return len(phrase)
    pause = clause.gaps[1][:1]
    if first in LEADING or (first in INTERJECTIONS and pause in {",", "!", ".", ":", "-"}):
        return 1
    if first in CALLED and clause.lower[1:2] and clause.lower[1] in _AFTER_A_CALL:
        return 1
    called = clause.words[0][:1].isupper() and not verbs.is_known(first)
    return int(pause == "," and (first in VOCATIVES or called))


def _ends_in_a_call(clause: Clause) -> bool:
    """Whether a clause ends with a comma and what must be a name."""
    if len(clause) < 3 or "," not in clause.gaps[-2] or not clause.words[-1][:1].isupper():
        return False
    lone = sum("," in gap for gap in clause.gaps) == 1
    return lone and not verbs.is_known(clause.lower[-1])


def _shortened(clause: Clause) -> Clause | None:
    """A clause cut where one of its parts ends; None if none ends in time."""
    text = str(clause)
    ends = [match.start() for match in _CUT.finditer(text)]
    for end in reversed(ends):
        part = Clause.of(text[:end])
        if len(part) <= _LONGEST - 6:
            return part if len(part) >= 8 else None
    return None


def _reported(clause: Clause, persons: Persons, *, asks: bool) -> str:
    first = clause.lower[0]
    if clause.lower[-1] in _UNFINISHED:
        raise UnsureError
    if asks:
        return questions.question(clause, persons)
    if clause.starts("let", "us"):
        return questions.together(clause[2:], persons)
    if first == "please":
        return questions.request(clause[1:], persons)
    if clause.lower[-1] == "please" and first in ACTIONS:
        return questions.request(clause[:-1], persons)
    if clause.starts("do", "not") or (first in ACTIONS and _orders(clause)):
        return questions.request(clause, persons)
    return _stated(clause, persons)


def _orders(clause: Clause) -> bool:
    """Whether a clause that begins with a verb of doing is an order."""
    second = clause.lower[1]
    return second in DETERMINERS | PREPOSITIONS | ADVERBS | _OBJECTS


def _stated(clause: Clause, persons: Persons) -> str:
    """A statement, with the one who says it."""
    while clause.lower[0] in EMPTY and len(clause) > _SHORTEST:
        clause = clause[1:]
    lower = clause.lower
    if _turns_to_an_order(clause):
        raise UnsureError
    if lower[0] in ADVERBS and _is_sentence(clause[1:]):
        return f"{persons.who} says that {persons.told(clause, mentioned=True)}"
    if lower[:3] == ["i", "would", "like"] and len(lower) > 3 and lower[3] not in {"you"}:
        rest = persons.told(clause[3:], mentioned=True, base=True)
        return f"{persons.who} wants {rest}"
    if lower[0] == "i":
        if lower[1] in ABOUT_SPEECH:
            raise UnsureError
        return persons.told(clause, mentioned=False)
    if _has_condition(clause):
        return f"{persons.who} says that {persons.told(clause, mentioned=True)}"
    if not _is_sentence(clause):
        raise UnsureError
    if lower[0] == "you" and persons.whom:
        return f"{persons.who} tells {persons.whom} that {persons.told(clause, mentioned=True)}"
    return f"{persons.who} says {persons.told(clause, mentioned=True)}"


def _turns_to_an_order(clause: Clause) -> bool:
    """Whether an order follows a comma, as in `I am sorry, take mine`."""
    for at in range(1, len(clause) - 1):
        verb, then = clause.lower[at : at + 2]
        orders = verb in ACTIONS or (verbs.is_present(verb) and then in DETERMINERS | _OBJECTS)
        if clause.gaps[at].startswith(",") and orders:
            return True
    return False


def _has_condition(clause: Clause) -> bool:
    """Whether a clause is `if …, …` with a statement after the comma."""
    if clause.lower[0] not in CONDITIONS:
        return False
    pauses = [at for at in range(1, len(clause)) if clause.gaps[at].startswith(",")]
    if len(pauses) != 1 or pauses[0] < 3:
        return False
    main = clause[pauses[0] :]
    return _is_sentence(main[1:] if main.lower[0] == "then" and len(main) > 3 else main)


def _is_sentence(clause: Clause) -> bool:
    """Whether a clause has a subject and then a finite verb."""
    lower = clause.lower
    if lower[0] in AUXILIARIES | WH | PREPOSITIONS | NO_SUBJECTS | CONDITIONS:
        return False
    if lower[0] in SUBJECTS - {"this", "that", "these", "those", "there"}:
        at = 1
        while at < len(lower) and lower[at] in ADVERBS:
            at += 1
        return at < len(lower) and (lower[at] in AUXILIARIES or bool(verbs.lemmas(lower[at])))
    finite = next((at for at in range(1, min(8, len(lower))) if _is_finite(clause, at)), None)
    if finite is None or finite + 1 == len(lower):
        return False
    subject = clause[:finite]
    # A pause or a second clause before the verb: what the verb belongs to is not sure.
    paused = any(gap.strip() for gap in clause.gaps[1 : finite + 1])
    return not paused and not (WH | NO_SUBJECTS | {"that", "to"}).intersection(subject.lower[1:])


def _is_finite(clause: Clause, at: int) -> bool:
    """Whether a word is a finite verb, as far as its form tells."""
    word = clause.lower[at]
    if word in AUXILIARIES:
        return True
    if clause.lower[0] not in DETERMINERS or at < 2 or word not in verbs.thirds():
        return False
    return at + 1 < len(clause) and clause.lower[at + 1] not in {"of"}
