"""One IO manager reads five million rows and stores as many; prints the time inside it."""

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pandas as pd
from dagster import AssetsDefinition, SourceAsset, asset, materialize
from dagster._core.storage.db_io_manager import DbIOManager
from dagster_duckdb_pandas import DuckDBPandasIOManager

from egregora_dag.io_manager import DuckDBIbisIOManager
from egregora_dag_tests.benchmarks.measuring import peak_megabytes, report

ROWS = 5_000_000
SOURCE = f"""
CREATE TABLE numbers AS
SELECT i AS id, i % 1000 AS part, hash(i) % 1000000 / 7.0 AS value, 'text of row ' || i AS text
FROM range({ROWS}) t(i)
"""
RESULT = "SELECT id, part, value * 2 AS value, text FROM numbers WHERE id % 10 <> 0"

spent = 0.0


def timed(method: Callable[..., Any]) -> Callable[..., Any]:
    def run(*arguments: Any) -> Any:
        global spent  # noqa: PLW0603 - the one clock of this process
        started = time.perf_counter()
        try:
            return method(*arguments)
        finally:
            spent += time.perf_counter() - started

    return run


def through_ibis(numbers: ibis.Table) -> ibis.Table:
    kept = numbers.filter(numbers.id % 10 != 0)
    return kept.mutate(value=kept.value * 2)


def through_pandas(numbers: pd.DataFrame) -> pd.DataFrame:
    kept = numbers[numbers["id"] % 10 != 0]
    return kept.assign(value=kept["value"] * 2)


def materialized(manager: Any, result: AssetsDefinition) -> None:
    for name in ("handle_output", "load_input"):
        setattr(DbIOManager, name, timed(getattr(DbIOManager, name)))
    source = SourceAsset("numbers", metadata={"schema": "main"})
    assert materialize([source, result], resources={"io_manager": manager}).success


def main(case: str, folder: str) -> None:
    imported = peak_megabytes()
    source = Path(folder, "source.duckdb")
    if case == "source":
        with duckdb.connect(source) as connection:
            connection.execute(SOURCE)
        report(0, imported)
        return
    database = Path(folder, f"{case}.duckdb")
    shutil.copy(source, database)
    if case == "plain":
        timed(lambda: _plain(database))()
    elif case == "pandas":
        manager = DuckDBPandasIOManager(database=str(database), schema="main")
        materialized(manager, asset(name="result")(through_pandas))
    else:
        metadata = {"primary_key": ["id"]} if case == "ibis-key" else {}
        result = asset(name="result", metadata=metadata)(through_ibis)
        materialized(DuckDBIbisIOManager(database=str(database)), result)
    with duckdb.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM result").fetchone() == (ROWS * 9 // 10,)
    database.unlink()
    report(spent, imported)


def _plain(database: Path) -> None:
    with duckdb.connect(database) as connection:
        connection.execute(f"CREATE TABLE result AS {RESULT}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
