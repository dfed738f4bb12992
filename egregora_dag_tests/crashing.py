"""Processes that are killed at random moments, and what must hold of the home that they leave."""

import multiprocessing
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from egregora_dag import cli
from egregora_dag.checks import CHECKED, run_checks
from egregora_dag.database import connections
from egregora_dag.database.contracts import differences
from egregora_dag.database.exceptions import DatabaseLockedError
from egregora_dag.database.schemas import CONTRACTS, ELO_RATINGS
from egregora_dag.database.tables import stored_schema
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home
from egregora_dag_tests.conftest import query

# Forked from one that has imported all, as importing takes longer than most of what is killed.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["egregora_dag.cli.running", "egregora_dag_tests.crashing"])

# Seconds to wait for what comes at once where there is nothing else to do.
_PATIENCE: Final = 120

# Table → columns that tell when, or in which run, and so differ between two runs of the same.
TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "threads": ("created_at",),
    "messages": (),
    "imports": (),
    "windows": (),
    "generations": ("usage", "run_id", "created_at"),
    "documents": (),
    "comparisons": ("comparison_id", "timestamp"),
    "elo_ratings": ("last_updated", "created_at"),
    "bradley_terry": ("last_updated",),
}
# Stored for a chat in one transaction; the others grow by small ones.
WHOLE: Final = ("messages", "imports", "windows", "documents")
RANKED: Final = ("comparisons", "elo_ratings", "bradley_terry")
GROWING: Final = ("messages", "imports", "generations", "comparisons")

Rows = Counter[tuple[Any, ...]]
State = Mapping[str, Rows]


def state_of(database: Path) -> State:
    """Every row of the tables, but for what differs between two runs of the same."""
    with connections.connect(database) as connection:
        state = {}
        for table, volatile in TABLES.items():
            known = {name for name, *_ in connection.execute(f"DESCRIBE {table}").fetchall()}
            left = [name for name in volatile if name in known]
            but = f"EXCLUDE ({', '.join(left)})" if left else ""
            rows = connection.execute(f"SELECT * {but} FROM {table}").fetchall()
            state[table] = Counter((repr(row),) for row in rows)
    return state


def counts_of(database: Path) -> dict[str, int] | None:
    """Rows of the tables that only grow, as another process sees them; None while it may not."""
    try:
        with connections.open_waiting(database, read_only=True, timeout=0.05) as connection:
            return {
                table: connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
                for table in GROWING
            }
    except DatabaseLockedError:
        return None


@dataclass
class Kills:
    """How many kills there were of one kind, and when they struck."""

    kind: str
    struck: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        told = ", ".join(f"{self.struck[when]} {when}" for when in ("before", "in", "after"))
        return f"{self.kind}: {self.struck.total()} kills ({told} its writes)"


def killed(
    target: Callable[..., None],
    *arguments: object,
    after: float,
    watched: Callable[[], None] = lambda: None,
) -> None:
    """Run a function in a process of its own, and end that with SIGKILL.

    Args:
        target: The function.
        arguments: What it takes.
        after: Seconds until it is killed.
        watched: Called now and then until then.
    """
    process = _FORKS.Process(target=target, args=arguments)
    process.start()
    deadline = time.monotonic() + after
    while process.is_alive() and (left := deadline - time.monotonic()) > 0:
        watched()
        process.join(min(left, 0.3))
    process.kill()
    process.join()


def said_until_killed(target: Callable[..., None], *arguments: object, after: float) -> list[str]:
    """Kill a function that takes the end of a pipe; returns what it sent.

    Args:
        target: The function.
        *arguments: What it takes before the pipe's end.
        after: Seconds from its first word, which it may take long for on a busy machine.

    Returns:
        All that it said.
    """
    receiving, sending = _FORKS.Pipe(duplex=False)
    process = _FORKS.Process(target=target, args=(*arguments, sending))
    process.start()
    sending.close()
    assert receiving.poll(_PATIENCE)
    time.sleep(after)
    process.kill()
    process.join()
    said = []
    with suppress(EOFError):
        while True:
            said.append(receiving.recv())
    return said


def finished(target: Callable[..., None], *arguments: object) -> float:
    """Run a function in a process of its own; returns how long it took."""
    started = time.monotonic()
    process = _FORKS.Process(target=target, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == 0, f"exit code {process.exitcode}"
    return time.monotonic() - started


def all_finished(target: Callable[..., None], shares: Sequence[Sequence[object]]) -> None:
    """Run a function in several processes at once, each with arguments of its own."""
    processes = [_FORKS.Process(target=target, args=tuple(share)) for share in shares]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(processes)


def command(log: Path, *arguments: str) -> None:
    """A command of `egregora-dag`, whose output goes to a file."""
    with log.open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    cli.main(list(arguments))


def check_sound(database: Path) -> None:
    """The database opens, and every contract is satisfied.

    Ratings follow comparisons in a step of their own, so that they may stand where an earlier run
    left them; all else about them must hold.
    """
    warehouse = Warehouse(database=str(database))
    for contract in CHECKED:
        for name, findings in run_checks(warehouse, contract).items():
            if (contract, name) != (ELO_RATINGS, "equals_replay"):
                severe = [str(finding) for finding in findings if finding.severe]
                assert not severe, (contract.name, name, severe)


def check_columns(database: Path) -> None:
    """The tables are those of the contracts."""
    with connections.connect(database) as connection:
        for contract in CONTRACTS.values():
            stored = stored_schema(connection, contract.name)
            assert stored is not None, contract.name
            assert differences(contract.schema, stored) == []


def when(state: State, before: State, after: State) -> str:
    """Whether a kill struck before, in or after the writes that lead from one state to another."""
    if all(state[table] == rows for table, rows in before.items()):
        return "before"
    done = all(
        state[table].total() == rows.total() if table in RANKED else state[table] == rows
        for table, rows in after.items()
    )
    return "after" if done else "in"


@dataclass
class Runs:
    """`run` of one export in copies of one home, undisturbed and killed.

    Attributes:
        home: A home that holds something already.
        export: The file to import.
        folder: Where copies of the home are made.
    """

    home: Home
    export: Path
    folder: Path

    def __post_init__(self) -> None:
        self.log = self.folder / "output.log"
        self.before = state_of(self.home.database)
        self.calm = self.copy("calm")
        self.seconds = self.complete(self.calm)
        self.after = state_of(self.calm.database)

    def copy(self, name: str) -> Home:
        """A copy of the home."""
        home = Home(self.folder / name)
        shutil.copytree(self.home.root, home.root)
        return home

    def _arguments(self, home: Home) -> Sequence[object]:
        return (self.log, "run", str(self.export), "--home", str(home.root))

    def complete(self, home: Home) -> float:
        """Run without disturbance; returns how long it took."""
        return finished(command, *self._arguments(home))

    def check_complete(self, home: Home) -> None:
        """The home holds what the undisturbed run led to."""
        check_sound(home.database)
        warehouse = Warehouse(database=str(home.database))
        assert not any(run_checks(warehouse, ELO_RATINGS).values())
        state = state_of(home.database)
        for table, rows in self.after.items():
            # Whom a post is compared with depends on how it stands when a round begins.
            if table not in RANKED:
                assert state[table] == rows, table
        posts = "SELECT post_id FROM elo_ratings WHERE comparisons >= 8 ORDER BY post_id"
        for table in ("elo_ratings", "bradley_terry"):
            assert state[table].total() == self.after[table].total()
        assert query(home.database, posts) == query(self.calm.database, posts)

    def kill(self, home: Home, choice: random.Random) -> str:
        """Kill a run at a random moment, and check what it leaves; returns when it struck."""
        seen: dict[str, int] = {}

        def watch() -> None:
            nonlocal seen
            seen = counts_of(home.database) or seen

        moment = choice.uniform(0, self.seconds)
        killed(command, *self._arguments(home), after=moment, watched=watch)
        state = state_of(home.database)
        check_sound(home.database)
        for table, count in seen.items():
            assert state[table].total() >= count, f"{table} lost rows that were committed"
        for table in WHOLE:
            assert state[table] in (self.before[table], self.after[table]), f"half of {table}"
        # What grows does so towards the end of the undisturbed run, row by row.
        written = state["generations"]
        assert self.before["generations"] <= written <= self.after["generations"]
        return when(state, self.before, self.after)
