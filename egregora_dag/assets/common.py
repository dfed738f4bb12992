"""What the assets of all groups share."""

from typing import Any, Final

from dagster import (
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
