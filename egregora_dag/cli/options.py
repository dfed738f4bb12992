"""Options that several commands share."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from egregora_dag import settings
from egregora_dag.writers import WRITERS

_PRIVACY = (
    click.option(
        "--pseudonymize/--no-pseudonymize",
        default=None,
        help="Store authors as pseudonyms.  [default: $EGREGORA_PSEUDONYMIZE or no]",
    ),
    click.option(
        "--mask-pii/--no-mask-pii",
        default=None,
        help="Mask e-mail addresses, phone and card numbers.  [default: $EGREGORA_MASK_PII or no]",
    ),
)
_WRITER = (
    click.option(
        "--writer",
        type=click.Choice(sorted(WRITERS)),
        help=f"Who writes.  [default: ${settings.WRITER_VARIABLE} or {settings.DEFAULT_WRITER}]",
    ),
    click.option("--model", help="For --writer llm: the language model, as provider:model."),
    click.option(
        "--base-url", help="For --writer llm: address of a server that speaks OpenAI's protocol."
    ),
)
_OPTIONS = (
    click.option(
        "--timezone", help="Zone of the chat's clock, such as Europe/Lisbon.  [default: UTC]"
    ),
    click.option("--source", help="The files' source, if their content should not decide."),
    click.option(
        "--day-first/--month-first",
        default=None,
        help="The order of dates, if the file should not decide.",
    ),
    click.option(
        "--column",
        "columns",
        multiple=True,
        metavar="OURS=THEIRS",
        help="For tables: the file's name for a column, such as author=sender; may be repeated.",
    ),
)


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say how files are to be read."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def privacy_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say what is kept out of what is stored."""
    for option in reversed(_PRIVACY):
        command = option(command)
    return command


def writer_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say who writes."""
    for option in reversed(_WRITER):
        command = option(command)
    return command


def parsed_columns(columns: Sequence[str]) -> dict[str, str]:
    """The mapping that `--column` gives: column of `messages` → the file's name for it.

    Raises:
        click.BadParameter: One is not of the form `OURS=THEIRS`.
    """
    pairs = [column.partition("=") for column in columns]
    for ours, equals, theirs in pairs:
        if not (ours and equals and theirs):
            raise click.BadParameter(
                f"{ours}{equals}{theirs!r} is not of the form OURS=THEIRS, such as author=sender.",
                param_hint="--column",
            )
    return {ours: theirs for ours, _, theirs in pairs}
