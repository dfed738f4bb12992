"""Prints a post and the window that it was written from, as Markdown.

    python -m egregora_dag_tests.evaluations.posts HOME THREAD INDEX

HOME is a home of Egregora's, THREAD the key of a chat in it and INDEX a window's place in the
chat, from 0.
"""

from pathlib import Path

import click
import ibis

from egregora_dag.database.functions import to_local
from egregora_dag.database.schemas import DOCUMENTS, MESSAGES, THREADS, WINDOWS
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home


@click.command()
@click.argument("home", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("thread")
@click.argument("index", type=int)
def main(home: Path, thread: str, index: int) -> None:
    """Print the posts of a window, then what people said in it."""
    warehouse = Warehouse(database=str(Home.resolve(home).database))
    windows, documents, messages = WINDOWS.table(), DOCUMENTS.table(), MESSAGES.table()
    here = (windows.thread_id == thread) & (windows.window_index == index)
    found = warehouse.rows(windows.filter(here).drop("config"))
    if not found:
        raise click.ClickException(f"There is no window {index} of a chat {thread!r}.")
    [window] = found
    threads = THREADS.table()
    [chat] = warehouse.rows(threads.filter(threads.thread_id == thread).select("timezone"))
    posts = documents.filter(
        (documents.thread_id == thread) & (documents.doc_type == "post")
    ).select("window_id", "title", "summary", "content")
    for post in warehouse.rows(posts):
        if post["window_id"] == window["window_id"]:
            content = post["content"].replace("\n## ", "\n#### ").removeprefix("## ")
            click.echo(f"### {post['title']}\n\n{post['summary']}\n\n#### {content}")
    said = messages.filter(
        (messages.thread_id == thread)
        & messages.author.notnull()
        & messages.position.between(window["first_position"], window["last_position"])
    ).order_by("position")
    local = to_local(ibis.literal(chat["timezone"]), said.timestamp).name("time")
    rows = warehouse.rows(said.select(local, "author", "content"))
    click.echo(f"#### The window\n\n{len(rows)} messages of people:\n\n````text")
    for row in rows:
        text = " / ".join(row["content"].splitlines())
        click.echo(f"{row['time']:%H:%M} {row['author']}: {text}")
    click.echo("````")


if __name__ == "__main__":
    main()
