"""`inspect`: what an export holds, before anything is stored."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click
from rich.text import Text

from egregora_dag.adapters import Inspection, inspect_export
from egregora_dag.cli.options import parsed_columns, reading_options
from egregora_dag.cli.printing import console, print_table, printable


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@reading_options
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How it is printed.",
)
def inspect(
    file: Path,
    timezone: str | None,
    source: str | None,
    day_first: bool | None,
    columns: tuple[str, ...],
    format_: str,
) -> None:
    """Tell what the export FILE holds: its chats, dates and media, and what could not be read."""
    found = inspect_export(
        file,
        timezone=timezone or "UTC",
        day_first=day_first,
        source=source,
        columns=parsed_columns(columns),
    )
    if format_ == "json":
        click.echo(json.dumps(asdict(found), ensure_ascii=False, default=str))
        return
    print_table(("", found.file), list(_facts(found)))
    if len(found.threads) > 1:
        _print_chats(found)
    out = console(stderr=True)
    for warning in found.warnings:
        out.print(Text(f"Warning: {printable(warning)}", "yellow"), soft_wrap=True)


def _facts(found: Inspection) -> Iterator[tuple[str, str]]:
    yield "source", found.source
    if len(found.threads) == 1:
        [chat] = found.threads
        yield "chat", f"{chat.title} ({chat.thread_id})"
    else:
        yield "chats", f"{len(found.threads):,}"
    yield "lines or records", f"{found.lines:,}"
    yield "= messages", f"{found.messages:,}"
    yield "+ system lines", f"{found.system:,}"
    yield "+ continuation lines", f"{found.continuation:,}"
    yield "+ rejected", f"{found.rejected:,}"
    yield "first", f"{found.first:%Y-%m-%d %H:%M:%S} UTC" if found.first else "none"
    yield "last", f"{found.last:%Y-%m-%d %H:%M:%S} UTC" if found.last else "none"
    if found.date_order:
        yield "dates", f"{found.date_order.order}: {found.date_order.found}"
    if found.media.messages:
        types = ", ".join(
            f"{count:,} {name}" for name, count in sorted(found.media.messages.items())
        )
        yield "media", types
        held = "" if found.media.found is None else f", {found.media.found:,} files in the archive"
        yield "media with a file name", f"{found.media.named:,}{held}"
    for thread, lines in found.rejected_lines.items():
        label = "rejected" if len(found.threads) == 1 else f"rejected of {thread}"
        yield label, ", ".join(map(str, lines))


def _print_chats(found: Inspection) -> None:
    rows = [
        (
            chat.title,
            chat.thread_id,
            chat.tally.lines,
            chat.tally.messages,
            chat.tally.system,
            chat.tally.rejected,
            chat.first,
            chat.last,
        )
        for chat in found.threads
    ]
    names = ("chat", "key", "lines", "messages", "system", "rejected", "first", "last")
    print_table(names, rows, counts=True)
