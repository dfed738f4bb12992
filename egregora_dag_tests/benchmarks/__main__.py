"""Prints every benchmark: `make bench`."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from egregora_dag_tests.benchmarks.elo_case import RECORDED, REPLAYED
from egregora_dag_tests.benchmarks.io_manager_case import ROWS
from egregora_dag_tests.benchmarks.links_case import MESSAGES as LINKED
from egregora_dag_tests.benchmarks.measuring import measure
from egregora_dag_tests.benchmarks.mirror_case import RUNS, STEPS

GENERATOR = Path(__file__).parents[3] / "shared" / "tools" / "make_chat.py"
MESSAGES = 1_000_000
SECONDS, MEGABYTES = 120, 2000
CASES = "egregora_dag_tests.benchmarks."
console = Console(width=120)


def io_manager() -> None:
    cases = {
        "plain CREATE TABLE AS": "plain",
        "this IO manager": "ibis",
        "this IO manager, key verified": "ibis-key",
        "dagster-duckdb-pandas": "pandas",
    }
    with TemporaryDirectory() as folder:
        # In a process of its own, so that its memory is nobody's.
        measure(f"{CASES}io_manager_case", "source", folder, runs=1)
        measured = {
            name: measure(f"{CASES}io_manager_case", case, folder) for name, case in cases.items()
        }
    plain, pandas = measured["plain CREATE TABLE AS"], measured["dagster-duckdb-pandas"]
    goals = {"this IO manager": "≤ 1.5, ≤ 0.25", "this IO manager, key verified": "≤ 2, ≤ 0.25"}
    table = Table(title=f"Inside the IO manager: {ROWS:,} rows read, nine tenths stored")
    columns = (
        "",
        "seconds",
        "peak MB",
        "MB of work",
        "time / plain",
        "work's MB / pandas",
        "goals",
    )
    for name in columns:
        table.add_column(name, justify="right" if name else "left")
    for name, one in measured.items():
        table.add_row(
            name,
            f"{one.seconds:.2f}",
            f"{one.megabytes:.0f}",
            f"{one.work_megabytes:.0f}",
            f"{one.seconds / plain.seconds:.2f}",
            f"{one.work_megabytes / pandas.work_megabytes:.2f}",
            goals.get(name, ""),
        )
    console.print(table)


def pipeline() -> None:
    if not GENERATOR.exists():
        console.print("The pipeline's benchmark is left out: its generator of chats is not here.")
        return
    with TemporaryDirectory() as folder:
        export = Path(folder, "WhatsApp Chat with Load.txt")
        command = [sys.executable, str(GENERATOR), str(MESSAGES), str(export)]
        subprocess.run(command, check=True)
        one = measure(f"{CASES}pipeline_case", str(export), runs=1)
    table = Table(title=f"The whole pipeline: {MESSAGES:,} messages of WhatsApp text")
    for name in ("", "measured", "limit"):
        table.add_column(name, justify="right" if name else "left")
    table.add_row("seconds", f"{one.seconds:.0f}", str(SECONDS))
    table.add_row("peak MB", f"{one.megabytes:.0f}", str(MEGABYTES))
    console.print(table)


def stores() -> None:
    record = measure(f"{CASES}elo_case", "record")
    replay = measure(f"{CASES}elo_case", "replay")
    links = measure(f"{CASES}links_case")
    table = Table(title=f"The library, beside a history of {REPLAYED:,} comparisons")
    for name in ("", "measured", "goal"):
        table.add_column(name, justify="right" if name else "left")
    rate = f"{RECORDED / record.seconds:.0f}"
    table.add_row("record_comparison, each one durable, a second", rate, "≥ 200")
    table.add_row(f"replay of {REPLAYED:,} comparisons, seconds", f"{replay.seconds:.1f}", "≤ 5")
    table.add_row("reply links inferred, messages a second", f"{LINKED / links.seconds:,.0f}", "")
    console.print(table)


def mirror() -> None:
    finished = subprocess.run(
        [sys.executable, "-m", f"{CASES}mirror_case"], check=True, capture_output=True, text=True
    )
    seconds = json.loads(finished.stdout.splitlines()[-1])
    table = Table(title=f"The mirror of {RUNS:,} runs of {STEPS} steps, seconds of a pull")
    for name in ("", "measured", "limit"):
        table.add_column(name, justify="right" if name else "left")
    for label, name, limit in (
        ("the first", "first", "60"),
        ("with nothing new", "nothing", "0.2"),
        ("with one new run", "one", "0.5"),
    ):
        table.add_row(label, f"{seconds[name]:.2f}", limit)
    console.print(table)


if __name__ == "__main__":
    io_manager()
    stores()
    mirror()
    pipeline()
