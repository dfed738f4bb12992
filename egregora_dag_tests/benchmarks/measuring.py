"""Runs cases as whole processes, several times each, and tells time and peak memory."""

import json
import resource
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True)
class Measured:
    """A case's median figures.

    Attributes:
        seconds: What the case itself timed.
        megabytes: Peak memory of its process, megabytes of 1,000,000 bytes.
        work_megabytes: How much of it came on top of what the imports take.
    """

    seconds: float
    megabytes: float
    work_megabytes: float


def measure(module: str, *arguments: str, runs: int = 3) -> Measured:
    """The median of several runs of a module, each in a process of its own."""
    results = [_run(module, arguments) for _ in range(runs)]
    return Measured(
        **{
            figure.name: statistics.median(result[figure.name] for result in results)
            for figure in fields(Measured)
        }
    )


def _run(module: str, arguments: Sequence[str]) -> Mapping[str, float]:
    finished = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    result: Mapping[str, float] = json.loads(finished.stdout.splitlines()[-1])
    return result


def peak_megabytes() -> float:
    """The most memory that this process has had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def report(seconds: float, imported: float) -> None:
    """Print what this process measured, as `measure` reads it.

    Args:
        seconds: What it timed.
        imported: Its peak memory once everything was imported, megabytes.
    """
    peak = peak_megabytes()
    print(json.dumps(asdict(Measured(seconds, peak, peak - imported))))
