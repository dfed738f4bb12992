"""`migrate`: bring the database to this version."""

import click

from egregora_dag.cli import existing_database, home_option
from egregora_dag.database.migrations import pending_migrations, run_migrations
from egregora_dag.settings import Home


@click.command()
@home_option
@click.option("--dry-run", is_flag=True, help="Only show what is pending.")
def migrate(home: Home, dry_run: bool) -> None:
    """Show what the database lacks to be of this version, and apply it.

    Each migration is a transaction of its own: one that fails leaves the version before it.
    """
    path = existing_database(home)
    pending = pending_migrations(path)
    for migration in pending:
        click.echo(f"{migration.version:04d} {migration.name.replace('_', ' ')}")
    if not pending:
        click.echo("Up to date.")
    elif not dry_run:
        applied = run_migrations(path)
        click.echo(f"Applied {len(applied)} to {path}.")
