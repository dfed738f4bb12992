"""`vote` and `rerate`: people's verdicts on posts, and how much verdicts count."""

import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

import click
from rich.console import Group
from rich.markdown import Markdown
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from egregora_dag.ballots import HUMAN, Ballot, refit, rerate_all
from egregora_dag.cli import existing_database, home_option
from egregora_dag.cli.printing import cell, console, print_table, printable
from egregora_dag.database.elo import K_FACTOR, Winner
from egregora_dag.database.elo_record import ComparisonRecord
from egregora_dag.database.rerating import Weighing
from egregora_dag.exceptions import EgregoraError
from egregora_dag.judges import JUDGES, Post
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home

_WINNERS: Final[dict[str, Winner]] = {"a": "a", "b": "b", "t": "tie"}
_KEYS: Final = "a: the left one   b: the right one   t: neither is better   s: skip   q: quit"
_WIDEST: Final = 160
# A key, and what is said to it.
Answer = tuple[str, str | None]


@click.command()
@home_option
@click.option("--as", "judge", default=HUMAN, show_default=True, help="Whose votes these are.")
@click.option("--feedback", is_flag=True, help="Ask for a remark after each vote.")
@click.option("--browser", is_flag=True, help="Vote on a page of this computer's browser.")
@click.option("--port", default=0, help="Port of that page.  [default: one that is free]")
def vote(home: Home, judge: str, feedback: bool, browser: bool, port: int) -> None:
    """Say which of two posts is the better read; ratings follow at once.

    Keys: a for the left one, b for the right one, t if neither is better, s to skip, q to quit.
    Without a terminal, lines are read instead: a key, and what there is to say to it.
    """
    if judge in JUDGES or not judge:
        raise EgregoraError(
            f"{judge!r} is no name for a person: it is an automatic judge's. Use another with --as."
        )
    warehouse = _warehouse(existing_database(home))
    ballot = Ballot(warehouse, judge)
    try:
        if browser:
            _serve(ballot, port)
        else:
            _ask(ballot, _key_reader(feedback=feedback) if sys.stdin.isatty() else _line)
    finally:
        if ballot.votes:
            refit(warehouse)
    click.echo(f"{ballot.votes} vote{'' if ballot.votes == 1 else 's'} recorded.")


def _serve(ballot: Ballot, port: int) -> None:
    if any(importlib.util.find_spec(name) is None for name in ("starlette", "uvicorn")):
        raise EgregoraError(
            "The page needs a web server. Install it with `pip install 'egregora-dag[ui]'`, or "
            "vote here without --browser."
        )
    from egregora_dag.voting_page import serve  # noqa: PLC0415 - it may not be installed

    try:
        serve(ballot, port, lambda address: click.echo(f"{address}\nCtrl-C ends it.", err=True))
    except OSError as error:
        raise EgregoraError(f"Port {port} cannot be used: {error}. Name another one.") from error


def _ask(ballot: Ballot, read: Callable[[], Answer]) -> None:
    screen = console()
    while (pair := ballot.pair) is not None:
        _show(pair)
        while True:
            key, said = read()
            if key in _WINNERS or key in {"s", "q"}:
                break
            screen.print(_KEYS, markup=False)
        if key == "q":
            return
        if key == "s":
            ballot.skip()
            continue
        titles = {post.document_id: post.title for post in pair}
        _show_ratings(ballot.vote(_WINNERS[key], said), titles)
    screen.print("There is no pair left that you have not seen.")


def _key_reader(*, feedback: bool) -> Callable[[], Answer]:
    """Reads a key of the terminal, and a line after a vote if remarks are wanted."""

    def read() -> Answer:
        try:
            key = click.getchar().lower()
        except (EOFError, KeyboardInterrupt):
            return "q", None
        wanted = feedback and key in _WINNERS
        return key, (
            click.prompt("Why", default="", show_default=False) or None
        ) if wanted else None

    return read


def _line() -> Answer:
    """Reads a line: its first word is the key, the rest is what is said; the end quits."""
    line = sys.stdin.readline()
    key, _, said = line.strip().partition(" ")
    return (key.lower(), said.strip() or None) if line else ("q", None)


def _show(pair: tuple[Post, Post]) -> None:
    screen = console()
    side_by_side = Table.grid(expand=True, padding=(0, 1))
    for _ in pair:
        side_by_side.add_column(ratio=1)
    side_by_side.add_row(*(_panel(key, post) for key, post in zip("ab", pair, strict=True)))
    screen.print(side_by_side, width=min(screen.width, _WIDEST))
    screen.print(_KEYS, markup=False)


def _panel(key: str, post: Post) -> Panel:
    body = Group(
        Text(printable(post.summary)), "", Markdown(printable(post.content), hyperlinks=False)
    )
    title = Text(f"{key}: ") + cell(post.title)
    return Panel(body, title=title, title_align="left", padding=(1, 2))


def _show_ratings(record: ComparisonRecord, titles: dict[str, str]) -> None:
    rows = [
        (round(before), round(after), titles[post])
        for post, before, after in (
            (record.post_a, record.rating_a_before, record.rating_a_after),
            (record.post_b, record.rating_b_before, record.rating_b_after),
        )
    ]
    print_table(("rating before", "now", "post"), rows)


def _weights(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> object:
    pairs = [one.rpartition("=") for one in given]
    try:
        return {judge: float(weight) for judge, _, weight in pairs}
    except ValueError:
        raise click.BadParameter("Give each as JUDGE=WEIGHT, such as human=3.") from None


@click.command()
@home_option
@click.option("--k", "k_factor", default=K_FACTOR, show_default=True, help="The K factor of Elo.")
@click.option(
    "--judge-weight",
    "weights",
    multiple=True,
    callback=_weights,
    metavar="JUDGE=WEIGHT",
    help="How many verdicts one of a judge counts as; 0 ignores it; may be repeated.  [default: 1]",
)
def rerate(home: Home, k_factor: float, weights: object) -> None:
    """Rate all posts anew, as if verdicts had always counted so.

    Verdicts stay; K and the ratings before and after each are replaced. It holds for verdicts to
    come, too. What is not given is as it was at first, so that `rerate` alone undoes all others.
    """
    warehouse = _warehouse(existing_database(home))
    started = time.monotonic()
    weighing = Weighing(k_factor, cast("dict[str, float]", weights))
    comparisons, posts = rerate_all(warehouse, weighing)
    seconds = time.monotonic() - started
    click.echo(f"{comparisons:,} comparisons replayed, {posts:,} posts rated in {seconds:.1f} s.")


def _warehouse(database: Path) -> Warehouse:
    warehouse = Warehouse(database=str(database))
    warehouse.prepare()
    return warehouse
