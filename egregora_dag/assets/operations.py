"""Dagster's runs and their steps → the tables that mirror them."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from dagster import AssetExecutionContext, AssetOut, Output, multi_asset

from egregora_dag.assets.common import RETRY, table_options
from egregora_dag.database import mirror
from egregora_dag.database.schemas import RUNS, TASKS


@multi_asset(
    name="read_runs",
    outs={
        "runs": AssetOut(**table_options(RUNS), description=RUNS.description),
        "tasks": AssetOut(**table_options(TASKS), description=TASKS.description),
    },
    group_name="operations",
    retry_policy=RETRY,
)
def read_runs(context: AssetExecutionContext) -> Iterator[Output[Any]]:
    """Reads every run from Dagster's storage anew; a sensor keeps the tables up to date."""
    # From nothing, so that it also mends what was changed behind the pipeline's back.
    whole = {"write_mode": "replace"}
    runs, tasks = mirror.rebuilt(context.instance)
    for name, rows in (("runs", runs), ("tasks", tasks)):
        table: pa.Table = rows
        context.log.info(f"{name}: {table.num_rows} rows")
        yield Output(table, name, metadata=whole)
