"""Runs cases as whole processes, several times each, and tells time and peak memory."""

import json
import resource
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """A case's median figures.

    Attributes:
        seconds: What the case itself timed.
        megabytes: Peak memory of its process, megabytes of 1,000,000 bytes.
    """

    seconds: float
    megabytes: float


def measure(module: str, *arguments: str, runs: int = 3) -> Measured:
    """The median of several runs of a module, each in a process of its own."""
    results = [_run(module, arguments) for _ in range(runs)]
    return Measured(
        statistics.median(result["seconds"] for result in results),
        statistics.median(result["megabytes"] for result in results),
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


def report(seconds: float) -> None:
    """Print what this process measured, as `measure` reads it."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "megabytes": kilobytes * 1024 / 1e6}))
