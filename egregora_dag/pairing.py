"""Which posts to compare next: those of whose order the verdict will tell most.

A verdict on two posts tells most when it is least certain, so when their strengths are close
(the information of a comparison won with probability p is p (1 - p)). What is known of a post's
strength is kept as a normal distribution that each verdict narrows. Each round lines up the posts
by a draw of their strengths, half as scattered as the distributions are, and compares neighbours:
where little is known, this mixes posts as random pairs do, and the more is known, the closer the
posts of a pair are. Always the very nearest would make a chain in which errors add up.
`python -m egregora_dag_tests.evaluations.pairs` compares this with random pairs.
"""

import math
import random
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from egregora_dag.database.elo import INITIAL_RATING, Winner

# How far to look for a partner among the posts of similar strength.
_REACH: Final = 32
_SCATTER: Final = 0.5
_SCORES: Final[Mapping[str, float]] = {"a": 1.0, "b": 0.0, "tie": 0.5}


class Belief(NamedTuple):
    """What is known of a post's strength, in natural logarithms of odds.

    Attributes:
        mean: Its expectation.
        variance: Its variance; at first 4, which is 347 points of Elo squared.
    """

    mean: float = 0.0
    variance: float = 4.0


def narrowed(a: Belief, b: Belief, winner: Winner) -> tuple[Belief, Belief]:
    """What is known of two posts once they were compared.

    A step of a Kalman filter with the model of Bradley and Terry: L. Szczecinski and R. Tihon,
    Simplified Kalman filter for on-line rating (Journal of Quantitative Analysis in Sports 19,
    2023), with a variance for each post.

    Args:
        a: What was known of a.
        b: What was known of b.
        winner: Which won.

    Returns:
        What is known of a, and of b.
    """
    expected = 1 / (1 + math.exp(min(b.mean - a.mean, 700.0)))
    curvature = expected * (1 - expected)
    scale = 1 + curvature * (a.variance + b.variance)
    surprise = (_SCORES[winner] - expected) / scale
    curvature /= scale
    return (
        Belief(a.mean + a.variance * surprise, a.variance * (1 - a.variance * curvature)),
        Belief(b.mean - b.variance * surprise, b.variance * (1 - b.variance * curvature)),
    )


@dataclass
class Standings:
    """What is known of the posts, and who was compared with whom.

    Attributes:
        ratings: Elo by post.
        beliefs: What is known of their strengths, by post.
        compared: Opponents by post, as far as this judge has seen them.
        counts: Comparisons by post, of all judges.
        sequence: Number of the next comparison.
    """

    ratings: dict[str, float] = field(default_factory=dict)
    beliefs: dict[str, Belief] = field(default_factory=dict)
    compared: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    counts: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
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
        standings = cls(dict(initial or {}))
        for row in history:
            a, b = row["post_a"], row["post_b"]
            standings.ratings |= {a: row["rating_a_after"], b: row["rating_b_after"]}
            standings.note(a, b, row["winner"])
            if row["judge"] == judge:
                standings.meet(a, b)
            standings.sequence = row["sequence"] + 1
        return standings

    def note(self, a: str, b: str, winner: Winner) -> None:
        """Count a comparison, and what it tells."""
        self.counts[a] += 1
        self.counts[b] += 1
        self.beliefs[a], self.beliefs[b] = narrowed(self.belief(a), self.belief(b), winner)

    def meet(self, a: str, b: str) -> None:
        """Never give this pair to the judge again."""
        self.compared[a].add(b)
        self.compared[b].add(a)

    def rating(self, post: str) -> float:
        """Elo of a post, 1500 for a new one."""
        return self.ratings.get(post, INITIAL_RATING)

    def belief(self, post: str) -> Belief:
        """What is known of a post's strength."""
        return self.beliefs.get(post, Belief())

    def place(self, post: str) -> tuple[float, str]:
        """Where a post stands in this round; the same for the same post after as many rounds."""
        mean, variance = self.belief(post)
        draw = random.Random(f"{post} {self.counts[post]}").gauss()  # noqa: S311 - no secret
        return mean + _SCATTER * math.sqrt(variance) * draw, post


def next_pairs(
    posts: Sequence[str], standings: Standings, per_post: float = math.inf
) -> Iterator[tuple[str, str]]:
    """One round: each post that still waits, with one near it that it has not met.

    Args:
        posts: Ids of the posts.
        standings: What is known, and who met whom.
        per_post: Comparisons a post takes part in before it rests.

    Yields:
        Pairs in which no post occurs twice; posts with the fewest comparisons come first. A post
        that rests is drawn in only when no waiting one is near.
    """
    places = {post: standings.place(post) for post in posts}
    ranked = sorted(places.values())
    waits = {post for post in posts if standings.counts[post] < per_post}
    taken: set[str] = set()
    for post in sorted(waits, key=lambda post: (standings.counts[post], post)):
        if post in taken:
            continue
        met = standings.compared[post]
        spare = None
        for other in _near(ranked, bisect_left(ranked, places[post])):
            if other in taken or other in met:
                continue
            if other in waits:
                partner = other
                break
            spare = spare or other
        else:
            if spare is None:
                continue
            partner = spare
        taken |= {post, partner}
        yield post, partner


def _near(ranked: Sequence[tuple[float, str]], place: int) -> Iterator[str]:
    """The posts around a place, the nearest first."""
    for step in range(1, _REACH + 1):
        for other in (place + step, place - step):
            if 0 <= other < len(ranked):
                yield ranked[other][1]
