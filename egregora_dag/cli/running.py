"""`demo` and `run`: the whole main job in one process."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import click
from rich.console import Group
from rich.markdown import Markdown
from rich.panel import Panel
from rich.status import Status
from rich.text import Text

from egregora_dag import settings
from egregora_dag.cli import EXIT_FAILED, EXIT_UNSOUND, home_option
from egregora_dag.cli.options import (
    parsed_columns,
    privacy_options,
    reading_options,
    writer_options,
)
from egregora_dag.cli.printing import cell, console, print_table, printable
from egregora_dag.database.schemas import CONTRACTS, STEP_UNITS
from egregora_dag.pipeline import Outcome, Pipeline, Progress
from egregora_dag.settings import Home

_SAMPLE = "WhatsApp Chat with Fig Lane Allotments.txt"
_SAMPLE_TIMEZONE = "Europe/London"
_COUNTED = ("messages", "windows", "documents", "comparisons", "elo_ratings")
_TOP = 5

_TO_SCREEN = console()
_TO_ERRORS = console(stderr=True)


@click.command()
@home_option
def demo(home: Home) -> None:
    """Run the pipeline on the bundled sample: eight months of an allotment's group chat."""
    with as_file(files("egregora_dag").joinpath("sample", _SAMPLE)) as sample:
        _run(home, [sample], timezone=_SAMPLE_TIMEZONE, show_post=True)


@click.command()
@click.argument("exports", nargs=-1, type=click.Path(path_type=Path))
@home_option
@click.option("--thread", "title", help="The chat that the files belong to, if not their own.")
@reading_options
@privacy_options
@writer_options
@click.option(
    "--fetch-links/--no-fetch-links",
    default=None,
    help="Connect to the pages of links for their titles.  "
    f"[default: ${settings.FETCH_LINKS_VARIABLE} or no]",
)
@click.option("--step-size", type=int, help="Messages, hours or days of a window.")
@click.option("--step-unit", type=click.Choice(STEP_UNITS), help="What a window is measured in.")
@click.option("--rebuild", is_flag=True, help="Replace the chats by what their files say.")
@click.option("--links", is_flag=True, help="Also infer which message answers which.")
def run(
    exports: tuple[Path, ...],
    home: Home,
    title: str | None,
    timezone: str | None,
    source: str | None,
    day_first: bool | None,
    columns: tuple[str, ...],
    pseudonymize: bool | None,
    mask_pii: bool | None,
    writer: str | None,
    model: str | None,
    base_url: str | None,
    fetch_links: bool | None,
    step_size: int | None,
    step_unit: str | None,
    rebuild: bool,
    links: bool,
) -> None:
    """Import EXPORTS, write about what is new, and rank all posts.

    Files are copied into the home's inbox; what was imported before is not imported again. Without
    EXPORTS, everything that waits in the inbox is worked off. How files are to be read and windows
    to be made, what is kept out of them, who writes, and whether links are fetched, is remembered
    for the chat. Pseudonyms and masks hold for what is read from now on; with --rebuild, for all of
    it. With --writer llm, what is written about goes to the language model's address.
    """
    windows = {"step_size": step_size, "step_unit": step_unit}
    reading = {"source": source, "day_first": day_first, "columns": parsed_columns(columns) or None}
    written = {"writer": writer, "model": model, "base_url": base_url}
    privacy = {"pseudonymize": pseudonymize, "mask_pii": mask_pii}
    _run(
        home,
        exports,
        title=title,
        timezone=timezone,
        reading={name: value for name, value in reading.items() if value is not None},
        windows={name: value for name, value in windows.items() if value is not None},
        privacy={name: value for name, value in privacy.items() if value is not None},
        writer={name: value for name, value in written.items() if value is not None},
        enrichments={} if fetch_links is None else {"fetch_links": fetch_links},
        rebuild=rebuild,
        links=links,
    )


def _run(
    home: Home,
    exports: Sequence[Path],
    *,
    title: str | None = None,
    timezone: str | None = None,
    reading: dict[str, Any] | None = None,
    windows: dict[str, object] | None = None,
    privacy: dict[str, bool] | None = None,
    writer: dict[str, str] | None = None,
    enrichments: dict[str, bool] | None = None,
    rebuild: bool = False,
    links: bool = False,
    show_post: bool = False,
) -> None:
    started = time.monotonic()
    with progress_shown() as progress, Pipeline.open(home, progress=progress) as pipeline:
        problems: list[str] = []
        if exports:
            keys = pipeline.add(
                exports,
                title=title,
                timezone=timezone,
                reading=reading,
                windows=windows,
                privacy=privacy,
                writer=writer,
                enrichments=enrichments,
            )
        else:
            _, problems = pipeline.sort_inbox()
            keys = list(pipeline.threads())
            if privacy:
                pipeline.set_privacy(keys, privacy)
            if writer:
                pipeline.set_writer(keys, writer)
            if enrichments:
                pipeline.set_enrichments(keys, enrichments)
        before = _counts(pipeline)
        outcome = pipeline.run(keys, rebuild=rebuild, links=links)
        outcome.failed_checks += problems
        after = _counts(pipeline)
    _show_counts(before, after, len(keys), time.monotonic() - started)
    if not outcome.errors:
        _show_posts(pipeline, show_post=show_post)
    _TO_SCREEN.print("Database:", str(home.database), highlight=False, markup=False, soft_wrap=True)
    _TO_SCREEN.print(
        'Next: [bold]egregora-dag sql "SELECT title, lower FROM top_posts LIMIT 10"[/], or '
        "[bold]egregora-dag dev[/] for the browser.",
        highlight=False,
        soft_wrap=True,
    )
    finish(outcome)


def finish(outcome: Outcome) -> None:
    """Tell what went wrong, if anything, and end with the exit code that says so."""
    for text in outcome.warnings:
        _TO_ERRORS.print(Text(f"Warning: {printable(text)}", "yellow"))
    for text in (*outcome.failed_checks, *outcome.errors):
        _TO_ERRORS.print(Text(f"Error: {printable(text)}", "red"))
    if outcome.errors:
        sys.exit(EXIT_FAILED)
    if outcome.failed_checks:
        sys.exit(EXIT_UNSOUND)


@contextmanager
def progress_shown() -> Iterator[Progress]:
    """Tells on standard error which step is at work and what it says."""
    if not _TO_ERRORS.is_terminal:
        yield lambda step, message: _TO_ERRORS.print(
            Text(f"{step}: {message}" if message else f"{step} …"), soft_wrap=True
        )
        return
    with Status("starting", console=_TO_ERRORS) as status:
        yield lambda step, message: status.update(Text(f"{step} {message}"))


def _counts(pipeline: Pipeline) -> dict[str, int]:
    rows = pipeline.warehouse.rows
    return {
        name: rows(table.aggregate(n=table.count()))[0]["n"]
        for name in _COUNTED
        for table in (CONTRACTS[name].table(),)
    }


def _show_counts(before: dict[str, int], after: dict[str, int], chats: int, seconds: float) -> None:
    rows = [(name, rows, rows - before[name]) for name, rows in after.items()]
    title = f"{chats} chat{'' if chats == 1 else 's'} in {seconds:.1f} s"
    print_table(("table", "rows", "new"), rows, title=title, counts=True)


def _show_posts(pipeline: Pipeline, *, show_post: bool) -> None:
    with pipeline.warehouse.transaction() as connection:
        posts = connection.execute(
            "SELECT strength, lower, upper, p.title, p.date, p.summary, content FROM top_posts p "
            "JOIN documents USING (document_id) "
            "ORDER BY lower DESC NULLS LAST, rating DESC, document_id LIMIT ?",
            [_TOP],
        ).fetchall()
    if not posts:
        return
    rows = [
        (None, None, title, date)
        if strength is None
        else (round(strength), f"{lower:.0f} to {upper:.0f}", title, date)
        for strength, lower, upper, title, date, *_ in posts
    ]
    print_table(("strength", "95 % sure", "post", "date"), rows, title="Top posts")
    if show_post:
        *_, title, _, summary, content = posts[0]
        body = Group(Text(printable(summary)), "", Markdown(printable(content)))
        panel = Panel(body, title=cell(title), padding=(1, 2), width=min(_TO_SCREEN.width, 100))
        _TO_SCREEN.print(panel)
