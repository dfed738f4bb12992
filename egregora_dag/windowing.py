"""Messages → windows: the stretches of a chat that are read, and written about, as one.

Every unit but `bytes` is one Ibis expression over all chats at once. `bytes` finds its boundaries
with prefix sums and one binary search per window; from there on it is the same expression.
"""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from egregora_dag.database.functions import from_local, size_in_bytes, to_local
from egregora_dag.database.identifiers import id_column
from egregora_dag.database.schemas import ALIGNMENTS, STEP_UNITS, WINDOW_CONFIG, WINDOWS
from egregora_dag.exceptions import EgregoraError

StepUnit = Literal["messages", "hours", "days", "bytes", "session"]
Alignment = Literal["calendar", "first"]

HOUR = 3_600_000_000  # microseconds
DAY = 24 * HOUR
SESSION_LIMIT = 24.0
# A Monday, midnight; boundaries on the calendar are counted from here, so that a longer history
# moves none of them.
_ORIGIN = ibis.timestamp("2001-01-01 00:00:00")


@dataclass(frozen=True)
class WindowConfig:
    """How a chat is cut into windows.

    Attributes:
        step_size: Messages, hours or days of a step, by `step_unit`; unused by the others.
        step_unit: `messages`, `hours`, `days`, `bytes` or `session` (until a long silence).
        overlap_ratio: Share of a step that the next window repeats, clamped to 0…0.5.
        align: Whether hours and days are counted on the `calendar` or from the `first` message.
        max_window_time: Hours that a window may last; None: 24 for sessions, else no limit.
        max_bytes_per_window: Bytes of text (UTF-8) in a window of unit `bytes`.
        session_gap: Hours of silence that end a session.
    """

    step_size: int = 1
    step_unit: StepUnit = "session"
    overlap_ratio: float = 0.0
    align: Alignment = "calendar"
    max_window_time: float | None = None
    max_bytes_per_window: int = 32_000
    session_gap: float = 6.0

    def __post_init__(self) -> None:
        """Refuse settings that make no windows.

        Raises:
            EgregoraError: A number is not positive, or a name is not one of the known.
        """
        for name in ("step_size", "max_window_time", "max_bytes_per_window", "session_gap"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise EgregoraError(f"{name} is {value}; it must be above 0.")
        for name, known in (("step_unit", STEP_UNITS), ("align", ALIGNMENTS)):
            value = getattr(self, name)
            if value not in known:
                raise EgregoraError(f"{name} is {value!r}; it must be one of {', '.join(known)}.")

    @property
    def overlap(self) -> float:
        """The overlap ratio, clamped."""
        return min(max(self.overlap_ratio, 0.0), 0.5)


def windows_of(messages: ir.Table, threads: ir.Table, config: WindowConfig) -> ir.Table:
    """The windows of chats, for every unit but `bytes`.

    Args:
        messages: Rows of `messages`.
        threads: Rows of `threads`, for the time zones of the calendar.
        config: How to cut.

    Returns:
        An expression with the columns of `windows`.
    """
    members = {
        "messages": _by_count,
        "hours": _by_time,
        "days": _by_time,
        "session": _by_session,
    }[config.step_unit]
    return _summary(members(_columns(messages), threads, config), config)


def windows_of_bytes(messages: ir.Table, sizes: pa.Table, config: WindowConfig) -> ir.Table:
    """The windows of chats by size.

    Args:
        messages: Rows of `messages`.
        sizes: The same messages' thread_id, position, timestamp and size (bytes), by thread and
            position.
        config: How to cut.

    Returns:
        An expression with the columns of `windows`.
    """
    bounds = ibis.memtable(byte_bounds(sizes, config))
    spread = bounds.mutate(
        position=ibis.range(bounds.first_position, bounds.last_position + 1).unnest()
    )
    members = _columns(messages).inner_join(
        spread.select("thread_id", "position", "ordinal"), ["thread_id", "position"]
    )
    return _summary(members, config)


def message_sizes(messages: ir.Table) -> ir.Table:
    """What `windows_of_bytes` must know of each message, in order."""
    return messages.select(
        "thread_id", "position", "timestamp", size=size_in_bytes(messages.content)
    ).order_by("thread_id", "position")


def byte_bounds(sizes: pa.Table, config: WindowConfig) -> pa.Table:
    """First and last position of each window of at most `max_bytes_per_window` bytes.

    Messages are packed greedily until the next would pass the limit, though one may pass it alone;
    those that share a timestamp stay together. The next window starts so that about the overlap
    ratio's share of the bytes repeats, and always moves forward.

    Args:
        sizes: thread_id, position, timestamp and size (bytes), by thread and position.
        config: The limit and the overlap.

    Returns:
        thread_id, ordinal, first_position, last_position.
    """
    threads = sizes["thread_id"].combine_chunks().dictionary_encode()
    codes = threads.indices.to_numpy()
    positions, size = sizes["position"].to_numpy(), sizes["size"].to_numpy()
    times = sizes["timestamp"].cast(pa.int64()).to_numpy()
    starts = np.flatnonzero(np.diff(codes, prepend=-1)).tolist()
    rows: list[tuple[str, int, int, int]] = []
    for start, end in pairwise([*starts, len(codes)]):
        key = threads.dictionary[int(codes[start])].as_py()
        cuts = _pack(size[start:end], times[start:end], config)
        rows += [
            (key, ordinal, int(positions[start + first]), int(positions[start + last - 1]))
            for ordinal, (first, last) in enumerate(cuts)
        ]
    names = ("thread_id", "ordinal", "first_position", "last_position")
    types = (pa.string(), pa.int64(), pa.int64(), pa.int64())
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return pa.table(
        {
            name: pa.array(values, type_)
            for name, values, type_ in zip(names, columns, types, strict=True)
        }
    )


def _pack(size: np.ndarray, times: np.ndarray, config: WindowConfig) -> list[tuple[int, int]]:
    """Half-open ranges of one chat's messages."""
    # Messages of one instant are one block; `edges` are where blocks begin.
    edges = np.flatnonzero(np.r_[True, times[1:] != times[:-1], True])
    total = np.r_[0, np.cumsum(size)][edges]
    last_block = len(edges) - 1
    windows, first = [], 0
    while first < last_block:
        limit = total[first] + config.max_bytes_per_window
        end = max(int(np.searchsorted(total, limit, "right")) - 1, first + 1)
        windows.append((int(edges[first]), int(edges[end])))
        if end >= last_block:
            break
        repeated = total[end] - config.overlap * (total[end] - total[first])
        # What repeats must leave room for something new. Messages without a text add no bytes: of
        # the places with as many, the last repeats the fewest messages.
        least = max(repeated, total[end + 1] - config.max_bytes_per_window)
        place = min(int(np.searchsorted(total, least, "left")), end)
        place = int(np.searchsorted(total, total[place], "right")) - 1
        first = max(min(place, end), first + 1)
    return windows


def _columns(messages: ir.Table) -> ir.Table:
    return messages.select(
        "thread_id",
        "message_id",
        "position",
        "timestamp",
        "author",
        size=size_in_bytes(messages.content),
    )


def _by_count(messages: ir.Table, _: ir.Table, config: WindowConfig) -> ir.Table:
    """Window i holds the positions from i·s up to (but not with) i·s + s + ⌊s·r⌋."""
    step = ibis.literal(config.step_size)
    counted = messages.mutate(ordinal=messages.position // step)
    reach = int(config.step_size * config.overlap)
    repeated = counted.filter((counted.ordinal > 0) & (counted.position % step < reach))
    return counted.union(repeated.mutate(ordinal=repeated.ordinal - 1))


def _step_length(config: WindowConfig) -> int:
    """Microseconds between the starts of two windows of hours or days.

    If the step with its overlap passes `max_window_time`, it shrinks to whole days, or below a day
    to whole hours, at least one.
    """
    unit = DAY if config.step_unit == "days" else HOUR
    step = config.step_size * unit
    if config.max_window_time is None or step <= config.max_window_time * HOUR:
        return step
    most = int(config.max_window_time * HOUR / (1 + config.overlap))
    whole = DAY if most >= DAY else HOUR
    return max(most // whole * whole, HOUR)


def _by_time(messages: ir.Table, threads: ir.Table, config: WindowConfig) -> ir.Table:
    """Window i holds the times from t0 + i·Δ up to (but not with) t0 + i·Δ + Δ(1 + r).

    Times are those of the chat's clock, so that days begin at midnight all year; windows without
    a message in their own step are dropped.
    """
    step = _step_length(config)
    extra = int(step * config.overlap)
    zoned = messages.inner_join(threads.select("thread_id", "timezone"), "thread_id")
    local = zoned.mutate(clock=to_local(zoned.timezone, zoned.timestamp))
    first = local.clock.min().over(ibis.window(group_by=local.thread_id))
    placed = local.mutate(origin=_ORIGIN if config.align == "calendar" else first)
    placed = placed.mutate(elapsed=placed.clock.delta(placed.origin, unit="us"))
    own = placed.mutate(ordinal=placed.elapsed // step)
    members = own
    if extra:
        repeated = own.filter(own.elapsed - own.ordinal * step < extra)
        kept = own.select("thread_id", "ordinal").distinct()
        members = own.union(
            repeated.mutate(ordinal=repeated.ordinal - 1).semi_join(kept, ["thread_id", "ordinal"])
        )
    start = members.origin + (members.ordinal * step).as_interval("us")
    end = start + ibis.interval(microseconds=step + extra)
    return members.mutate(
        start_time=from_local(members.timezone, start), end_time=from_local(members.timezone, end)
    )


def _by_session(messages: ir.Table, _: ir.Table, config: WindowConfig) -> ir.Table:
    """A window ends at a silence longer than `session_gap`; one that lasts too long is split.

    It is split at its longest silence, and its parts again, until each lasts at most
    `max_window_time`.
    """
    gap = int(config.session_gap * HOUR)
    limit = int((config.max_window_time or SESSION_LIMIT) * HOUR)
    chat = ibis.window(group_by="thread_id", order_by="position")
    # A chat is put into order as a whole, several times: of narrow rows, millions fit in memory.
    # A clock that was set back counts as standing still.
    clocked = messages.select(
        "thread_id",
        "position",
        "message_id",
        clock=messages.timestamp.max().over(
            ibis.cumulative_window(group_by="thread_id", order_by="position")
        ),
    )
    paused = clocked.mutate(before=clocked.clock.lag().over(chat))
    paused = paused.mutate(silence=paused.clock.delta(paused.before, unit="us"))
    begun = paused.mutate(begins=paused.silence.isnull() | (paused.silence > gap))
    cuts = _long_session_cuts(begun.mutate(session=_numbered(begun.begins)), gap, limit)
    places = ["thread_id", "position"]
    split = begun.select(*places, "begins").left_join(cuts, places)
    split = split.select(*places, ordinal=_numbered(split.begins | split.cut.fill_null(False)))
    return messages.inner_join(split, places)


def _numbered(begins: ir.BooleanValue) -> ir.IntegerValue:
    """Numbers the stretches that begin where this is true."""
    window = ibis.cumulative_window(group_by="thread_id", order_by="position")
    return begins.cast("int64").sum().over(window)


def _long_session_cuts(rows: ir.Table, gap: int, limit: int) -> ir.Table:
    """Where splitting a session at its longest silence, again and again, cuts it.

    A silence becomes a cut exactly if the stretch around it in which no silence is longer lasts
    more than the limit; so the splits need no recursion. Only silences that are the longest of
    half a limit before or after them can have such a stretch, and its ends, if they matter, lie
    within a limit and a gap.

    Args:
        rows: Messages with session, clock, before (the clock of the message before), silence and
            begins.
        gap: The longest silence within a session, microseconds.
        limit: How long a window may last, microseconds.

    Returns:
        thread_id, position and `cut`, always true.
    """
    session = ["thread_id", "session"]
    whole = ibis.window(group_by=session)
    spans = rows.mutate(last=rows.clock.max().over(whole), first=rows.clock.min().over(whole))
    long = spans.filter(spans.last.delta(spans.first, unit="us") > limit)
    # A rank makes equal silences comparable; where a session begins, nothing is longer.
    by_silence = ibis.window(group_by="thread_id", order_by=["begins", "silence", "message_id"])
    ranked = long.mutate(
        rank=ibis.row_number().over(by_silence),
        bucket=long.clock.epoch_seconds() // ((limit + gap) // 1_000_000 + 1),
    )
    half = ibis.interval(microseconds=limit // 2)
    nothing = ibis.interval(microseconds=0)
    around = {"group_by": session, "order_by": "clock"}
    earlier = ibis.range_window(preceding=half, following=nothing, **around)
    later = ibis.range_window(preceding=nothing, following=half, **around)
    candidates = ranked.filter(
        ~ranked.begins
        & (
            (ranked.rank == ranked.rank.max().over(earlier))
            | (ranked.rank == ranked.rank.max().over(later))
        )
    )
    near = candidates.mutate(
        bucket=ibis.array([candidates.bucket + step for step in (-1, 0, 1)]).unnest()
    )
    longer = ranked.select(*session, "bucket", "position", "clock", "before", "rank")
    pairs = near.left_join(
        longer,
        [
            *(near[name] == longer[name] for name in (*session, "bucket")),
            longer.rank > near.rank,
        ],
        rname="other_{name}",
    )
    stretches = pairs.group_by("thread_id", "position", "last").aggregate(
        start=pairs.other_clock.max(where=pairs.other_position < pairs.position),
        end=pairs.other_before.min(where=pairs.other_position > pairs.position),
    )
    lasts = ibis.coalesce(stretches.end, stretches.last).delta(stretches.start, unit="us")
    return stretches.filter(stretches.start.isnull() | (lasts > limit)).select(
        "thread_id", "position", cut=ibis.literal(True)
    )


def _summary(members: ir.Table, config: WindowConfig) -> ir.Table:
    """One row a window, from its messages; `members` names each message's window in `ordinal`."""
    bounded = "start_time" in members.columns
    windows = members.group_by("thread_id", "ordinal").aggregate(
        start_time=(members.start_time if bounded else members.timestamp).min(),
        end_time=(members.end_time if bounded else members.timestamp).max(),
        first_position=members.position.min(),
        last_position=members.position.max(),
        message_count=members.count(),
        author_count=members.author.nunique(),
        size_bytes=members["size"].sum(),
        # DuckDB runs out of memory where it concatenates in order in many groups at once.
        members=ibis.struct({"position": members.position, "id": members.message_id}).collect(),
    )
    ids = windows.members.sort().map(lambda member: member.id.cast("string"))
    windows = windows.mutate(signature=ids.join("").hexdigest("sha256"))
    order = ibis.window(group_by="thread_id", order_by="ordinal")
    return windows.mutate(
        window_id=id_column("window", windows.thread_id, windows.signature),
        window_index=ibis.row_number().over(order),
        config=ibis.struct(asdict(config), type=WINDOW_CONFIG),
    ).select(*WINDOWS.columns)
