"""What the assets of all groups share."""

from typing import Any, Final

from dagster import (
    AssetCheckKey,
    AssetKey,
    AutomationCondition,
    BackfillPolicy,
    Backoff,
    Config,
    DynamicPartitionsDefinition,
    Jitter,
    RetryPolicy,
)

from egregora_dag.database.contracts import Contract
from egregora_dag.io_manager import table_schema
from egregora_dag.llm.settings import LlmSettings

THREADS: Final = DynamicPartitionsDefinition(name="threads")
# A materialization fails without harm when the file stays locked, or when another run of the same
# chat was faster; trying again settles both.
RETRY: Final = RetryPolicy(max_retries=2, delay=2, backoff=Backoff.EXPONENTIAL, jitter=Jitter.FULL)

# For what takes longer to make than the change of a document or two is worth.
_AT_MOST: Final = "*/10 * * * *"
_NEWS: Final = AutomationCondition.any_deps_updated() | AutomationCondition.missing().newly_true()
_TIME: Final[AutomationCondition[AssetKey | AssetCheckKey]] = AutomationCondition.cron_tick_passed(
    _AT_MOST
)
# See `ranking` for why the first is not `since_last_handled`.
WHEN_CHANGED: Final = (
    _NEWS.since(AutomationCondition.newly_requested() & ~_NEWS)
    & _TIME.since_last_handled()
    & ~AutomationCondition.any_deps_in_progress()
    & ~AutomationCondition.in_progress()
)


class LlmConfig(LlmSettings, Config):
    """The language model; what is left as it is here, the environment may set."""


def table_options(contract: Contract) -> dict[str, Any]:
    """What Dagster is told of a table's asset: its partitions, columns and kind."""
    metadata: dict[str, Any] = {
        "dagster/column_schema": table_schema(contract),
        "dagster/table_name": f"main.{contract.name}",
        "write_mode": contract.mode,
    }
    if contract.partition:
        metadata["partition_expr"] = contract.partition
    return {"metadata": metadata, "kinds": {"duckdb", "table"}}


def partitioned(contract: Contract) -> dict[str, Any]:
    """The options of a table that is partitioned by chat; many chats may share one run."""
    return {
        **table_options(contract),
        "partitions_def": THREADS,
        "backfill_policy": BackfillPolicy.single_run(),
        "retry_policy": RETRY,
    }
