"""Documents → comparisons → ratings."""

import datetime as dt
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

import ibis.expr.types as ir
import pyarrow as pa
from dagster import AssetExecutionContext, AutomationCondition, Config, Output, asset
from pydantic import ConfigDict, Field

from egregora_dag import ranking, settings
from egregora_dag.assets.common import RETRY, LlmConfig, fails_for_good, table_options
from egregora_dag.ballots import HUMAN, published_posts, standings_of
from egregora_dag.database.elo import K_FACTOR
from egregora_dag.database.rerating import Weighing, stored_weighing
from egregora_dag.database.schemas import BRADLEY_TERRY, COMPARISONS, ELO_RATINGS
from egregora_dag.database.tables import memory_table
from egregora_dag.discretion import discreet
from egregora_dag.judges import JUDGES, Judge, SettingError, get_judge
from egregora_dag.llm.settings import llm_settings
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home

# Follows the documents of any chat; unlike `eager`, it does not wait for the chats that have none.
# A request settles only the changes before it: `since_last_handled` would forget those that come
# between a request and the tick after it.
_CHANGED = AutomationCondition.any_deps_updated()
_WHEN_DOCUMENTS_CHANGED = (
    _CHANGED.since(AutomationCondition.newly_requested() & ~_CHANGED)
    & ~AutomationCondition.any_deps_in_progress()
    & ~AutomationCondition.in_progress()
)


# Seconds of judging after which verdicts are stored, so that a crash loses few that were paid for.
_SECONDS: Final = 2.0


class RatingSettings(Config):
    """How much verdicts count."""

    judge_weights: dict[str, float] = Field(
        default={},
        description="How many verdicts one of a judge counts as, by the judge's name. In place of "
        "what `egregora-dag rerate` set; for past comparisons it is that command that sets it.",
    )


class JudgeSettings(RatingSettings):
    """Who judges, and how often."""

    model_config = ConfigDict(hide_input_in_errors=True)

    judge: str | None = Field(
        None,
        description=f"One of {', '.join(JUDGES)}; none: ${settings.JUDGE_VARIABLE} or "
        f"{settings.DEFAULT_JUDGE}.",
    )
    llm: LlmConfig = Field(
        LlmConfig(), description="The language model and its limits, if the judge is llm."
    )
    comparisons_per_post: int = Field(
        8, description="Comparisons a post takes part in before it rests."
    )
    k_factor: float | None = Field(
        None,
        description="How much a comparison moves a rating, before the judge's weight; what "
        f"`egregora-dag rerate` set, or {K_FACTOR:.0f}, if None.",
    )

    def chosen(self, home: Home) -> Judge:
        """The judge, ready for use.

        Args:
            home: Where prompts of the user's own are.

        Raises:
            UnknownNameError: No judge goes by this name.
            SettingError: A setting is one that it cannot work with.
        """
        name = self.judge or settings.judge()
        if name == HUMAN:
            wanted = f"one of {', '.join(JUDGES)}; people judge with `egregora-dag vote`"
            raise SettingError("asset", "judge", name, wanted)
        llm = llm_settings(self.llm.model_dump(exclude_defaults=True))
        # Only a judge that asks a model takes one.
        return get_judge(name, **({"llm": llm, "prompts": home.prompts} if name == "llm" else {}))


def _weighing(
    warehouse: Warehouse, weights: Mapping[str, float], k_factor: float | None = None
) -> Weighing:
    """What is stored, with what a run's config says in its place."""
    with warehouse.transaction() as connection:
        stored = stored_weighing(connection)
    return Weighing(k_factor or stored.k_factor, {**stored.weights, **weights})


@asset(
    group_name="ranking",
    deps=["documents"],
    automation_condition=_WHEN_DOCUMENTS_CHANGED,
    retry_policy=RETRY,
    **table_options(COMPARISONS),
)
@fails_for_good
def comparisons(
    context: AssetExecutionContext, config: JudgeSettings, warehouse: Warehouse
) -> Output[pa.Table]:
    """Which of two posts is the better read, as a judge sees it.

    New posts come first, against posts of similar strength; no judge sees a pair twice, and a post
    that had its number of comparisons rests.
    """
    judge = config.chosen(Home(warehouse.path.parent))
    posts = list(published_posts(warehouse))
    verdicts = ranking.compare_posts(
        posts,
        standings_of(warehouse, judge.name),
        judge,
        per_post=config.comparisons_per_post,
        weighing=_weighing(warehouse, config.judge_weights, config.k_factor),
        now=dt.datetime.now(dt.UTC),
    )
    new = 0
    for rows in _as_they_come(verdicts):
        warehouse.write(COMPARISONS, memory_table(rows, COMPARISONS.schema))
        new += len(rows)
    context.log.info(f"{len(posts)} posts, {new} new comparisons")
    return Output(
        memory_table([], COMPARISONS.schema),
        metadata={"new_comparisons": new, **asdict(judge.usage)},
    )


def _as_they_come(verdicts: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Rows in the lists in which they are stored."""
    rows, since = list[dict[str, Any]](), time.monotonic()
    for row in verdicts:
        rows.append(row)
        if time.monotonic() - since > _SECONDS:
            yield rows
            rows, since = [], time.monotonic()
    if rows:
        yield rows


@asset(
    group_name="ranking",
    automation_condition=AutomationCondition.eager(),
    retry_policy=RETRY,
    **table_options(ELO_RATINGS),
)
@discreet
def elo_ratings(comparisons: ir.Table) -> ir.Table:
    """How good each post is: its Elo rating after all comparisons, 1500 at the start."""
    return ranking.ratings_of(comparisons)


@asset(
    group_name="ranking",
    automation_condition=AutomationCondition.eager(),
    retry_policy=RETRY,
    **table_options(BRADLEY_TERRY),
)
@fails_for_good
def bradley_terry(config: RatingSettings, warehouse: Warehouse, comparisons: ir.Table) -> pa.Table:
    """How good each post is by all comparisons at once, whatever their order, and how sure that is.

    Strengths are on the scale of Elo with 1500 in the middle, each with its 95 % interval.
    """
    verdicts = warehouse.read(ranking.judged(comparisons))
    return ranking.strengths_of(verdicts, _weighing(warehouse, config.judge_weights))
