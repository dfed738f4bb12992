"""Dagster's runs and their steps → the tables that mirror them; all tables → a copy to read."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from dagster import (
    AssetExecutionContext,
    AssetOut,
    MaterializeResult,
    Output,
    asset,
    multi_asset,
)

from egregora_dag.assets.common import RETRY, WHEN_CHANGED, table_options
from egregora_dag.assets.views import VIEWS
from egregora_dag.database import copies, mirror
from egregora_dag.database.schemas import RUNS, TASKS
from egregora_dag.discretion import discreet
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home


@multi_asset(
    name="read_runs",
    outs={
        "runs": AssetOut(**table_options(RUNS), description=RUNS.description),
        "tasks": AssetOut(**table_options(TASKS), description=TASKS.description),
    },
    group_name="operations",
    retry_policy=RETRY,
)
@discreet
def read_runs(context: AssetExecutionContext) -> Iterator[Output[Any]]:
    """Reads every run from Dagster's storage anew; a sensor keeps the tables up to date."""
    # From nothing, so that it also mends what was changed behind the pipeline's back.
    whole = {"write_mode": "replace"}
    runs, tasks = mirror.rebuilt(context.instance)
    for name, rows in (("runs", runs), ("tasks", tasks)):
        table: pa.Table = rows
        context.log.info(f"{name}: {table.num_rows} rows")
        yield Output(table, name, metadata=whole)


@asset(
    group_name="operations",
    deps=["documents", "elo_ratings", "bradley_terry", *(name for name, *_ in VIEWS)],
    kinds={"duckdb"},
    automation_condition=WHEN_CHANGED,
    retry_policy=RETRY,
)
@discreet
def published_copy(warehouse: Warehouse) -> MaterializeResult[None]:
    """A copy of the database for readers, who may have it open while the pipeline writes.

    It is replaced as a whole, in the home's folder `published`.
    """
    path = copies.publish(Home(warehouse.path.parent), timeout=warehouse.lock_timeout)
    return MaterializeResult(metadata={"bytes": path.stat().st_size})
