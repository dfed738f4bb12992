"""A long chat written about by the offline writer, as a process of its own.

What is timed is what the asset `documents` does: reading the messages, writing, storing what was
written, and the rows of `documents` themselves.
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from egregora_dag.adapters import read_export
from egregora_dag.database.schemas import DOCUMENTS, MESSAGES, THREADS, WINDOWS
from egregora_dag.database.threads import Thread, save_thread
from egregora_dag.publishing import publish
from egregora_dag.resources import Warehouse
from egregora_dag.windowing import WindowConfig, windows_of
from egregora_dag.writers import OfflineWriter
from egregora_dag_tests.benchmarks.measuring import peak_megabytes, report

SIZE = 100
THREAD = Thread("load", "Load", "whatsapp", "UTC")


def main(export: str) -> None:
    """Fill a warehouse with a chat, cut it into windows of 100, and time the writing."""
    with TemporaryDirectory() as folder:
        warehouse = Warehouse(database=str(Path(folder, "pipeline.duckdb")))
        warehouse.prepare()
        with warehouse.transaction() as connection:
            save_thread(connection, THREAD)
        rows = pa.Table.from_batches(read_export(export, thread=THREAD.thread_id))
        warehouse.write(MESSAGES, rows)
        cut = windows_of(
            MESSAGES.table(), THREADS.table(), WindowConfig(step_size=SIZE, step_unit="messages")
        )
        warehouse.write(WINDOWS, cut)
        imported = peak_megabytes()
        started = time.perf_counter()
        published = publish(warehouse, THREAD, OfflineWriter(), run_id="benchmark")
        warehouse.write(DOCUMENTS, published.rows)
        report(time.perf_counter() - started, imported)
    assert published.generated > rows.num_rows / SIZE, published


if __name__ == "__main__":
    main(sys.argv[1])
