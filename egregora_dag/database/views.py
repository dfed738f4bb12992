"""Named views over the tables, as Ibis expressions."""

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import ibis
import ibis.expr.types as ir

from egregora_dag.database.elo import INITIAL_RATING
from egregora_dag.database.functions import tables_written, to_local

ViewBuilder: TypeAlias = Callable[[ir.Table], ir.Table]


def chunks(messages: ir.Table) -> ir.Table:
    """Messages with `chunk_idx`, their number within the thread by time, from 0.

    Args:
        messages: Rows of `messages`, or of any table with the columns needed.

    Returns:
        Its columns and chunk_idx (int64).
    """
    # What tells apart messages of one moment, as far as the table has it.
    order = [name for name in ("timestamp", "position", "message_id") if name in messages.columns]
    numbers = ibis.row_number().over(ibis.window(group_by="thread_id", order_by=order))
    return messages.mutate(chunk_idx=numbers.cast("int64"))


def chunks_optimized(messages: ir.Table) -> ir.Table:
    """The rows of `chunks`, written for speed: positions are numbered by thread already.

    Only where clocks went back, or where messages are missing, does the number by time differ from
    the position; only the messages of the threads that have such places are numbered anew.

    Args:
        messages: Rows of `messages`, or of any table with the columns needed.

    Returns:
        Its columns and chunk_idx (int64).
    """
    if "position" not in messages.columns:
        return chunks(messages)
    order = ibis.window(group_by="thread_id", order_by="position")
    stepped = messages.select(
        "thread_id",
        "position",
        off=(
            (messages.timestamp < messages.timestamp.lag().over(order))
            | (messages.position != messages.position.lag().over(order) + 1)
        ).fill_null(False),
    )
    counted = stepped.group_by("thread_id").aggregate(
        off=stepped.off.any(), first=stepped.position.min()
    )
    crooked = counted.filter(counted.off | (counted["first"] != 0)).select("thread_id")
    straight = messages.anti_join(crooked, "thread_id")
    return straight.mutate(chunk_idx=straight.position.cast("int64")).union(
        chunks(messages.semi_join(crooked, "thread_id"))
    )


def messages_with_media(messages: ir.Table) -> ir.Table:
    """Messages that came with a file.

    Args:
        messages: Rows of `messages`, or of any table with the columns needed.

    Returns:
        Those of them with a media_path or a media_type.
    """
    return messages.filter(messages.media_type.notnull() | messages.media_path.notnull())


def messages_with_text(messages: ir.Table) -> ir.Table:
    """Messages that say something in words.

    Args:
        messages: Rows of `messages`, or of any table with the columns needed.

    Returns:
        Those of them whose content is not blank.
    """
    return messages.filter(messages.content.strip() != "")


def hourly_aggregates(messages: ir.Table, threads: ir.Table | None = None) -> ir.Table:
    """Messages counted by thread and hour, of the thread's clock; in UTC without `threads`.

    Args:
        messages: Rows of `messages`, or of any table with the columns needed.
        threads: Rows of `threads`, for the time zones; all are UTC if None.

    Returns:
        thread_id, hour, message_count, unique_authors, first_message, last_message.
    """
    return _aggregates(messages, threads, "hour")


def daily_aggregates(messages: ir.Table, threads: ir.Table | None = None) -> ir.Table:
    """Messages counted by thread and day, of the thread's clock; in UTC without `threads`.

    Args:
        messages: Rows of `messages`, or of any table with the columns needed.
        threads: Rows of `threads`, for the time zones; all are UTC if None.

    Returns:
        thread_id, day, message_count, unique_authors, first_message, last_message.
    """
    return _aggregates(messages, threads, "day")


def _aggregates(
    messages: ir.Table, threads: ir.Table | None, unit: Literal["hour", "day"]
) -> ir.Table:
    """Messages counted by hour or day.

    Args:
        messages: Rows of `messages`.
        threads: Rows of `threads`, for the time zones; all are UTC if None.
        unit: What to count by; also the name of the column.

    Returns:
        thread_id, the hour or day, message_count, unique_authors, first_message, last_message.
    """
    if threads is None:
        zoned = messages.mutate(timezone=ibis.literal("UTC"))
    else:
        zoned = messages.inner_join(threads.select("thread_id", "timezone"), "thread_id")
    clock = to_local(zoned.timezone, zoned.timestamp.cast("timestamp('UTC', 6)"))
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

    Args:
        windows: Rows of `windows`.
        messages: Rows of `messages`, or of any table with the columns needed.

    Returns:
        window_id and message_id, a row for each message of each window.
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


def linked_conversations(links: ir.Table, messages: ir.Table) -> ir.Table:
    """The conversations that `reply_links` form: when, how long, and how many took part.

    Args:
        links: Rows of `reply_links`.
        messages: Rows of `messages`, or of any table with the columns needed.

    Returns:
        thread_id, conversation_id (its first message), start_time, end_time,
        first_position, last_position, message_count, author_count.
    """
    spoken = messages.select("message_id", "timestamp", "author", "position")
    joined = links.inner_join(spoken, "message_id")
    return joined.group_by("thread_id", "conversation_id").aggregate(
        start_time=joined.timestamp.min(),
        end_time=joined.timestamp.max(),
        first_position=joined.position.min(),
        last_position=joined.position.max(),
        message_count=joined.count(),
        author_count=joined.author.nunique(),
    )


def journal(generations: ir.Table, documents: ir.Table) -> ir.Table:
    """What was written about, by which writer, how long it took and what it cost.

    Args:
        generations: Rows of `generations`.
        documents: Rows of `documents`.

    Returns:
        A row for each window, person, link or file: thread_id, window_id, subject, title (of the
        window's journal entry), documents (how many were written, the entry among them), writer,
        model, seconds, requests, input_tokens, output_tokens, cost_usd, error (why it waits, if
        it does), run_id, created_at.
    """
    usage = generations.usage
    made = generations.group_by("signature", "thread_id", "window_id", "subject").aggregate(
        documents=generations.error.isnull().sum().cast("int64"),
        writer=generations.writer.max(),
        model=generations.model.max(),
        seconds=usage["seconds"].sum(),
        requests=usage["requests"].sum().cast("int64"),
        input_tokens=usage["input_tokens"].sum().cast("int64"),
        output_tokens=usage["output_tokens"].sum().cast("int64"),
        cost_usd=usage["cost_usd"].sum(),
        error=generations.error.max(),
        run_id=generations.run_id.max(),
        created_at=generations.created_at.max(),
    )
    entries = documents.filter(documents.doc_type == "journal").select("signature", "title")
    told = made.left_join(entries, "signature")
    columns = [name for name in made.columns if name != "signature"]
    return told.select(*columns[:3], "title", *columns[3:])


def top_posts(documents: ir.Table, ratings: ir.Table, strengths: ir.Table) -> ir.Table:
    """Published posts, those first of which it is surest that they are good.

    They stand by the lower end of the interval that their strength lies in; posts never compared
    come last.

    Args:
        documents: Rows of `documents`.
        ratings: Rows of `elo_ratings`.
        strengths: Rows of `bradley_terry`.

    Returns:
        document_id, thread_id, title, summary, slug, date, rating (Elo; 1500 without one),
        comparisons, wins, losses, ties, strength, lower, upper (null without comparisons).
    """
    posts = documents.filter((documents.doc_type == "post") & (documents.status == "published"))
    posts = posts.mutate(post_id=posts.document_id.cast("string"))
    rated = posts.left_join(ratings, "post_id").drop("post_id_right")
    told = strengths.select("post_id", "strength", "lower", "upper")
    placed = rated.left_join(told, "post_id")
    return placed.select(
        "document_id",
        "thread_id",
        "title",
        "summary",
        "slug",
        "date",
        rating=placed.rating.fill_null(INITIAL_RATING),
        comparisons=placed.comparisons.fill_null(0),
        wins=placed.wins.fill_null(0),
        losses=placed.losses.fill_null(0),
        ties=placed.ties.fill_null(0),
        strength=placed.strength,
        lower=placed.lower,
        upper=placed.upper,
    ).order_by(ibis.desc("lower", nulls_first=False), ibis.desc("rating"), "document_id")


def run_history(runs: ir.Table) -> ir.Table:
    """Runs by job and day, UTC: how many, how many failed, and how long they took.

    Args:
        runs: Rows of `runs`.

    Returns:
        job_name, day, runs, failures, median_seconds, p95_seconds (of those that have ended).
    """
    dated = runs.mutate(day=runs.created_at.date())
    return dated.group_by("job_name", "day").aggregate(
        runs=dated.count(),
        failures=(dated.status == "failed").sum().cast("int64"),
        median_seconds=dated.duration_seconds.quantile(0.5),
        p95_seconds=dated.duration_seconds.quantile(0.95),
    )


def asset_freshness(tasks: ir.Table) -> ir.Table:
    """When each table was last written with success, by thread where it is by thread.

    Args:
        tasks: Rows of `tasks`.

    Returns:
        asset, thread_id (null for a table of all threads), last_success, run_id (the run of it).
    """
    done = tasks.filter((tasks.status == "completed") & tasks.result.notnull())
    written = done.select("run_id", "ended_at", written=tables_written(done.result).unnest())
    # A table of all threads names no partition; its one thread is null.
    partitions = written.written["partitions"]
    spread = written.select(
        "run_id",
        "ended_at",
        asset=written.written["table"],
        thread_id=ibis.ifelse(
            partitions.length() > 0, partitions, ibis.array([ibis.null("string")])
        ).unnest(),
    )
    return spread.group_by("asset", "thread_id").aggregate(
        last_success=spread.ended_at.max(), run_id=spread.run_id.argmax(spread.ended_at)
    )


def document_lineage(
    documents: ir.Table, generations: ir.Table, runs: ir.Table, tasks: ir.Table
) -> ir.Table:
    """Which run, and which step of it, wrote each document, about which window.

    Args:
        documents: Rows of `documents`.
        generations: Rows of `generations`.
        runs: Rows of `runs`.
        tasks: Rows of `tasks`.

    Returns:
        document_id, doc_type, thread_id, window_id, status, writer, generated_at, run_id, job_name,
        run_status, task_id, step_key, task_status; those of runs that are gone are null.
    """
    made = generations.group_by("signature").aggregate(
        run_id=generations.run_id.max(), generated_at=generations.created_at.max()
    )
    steps = tasks.filter(tasks.asset == "documents")
    last = steps.group_by("run_id").aggregate(
        **{
            name: steps[column].argmax(steps.attempt)
            for name, column in (
                ("task_id", "task_id"),
                ("step_key", "step_key"),
                ("task_status", "status"),
            )
        }
    )
    told = runs.select(
        "run_id", "job_name", key=runs.run_id.cast("string"), run_status="status"
    ).left_join(last, "run_id")
    told = told.drop("run_id_right") if "run_id_right" in told.columns else told
    written = documents.left_join(made, "signature")
    return written.left_join(told, written.run_id == told.key).select(
        "document_id",
        "doc_type",
        "thread_id",
        "window_id",
        "status",
        "writer",
        "generated_at",
        run_id=told.run_id,
        job_name=told.job_name,
        run_status=told.run_status,
        task_id=told.task_id,
        step_key=told.step_key,
        task_status=told.task_status,
    )


COMMON_VIEWS: Final[dict[str, ViewBuilder]] = {
    "chunks": chunks,
    "chunks_optimized": chunks_optimized,
    "messages_with_media": messages_with_media,
    "messages_with_text": messages_with_text,
    "hourly_aggregates": hourly_aggregates,
    "daily_aggregates": daily_aggregates,
}


def get_view_builder(name: str) -> ViewBuilder:
    """The builder of a view, which takes any table with the columns of messages it needs.

    Args:
        name: One of `list_common_views()`.

    Returns:
        A function from a table's expression to the view's.

    Raises:
        KeyError: There is no such view; the message names those there are.
    """
    if name not in COMMON_VIEWS:
        raise KeyError(f"There is no view {name!r}. Use one of {', '.join(list_common_views())}.")
    return COMMON_VIEWS[name]


def list_common_views() -> list[str]:
    """Names of the views that have a builder over one table, sorted.

    Returns:
        The keys of `COMMON_VIEWS`.
    """
    return sorted(COMMON_VIEWS)
