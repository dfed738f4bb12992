"""What goes into a judge and what comes out of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from egregora_dag.database.elo import Winner
from egregora_dag.exceptions import EgregoraError
from egregora_dag.writers.protocol import Usage


class JudgingError(EgregoraError):
    """No verdict could be had for now; the pair stays uncompared.

    Attributes:
        reason: Type and place of the failure, without any text of the posts.
        final: Whether asking about other pairs would fail as well.
    """

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(f"Not compared: {reason}. The next run tries again.")
        self.reason = reason
        self.final = final


@dataclass(frozen=True)
class Post:
    """A published post as a judge sees it; the fields are the columns of `documents`."""

    document_id: str
    title: str
    summary: str
    content: str
    authors: Sequence[str]
    tags: Sequence[str]


class Judge(Protocol):
    """Says which of two posts is the better read."""

    @property
    def name(self) -> str:
        """Name in settings and in the column `judge`."""

    @property
    def usage(self) -> Usage:
        """What all comparisons so far took."""

    def compare(self, a: Post, b: Post) -> Winner:
        """Which post is better; `tie` when neither is.

        Raises:
            JudgingError: It cannot be told for now.
        """
