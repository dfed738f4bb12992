"""Posts put before a judge: which there are, what is known of them, and a person's verdicts."""

from collections.abc import Iterator

from egregora_dag import ranking
from egregora_dag.database.duckdb_manager import DuckDBStorageManager
from egregora_dag.database.elo import Winner
from egregora_dag.database.elo_record import ComparisonRecord
from egregora_dag.database.elo_store import EloStore
from egregora_dag.database.exceptions import InvalidOperationError
from egregora_dag.database.rerating import Weighing, rerate, stored_weighing
from egregora_dag.database.schemas import BRADLEY_TERRY, COMPARISONS, DOCUMENTS, ELO_RATINGS
from egregora_dag.judges import Post
from egregora_dag.pairing import Standings, next_pairs
from egregora_dag.resources import Warehouse

# The judge whose verdicts are people's.
HUMAN = "human"


def published_posts(warehouse: Warehouse) -> Iterator[Post]:
    """The posts that stand to be compared."""
    table = DOCUMENTS.table()
    published = table.filter((table.doc_type == "post") & (table.status == "published"))
    columns = ("document_id", "title", "summary", "content", "authors", "tags")
    for row in warehouse.rows(published.select(*columns)):
        yield Post(**{**row, "document_id": str(row["document_id"])})


def standings_of(warehouse: Warehouse, judge: str) -> Standings:
    """What all comparisons tell of the posts, and which pairs this judge has seen."""
    history = COMPARISONS.table().order_by("sequence").drop("feedback", "timestamp")
    rated = warehouse.rows(ELO_RATINGS.table().select("post_id", "initial_rating"))
    initial = {row["post_id"]: row["initial_rating"] for row in rated}
    return Standings.of(warehouse.rows(history), judge, initial)


def refit(warehouse: Warehouse) -> int:
    """Bring `bradley_terry` up to date with the comparisons.

    Returns:
        How many posts have a strength.
    """
    with warehouse.transaction() as connection:
        weighing = stored_weighing(connection)
    verdicts = warehouse.read(ranking.judged(COMPARISONS.table()))
    return warehouse.write(BRADLEY_TERRY, ranking.strengths_of(verdicts, weighing)).rows


def rerate_all(warehouse: Warehouse, weighing: Weighing) -> tuple[int, int]:
    """Make all ratings anew, as if verdicts had always counted so, and remember it.

    Args:
        warehouse: Where the comparisons are.
        weighing: How much verdicts count from now on.

    Returns:
        How many comparisons were replayed, and how many posts have a strength.
    """
    with warehouse.transaction() as connection:
        replayed = rerate(connection, weighing)
    return replayed, refit(warehouse)


class Ballot:
    """Pairs of posts for a person, and what the person says of them.

    The database is held only while it is read or written, not while the person thinks.

    Args:
        warehouse: Where posts and comparisons are.
        judge: The person's name as a judge.
    """

    def __init__(self, warehouse: Warehouse, judge: str = HUMAN) -> None:
        self._warehouse = warehouse
        self.judge = judge
        self._posts = {post.document_id: post for post in published_posts(warehouse)}
        self._standings = standings_of(warehouse, judge)
        self._next: tuple[Post, Post] | None = None
        self.votes = 0

    @property
    def pair(self) -> tuple[Post, Post] | None:
        """The pair to vote on: the same until it was voted on or skipped; None at the end."""
        if self._next is None:
            for a, b in next_pairs(list(self._posts), self._standings):
                self._next = self._posts[a], self._posts[b]
                break
        return self._next

    def skip(self) -> None:
        """Leave the pair; it does not come again in this sitting."""
        if self.pair is not None:
            a, b = self.pair
            self._standings.meet(a.document_id, b.document_id)
            self._next = None

    def vote(self, winner: Winner, feedback: str | None = None) -> ComparisonRecord:
        """Record a verdict on the pair; ratings follow at once.

        Args:
            winner: Which post is the better read.
            feedback: What the person says to it.

        Returns:
            The comparison as it is stored: the winner, or the first post of a tie, is `post_a`.

        Raises:
            InvalidOperationError: There is no pair, or the judge's weight is 0.
        """
        if self.pair is None:
            raise InvalidOperationError("vote", "There is no pair left. Write more posts first.")
        a, b = (post.document_id for post in self.pair)
        first, second = (b, a) if winner == "b" else (a, b)
        with DuckDBStorageManager(self._warehouse.path) as storage:
            with storage.connection() as connection:
                k_factor = stored_weighing(connection).k_of(self.judge)
            record = EloStore(storage).record_comparison(
                first, second, k_factor, tie=winner == "tie", judge=self.judge, feedback=feedback
            )
        self._standings.note(a, b, winner)
        self.skip()
        self.votes += 1
        return record
