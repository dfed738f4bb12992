"""Windows as the formulas say, told again in plain Python."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from math import ceil, floor
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import duckdb
import ibis
import pyarrow as pa
import pytest
from duckdb import DuckDBPyConnection
from hypothesis import given, settings
from hypothesis import strategies as st

from egregora_dag.database.contracts import differences
from egregora_dag.database.identifiers import make_id
from egregora_dag.database.schemas import MESSAGES, THREADS, WINDOWS
from egregora_dag.database.tables import backend_of
from egregora_dag.exceptions import EgregoraError
from egregora_dag.windowing import (
    WindowConfig,
    byte_bounds,
    message_sizes,
    windows_of,
    windows_of_bytes,
)

HOUR = timedelta(hours=1)
MONDAY = datetime(2001, 1, 1)
ZONES = ("UTC", "Europe/Lisbon", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")
# Days on which clocks go forward or back, in Europe, America and Australia, and one without.
DAYS = ("2025-03-29", "2025-10-25", "2025-03-08", "2025-11-01", "2025-04-05", "2025-06-14")
QUICK = settings(deadline=None, max_examples=30)


@dataclass(frozen=True)
class Said:
    """A message; its place in its chat is that in the list."""

    id: UUID
    time: datetime
    author: str | None
    content: str

    @property
    def size(self) -> int:
        return len(self.content.encode())


@dataclass(frozen=True)
class Chat:
    """A chat and its messages."""

    name: str
    zone: str
    messages: tuple[Said, ...]


Windows = dict[str, list[list[int]]]


@st.composite
def chats(draw: st.DrawFn, steps: Sequence[int], most: int = 25) -> list[Chat]:
    """Up to three chats; `steps` are the seconds between two messages."""
    result = []
    for number in range(draw(st.integers(0, 3))):
        name = f"chat-{number}"
        time = datetime.fromisoformat(draw(st.sampled_from(DAYS))).replace(tzinfo=UTC)
        step = st.tuples(
            st.sampled_from(steps),
            st.sampled_from(["Ada", "Bo", None]),
            st.sampled_from(["", "ok", "olá", "🌻" * 3, "a longer one " * 3]),
        )
        messages = []
        for place, (seconds, author, content) in enumerate(draw(st.lists(step, max_size=most))):
            time += timedelta(seconds=seconds)
            messages.append(Said(make_id(name, place), time, author, content))
        if messages:
            result.append(Chat(name, draw(st.sampled_from(ZONES)), tuple(messages)))
    return result


FORWARD = (0, 0, 60, 1800, 3599, 3600, 7200, 40_000, 90_000)
CROOKED = (*FORWARD, -300, -4000)


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def load(engine: DuckDBPyConnection, chats: Sequence[Chat]) -> None:
    rows = [
        {
            "thread_id": chat.name,
            "message_id": str(message.id),
            "position": position,
            "timestamp": message.time,
            "author": message.author,
            "content": message.content,
        }
        for chat in chats
        for position, message in enumerate(chat.messages)
    ]
    schema = pa.schema(
        {
            **dict.fromkeys(("thread_id", "message_id", "author", "content"), pa.string()),
            "position": pa.int64(),
            "timestamp": pa.timestamp("us", "UTC"),
        }
    )
    engine.register("given", pa.Table.from_pylist(rows, schema))
    engine.execute(
        "CREATE OR REPLACE TABLE messages AS "
        "SELECT * REPLACE (message_id::UUID AS message_id) FROM given ORDER BY random()"
    )
    zones = [{"thread_id": chat.name, "timezone": chat.zone} for chat in chats]
    engine.register(
        "zones",
        pa.Table.from_pylist(zones, pa.schema({"thread_id": pa.string(), "timezone": pa.string()})),
    )
    engine.execute("CREATE OR REPLACE TABLE threads AS FROM zones")


@cache
def sql_of(config: WindowConfig) -> str:
    with duckdb.connect() as connection:
        expression = windows_of(MESSAGES.table(), THREADS.table(), config)
        return str(backend_of(connection).compile(expression))


def computed(
    engine: DuckDBPyConnection, chats: Sequence[Chat], config: WindowConfig
) -> list[dict[str, Any]]:
    """Rows of `windows`, by chat and number."""
    load(engine, chats)
    if config.step_unit == "bytes":
        backend = backend_of(engine)
        sizes = engine.execute(backend.compile(message_sizes(MESSAGES.table()))).to_arrow_table()
        expression = windows_of_bytes(MESSAGES.table(), sizes, config)
        backend._run_pre_execute_hooks(expression)
        sql = str(backend.compile(expression))
    else:
        sql = sql_of(config)
    found = engine.execute(sql).to_arrow_table()
    rows: list[dict[str, Any]] = found.sort_by(
        [("thread_id", "ascending"), ("window_index", "ascending")]
    ).to_pylist()
    return rows


def check(
    engine: DuckDBPyConnection, chats: Sequence[Chat], config: WindowConfig, expected: Windows
) -> list[dict[str, Any]]:
    """Compare every column that follows from the members; `expected` holds positions."""
    rows = computed(engine, chats, config)
    by_name = {chat.name: chat for chat in chats}
    told = [
        (name, index, members)
        for name, windows in sorted(expected.items())
        for index, members in enumerate(windows)
    ]
    found = [(row["thread_id"], row["window_index"], row["first_position"]) for row in rows]
    assert found == [(name, index, members[0]) for name, index, members in told]
    for row, (name, _, members) in zip(rows, told, strict=True):
        inside = [by_name[name].messages[place] for place in members]
        signature = hashlib.sha256("".join(str(m.id) for m in inside).encode()).hexdigest()
        assert row["signature"] == signature
        assert UUID(str(row["window_id"])) == make_id("window", name, signature)
        assert row["last_position"] == members[-1]
        assert row["message_count"] == len(members)
        assert row["author_count"] == len({m.author for m in inside} - {None})
        assert row["size_bytes"] == sum(m.size for m in inside)
        assert row["config"] == asdict(config)
        if config.step_unit not in {"hours", "days"}:
            assert row["start_time"] == min(m.time for m in inside)
            assert row["end_time"] == max(m.time for m in inside)
    return rows


def ratio(config: WindowConfig) -> float:
    return max(0.0, min(0.5, config.overlap_ratio))


def by_count(chat: Chat, config: WindowConfig) -> list[list[int]]:
    n, s = len(chat.messages), config.step_size
    reach = s + floor(s * ratio(config))
    return [list(range(i * s, min(i * s + reach, n))) for i in range(ceil(n / s))]


def step_of(config: WindowConfig) -> timedelta:
    unit = timedelta(days=1) if config.step_unit == "days" else HOUR
    step = config.step_size * unit
    if config.max_window_time is None or step <= config.max_window_time * HOUR:
        return step
    hours = config.max_window_time / (1 + ratio(config))
    return max(floor(hours / 24) * 24 if hours >= 24 else floor(hours), 1) * HOUR


def by_time(chat: Chat, config: WindowConfig) -> list[tuple[datetime, datetime, list[int]]]:
    """Bounds on the chat's clock, and members."""
    clock = [m.time.astimezone(ZoneInfo(chat.zone)).replace(tzinfo=None) for m in chat.messages]
    step = step_of(config)
    origin = MONDAY if config.align == "calendar" else min(clock)
    length = step + timedelta(microseconds=int(step / timedelta(microseconds=1) * ratio(config)))
    numbers = sorted({(time - origin) // step for time in clock})
    bounds = [(origin + i * step, origin + i * step + length) for i in numbers]
    return [
        (start, end, [place for place, time in enumerate(clock) if start <= time < end])
        for start, end in bounds
    ]


def by_session(chat: Chat, config: WindowConfig) -> list[list[int]]:
    gap = config.session_gap * HOUR
    limit = (24 if config.max_window_time is None else config.max_window_time) * HOUR
    clock = [max(m.time for m in chat.messages[: n + 1]) for n in range(len(chat.messages))]

    def split(members: list[int]) -> list[list[int]]:
        if clock[members[-1]] - clock[members[0]] <= limit:
            return [members]
        longest = max(
            members[1:],
            key=lambda place: (clock[place] - clock[place - 1], chat.messages[place].id),
        )
        cut = members.index(longest)
        return [*split(members[:cut]), *split(members[cut:])]

    sessions = [[0]]
    for place in range(1, len(clock)):
        if clock[place] - clock[place - 1] > gap:
            sessions.append([])
        sessions[-1].append(place)
    return [part for session in sessions for part in split(session)]


def by_bytes(chat: Chat, config: WindowConfig) -> list[list[int]]:
    blocks: list[list[int]] = []
    for place, message in enumerate(chat.messages):
        if blocks and chat.messages[place - 1].time == message.time:
            blocks[-1].append(place)
        else:
            blocks.append([place])
    size = [sum(chat.messages[place].size for place in block) for block in blocks]
    windows, first = [], 0
    while True:
        end = first + 1
        while end < len(blocks) and sum(size[first : end + 1]) <= config.max_bytes_per_window:
            end += 1
        windows.append([place for block in blocks[first:end] for place in block])
        if end == len(blocks):
            return windows
        # As many of the last blocks again as fit the share, and the limit with the next block; but
        # not those that add no bytes.
        share, start = ratio(config) * sum(size[first:end]), end
        for candidate in range(end - 1, first, -1):
            room = config.max_bytes_per_window - size[end]
            if sum(size[candidate:end]) > min(share, room):
                break
            if size[candidate]:
                start = candidate
        first = start


@given(
    chats(CROOKED),
    st.builds(
        WindowConfig,
        step_unit=st.just("messages"),
        step_size=st.sampled_from([1, 2, 3, 7, 100]),
        overlap_ratio=st.sampled_from([-1.0, 0.0, 0.3, 0.5, 0.9]),
    ),
)
@QUICK
def test_windows_of_messages_hold_the_positions_of_the_formula(
    engine: DuckDBPyConnection, chats: list[Chat], config: WindowConfig
) -> None:
    check(engine, chats, config, {chat.name: by_count(chat, config) for chat in chats})


TIMED = st.builds(
    WindowConfig,
    step_unit=st.sampled_from(["hours", "days"]),
    step_size=st.sampled_from([1, 5, 30]),
    overlap_ratio=st.sampled_from([-0.5, 0.0, 0.25, 0.7]),
    align=st.sampled_from(["calendar", "first"]),
    max_window_time=st.sampled_from([None, 0.5, 8.0, 60.0]),
)


@given(chats((*CROOKED, 900)), TIMED)
@settings(deadline=None, max_examples=40)
def test_windows_of_hours_and_days_hold_the_times_of_the_formula_on_the_chats_clock(
    engine: DuckDBPyConnection, chats: list[Chat], config: WindowConfig
) -> None:
    expected = {chat.name: by_time(chat, config) for chat in chats}
    members = {name: [m for *_, m in windows] for name, windows in expected.items()}
    rows = check(engine, chats, config, members)
    zones = {chat.name: ZoneInfo(chat.zone) for chat in chats}
    for row in rows:
        zone = zones[row["thread_id"]]
        start, end, _ = expected[row["thread_id"]][row["window_index"]]
        for found, clock in ((row["start_time"], start), (row["end_time"], end)):
            # Where a clock shows a time twice, or skips it, either reading is right.
            either = [clock.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
            assert found in [time.astimezone(UTC) for time in either]


@given(
    chats((0, 60, 600, 1200, 1200, 3600, 3601, 7200, -60)),
    st.sampled_from([0.25, 1.0, 2.0]),
    st.sampled_from([None, 0.1, 0.5, 1.0, 3.0]),
)
@settings(deadline=None, max_examples=40)
def test_sessions_end_at_silences_and_long_ones_are_split_at_their_longest(
    engine: DuckDBPyConnection, chats: list[Chat], gap: float, limit: float | None
) -> None:
    config = WindowConfig(session_gap=gap, max_window_time=limit)
    check(engine, chats, config, {chat.name: by_session(chat, config) for chat in chats})


@given(chats((0, 60, 600, 3600, 7200), most=40), st.sampled_from([0.1, 1.0, 2.5]))
@QUICK
def test_no_session_lasts_longer_than_the_limit(
    engine: DuckDBPyConnection, chats: list[Chat], limit: float
) -> None:
    for row in computed(engine, chats, WindowConfig(max_window_time=limit)):
        assert row["end_time"] - row["start_time"] <= limit * HOUR


@given(
    chats((0, 0, 60, -60), most=30),
    st.builds(
        WindowConfig,
        step_unit=st.just("bytes"),
        overlap_ratio=st.sampled_from([-1.0, 0.0, 0.3, 0.5, 2.0]),
        max_bytes_per_window=st.sampled_from([1, 5, 20, 60, 1000]),
    ),
)
@settings(deadline=None, max_examples=40)
def test_windows_of_bytes_are_packed_greedily_and_overlap_by_the_share(
    engine: DuckDBPyConnection, chats: list[Chat], config: WindowConfig
) -> None:
    expected = {chat.name: by_bytes(chat, config) for chat in chats}
    check(engine, chats, config, expected)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), min_size=1, max_size=60),
    st.integers(1, 60),
    st.floats(-1, 1),
)
@settings(deadline=None, max_examples=200)
def test_windows_of_bytes_keep_their_promises(
    messages: list[tuple[int, int]], limit: int, overlap: float
) -> None:
    times = [sum(step for step, _ in messages[: n + 1]) for n in range(len(messages))]
    size = [size for _, size in messages]
    sizes = pa.table(
        {
            "thread_id": ["a"] * len(messages),
            "position": range(len(messages)),
            "timestamp": pa.array(times, pa.timestamp("us", "UTC")),
            "size": size,
        }
    )
    config = WindowConfig(step_unit="bytes", max_bytes_per_window=limit, overlap_ratio=overlap)
    rows = byte_bounds(sizes, config).to_pylist()
    bounds = [(row["first_position"], row["last_position"]) for row in rows]
    assert {place for first, last in bounds for place in range(first, last + 1)} == set(
        range(len(messages))
    )
    for first, last in bounds:
        assert sum(size[first : last + 1]) <= limit or times[first] == times[last]
        assert first == 0 or times[first - 1] != times[first]
        assert last == len(messages) - 1 or times[last + 1] != times[last]
    for (before, end), (first, last) in pairwise(bounds):
        assert before < first <= end + 1
        assert last > end
        assert sum(size[first : end + 1]) <= ratio(config) * sum(size[before : end + 1])
        if overlap <= 0:
            assert first == end + 1


@given(chats(FORWARD), st.data())
@settings(deadline=None, max_examples=25)
def test_a_window_keeps_its_id_when_messages_come_after_it(
    engine: DuckDBPyConnection, chats: list[Chat], data: st.DataObject
) -> None:
    config = data.draw(
        st.sampled_from(
            [
                WindowConfig(5, "messages", 0.4),
                WindowConfig(3, "hours", 0.3),
                WindowConfig(1, "days"),
                WindowConfig(session_gap=1, max_window_time=100),
                WindowConfig(step_unit="bytes", max_bytes_per_window=30, overlap_ratio=0.3),
            ]
        )
    )
    shorter = [
        replace(chat, messages=chat.messages[: data.draw(st.integers(1, len(chat.messages)))])
        for chat in chats
    ]
    after = {row["window_id"]: row for row in computed(engine, chats, config)}
    # Only the last windows, which the new messages may reach into, can be other ones.
    for row in computed(engine, shorter, config):
        [chat] = [chat for chat in chats if chat.name == row["thread_id"]]
        [before] = [chat for chat in shorter if chat.name == row["thread_id"]]
        new = len(before.messages)
        reached = (
            new < len(chat.messages)
            and {
                "messages": row["message_count"] < 7,
                "hours": row["end_time"] > chat.messages[new].time
                if new < len(chat.messages)
                else 0,
                "days": row["end_time"] > chat.messages[new].time
                if new < len(chat.messages)
                else 0,
                "session": row["last_position"] == new - 1,
                "bytes": row["last_position"] == new - 1,
            }[config.step_unit]
        )
        if not reached:
            same = after[row["window_id"]]
            for name in ("signature", "window_index", "first_position", "last_position"):
                assert same[name] == row[name]


def test_a_chat_of_no_messages_has_no_windows(engine: DuckDBPyConnection) -> None:
    for unit in ("messages", "hours", "days", "bytes", "session"):
        assert computed(engine, [], WindowConfig(step_unit=unit)) == []


@pytest.mark.parametrize("unit", ["messages", "hours", "days", "session"])
def test_the_columns_are_those_of_the_contract(unit: Any) -> None:
    found = windows_of(MESSAGES.table(), THREADS.table(), WindowConfig(step_unit=unit)).schema()
    assert list(found) == list(WINDOWS.columns)
    plain = {name: type_(nullable=True) for name, type_ in found.items()}
    wanted = {name: type_(nullable=True) for name, type_ in WINDOWS.schema.items()}
    assert differences(ibis.schema(wanted), ibis.schema(plain)) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("step_size", 0, "must be above 0"),
        ("step_size", -3, "must be above 0"),
        ("max_window_time", 0.0, "must be above 0"),
        ("max_window_time", float("nan"), "must be above 0"),
        ("max_bytes_per_window", 0, "must be above 0"),
        ("session_gap", -1.0, "must be above 0"),
        ("step_unit", "weeks", "one of messages, hours, days, bytes, session"),
        ("align", "last", "one of calendar, first"),
    ],
)
def test_settings_that_make_no_windows_are_refused_by_name(
    name: str, value: Any, said: str
) -> None:
    with pytest.raises(EgregoraError, match=f"{name} is .*{said}"):
        WindowConfig(**{name: value})


@pytest.mark.parametrize(("minutes", "windows"), [(74, [2, 1]), (75, [1, 1])])
def test_what_stands_where_the_overlap_ends_lies_outside(
    engine: DuckDBPyConnection, minutes: int, windows: list[int]
) -> None:
    start = datetime(2025, 6, 14, 10, tzinfo=UTC)
    said = [Said(make_id(n), start + timedelta(minutes=n), "Ada", "hi") for n in (0, minutes)]
    config = WindowConfig(1, "hours", 0.25)
    rows = computed(engine, [Chat("a", "UTC", tuple(said))], config)
    assert [row["message_count"] for row in rows] == windows
