"""The whole pipeline on one export in a home of its own; prints the time of the whole process."""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

STARTED = time.perf_counter()


def main(export: str) -> None:
    from egregora_dag.pipeline import Pipeline  # noqa: PLC0415 - its import is part of the time
    from egregora_dag.settings import Home  # noqa: PLC0415
    from egregora_dag_tests.benchmarks.measuring import report  # noqa: PLC0415

    with TemporaryDirectory() as folder, Pipeline.open(Home.resolve(folder)) as pipeline:
        outcome = pipeline.run(pipeline.add([Path(export)]))
        assert outcome.succeeded, outcome
    report(time.perf_counter() - STARTED, 0)


if __name__ == "__main__":
    main(sys.argv[1])
