"""Ratings made anew by another K and other weights, from the same verdicts."""

import math
from pathlib import Path
from typing import Any

import pytest

from egregora_dag.ballots import rerate_all
from egregora_dag.checks import run_checks
from egregora_dag.database.elo_store import EloStore
from egregora_dag.database.exceptions import InvalidOperationError
from egregora_dag.database.rerating import Weighing, stored_weighing
from egregora_dag.database.schemas import BRADLEY_TERRY, ELO_RATINGS
from egregora_dag.resources import Warehouse
from egregora_dag_tests.conftest import query

VERDICTS = (
    "SELECT comparison_id, post_a, post_b, winner, judge, timestamp, sequence, feedback "
    "FROM comparisons ORDER BY sequence"
)
RATINGS = "FROM elo_ratings ORDER BY post_id"


@pytest.fixture
def judged(warehouse: Warehouse) -> Warehouse:
    """Verdicts of two judges, on posts of which one starts from a rating of its own."""
    with EloStore(db_path=warehouse.path) as store:
        store.initialize_post("c", 1700)
        for number, (a, b) in enumerate(map(tuple, ["ab", "bc", "ca", "ab", "ac", "cb"])):
            judge = "human" if number % 2 else "offline"
            tie = number == 2
            store.record_comparison(a, b, 40, tie=tie, judge=judge, feedback={"n": number})
    return warehouse


def strengths(path: Path) -> dict[str, Any]:
    rows = query(path, "SELECT post_id, strength, comparisons FROM bradley_terry")
    return {post: (strength, count) for post, strength, count in rows}


def test_ratings_are_those_of_a_history_recorded_with_those_factors(
    judged: Warehouse, tmp_path: Path
) -> None:
    assert rerate_all(judged, Weighing(24, {"human": 3})) == (6, 3)
    expected = EloStore(db_path=tmp_path / "other.duckdb")
    expected.initialize_post("c", 1700)
    history = "SELECT post_a, post_b, winner, judge FROM comparisons ORDER BY sequence"
    for a, b, winner, judge in query(judged.path, history):
        k_factor = 72 if judge == "human" else 24
        expected.record_comparison(a, b, k_factor, tie=winner == "tie", judge=judge)
    with EloStore(db_path=judged.path) as store:
        assert store.get_all_ratings() == expected.get_all_ratings() == store.replay()
        after = [record.rating_a_after for record in store.get_comparison_history()]
        assert after == [record.rating_a_after for record in expected.get_comparison_history()]
    expected.close()
    assert all(
        not found for _, found in run_checks(judged, BRADLEY_TERRY).items() if _ != "references"
    )
    assert run_checks(judged, ELO_RATINGS)["equals_replay"] == []


def test_verdicts_stay_and_the_first_numbers_bring_the_first_ratings_back(
    judged: Warehouse,
) -> None:
    verdicts = query(judged.path, VERDICTS)
    rerate_all(judged, Weighing(40))
    before = query(judged.path, RATINGS)
    rerate_all(judged, Weighing(8, {"offline": 0.5}))
    assert query(judged.path, RATINGS) != before
    rerate_all(judged, Weighing(40))
    assert query(judged.path, RATINGS) == before
    assert query(judged.path, VERDICTS) == verdicts


def test_a_weight_of_0_ignores_a_judge(judged: Warehouse) -> None:
    rerate_all(judged, Weighing(weights={"human": 0}))
    k_factors = query(judged.path, "SELECT DISTINCT judge, k_factor FROM comparisons ORDER BY 1")
    assert k_factors == [("human", 0.0), ("offline", 32.0)]
    assert sum(count for _, count in strengths(judged.path).values()) == 6


def test_a_heavier_judge_moves_strengths_further(judged: Warehouse) -> None:
    rerate_all(judged, Weighing())
    plain = strengths(judged.path)
    rerate_all(judged, Weighing(weights={"human": 5}))
    heavy = strengths(judged.path)
    # The person preferred b to c, a to b, and c to b.
    assert heavy["a"][0] > plain["a"][0]


def test_what_was_set_is_remembered_as_a_whole(judged: Warehouse) -> None:
    def stored() -> Weighing:
        with judged.transaction() as connection:
            return stored_weighing(connection)

    assert stored() == Weighing()
    rerate_all(judged, Weighing(24, {"human": 3}))
    assert stored() == Weighing(24, {"human": 3})
    assert (stored().k_of("human"), stored().k_of("someone else")) == (72, 24)
    rerate_all(judged, Weighing())
    assert stored() == Weighing()


def test_nothing_judged_is_nothing_to_replay(warehouse: Warehouse) -> None:
    assert rerate_all(warehouse, Weighing(24)) == (0, 0)


@pytest.mark.parametrize(
    ("k_factor", "weights"),
    [(0, {}), (-1, {}), (math.nan, {}), (math.inf, {}), (32, {"a": -1}), (32, {"a": math.nan})],
)
def test_numbers_that_rate_nothing_are_refused(k_factor: float, weights: dict[str, float]) -> None:
    with pytest.raises(InvalidOperationError):
        Weighing(k_factor, weights)
