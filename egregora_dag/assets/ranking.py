"""Documents → comparisons → ratings."""

import datetime as dt

import ibis.expr.types as ir
import pyarrow as pa
from dagster import AssetExecutionContext, AutomationCondition, Config, asset
from pydantic import Field

from egregora_dag import ranking
from egregora_dag.assets.common import RETRY, table_options
from egregora_dag.database.elo import K_FACTOR
from egregora_dag.database.schemas import COMPARISONS, DOCUMENTS, ELO_RATINGS
from egregora_dag.database.tables import memory_table
from egregora_dag.judges import JUDGES, Post, get_judge
from egregora_dag.resources import Warehouse

# Follows the documents of any chat; unlike `eager`, it does not wait for the chats that have none.
# A request settles only the changes before it: `since_last_handled` would forget those that come
# between a request and the tick after it.
_CHANGED = AutomationCondition.any_deps_updated()
_WHEN_DOCUMENTS_CHANGED = (
    _CHANGED.since(AutomationCondition.newly_requested() & ~_CHANGED)
    & ~AutomationCondition.any_deps_in_progress()
    & ~AutomationCondition.in_progress()
)


class JudgeSettings(Config):
    """Who judges, and how often."""

    judge: str = Field("offline", description=f"One of {', '.join(JUDGES)}.")
    comparisons_per_post: int = Field(
        8, description="Comparisons a post takes part in before it rests."
    )
    k_factor: float = Field(K_FACTOR, description="How much a comparison moves a rating.")


@asset(
    group_name="ranking",
    deps=["documents"],
    automation_condition=_WHEN_DOCUMENTS_CHANGED,
    retry_policy=RETRY,
    **table_options(COMPARISONS),
)
def comparisons(
    context: AssetExecutionContext, config: JudgeSettings, warehouse: Warehouse
) -> pa.Table:
    """Which of two posts is the better read, as a judge sees it.

    New posts come first, against posts of similar rating; no judge sees a pair twice, and a post
    that had its number of comparisons rests.
    """
    judge = get_judge(config.judge)
    table = DOCUMENTS.table()
    published = table.filter((table.doc_type == "post") & (table.status == "published"))
    columns = ("document_id", "title", "summary", "content", "authors", "tags")
    posts = [Post(**row) for row in warehouse.rows(published.select(*columns))]
    history = warehouse.rows(COMPARISONS.table().order_by("sequence"))
    rated = warehouse.rows(ELO_RATINGS.table().select("post_id", "initial_rating"))
    initial = {row["post_id"]: row["initial_rating"] for row in rated}
    rows = list(
        ranking.compare_posts(
            posts,
            ranking.Standings.of(history, judge.name, initial),
            judge,
            per_post=config.comparisons_per_post,
            k_factor=config.k_factor,
            now=dt.datetime.now(dt.UTC),
        )
    )
    context.log.info(f"{len(posts)} posts, {len(rows)} new comparisons")
    return memory_table(rows, COMPARISONS.schema)


@asset(
    group_name="ranking",
    automation_condition=AutomationCondition.eager(),
    retry_policy=RETRY,
    **table_options(ELO_RATINGS),
)
def elo_ratings(comparisons: ir.Table) -> ir.Table:
    """How good each post is: its Elo rating after all comparisons, 1500 at the start."""
    return ranking.ratings_of(comparisons)
