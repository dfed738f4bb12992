"""Ratings of posts and the comparisons they come from."""

import json
import math
import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from duckdb import DuckDBPyConnection

from egregora_dag.database.duckdb_manager import DuckDBStorageManager
from egregora_dag.database.elo import (
    INITIAL_RATING,
    K_FACTOR,
    Winner,
    replayed,
    updated_ratings,
)
from egregora_dag.database.elo_record import ComparisonRecord, EloRating
from egregora_dag.database.exceptions import InvalidOperationError
from egregora_dag.database.init import initialize_database

# Who judged a comparison that does not say.
USER: Final = "user"

_RATING: Final = (
    "SELECT post_id, rating, comparisons, wins, losses, ties, last_updated, created_at "
    "FROM main.elo_ratings"
)
_COMPARISON: Final = (
    "SELECT comparison_id, post_a, post_b, winner, rating_a_before, rating_b_before, "
    "rating_a_after, rating_b_after, timestamp, judge, feedback FROM main.comparisons"
)
# The history is stored by sequence, so that a lower bound spares reading it whole.
_STANDING: Final = """
SELECT
  (SELECT rating FROM main.elo_ratings WHERE post_id = $a),
  (SELECT rating FROM main.elo_ratings WHERE post_id = $b),
  (SELECT max(sequence) FROM main.comparisons WHERE sequence >= $known)
"""
_SAVE: Final = """
INSERT INTO main.comparisons (comparison_id, post_a, post_b, winner, rating_a_before,
  rating_b_before, rating_a_after, rating_b_after, timestamp, judge, feedback, k_factor, sequence)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_UPDATE: Final = """
UPDATE main.elo_ratings SET
  rating = if(post_id = $a, $a_after, $b_after),
  comparisons = comparisons + 1,
  wins = wins + ($winner = if(post_id = $a, 'a', 'b'))::BIGINT,
  losses = losses + ($winner = if(post_id = $a, 'b', 'a'))::BIGINT,
  ties = ties + ($winner = 'tie')::BIGINT,
  last_updated = $now
WHERE post_id = $a OR post_id = $b
"""


class EloStore:
    """Elo ratings of posts, and every comparison that led to them.

    A comparison is one transaction: both ratings and the row of the history, so that a replay of
    the history always gives the ratings. Posts are any ids a caller uses.

    Args:
        storage: The storage manager of the database.
        db_path: The database file, instead of a storage manager; the store then opens one, which
            `close` closes.

    Raises:
        InvalidOperationError: Neither is given, or both.
        DatabaseVersionError: The database's tables are of another version.
    """

    def __init__(
        self, storage: DuckDBStorageManager | None = None, *, db_path: Path | None = None
    ) -> None:
        if (storage is None) == (db_path is None):
            raise InvalidOperationError(
                "EloStore", "An Elo store has one database. Give it a storage, or a db_path."
            )
        self._own = None if storage is not None else DuckDBStorageManager(db_path)
        self._storage = storage or self._own or DuckDBStorageManager(db_path)
        self._known = 0
        initialize_database(self._storage)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database, if the store opened it."""
        if self._own is not None:
            self._own.close()

    def initialize_post(self, post_id: str, initial_rating: float = INITIAL_RATING) -> None:
        """Give a post the rating it starts from; one that has a rating keeps it.

        Args:
            post_id: The post.
            initial_rating: Elo to start from; replays start from it too.

        Raises:
            InvalidOperationError: The rating is not a finite number.
        """
        _check(post_id, initial_rating=initial_rating)
        with self._storage.transaction() as connection:
            self._initialize(connection, post_id, initial_rating, datetime.now(UTC))

    @staticmethod
    def _initialize(
        connection: DuckDBPyConnection, post_id: str, rating: float, now: datetime
    ) -> None:
        connection.execute(
            "INSERT INTO main.elo_ratings (post_id, initial_rating, rating, comparisons, wins, "
            "losses, ties, last_updated, created_at) "
            "SELECT $post, $rating, $rating, 0, 0, 0, 0, $now, $now "
            "WHERE NOT EXISTS (FROM main.elo_ratings WHERE post_id = $post)",
            {"post": post_id, "rating": float(rating), "now": now},
        )

    def record_comparison(
        self,
        winner_id: str,
        loser_id: str,
        k_factor: float = K_FACTOR,
        *,
        tie: bool = False,
        judge: str | None = None,
        feedback: object = None,
    ) -> ComparisonRecord:
        """Record which of two posts is better, and what that makes of their ratings.

        A post without a rating starts from 1500. The formula is in `database.elo`.

        Args:
            winner_id: The better post.
            loser_id: The other.
            k_factor: How much the comparison moves a rating.
            tie: Neither is better.
            judge: Who judged; `user` if None.
            feedback: What the judge said, anything that JSON can hold.

        Returns:
            The comparison as it is stored; it is durable when this returns.

        Raises:
            InvalidOperationError: Both are the same post, the factor is not a finite number above
                0, or JSON cannot hold the feedback.
        """
        _check(winner_id, loser_id, k_factor=k_factor)
        if k_factor <= 0:
            raise InvalidOperationError(
                winner_id, f"A K factor of {k_factor} moves no rating. Use one above 0."
            )
        winner: Winner = "tie" if tie else "a"
        said = None if feedback is None else _json(winner_id, feedback)
        with self._storage.transaction() as connection:
            now = datetime.now(UTC)
            posts = (winner_id, loser_id)
            before_a, before_b, sequence = self._standing(connection, *posts, now)
            after = updated_ratings(before_a, before_b, winner, float(k_factor))
            record = ComparisonRecord(
                uuid.uuid4(),
                winner_id,
                loser_id,
                winner,
                before_a,
                before_b,
                *after,
                timestamp=now,
                judge=judge or USER,
                feedback=said,
            )
            connection.execute(_SAVE, [*vars(record).values(), float(k_factor), sequence])
            connection.execute(
                _UPDATE,
                {
                    **dict(zip("ab", posts, strict=True)),
                    **dict(zip(("a_after", "b_after"), after, strict=True)),
                    "winner": winner,
                    "now": now,
                },
            )
        self._known = sequence
        return replace(record, feedback=feedback)

    def _standing(
        self, connection: DuckDBPyConnection, a: str, b: str, now: datetime
    ) -> tuple[float, float, int]:
        """The ratings of two posts, stored now if they were not, and the next sequence number."""
        known = self._known
        while True:
            found = connection.execute(_STANDING, {"a": a, "b": b, "known": known}).fetchone()
            rating_a, rating_b, last = found or (None, None, None)
            if last is not None or known == 0:
                break
            known = 0  # What was last known is gone.
        for post, rating in ((a, rating_a), (b, rating_b)):
            if rating is None:
                self._initialize(connection, post, INITIAL_RATING, now)
        return (
            INITIAL_RATING if rating_a is None else rating_a,
            INITIAL_RATING if rating_b is None else rating_b,
            0 if last is None else last + 1,
        )

    def get_rating(self, post_id: str) -> EloRating:
        """How a post stands.

        Args:
            post_id: The post.

        Returns:
            Its rating and counts; 1500 and no comparisons for a post that has no rating.
        """
        found = self._storage.execute_query_single(f"{_RATING} WHERE post_id = ?", [post_id])
        return EloRating(post_id, INITIAL_RATING) if found is None else EloRating(*found)

    def get_all_ratings(self) -> dict[str, float]:
        """Elo by post, of every post that has one, the best first.

        Returns:
            Rating by post id.
        """
        rows = self._storage.execute_query(
            "SELECT post_id, rating FROM main.elo_ratings ORDER BY rating DESC, post_id"
        )
        return dict(rows)

    def get_top_posts(self, limit: int = 10) -> list[EloRating]:
        """The best posts, the best first; equal ones by id.

        Args:
            limit: How many, at most.

        Returns:
            Their ratings.
        """
        rows = self._storage.execute_query(
            f"{_RATING} ORDER BY rating DESC, post_id LIMIT ?", [max(limit, 0)]
        )
        return [EloRating(*row) for row in rows]

    def get_comparison_history(
        self, post_id: str | None = None, limit: int | None = None
    ) -> list[ComparisonRecord]:
        """Comparisons, the latest first.

        Args:
            post_id: Only those that this post took part in.
            limit: How many, at most; all if None.

        Returns:
            The comparisons.
        """
        rows = self._storage.execute_query(
            f"{_COMPARISON} WHERE $post IS NULL OR post_a = $post OR post_b = $post "
            "ORDER BY sequence DESC LIMIT coalesce($limit::BIGINT, 9223372036854775807)",
            {"post": post_id, "limit": None if limit is None else max(limit, 0)},
        )
        return [_comparison(row) for row in rows]

    def replay(self) -> dict[str, float]:
        """The ratings that the history leads to; they equal those that are stored, bit for bit.

        Returns:
            Elo by post, of every post that was initialized or compared.
        """
        with self._storage.connection() as connection:
            initial = connection.execute("SELECT post_id, initial_rating FROM main.elo_ratings")
            start = dict(initial.fetchall())
            history = connection.execute(
                "SELECT post_a, post_b, winner, k_factor FROM main.comparisons ORDER BY sequence"
            )
            return replayed(_batches(history), start)


def _batches(result: DuckDBPyConnection) -> Iterable[Any]:
    while rows := result.fetchmany(100_000):
        yield from rows


def _comparison(row: tuple[Any, ...]) -> ComparisonRecord:
    record = ComparisonRecord(*row)
    said = record.feedback
    return replace(record, feedback=json.loads(said)) if isinstance(said, str) else record


def _json(post: str, feedback: object) -> str:
    try:
        return json.dumps(feedback, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidOperationError(post, f"JSON cannot hold the feedback: {error}.") from error


def _check(*posts: str, **numbers: float) -> None:
    for post in posts:
        if not isinstance(post, str) or not post:
            raise InvalidOperationError(str(post), f"{post!r} is no post id. Use a string.")
    if len(set(posts)) < len(posts):
        raise InvalidOperationError(
            posts[0], f"Post {posts[0]!r} cannot be compared with itself. Name two posts."
        )
    for name, number in numbers.items():
        if not math.isfinite(number):
            raise InvalidOperationError(posts[0], f"{name} is {number}. Use a finite number.")
