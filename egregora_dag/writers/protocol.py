"""What goes into a writer and what comes out of it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from egregora_dag.exceptions import EgregoraError

Fact: TypeAlias = str | int | float | None


@dataclass(frozen=True)
class Message:
    """A message as a writer sees it.

    Attributes:
        message_id: Its id.
        time: When it was sent, in the chat's time zone.
        author: Who wrote it; None for a system line.
        content: Its text.
        kind: One of `schemas.KINDS`.
        media_path: Name of the file that came with it.
        media_type: One of `schemas.MEDIA_TYPES`.
        reply_to: Id of the message that it answers, where the export says so.
        mentions: People it mentions.
        urls: Links in it.
    """

    message_id: str
    time: dt.datetime
    author: str | None
    content: str
    kind: str
    media_path: str | None
    media_type: str | None
    reply_to: str | None
    mentions: tuple[str, ...]
    urls: tuple[str, ...]


@dataclass(frozen=True)
class Window:
    """A stretch of a chat to write about.

    Attributes:
        window_id: Its id.
        thread_id: Key of the chat.
        thread_title: Name of the chat.
        index: Place among the chat's windows, from 0.
        messages: Its messages in order, system lines among them; at least one.
    """

    window_id: str
    thread_id: str
    thread_title: str
    index: int
    messages: Sequence[Message]


@dataclass(frozen=True)
class Remembered:
    """A message that others took up.

    Attributes:
        message: The message.
        replies: How many messages answer it.
        reactions: How many reactions it drew.
    """

    message: Message
    replies: int
    reactions: int


@dataclass(frozen=True)
class Person:
    """What is known of one author of a chat.

    Attributes:
        author: The author's name.
        thread_id: Key of the chat.
        thread_title: Name of the chat.
        messages: How many messages they wrote.
        thread_messages: How many everybody wrote.
        first: When they first wrote, in the chat's time zone.
        last: When they last wrote.
        days: On how many days they wrote.
        months: Messages by month, as its first day; all months from the first to the last.
        weekdays: Messages by day of the week, 7 numbers from Monday.
        hours: Messages by hour of the day, 24 numbers.
        media: How many of their messages came with a file.
        links: How many links they posted.
        replies: How many messages answer theirs.
        reactions: How many reactions theirs drew.
        answers: Whom they answer, or write right after, with how often, most frequent first.
        answers_known: Whether `answers` are answers, stated or inferred; else who wrote before.
        roles: What they do more often than the others, by names in `people.ROLES`, with how often.
        words: Words they use more than others do, strongest first.
        known_for: Those of their messages that others took up most, most first.
        quotes: Some of their own messages, oldest first.
        language: Code of the chat's language.
    """

    author: str
    thread_id: str
    thread_title: str
    messages: int
    thread_messages: int
    first: dt.datetime
    last: dt.datetime
    days: int
    months: Mapping[dt.date, int]
    weekdays: Sequence[int]
    hours: Sequence[int]
    media: int
    links: int
    replies: int
    reactions: int
    answers: Mapping[str, int]
    answers_known: bool
    roles: Mapping[str, int]
    words: Sequence[str]
    known_for: Sequence[Remembered]
    quotes: Sequence[Message]
    language: str = "en"


@dataclass(frozen=True)
class Page:
    """What a link's page says of itself.

    Attributes:
        title: Its title; empty where it has none.
        description: Its description of itself; empty where it has none.
        error: Why it could not be read, as a type without text of the page; None if it was read.
    """

    title: str = ""
    description: str = ""
    error: str | None = None


@dataclass(frozen=True)
class MediaFile:
    """What was measured of a file that came with a message.

    Attributes:
        mime: Its media type, such as `image/jpeg`.
        size: Bytes.
        digest: What changes when its content does.
        width: Pixels, as it is shown; None where it has no picture, or nothing can tell.
        height: Pixels, as it is shown.
        seconds: How long it plays; None where it does not, or nothing can tell.
    """

    mime: str
    size: int
    digest: str
    width: int | None = None
    height: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Posted:
    """A link or a file, and the messages that brought it.

    Attributes:
        subject: The link, or the file's name.
        doc_type: `enrichment` for a link, `media` for a file.
        thread_title: Name of the chat.
        messages: The first messages that hold it, in order; at least one.
        times: How many messages hold it.
        authors: Who posted it → how often, most often first.
        context: The messages around the first that holds it, itself among them, in order.
        language: Code of the chat's language.
        page: What the link's page says, where that was fetched.
        file: What was measured of the file; None for a link, and where no export holds the file.
    """

    subject: str
    doc_type: str
    thread_title: str
    messages: Sequence[Message]
    times: int
    authors: Mapping[str, int]
    context: Sequence[Message]
    language: str = "en"
    page: Page | None = None
    file: MediaFile | None = None


@dataclass(frozen=True)
class Usage:
    """What it took to write something, beside the time.

    Attributes:
        input_tokens: Tokens that a model read.
        output_tokens: Tokens that it wrote.
        requests: Requests made to it, those that failed among them.
        cost_usd: What they cost, US dollars.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    requests: int = 0
    cost_usd: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.requests + other.requests,
            self.cost_usd + other.cost_usd,
        )


class WritingError(EgregoraError):
    """Nothing could be written about a window for now; it waits for the next run.

    Attributes:
        reason: Type and place of the failure, without any text of the chat.
        usage: What was spent on it.
        final: Whether the windows after it would fail as well, so that they are left alone.
    """

    def __init__(self, reason: str, usage: Usage = Usage(), *, final: bool = False) -> None:
        super().__init__(f"Not written: {reason}. The next run tries again.")
        self.reason = reason
        self.usage = usage
        self.final = final


@dataclass(frozen=True)
class Document:
    """A document as its writer leaves it; where and under what id it is kept, the pipeline says.

    Attributes:
        doc_type: One of `schemas.DOC_TYPES`.
        title: One line of plain text.
        summary: One to three sentences of plain text.
        content: Markdown.
        authors: The people who took part, most active first.
        tags: What it is about, in single words, most telling first.
        date: The day it is about.
        subject: Whom or what it is about, when not a window.
        usage: What writing it took; of several out of one request, the first bears all of it.
        facts: What was fetched or measured for it, by name.
    """

    doc_type: str
    title: str
    summary: str
    content: str
    authors: tuple[str, ...]
    tags: tuple[str, ...]
    date: dt.date
    subject: str | None = None
    usage: Usage = Usage()
    facts: Mapping[str, Fact] = field(default_factory=dict)


class Writer(Protocol):
    """Turns a stretch of a chat into documents."""

    @property
    def name(self) -> str:
        """Name in settings and in the column `writer`."""

    @property
    def model(self) -> str | None:
        """The model it uses, if any."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same window would be written about differently."""

    @property
    def concurrency(self) -> int:
        """How many windows it may write about at a time, each in a thread of its own."""

    def write(self, window: Window) -> list[Document]:
        """The posts about a window; none when there is nothing to tell.

        Where it took something to find that there is nothing to tell, a single document of type
        journal bears what it took.

        Raises:
            WritingError: The window cannot be written about for now.
        """

    def profile(self, person: Person) -> Document:
        """The profile of a person."""

    def enrich(self, posted: Posted) -> Document:
        """What is known of a link or a file."""
