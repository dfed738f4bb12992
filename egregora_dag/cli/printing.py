"""How commands print."""

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

# Where nobody looks at it, a table is as wide as its content.
_UNLIMITED: Final = 100_000


def console(*, stderr: bool = False) -> Console:
    """A console for standard output or error; as wide as the terminal, if it is one."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else _UNLIMITED)


def printable(value: object) -> str:
    """A value as text without control characters, which could steer the terminal."""
    text = f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else str(value)
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)


def cell(value: object, *, counts: bool = False) -> Text:
    """A value in a table; text in it is taken literally, and counts get their thousands marked."""
    if counts and isinstance(value, int):
        return Text(f"{value:,}")
    return Text("" if value is None else printable(value))


def print_table(
    names: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    counts: bool = False,
) -> None:
    """Print rows under their columns' names; numbers stand to the right.

    Args:
        names: The columns' names.
        rows: Values, in the columns' order.
        title: What stands above the table.
        counts: Whether whole numbers are counts, whose thousands are marked.
    """
    table = Table(title=title, title_justify="left")
    listed = list(rows)
    for place, name in enumerate(names):
        numeric = bool(listed) and all(isinstance(row[place], int | float) for row in listed)
        table.add_column(cell(name), justify="right" if numeric else "left")
    for row in listed:
        table.add_row(
            *(value if isinstance(value, Text) else cell(value, counts=counts) for value in row)
        )
    console().print(table)
