"""`backup` and `restore`: a home kept elsewhere, and made anew."""

from pathlib import Path

import click

from egregora_dag import backups
from egregora_dag.cli import existing_database, home_option
from egregora_dag.cli.running import finish
from egregora_dag.pipeline import Outcome
from egregora_dag.settings import Home

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("folder", type=_FOLDER)
@home_option
def backup(folder: Path, home: Home) -> None:
    """Write all that the home holds into FOLDER, which is empty or missing.

    Runs may go on meanwhile. The folder holds chats as they are, and the key of pseudonyms: keep
    it as safe as the home.
    """
    existing_database(home)
    made = backups.back_up(home, folder)
    click.echo(
        f"{made.tables} tables with {made.rows:,} rows, {made.files} files, "
        f"{made.size / 1e6:,.1f} MB in {folder}"
    )


@click.command()
@click.argument("folder", type=_FOLDER)
@home_option
def restore(folder: Path, home: Home) -> None:
    """Make the home, which is empty or missing, of the backup in FOLDER.

    Every file is verified first. A backup of an older version is brought up to date.
    """
    broken = backups.restore(folder, home)
    click.echo(f"{home.root} holds what was backed up in {folder}.")
    finish(Outcome(failed_checks=broken))
