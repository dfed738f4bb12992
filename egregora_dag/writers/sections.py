"""The content of a window's post: quotes, decisions, open questions, links, media and people."""

from collections.abc import Sequence
from typing import Final

from egregora_dag.writers import tokens
from egregora_dag.writers.languages import Language
from egregora_dag.writers.lines import QUESTION_MARKS, Line, body, unaddressed
from egregora_dag.writers.markdown import escape, urls, without_urls
from egregora_dag.writers.phrases import clip, telling, trim
from egregora_dag.writers.protocol import Message
from egregora_dag.writers.reading import Reading

_OUTCOMES: Final = 4
_QUESTIONS: Final = 3
_LISTED: Final = 10
_PEOPLE: Final = 20
_CAPTION: Final = 200  # Characters of what is said beside a link or a file.


def content(reading: Reading, moments: Sequence[Line]) -> str:
    """The content of a post.

    Args:
        reading: The window, read.
        moments: The lines to quote, in order.

    Returns:
        Markdown; sections without content are left out.
    """
    outcomes = reading.decisions[-_OUTCOMES:]
    shown = {line.index for line in (*moments, *outcomes)}
    parts = [
        *section(reading, "moments", [_said(reading, line) for line in moments], "\n\n"),
        *section(reading, "decided", [_said(reading, line) for line in outcomes], "\n\n"),
        *section(reading, "open_questions", _open_questions(reading, shown)),
        *appendix(reading),
    ]
    return "\n\n".join(parts) + "\n"


def section(reading: Reading, key: str, items: Sequence[str], mark: str = "\n") -> list[str]:
    """A section under its heading in the chat's language.

    Args:
        reading: The window, read.
        key: One of the keys of `Language.headings`.
        items: Markdown, one a paragraph or list item.
        mark: What stands between them.

    Returns:
        The section; nothing without items.
    """
    return [f"## {reading.language.headings[key]}\n\n{mark.join(items)}"] if items else []


def appendix(reading: Reading) -> list[str]:
    """The sections that every post ends with: links, media and people.

    Args:
        reading: The window, read.

    Returns:
        The sections; those without content are left out.
    """
    return [
        *section(reading, "links", _links(reading)),
        *section(reading, "media", _media(reading)),
        *section(reading, "people", [_people(reading)]),
    ]


def blockquote(reading: Reading, text: str, message: Message, to: str | None = None) -> str:
    """A message's text as a quote, with author and time.

    Args:
        reading: The window, read.
        text: What is quoted.
        message: The message it is from.
        to: Whom it addresses, if it names somebody.

    Returns:
        Markdown.
    """
    language = reading.language
    addressed = f", {language.say('to', who=language.isolated(escape(to)))}" if to else ""
    return f"> {escape(clip(text, 600))}\n>\n> — {credit(reading, message)}{addressed}"


def credit(reading: Reading, message: Message) -> str:
    """Who wrote a message and when: the time of day, with the day where there are several.

    Args:
        reading: The window, read.
        message: One of its messages.

    Returns:
        Markdown.
    """
    messages = reading.window.messages
    time = message.time.isoformat(" ", "minutes")[:16]
    one_day = messages[0].time.date() == messages[-1].time.date()
    author = reading.language.isolated(escape(message.author or ""))
    return f"{author}, {time[11:] if one_day else time}"


def _said(reading: Reading, line: Line) -> str:
    return blockquote(reading, line.text, line.message, line.to)


def _open_questions(reading: Reading, shown: set[int]) -> list[str]:
    """Questions that nobody took up, the telling ones."""
    least = 0.4 * reading.ranked[0].score
    telling_ones = (line for line in reading.ranked if line.asks and line.score >= least)
    found = [line for line in telling_ones if line.index not in shown and _is_open(reading, line)]
    if not found:
        return []
    isolated = reading.language.isolated
    asked = {term for line in reading.lines if line.asks and line.answer for term in line.terms}
    best = [line for line in found if not asked.issuperset(line.terms)][:_QUESTIONS]
    return [
        f"- {isolated(escape(telling(line, reading.words.weights, 300)))} "
        f"({credit(reading, line.message)})"
        for line in sorted(best, key=lambda line: line.index)
    ]


def _is_open(reading: Reading, line: Line) -> bool:
    if line.replies or not line.text.endswith(QUESTION_MARKS) or len(line.terms) < 2:
        return False
    rest = reading.lines[line.index + 1 :]
    # Without names, only the end of a talk is sure to have been left unanswered.
    return reading.addressed or all(other.author == line.author for other in rest)


def _links(reading: Reading) -> list[str]:
    found: dict[str, str] = {}
    for message in reading.window.messages:
        if message.author is None or not (message.urls or "://" in message.content):
            continue
        text = unaddressed(body(message), reading.called)[0]
        linked = [url for url, _ in urls(text)]
        linked += [url for given in message.urls for url, _ in urls(given) if url not in linked]
        if all(url in found for url in linked):
            continue
        said = trim(without_urls(text))
        shown = reading.language.isolated(escape(clip(said, _CAPTION)))
        words = f"{shown} — " if tokens.words(said) else ""
        who = credit(reading, message)
        for url in linked:
            found.setdefault(url, f"- {words}<{url}> ({who})")
    return _capped(list(found.values()), reading.language)


def _media(reading: Reading) -> list[str]:
    items = []
    for message in reading.window.messages:
        if message.author is None or not (message.media_path or message.media_type):
            continue
        if message.media_type == "sticker":
            continue
        name = f" {escape(message.media_path)}" if message.media_path else ""
        caption = body(message) if message.media_path else ""
        shown = reading.language.isolated(escape(clip(caption, _CAPTION)))
        said = f": {shown}" if tokens.words(caption) else ""
        kind = reading.language.media[message.media_type or "file"]
        items.append(f"- {kind}{name} ({credit(reading, message)}){said}")
    return _capped(items, reading.language)


def _capped(items: list[str], language: Language) -> list[str]:
    left = len(items) - _LISTED
    return items[:_LISTED] + ([f"- {language.say('more', n=left)}"] if left > 0 else [])


def _people(reading: Reading) -> str:
    language = reading.language
    shown = list(reading.activity.items())[:_PEOPLE]
    counts = [f"{language.isolated(escape(who))} ({n})" for who, n in shown]
    more = len(reading.activity) - len(counts)
    listed = language.sentences["comma"].join(counts)
    return f"{listed} {language.say('more', n=more)}" if more else listed
