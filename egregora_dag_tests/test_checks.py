"""The asset checks see what happened to the file behind the pipeline's back."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    AssetSelection,
    DagsterInstance,
    Definitions,
    define_asset_job,
)
from duckdb import DuckDBPyConnection

from egregora_dag.checks import CHECKED, CHECKS, Finding, asset_checks, run_checks
from egregora_dag.database import connections
from egregora_dag.database.contracts import Contract
from egregora_dag.database.schemas import CONTRACTS
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home
from egregora_dag_tests.conftest import execute, query

GHOST = "00000000-0000-4000-8000-000000000000"
UNTAMPERED = {"columns", "not_null", "nothing_pending"}
# The table, the check that must fail, and what was done to the table. Rows are chosen such that
# nothing else about them is wrong.
TAMPERED: Sequence[tuple[str, str, str]] = (
    (
        "messages",
        "unique_keys",
        "UPDATE messages SET message_id = (SELECT message_id FROM messages WHERE position = 3) "
        "WHERE position = 4",
    ),
    (
        "messages",
        "allowed_values",
        "UPDATE messages SET kind = 'joke' WHERE position IN "
        "(SELECT position FROM messages WHERE kind = 'message' ORDER BY 1 LIMIT 2)",
    ),
    (
        "messages",
        "allowed_values",
        "UPDATE messages SET media_type = 'hologram' WHERE position = 3",
    ),
    (
        "messages",
        "allowed_values",
        "UPDATE messages SET author = NULL WHERE position = "
        "(SELECT min(position) FROM messages WHERE kind = 'message')",
    ),
    (
        "messages",
        "references",
        f"INSERT INTO messages SELECT * REPLACE "
        f"('ghost' AS thread_id, '{GHOST}'::UUID AS message_id) FROM messages WHERE position = 0",
    ),
    (
        "messages",
        "no_gaps",
        "UPDATE messages SET position = 100000 WHERE position = ("
        "  SELECT max(position) FROM messages WHERE position NOT IN ("
        "    SELECT unnest([first_position, last_position]) FROM windows))",
    ),
    ("imports", "unique_keys", "INSERT INTO imports FROM imports"),
    (
        "imports",
        "references",
        f"INSERT INTO imports SELECT * REPLACE "
        f"('ghost' AS thread_id, '{GHOST}'::UUID AS import_id) FROM imports",
    ),
    (
        "windows",
        "unique_keys",
        "INSERT INTO windows SELECT * REPLACE ((SELECT count(*) FROM windows) AS window_index) "
        "FROM windows WHERE window_index = 0",
    ),
    ("reply_links", "unique_keys", "INSERT INTO reply_links FROM reply_links LIMIT 1"),
    (
        "reply_links",
        "references",
        f"UPDATE reply_links SET antecedent_id = '{GHOST}' WHERE message_id = "
        "(SELECT min(message_id) FROM reply_links)",
    ),
    ("windows", "references", "UPDATE windows SET last_position = 100000 WHERE window_index = 0"),
    (
        "windows",
        "no_gaps",
        f"INSERT INTO windows SELECT * REPLACE "
        f"(1000 AS window_index, '{GHOST}'::UUID AS window_id) FROM windows WHERE window_index = 0",
    ),
    ("documents", "unique_keys", "INSERT INTO documents FROM documents LIMIT 1"),
    (
        "documents",
        "allowed_values",
        "UPDATE documents SET doc_type = 'poem' WHERE document_id = "
        "(SELECT min(document_id) FROM documents WHERE doc_type = 'journal')",
    ),
    (
        "documents",
        "references",
        f"UPDATE documents SET window_id = '{GHOST}' WHERE document_id = "
        "(SELECT min(document_id) FROM documents WHERE doc_type = 'journal')",
    ),
    (
        "comparisons",
        "unique_keys",
        "UPDATE comparisons SET comparison_id = "
        "(SELECT comparison_id FROM comparisons WHERE sequence = 0) WHERE sequence = 1",
    ),
    ("comparisons", "allowed_values", "UPDATE comparisons SET winner = 'draw' WHERE sequence = 0"),
    ("comparisons", "allowed_values", "UPDATE comparisons SET post_b = post_a WHERE sequence = 0"),
    ("runs", "unique_keys", "INSERT INTO runs FROM runs LIMIT 1"),
    (
        "runs",
        "allowed_values",
        "UPDATE runs SET status = 'lost' WHERE run_id = (SELECT min(run_id) FROM runs)",
    ),
    ("tasks", "unique_keys", "INSERT INTO tasks FROM tasks LIMIT 1"),
    (
        "tasks",
        "allowed_values",
        "UPDATE tasks SET status = 'lost' WHERE task_id = (SELECT min(task_id) FROM tasks)",
    ),
    (
        "tasks",
        "references",
        f"UPDATE tasks SET run_id = '{GHOST}' WHERE task_id = (SELECT min(task_id) FROM tasks)",
    ),
    ("elo_ratings", "unique_keys", "INSERT INTO elo_ratings FROM elo_ratings LIMIT 1"),
    (
        "elo_ratings",
        "references",
        "INSERT INTO elo_ratings SELECT * REPLACE "
        "('my own' AS post_id, 1500.0 AS initial_rating, 1500.0 AS rating) "
        "FROM elo_ratings LIMIT 1",
    ),
    (
        "elo_ratings",
        "equals_replay",
        "UPDATE elo_ratings SET rating = rating + 1 WHERE post_id = "
        "(SELECT min(post_id) FROM elo_ratings)",
    ),
    ("bradley_terry", "unique_keys", "INSERT INTO bradley_terry FROM bradley_terry LIMIT 1"),
    (
        "bradley_terry",
        "allowed_values",
        "UPDATE bradley_terry SET lower = upper + 1 WHERE post_id = "
        "(SELECT min(post_id) FROM bradley_terry)",
    ),
    (
        "bradley_terry",
        "references",
        "INSERT INTO bradley_terry SELECT * REPLACE ('my own' AS post_id) "
        "FROM bradley_terry LIMIT 1",
    ),
)
# A verdict that no replay understands is a fault of the ratings too.
ALSO: Mapping[str, set[tuple[str, str]]] = {
    "UPDATE comparisons SET winner = 'draw' WHERE sequence = 0": {("elo_ratings", "equals_replay")},
    "UPDATE comparisons SET post_b = post_a WHERE sequence = 0": {("elo_ratings", "equals_replay")},
}


@pytest.fixture
def warehouse(published: Home, tmp_path: Path) -> Warehouse:
    """A copy of the published warehouse."""
    copy = tmp_path / "pipeline.duckdb"
    shutil.copy(published.database, copy)
    return Warehouse(database=str(copy))


def drop_checks(connection: DuckDBPyConnection, contract: Contract) -> None:
    """Make the table anew with its columns, without what it allows in them."""
    described = connection.execute(f'DESCRIBE "{contract.name}"').fetchall()
    columns = ", ".join(
        f'"{name}" {type_}{" NOT NULL" if null == "NO" else ""}'
        for name, type_, null, *_ in described
    )
    connection.execute(f"CREATE TABLE swapped ({columns})")
    connection.execute(f'INSERT INTO swapped FROM "{contract.name}"')
    connection.execute(f'DROP TABLE "{contract.name}"')
    connection.execute(f'ALTER TABLE swapped RENAME TO "{contract.name}"')


def tamper(path: Path, table: str, statement: str) -> None:
    with duckdb.connect(path) as connection:
        drop_checks(connection, CONTRACTS[table])
        connection.execute(statement)


def failing(warehouse: Warehouse, *tables: str) -> dict[tuple[str, str], list[Finding]]:
    """What is found in these tables, or all that are checked, by table and check."""
    with connections.connect(warehouse.path):  # opening the file takes longer than most checks
        return {
            (contract.name, check): findings
            for contract in CHECKED
            if contract.name in tables or not tables
            for check, findings in run_checks(warehouse, contract).items()
            if findings
        }


def test_the_published_chat_has_rows_to_tamper_with(published: Home) -> None:
    for contract in CHECKED:
        assert query(published.database, f"SELECT count(*) > 1 FROM {contract.name}") == [
            (contract.name != "imports",)
        ]


def test_what_the_pipeline_wrote_passes_every_check(warehouse: Warehouse) -> None:
    assert failing(warehouse) == {}


@pytest.mark.parametrize(
    ("table", "check", "statement"),
    TAMPERED,
    ids=[f"{t}-{c}-{n}" for n, (t, c, _) in enumerate(TAMPERED)],
)
def test_exactly_the_check_of_what_was_tampered_with_fails(
    warehouse: Warehouse, table: str, check: str, statement: str
) -> None:
    tamper(warehouse.path, table, statement)
    also = ALSO.get(statement, set())
    found = failing(warehouse, table, *(name for name, _ in also))
    assert set(found) == {(table, check)} | also
    [finding] = found[table, check]
    assert finding.rows >= 1
    assert 1 <= len(finding.keys) <= 5
    weak = {("elo_ratings", "references"), ("bradley_terry", "references")}
    assert finding.severe == ((table, check) not in weak)
    stored = query(warehouse.path, f'SELECT {", ".join(CONTRACTS[table].key)} FROM "{table}"')
    assert set(finding.keys) <= {" ".join(map(str, key)) for key in stored}


def test_every_check_of_every_table_is_tampered_with() -> None:
    # A null cannot get into these columns, and other columns fail every check: both see below.
    # What is pending is no fault of the table: see the tests of publishing.
    covered = {(table, check) for table, check, _ in TAMPERED}
    applicable = {(c.name, check.name) for c in CHECKED for check in CHECKS if check.applies(c)}
    assert {(table, check) for table, check in applicable if check not in UNTAMPERED} == covered


def test_the_number_of_rows_and_their_keys_are_told(warehouse: Warehouse) -> None:
    tamper(
        warehouse.path,
        "messages",
        "UPDATE messages SET kind = 'joke' WHERE kind = 'message' AND position < 40",
    )
    [finding] = failing(warehouse, "messages")["messages", "allowed_values"]
    jokes = query(
        warehouse.path,
        "SELECT message_id::VARCHAR FROM messages WHERE kind = 'joke' ORDER BY message_id",
    )
    assert finding.rows == len(jokes) > 5
    assert list(finding.keys) == [id_ for (id_,) in jokes[:5]]
    assert str(finding).startswith("kind is none of message, system")
    assert f"in {len(jokes)} rows: {jokes[0][0]}" in str(finding)
    assert str(finding).endswith(", …")


@pytest.mark.parametrize("contract", CHECKED, ids=lambda contract: contract.name)
def test_nulls_are_found_with_their_keys(warehouse: Warehouse, contract: Contract) -> None:
    column = [name for name in contract.not_null if name not in contract.key][-1]
    key = query(warehouse.path, f"SELECT min({contract.key[0]}) FROM {contract.name}")[0][0]
    execute(
        warehouse.path,
        f'CREATE TABLE swapped AS FROM "{contract.name}"',
        f'DROP TABLE "{contract.name}"',
        f'ALTER TABLE swapped RENAME TO "{contract.name}"',
        f"""UPDATE "{contract.name}" SET "{column}" = NULL WHERE {contract.key[0]} = '{key}'""",
    )
    [check] = [check for check in CHECKS if check.name == "not_null"]
    [finding] = check.find(warehouse, contract)
    assert (finding.rows, list(finding.keys)) == (1, [str(key)])
    assert finding.problem == f"{column} is null"
    # Columns that may be null are other columns, of which every check speaks.
    for name, findings in run_checks(warehouse, contract).items():
        assert f"column '{column}' is" in findings[0].problem, name


@pytest.mark.parametrize("contract", CHECKED, ids=lambda contract: contract.name)
@pytest.mark.parametrize("change", ["missing", "added", "retyped"])
def test_other_columns_fail_every_check_of_the_table(
    warehouse: Warehouse, contract: Contract, change: str
) -> None:
    statement, problem = {
        "missing": (f'DROP TABLE "{contract.name}"', "the table is missing"),
        "added": (
            f'ALTER TABLE "{contract.name}" ADD COLUMN extra INTEGER',
            "column 'extra' is not expected",
        ),
        "retyped": (
            f'ALTER TABLE "{contract.name}" RENAME "{contract.key[0]}" TO other',
            f"column '{contract.key[0]}' is missing",
        ),
    }[change]
    execute(warehouse.path, statement)
    found = run_checks(warehouse, contract)
    assert list(found) == [check.name for check in CHECKS if check.applies(contract)]
    for findings in found.values():
        assert problem in str(findings[0])


def evaluations(warehouse: Warehouse) -> dict[tuple[str, str], AssetCheckEvaluation]:
    """What Dagster records of a run of the checks alone."""
    definitions = Definitions(
        asset_checks=asset_checks,
        jobs=[define_asset_job("check", AssetSelection.all_asset_checks())],
        resources={"warehouse": warehouse},
    )
    with DagsterInstance.ephemeral() as instance:
        job = definitions.resolve_job_def("check")
        run = job.execute_in_process(instance=instance, raise_on_error=False)
        return {
            (one.asset_key.path[-1], one.check_name): one
            for one in run.get_asset_check_evaluations()
        }


def test_dagster_records_every_check_as_passed(warehouse: Warehouse) -> None:
    found = evaluations(warehouse)
    assert set(found) == {
        (c.name, check.name) for c in CHECKED for check in CHECKS if check.applies(c)
    }
    assert all(one.passed for one in found.values())
    assert {one.metadata["rows"].value for one in found.values()} == {0}


def test_dagster_records_a_failure_as_error_and_a_rating_without_a_document_as_warning(
    warehouse: Warehouse,
) -> None:
    execute(
        warehouse.path,
        "INSERT INTO imports FROM imports",
        *(
            statement
            for table, check, statement in TAMPERED
            if (table, check) == ("elo_ratings", "references")
        ),
    )
    found = evaluations(warehouse)
    failed = {name: one for name, one in found.items() if not one.passed}
    assert set(failed) == {("imports", "unique_keys"), ("elo_ratings", "references")}
    error, warning = failed["imports", "unique_keys"], failed["elo_ratings", "references"]
    assert error.severity == AssetCheckSeverity.ERROR
    assert error.metadata["rows"].value == 2
    assert error.description is not None
    assert warning.description is not None
    assert "import_id is not unique in 2 rows" in error.description
    assert warning.severity == AssetCheckSeverity.WARN
    assert "refers to nothing in documents in 1 row: my own" in warning.description
