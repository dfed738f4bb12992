"""How much each judge counts, and the ratings of all that was judged, made anew by it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from duckdb import DuckDBPyConnection

from egregora_dag.database.elo import K_FACTOR, steps
from egregora_dag.database.exceptions import InvalidOperationError

# The row of `judge_weights` that holds for every judge without one.
OTHERS: Final = ""
_HISTORY: Final = (
    "SELECT sequence, post_a, post_b, winner, judge FROM main.comparisons ORDER BY sequence"
)
_INITIAL: Final = "SELECT post_id, initial_rating FROM main.elo_ratings"
_COLUMNS: Final = ("a_before", "b_before", "a_after", "b_after")
_REPLACE: Final = """
UPDATE main.comparisons AS c SET
  rating_a_before = n.a_before, rating_b_before = n.b_before,
  rating_a_after = n.a_after, rating_b_after = n.b_after, k_factor = n.k_factor
FROM replayed AS n WHERE c.sequence = n.sequence
"""
_RERATE: Final = """
UPDATE main.elo_ratings AS e SET rating = n.rating
FROM rerated AS n WHERE e.post_id = n.post_id AND e.rating <> n.rating
"""


@dataclass(frozen=True)
class Weighing:
    """How much verdicts count.

    Attributes:
        k_factor: How much a comparison moves an Elo rating.
        weights: Weight by judge, 1 where none is given: K is multiplied by it, and for
            Bradley–Terry a verdict counts as so many; 0 ignores the judge.

    Raises:
        InvalidOperationError: K is not a finite number above 0, or a weight none from 0.
    """

    k_factor: float = K_FACTOR
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.k_factor < math.inf:
            raise InvalidOperationError(
                "k_factor", f"A K factor of {self.k_factor} rates nothing. Use one above 0."
            )
        for judge, weight in self.weights.items():
            if not judge or not 0 <= weight < math.inf:
                raise InvalidOperationError(
                    judge, f"{judge!r} cannot weigh {weight}. Name a judge, and a number from 0."
                )

    def weight_of(self, judge: str) -> float:
        """How many verdicts one of this judge counts as."""
        return self.weights.get(judge, 1.0)

    def k_of(self, judge: str) -> float:
        """How much a comparison of this judge moves a rating."""
        return self.k_factor * self.weight_of(judge)


def stored_weighing(connection: DuckDBPyConnection) -> Weighing:
    """How much verdicts count in this database; K 32 and weights of 1 at first."""
    rows = connection.execute("SELECT judge, k_factor, weight FROM main.judge_weights").fetchall()
    k_factors = {judge: k_factor for judge, k_factor, _ in rows}
    weights = {judge: weight for judge, _, weight in rows if judge != OTHERS}
    return Weighing(k_factors.get(OTHERS, K_FACTOR), weights)


def rerate(connection: DuckDBPyConnection, weighing: Weighing) -> int:
    """Make all Elo ratings anew, as if verdicts had always counted so, and remember it.

    Verdicts stay what they were: who judged which posts when, the winner, and what was said. What
    follows from them (K and the ratings before and after) is replaced, so that `elo_ratings` goes
    on to equal a replay. Doing so again with the former numbers brings the former ratings back.

    Args:
        connection: A connection inside a transaction.
        weighing: How much verdicts count from now on.

    Returns:
        How many comparisons were replayed.
    """
    connection.execute("DELETE FROM main.judge_weights")
    connection.executemany(
        "INSERT INTO main.judge_weights VALUES (?, ?, ?)",
        [
            [OTHERS, weighing.k_factor, 1.0],
            *([judge, weighing.k_of(judge), weighing.weights[judge]] for judge in weighing.weights),
        ],
    )
    history = connection.execute(_HISTORY).to_arrow_table()
    # Numbers stand for posts, as they are faster to replay than names.
    both = pa.chunked_array([*history["post_a"].chunks, *history["post_b"].chunks], pa.string())
    posts = pc.dictionary_encode(both.combine_chunks())
    a, b = posts.indices.to_numpy().reshape(2, -1).tolist()
    judges = pc.dictionary_encode(history["judge"].combine_chunks())
    k_of = np.array([weighing.k_of(name) for name in judges.dictionary.to_pylist()], np.float64)
    k_factors = k_of[judges.indices.to_numpy()]
    initial = dict(connection.execute(_INITIAL).fetchall())
    names = posts.dictionary.to_pylist()
    ratings = {post: initial[name] for post, name in enumerate(names) if name in initial}
    games = zip(a, b, history["winner"].to_pylist(), k_factors.tolist(), strict=True)
    numbers = np.fromiter(chain.from_iterable(steps(games, ratings)), np.float64, 4 * len(history))
    columns = dict(zip(_COLUMNS, np.ascontiguousarray(numbers.reshape(-1, 4).T), strict=True))
    replayed = {"sequence": history["sequence"], "k_factor": k_factors, **columns}
    rerated = {
        "post_id": [names[post] for post in ratings],
        "rating": np.array(list(ratings.values()), np.float64),
    }
    connection.register("replayed", pa.table(replayed))
    connection.register("rerated", pa.table(rerated))
    try:
        connection.execute(_REPLACE)
        connection.execute(_RERATE)
    finally:
        connection.unregister("replayed")
        connection.unregister("rerated")
    return len(history)
