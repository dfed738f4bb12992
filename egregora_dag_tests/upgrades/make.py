"""Make the file of the newest schema version: `python -m egregora_dag_tests.upgrades.make`.

It holds what the pipeline makes of a small chat, with rows in every table. Make it with the code
of the release that brings the version, and never again: it stands for the files that people have.

The files of versions 1 to 5, which no release had, hold the rows of version 6's file as far as
their tables have room for them.
"""

import gzip
import sys
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from egregora_dag.ballots import Ballot, rerate_all
from egregora_dag.database import connections
from egregora_dag.database.contracts import Contract
from egregora_dag.database.duckdb_manager import DuckDBStorageManager
from egregora_dag.database.migrations import all_migrations
from egregora_dag.database.rerating import Weighing
from egregora_dag.database.schemas import ANNOTATIONS, CONTRACTS, THUMBNAILS
from egregora_dag.database.tables import memory_table
from egregora_dag.database.task_store import TaskStore
from egregora_dag.pipeline import Pipeline
from egregora_dag.settings import Home
from egregora_dag_tests.upgrades import file_of

TITLE = "Boat"
_PEOPLE = ("Ana", "Bo", "Cy", "דנה")
_WHEN = datetime(2025, 6, 1, 12, tzinfo=UTC)
_PICTURE = b"\x89PNG\r\n\x1a\n"


def chat(folder: Path, title: str, *, days: int) -> Path:
    """The export of a chat that goes on for some days; of more days, it begins with the same."""
    path = folder / f"WhatsApp Chat with {title}.txt"
    lines = [
        f"{day:02d}/03/2025, 1{turn // 4}:{turn * 7 % 60:02d} - {_PEOPLE[(day + turn) % 4]}: "
        f"On day {day} the {title.lower()} needs {turn + 2} planks, who brings the varnish?\n"
        for day in range(1, days + 1)
        for turn in range(8)
    ]
    path.write_text("".join(lines), "utf-8")
    return path


def fill(home: Home) -> None:
    """Put rows into every table of a new home's database."""
    with TemporaryDirectory() as folder, Pipeline.open(home) as pipeline:
        for title, privacy in ((TITLE, {}), ("Kite", {"pseudonymize": True})):
            keys = pipeline.add([chat(Path(folder), title, days=4)], privacy=privacy)
            outcome = pipeline.run(keys, links=True)
            if not outcome.succeeded:
                raise SystemExit(f"The chat was not written about: {outcome}")
        Ballot(pipeline.warehouse).vote("a", 'it\'s "fine"')
        rerate_all(pipeline.warehouse, Weighing(24, {"human": 2}))
        [message, *_] = pipeline.warehouse.execute_query("SELECT message_id FROM messages")
        for contract, row in (
            (ANNOTATIONS, _annotation(str(message[0]))),
            (THUMBNAILS, _thumbnail()),
        ):
            _insert(pipeline, contract, row)
    with DuckDBStorageManager(home.database) as storage:
        TaskStore(storage).enqueue("enrich_url", {"url": "https://example.org/boat"})


def _annotation(message: str) -> dict[str, Any]:
    return {
        "annotation_id": str(uuid.UUID(int=1)),
        "parent_id": message,
        "parent_type": "message",
        "author": "Ana",
        "content": "Is it?",
        "created_at": _WHEN,
    }


def _thumbnail() -> dict[str, Any]:
    size = {"width": 1, "height": 1, "mime": "image/png", "data": _PICTURE}
    return {"thread_id": "boat", "media_path": "a.png", "sha256": "0" * 64, **size}


def _insert(pipeline: Pipeline, contract: Contract, row: Mapping[str, Any]) -> None:
    pipeline.warehouse.write(contract, memory_table([dict(row)], contract.schema))


def main() -> None:
    """Write the file, unless there is one."""
    target = file_of(all_migrations()[-1].version)
    if target.exists():
        raise SystemExit(f"{target.name} is there already; a released version is not made anew.")
    with TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        fill(home)
        with connections.connect(home.database) as connection:
            for name in CONTRACTS:
                rows = connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()
                if rows is None or rows[0] == 0:
                    raise SystemExit(f"The table {name} is empty; let `fill` put a row into it.")
            connection.execute("CHECKPOINT")
        target.write_bytes(gzip.compress(home.database.read_bytes(), 9, mtime=0))
    sys.stdout.write(f"{target.name}: {target.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
