"""Ratings and the comparisons they come from always agree."""

import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from egregora_dag import ranking
from egregora_dag.checks import run_checks
from egregora_dag.database.duckdb_manager import DuckDBStorageManager, temp_storage
from egregora_dag.database.elo import expected_score, replayed
from egregora_dag.database.elo_record import ComparisonRecord, EloRating
from egregora_dag.database.elo_store import EloStore
from egregora_dag.database.exceptions import InvalidOperationError
from egregora_dag.database.init import initialize_database
from egregora_dag.database.schemas import COMPARISONS, ELO_RATINGS
from egregora_dag.resources import Warehouse
from egregora_dag_tests.conftest import query
from egregora_dag_tests.database.test_connections import is_closed


@pytest.fixture(scope="module")
def shared() -> Iterator[DuckDBStorageManager]:
    """A database in memory with the pipeline's tables, as making them takes longer than a test."""
    with temp_storage() as storage:
        initialize_database(storage)
        yield storage


@pytest.fixture
def storage(shared: DuckDBStorageManager) -> DuckDBStorageManager:
    return emptied(shared)


@pytest.fixture
def store(storage: DuckDBStorageManager) -> EloStore:
    return EloStore(storage)


def emptied(storage: DuckDBStorageManager) -> DuckDBStorageManager:
    for table in ("comparisons", "elo_ratings"):
        storage.execute_sql(f'DELETE FROM "{table}"')
    return storage


def counts(storage: DuckDBStorageManager) -> tuple[int, int]:
    return storage.row_count("comparisons"), storage.row_count("elo_ratings")


def test_a_win_moves_both_ratings_by_the_formula(store: EloStore) -> None:
    store.initialize_post("a", 1600)
    store.initialize_post("b", 1400)
    before = datetime.now(UTC)
    record = store.record_comparison("b", "a", k_factor=20)
    expected = 1 / (1 + 10 ** ((1600 - 1400) / 400))
    assert record.rating_a_after == pytest.approx(1400 + 20 * (1 - expected), abs=1e-9)
    assert record.rating_b_after == pytest.approx(1600 - 20 * (1 - expected), abs=1e-9)
    assert (record.post_a, record.post_b, record.winner) == ("b", "a", "a")
    assert (record.rating_a_before, record.rating_b_before) == (1400, 1600)
    assert before <= record.timestamp <= datetime.now(UTC)
    assert store.get_all_ratings() == {"a": record.rating_b_after, "b": record.rating_a_after}
    assert store.get_comparison_history() == [record]


def test_without_more_said_ratings_begin_at_1500_and_move_by_32(store: EloStore) -> None:
    store.record_comparison("a", "b")
    assert store.get_all_ratings() == {"a": 1516.0, "b": 1484.0}
    store.initialize_post("c")
    assert list(store.get_all_ratings().items()) == [("a", 1516.0), ("c", 1500.0), ("b", 1484.0)]


def test_a_rating_counts_wins_losses_and_ties(store: EloStore) -> None:
    store.record_comparison("a", "b")
    store.record_comparison("a", "c")
    store.record_comparison("b", "a")
    tie = store.record_comparison("c", "a", tie=True)
    assert tie.winner == "tie"
    a = store.get_rating("a")
    assert (a.post_id, a.comparisons, a.wins, a.losses, a.ties) == ("a", 4, 2, 1, 1)
    assert a.rating == tie.rating_b_after
    assert a.last_updated == tie.timestamp
    assert a.created_at
    assert a.created_at < tie.timestamp
    assert (a.created_at.utcoffset(), tie.timestamp.utcoffset()) == (timedelta(0), timedelta(0))


def test_a_tie_of_equals_moves_nothing_and_one_of_others_brings_them_closer(
    store: EloStore,
) -> None:
    store.record_comparison("a", "b", tie=True)
    assert store.get_all_ratings() == {"a": 1500.0, "b": 1500.0}
    store.initialize_post("c", 1900)
    record = store.record_comparison("a", "c", tie=True)
    assert 1500 < record.rating_a_after < record.rating_b_after < 1900


def test_a_post_that_has_a_rating_keeps_it(store: EloStore) -> None:
    store.initialize_post("a", 1700)
    first = store.get_rating("a")
    store.initialize_post("a", 1200)
    assert store.get_rating("a") == first
    assert first == EloRating("a", 1700.0, 0, 0, 0, 0, first.last_updated, first.created_at)
    store.record_comparison("a", "b")
    rated = store.get_rating("a")
    store.initialize_post("a", 1700)
    store.initialize_post("b", 1700)
    assert store.get_rating("a") == rated
    assert store.get_rating("b").rating < 1500


@pytest.mark.parametrize("post", ["never seen", "", "a' OR 'a' = 'a"])
def test_an_unknown_post_has_the_default_rating_and_is_not_stored(
    store: EloStore, post: str
) -> None:
    store.record_comparison("a", "b")
    assert store.get_rating(post) == EloRating(post, 1500.0)
    assert store.get_comparison_history(post) == []
    assert set(store.get_all_ratings()) == {"a", "b"}


def test_an_empty_store_gives_nothing(store: EloStore) -> None:
    assert store.get_all_ratings() == {}
    assert store.get_top_posts() == []
    assert store.get_comparison_history() == []
    assert store.replay() == {}


@pytest.mark.parametrize(
    ("judge", "feedback"),
    [
        ("me", None),
        (None, "good: 'quoted', \"twice\"; -- and more"),
        ("λ", {"a": [1, None, {"b": "ü\n"}]}),
        ("me", []),
        ("me", False),
        ("me", "null"),
        ("me", 0),
    ],
)
def test_who_judged_and_what_they_said_is_kept(
    store: EloStore, judge: str | None, feedback: object
) -> None:
    record = store.record_comparison("a", "b", judge=judge, feedback=feedback)
    assert record.judge == (judge or "user")
    assert record.feedback == feedback
    assert store.get_comparison_history() == [record]
    assert isinstance(store.get_comparison_history()[0].comparison_id, UUID)


@pytest.mark.parametrize("feedback", [object(), math.nan, {"a": [math.inf]}, {(1, 2): 3}])
def test_what_json_cannot_hold_is_not_recorded(
    store: EloStore, storage: DuckDBStorageManager, feedback: object
) -> None:
    with pytest.raises(InvalidOperationError, match="JSON"):
        store.record_comparison("a", "b", feedback=feedback)
    assert counts(storage) == (0, 0)


def test_the_best_posts_and_the_latest_comparisons_come_first(store: EloStore) -> None:
    for post, rating in (("low", 1400), ("b", 1600), ("a", 1600), ("high", 1800)):
        store.initialize_post(post, rating)
    assert [post.post_id for post in store.get_top_posts()] == ["high", "a", "b", "low"]
    assert [post.post_id for post in store.get_top_posts(limit=2)] == ["high", "a"]
    assert store.get_top_posts(0) == store.get_top_posts(-1) == []
    assert [post.rating for post in store.get_top_posts(100)] == [1800, 1600, 1600, 1400]
    records = [store.record_comparison("a", other) for other in ("b", "low", "high", "b")]
    assert store.get_comparison_history() == records[::-1]
    assert store.get_comparison_history("b") == [records[3], records[0]]
    assert store.get_comparison_history("b", limit=1) == [records[3]]
    assert store.get_comparison_history(limit=2) == [records[3], records[2]]
    assert store.get_comparison_history(limit=0) == store.get_comparison_history(limit=-1) == []


def test_many_posts_stay_within_the_default_limit(store: EloStore) -> None:
    for number in range(12):
        store.initialize_post(f"post-{number}", 1500 + number)
    assert len(store.get_top_posts()) == 10
    assert len(store.get_all_ratings()) == 12


BAD: list[tuple[str, str, Any]] = [
    ("a", "a", 32),
    ("", "b", 32),
    ("a", "", 32),
    ("a", "b", 0),
    ("a", "b", -32),
    ("a", "b", math.nan),
    ("a", "b", math.inf),
    ("a", "b", -math.inf),
    ("known", "known", 32),
]


@pytest.mark.parametrize(("winner", "loser", "k_factor"), BAD)
def test_a_comparison_that_makes_no_sense_writes_nothing(
    store: EloStore, storage: DuckDBStorageManager, winner: str, loser: str, k_factor: float
) -> None:
    store.initialize_post("known")
    for tie in (False, True):
        with pytest.raises(InvalidOperationError):
            store.record_comparison(winner, loser, k_factor, tie=tie)
    assert counts(storage) == (0, 1)
    assert store.get_rating("known").comparisons == 0


@pytest.mark.parametrize("rating", [math.nan, math.inf, -math.inf])
def test_a_rating_that_is_no_number_is_refused(
    store: EloStore, storage: DuckDBStorageManager, rating: float
) -> None:
    with pytest.raises(InvalidOperationError, match="finite") as caught:
        store.initialize_post("a", rating)
    assert caught.value.name == "a"
    assert counts(storage) == (0, 0)


@pytest.mark.parametrize("post", [None, 7, b"a", ""])
def test_a_post_id_is_a_string_that_says_something(
    store: EloStore, storage: DuckDBStorageManager, post: Any
) -> None:
    for attempt in (
        lambda: store.initialize_post(post),
        lambda: store.record_comparison(post, "b"),
        lambda: store.record_comparison("a", post),
    ):
        with pytest.raises(InvalidOperationError):
            attempt()
    assert counts(storage) == (0, 0)


POSTS = ("a", "b", "c", "d")
RATING = st.floats(-1e6, 1e6)
STEP = st.one_of(
    st.tuples(st.just("initialize"), st.sampled_from(POSTS), RATING),
    st.tuples(
        st.just("compare"),
        st.permutations(POSTS),
        st.floats(1e-6, 1e4),
        st.booleans(),
    ),
)


@given(steps=st.lists(STEP, max_size=15))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_replay_of_the_history_equals_the_ratings_bit_for_bit(
    shared: DuckDBStorageManager, steps: list[Any]
) -> None:
    store = EloStore(emptied(shared))
    initial: dict[str, float] = {}
    games: list[Any] = []
    records: list[ComparisonRecord] = []
    for kind, *values in steps:
        if kind == "initialize":
            store.initialize_post(*values)
            initial.setdefault(*values)
        else:
            [first, second, *_], k_factor, tie = values
            records.append(store.record_comparison(first, second, k_factor, tie=tie))
            initial.setdefault(first, 1500.0)
            initial.setdefault(second, 1500.0)
            games.append((first, second, "tie" if tie else "a", k_factor))
    ratings = store.get_all_ratings()
    assert store.replay() == ratings == replayed(games, initial)
    assert store.get_comparison_history() == records[::-1]
    last = {record.post_a: record.rating_a_after for record in records}
    assert all(math.isfinite(rating) for rating in [*ratings.values(), *last.values()])
    for post, rating in ratings.items():
        own = [record for record in records if post in {record.post_a, record.post_b}]
        stand = store.get_rating(post)
        assert stand.rating == rating
        assert stand.comparisons == len(own) == stand.wins + stand.losses + stand.ties
        assert stand.ties == sum(record.winner == "tie" for record in own)
        assert stand.wins == sum(record.post_a == post and record.winner == "a" for record in own)
        before = initial[post]
        for record in own:
            is_a = record.post_a == post
            assert before == (record.rating_a_before if is_a else record.rating_b_before)
            before = record.rating_a_after if is_a else record.rating_b_after
        assert before == rating


@given(rating=RATING, other=RATING)
def test_expected_scores_of_two_posts_make_one(rating: float, other: float) -> None:
    score = expected_score(rating, other)
    assert 0 <= score <= 1
    assert score + expected_score(other, rating) == pytest.approx(1)


# Databases


def test_a_store_needs_one_database(storage: DuckDBStorageManager, tmp_path: Path) -> None:
    with pytest.raises(InvalidOperationError, match="db_path"):
        EloStore()
    with pytest.raises(InvalidOperationError, match="db_path"):
        EloStore(storage, db_path=tmp_path / "x.duckdb")
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_a_file_makes_its_tables_and_lets_go_of_it(tmp_path: Path) -> None:
    path = tmp_path / "site" / "pipeline.duckdb"
    with EloStore(db_path=path) as store:
        store.initialize_post(post_id="post-123", initial_rating=1500)
        store.record_comparison(winner_id="post-123", loser_id="post-456", k_factor=32)
        assert not is_closed(path)
    assert is_closed(path)
    again = EloStore(db_path=path)
    assert again.get_all_ratings() == {"post-123": 1516.0, "post-456": 1484.0}
    again.record_comparison("post-456", "post-123")
    assert again.replay() == again.get_all_ratings()
    again.close()
    again.close()
    assert is_closed(path)


def test_a_store_leaves_the_storage_it_was_given_open(storage: DuckDBStorageManager) -> None:
    with EloStore(storage) as store:
        store.record_comparison("a", "b")
    assert storage.row_count("comparisons") == 1


def test_two_stores_of_one_database_go_on_with_each_others_history(
    storage: DuckDBStorageManager,
) -> None:
    first, second = EloStore(storage), EloStore(storage)
    records = [store.record_comparison("a", "b") for store in (first, second, first, second)]
    assert first.get_comparison_history() == records[::-1]
    emptied(storage)
    record = first.record_comparison("a", "b")
    assert record.rating_a_before == 1500
    assert second.replay() == second.get_all_ratings()
    assert storage.execute_query("SELECT sequence FROM comparisons") == [(0,)]


RECORD = """
import os, sys
from pathlib import Path
from egregora_dag.database.elo_store import EloStore
store = EloStore(db_path=Path(sys.argv[1]))
for _ in range(3):
    record = store.record_comparison("a", "b", judge="me")
print(record.comparison_id, flush=True)
os._exit(9)
"""


def test_a_comparison_outlives_the_process_that_recorded_it(tmp_path: Path, migrated: Path) -> None:
    path = tmp_path / "pipeline.duckdb"
    shutil.copy(migrated, path)
    done = subprocess.run(
        [sys.executable, "-c", RECORD, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 9, done.stderr
    with EloStore(db_path=path) as store:
        latest = store.get_comparison_history()[0]
        assert str(latest.comparison_id) == done.stdout.strip()
        assert store.get_rating("a").wins == 3
        assert store.replay() == store.get_all_ratings()
        store.record_comparison("b", "a")
    assert query(path, "SELECT sequence FROM comparisons ORDER BY sequence") == [
        (0,),
        (1,),
        (2,),
        (3,),
    ]


# Beside the pipeline


def test_the_pipelines_ratings_of_the_same_comparisons_agree(warehouse: Warehouse) -> None:
    with EloStore(db_path=warehouse.path) as store:
        store.initialize_post("a", 1700)
        store.initialize_post("alone", 1650)
        store.record_comparison("a", "b", 24)
        store.record_comparison("c", "a", 40, tie=True)
        store.record_comparison("b", "c")
        stored = store.get_all_ratings()
    assert run_checks(warehouse, ELO_RATINGS)["equals_replay"] == []
    computed = {
        row["post_id"]: row for row in warehouse.rows(ranking.ratings_of(COMPARISONS.table()))
    }
    assert {post: row["rating"] for post, row in computed.items()} == {
        post: rating for post, rating in stored.items() if post != "alone"
    }
    assert computed["a"]["initial_rating"] == 1700
    # The asset writes what it computes over what the store wrote.
    warehouse.write(ELO_RATINGS, ranking.ratings_of(COMPARISONS.table()))
    found = run_checks(warehouse, ELO_RATINGS)
    assert found["equals_replay"] == found["columns"] == found["unique_keys"] == []
    with EloStore(db_path=warehouse.path) as store:
        assert store.get_all_ratings() == stored
        assert store.replay() == stored
        store.record_comparison("alone", "a")
    assert run_checks(warehouse, ELO_RATINGS)["equals_replay"] == []


def test_a_rating_changed_behind_the_stores_back_is_found(warehouse: Warehouse) -> None:
    with EloStore(db_path=warehouse.path) as store:
        store.record_comparison("a", "b")
    with warehouse.transaction() as connection:
        connection.execute("UPDATE elo_ratings SET rating = rating + 1e-9 WHERE post_id = 'b'")
    [finding] = run_checks(warehouse, ELO_RATINGS)["equals_replay"]
    assert finding.keys == ["b"]
