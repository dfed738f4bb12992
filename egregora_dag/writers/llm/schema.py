"""The shape of what a language model answers; messages are named by number alone."""

from collections.abc import Collection, Iterator

from pydantic import BaseModel


class Point(BaseModel):
    """Something a message decides or asks."""

    text: str
    message: int


class Section(BaseModel):
    """A part of a post."""

    heading: str
    text: str
    quotes: list[int]


class Post(BaseModel):
    """A post about a stretch of a chat."""

    title: str
    summary: str
    sections: list[Section]
    decisions: list[Point]
    questions: list[Point]
    tags: list[str]

    @property
    def numbers(self) -> Iterator[int]:
        """Numbers of the messages it names."""
        for section in self.sections:
            yield from section.quotes
        for point in (*self.decisions, *self.questions):
            yield point.message


class Told(BaseModel):
    """A post, or null where there is nothing to tell."""

    post: Post | None


def check(told: Told, numbers: Collection[int]) -> None:
    """See whether an answer can be used.

    Args:
        told: The answer.
        numbers: The messages that it may name.

    Raises:
        ValueError: It has no title, tells nothing, or names a message that it was not given.
    """
    if told.post is None:
        return
    if not (told.post.title.strip() and told.post.summary.strip() and told.post.sections):
        raise ValueError("title, summary and sections must not be empty.")
    unknown = sorted(set(told.post.numbers).difference(numbers))
    if unknown:
        raise ValueError(f"There are no messages with these numbers: {unknown[:10]}.")
