"""What becomes of windows whose writer asks a language model, however the provider behaves."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from egregora_dag.automation import again_job
from egregora_dag.checks import run_checks
from egregora_dag.database.schemas import DOCUMENTS, GENERATIONS
from egregora_dag.database.threads import get_thread
from egregora_dag.database.views import journal
from egregora_dag.definitions import definitions_of
from egregora_dag.llm.settings import LlmSettings
from egregora_dag.pipeline import Pipeline
from egregora_dag.publishing import Again, Published, publish
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home
from egregora_dag.writers import Usage, get_writer
from egregora_dag_tests.conftest import query
from egregora_dag_tests.model_server import (
    NOTHING,
    READ,
    WRITTEN,
    Asked,
    ModelServer,
    Reply,
    post,
    serving,
)
from egregora_dag_tests.writers.chatting import chat_of, save

CRASHING = """
import sys
from pathlib import Path
from egregora_dag.llm.settings import LlmSettings
from egregora_dag.publishing import publish
from egregora_dag.database.threads import get_thread
from egregora_dag.resources import Warehouse
from egregora_dag.writers import get_writer

database, base_url, concurrency = sys.argv[1:]
warehouse = Warehouse(database=database)
with warehouse.transaction() as connection:
    thread = get_thread(connection, "shed")
settings = LlmSettings(model="m", base_url=base_url, concurrency=int(concurrency))
publish(warehouse, thread, get_writer("llm", llm=settings), run_id="crashed")
"""


def run(
    warehouse: Warehouse,
    server: ModelServer,
    again: Again | None = None,
    folder: Path | None = None,
    **settings: Any,
) -> Published:
    """The chat `shed` written about, and its documents stored."""
    values: dict[str, Any] = {"model": "m", "base_url": server.base_url, "retries": 0, "backoff": 0}
    writer = get_writer("llm", llm=LlmSettings(**(values | settings)), prompts=folder)
    with warehouse.transaction() as connection:
        thread = get_thread(connection, "shed")
    published = publish(warehouse, thread, writer, run_id="run", again=again)
    save(warehouse, published)
    return published


def pending(warehouse: Warehouse) -> list[str]:
    """What the check says of windows that wait."""
    findings = run_checks(warehouse, DOCUMENTS)["nothing_pending"]
    assert not any(finding.severe for finding in findings)
    return list(map(str, findings))


@pytest.mark.parametrize("concurrency", [pytest.param(1, marks=pytest.mark.torture), 4])
def test_after_a_kill_only_what_is_missing_is_asked_for(
    warehouse: Warehouse, concurrency: int
) -> None:
    chat_of(warehouse, 100)
    full, killed = threading.Event(), threading.Event()

    def stuck_after_forty(asked: Asked, number: int) -> Reply:
        # Nothing more is begun before what came back is stored.
        if number == 40 + concurrency:
            full.set()
        if number > 40:
            killed.wait(60)
            return Reply(drops=True)
        return Reply(post())

    kept = "SELECT count(DISTINCT signature) FROM generations WHERE doc_type = 'post'"
    with serving(stuck_after_forty) as server:
        arguments = [str(warehouse.path), server.base_url, str(concurrency)]
        process = subprocess.Popen([sys.executable, "-c", CRASHING, *arguments])
        assert full.wait(120)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        killed.set()
        assert query(warehouse.path, kept) == [(40,)]
        assert len(server.asked) == 40 + concurrency
    with serving(lambda asked, number: Reply(post())) as server:
        published = run(warehouse, server, concurrency=concurrency)
        assert len(server.asked) == 60
        assert published.usage == Usage(60 * READ, 60 * WRITTEN, 60)
        assert (published.reused, published.pending.total()) == (40, 0)
        run(warehouse, server)
        assert len(server.asked) == 60
    assert query(warehouse.path, kept) == [(100,)]
    posts = "SELECT count(*) FROM documents WHERE doc_type = 'post' AND status = 'published'"
    assert query(warehouse.path, posts) == [(100,)]


def test_a_window_whose_provider_fails_waits_and_the_rest_goes_on(warehouse: Warehouse) -> None:
    chat_of(warehouse, 4)
    with serving(lambda asked, n: Reply(status=500) if n == 2 else Reply(post())) as server:
        published = run(warehouse, server, concurrency=1)
    assert published.pending == {"ModelServerError, HTTP 500": 1}
    assert published.usage.requests == 4
    assert pending(warehouse) == ["not written yet, ModelServerError, HTTP 500, in 1 row"]
    failure = "SELECT item, output::VARCHAR, usage.requests FROM generations WHERE error NOT NULL"
    assert query(warehouse.path, failure) == [(0, "null", 1)]
    with serving(lambda asked, n: Reply(NOTHING)) as server:
        assert run(warehouse, server).pending == {}
        assert len(server.asked) == 1
    assert pending(warehouse) == []
    assert query(warehouse.path, failure) == []


def test_what_it_took_is_told_by_the_journal(warehouse: Warehouse) -> None:
    chat_of(warehouse, 2)
    with serving(lambda asked, n: Reply(post() if n == 1 else NOTHING)) as server:
        run(warehouse, server, input_price=2, output_price=10, concurrency=1)
    spent = (
        "SELECT usage.requests, usage.input_tokens, usage.output_tokens, usage.cost_usd "
        "FROM generations WHERE usage.requests > 0"
    )
    assert query(warehouse.path, spent) == [(1, READ, WRITTEN, 0.003)] * 2
    told = "SELECT summary FROM documents WHERE doc_type = 'journal' ORDER BY title"
    assert [text.rpartition(" · ")[2] for (text,) in query(warehouse.path, told)] == [
        "Posts: 1",
        "Posts: Nothing to tell",
    ]


def test_an_older_post_keeps_standing_while_its_window_waits(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    chat_of(warehouse, 2)
    standing = "SELECT title, status FROM documents WHERE doc_type = 'post' ORDER BY ALL"
    (tmp_path / "post.md").write_text("Tell it in other words.", "utf-8")
    with serving(lambda asked, n: Reply(post("Old"))) as server:
        run(warehouse, server)
    with serving(lambda asked, n: Reply(post("New")) if n == 1 else Reply(drops=True)) as server:
        run(warehouse, server, folder=tmp_path, concurrency=1)
        assert query(warehouse.path, standing) == [("New", "published"), ("Old", "published")]
    with serving(lambda asked, n: Reply(post("New"))) as server:
        run(warehouse, server, folder=tmp_path)
        assert len(server.asked) == 1
    assert query(warehouse.path, standing) == [("New", "published")] * 2


def test_a_post_that_is_written_again_in_vain_stays(warehouse: Warehouse) -> None:
    chat_of(warehouse, 1)
    with serving(lambda asked, n: Reply(post()) if n == 1 else Reply(status=500)) as server:
        run(warehouse, server)
        before = query(warehouse.path, "FROM documents ORDER BY ALL")
        [(window,)] = query(warehouse.path, "SELECT window_id::VARCHAR FROM windows")
        assert run(warehouse, server, Again(windows=frozenset([window]))).pending.total() == 1
    assert query(warehouse.path, "FROM documents ORDER BY ALL") == before


@pytest.mark.parametrize(
    ("reply", "settings", "asked", "reason"),
    [
        (Reply(status=401), {}, 1, "ModelAuthenticationError, HTTP 401"),
        (
            Reply(post()),
            {"max_cost_usd": 0.002, "input_price": 1, "output_price": 0},
            2,
            "max_cost_usd of 0.002 reached; run again for the rest",
        ),
    ],
    ids=["a wrong key", "the cost limit"],
)
def test_what_all_windows_would_run_into_is_run_into_once(
    warehouse: Warehouse, reply: Reply, settings: dict[str, Any], asked: int, reason: str
) -> None:
    chat_of(warehouse, 6)
    with serving(lambda *_: reply) as server:
        published = run(warehouse, server, concurrency=1, **settings)
    assert len(server.asked) == asked
    written = asked if reply.status == 200 else 0
    assert published.pending == {reason: 6 - written}
    rows = f"in {6 - written} rows"
    assert pending(warehouse) == [f"not written yet, {reason}, {rows}"]


def test_as_many_windows_are_asked_about_at_a_time_as_are_allowed(warehouse: Warehouse) -> None:
    chat_of(warehouse, 9)
    together = threading.Barrier(3, timeout=30)

    def answer(asked: Asked, number: int) -> Reply:
        together.wait()
        return Reply(post())

    with serving(answer) as server:
        assert run(warehouse, server, concurrency=3).pending == {}


def test_no_text_of_the_chat_and_no_key_gets_into_logs_events_and_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The asset itself, which takes the writer that is remembered for the chat."""
    monkeypatch.setenv("EGREGORA_LLM_API_KEY", "sk-secret")
    home = Home.resolve(tmp_path)

    def answer(asked: Asked, number: int) -> Reply:
        return Reply(refusal="Not of that greenhouse") if number == 1 else Reply(post())

    with serving(answer) as server, Pipeline.open(home) as pipeline:
        key = chat_of(pipeline.warehouse, 3).thread_id
        told = {"writer": "llm", "model": "some-model", "base_url": server.base_url}
        pipeline.set_writer([key], told)
        pipeline.instance.add_dynamic_partitions("threads", [key])
        job = definitions_of(home).resolve_job_def(again_job.name)
        for number, requests in ((1, 3), (2, 4)):
            result = job.execute_in_process(instance=pipeline.instance, partition_key=key)
            assert (result.success, len(server.asked)) == (True, requests)
            [event] = result.asset_materializations_for_node("documents")
            found = {name: entry.value for name, entry in event.metadata.items()}
            assert found["pending"] == int(number == 1)
            assert found["input_tokens"] == (3 * READ if number == 1 else READ)
    view = journal(GENERATIONS.table(), DOCUMENTS.table())
    rows = pipeline.warehouse.rows(view.filter(view.window_id.notnull()))
    kept = {(row["writer"], row["model"], row["requests"], row["documents"]) for row in rows}
    assert (len(rows), kept) == (3, {("llm", "some-model", 1, 2)})
    events = b"".join(path.read_bytes() for path in home.dagster.rglob("*") if path.is_file())
    seen = events + "".join(capfd.readouterr()).encode()
    assert b"documents" in seen
    for text in (b"greenhouse", b"Mill Road", b"Agreed", b"Ana"):
        assert text not in seen
    assert b"sk-secret" not in seen + home.database.read_bytes()
