"""The title of a window's post, and the sentences that sum it up."""

import re
from collections.abc import Sequence
from typing import Final

from egregora_dag.writers import choosing, phrases, telling
from egregora_dag.writers.english.titles import is_private
from egregora_dag.writers.languages import ENGLISH, FALLBACK, Language, wording
from egregora_dag.writers.lines import QUESTION_MARKS, Line
from egregora_dag.writers.markdown import plain
from egregora_dag.writers.reading import Reading

_QUOTED: Final = 150  # Characters of a quote within a sentence.
_LONG: Final = 20  # Lines from which on the lead tells how a window ended.
_ASKED_TWICE: Final = re.compile(r"([?？؟])[?？؟]+$")
_STOPS: Final = (*QUESTION_MARKS, ".", "!", "…", "。", "！", "।")


def title_and_summary(reading: Reading) -> tuple[str, str]:
    """What the window is about, and who talked, what mattered most and how it ended.

    Args:
        reading: The window, read.

    Returns:
        The title, and a summary of one to three sentences that does not repeat it.
    """
    told = choosing.headline(reading)
    if reading.language.code == ENGLISH:
        told = _of_everybody(reading, told)
    if told:
        phrase, titled = told
        return capital(plain(_titled(phrase, reading.language))), _summary(reading, titled)
    topics = [plain(topic) for topic in reading.topics[:2]] or [reading.language.sentences["talk"]]
    return capital(reading.language.listed(topics)), _summary(reading, None)


def _of_everybody(reading: Reading, told: tuple[str, Line] | None) -> tuple[str, Line] | None:
    """A phrase that names what the window is about, where the headline is no good title.

    A thing that a window brings up, such as `a whole lasagne on the compost heap`, names it better
    than most statements; what says `I` or `you` names nothing.
    """
    private = told is not None and is_private(told[0])
    if told and not private and (told[0].endswith(QUESTION_MARKS) or told[1] in reading.decisions):
        return told
    named = choosing.named(reading)
    if named and (private or told is None or choosing.introduces(reading, named[0])):
        return named
    return None if private and reading.topics else told


def _titled(phrase: str, language: Language) -> str:
    """A phrase as a title: not shouted, its marks once, and without `Decided:` before it."""
    cue = language.decision_pattern.match(phrase.lower())
    if cue and phrase[cue.end() :][:1] in {":", "："}:
        phrase = phrase[cue.end() + 1 :].strip()
    elif cue and cue[0].endswith((":", "：")):
        phrase = phrase[cue.end() :].strip()
    if phrase.isupper() and " " in phrase:
        phrase = phrase.lower()
    return _ASKED_TWICE.sub(r"\1", phrase)


def listed(names: Sequence[str], limit: int = 0) -> str:
    """Names in an English sentence.

    Args:
        names: The names.
        limit: How many to say at most; 0 for all.

    Returns:
        `A`, `A and B`, `A, B and C`, or `A, B and 3 others`.
    """
    return wording(FALLBACK).listed([plain(name) for name in names], limit)


def capital(text: str) -> str:
    """A text with a capital first letter.

    Args:
        text: Any text.

    Returns:
        The same, its other letters as they are.
    """
    return text[:1].upper() + text[1:]


def _summary(reading: Reading, titled: Line | None) -> str:
    told = _reported(reading, titled) if reading.language.code == ENGLISH else []
    sentences = [_who_and_what(reading), *(told or _quoted(reading, titled))]
    return (" " if reading.language.spaced else "").join(sentences)


def _reported(reading: Reading, titled: Line | None) -> list[str]:
    """What was said and how it ended, in reported speech; nothing where the rules are not sure."""
    told = telling.told(reading)
    if not told:
        return []
    sentences = [f"{one.text}." for one in told]
    if reading.decisions:
        return [*sentences, _said(reading, "outcome", reading.decisions[-1])]
    final = reading.lines[-1]
    open_ = final.asks and final.replies == 0 and len(final.terms) > 1
    if not open_ and len(reading.lines) < _LONG:
        return sentences
    last = telling.last(reading, told)
    if last:
        return [*sentences, f"In the end, {last.text}."]
    unsaid = open_ and all(one.line is not final for one in told)
    return [*sentences, _said(reading, "ended_question", final)] if unsaid else sentences


def _quoted(reading: Reading, titled: Line | None) -> list[str]:
    """What mattered most and how it ended, in quotes."""
    sentences = []
    last = choosing.ending(reading, titled)
    heart = choosing.heart(reading, titled, last)
    if heart:
        sentences += _heart_sentences(reading, heart)
    if last and not (heart and heart.answer is last):
        sentences.append(_end_sentence(reading, last))
    return sentences


def _who_and_what(reading: Reading) -> str:
    language = reading.language
    people = language.listed([plain(name) for name in reading.activity], limit=3)
    verb = "talked" if len(reading.activity) > 1 else "wrote"
    topics = language.listed([plain(topic) for topic in reading.topics])
    if not topics:
        return language.say(verb, people=people)
    return language.say(f"{verb}_about", people=people, topics=topics)


def _heart_sentences(reading: Reading, line: Line) -> list[str]:
    if not line.asks:
        return [_said(reading, "said_to" if line.to else "said", line)]
    asked = _said(reading, "asked", line)
    if line.answer is None:
        return [asked]
    # Only what the export marks as a reply is called an answer.
    marked = line.answer.message.reply_to == line.message.message_id
    verb = "answered" if marked else "said_to" if line.answer.to else "said"
    return [asked, _said(reading, verb, line.answer)]


def _end_sentence(reading: Reading, line: Line) -> str:
    if line in reading.decisions:
        return _said(reading, "outcome", line)
    if line is reading.lines[-1] and line.asks and line.replies == 0:
        return _said(reading, "ended_question", line)
    return _said(reading, "ended", line)


def _said(reading: Reading, sentence: str, line: Line) -> str:
    """What somebody said, as a quote."""
    language = reading.language
    text = phrases.telling(line, reading.words.weights, _QUOTED)
    said = language.say(
        sentence,
        who=language.isolated(plain(line.author)),
        whom=language.isolated(plain(line.to or "")),
        quote=language.quoted(text),
    )
    return (
        said
        if said.endswith(_STOPS) or text.endswith(_STOPS)
        else said + language.sentences["stop"]
    )
