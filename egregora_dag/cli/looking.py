"""`status` and `sql`: what the database holds."""

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click
import duckdb
from duckdb import DuckDBPyConnection
from rich.text import Text

from egregora_dag import settings
from egregora_dag.cli import existing_database, home_option
from egregora_dag.cli.printing import print_table
from egregora_dag.database import connections, copies, limits
from egregora_dag.database.exceptions import DatabaseLockedError
from egregora_dag.exceptions import EgregoraError
from egregora_dag.settings import Home

_BATCH = 10_000
# Seconds for which the pipeline's own reads and writes are waited for, where there is a copy.
_PATIENCE = 2.0


@click.command()
@click.argument("query")
@home_option
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="How rows are printed; json prints one object a line.",
)
def sql(query: str, home: Home, format_: str) -> None:
    """Run a query, read-only, and print its rows."""
    with _reading(home) as connection:
        try:
            result = connection.execute(query)
        except duckdb.Error as error:
            told = limits.shortage(error, home.database) or EgregoraError(str(error))
            raise told from error
        if result is None:
            raise EgregoraError("The query is empty. Write one, such as SELECT * FROM top_posts.")
        names = [column[0] for column in result.description or []]
        rows = _rows(result)
        if format_ == "csv":
            writer = csv.writer(sys.stdout)
            writer.writerow(names)
            writer.writerows(rows)
        elif format_ == "json":
            for row in rows:
                record = dict(zip(names, row, strict=True))
                click.echo(json.dumps(record, ensure_ascii=False, default=str))
        else:
            print_table(names, rows)


@contextmanager
def _reading(home: Home) -> Iterator[DuckDBPyConnection]:
    """A read-only connection that can touch no other file either; to the copy, if need be."""
    connection = _opened(home)
    try:
        connection.execute("SET enable_external_access = false")
        yield connection
    finally:
        connection.close()


def _opened(home: Home) -> DuckDBPyConnection:
    """The database; where somebody keeps it locked, its published copy."""
    database = existing_database(home)
    if (made := copies.published_at(home)) is None:
        return connections.open_waiting(database, read_only=True)
    try:
        patience = min(_PATIENCE, settings.lock_timeout())
        return connections.open_waiting(database, read_only=True, timeout=patience)
    except DatabaseLockedError as error:
        click.echo(
            f"{database} is in use by {error.holder}. This is the copy of "
            f"{made:%Y-%m-%d %H:%M:%S} UTC.",
            err=True,
        )
    return connections.open_waiting(home.published, read_only=True)


def _rows(result: DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while batch := result.fetchmany(_BATCH):
        yield from batch


@click.command()
@home_option
def status(home: Home) -> None:
    """Show tables and views, their rows, when they were last materialized, and their checks."""
    # Here, so that `sql` does not wait for Dagster.
    from dagster import AssetKey  # noqa: PLC0415

    from egregora_dag.checks import CHECKED, CHECKS  # noqa: PLC0415
    from egregora_dag.instance import dagster_instance  # noqa: PLC0415

    applying = {c.name: [check for check in CHECKS if check.applies(c)] for c in CHECKED}
    rows = []
    with _reading(home) as connection, dagster_instance(home) as instance:
        [[path]] = connection.execute(_PATH).fetchall()
        for name, kind in connection.execute(_RELATIONS).fetchall():
            count = connection.execute(f'SELECT count(*) FROM "{name}"').fetchone() or (0,)  # noqa: S608 - a name of the catalog
            event = instance.get_latest_materialization_event(AssetKey(name))
            when = _time(event.timestamp) if event else "never" if name in applying else ""
            label = name if kind == "BASE TABLE" else f"{name} (view)"
            rows.append((label, count[0], when, _checks(instance, name, applying)))
    print_table(("table", "rows", "materialized", "checks"), rows, title=path, counts=True)


_RELATIONS = """
SELECT table_name, table_type FROM information_schema.tables
WHERE table_schema = 'main' ORDER BY table_type, table_name
"""

_PATH = "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"


def _checks(instance: Any, name: str, applying: dict[str, Any]) -> Text:
    """The latest verdict of each check of a table: how many passed, and which did not."""
    from dagster import AssetCheckKey, AssetKey  # noqa: PLC0415

    keys = [AssetCheckKey(AssetKey(name), check.name) for check in applying.get(name, [])]
    if not keys:
        return Text("")
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    states = {key.name: record.status.value for key, record in latest.items()}
    failed = [check for check, state in states.items() if state != "SUCCEEDED"]
    if failed:
        return Text(f"failed: {', '.join(sorted(failed))}", "red")
    return Text(f"{len(states)} of {len(keys)} passed", "green" if states else "")


def _time(timestamp: float) -> str:
    when = datetime.fromtimestamp(timestamp, UTC)
    return f"{when:%Y-%m-%d %H:%M} UTC"
