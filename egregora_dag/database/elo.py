"""The Elo system, for the stores and the assets alike.

The expected score of A against B is 1 / (1 + 10^((R_B - R_A) / 400)), and a rating moves by K times
the score less the expected one (A. Elo, The Rating of Chessplayers, 1978).
"""

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Final, Literal, TypeAlias, TypeVar

Winner: TypeAlias = Literal["a", "b", "tie"]

Post = TypeVar("Post", bound=Hashable)

INITIAL_RATING: Final = 1500.0
K_FACTOR: Final = 32.0
_SCORES: Final[Mapping[Winner, float]] = {"a": 1.0, "b": 0.0, "tie": 0.5}


def expected_score(rating: float, opponent: float) -> float:
    """The score, between 0 and 1, that a rating lets expect against an opponent's."""
    # Beyond the range of floats, the expectation is certain.
    exponent = (opponent - rating) / 400.0
    return 1.0 / (1.0 + math.pow(10.0, exponent if exponent < 300.0 else 300.0))


def updated_ratings(
    rating_a: float, rating_b: float, winner: Winner, k_factor: float = K_FACTOR
) -> tuple[float, float]:
    """Both ratings after a comparison.

    Args:
        rating_a: Elo of a before.
        rating_b: Elo of b before.
        winner: Which won.
        k_factor: How much a comparison moves a rating.

    Returns:
        Elo of a and of b after it.
    """
    score = _SCORES[winner]
    after_a = rating_a + k_factor * (score - expected_score(rating_a, rating_b))
    after_b = rating_b + k_factor * ((1.0 - score) - expected_score(rating_b, rating_a))
    return after_a, after_b


def steps(
    comparisons: Iterable[tuple[Post, Post, Winner, float]], ratings: dict[Post, float]
) -> Iterator[tuple[float, float, float, float]]:
    """Replay comparisons, one after another.

    Args:
        comparisons: post_a, post_b, winner and K factor, by sequence.
        ratings: The ratings that posts start from, where that is not 1500; kept up to date.

    Yields:
        Elo of a and of b before each comparison, and of a and of b after it.
    """
    for a, b, winner, k_factor in comparisons:
        before = ratings.get(a, INITIAL_RATING), ratings.get(b, INITIAL_RATING)
        after = updated_ratings(*before, winner, k_factor)
        ratings[a], ratings[b] = after
        yield *before, *after


def replayed(
    comparisons: Iterable[tuple[str, str, Winner, float]], initial: Mapping[str, float]
) -> dict[str, float]:
    """The ratings that comparisons lead to, one after another.

    Args:
        comparisons: post_a, post_b, winner and K factor, by sequence.
        initial: The ratings that posts start from, where that is not 1500.

    Returns:
        Rating by post.
    """
    ratings = dict(initial)
    for _ in steps(comparisons, ratings):
        pass
    return ratings
