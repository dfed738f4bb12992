"""Reply links of a long chat, inferred block by block."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from egregora_dag.database import replies
from egregora_dag_tests.benchmarks.measuring import peak_megabytes, report

MESSAGES = 200_000
BLOCK = 20_000
PEOPLE = [f"nick{number}" for number in range(60)]
TEXT = "the kernel module wont load after update try grub again thanks what does dmesg say " + (
    "wrong channel maybe ask about drivers there sure it works now"
)
WORDS = TEXT.split()


def blocks() -> Iterator[pa.Table]:
    """A busy channel: sixty people, a third of the lines addressed to one of them."""
    start = datetime(2025, 1, 1, tzinfo=UTC)
    for first in range(0, MESSAGES, BLOCK):
        rows = range(first, first + BLOCK)
        said = (" ".join(WORDS[n * k % len(WORDS)] for k in range(1, 4 + n % 9)) for n in rows)
        yield pa.table(
            {
                "position": pa.array(rows, pa.int64()),
                "timestamp": pa.array(
                    [start + timedelta(seconds=20 * n) for n in rows], pa.timestamp("us", "UTC")
                ),
                "author": [PEOPLE[n * n % 60] for n in rows],
                "kind": ["message"] * BLOCK,
                "content": [
                    f"{PEOPLE[n * 7 % 60]}: {text}" if n % 3 == 0 else text
                    for n, text in zip(rows, said, strict=True)
                ],
                "reply_position": pa.nulls(BLOCK, pa.int64()),
            }
        )


def main() -> None:
    """Time the links of all blocks, the making of the blocks left out."""
    made = list(blocks())
    imported = peak_megabytes()
    started = time.perf_counter()
    for _ in replies.links(made):
        pass
    report(time.perf_counter() - started, imported)


if __name__ == "__main__":
    main()
