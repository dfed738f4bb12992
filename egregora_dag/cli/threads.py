"""`threads` and `forget`: chats as such."""

from uuid import UUID

import click

from egregora_dag.adapters import checked_timezone
from egregora_dag.cli import existing_database, home_option
from egregora_dag.cli.printing import print_table
from egregora_dag.cli.running import finish, progress_shown
from egregora_dag.database import threads as chats
from egregora_dag.exceptions import EgregoraError
from egregora_dag.pipeline import Pipeline
from egregora_dag.settings import Home

_LISTED = """
SELECT thread_id, title, t.source, timezone, count(message_id), min(timestamp), max(timestamp)
FROM threads t LEFT JOIN messages USING (thread_id)
GROUP BY ALL ORDER BY thread_id
"""
_IMPORTS = """
SELECT import_id, file, lines, messages, system, continuation, rejected
FROM imports WHERE thread_id = ? ORDER BY file, import_id
"""

_BEYOND = (
    "Out of reach, and yours to remove: backups, folders you exported to, the export on your "
    "phone, and what a language model's provider keeps."
)


@click.group()
def threads() -> None:
    """List and correct the chats."""


@threads.command("list")
@home_option
def list_threads(home: Home) -> None:
    """Show every chat: key, title, source, time zone, messages, first and last."""
    existing_database(home)
    with Pipeline.open(home) as pipeline, pipeline.warehouse.transaction() as connection:
        rows = connection.execute(_LISTED).fetchall()
    print_table(
        ("key", "title", "source", "time zone", "messages", "first", "last"), rows, counts=True
    )


@threads.command()
@click.argument("key")
@home_option
def imports(key: str, home: Home) -> None:
    """Show the files that were read into the chat KEY, and what became of their lines."""
    existing_database(home)
    with Pipeline.open(home) as pipeline, pipeline.warehouse.transaction() as connection:
        chats.get_thread(connection, key)
        rows = connection.execute(_IMPORTS, [key]).fetchall()
    print_table(
        ("import", "file", "lines", "messages", "system", "continuation", "rejected"),
        rows,
        counts=True,
    )


@threads.command()
@click.argument("key")
@click.argument("title")
@home_option
def rename(key: str, title: str, home: Home) -> None:
    """Give the chat KEY another TITLE; its key, messages and documents stay."""
    existing_database(home)
    with Pipeline.open(home) as pipeline, pipeline.warehouse.transaction() as connection:
        thread = chats.get_thread(connection, key)
        chats.save_thread(connection, chats.retitled(thread, title))
    click.echo(f"{key} is called {title} now.")


@threads.command()
@click.argument("source")
@click.argument("target")
@home_option
def merge(source: str, target: str, home: Home) -> None:
    """Move everything of the chat SOURCE into TARGET, and its later exports too."""
    existing_database(home)
    with progress_shown() as progress, Pipeline.open(home, progress=progress) as pipeline:
        pipeline.merge_threads(source, target)
        outcome = pipeline.run([target])
    click.echo(f"{source} is part of {target} now.")
    finish(outcome)


@threads.command("set-timezone")
@click.argument("key")
@click.argument("timezone")
@home_option
def set_timezone(key: str, timezone: str, home: Home) -> None:
    """Read the clock times of the chat KEY in another TIMEZONE; ids stay."""
    existing_database(home)
    zone = checked_timezone(timezone)
    with progress_shown() as progress, Pipeline.open(home, progress=progress) as pipeline:
        with pipeline.warehouse.transaction() as connection:
            moved = chats.set_timezone(connection, chats.get_thread(connection, key), zone)
        outcome = pipeline.run([key])
    click.echo(f"{key}: {moved:,} messages moved to {zone}.")
    finish(outcome)


@threads.command("undo-import")
@click.argument("import_id", type=click.UUID)
@home_option
def undo_import(import_id: UUID, home: Home) -> None:
    """Remove the messages that only the import IMPORT_ID brought (see `threads imports`).

    The file leaves the inbox too, so that it is not imported again.
    """
    existing_database(home)
    with progress_shown() as progress, Pipeline.open(home, progress=progress) as pipeline:
        key, removed = pipeline.undo_import(import_id)
        outcome = pipeline.run([key])
    click.echo(f"{key}: {removed:,} messages removed.")
    finish(outcome)


@click.command()
@home_option
@click.option("--thread", "key", help="Key of the chat to forget, or to forget the author in.")
@click.option("--author", help="Name of the person to forget.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(home: Home, key: str | None, author: str | None, yes: bool) -> None:
    """Remove a chat or a person: messages, documents, and the exports in the inbox.

    A person's name goes from what others wrote, too, and later exports are read without the person
    (see `authors readmit`). The home's site goes, and is made anew when it is next asked for.
    Ratings stay: they hold ids and numbers. Files outside the home, such as backups, the exports on
    your phone and the folders you exported to, are yours to remove.
    """
    if (not key and not author) or author == "":
        raise click.UsageError("Name what to forget with --thread, --author, or both.")
    existing_database(home)
    what = f"{author} in {key or 'all chats'}" if author else f"the chat {key}"
    if not yes:
        click.confirm(f"Remove {what} for good, with the exports in the inbox?", abort=True)
    with progress_shown() as progress, Pipeline.open(home, progress=progress) as pipeline:
        if author:
            removed = pipeline.forget_author(author, [key] if key else None)
            if not removed.keys:
                raise EgregoraError(f"Nobody called {author!r} wrote anything.")
            outcome = pipeline.run(removed.keys)
        else:
            removed = pipeline.forget_thread(key or "")
            outcome = pipeline.rank()
    rows = [(table, count) for table, count in removed.rows.items() if count]
    print_table(("table", "rows"), rows, counts=True)
    for path in removed.files:
        gone = "other chats have it no longer" if not path.exists() else "cannot be read, and stays"
        click.echo(f"{path}: {gone}.")
    for name in removed.named:
        click.echo(
            f"The chat {name} is itself called so; forget it whole with --thread to remove that."
        )
    click.echo(_BEYOND)
    finish(outcome)
