"""The reference's page: every example runs, in order, on the sample chat's database."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import griffe
import pandas as pd
import pyarrow as pa
import pytest

from egregora_dag.database import connections
from egregora_dag.database.elo_store import EloStore
from egregora_dag.database.migrations import all_migrations
from egregora_dag.database.schemas import CONTRACTS
from egregora_dag.settings import Home
from egregora_dag_tests.conftest import SHARED, query

DOCS = Path(__file__).parents[1] / "docs" / "reference"
PAGE = (DOCS / "database.md").read_text("utf-8")
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
# What the page shows as not to be done.
ILLUSTRATION = re.compile(r"# Less efficient(?s:.*)|^.*# Don't do this!\n", re.MULTILINE)


@pytest.fixture(scope="module")
def names(
    published: Home, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[dict[str, Any], Path, str]]:
    """The names that stand after all examples, the folder they ran in, and what they printed."""
    folder = tmp_path_factory.mktemp("reference")
    site = folder / "my-site"
    site.mkdir()
    database = site / "pipeline.duckdb"
    shutil.copy(published.database, database)
    with connections.connect(database) as connection:
        connection.execute("CREATE TABLE conversations AS FROM messages")
    printed: list[str] = []
    scope: dict[str, Any] = {
        "cutoff": datetime(2025, 3, 1, tzinfo=UTC),
        "data": pa.table({"a": [1]}),
        "print": lambda *values: printed.append(" ".join(map(str, values))),
    }
    with pytest.MonkeyPatch.context() as patch, ExitStack() as opened:
        patch.chdir(folder)
        patch.delenv("DAGSTER_HOME", raising=False)
        for number, block in enumerate(BLOCK.findall(PAGE)):
            code = compile(ILLUSTRATION.sub("", block), f"example {number}", "exec")
            exec(code, scope)
        for name in ("run_store", "task_store", "elo_store", "storage"):
            opened.callback(scope[name].close)
        yield scope, folder, "\n".join(printed)


def test_the_reference_examples_stand_on_the_page_unchanged_but_for_the_packages_name() -> None:
    reference = SHARED / "reference" / "database-reference.md"
    if not reference.exists():
        pytest.skip(f"{reference} is missing")
    text = reference.read_text("utf-8")
    ours = BLOCK.findall(PAGE)
    theirs = [block.replace("egregora.", "egregora_dag.") for block in BLOCK.findall(text)]
    assert theirs
    places = [ours.index(block) for block in theirs]
    assert places == sorted(places)
    directives = re.findall(r"^::: egregora\.(\S+)", text, re.MULTILINE)
    assert re.findall(r"^::: egregora_dag\.(\S+)", PAGE, re.MULTILINE) == directives
    headings = [line for line in text.splitlines() if re.match("#{1,4} ", line)]
    kept = [line for line in PAGE.splitlines() if line in headings]
    assert [line for line in headings if line in kept] == headings


def test_the_storage_examples_give_the_messages_of_the_sample(
    names: tuple[dict[str, Any], Path, str],
) -> None:
    scope, folder, _ = names
    storage = scope["storage"]
    count = storage.row_count("messages")
    recent = storage.read_table("recent_messages")
    assert storage.row_count("recent_messages") == count
    assert recent.timestamp.min().execute() > pd.Timestamp("2025-01-01", tz="UTC")
    assert scope["result"] == (count,)
    assert [table.count().execute() for table in scope["results"]] == [count] * 10
    assert scope["recent"].execute() < count
    assert storage.db_path == (folder / "my-site" / "pipeline.duckdb")


def test_the_view_example_numbers_the_messages_of_a_table_and_leaves_the_pipelines_view(
    names: tuple[dict[str, Any], Path, str],
) -> None:
    scope, *_ = names
    storage = scope["storage"]
    chunks = scope["chunks"].execute()
    assert sorted(chunks.chunk_idx) == list(range(storage.row_count("conversations")))
    [(sql,)] = storage.execute_query(
        "SELECT sql FROM duckdb_views() WHERE view_name = 'chunks' AND NOT temporary"
    )
    assert "conversations" not in sql


def test_the_rating_example_moves_both_ratings(
    names: tuple[dict[str, Any], Path, str],
) -> None:
    scope, _, printed = names
    assert scope["ratings"]["post-123"] == 1516.0
    assert scope["ratings"]["post-456"] == 1484.0
    assert "post-123: 1516.0" in printed
    assert len(scope["top_posts"]) == 10
    with EloStore(scope["storage"]) as store:
        assert store.replay() == store.get_all_ratings()


def test_the_message_examples_find_what_there_is(
    names: tuple[dict[str, Any], Path, str],
) -> None:
    scope, *_ = names
    assert scope["alice_messages"].count().execute() == 0
    january = scope["january_messages"].execute()
    # The sample begins in February.
    assert len(january) == 0
    february = scope["repo"].get_messages_by_date_range(date(2025, 2, 1), date(2025, 2, 28))
    months = [time.month for time in scope["messages"].timestamp.execute()]
    assert february.count().execute() == months.count(2) > 0
    thread = scope["thread"].execute()
    assert len(thread) == 0
    assert list(thread.columns) == list(january.columns)
    conversation = scope["conversation"].execute()
    assert 1 < len(conversation) < 100
    assert conversation.author.nunique() > 1
    assert scope["first"][0] in set(conversation.message_id)


def test_the_run_example_is_a_run_of_dagster_and_of_the_mirror(
    names: tuple[dict[str, Any], Path, str],
) -> None:
    scope, folder, _ = names
    [run] = [run for run in scope["recent_runs"] if run.run_id == scope["run_id"]]
    assert (run.status, run.config) == ("completed", {"source": "whatsapp", "window_size": 7})
    assert (folder / "my-site" / "dagster").is_dir()
    stored = scope["run_store"]._instance.get_run_by_id(str(scope["run_id"]))
    assert stored.status.value == "SUCCESS"


def test_the_document_and_queue_examples_leave_what_they_say(
    names: tuple[dict[str, Any], Path, str],
) -> None:
    scope, _, printed = names
    assert "What we planted" in printed
    assert "enrich_url https://example.org pending" in printed
    assert scope["task_store"].get_task(scope["task_id"]).status == "completed"
    assert "[100, 101, 102]" in printed
    assert isinstance(scope["task_id"], UUID)


def test_the_errors_of_the_last_section_are_raised_as_written(
    names: tuple[dict[str, Any], Path, str],
) -> None:
    _, folder, printed = names
    assert "Table not found: Table 'nonexistent' does not exist." in printed
    assert "Invalid table name: 'invalid-name!' is not a valid name." in printed
    applied = query(folder / "my-site" / "pipeline.duckdb", "FROM schema_migrations")
    assert len(applied) == len(all_migrations())


PROMISED = (
    "duckdb_manager",
    "sequences",
    "elo_store",
    "elo_record",
    "run_store",
    "task_store",
    "message_repository",
    "repository",
    "schemas",
    "ddl",
    "views",
    "migrations",
    "init",
    "protocols",
    "utils",
    "exceptions",
)


def functions(of: griffe.Module | griffe.Class) -> Iterator[griffe.Function]:
    """The public functions of a module and the methods of its classes."""
    for name, member in of.members.items():
        if name.startswith("_") or member.is_alias:
            continue
        if isinstance(member, griffe.Class):
            yield from functions(member)
        elif isinstance(member, griffe.Function):
            yield member


def test_every_public_docstring_says_what_goes_in_and_what_comes_out() -> None:
    package = griffe.load("egregora_dag.database", docstring_parser="google")
    assert isinstance(package, griffe.Module)
    seen = 0
    for name in PROMISED:
        module = package[name]
        for function in functions(module):
            seen += 1
            assert function.docstring, function.path
            sections = {section.kind.value: section.value for section in function.docstring.parsed}
            parameters = [p.name for p in function.parameters if p.name not in {"self", "cls"}]
            described = [p.name for p in sections.get("parameters", [])]
            assert described == parameters, function.path
            if str(function.returns) not in {"None", "Self"}:
                assert {"returns", "yields"} & sections.keys(), function.path
    assert seen > 100


def test_the_pages_are_built_and_hold_every_member_and_every_table(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path)],
        cwd=DOCS.parents[1],
        check=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    page = (tmp_path / "reference" / "database.html").read_text("utf-8")
    for member in (
        "DuckDBStorageManager",
        "elo_store.EloStore.record_comparison",
        "run_migrations",
    ):
        assert member in page
    for name in ("next_sequence_values", "write_table", "execute_view", "checkpoint"):
        assert f'id="egregora_dag.database.duckdb_manager.DuckDBStorageManager.{name}"' in page
    for helper in ("create_table_if_not_exists", "quote_identifier", "ibis_to_duckdb_type"):
        assert f'id="egregora_dag.database.schemas.{helper}"' in page
    tables = (tmp_path / "reference" / "tables.html").read_text("utf-8")
    for contract in CONTRACTS.values():
        assert f'id="{contract.name}"' in tables
        assert all(f"<code>{column}</code>" in tables for column in contract.columns)
    assert "<!-- " not in (DOCS / "database.md").read_text("utf-8").replace("<!-- tables -->", "")
    errors = (tmp_path / "reference" / "exceptions.html").read_text("utf-8")
    assert "SequenceRetryFailedError" in errors
