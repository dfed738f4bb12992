"""The Elo store on a database file: comparisons recorded one by one, and a history replayed."""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from egregora_dag.database.duckdb_manager import DuckDBStorageManager
from egregora_dag.database.elo_store import EloStore
from egregora_dag.database.init import initialize_database
from egregora_dag_tests.benchmarks.measuring import peak_megabytes, report

RECORDED = 1_000
REPLAYED = 1_000_000
POSTS = 10_000
HISTORY = """
INSERT INTO comparisons
SELECT uuid(), 'post-' || i % $posts, 'post-' || (i * 7 + 1) % $posts, ['a', 'b', 'tie'][1 + i % 3],
  1500, 1500, 1500, 1500, 32, 'bench', now(), i, NULL
FROM range($rows) r(i) WHERE i % $posts <> (i * 7 + 1) % $posts
"""


def main(case: str) -> None:
    """Time `record` or `replay`; every comparison is committed, and so on disk, by itself."""
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
        else:
            for number in range(RECORDED):
                store.record_comparison(f"post-{number % 97}", f"other-{number % 89}")
        report(time.perf_counter() - started, imported)


if __name__ == "__main__":
    main(sys.argv[1])
