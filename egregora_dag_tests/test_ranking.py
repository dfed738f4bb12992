"""Ratings by the Elo formula, and who is compared with whom."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egregora_dag.assets.ranking import JudgeSettings
from egregora_dag.database.elo import (
    INITIAL_RATING,
    expected_score,
    replayed,
    updated_ratings,
)
from egregora_dag.database.rerating import Weighing
from egregora_dag.database.schemas import COMPARISONS, ELO_RATINGS
from egregora_dag.database.tables import memory_table
from egregora_dag.judges import Post, SettingError, Winner
from egregora_dag.pairing import Belief, Standings, narrowed, next_pairs
from egregora_dag.ranking import compare_posts, ratings_of
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home
from egregora_dag.writers import Usage
from egregora_dag_tests.conftest import insert
from egregora_dag_tests.evaluations.pairs import adaptive, correlations, needed, random_pairs

NOW = datetime(2025, 3, 1, tzinfo=UTC)


class Longest:
    """Prefers the post with more words."""

    name = "longest"
    usage = Usage()

    def compare(self, a: Post, b: Post) -> Winner:
        difference = len(a.content.split()) - len(b.content.split())
        return "tie" if difference == 0 else "a" if difference > 0 else "b"


class Shortest(Longest):
    """Another judge."""

    name = "shortest"


def posts(count: int, first: int = 0) -> list[Post]:
    return [
        Post(f"post-{n:03}", "Title", "Summary", "word " * (n * 7 % 11), (), ())
        for n in range(first, first + count)
    ]


def compared(
    posts: Sequence[Post],
    history: Sequence[dict[str, Any]] = (),
    judge: Longest | None = None,
    per_post: int = 8,
) -> list[dict[str, Any]]:
    judge = judge or Longest()
    standings = Standings.of(history, judge.name)
    return list(compare_posts(posts, standings, judge, per_post=per_post, now=NOW))


def partners(rows: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        found[row["post_a"]].append(row["post_b"])
        found[row["post_b"]].append(row["post_a"])
    return found


@pytest.mark.parametrize(
    ("rating", "opponent", "expected"),
    [
        (1500, 1500, 0.5),
        (1900, 1500, 10 / 11),
        (1500, 1900, 1 / 11),
        (2000, 1800, 0.759746926647958),
        (1613, 1609, 0.505756250),
        (1613, 1477, 0.686300),
    ],
)
def test_the_expected_score_is_elos(rating: float, opponent: float, expected: float) -> None:
    assert expected_score(rating, opponent) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("a", "b", "winner", "k", "after"),
    [
        (1500, 1500, "a", 32, (1516, 1484)),
        (1500, 1500, "b", 32, (1484, 1516)),
        (1500, 1500, "tie", 32, (1500, 1500)),
        (1900, 1500, "a", 32, (1902.909091, 1497.090909)),
        (1900, 1500, "b", 32, (1870.909091, 1529.090909)),
        (1900, 1500, "tie", 11, (1895.5, 1504.5)),
        (1500, 1500, "a", 10, (1505, 1495)),
    ],
)
def test_ratings_move_by_k_times_the_surprise(
    a: float, b: float, winner: Winner, k: float, after: tuple[float, float]
) -> None:
    assert updated_ratings(a, b, winner, k) == pytest.approx(after, abs=1e-6)


RATING = st.floats(0, 4000)


@given(RATING, RATING, st.sampled_from(["a", "b", "tie"]), st.floats(1, 100))
def test_what_one_wins_the_other_loses(a: float, b: float, winner: Winner, k: float) -> None:
    after_a, after_b = updated_ratings(a, b, winner, k)
    assert math.isclose(after_a + after_b, a + b, abs_tol=1e-6)
    assert abs(after_a - a) <= k
    swapped: dict[str, Winner] = {"a": "b", "b": "a", "tie": "tie"}
    assert updated_ratings(b, a, swapped[winner], k) == pytest.approx((after_b, after_a))


def test_a_replay_starts_from_the_given_rating_and_else_from_1500() -> None:
    games: list[tuple[str, str, Winner, float]] = [("x", "y", "a", 32), ("y", "z", "tie", 32)]
    found = replayed(games, {"x": 1900.0})
    x, y = updated_ratings(1900, INITIAL_RATING, "a")
    y, z = updated_ratings(y, INITIAL_RATING, "tie")
    assert found == {"x": x, "y": y, "z": z}
    assert replayed([], {"x": 1.0}) == {"x": 1.0}


GAMES = st.lists(
    st.tuples(
        st.lists(st.sampled_from("vwxyz"), min_size=2, max_size=2, unique=True),
        st.sampled_from(["a", "b", "tie"]),
        st.sampled_from([16.0, 32.0]),
    ),
    max_size=40,
)


@given(GAMES, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=12)
def test_the_ratings_of_the_table_equal_a_replay_in_any_order_of_rows(
    tmp_path_factory: pytest.TempPathFactory,
    games: list[tuple[list[str], Winner, float]],
    random: Any,
) -> None:
    ratings: dict[str, float] = {}
    rows = []
    for sequence, ((a, b), winner, k) in enumerate(games):
        before = ratings.get(a, INITIAL_RATING), ratings.get(b, INITIAL_RATING)
        ratings[a], ratings[b] = updated_ratings(*before, winner, k)
        rows.append(
            {
                "comparison_id": f"00000000-0000-4000-8000-{sequence:012}",
                "post_a": a,
                "post_b": b,
                "winner": winner,
                "rating_a_before": before[0],
                "rating_b_before": before[1],
                "rating_a_after": ratings[a],
                "rating_b_after": ratings[b],
                "k_factor": k,
                "judge": "test",
                "timestamp": datetime(2025, 3, 1, 0, sequence, tzinfo=UTC),
                "sequence": sequence,
                "feedback": None,
            }
        )
    random.shuffle(rows)
    warehouse = Warehouse(database=str(tmp_path_factory.mktemp("ranking") / "x.duckdb"))
    warehouse.prepare()
    if rows:
        insert(warehouse.path, COMPARISONS, *rows)
    expression = ratings_of(COMPARISONS.table())
    assert list(expression.schema()) == list(ELO_RATINGS.columns)
    found = {row["post_id"]: row for row in warehouse.rows(expression)}
    expected = replayed(((a, b, winner, k) for (a, b), winner, k in games), {})
    assert {post: row["rating"] for post, row in found.items()} == expected
    for post, row in found.items():
        own = [
            (n, a == post, winner) for n, ((a, b), winner, _) in enumerate(games) if post in (a, b)
        ]
        won = sum(winner == ("a" if is_a else "b") for _, is_a, winner in own)
        ties = sum(winner == "tie" for *_, winner in own)
        assert row["initial_rating"] == INITIAL_RATING
        assert (row["comparisons"], row["wins"], row["ties"]) == (len(own), won, ties)
        assert row["losses"] == len(own) - won - ties
        assert (row["created_at"].minute, row["last_updated"].minute) == (own[0][0], own[-1][0])


@pytest.mark.parametrize("count", [2, 3, 9, 10, 25, 60])
def test_every_post_is_compared_as_often_as_it_should(count: int) -> None:
    rows = compared(posts(count), per_post=4)
    found = partners(rows)
    wanted = min(4, count - 1)
    assert set(found) == {post.document_id for post in posts(count)}
    assert min(map(len, found.values())) >= wanted
    # Whoever is left over draws in one that rests.
    assert sum(map(len, found.values())) <= count * wanted + count


@pytest.mark.parametrize("count", [0, 1])
def test_a_single_post_has_nobody_to_be_compared_with(count: int) -> None:
    assert compared(posts(count)) == []


def test_no_pair_is_compared_twice_and_no_post_with_itself() -> None:
    pairs = Counter(
        frozenset((row["post_a"], row["post_b"])) for row in compared(posts(20), per_post=19)
    )
    assert max(pairs.values()) == 1
    assert all(len(pair) == 2 for pair in pairs)
    assert len(pairs) == 190


def test_a_second_time_there_is_nothing_to_do() -> None:
    rows = compared(posts(12))
    assert rows
    assert compared(posts(12), rows) == []


def test_another_judge_may_see_the_same_pairs_but_posts_that_rest_go_on_resting() -> None:
    rows = compared(posts(4), per_post=3)
    assert compared(posts(4), rows, Shortest(), per_post=3) == []
    more = compared(posts(4), rows, Shortest(), per_post=6)
    assert {len(met) for met in partners(more).values()} == {3}
    assert more[0]["sequence"] == len(rows)
    assert not {row["comparison_id"] for row in rows} & {row["comparison_id"] for row in more}


def test_new_posts_come_first_and_find_partners_though_all_others_rest() -> None:
    rows = compared(posts(10), per_post=4)
    new = {post.document_id for post in posts(3, first=10)}
    more = compared(posts(13), rows, per_post=4)
    assert {row["post_a"] for row in more} <= new
    found = partners(more)
    assert all(len(found[post]) >= 4 for post in new)


def test_rows_count_on_keep_the_ratings_and_have_the_columns_of_the_table() -> None:
    first = compared(posts(6), per_post=2)
    rows = [*first, *compared(posts(9), first, per_post=3)]
    assert [row["sequence"] for row in rows] == list(range(len(rows)))
    assert list(rows[0]) == list(COMPARISONS.columns)
    ratings: dict[str, float] = {}
    for row in rows:
        for side in "ab":
            assert row[f"rating_{side}_before"] == ratings.get(row[f"post_{side}"], INITIAL_RATING)
            ratings[row[f"post_{side}"]] = row[f"rating_{side}_after"]
    games = [(row["post_a"], row["post_b"], row["winner"], row["k_factor"]) for row in rows]
    assert replayed(games, {}) == ratings
    assert len({row["comparison_id"] for row in rows}) == len(rows)
    assert memory_table(rows, COMPARISONS.schema).num_rows == len(rows)


def test_the_same_posts_give_the_same_comparisons() -> None:
    assert compared(posts(15)) == compared(posts(15)[::-1])


def test_pairs_chosen_by_what_is_known_need_clearly_fewer_comparisons_than_random_ones() -> None:
    counts = {
        choice: needed(correlations(choice, 500, 0, 11)) for choice in (adaptive, random_pairs)
    }
    assert counts[adaptive] < 0.85 * counts[random_pairs]


def test_what_is_looked_at_grows_with_the_posts_and_not_with_their_square() -> None:
    def looked_at(count: int) -> int:
        standings, looks = Standings(), 0

        class Counted(set[str]):
            def __contains__(self, other: object) -> bool:
                nonlocal looks
                looks += 1
                return super().__contains__(other)

        names = [f"{n:06}" for n in range(count)]
        standings.compared.update({name: Counted() for name in names})
        for _ in range(4):
            for a, b in list(next_pairs(names, standings, 8)):
                standings.note(a, b, "a" if a > b else "b")
                standings.meet(a, b)
        return looks

    assert looked_at(4_000) < 6 * looked_at(1_000)


def test_a_verdict_narrows_what_is_known_and_a_surprise_moves_it_more() -> None:
    strong, weak = Belief(1.0, 1.0), Belief(-1.0, 2.0)
    expected, other = narrowed(strong, weak, "a")
    surprised, _ = narrowed(strong, weak, "b")
    assert abs(surprised.mean - 1.0) > abs(expected.mean - 1.0) > 0
    assert expected.variance < strong.variance
    assert other.variance < weak.variance
    assert narrowed(Belief(), Belief(), "tie")[0].mean == 0
    extreme = narrowed(Belief(-900.0, 1.0), Belief(900.0, 1.0), "a")
    assert all(math.isfinite(number) for belief in extreme for number in belief)


@pytest.mark.parametrize("weight", [0.5, 3.0])
def test_a_judges_weight_multiplies_k(weight: float) -> None:
    weighing = Weighing(24, {"longest": weight})
    rows = list(
        compare_posts(posts(3), Standings(), Longest(), per_post=1, now=NOW, weighing=weighing)
    )
    assert {row["k_factor"] for row in rows} == {24 * weight}


def test_the_asset_refers_a_person_to_the_command(tmp_path: Path) -> None:
    person = JudgeSettings.model_validate({"judge": "human"})
    with pytest.raises(SettingError, match="egregora-dag vote"):
        person.chosen(Home(tmp_path))


def test_the_judges_favourites_rise() -> None:
    rows = compared(posts(11), per_post=10)
    ratings = Standings.of(rows, "longest").ratings
    words = {post.document_id: len(post.content.split()) for post in posts(11)}
    assert sorted(words, key=words.__getitem__) == sorted(ratings, key=ratings.__getitem__)


@given(
    st.dictionaries(st.integers(0, 40), st.floats(-4, 4), max_size=30),
    st.integers(1, 5),
    st.data(),
)
@settings(deadline=None, max_examples=60)
def test_a_round_takes_each_post_once_and_prefers_those_that_wait(
    ratings: dict[int, float], per_post: int, data: st.DataObject
) -> None:
    names = sorted(f"{n:02}" for n in ratings)
    standings = Standings()
    standings.beliefs = {f"{n:02}": Belief(mean) for n, mean in ratings.items()}
    for name in names:
        standings.counts[name] = data.draw(st.integers(0, 6))
    pairs = list(next_pairs(names, standings, per_post))
    taken = [post for pair in pairs for post in pair]
    assert len(taken) == len(set(taken))
    assert all(standings.counts[first] < per_post for first, _ in pairs)
    counts = [standings.counts[first] for first, _ in pairs]
    assert counts == sorted(counts)
    waiting = [name for name in names if standings.counts[name] < per_post]
    # Nobody has met anybody yet: at most one who waits finds no partner, if there is any other.
    assert len(names) < 2 or len(set(waiting) - set(taken)) <= 1
