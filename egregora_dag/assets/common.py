"""What the assets of all groups share."""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from dagster import (
    AssetCheckKey,
    AssetKey,
    AutomationCondition,
    BackfillPolicy,
    Backoff,
    Config,
    DynamicPartitionsDefinition,
    Failure,
    Jitter,
    RetryPolicy,
)

from egregora_dag.database.contracts import Contract
from egregora_dag.discretion import discretion
from egregora_dag.exceptions import EgregoraError
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


_Asset = TypeVar("_Asset", bound=Callable[..., Any])


def fails_for_good(function: _Asset) -> _Asset:
    """What an asset refuses, such as a setting or a file, makes its step fail at once.

    Dagster would try again as the retry policy says, which mends only what passes by itself.

    Args:
        function: The asset's function; it may yield its outputs.

    Returns:
        The function, whose errors Dagster does not try again unless they may pass.
    """

    @functools.wraps(function)
    def returning(*args: Any, **kwargs: Any) -> Any:
        with _refusals():
            return function(*args, **kwargs)

    @functools.wraps(function)
    def yielding(*args: Any, **kwargs: Any) -> Any:
        with _refusals():
            yield from function(*args, **kwargs)

    chosen: Any = yielding if inspect.isgeneratorfunction(function) else returning
    return chosen  # type: ignore[no-any-return]


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        with discretion():
            yield
    except EgregoraError as error:
        if error.may_pass:
            raise
        raise Failure(str(error), allow_retries=False) from error


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
