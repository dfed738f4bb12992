"""A model's post as a document: its words as plain text, the chat's words from the chat.

Quotes, names and times are put in from the messages that the model named by number. What the model
wrote itself is escaped, and links in it are taken out, as a chat may have talked it into them.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from egregora_dag.writers import tokens
from egregora_dag.writers.lines import body
from egregora_dag.writers.llm.schema import Point, Post
from egregora_dag.writers.markdown import escape, plain, without_urls
from egregora_dag.writers.phrases import clip
from egregora_dag.writers.protocol import Document, Message
from egregora_dag.writers.reading import Reading
from egregora_dag.writers.sections import appendix, blockquote, credit, section

_TITLE: Final = 120
_SUMMARY: Final = 800
_PARAGRAPH: Final = 3_000
_POINT: Final = 600
_LISTED: Final = 10
_TAGS: Final = 5
_PARAGRAPHS: Final = re.compile(r"\n\s*\n")


def document(post: Post, reading: Reading, messages: Mapping[int, Message]) -> Document:
    """The document of a post.

    Args:
        post: What the model wrote; it names no message but these.
        reading: The window it is about, read.
        messages: The window's messages by number.

    Returns:
        The document, without what it took.
    """
    words = dict.fromkeys(word.lower() for tag in post.tags for word in tokens.words(tag)[:1])
    return Document(
        doc_type="post",
        title=plain(clip(_own(post.title), _TITLE)),
        summary=plain(clip(_own(post.summary), _SUMMARY)),
        content=_content(post, reading, messages),
        authors=tuple(reading.activity),
        tags=tuple(words)[:_TAGS],
        date=reading.window.messages[0].time.date(),
    )


def _content(post: Post, reading: Reading, messages: Mapping[int, Message]) -> str:
    def points(listed: Sequence[Point]) -> list[str]:
        return [
            f"- {escape(clip(_own(point.text), _POINT))} "
            f"({credit(reading, messages[point.message])})"
            for point in listed[:_LISTED]
        ]

    told = []
    for part in post.sections[:_LISTED]:
        paragraphs = [
            escape(clip(_own(paragraph), _PARAGRAPH))
            for paragraph in _PARAGRAPHS.split(part.text)
            if paragraph.strip()
        ]
        quoted = [messages[number] for number in dict.fromkeys(part.quotes)]
        quotes = [
            blockquote(reading, text, message) for message in quoted if (text := body(message))
        ]
        heading = escape(clip(_own(part.heading), _TITLE)) or "…"
        told.append("\n\n".join([f"## {heading}", *paragraphs, *quotes[:_LISTED]]))
    parts = [
        *told,
        *section(reading, "decided", points(post.decisions)),
        *section(reading, "open_questions", points(post.questions)),
        *appendix(reading),
    ]
    return "\n\n".join(parts) + "\n"


def _own(text: str) -> str:
    """What the model wrote, on one line and without links."""
    return without_urls(" ".join(text.split()), "…")
