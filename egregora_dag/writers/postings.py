"""What is told of a link or a file, out of the messages that brought it."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from egregora_dag.writers import tokens
from egregora_dag.writers.languages import Language, wording
from egregora_dag.writers.lines import body
from egregora_dag.writers.markdown import escape, plain, without_urls
from egregora_dag.writers.phrases import clip
from egregora_dag.writers.protocol import MediaFile, Message, Page, Posted

_QUOTED: Final = 600
_NAMED: Final = 4
_UNITS: Final = ("B", "kB", "MB", "GB")


def title(posted: Posted) -> str:
    """What a link's page calls itself, or the link's host and path; a file's name.

    Args:
        posted: The link or file.

    Returns:
        One line of plain text.
    """
    if posted.page and posted.page.title:
        return plain(posted.page.title)
    if posted.doc_type == "media":
        return plain(posted.subject)
    try:
        parts = urlsplit(posted.subject)
    except ValueError:  # Such as a bracket that is not closed.
        return plain(posted.subject)
    return plain(f"{parts.netloc.removeprefix('www.')}{parts.path.rstrip('/')}") or "…"


def summary(posted: Posted) -> str:
    """Who brought it, when, and how often it came.

    Args:
        posted: The link or file.

    Returns:
        One to three sentences of plain text.
    """
    language, first = wording(posted.language), posted.messages[0]
    told = [
        language.say(
            "posted_first",
            who=language.isolated(plain(first.author or "…")),
            chat=language.isolated(plain(posted.thread_title)),
            date=f"{first.time:%Y-%m-%d}",
        )
    ]
    if posted.times > 1:
        people = language.listed([plain(who) for who in posted.authors], _NAMED)
        told.append(language.say("posted_times", n=f"{posted.times:,}", people=people))
    if posted.page and posted.page.description:
        told.append(language.quoted(plain(posted.page.description)))
    return (" " if language.spaced else "").join(told)


def content(posted: Posted) -> str:
    """What it is, what was said about it, and when it came.

    Args:
        posted: The link or file.

    Returns:
        Markdown.
    """
    language = wording(posted.language)
    about = [message for message in posted.context if _is_told(message, posted)]
    sections = (
        ("h_page", _page(posted.page) if posted.page else ""),
        ("h_file", _file(language, posted.file) if posted.doc_type == "media" else ""),
        ("h_said", "\n\n".join(_quote(language, message) for message in about)),
        ("h_came", "\n".join(_postings(language, posted))),
    )
    told = [f"## {language.sentences[name]}\n\n{text}" for name, text in sections if text]
    return "\n\n".join([escape(posted.subject), *told]) + "\n"


def _is_told(message: Message, posted: Posted) -> bool:
    """Whether a message says something about it: in words, by somebody."""
    said = without_urls(body(message)).replace(posted.subject, "")
    return message.author is not None and bool(tokens.words(said))


def _page(page: Page) -> str:
    shown = [f"**{escape(page.title)}**"] if page.title else []
    return "\n\n".join(shown + ([f"> {escape(page.description)}"] if page.description else []))


def _file(language: Language, file: MediaFile | None) -> str:
    if file is None:
        return language.sentences["not_in_export"]
    facts = {"type": escape(file.mime), "size": size_told(file.size)}
    if file.width and file.height:
        facts["dimensions"] = f"{file.width} × {file.height}"
    if file.seconds is not None:
        facts["duration"] = length_told(file.seconds)
    return "\n".join(f"- {language.sentences[name]}: {fact}" for name, fact in facts.items())


def size_told(size: int) -> str:
    """A size as people read it.

    Args:
        size: Bytes.

    Returns:
        Such as `512 B` or `1.4 MB`, in powers of 1,000.
    """
    shown, unit = float(size), 0
    while shown >= 1000 and unit < len(_UNITS) - 1:
        shown, unit = shown / 1000, unit + 1
    return f"{shown:.{1 if unit and shown < 100 else 0}f} {_UNITS[unit]}"


def length_told(seconds: float) -> str:
    """How long something plays, as players show it.

    Args:
        seconds: Its length.

    Returns:
        Such as `0:07` or `1:02:30`.
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _quote(language: Language, message: Message) -> str:
    who = language.isolated(escape(message.author or ""))
    said = escape(clip(body(message), _QUOTED))
    return f"> {said}\n>\n> — {who}, {message.time:%Y-%m-%d %H:%M}"


def _postings(language: Language, posted: Posted) -> Iterator[str]:
    for message in posted.messages:
        who = language.isolated(escape(message.author or posted.thread_title))
        yield f"- {message.time:%Y-%m-%d %H:%M}, {who}"
    if posted.times > len(posted.messages):
        yield f"- {language.say('more', n=posted.times - len(posted.messages))}"
