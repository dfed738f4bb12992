"""Named views over the tables, as Ibis expressions."""

from typing import Literal

import ibis
import ibis.expr.types as ir

from egregora_dag.database.functions import to_local

UNRATED = 1500.0


def chunks(messages: ir.Table) -> ir.Table:
    """Messages with `chunk_idx`, their number within the thread by time, from 0."""
    order = ibis.window(group_by="thread_id", order_by=["timestamp", "position"])
    return messages.mutate(chunk_idx=ibis.row_number().over(order))


def chunks_optimized(messages: ir.Table) -> ir.Table:
    """The rows of `chunks`, written for speed: positions are numbered by thread already.

    Only where clocks went back does the order by time differ from the one by position; so the
    number is the position, corrected in the threads that have such messages.
    """
    order = ibis.window(group_by="thread_id", order_by="position")
    stepped = messages.select("thread_id", "timestamp", before=messages.timestamp.lag().over(order))
    crooked = stepped.filter(stepped.timestamp < stepped.before).select("thread_id").distinct()
    straight = messages.anti_join(crooked, "thread_id")
    return straight.mutate(chunk_idx=straight.position).union(
        chunks(messages.semi_join(crooked, "thread_id"))
    )


def messages_with_media(messages: ir.Table) -> ir.Table:
    """Messages that came with a file."""
    return messages.filter(messages.media_type.notnull() | messages.media_path.notnull())


def messages_with_text(messages: ir.Table) -> ir.Table:
    """Messages that say something in words."""
    return messages.filter(messages.content.strip() != "")


def aggregates(messages: ir.Table, threads: ir.Table, unit: Literal["hour", "day"]) -> ir.Table:
    """Messages counted by hour or day of the thread's clock.

    Args:
        messages: Rows of `messages`.
        threads: Rows of `threads`, for the time zones.
        unit: What to count by; also the name of the column.

    Returns:
        thread_id, the hour or day, message_count, unique_authors, first_message, last_message.
    """
    zoned = messages.inner_join(threads.select("thread_id", "timezone"), "thread_id")
    clock = to_local(zoned.timezone, zoned.timestamp)
    start = clock.truncate("h") if unit == "hour" else clock.date()
    counted = zoned.mutate(start=start)
    return (
        counted.group_by("thread_id", "start")
        .aggregate(
            message_count=counted.count(),
            unique_authors=counted.author.nunique(),
            first_message=counted.timestamp.min(),
            last_message=counted.timestamp.max(),
        )
        .rename({unit: "start"})
    )


def window_messages(windows: ir.Table, messages: ir.Table) -> ir.Table:
    """Which messages each window holds: window_id, message_id.

    A window of hours or days is bounded in time, any other by position.
    """
    spread = windows.select(
        "window_id",
        "thread_id",
        "start_time",
        "end_time",
        timed=windows.config["step_unit"].isin(["hours", "days"]),
        position=ibis.range(windows.first_position, windows.last_position + 1).unnest(),
    )
    pairs = spread.inner_join(messages, ["thread_id", "position"])
    inside = (pairs.timestamp >= pairs.start_time) & (pairs.timestamp < pairs.end_time)
    return pairs.filter(~pairs.timed | inside).select("window_id", "message_id")


def top_posts(documents: ir.Table, ratings: ir.Table) -> ir.Table:
    """Published posts with their ratings, the best first; unrated ones count as 1500."""
    posts = documents.filter((documents.doc_type == "post") & (documents.status == "published"))
    posts = posts.mutate(post_id=posts.document_id.cast("string"))
    rated = posts.left_join(ratings, "post_id")
    return rated.select(
        "document_id",
        "thread_id",
        "title",
        "summary",
        "slug",
        "date",
        rating=rated.rating.fill_null(UNRATED),
        comparisons=rated.comparisons.fill_null(0),
        wins=rated.wins.fill_null(0),
        losses=rated.losses.fill_null(0),
        ties=rated.ties.fill_null(0),
    ).order_by(ibis.desc("rating"), "document_id")
