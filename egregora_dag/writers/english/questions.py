"""Questions, requests and suggestions, told as what somebody asks of somebody."""

from dataclasses import replace
from typing import Final

from egregora_dag.writers.english import verbs
from egregora_dag.writers.english.persons import Clause, Persons, UnsureError
from egregora_dag.writers.english.vocabulary import (
    ACTIONS,
    ADVERBS,
    AUXILIARIES,
    BE,
    DETERMINERS,
    DO,
    PREDICATES,
    PREPOSITIONS,
    STATES,
    SUBJECTS,
    WH,
    WISHED,
    WISHES,
)

_PHRASE: Final = 5  # Words that `how many of the panes` may have before its auxiliary.
_SUBJECT_PRONOUNS: Final = frozenset({"i", "you", "we", "he", "she", "it", "they"})


def question(clause: Clause, persons: Persons) -> str:
    """What somebody asks.

    Args:
        clause: The question without its mark.
        persons: Who asks whom.

    Returns:
        `Mara asks João how old the roof is`, `Mara asks João to bring a ladder`.

    Raises:
        UnsureError: The rules do not know its form.
    """
    first = clause.lower[0]
    if clause.starts("how", "about") or clause.starts("what", "about"):
        return _about(clause[2:], persons)
    if clause.starts("why", "do", "not") and clause.lower[3:4] in (["you"], ["we"]):
        return _suggested(clause[4:], persons, together=clause.lower[3] == "we")
    if clause.starts("shall", "we"):
        return _suggested(clause[2:], persons, together=True)
    if clause.starts("what", "if") or clause.starts("how", "come"):
        raise UnsureError
    persons = replace(persons, beside=persons.whom is not None)
    if first in WH or (first in PREPOSITIONS and clause.lower[1:2] and clause.lower[1] in WH):
        return _asks(persons, _of_word(clause, persons), clause)
    if first in AUXILIARIES:
        return _of_auxiliary(clause, persons)
    if first in _SUBJECT_PRONOUNS - {"i"} and len(clause) > 2 and _is_finite(clause.lower[1]):
        return _asks(persons, f"whether {persons.told(clause, mentioned=True)}", clause)
    raise UnsureError


def _is_finite(word: str) -> bool:
    return word in AUXILIARIES or verbs.is_present(word) or verbs.is_past(word)


def request(clause: Clause, persons: Persons) -> str:
    """What somebody asks or tells somebody to do.

    Args:
        clause: An order, from its verb or `do not` on.
        persons: Who tells whom.

    Returns:
        `Mara asks João to bring a ladder`.

    Raises:
        UnsureError: It does not begin with a verb of doing.
    """
    not_ = "not " if clause.starts("do", "not") else ""
    clause = clause[2:] if not_ else clause
    if clause.lower[:1] and clause.lower[0] in ADVERBS and len(clause) > 1:
        clause = clause[1:]
    if not clause.lower or clause.lower[0] not in ACTIONS or clause.lower[0] in WISHED:
        raise UnsureError
    if clause.lower[0] == "have" and clause.lower[1:2] and clause.lower[1] not in DETERMINERS:
        raise UnsureError  # `Have not been well`: no order.
    if clause.starts("have", "a") and WISHES & set(clause.lower):
        raise UnsureError
    if clause.starts("let", "me") and clause.lower[2:3] in (["see"], ["know"], ["think"], []):
        raise UnsureError
    told = _acted(clause, replace(persons, beside=persons.whom is not None))
    if persons.whom is None:
        return f"{persons.who} says {not_}to {told}"  # To whom, the sentence does not tell.
    return f"{persons.who} asks {persons.whom} {not_}to {told}"


def _acted(clause: Clause, persons: Persons) -> str:
    """What is to be done, from its verb on."""
    if persons.whom is None and {"you", "your", "yourself"} & set(clause.lower):
        raise UnsureError
    told = persons.told(clause, mentioned=persons.whom is None, base=True)
    return told[:1].lower() + told[1:]


def _about(rest: Clause, persons: Persons) -> str:
    if not rest.lower or rest.lower[0] in {"you", "we", "i", "it"}:
        raise UnsureError
    if rest.lower[0].endswith("ing"):
        return f"{persons.who} suggests {persons.told(rest, mentioned=True)}"
    if rest.lower[0] in DETERMINERS and len(rest) > 1:
        return f"{persons.who} asks about {persons.told(rest, mentioned=True)}"
    raise UnsureError


def _suggested(rest: Clause, persons: Persons, *, together: bool) -> str:
    """What is suggested that people do."""
    while rest.lower and rest.lower[0] in ADVERBS:
        rest = rest[1:]
    if not rest.lower or rest.lower[0] not in ACTIONS:
        raise UnsureError
    if not together:
        if persons.whom is None:
            raise UnsureError
        told = persons.told(rest, mentioned=True, base=True)
        return f"{persons.who} suggests that {persons.whom} {told[:1].lower()}{told[1:]}"
    words = [verbs.inflected(rest.lower[0], "VBG"), *rest.words[1:]]
    for at in range(1, len(words) - 1):
        if rest.lower[at] == "to":
            break
        if rest.lower[at] in {"and", "or"} and rest.lower[at + 1] in ACTIONS:
            words[at + 1] = verbs.inflected(rest.lower[at + 1], "VBG")
    told = persons.told(Clause(words, rest.gaps), mentioned=True, base=True)
    return f"{persons.who} suggests {told}"


def together(rest: Clause, persons: Persons) -> str:
    """What is suggested with `let us`.

    Args:
        rest: What follows it.
        persons: Who suggests it to whom.

    Returns:
        `Mara suggests meeting at nine`.

    Raises:
        UnsureError: No verb of doing follows.
    """
    return _suggested(rest, persons, together=True)


def _asks(persons: Persons, asked: str, clause: Clause) -> str:
    """A question with the one who is asked, where it does not name them itself."""
    named = persons.whom is None or {"you", "your", "yours"} & set(clause.lower)
    return f"{persons.who} asks {'' if named else f'{persons.whom} '}{asked}"


def _of_word(clause: Clause, persons: Persons) -> str:
    """A question that begins with who, what, when, where, why or how."""
    lower = clause.lower
    at = next((k for k in range(1, min(_PHRASE, len(lower))) if lower[k] in AUXILIARIES), None)
    if at is None:
        if len(lower) > 2 and lower[0] in {"who", "what", "which"} and verbs.lemmas(lower[1]):
            return persons.told(clause, mentioned=True)
        raise UnsureError
    head = persons.told(clause[:at], mentioned=True)
    rest = clause[at + 1 :]
    if not rest.lower:
        raise UnsureError
    own = rest.lower[0] == "i" and lower[at] in {"do", "can", "should"} and lower[0] != "why"
    if own and rest.lower[1:2] and rest.lower[1] in (ACTIONS - {"need"}) | {"be"}:
        return f"{head} to {persons.told(rest[1:], mentioned=True, base=True)}"
    if lower[at] in BE and rest.lower[0] not in SUBJECTS | DETERMINERS:
        return f"{head} {lower[at]} {persons.told(rest, mentioned=True)}"
    if lower[at] not in BE | DO and rest.lower[0] not in SUBJECTS | DETERMINERS:
        return f"{head} {lower[at]} {persons.told(rest, mentioned=True)}"
    if lower[at] in BE and rest.lower[0] in DETERMINERS:
        return f"{head} {_noun_first(rest, lower[at], persons)}"
    return f"{head} {_turned(clause[at:], persons)}"


def _noun_first(rest: Clause, be: str, persons: Persons) -> str:
    """`the difference between the two is`, `their son is doing there`."""
    lower = rest.lower
    ing = next((k for k in range(2, len(lower)) if lower[k].endswith("ing")), None)
    if ing is not None and ing <= 4 and not any(w in PREPOSITIONS for w in lower[:ing]):
        subject = persons.told(rest[:ing], mentioned=True)
        return f"{subject} {be} {persons.told(rest[ing:], mentioned=True)}"
    if (
        len(lower) > 1
        and lower[0] in {"this", "that", "these", "those"}
        and (lower[1] in PREPOSITIONS)
    ):
        return f"{lower[0]} {be} {persons.told(rest[1:], mentioned=True)}"
    return f"{persons.told(rest, mentioned=True)} {be}"


def _turned(clause: Clause, persons: Persons) -> str:
    """An auxiliary, its subject and the rest, with the subject first."""
    auxiliary, rest = clause.lower[0], clause[1:]
    negated = bool(rest.lower) and rest.lower[0] == "not"
    rest = rest[1:] if negated else rest
    if negated and rest.lower[:1] == ["i"]:
        raise UnsureError
    size = _subject(rest, auxiliary)
    if size == len(rest) and auxiliary in DO:
        raise UnsureError
    subject, verb = rest[:size], rest[size:]
    not_ = ["not"] if negated else []
    if auxiliary in DO and not negated:
        skip = 0
        while skip + 1 < len(verb) and verb.lower[skip] in ADVERBS:
            skip += 1
        base = verb.lower[skip]
        if base not in verbs.lemmas(base) and base not in {"have", "be", "do"}:
            raise UnsureError
        form = base
        if auxiliary == "did":
            form = verbs.inflected(base, "VBD")
        elif auxiliary == "does":
            form = verbs.inflected(base, "VBZ")
        words = [*subject.words, *verb.words[:skip], form, *verb.words[skip + 1 :]]
        gaps = ["", *[" "] * (size + skip), *verb.gaps[skip + 1 :]]
    else:
        words = [*subject.words, auxiliary, *not_, *verb.words]
        gaps = ["", *[" "] * (size + len(not_)), *([" ", *verb.gaps[1:]] if verb.words else [""])]
    if any(gap.strip() for gap in subject.gaps[1:-1]):
        raise UnsureError
    return persons.told(Clause(words, gaps), mentioned=True)


def _subject(rest: Clause, auxiliary: str) -> int:
    """How many words the subject has that follows an auxiliary."""
    lower = rest.lower
    if not lower:
        raise UnsureError
    if lower[0] in _SUBJECT_PRONOUNS | {"there", "everybody", "everyone", "anybody", "anyone"}:
        return 1
    if lower[0] in {"this", "that", "these", "those"} and (
        len(lower) == 1 or lower[1] in DETERMINERS | PREPOSITIONS | PREDICATES
    ):
        return 1
    if lower[0] not in DETERMINERS or len(lower) < 3:
        raise UnsureError
    after = lower[2]
    if auxiliary in BE:
        fits = after in PREPOSITIONS | PREDICATES | DETERMINERS or after.endswith(("ing", "ed"))
    else:
        fits = after in ACTIONS | {"have", "be", "like", "need", "mean", "feel"}
    if not fits or lower[1] in {"of", "one", "other"}:
        raise UnsureError
    return 2


def _of_auxiliary(clause: Clause, persons: Persons) -> str:
    lower = clause.lower
    if lower[0] in {"can", "could", "will", "would"} and lower[1:2] == ["you"]:
        asked = _requested(clause[2:], persons)
        if asked:
            return asked
    if lower[0] in {"can", "may", "could", "shall", "should"} and lower[1:2] == ["i"]:
        asked = _permitted(clause[2:], persons, offer=lower[0] == "shall")
        if asked:
            return asked
    if len(lower) > 3 and lower[1:3] == ["you", "know"] and lower[3] in WH | {"if", "whether"}:
        rest = persons.told(clause[3:], mentioned=True)
        return f"{persons.who} asks {f'{persons.whom} ' if persons.whom else ''}{rest}"
    if lower[:3] == ["do", "you", "mind"] and len(lower) < 6:
        raise UnsureError
    return _asks(persons, f"whether {_turned(clause, persons)}", clause)


def _requested(rest: Clause, persons: Persons) -> str | None:
    """`bring a ladder` of `can you bring a ladder`; None where it asks whether somebody can."""
    lower = rest.lower
    polite = False
    while lower and lower[0] in ADVERBS | {"please", "possibly"}:
        polite = polite or lower[0] == "please"
        rest = rest[1:]
        lower = rest.lower
    if not lower:
        raise UnsureError
    if lower[0] == "mind" and len(lower) > 1 and lower[1].endswith("ing"):
        base = verbs.lemmas(lower[1])
        if not base:
            raise UnsureError
        rest = Clause([base[0], *rest.words[2:]], ["", *rest.gaps[2:]])
        lower = rest.lower
        polite = True
    if lower[0] not in ACTIONS or (lower[0] in STATES and not polite):
        return None
    if persons.whom is None:
        raise UnsureError
    return f"{persons.who} asks {persons.whom} to {_acted(rest, persons)}"


def _permitted(rest: Clause, persons: Persons, *, offer: bool) -> str | None:
    lower = rest.lower
    if not lower or (lower[0] not in ACTIONS and lower[0] != "have"):
        return None
    if lower[0] in {"ask", "say"}:
        raise UnsureError
    verb = "offers" if offer or lower[0] == "help" else "asks"
    persons = replace(persons, beside=False)
    return f"{persons.who} {verb} to {_acted(rest, persons)}"
