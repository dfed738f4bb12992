"""The Elo store on a database file: comparisons recorded one by one, and a history replayed."""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from egregora_dag.ballots import refit
from egregora_dag.database.duckdb_manager import DuckDBStorageManager
from egregora_dag.database.elo_store import EloStore
from egregora_dag.database.init import initialize_database
from egregora_dag.database.rerating import Weighing, rerate
from egregora_dag.resources import Warehouse
from egregora_dag_tests.benchmarks.measuring import peak_megabytes, report

RECORDED = 1_000
REPLAYED = 1_000_000
POSTS = 10_000
HISTORY = """
INSERT INTO comparisons
SELECT uuid(), 'post-' || a, 'post-' || b, ['a', 'b', 'tie'][1 + i % 3],
  1500, 1500, 1500, 1500, 32, 'bench', now(), i, NULL
FROM (SELECT i, hash(i) % $posts AS a, hash(i + 0.5) % $posts AS b FROM range($rows) r(i))
WHERE a <> b
"""


def main(case: str) -> None:
    """Time `record`, `replay`, `rerate` or `refit`; each comparison recorded is on disk."""
    imported = peak_megabytes()
    with (
        TemporaryDirectory() as folder,
        DuckDBStorageManager(Path(folder) / "bench.duckdb") as storage,
    ):
        initialize_database(storage)
        storage.execute_sql(HISTORY, {"posts": POSTS, "rows": REPLAYED})
        storage.checkpoint()
        store = EloStore(storage)
        started = time.perf_counter()
        if case == "replay":
            store.replay()
        elif case == "rerate":
            with storage.transaction() as connection:
                rerate(connection, Weighing(24, {"bench": 3}))
        elif case == "refit":
            refit(Warehouse(database=str(storage.db_path)))
        else:
            for number in range(RECORDED):
                store.record_comparison(f"post-{number % 97}", f"other-{number % 89}")
        report(time.perf_counter() - started, imported)


if __name__ == "__main__":
    main(sys.argv[1])
