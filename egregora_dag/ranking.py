"""Comparisons → ratings, and which posts to compare next; the formula is in `database.elo`."""

import datetime as dt
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import ibis
import ibis.expr.types as ir

from egregora_dag.database.elo import INITIAL_RATING, K_FACTOR, updated_ratings
from egregora_dag.database.identifiers import make_id
from egregora_dag.database.schemas import ELO_RATINGS
from egregora_dag.judges.protocol import Judge, Post

# How far to look for a partner among the posts of similar rating.
_REACH: Final = 32


def ratings_of(comparisons: ir.Table) -> ir.Table:
    """The ratings that stand at the end of the comparisons.

    Args:
        comparisons: Rows of `comparisons`, each with the ratings before and after it.

    Returns:
        An expression with the columns of `elo_ratings`.
    """
    c = comparisons
    sides = [
        c.select(
            "sequence",
            "timestamp",
            post_id=c[f"post_{own}"],
            before=c[f"rating_{own}_before"],
            after=c[f"rating_{own}_after"],
            won=(c.winner == own).cast("int64"),
            lost=(c.winner == other).cast("int64"),
            tied=(c.winner == "tie").cast("int64"),
        )
        for own, other in (("a", "b"), ("b", "a"))
    ]
    each = ibis.union(*sides)
    return (
        each.group_by("post_id")
        .aggregate(
            initial_rating=each.before.argmin(each.sequence),
            rating=each.after.argmax(each.sequence),
            comparisons=each.count(),
            wins=each.won.sum().cast("int64"),
            losses=each.lost.sum().cast("int64"),
            ties=each.tied.sum().cast("int64"),
            last_updated=each.timestamp.max(),
            created_at=each.timestamp.min(),
        )
        .select(*ELO_RATINGS.columns)
    )


@dataclass
class Standings:
    """What is known of the posts: their ratings, and who was compared with whom.

    Attributes:
        ratings: Elo by post.
        compared: Opponents by post, as far as this judge has seen them.
        counts: Comparisons by post, of all judges.
        sequence: Number of the next comparison.
    """

    ratings: dict[str, float]
    compared: defaultdict[str, set[str]]
    counts: defaultdict[str, int]
    sequence: int = 0

    @classmethod
    def of(
        cls,
        history: Iterable[Mapping[str, Any]],
        judge: str,
        initial: Mapping[str, float] | None = None,
    ) -> "Standings":
        """The standings after these comparisons.

        Args:
            history: Rows of `comparisons`, by sequence.
            judge: Whose opponents count as met.
            initial: The ratings that posts start from, where that is not 1500.
        """
        standings = cls(dict(initial or {}), defaultdict(set), defaultdict(int))
        for row in history:
            a, b = row["post_a"], row["post_b"]
            standings.ratings |= {a: row["rating_a_after"], b: row["rating_b_after"]}
            standings.counts[a] += 1
            standings.counts[b] += 1
            if row["judge"] == judge:
                standings.compared[a].add(b)
                standings.compared[b].add(a)
            standings.sequence = row["sequence"] + 1
        return standings

    def rating(self, post: str) -> float:
        """Elo of a post, 1500 for a new one."""
        return self.ratings.get(post, INITIAL_RATING)


def compare_posts(
    posts: Sequence[Post],
    standings: Standings,
    judge: Judge,
    *,
    per_post: int,
    now: dt.datetime,
    k_factor: float = K_FACTOR,
) -> Iterator[dict[str, Any]]:
    """Compare posts until each has its number of comparisons or no partner is left.

    Args:
        posts: The published posts.
        standings: What was compared before; kept up to date.
        judge: Who judges.
        per_post: How many comparisons a post takes part in before it rests.
        now: The time of the comparisons.
        k_factor: How much a comparison moves a rating.

    Yields:
        Rows of `comparisons`, by sequence.
    """
    by_id = {post.document_id: post for post in posts}
    while pairs := next_pairs(sorted(by_id), standings, per_post):
        for a, b in pairs:
            winner = judge.compare(by_id[a], by_id[b])
            before = standings.rating(a), standings.rating(b)
            after = updated_ratings(*before, winner, k_factor)
            yield {
                "comparison_id": str(make_id("comparison", judge.name, a, b)),
                "post_a": a,
                "post_b": b,
                "winner": winner,
                "rating_a_before": before[0],
                "rating_b_before": before[1],
                "rating_a_after": after[0],
                "rating_b_after": after[1],
                "k_factor": k_factor,
                "judge": judge.name,
                "timestamp": now,
                "sequence": standings.sequence,
                "feedback": None,
            }
            standings.ratings |= {a: after[0], b: after[1]}
            standings.sequence += 1
            for post, opponent in ((a, b), (b, a)):
                standings.compared[post].add(opponent)
                standings.counts[post] += 1


def next_pairs(posts: Sequence[str], standings: Standings, per_post: int) -> list[tuple[str, str]]:
    """One round: each post that still waits, with the one nearest in rating it has not met.

    Args:
        posts: Ids of the posts, sorted.
        standings: Ratings, counts and who met whom.
        per_post: Comparisons a post takes part in before it rests.

    Returns:
        Pairs in which no post occurs twice; posts with the fewest comparisons come first. A post
        that rests is drawn in only when no waiting one is near.
    """
    ranked = sorted((standings.rating(post), post) for post in posts)
    waiting = [post for post in posts if standings.counts[post] < per_post]
    waits = set(waiting)
    taken: set[str] = set()
    pairs = []
    for post in sorted(waiting, key=lambda post: (standings.counts[post], post)):
        if post in taken:
            continue
        place = bisect_left(ranked, (standings.rating(post), post))
        near = [
            ranked[other][1]
            for step in range(1, _REACH + 1)
            for other in (place + step, place - step)
            if 0 <= other < len(ranked)
        ]
        free = [
            other for other in near if other not in taken and other not in standings.compared[post]
        ]
        partner = next((other for other in free if other in waits), next(iter(free), None))
        if partner is not None:
            pairs.append((post, partner))
            taken |= {post, partner}
    return pairs
