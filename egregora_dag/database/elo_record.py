"""What the Elo store gives back."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from egregora_dag.database.elo import Winner


@dataclass(frozen=True)
class EloRating:
    """How a post stands.

    Attributes:
        post_id: The post.
        rating: Its Elo rating.
        comparisons: Times it was compared.
        wins: Times it was the better one.
        losses: Times it was not.
        ties: Times neither was.
        last_updated: When it was last compared, UTC; None for a post that is not stored.
        created_at: When it was first rated, UTC; None for a post that is not stored.
    """

    post_id: str
    rating: float
    comparisons: int = 0
    wins: int = 0
    losses: int = 0
    ties: int = 0
    last_updated: datetime | None = None
    created_at: datetime | None = None


@dataclass(frozen=True)
class ComparisonRecord:
    """A comparison of two posts, with the ratings before and after it.

    Attributes:
        comparison_id: Its id.
        post_a: One post.
        post_b: The other.
        winner: `a`, `b` or `tie`.
        rating_a_before: Elo of `post_a` before.
        rating_b_before: Elo of `post_b` before.
        rating_a_after: Elo of `post_a` after.
        rating_b_after: Elo of `post_b` after.
        timestamp: When, UTC.
        judge: Who judged.
        feedback: What the judge said, as JSON holds it.
    """

    comparison_id: UUID
    post_a: str
    post_b: str
    winner: Winner
    rating_a_before: float
    rating_b_before: float
    rating_a_after: float
    rating_b_after: float
    timestamp: datetime
    judge: str
    feedback: object = None
