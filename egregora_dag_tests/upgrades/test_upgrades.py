"""The file of every version opens in this release, with all its rows."""

import gzip
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from egregora_dag.checks import run_checks
from egregora_dag.cli import cli
from egregora_dag.database.migrations import all_migrations, pending_migrations, run_migrations
from egregora_dag.database.schemas import CONTRACTS
from egregora_dag.pipeline import Pipeline
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home
from egregora_dag_tests.upgrades import file_of
from egregora_dag_tests.upgrades.make import TITLE, chat

NEWEST = all_migrations()[-1].version
LARGEST = 300_000
TABLES = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' ORDER BY 1"
VIEWS = "SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1"


def unpacked(version: int, folder: Path) -> Home:
    """A home with the file of a version, and nothing else."""
    home = Home(folder / "home")
    home.root.mkdir()
    home.database.write_bytes(gzip.decompress(file_of(version).read_bytes()))
    return home


def content(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, but for what was migrated."""
    with duckdb.connect(home.database, read_only=True) as connection:
        names = [name for (name,) in connection.execute(TABLES).fetchall()]
        return {
            name: connection.execute(f'SELECT * FROM "{name}" ORDER BY ALL').fetchall()
            for name in names
            if name != "schema_migrations"
        }


def test_every_version_has_its_file() -> None:
    missing = [version for version in range(1, NEWEST + 1) if not file_of(version).exists()]
    assert missing == [], "python -m egregora_dag_tests.upgrades.make makes the newest"
    assert all(file_of(n).stat().st_size < LARGEST for n in range(1, NEWEST + 1))


@pytest.mark.parametrize("version", range(1, NEWEST + 1))
def test_a_file_keeps_all_its_rows(version: int, tmp_path: Path) -> None:
    home = unpacked(version, tmp_path)
    before = content(home)
    assert all(before.values())
    assert len(before) > 10
    result = CliRunner().invoke(cli, ["migrate", "--home", str(home.root)])
    assert result.exit_code == 0, result.output
    assert pending_migrations(home.database) == []
    after = content(home)
    assert {name: after[name] for name in before} == before
    assert after.keys() == CONTRACTS.keys() - {"schema_migrations"}


@pytest.mark.parametrize(
    "version",
    # Those between the ends are no other: what they lack, the first lacks too.
    [1, *(pytest.param(n, marks=pytest.mark.torture) for n in range(2, NEWEST)), NEWEST],
)
def test_a_file_satisfies_every_contract_once_it_is_migrated(version: int, tmp_path: Path) -> None:
    home = unpacked(version, tmp_path)
    run_migrations(home.database)
    warehouse = Warehouse(database=str(home.database))
    for contract in CONTRACTS.values():
        found = run_checks(warehouse, contract).items()
        assert {name: list(map(str, wrong)) for name, wrong in found if wrong} == {}
    with duckdb.connect(home.database, read_only=True) as connection:
        for (view,) in connection.execute(VIEWS).fetchall():
            connection.execute(f'FROM "{view}"').fetchall()


@pytest.mark.torture
def test_a_file_of_the_first_version_is_worked_on(tmp_path: Path) -> None:
    home = unpacked(1, tmp_path)
    before = content(home)
    assert CliRunner().invoke(cli, ["migrate", "--home", str(home.root)]).exit_code == 0
    with Pipeline.open(home) as pipeline:
        outcome = pipeline.run(pipeline.add([chat(tmp_path, TITLE, days=6)]))
    assert outcome.succeeded, outcome
    after = content(home)
    for name in ("messages", "generations", "comparisons"):
        assert set(map(str, before[name])) < set(map(str, after[name])), name
    messages = [row for row in after["messages"] if row[1] == "boat"]
    assert len(messages) == 6 * 8
