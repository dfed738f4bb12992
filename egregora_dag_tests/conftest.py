"""A warehouse with its tables, and rows to put into it."""

import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from dagster import DagsterInstance
from xdist.scheduler import LoadScopeScheduling

from egregora_dag import inbox
from egregora_dag.database import connections
from egregora_dag.database.contracts import Contract
from egregora_dag.database.identifiers import make_id
from egregora_dag.database.migrations import ensure_schema, run_migrations
from egregora_dag.database.schemas import MESSAGES
from egregora_dag.database.tables import memory_table
from egregora_dag.database.threads import Thread, save_thread
from egregora_dag.database.utils import quote_identifier
from egregora_dag.definitions import definitions_of
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home

SHARED = Path(__file__).parents[2] / "shared"
# What takes long is begun first, so that no process is left with it when the others are done.
LONG = (
    *("e2e/", "test_pipeline", "test_forgetting", "test_crashes", "test_reference", "test_cli"),
    *("test_strangers", "test_crowds", "test_reading", "test_backups", "test_doctor"),
    *("test_task_queue", "test_checks"),
)
# The tests of this folder share one deployment.
DEPLOYED = "egregora_dag_tests/e2e/deployed"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the deployment first, then the other files that take long."""
    items.sort(
        key=lambda item: (
            not item.nodeid.startswith(DEPLOYED),
            not any(name in item.nodeid for name in LONG),
        )
    )


class _ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives each process whole files, and all that share the deployment to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return DEPLOYED if nodeid.startswith(DEPLOYED) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """How tests are shared out to processes."""
    return _ByFile(config, log)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as the migrations leave it, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "pipeline.duckdb"
    run_migrations(path)
    return path


@pytest.fixture
def warehouse(tmp_path: Path, migrated: Path) -> Warehouse:
    """An empty warehouse of this test's own."""
    path = tmp_path / "pipeline.duckdb"
    shutil.copy(migrated, path)
    return Warehouse(database=str(path))


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which the sample chat went through the whole pipeline; not to be changed."""
    home = Home(tmp_path_factory.mktemp("published"))
    home.create()
    ensure_schema(home.database)
    [sample] = (Path(__file__).parents[1] / "egregora_dag" / "sample").glob("*.txt")
    places = inbox.placements(sample)
    inbox.put(home.inbox, places[0])
    with connections.transaction(home.database) as connection:
        [key] = inbox.register(connection, places)
    definitions = definitions_of(home)
    with DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("threads", [key])
        for job in ("import_chats", "link_replies"):
            run = definitions.resolve_job_def(job).execute_in_process
            assert run(instance=instance, partition_key=key).success
        for job in ("rank_posts", "rebuild_mirror"):
            run = definitions.resolve_job_def(job).execute_in_process
            assert run(instance=instance).success
    return home


def query(path: Path, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    with connections.connect(path) as connection:
        return connection.execute(sql, parameters).fetchall()


_CATALOG = (
    "SELECT schema_name, table_name, sql FROM duckdb_tables() ORDER BY ALL",
    "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL",
    "SELECT sequence_name, last_value FROM duckdb_sequences() ORDER BY ALL",
    "SELECT table_name, constraint_text FROM duckdb_constraints() ORDER BY ALL",
)


def content(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What a database is, and a digest of the rows of each table and view."""
    with duckdb.connect(path, read_only=True) as connection:
        found = {sql: connection.execute(sql).fetchall() for sql in _CATALOG}
        names = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
        ).fetchall()
        for schema, name in names:
            table = f"{quote_identifier(schema)}.{quote_identifier(name)}"
            rows = connection.execute(f"SELECT count(*), sum(hash(t)) FROM {table} t")
            found[name] = rows.fetchall()
    return found


def execute(path: Path, *statements: str) -> None:
    """Statements run by somebody who knows nothing of the pipeline."""
    with duckdb.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)


def message_rows(
    thread: str, messages: Iterable[tuple[datetime, str | None, str]], *, first: int = 0
) -> list[dict[str, Any]]:
    """Rows of `messages`, numbered in the order given: UTC time, author (None: system), content."""
    return [
        {
            "message_id": str(make_id("message", thread, position)),
            "thread_id": thread,
            "source": "test",
            "position": position,
            "timestamp": time,
            "author": author,
            "content": content,
            "kind": "system" if author is None else "message",
            "metadata": {
                "file": "chat.txt",
                "line": position + 1,
                "local_time": f"{time:%Y-%m-%d %H:%M:%S}",
                "edited": False,
                "forwarded": False,
                "mentions": [],
                "urls": [],
                "reactions": [],
                "extra": "{}",
            },
        }
        for position, (time, author, content) in enumerate(messages, first)
    ]


def message_table(rows: Iterable[dict[str, Any]]) -> pa.Table:
    """The rows as Arrow data."""
    return memory_table(list(rows), MESSAGES.schema)


def insert(path: Path, contract: Contract, *rows: dict[str, Any]) -> None:
    """Rows put into a table without further ado."""
    with connections.connect(path) as connection:
        connection.register("rows", memory_table(rows, contract.schema))
        connection.execute(f'INSERT INTO "{contract.name}" BY NAME FROM rows')


def add_thread(warehouse: Warehouse, thread_id: str, timezone: str = "UTC") -> Thread:
    """A chat, registered."""
    thread = Thread(thread_id, thread_id.title(), "test", timezone)
    with warehouse.transaction() as connection:
        save_thread(connection, thread)
    return thread


def at(text: str) -> datetime:
    """A time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
