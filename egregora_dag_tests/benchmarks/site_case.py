"""The export of many posts; prints its time, and the most memory that it and its programs had."""

import datetime as dt
import json
import resource
import sys
import time
from pathlib import Path
from typing import Final

from egregora_dag.database.schemas import DOCUMENTS, ELO_RATINGS
from egregora_dag.database.tables import memory_table
from egregora_dag.database.threads import Thread, save_thread
from egregora_dag.resources import Warehouse
from egregora_dag.site import Options, export
from egregora_dag_tests.benchmarks.measuring import peak_megabytes

POSTS: Final = 10_000
_WORDS: Final = (
    "the",
    "train",
    "leaves",
    "at",
    "eight",
    "bring",
    "bread",
    "for",
    "a",
    "garden",
    "who",
)
_START: Final = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


def made(database: Path) -> Warehouse:
    """A warehouse with posts of six quotes each."""
    warehouse = Warehouse(database=str(database))
    if not database.exists():
        warehouse.prepare()
        with warehouse.transaction() as connection:
            save_thread(connection, Thread("load", "Load", "test", "UTC"))
        posts = [_post(number) for number in range(POSTS)]
        warehouse.write(DOCUMENTS, memory_table(posts, DOCUMENTS.schema))
        ratings = [_rating(str(post["document_id"]), n) for n, post in enumerate(posts)]
        warehouse.write(ELO_RATINGS, memory_table(ratings, ELO_RATINGS.schema))
    return warehouse


def _text(number: int, words: int) -> str:
    return " ".join(_WORDS[(number + step * step) % len(_WORDS)] for step in range(words))


def _post(number: int) -> dict[str, object]:
    quotes = [f"> {_text(number + n, 30)}\n>\n> — Person {n}, 10:0{n}" for n in range(6)]
    return {
        "document_id": f"{number:08x}-5f0c-5c42-9a54-3f9b1c2d3e4f",
        "doc_type": "post",
        "thread_id": "load",
        "slug": f"post-{number}",
        "title": _text(number, 8),
        "summary": _text(number, 40),
        "content": "## Moments\n\n" + "\n\n".join(quotes),
        "authors": [f"Person {n}" for n in range(6)],
        "tags": [f"tag{number * step % 997}" for step in range(1, 6)],
        "date": (_START + dt.timedelta(hours=4 * number)).date(),
        "status": "published",
        "writer": "offline",
        "signature": "",
    }


def _rating(post: str, number: int) -> dict[str, object]:
    return {
        "post_id": post,
        "initial_rating": 1500.0,
        "rating": 1400.0 + number % 200,
        "comparisons": 8,
        "wins": 4,
        "losses": 4,
        "ties": 0,
        "last_updated": _START,
        "created_at": _START,
    }


def main(case: str, folder: str) -> None:
    """Export into a folder: `new` and `again` Markdown alone, `site` the site, too."""
    warehouse = made(Path(folder) / "pipeline.duckdb")
    started = time.perf_counter()
    exported = export(warehouse, Path(folder) / "export", Options(site=case == "site"))
    seconds = time.perf_counter() - started
    assert exported.documents == POSTS
    assert exported.written == (POSTS if case == "new" else 0)
    programs = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6
    print(json.dumps({"seconds": seconds, "python": peak_megabytes(), "programs": programs}))


if __name__ == "__main__":
    main(*sys.argv[1:])
