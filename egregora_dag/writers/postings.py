"""What is told of a link or a file, out of the messages that brought it."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from egregora_dag.writers.lines import body
from egregora_dag.writers.markdown import escape, plain, without_urls
from egregora_dag.writers.protocol import Message, Posted
from egregora_dag.writers.summaries import listed

_MOST: Final = 20


def title(posted: Posted) -> str:
    """A link's host and path, or a file's name.

    Args:
        posted: The link or file.

    Returns:
        One line of plain text.
    """
    if posted.doc_type == "media":
        return plain(posted.subject)
    parts = urlsplit(posted.subject)
    return plain(f"{parts.netloc.removeprefix('www.')}{parts.path.rstrip('/')}")


def summary(posted: Posted) -> str:
    """Who brought it, when, and how often it came.

    Args:
        posted: The link or file.

    Returns:
        One or two sentences of plain text.
    """
    first, times = posted.messages[0], len(posted.messages)
    what = "file" if posted.doc_type == "media" else "link"
    told = (
        f"{plain(first.author or 'The chat')} brought this {what} to {plain(posted.thread_title)} "
        f"on {first.time:%Y-%m-%d}."
    )
    others = list(dict.fromkeys(m.author for m in posted.messages[1:] if m.author))
    if times == 1:
        return told
    return f"{told} It came {times} times, {'also' if others else 'all'} by {listed(others, 4)}."


def content(posted: Posted) -> str:
    """Where it stood and what was said about it.

    Args:
        posted: The link or file.

    Returns:
        Markdown.
    """
    about = [m for m in (posted.before, posted.messages[0], posted.after) if m is not None]
    quotes = "\n\n".join(_quote(message) for message in about if _words(message))
    postings = list(_postings(posted))
    sections = (
        ("What was said", quotes),
        ("When it came", "\n".join(postings)),
    )
    shown = escape(posted.subject)
    return "\n\n".join([shown, *(f"## {name}\n\n{text}" for name, text in sections if text)]) + "\n"


def _words(message: Message) -> str:
    return without_urls(message.content).strip()


def _quote(message: Message) -> str:
    who = escape(message.author or "")
    return f"> {escape(body(message))}\n>\n> — {who}, {message.time:%Y-%m-%d %H:%M}"


def _postings(posted: Posted) -> Iterator[str]:
    for message in posted.messages[:_MOST]:
        yield f"- {message.time:%Y-%m-%d %H:%M}, {escape(message.author or 'the chat')}"
    if len(posted.messages) > _MOST:
        yield f"- and {len(posted.messages) - _MOST:,} times more"
