"""A writer that needs no network: it chooses the sentences that matter and quotes them.

How a window is read: a word weighs by how many messages and people use it and by how much it looks
like the name of something; a message weighs by its words, by the answers it drew and by whether it
asks. Quotes are then taken one by one, each for the words that the ones before it did not cover.
Ties go to the earlier message, so the same window always gives the same post.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

from egregora_dag.registry import SettingError
from egregora_dag.writers import postings, profiles
from egregora_dag.writers.choosing import moments
from egregora_dag.writers.markdown import plain
from egregora_dag.writers.protocol import Document, Person, Posted, Window
from egregora_dag.writers.reading import read
from egregora_dag.writers.sections import content
from egregora_dag.writers.summaries import title_and_summary

VERSION: Final = 5

_TAGS: Final = 5


@dataclass(frozen=True)
class OfflineWriter:
    """Writes posts and profiles out of the chat's own sentences.

    Attributes:
        min_messages: A window with fewer messages that hold words gets no post.
        max_quotes: How many messages a post's moments quote at most.

    Raises:
        SettingError: A setting is below 1.
    """

    min_messages: int = 5
    max_quotes: int = 6
    name: ClassVar[str] = "offline"
    model: ClassVar[str | None] = None
    concurrency: ClassVar[int] = 1

    def __post_init__(self) -> None:
        for setting in ("min_messages", "max_quotes"):
            value = getattr(self, setting)
            if value < 1:
                raise SettingError("writer", setting, value, "a whole number from 1")

    @property
    def fingerprint(self) -> str:
        """Version and settings, which alone decide what is written."""
        return f"offline-{VERSION}-{self.min_messages}-{self.max_quotes}"

    def write(self, window: Window) -> list[Document]:
        """The post about a window.

        Args:
            window: The window.

        Returns:
            One post; none when too few messages hold words, or none says more than a greeting.
        """
        reading = read(window, self.min_messages)
        if reading is None:
            return []
        title, summary = title_and_summary(reading)
        return [
            Document(
                doc_type="post",
                title=title,
                summary=summary,
                content=content(reading, moments(reading, self.max_quotes)),
                authors=tuple(reading.activity),
                tags=tuple(reading.words.heaviest(_TAGS)),
                date=window.messages[0].time.date(),
            )
        ]

    def profile(self, person: Person) -> Document:
        """The profile of a person.

        Args:
            person: What is known of them.

        Returns:
            Their profile, under their name.
        """
        return Document(
            doc_type="profile",
            title=plain(person.author),
            summary=profiles.summary(person),
            content=profiles.content(person),
            authors=(person.author,),
            tags=tuple(person.words[:_TAGS]),
            date=person.last.date(),
            subject=person.author,
        )

    def enrich(self, posted: Posted) -> Document:
        """What the chat says of a link or a file.

        Args:
            posted: The link or file, and the messages that brought it.

        Returns:
            An enrichment, or a media document, under its name.
        """
        return Document(
            doc_type=posted.doc_type,
            title=postings.title(posted),
            summary=postings.summary(posted),
            content=postings.content(posted),
            authors=tuple(posted.authors),
            tags=(),
            date=posted.messages[0].time.date(),
            subject=posted.subject,
        )
