"""From a file in the inbox to rated posts, without anybody launching anything."""

import time
from pathlib import Path
from typing import Any

import pytest

from egregora_dag_tests.e2e import chats
from egregora_dag_tests.e2e.deployed.conftest import IRC, SURROUNDED, WHATSAPP
from egregora_dag_tests.e2e.deployment import Deployment

CHAT_ASSETS = {"messages", "imports", "windows", "documents"}
RANKING = {"comparisons", "elo_ratings", "bradley_terry"}
VIEWS = {
    "chunks",
    "chunks_optimized",
    "messages_with_media",
    "messages_with_text",
    "hourly_aggregates",
    "daily_aggregates",
    "window_messages",
    "linked_conversations",
    "top_posts",
    "run_history",
    "asset_freshness",
    "document_lineage",
    "journal",
}
INBOX = {"dagster/sensor_name": "inbox_sensor"}


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def assets_of(run: dict[str, Any]) -> set[str]:
    return {key["path"][-1] for key in run["assetSelection"] or []}


def posts_without_rating(deployment: Deployment, *threads: str) -> list[tuple[str]]:
    return deployment.rows(
        f"""
        SELECT title FROM documents ANTI JOIN elo_ratings ON post_id = document_id::VARCHAR
        WHERE doc_type = 'post' AND thread_id IN {(*threads, "")}
        """
    )


def test_an_export_at_the_top_of_the_inbox_is_moved_into_its_chats_folder(
    imported: Deployment,
) -> None:
    files = files_in(imported.home.inbox)
    assert f"{WHATSAPP}/WhatsApp Chat with Harbour Watch.txt" in files
    assert f"{IRC}/{IRC}.2025-06-05.txt" in files
    assert "WhatsApp Chat with Harbour Watch.txt" not in files
    assert f"{IRC}.2025-06-05.txt" not in files


@pytest.mark.parametrize("thread", [WHATSAPP, IRC])
def test_a_new_export_is_imported_by_exactly_one_run(ranked: Deployment, thread: str) -> None:
    [run] = [run for run in ranked.runs(thread=thread) if run["jobName"] == "import_chats"]
    assert run["status"] == "SUCCESS"
    tags = {tag["key"]: tag["value"] for tag in run["tags"]}
    assert tags["dagster/sensor_name"] == "inbox_sensor"


@pytest.mark.parametrize(
    ("thread", "title", "source", "messages", "windows"),
    [(WHATSAPP, "Harbour Watch", "whatsapp", 36, 5), (IRC, IRC, "irc", 18, 2)],
)
def test_a_chat_has_its_messages_windows_and_documents(
    imported: Deployment, thread: str, title: str, source: str, messages: int, windows: int
) -> None:
    assert imported.rows(f"SELECT title, source FROM threads WHERE thread_id = '{thread}'") == [
        (title, source)
    ]
    assert imported.rows(
        f"SELECT count(*) FROM messages WHERE thread_id = '{thread}' AND kind = 'message'"
    ) == [(messages,)]
    assert imported.rows(f"SELECT count(*) FROM windows WHERE thread_id = '{thread}'") == [
        (windows,)
    ]
    types = dict(
        imported.rows(
            f"SELECT doc_type, count(*) FROM documents WHERE thread_id = '{thread}' GROUP BY ALL"
        )
    )
    assert types["profile"] == 3
    assert types["journal"] == windows
    assert types["post"] >= 2


def test_comparisons_ratings_and_views_follow_without_anybody_launching_them(
    ranked: Deployment,
) -> None:
    followed = [run for run in ranked.runs() if assets_of(run) & (VIEWS | RANKING)]
    for run in followed:
        assert {"key": "dagster/sensor_name", "value": "follow_documents"} in run["tags"]
    # The site and the copy follow at the next tenth minute, which may be in one of these runs.
    assert set().union(*map(assets_of, followed)) - {"site", "published_copy"} == VIEWS | RANKING
    assert "FAILURE" not in {run["status"] for run in followed}
    assert not posts_without_rating(ranked, WHATSAPP, IRC)
    assert ranked.rows("SELECT count(*) FROM top_posts")[0][0] > 0
    assert ranked.rows("SELECT sum(message_count) FROM daily_aggregates")[0][0] > 0


def test_every_asset_check_of_what_was_made_has_passed(ranked: Deployment) -> None:
    found: dict[str, bool] = {}
    for run in ranked.runs(status="SUCCESS"):
        thread = {tag["key"]: tag["value"] for tag in run["tags"]}.get("dagster/partition")
        if thread in {WHATSAPP, IRC, None}:
            for name, passed in ranked.evaluations(run["runId"]).items():
                found[name] = found.get(name, True) and passed
    # The tables of runs are made by a sensor; only who materializes them has them checked.
    expected = [name for name in ranked.checks() if name.split(".")[0] not in {"runs", "tasks"}]
    assert found == dict.fromkeys(expected, True)
    assert {name.split(".")[0] for name in found} == CHAT_ASSETS | RANKING | {"reply_links"}


def test_broken_files_stop_neither_the_sensor_nor_the_files_after_them(
    surrounded: Deployment,
) -> None:
    surrounded.check_imported(SURROUNDED)
    assert surrounded.rows(
        f"SELECT count(*) FROM messages WHERE thread_id = '{SURROUNDED}' AND kind = 'message'"
    ) == [(18,)]
    files = files_in(surrounded.home.inbox)
    assert f"{SURROUNDED}/WhatsApp Chat with Pottery Shed.txt" in files
    assert {name for name in files if "/" not in name} == set(chats.BROKEN)
    readable = surrounded.checks("imports")["imports.files_readable"]
    told = readable["executionForLatestMaterialization"]
    assert told["status"] == "FAILED"
    assert "damaged.zip" in told["evaluation"]["description"]
    assert "empty.txt" in told["evaluation"]["description"]
    ended = time.time()
    surrounded.wait_for(lambda: surrounded.ticks("inbox_sensor", after=ended), "another look")
    assert len(surrounded.runs(thread=SURROUNDED, tags=INBOX)) == 1
    assert "FAILURE" not in {tick["status"] for tick in surrounded.ticks("inbox_sensor", after=0.0)}


def test_the_same_content_launches_no_further_run_whatever_its_name_and_also_after_a_restart(
    ranked: Deployment, tmp_path: Path
) -> None:
    before = {run["runId"] for run in ranked.runs(thread=WHATSAPP, tags=INBOX)}
    inbox, began = ranked.home.inbox, time.time()
    export = chats.whatsapp(tmp_path, "Harbour Watch").read_bytes()
    again = inbox / "WhatsApp Chat with Harbour Watch.txt"
    for copy in (
        again,
        inbox / "WhatsApp Chat with Harbour Watch (1).txt",
        inbox / WHATSAPP / "copy from the old phone.txt",
    ):
        copy.write_bytes(export)
    ranked.wait_for(
        # A file is taken at the second look, when it is the same as at the first.
        lambda: not again.exists() and len(ranked.ticks("inbox_sensor", after=began)) > 1,
        "the sensor to take the files",
    )
    # What the automation still had to do is done, so that the restart interrupts no run.
    ranked.wait_for(lambda: not posts_without_rating(ranked, SURROUNDED), "all ratings")
    ranked.settle()
    ranked.stop_daemon()
    restarted = time.time()
    ranked.start_daemon()
    ranked.wait_for(
        lambda: ranked.ticks("inbox_sensor", after=restarted), "a look after the restart"
    )
    assert {tick["status"] for tick in ranked.ticks("inbox_sensor", after=began)} == {"SKIPPED"}
    assert {run["runId"] for run in ranked.runs(thread=WHATSAPP, tags=INBOX)} == before
    assert not {name for name in files_in(inbox) if name.startswith("WhatsApp Chat")}
