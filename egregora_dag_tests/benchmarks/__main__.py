"""Prints every benchmark, or those that are named: `make bench`, `make bench ONLY=reading`."""

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
from egregora_dag_tests.benchmarks.reading_case import JSON_SOURCES
from egregora_dag_tests.benchmarks.site_case import POSTS
from egregora_dag_tests.benchmarks.writing_case import SIZE as WINDOW

GENERATOR = Path(__file__).parents[3] / "shared" / "tools" / "make_chat.py"
MESSAGES, JSON_MESSAGES = 1_000_000, 500_000
PEERS = {"whatstk": "≥ 10", "whatstk_told": "", "chat_miner": "≥ 10"}
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


def chat(folder: str, messages: int) -> Path:
    """A WhatsApp text of so many messages."""
    export = Path(folder, f"WhatsApp Chat with Load {messages}.txt")
    command = [sys.executable, str(GENERATOR), str(messages), str(export)]
    subprocess.run(command, check=True)
    return export


def reading() -> None:
    if not GENERATOR.exists():
        console.print("The readers' benchmark is left out: its generator of chats is not here.")
        return
    case = f"{CASES}reading_case"
    with TemporaryDirectory() as folder:
        export = chat(folder, MESSAGES)
        ours = measure(case, "ours", str(export))
        larger = measure(case, "ours", str(chat(folder, 4 * MESSAGES)))
        peers = {name: measure(case, name, str(export), runs=1) for name in PEERS}
    table = Table(title=f"WhatsApp text to rows: {MESSAGES:,} messages")
    for name in ("", "messages a second", "this reader / it", "peak MB", "goals"):
        table.add_column(name, justify="right" if name else "left")
    for name, one, goal in (
        ("this reader", ours, "≥ 300,000 a second, ≤ 1000 MB"),
        *((name, one, PEERS[name]) for name, one in peers.items()),
    ):
        ratio = "" if one is ours else f"{one.seconds / ours.seconds:.1f}"
        rate = f"{MESSAGES / one.seconds:,.0f}"
        table.add_row(name, rate, ratio, f"{one.megabytes:.0f}", goal)
    factor = f"{larger.seconds / ours.seconds:.2f}"
    rate = f"{4 * MESSAGES / larger.seconds:,.0f}"
    name = f"this reader, {4 * MESSAGES:,}: {factor} times the time"
    table.add_row(name, rate, "", f"{larger.megabytes:.0f}", "≤ 4.5 times")
    console.print(table)


def json_reading() -> None:
    case = f"{CASES}reading_case"
    table = Table(title=f"JSON to rows: {JSON_MESSAGES:,} messages")
    for name in ("", "megabytes of the file", "messages a second", "peak MB", "goal"):
        table.add_column(name, justify="right" if name else "left")
    with TemporaryDirectory() as folder:
        for source in JSON_SOURCES:
            ending = "ndjson" if source == "ndjson" else "json"
            path = Path(folder, f"{source}-{JSON_MESSAGES}.{ending}")
            measure(case, "written", str(path), runs=1)
            one = measure(case, "ours", str(path))
            size = f"{path.stat().st_size / 1e6:.0f}"
            rate = f"{JSON_MESSAGES / one.seconds:,.0f}"
            table.add_row(source, size, rate, f"{one.megabytes:.0f}", "≥ 150,000 a second")
            path.unlink()
    console.print(table)


def pipeline() -> None:
    if not GENERATOR.exists():
        console.print("The pipeline's benchmark is left out: its generator of chats is not here.")
        return
    with TemporaryDirectory() as folder:
        export = chat(folder, MESSAGES)
        one = measure(f"{CASES}pipeline_case", str(export), runs=1)
    table = Table(title=f"The whole pipeline: {MESSAGES:,} messages of WhatsApp text")
    for name in ("", "measured", "limit"):
        table.add_column(name, justify="right" if name else "left")
    table.add_row("seconds", f"{one.seconds:.0f}", str(SECONDS))
    table.add_row("peak MB", f"{one.megabytes:.0f}", str(MEGABYTES))
    console.print(table)


def writing() -> None:
    if not GENERATOR.exists():
        console.print("The writer's benchmark is left out: its generator of chats is not here.")
        return
    with TemporaryDirectory() as folder:
        one = measure(f"{CASES}writing_case", str(chat(folder, MESSAGES)), runs=1)
    windows = MESSAGES // WINDOW
    table = Table(title=f"The offline writer: {windows:,} windows of {WINDOW} messages")
    for name in ("", "measured", "limit"):
        table.add_column(name, justify="right" if name else "left")
    table.add_row("seconds, reading and storing among them", f"{one.seconds:.0f}", "60")
    table.add_row("windows a second", f"{windows / one.seconds:,.0f}", "")
    table.add_row("peak MB", f"{one.megabytes:.0f}", "")
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


def replay() -> None:
    rerated, refitted = (measure(f"{CASES}elo_case", case) for case in ("rerate", "refit"))
    table = Table(title=f"Another K and other weights for {REPLAYED:,} comparisons")
    for name in ("", "measured", "limit"):
        table.add_column(name, justify="right" if name else "left")
    table.add_row("replayed and stored, seconds", f"{rerated.seconds:.1f}", "≤ 5")
    table.add_row("strengths fitted anew, seconds", f"{refitted.seconds:.1f}", "")
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


def site() -> None:
    cases = {
        "Markdown, all new": "new",
        "Markdown, nothing new": "again",
        "the site, Markdown the same": "site",
    }
    table = Table(title=f"An export of {POSTS:,} posts")
    for name in ("", "seconds", "peak MB of Python", "peak MB of the generator", "goal"):
        table.add_column(name, justify="right" if name else "left")
    with TemporaryDirectory() as folder:
        for name, case in cases.items():
            finished = subprocess.run(
                [sys.executable, "-m", f"{CASES}site_case", case, folder],
                check=True,
                capture_output=True,
                text=True,
            )
            one = json.loads(finished.stdout.splitlines()[-1])
            programs = f"{one['programs']:.0f}" if case == "site" else ""
            goal = "≤ 120 s" if case == "site" else ""
            table.add_row(name, f"{one['seconds']:.0f}", f"{one['python']:.0f}", programs, goal)
    console.print(table)


BENCHMARKS = (
    reading,
    json_reading,
    io_manager,
    stores,
    replay,
    mirror,
    writing,
    site,
    pipeline,
)


if __name__ == "__main__":
    for benchmark in BENCHMARKS:
        if benchmark.__name__ in (sys.argv[1:] or [benchmark.__name__]):
            benchmark()
