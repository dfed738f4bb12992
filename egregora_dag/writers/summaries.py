"""The title of a window's post, and the sentences that sum it up."""

import re
from collections.abc import Sequence
from typing import Final

from egregora_dag.writers import choosing, phrases
from egregora_dag.writers.lines import QUESTION_MARKS, Line
from egregora_dag.writers.markdown import plain
from egregora_dag.writers.reading import Reading

_QUOTED: Final = 150  # Characters of a quote within a sentence.
_ASKED_TWICE: Final = re.compile(r"([?？؟])[?？؟]+$")
_STOPS: Final = (*QUESTION_MARKS, ".", "!", "…", "。", "！")


def title_and_summary(reading: Reading) -> tuple[str, str]:
    """What the window is about, and who talked, what mattered most and how it ended.

    Args:
        reading: The window, read.

    Returns:
        The title, and a summary of one to three sentences that does not repeat it.
    """
    told = choosing.headline(reading)
    if told:
        phrase, titled = told
        return capital(plain(_ASKED_TWICE.sub(r"\1", phrase))), _summary(reading, titled)
    topic = reading.topics[0] if reading.topics else "talk"
    title = plain(f"{capital(topic)}: {listed(list(reading.activity)[:3])}")
    return title, _summary(reading, None)


def listed(names: Sequence[str], limit: int = 0) -> str:
    """Names in a sentence.

    Args:
        names: The names.
        limit: How many to say at most; 0 for all.

    Returns:
        `A`, `A and B`, `A, B and C`, or `A, B and 3 others`.
    """
    shown = [plain(name) for name in (names[: limit - 1] if 0 < limit < len(names) else names)]
    if len(shown) < len(names):
        shown.append(f"{len(names) - len(shown)} others")
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def capital(text: str) -> str:
    """A text with a capital first letter.

    Args:
        text: Any text.

    Returns:
        The same, its other letters as they are.
    """
    return text[:1].upper() + text[1:]


def _summary(reading: Reading, titled: Line | None) -> str:
    people = listed(list(reading.activity), limit=3)
    verb = "talked" if len(reading.activity) > 1 else "wrote"
    topics = listed(reading.topics)
    sentences = [f"{people} {verb} about {topics}." if topics else f"{people} {verb}."]
    last = choosing.ending(reading, titled)
    heart = choosing.heart(reading, titled, last)
    if heart:
        sentences.append(_heart_sentence(reading, heart))
    if last and not (heart and heart.answer is last):
        sentences.append(_end_sentence(reading, last))
    return " ".join(sentences)


def _heart_sentence(reading: Reading, line: Line) -> str:
    quote = phrases.telling(line, reading.words.weights, _QUOTED)
    author = plain(line.author)
    if not quote.endswith(QUESTION_MARKS):
        return _said(f"{author} told {plain(line.to)}" if line.to else f"{author} wrote", quote)
    if line.answer is None:
        return _said(f"{author} asked", quote)
    # Only what the export marks as a reply is called an answer.
    verb = f"told {author}" if line.answer.to else "wrote next"
    verb = "answered" if line.answer.message.reply_to == line.message.message_id else verb
    answer = phrases.telling(line.answer, reading.words.weights, _QUOTED)
    return f"{author} asked: “{quote}”; {_said(f'{plain(line.answer.author)} {verb}', answer)}"


def _end_sentence(reading: Reading, line: Line) -> str:
    quote = phrases.telling(line, reading.words.weights, _QUOTED)
    author = plain(line.author)
    if line in reading.decisions:
        return _said(f"The outcome, in the words of {author}", quote)
    if line is not reading.lines[-1]:
        return _said(f"Towards the end, {author} wrote", quote)
    if line.asks and line.replies == 0:
        return _said(f"It ended with a question from {author}", quote)
    return _said(f"{author} had the last word", quote)


def _said(who: str, quote: str) -> str:
    return f"{who}: “{quote}”{'' if quote.endswith(_STOPS) else '.'}"
