"""`pseudonyms`: who stands behind them, and that nobody knows any more."""

import click

from egregora_dag.cli import existing_database, home_option
from egregora_dag.cli.printing import print_table
from egregora_dag.pipeline import Pipeline
from egregora_dag.settings import Home

_LISTED = """
SELECT pseudonym, p.author, count(message_id), min(timestamp), max(timestamp)
FROM pseudonyms p LEFT JOIN messages m ON m.author = pseudonym
GROUP BY ALL ORDER BY p.author, pseudonym
"""


@click.group()
def pseudonyms() -> None:
    """Show, or delete for good, who stands behind a pseudonym."""


@pseudonyms.command("list")
@home_option
def list_pseudonyms(home: Home) -> None:
    """Show every pseudonym whose author is kept: author, messages, first and last."""
    existing_database(home)
    with Pipeline.open(home) as pipeline, pipeline.warehouse.transaction() as connection:
        rows = connection.execute(_LISTED).fetchall()
    print_table(("pseudonym", "author", "messages", "first", "last"), rows, counts=True)


@pseudonyms.command()
@home_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(home: Home, yes: bool) -> None:
    """Delete who stands behind all pseudonyms; later imports do not keep it either.

    The same author gets the same pseudonym as before. Who has the home's file `secret` can still
    try names.
    """
    existing_database(home)
    if not yes:
        click.confirm("Delete for good who stands behind all pseudonyms?", abort=True)
    with Pipeline.open(home) as pipeline:
        count = pipeline.delete_pseudonyms()
    click.echo(f"{count:,} names deleted; no import keeps names now, until `pseudonyms keep`.")


@pseudonyms.command()
@home_option
def keep(home: Home) -> None:
    """Keep again who stands behind a pseudonym, of the authors that are read from now on."""
    existing_database(home)
    with Pipeline.open(home) as pipeline:
        pipeline.keep_pseudonyms()
    click.echo("Imports keep names again; those of stored messages come back with `run --rebuild`.")
