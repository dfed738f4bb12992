"""`authors`: people as chats know them."""

import click

from egregora_dag.cli import existing_database, home_option
from egregora_dag.cli.printing import print_table
from egregora_dag.cli.running import finish, progress_shown
from egregora_dag.exceptions import EgregoraError
from egregora_dag.pipeline import Pipeline
from egregora_dag.settings import Home

_LISTED = """
SELECT author, thread_id, count(*), min(timestamp), max(timestamp)
FROM messages WHERE author IS NOT NULL GROUP BY ALL ORDER BY ALL
"""

_thread_option = click.option("--thread", "key", help="Key of the chat; all chats if left out.")


@click.group()
def authors() -> None:
    """List people, and merge those who are one."""


@authors.command("list")
@home_option
def list_authors(home: Home) -> None:
    """Show everybody who wrote: name, chat, messages, first and last."""
    existing_database(home)
    with Pipeline.open(home) as pipeline, pipeline.warehouse.transaction() as connection:
        rows = connection.execute(_LISTED).fetchall()
    print_table(("author", "chat", "messages", "first", "last"), rows, counts=True)


@authors.command()
@click.argument("old")
@click.argument("new")
@_thread_option
@home_option
def merge(old: str, new: str, key: str | None, home: Home) -> None:
    """Let the name NEW stand for OLD, in what is stored and in later exports.

    Ids, documents and ratings stay. What was written about the chats names the person anew; it is
    not written again.
    """
    existing_database(home)
    with progress_shown() as progress, Pipeline.open(home, progress=progress) as pipeline:
        keys, changed = pipeline.merge_authors(old, new, [key] if key else None)
        outcome = pipeline.run(keys)
    click.echo(f"{changed:,} messages are by {new} now.")
    finish(outcome)


@authors.command()
@click.argument("name")
@_thread_option
@home_option
def readmit(name: str, key: str | None, home: Home) -> None:
    """Let NAME, who was forgotten, come again with the next exports."""
    existing_database(home)
    with Pipeline.open(home) as pipeline:
        keys = pipeline.readmit_author(name, [key] if key else None)
    if not keys:
        raise EgregoraError(f"Nobody called {name!r} was forgotten.")
    click.echo(f"The next exports of {', '.join(keys)} are read with {name} again.")
