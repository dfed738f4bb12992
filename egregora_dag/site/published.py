"""What there is to read: the documents that stand, the chats, and how active both are."""

import datetime as dt
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import ibis.expr.types as ir

from egregora_dag.database import views
from egregora_dag.database.functions import to_local
from egregora_dag.database.schemas import (
    BRADLEY_TERRY,
    DOCUMENTS,
    ELO_RATINGS,
    MESSAGES,
    THREADS,
    THUMBNAILS,
    WINDOWS,
)
from egregora_dag.database.thumbnails import Thumbnail
from egregora_dag.resources import Warehouse

# Documents in memory at a time.
_BLOCK: Final = 500
_RATINGS: Final = ("rating", "strength", "lower", "upper", "comparisons")
_PICTURE: Final = tuple(Thumbnail.__dataclass_fields__)


@dataclass(frozen=True)
class Published:
    """A document as its readers get it.

    Attributes:
        document_id: Its id.
        doc_type: One of `schemas.DOC_TYPES`.
        thread_id: Key of the chat.
        thread_title: Name of the chat; empty where it is about none.
        subject: Whom or what it is about, when not a window.
        slug: Its name in addresses, as it is stored.
        title: One line of plain text.
        summary: Plain text.
        content: Markdown that is not to be trusted.
        authors: The people who took part.
        tags: What it is about.
        date: The day it is about.
        writer: Who wrote it.
        start: When its window begins, by the chat's clock.
        end: When its window ends, by the chat's clock.
        rating: `comparisons`, and on Elo's scale `rating`, `strength`, `lower` and `upper`; empty
            for one that was never compared.
        picture: A small picture of the file that it is about.
    """

    document_id: str
    doc_type: str
    thread_id: str
    thread_title: str
    subject: str | None
    slug: str
    title: str
    summary: str
    content: str
    authors: Sequence[str]
    tags: Sequence[str]
    date: dt.date
    writer: str
    start: dt.datetime | None
    end: dt.datetime | None
    rating: Mapping[str, float]
    picture: Thumbnail | None = None


@dataclass(frozen=True)
class Activity:
    """Messages counted by day, week or month, whichever gives bars that can be told apart.

    Attributes:
        unit: `day`, `week` or `month`.
        starts: The first day of each, without gaps.
        counts: Messages in each.
    """

    unit: str
    starts: Sequence[dt.date]
    counts: Sequence[int]


@dataclass(frozen=True)
class Chat:
    """A chat as its readers get it.

    Attributes:
        thread_id: Its key.
        title: Its name.
        messages: Messages in it, system lines among them.
        people: How many wrote in it.
        first: The day of its first message, by its clock; None for an empty chat.
        last: The day of its last message.
        days: Messages by day.
    """

    thread_id: str
    title: str
    messages: int
    people: int
    first: dt.date | None
    last: dt.date | None
    days: Mapping[dt.date, int]

    def activity(self, days: Mapping[dt.date, int] | None = None) -> Activity | None:
        """Messages by day, week or month over the whole time of the chat.

        Args:
            days: Messages by day of one person; of everybody if None.

        Returns:
            The counts, or None for an empty chat.
        """
        if self.first is None or self.last is None:
            return None
        span = (self.last - self.first).days
        unit = next(unit for unit in _UNITS if span <= unit.most)
        counts = Counter[dt.date]()
        for day, count in (self.days if days is None else days).items():
            counts[unit.start_of(day)] += count
        starts, start = [], unit.start_of(self.first)
        while start <= self.last:
            starts.append(start)
            start = unit.start_of(start + dt.timedelta(days=unit.step))
        return Activity(unit.name, starts, [counts[start] for start in starts])


class _Unit(NamedTuple):
    """What messages are counted by.

    Attributes:
        most: Days that a chat lasts at most.
        name: `day`, `week` or `month`.
        start_of: The first day of the one that a day is in.
        step: Days after which the next has begun.
    """

    most: float
    name: str
    start_of: Callable[[dt.date], dt.date]
    step: int


_UNITS: Final = (
    _Unit(60, "day", lambda day: day, 1),
    _Unit(2 * 366, "week", lambda day: day - dt.timedelta(days=day.weekday()), 7),
    _Unit(math.inf, "month", lambda day: day.replace(day=1), 31),
)


@dataclass
class Habits:
    """When one person writes in a chat.

    Attributes:
        days: Messages by day, of the chat's clock.
        hours: Messages by hour of the day, 24 numbers.
    """

    days: Counter[dt.date] = field(default_factory=Counter)
    hours: list[int] = field(default_factory=lambda: [0] * 24)


def chats(warehouse: Warehouse) -> dict[str, Chat]:
    """The chats by key.

    Args:
        warehouse: Where they are read.

    Returns:
        Each chat with its messages counted.
    """
    messages, threads = MESSAGES.table(), THREADS.table()
    daily = defaultdict[str, dict[dt.date, int]](dict)
    for row in warehouse.rows(views.daily_aggregates(messages, threads)):
        daily[row["thread_id"]][row["day"]] = row["message_count"]
    people = messages.group_by("thread_id").aggregate(people=messages.author.nunique())
    counted = {row["thread_id"]: row["people"] for row in warehouse.rows(people)}
    return {
        key: Chat(
            thread_id=key,
            title=row["title"],
            messages=sum(daily[key].values()),
            people=counted.get(key, 0),
            first=min(daily[key], default=None),
            last=max(daily[key], default=None),
            days=daily[key],
        )
        for row in warehouse.rows(threads.select("thread_id", "title").order_by("title"))
        for key in (row["thread_id"],)
    }


def habits(warehouse: Warehouse, profiles: Collection[Published]) -> dict[tuple[str, str], Habits]:
    """When the people of some profiles write.

    Args:
        warehouse: Where messages are read.
        profiles: Their profiles.

    Returns:
        Key of the chat and name → their habits.
    """
    found = defaultdict[tuple[str, str], Habits](Habits)
    if not profiles:
        return found
    messages, threads = MESSAGES.table(), THREADS.table()
    wanted = messages.filter(
        messages.author.isin([one.subject for one in profiles if one.subject])
        & messages.thread_id.isin(list({one.thread_id for one in profiles}))
    )
    zoned = wanted.inner_join(threads.select("thread_id", "timezone"), "thread_id")
    clock = to_local(zoned.timezone, zoned.timestamp)
    timed = zoned.select("thread_id", "author", day=clock.date(), hour=clock.hour())
    for row in warehouse.rows(timed.group_by(timed.columns).aggregate(n=timed.count())):
        habit = found[row["thread_id"], row["author"]]
        habit.days[row["day"]] += row["n"]
        habit.hours[row["hour"]] += row["n"]
    return found


def documents(warehouse: Warehouse, types: Collection[str]) -> Iterator[list[Published]]:
    """The documents that stand, some hundreds at a time.

    Args:
        warehouse: Where they are read.
        types: Which types of document.

    Yields:
        Documents in the order of their ids.
    """
    last = ""
    while rows := warehouse.rows(_block(types, last)):
        last = rows[-1]["document_id"]
        yield [_published(row) for row in rows]


def _standing(types: Collection[str]) -> ir.Table:
    table = DOCUMENTS.table()
    standing = table.filter((table.status == "published") & table.doc_type.isin(list(types)))
    return standing.mutate(document_id=standing.document_id.cast("string"))


def _block(types: Collection[str], last: str) -> ir.Table:
    """The next documents after an id, with their windows' times, ratings and pictures."""
    threads = THREADS.table().select("thread_id", "timezone", thread_title="title")
    documents = _standing(types)
    block = documents.filter(documents.document_id > last).order_by("document_id").limit(_BLOCK)
    titled = block.left_join(threads, "thread_id").drop("thread_id_right")
    titled = titled.mutate(thread_title=titled.thread_title.fill_null(""))
    windows = WINDOWS.table().select("window_id", "start_time", "end_time")
    timed = titled.left_join(windows, "window_id").drop("window_id_right")
    ratings = top_posts()
    rated = timed.left_join(ratings, "document_id")
    pictures = THUMBNAILS.table().select("thread_id", *_PICTURE, subject="media_path")
    rated = rated.left_join(pictures, ["thread_id", "subject"], rname="{name}_of_picture")
    return rated.select(
        *(name for name in DOCUMENTS.columns if name not in {"window_id", "model", "signature"}),
        "thread_title",
        *(name for name in ratings.columns if name != "document_id"),
        *_PICTURE,
        start=to_local(rated.timezone, rated.start_time),
        end=to_local(rated.timezone, rated.end_time),
    ).order_by("document_id")


def top_posts() -> ir.Table:
    """Ids of posts with what is known of their rating, the best first."""
    table = views.top_posts(DOCUMENTS.table(), ELO_RATINGS.table(), BRADLEY_TERRY.table())
    return table.select(*_RATINGS, document_id=table.document_id.cast("string"))


def best(warehouse: Warehouse, count: int) -> list[str]:
    """Ids of the best posts among those that were compared.

    Args:
        warehouse: Where they are read.
        count: How many, at most.

    Returns:
        Ids, the best first.
    """
    table = top_posts()
    compared = table.filter(table.comparisons > 0)
    return [row["document_id"] for row in warehouse.rows(compared.limit(count))]


def profiles(warehouse: Warehouse) -> list[tuple[str, str, str, str]]:
    """Who has a profile: key of the chat, name, id and slug of the profile."""
    table = _standing(["profile"])
    columns = ("thread_id", "subject", "document_id", "slug")
    rows = warehouse.rows(table.filter(table.subject.notnull()).select(*columns))
    return [(row["thread_id"], row["subject"], row["document_id"], row["slug"]) for row in rows]


def tag_counts(warehouse: Warehouse) -> dict[str, int]:
    """How many posts have each tag, as it is stored."""
    table = _standing(["post"])
    tags = table.select(tag=table.tags.unnest())
    counted = tags.group_by("tag").aggregate(n=tags.count())
    return {row["tag"]: row["n"] for row in warehouse.rows(counted)}


def _published(row: Mapping[str, Any]) -> Published:
    rating = {name: row[name] for name in _RATINGS if row.get(name) is not None}
    names = set(Published.__dataclass_fields__) - {"rating", "picture"}
    pictured = row["doc_type"] == "media" and row["data"] is not None
    return Published(
        **{name: row[name] for name in names},
        rating=rating if rating.get("comparisons") else {},
        picture=Thumbnail(*(row[name] for name in _PICTURE)) if pictured else None,
    )
