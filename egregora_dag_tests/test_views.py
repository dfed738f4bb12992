"""The named views, told again in plain Python."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import ibis.expr.types as ir
import pytest

from egregora_dag.assets.views import VIEWS
from egregora_dag.database.schemas import (
    BRADLEY_TERRY,
    CONTRACTS,
    DOCUMENTS,
    ELO_RATINGS,
    MESSAGES,
    THREADS,
    WINDOWS,
)
from egregora_dag.database.writing import write_rows
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home
from egregora_dag.windowing import WindowConfig, message_sizes, windows_of, windows_of_bytes
from egregora_dag_tests.conftest import add_thread, at, insert, message_rows, query

START = at("2025-03-29T20:00")
# The second night of the first chat, clocks in Lisbon go forward.
CHATS = {"lisbon": "Europe/Lisbon", "tokyo": "Asia/Tokyo", "utc": "UTC"}


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """Three chats in three time zones; in the second the clock went back twice."""
    for number, (name, zone) in enumerate(CHATS.items()):
        add_thread(warehouse, name, zone)
        steps = [(7 * n * n) % 97 for n in range(40)]
        if name == "tokyo":
            steps[10], steps[20] = -50, -3
        time, messages = START + timedelta(days=number), []
        for n, minutes in enumerate(steps):
            time += timedelta(minutes=minutes)
            author = ("Ada", "Bo", None)[n % 3]
            messages.append((time, author, ("", "olá", " \n", "hello")[n % 4]))
        rows = message_rows(name, messages)
        for n, row in enumerate(rows):
            if row["author"] and n % 5 == 0:
                row |= {"kind": "media", "media_type": ("image", None)[n % 2]}
                row["media_path"] = ("x.jpg", "y.vcf", None)[n % 3]
        insert(warehouse.path, MESSAGES, *rows)
    return warehouse


def shown(warehouse: Warehouse, name: str) -> list[dict[str, Any]]:
    """The rows of a view."""
    [(builder, tables)] = [(builder, tables) for view, builder, tables in VIEWS if view == name]
    return warehouse.rows(builder(*(CONTRACTS[table].table() for table in tables)))


def messages(warehouse: Warehouse) -> list[dict[str, Any]]:
    return warehouse.rows(MESSAGES.table().order_by("thread_id", "position"))


def by_id(rows: list[dict[str, Any]], *columns: str) -> dict[str, Any]:
    return {str(row["message_id"]): tuple(row[name] for name in columns) for row in rows}


@pytest.mark.parametrize("name", ["chunks", "chunks_optimized"])
def test_chunks_number_the_messages_of_each_chat_by_time(filled: Warehouse, name: str) -> None:
    expected: dict[str, tuple[int]] = {}
    for thread in CHATS:
        own = [row for row in messages(filled) if row["thread_id"] == thread]
        ordered = sorted(own, key=lambda row: (row["timestamp"], row["position"]))
        expected |= {str(row["message_id"]): (n,) for n, row in enumerate(ordered)}
        moved = [row["position"] for row in ordered] != list(range(len(own)))
        assert moved == (thread == "tokyo")
    found = shown(filled, name)
    assert by_id(found, "chunk_idx") == expected
    assert list(found[0]) == [*MESSAGES.columns, "chunk_idx"]


def test_both_ways_to_number_chunks_show_the_same_rows(filled: Warehouse) -> None:
    columns = (*MESSAGES.columns, "chunk_idx")
    plain, fast = (by_id(shown(filled, name), *columns) for name in ("chunks", "chunks_optimized"))
    assert len(plain) == 120
    assert str(plain) == str({id_: fast[id_] for id_ in plain})


def test_messages_with_media_came_with_a_file(filled: Warehouse) -> None:
    found = {str(row["message_id"]) for row in shown(filled, "messages_with_media")}
    assert found == {
        str(row["message_id"]) for row in messages(filled) if row["media_type"] or row["media_path"]
    }
    assert 0 < len(found) < 120


def test_messages_with_text_say_something(filled: Warehouse) -> None:
    found = {str(row["message_id"]) for row in shown(filled, "messages_with_text")}
    assert found == {str(row["message_id"]) for row in messages(filled) if row["content"].strip()}
    assert len(found) == 60


def hour_of(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, tzinfo=None)


@pytest.mark.parametrize(
    ("name", "unit", "start_of"),
    [("hourly_aggregates", "hour", hour_of), ("daily_aggregates", "day", datetime.date)],
)
def test_hours_and_days_are_those_of_the_chats_clock(
    filled: Warehouse, name: str, unit: str, start_of: Callable[[datetime], Any]
) -> None:
    groups: dict[tuple[str, Any], list[dict[str, Any]]] = defaultdict(list)
    for row in messages(filled):
        clock = row["timestamp"].astimezone(ZoneInfo(CHATS[row["thread_id"]]))
        groups[row["thread_id"], start_of(clock)].append(row)
    expected = {
        key: (
            len(rows),
            len({row["author"] for row in rows} - {None}),
            min(row["timestamp"] for row in rows),
            max(row["timestamp"] for row in rows),
        )
        for key, rows in groups.items()
    }
    found = {
        (row["thread_id"], row[unit]): (
            row["message_count"],
            row["unique_authors"],
            row["first_message"],
            row["last_message"],
        )
        for row in shown(filled, name)
    }
    assert found == expected
    assert len(found) > 3


CONFIGS = [
    WindowConfig(7, "messages", 0.4),
    WindowConfig(3, "hours", 0.5),
    WindowConfig(5, "hours", align="first"),
    WindowConfig(1, "days", 0.25),
    WindowConfig(session_gap=1),
    WindowConfig(step_unit="bytes", max_bytes_per_window=20, overlap_ratio=0.5),
]


def store_windows(warehouse: Warehouse, config: WindowConfig) -> None:
    if config.step_unit == "bytes":
        sizes = warehouse.read(message_sizes(MESSAGES.table()))
        windows = windows_of_bytes(MESSAGES.table(), sizes, config)
    else:
        windows = windows_of(MESSAGES.table(), THREADS.table(), config)
    with warehouse.transaction() as connection:
        write_rows(connection, WINDOWS, windows)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.step_unit)
def test_window_messages_names_exactly_the_messages_that_a_window_counts(
    filled: Warehouse, config: WindowConfig
) -> None:
    store_windows(filled, config)
    pairs = shown(filled, "window_messages")
    size = {str(row["message_id"]): len(row["content"].encode()) for row in messages(filled)}
    members: dict[str, list[str]] = defaultdict(list)
    for row in pairs:
        members[str(row["window_id"])].append(str(row["message_id"]))
    windows = filled.rows(WINDOWS.table())
    assert len(windows) > 3
    for window in windows:
        own = members[str(window["window_id"])]
        assert len(set(own)) == len(own) == window["message_count"]
        assert sum(size[id_] for id_ in own) == window["size_bytes"]
    assert {id_ for own in members.values() for id_ in own} == set(size)


@pytest.mark.parametrize(
    ("zone", "start", "unit"),
    [
        ("Europe/Lisbon", "2025-10-25T22:05", "hours"),
        ("Australia/Lord_Howe", "2025-04-05T11:05", "hours"),
        ("America/New_York", "2025-03-09T04:05", "hours"),
        ("America/Havana", "2025-11-02T03:05", "days"),
    ],
)
def test_a_window_holds_both_hours_when_the_clock_goes_back(
    warehouse: Warehouse, zone: str, start: str, unit: Any
) -> None:
    add_thread(warehouse, "a", zone)
    times = [at(start) + timedelta(minutes=20 * n) for n in range(24)]
    insert(warehouse.path, MESSAGES, *message_rows("a", [(time, "Ada", "hi") for time in times]))
    store_windows(warehouse, WindowConfig(step_unit=unit))
    found = Counter(row["window_id"] for row in shown(warehouse, "window_messages"))
    windows = warehouse.rows(WINDOWS.table())
    assert found == {row["window_id"]: row["message_count"] for row in windows}
    assert found.total() == 24


def post(title: str, **values: Any) -> dict[str, Any]:
    texts = dict.fromkeys(("slug", "summary", "content", "writer", "signature"), "x")
    row = {
        "document_id": str(uuid4()),
        "doc_type": "post",
        "thread_id": "a",
        "title": title,
        **texts,
        "authors": [],
        "tags": [],
        "date": date(2025, 3, 1),
        "status": "published",
    }
    return row | values


def test_top_posts_stand_by_the_lower_bound_and_those_never_compared_come_last(
    warehouse: Warehouse,
) -> None:
    posts = [post(title) for title in ("good", "perhaps good", "new")]
    others = [
        post("a draft", status="draft"),
        post("gone", status="superseded"),
        post("a person", doc_type="profile"),
    ]
    insert(warehouse.path, DOCUMENTS, *posts, *others)
    ratings = [
        {
            "post_id": row["document_id"],
            "initial_rating": 1500.0,
            "rating": rating,
            **dict.fromkeys(("comparisons", "wins", "losses", "ties"), 3),
            **dict.fromkeys(("last_updated", "created_at"), datetime(2025, 3, 1, tzinfo=UTC)),
        }
        for row, rating in zip(
            [posts[0], posts[1], others[0]], [1600.0, 1400.0, 1900.0], strict=True
        )
    ]
    insert(warehouse.path, ELO_RATINGS, *ratings)
    strengths = [
        {
            "post_id": row["document_id"],
            **{"strength": middle, "lower": middle - reach, "upper": middle + reach},
            "comparisons": 3,
        }
        for row, middle, reach in zip(
            [posts[0], posts[1], others[0]],
            [1550.0, 1700.0, 1900.0],
            [50.0, 300.0, 9.0],
            strict=True,
        )
    ]
    insert(warehouse.path, BRADLEY_TERRY, *strengths)
    found = shown(warehouse, "top_posts")
    columns = ("title", "rating", "comparisons", "ties", "strength", "lower", "upper")
    assert [tuple(row[name] for name in columns) for row in found] == [
        ("good", 1600.0, 3, 3, 1550.0, 1500.0, 1600.0),
        ("perhaps good", 1400.0, 3, 3, 1700.0, 1400.0, 2000.0),
        ("new", 1500.0, 0, 0, None, None, None),
    ]


@pytest.mark.parametrize("name", [name for name, *_ in VIEWS])
def test_the_pipeline_stores_each_view_as_a_view_that_shows_rows(
    published: Home, name: str
) -> None:
    sql = "SELECT table_type FROM information_schema.tables WHERE table_name = ?"
    assert query(published.database, sql, name) == [("VIEW",)]
    [(count,)] = query(published.database, f'SELECT count(*) FROM "{name}"')
    assert count > 0 or name == "messages_with_media"
    assert len(shown(Warehouse(database=str(published.database)), name)) == count


@pytest.mark.parametrize(("name", "builder", "tables"), VIEWS, ids=[name for name, *_ in VIEWS])
def test_a_view_of_empty_tables_is_empty(
    warehouse: Warehouse, name: str, builder: Callable[..., ir.Table], tables: tuple[str, ...]
) -> None:
    assert builder.__doc__, name
    assert warehouse.rows(builder(*(CONTRACTS[table].table() for table in tables))) == []
