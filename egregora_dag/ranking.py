"""Comparisons → ratings: Elo by `database.elo`, and strengths by `bradley_terry`."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from egregora_dag.database.elo import INITIAL_RATING, updated_ratings
from egregora_dag.database.identifiers import make_id
from egregora_dag.database.rerating import Weighing
from egregora_dag.database.schemas import ELO_RATINGS, WINNERS
from egregora_dag.judges.protocol import Judge, JudgingError, Post
from egregora_dag.pairing import Standings, next_pairs

# Standard errors to either side that hold 95 % of a normal distribution.
_SURE: Final = 1.959964
_PLAIN: Final = Weighing()


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


def strengths_of(comparisons: pa.Table, weighing: Weighing) -> pa.Table:
    """How good the posts are by all verdicts at once, and how sure that is.

    Args:
        comparisons: post_a, post_b, winner and judge of each comparison.
        weighing: How much verdicts count.

    Returns:
        Rows of `bradley_terry`: the posts with verdicts that count.
    """
    # Loading SciPy takes a second, and most processes rate nothing.
    from egregora_dag import bradley_terry  # noqa: PLC0415

    judge = pc.dictionary_encode(comparisons["judge"].combine_chunks())
    by_judge = np.array([weighing.weight_of(name) for name in judge.dictionary.to_pylist()])
    weight = by_judge[judge.indices.to_numpy()] if len(judge) else np.zeros(0)
    counting = weight > 0
    told = comparisons.filter(pa.array(counting))
    ids = pa.chunked_array([*told["post_a"].chunks, *told["post_b"].chunks], pa.string())
    posts = pc.dictionary_encode(ids.combine_chunks())
    a, b = posts.indices.to_numpy().astype(np.int64).reshape(2, -1)
    won, tied = (pc.equal(told["winner"], side).to_numpy() for side in ("a", "tie"))
    fitted = bradley_terry.fit(a, b, won + 0.5 * tied, weight[counting], len(posts.dictionary))
    middle = INITIAL_RATING + bradley_terry.POINTS * fitted.values
    reach = _SURE * bradley_terry.POINTS * fitted.errors
    return pa.table(
        {
            "post_id": posts.dictionary,
            "strength": middle,
            "lower": middle - reach,
            "upper": middle + reach,
            "comparisons": np.bincount(np.concatenate([a, b]), minlength=len(posts.dictionary)),
        }
    )


def judged(comparisons: ir.Table) -> ir.Table:
    """What `strengths_of` takes of the comparisons; what is no verdict is left to the checks."""
    valid = comparisons.filter(comparisons.winner.isin(WINNERS))
    return valid.order_by("sequence").select("post_a", "post_b", "winner", "judge")


def compare_posts(
    posts: Sequence[Post],
    standings: Standings,
    judge: Judge,
    *,
    per_post: int,
    now: dt.datetime,
    weighing: Weighing = _PLAIN,
) -> Iterator[dict[str, Any]]:
    """Compare posts until each has its number of comparisons or no partner is left.

    A pair that cannot be judged for now is left to the next run; so is the rest, where the judge
    says that asking on is in vain.

    Args:
        posts: The published posts.
        standings: What was compared before; kept up to date.
        judge: Who judges.
        per_post: How many comparisons a post takes part in before it rests.
        now: The time of the comparisons.
        weighing: How much verdicts count.

    Yields:
        Rows of `comparisons`, by sequence.
    """
    by_id = {post.document_id: post for post in posts}
    k_factor = weighing.k_of(judge.name)
    while pairs := list(next_pairs(list(by_id), standings, per_post)):
        for a, b in pairs:
            # Not met again in this run, whatever comes of it.
            standings.meet(a, b)
            try:
                winner = judge.compare(by_id[a], by_id[b])
            except JudgingError as error:
                if error.final:
                    return
                continue
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
            standings.note(a, b, winner)
