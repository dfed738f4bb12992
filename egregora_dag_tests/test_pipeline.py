"""The whole main job on real input: what comes in, what stays, what a second run does."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from egregora_dag.database.schemas import CONTRACTS
from egregora_dag.exceptions import EgregoraError
from egregora_dag.pipeline import Outcome, Pipeline
from egregora_dag.settings import Home

IRC = Path(__file__).parents[2] / "shared" / "data" / "irc"
PEOPLE = ("Ana", "Bo", "Çelik", "דנה")


def chat(first: int, last: int) -> str:
    """A WhatsApp text: days of talk about a boat, of which the days `first` to `last` are left."""
    lines = []
    for day in range(first, last):
        for turn in range(8):
            who = PEOPLE[(day + turn) % len(PEOPLE)]
            lines.append(
                f"{day % 28 + 1:02d}/{day // 28 + 1:02d}/2025, 1{turn // 4}:{turn * 7 % 60:02d} - "
                f"{who}: On day {day} the boat needs {turn + 2} planks, who brings the varnish?"
            )
        lines.append(f"{day % 28 + 1:02d}/{day // 28 + 1:02d}/2025, 20:00 - Ana: ok")
        lines.append(f"{day % 28 + 1:02d}/{day // 28 + 1:02d}/2025, 20:00 - Ana: ok")
    return "\n".join(lines) + "\n"


def export(folder: Path, text: str, name: str = "WhatsApp Chat with Boat.txt") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, "utf-8")
    return path


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home without a chat whose views are made; to be copied."""
    home = Home.resolve(tmp_path_factory.mktemp("prepared"))
    with Pipeline.open(home) as opened:
        assert opened.rank().succeeded
    return home.root


@pytest.fixture
def pipeline(prepared: Path, tmp_path: Path) -> Iterator[Pipeline]:
    shutil.copytree(prepared, tmp_path / "home")
    with Pipeline.open(Home.resolve(tmp_path / "home")) as opened:
        yield opened


def imported(pipeline: Pipeline, *paths: Path, **options: Any) -> Outcome:
    outcome = pipeline.run(pipeline.add(list(paths), **options))
    assert outcome.succeeded, outcome
    return outcome


def query(pipeline: Pipeline, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(pipeline.home.database, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def everything(pipeline: Pipeline) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, generations and their times included; not that there was a run."""
    return {
        name: query(pipeline, f'SELECT * FROM "{name}" ORDER BY ALL')
        for name in CONTRACTS.keys() - {"runs", "tasks"}
    }


def contents(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    return query(
        pipeline, "SELECT message_id, timestamp, author, content FROM messages ORDER BY position"
    )


def test_the_same_export_twice_changes_no_row_and_writes_nothing(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    path = export(tmp_path, chat(0, 4))
    imported(pipeline, path)
    before = everything(pipeline)
    assert before["documents"]
    assert before["comparisons"]
    imported(pipeline, path)
    assert everything(pipeline) == before


def test_a_longer_export_adds_only_what_is_new(pipeline: Pipeline, tmp_path: Path) -> None:
    imported(pipeline, export(tmp_path / "may", chat(0, 4)))
    before = everything(pipeline)
    imported(pipeline, export(tmp_path / "june", chat(0, 6)))
    after = everything(pipeline)
    assert len(after["messages"]) == 60
    # Messages, windows and generations of the first four days are the very same rows.
    for table in ("messages", "windows", "generations", "comparisons"):
        kept = [row for row in before[table] if row in after[table]]
        gone = len(before[table]) - len(kept)
        assert gone == 0, (table, gone)
    assert len(contents(pipeline)) == len(set(contents(pipeline)))


@pytest.mark.torture
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_overlapping_exports_unite_to_the_whole_chat(
    pipeline: Pipeline, tmp_path: Path, order: tuple[int, int]
) -> None:
    with Pipeline.open(Home.resolve(tmp_path / "whole")) as whole:
        imported(whole, export(tmp_path / "whole-export", chat(0, 6)))
        expected = contents(whole)
    parts = [export(tmp_path / "older", chat(0, 4)), export(tmp_path / "newer", chat(2, 6))]
    for index in order:
        imported(pipeline, parts[index])
    assert contents(pipeline) == expected


@pytest.mark.torture
def test_a_deleted_export_loses_nothing_and_rebuild_says_what_is_missing(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    imported(pipeline, export(tmp_path / "older", chat(0, 4)))
    imported(pipeline, export(tmp_path / "newer", chat(2, 6), "WhatsApp Chat with Boat (1).txt"))
    folder = pipeline.home.inbox / "boat"
    (folder / "WhatsApp Chat with Boat.txt").unlink()
    before = everything(pipeline)
    assert pipeline.run(["boat"]).succeeded
    assert everything(pipeline) == before

    # To rebuild is to take the files at their word.
    assert pipeline.run(["boat"], rebuild=True).succeeded
    assert len(contents(pipeline)) == 40
    for path in folder.iterdir():
        path.unlink()
    outcome = pipeline.run(["boat"], rebuild=True)
    assert "no file to rebuild" in outcome.errors[0]
    assert len(contents(pipeline)) == 40


@pytest.mark.parametrize("undone", [pytest.param("older", marks=pytest.mark.torture), "newer"])
def test_undoing_an_import_removes_exactly_it(
    pipeline: Pipeline, tmp_path: Path, undone: str
) -> None:
    parts = {"older": chat(0, 4), "newer": chat(2, 6)}
    [kept] = parts.keys() - {undone}
    for name, text in parts.items():
        imported(
            pipeline,
            export(tmp_path / name, text, f"WhatsApp Chat with Boat ({name}).txt"),
            title="Boat",
        )
    [(import_id,)] = query(
        pipeline, f"SELECT import_id FROM imports WHERE file LIKE '%({undone})%'"
    )
    key, _ = pipeline.undo_import(import_id)
    assert pipeline.run([key]).succeeded
    with Pipeline.open(Home.resolve(tmp_path / "alone")) as alone:
        imported(alone, export(tmp_path / "alone-export", parts[kept]))
        assert contents(pipeline) == contents(alone)
    # It is not imported again, unless somebody says so.
    assert pipeline.run([key]).succeeded
    assert len(contents(pipeline)) == 40
    imported(pipeline, tmp_path / undone / f"WhatsApp Chat with Boat ({undone}).txt", title="Boat")
    assert len(contents(pipeline)) == 60


@pytest.mark.torture
def test_every_line_of_ten_irc_logs_is_accounted_for(pipeline: Pipeline) -> None:
    logs = sorted(IRC.glob("*.raw.txt"))
    if not logs:
        pytest.skip(f"the IRC logs are not at {IRC}")
    imported(pipeline, *logs)
    rows = query(pipeline, "SELECT lines, messages, system, continuation, rejected FROM imports")
    assert len(rows) == 10
    for lines, messages, system, continuation, rejected in rows:
        assert lines == 1250
        assert continuation == 0
        assert messages + system + rejected == lines
    [(threads, stored)] = query(
        pipeline, "SELECT count(DISTINCT thread_id), count(*) FROM messages"
    )
    assert (threads, stored) == (10, sum(row[1] + row[2] for row in rows))
    [(posts,)] = query(pipeline, "SELECT count(*) FROM top_posts")
    assert posts > 0


def test_a_broken_file_is_named_and_the_sound_ones_are_imported(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    imported(pipeline, export(tmp_path, chat(0, 2)))
    head = "31/12/2025, 10:00 - Ana: hello\n"
    export(pipeline.home.inbox / "boat", head + "12/31/2025, 10:00 - Bo: hi\n", "mixed.txt")
    export(pipeline.home.inbox / "boat", "", "empty.txt")
    export(pipeline.home.inbox / "boat", chat(2, 4), "sound.txt")
    outcome = pipeline.run(["boat"])
    assert not outcome.errors
    [problem] = outcome.failed_checks
    assert "mixed.txt" in problem
    assert "empty.txt" in problem
    assert len(contents(pipeline)) == 40
    # What cannot be read whole replaces nothing.
    [error] = pipeline.run(["boat"], rebuild=True).errors
    assert "not rebuilt" in error
    assert len(contents(pipeline)) == 40


@pytest.mark.torture
def test_window_settings_are_remembered_for_the_chat(pipeline: Pipeline, tmp_path: Path) -> None:
    units = "SELECT DISTINCT config.step_unit, config.step_size FROM windows"
    imported(
        pipeline, export(tmp_path, chat(0, 3)), windows={"step_unit": "messages", "step_size": 7}
    )
    assert query(pipeline, units) == [("messages", 7)]
    imported(pipeline, export(tmp_path / "later", chat(0, 4)))
    assert query(pipeline, units) == [("messages", 7)]


@pytest.mark.torture
def test_documents_of_windows_that_are_gone_are_superseded_and_come_back(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    path = export(tmp_path, chat(0, 4))
    imported(pipeline, path)
    published = "SELECT document_id FROM documents WHERE status = 'published' ORDER BY 1"
    before = query(pipeline, published)
    imported(pipeline, path, windows={"step_unit": "messages", "step_size": 7})
    assert query(pipeline, published) != before
    kept = query(pipeline, "SELECT document_id FROM documents ORDER BY 1")
    assert set(before) <= set(kept)
    generations = query(pipeline, "SELECT count(*) FROM generations")
    imported(pipeline, path, windows={"step_unit": "session", "step_size": 1})
    assert query(pipeline, published) == before
    assert query(pipeline, "SELECT count(*) FROM generations") == generations


def test_a_persons_decision_on_a_document_stays(pipeline: Pipeline, tmp_path: Path) -> None:
    path = export(tmp_path, chat(0, 3))
    imported(pipeline, path)
    with pipeline.warehouse.transaction() as connection:
        [archived] = connection.execute(
            "UPDATE documents SET status = 'archived' WHERE document_id = "
            "(SELECT min(document_id) FROM documents WHERE doc_type = 'post') RETURNING document_id"
        ).fetchall()
    imported(pipeline, path)
    status = f"SELECT status FROM documents WHERE document_id = '{archived[0]}'"
    assert query(pipeline, status) == [("archived",)]


def test_another_time_zone_moves_times_but_no_id(pipeline: Pipeline, tmp_path: Path) -> None:
    path = export(tmp_path, chat(0, 3))
    imported(pipeline, path)
    before = contents(pipeline)
    documents = query(pipeline, "SELECT document_id FROM documents ORDER BY 1")
    imported(pipeline, path, timezone="Asia/Tokyo")
    after = contents(pipeline)
    assert [row[0] for row in after] == [row[0] for row in before]
    assert {(a[1] - b[1]).total_seconds() for a, b in zip(after, before, strict=True)} == {
        -9 * 3600
    }
    assert query(pipeline, "SELECT document_id FROM documents ORDER BY 1") == documents


def test_a_merged_chat_takes_later_exports_of_both(pipeline: Pipeline, tmp_path: Path) -> None:
    imported(pipeline, export(tmp_path, chat(0, 2)))
    imported(pipeline, export(tmp_path, chat(10, 12), "WhatsApp Chat with Ship.txt"))
    ids = {row[0] for row in contents(pipeline)}
    pipeline.merge_threads("ship", "boat")
    assert pipeline.run(["boat"]).succeeded
    assert list(pipeline.threads()) == ["boat"]
    assert {row[0] for row in contents(pipeline)} == ids
    imported(pipeline, export(tmp_path / "later", chat(10, 13), "WhatsApp Chat with Ship.txt"))
    assert list(pipeline.threads()) == ["boat"]
    assert len(contents(pipeline)) == 50
    assert ids < {row[0] for row in contents(pipeline)}


def text_of(pipeline: Pipeline) -> str:
    return " ".join(str(row) for rows in everything(pipeline).values() for row in rows)


@pytest.mark.torture
def test_a_forgotten_chat_is_gone_and_the_rest_is_sound(pipeline: Pipeline, tmp_path: Path) -> None:
    imported(pipeline, export(tmp_path, chat(0, 3)))
    other = chat(0, 3).replace("boat", "kite").replace("Ana", "Zoë")
    imported(pipeline, export(tmp_path, other, "WhatsApp Chat with Kite.txt"))
    pipeline.forget_thread("boat")
    assert pipeline.rank().succeeded
    left = text_of(pipeline)
    assert "boat" not in left
    assert "kite" in left
    assert not (pipeline.home.inbox / "boat").exists()
    assert pipeline.run(["kite"]).succeeded


@pytest.mark.torture
def test_a_forgotten_author_is_gone_from_messages_and_documents(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    imported(pipeline, export(tmp_path, chat(0, 3)))
    removed = pipeline.forget_author("Çelik")
    assert removed.keys == ["boat"]
    assert removed.rows["messages"] == 6
    assert pipeline.run(removed.keys).succeeded
    assert "Çelik" not in text_of(pipeline)
    assert len(contents(pipeline)) == 24


def test_no_text_and_no_name_reaches_dagsters_storage(pipeline: Pipeline, tmp_path: Path) -> None:
    secret = "the tortoise is called Wellington-Smythe"
    line = f"05/01/2025, 10:00 - Quillfeather: {secret}\n"
    imported(pipeline, export(tmp_path, line + chat(5, 8), "WhatsApp Chat with Boat.txt"))
    imported(
        pipeline, export(tmp_path / "bad", line + "40/40/2025, 10:00 - Ana: no\n" + chat(5, 9))
    )
    for path in pipeline.home.dagster.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not re.search(rb"Wellington-Smythe|Quillfeather|varnish", content), path


@pytest.mark.torture
def test_posts_that_name_a_forgotten_author_are_written_again(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    # Nobody called Bo writes on the second day, but he is talked about.
    talk = "".join(
        f"09/05/2025, 1{turn}:00 - {who}: Has Bo paid for plank number {turn} of the boat shed?\n"
        for turn, who in enumerate(("Ana", "Cy", "Dee", "Ana", "Cy", "Dee"))
    )
    imported(pipeline, export(tmp_path, chat(0, 2) + talk))
    posts = "SELECT count(*) FROM top_posts"
    before = query(pipeline, posts)
    assert pipeline.run(pipeline.forget_author("Bo").keys).succeeded
    assert query(pipeline, posts) == before


def test_forgetting_nobody_removes_nothing(pipeline: Pipeline, tmp_path: Path) -> None:
    imported(pipeline, export(tmp_path, chat(0, 2)))
    before = everything(pipeline)
    assert pipeline.forget_author("Nobody", ["boat"]).keys == []
    with pytest.raises(EgregoraError, match="no chat 'ship'"):
        pipeline.forget_author("Ana", ["ship"])
    with pytest.raises(EgregoraError, match="merged into itself"):
        pipeline.merge_threads("boat", "boat")
    assert everything(pipeline) == before
    assert list((pipeline.home.inbox / "boat").iterdir())


@pytest.mark.torture
def test_what_waits_in_the_inbox_is_sorted_in_though_one_file_is_broken(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    export(pipeline.home.inbox, "nothing of a chat", "aaa.bin")
    export(pipeline.home.inbox, chat(0, 2))
    export(pipeline.home.inbox / "kite", chat(2, 4), "WhatsApp Chat with Kite.txt")
    keys, problems = pipeline.sort_inbox()
    assert sorted(keys) == ["boat", "kite"]
    assert len(problems) == 1
    assert "aaa.bin" in problems[0]
    assert pipeline.run(keys).succeeded
    assert len(contents(pipeline)) == 40


@pytest.mark.torture
def test_a_merged_chats_table_keeps_its_own_ids(pipeline: Pipeline, tmp_path: Path) -> None:
    rows = [f"2025-01-0{day}T10:00:00Z,Ana,hello {day},{{}}" for day in (1, 2, 3)]
    head = "timestamp,author,content,thread_id\n"
    both = head + "\n".join(row.format(key) for key in ("east", "west") for row in rows)
    imported(pipeline, export(tmp_path, both, "both.csv"))
    pipeline.merge_threads("west", "east")
    assert pipeline.run(["east"]).succeeded
    assert len(contents(pipeline)) == 6
    newer = both + "\n2025-01-04T10:00:00Z,Ana,hello 4,west\n"
    imported(pipeline, export(tmp_path / "newer", newer, "both.csv"))
    assert len(contents(pipeline)) == 7


def test_a_run_that_fails_outside_of_a_step_is_no_success(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    keys = pipeline.add([export(tmp_path, chat(0, 1))])
    with pipeline.warehouse.transaction() as connection:
        connection.execute("UPDATE schema_migrations SET version = 99")
    outcome = pipeline.run(keys)
    assert not outcome.succeeded


@pytest.mark.torture
def test_dagsters_storage_may_be_lost(pipeline: Pipeline, tmp_path: Path) -> None:
    imported(pipeline, export(tmp_path, chat(0, 2)))
    pipeline.instance.delete_dynamic_partition("threads", "boat")
    export(pipeline.home.inbox / "boat", chat(2, 4), "later.txt")
    assert pipeline.run(["boat"]).succeeded
    assert len(contents(pipeline)) == 40


def test_reply_links_are_made_when_asked_for_and_follow_what_becomes_of_a_chat(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    [key] = pipeline.add([export(tmp_path / "may", chat(0, 4))])
    assert pipeline.run([key]).succeeded
    assert query(pipeline, "FROM reply_links") == []
    assert pipeline.run([key], links=True).succeeded
    unlinked = "FROM messages ANTI JOIN reply_links USING (message_id, thread_id)"
    assert query(pipeline, unlinked) == []
    [(conversations, linked)] = query(
        pipeline, "SELECT count(*), sum(message_count) FROM linked_conversations"
    )
    assert (1 <= conversations < linked, linked) == (True, 40)
    pipeline.add([export(tmp_path / "june", chat(0, 6))])
    assert pipeline.run([key], links=True).succeeded
    assert query(pipeline, unlinked) == []
    imports = query(pipeline, "SELECT import_id FROM imports ORDER BY messages DESC LIMIT 1")
    pipeline.undo_import(imports[0][0])
    assert pipeline.run([key], links=True).succeeded
    assert len(query(pipeline, "FROM reply_links")) == len(query(pipeline, "FROM messages")) == 40
    chosen = pipeline.forget_author("Ana").keys
    assert query(pipeline, "FROM reply_links") == []
    assert pipeline.run(chosen, links=True).succeeded
    assert query(pipeline, unlinked) == []
    pipeline.forget_thread(key)
    assert query(pipeline, "FROM reply_links") == []


def test_what_a_file_leaves_open_is_remembered_for_its_chat(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    line = "05/04/2025, 10:00 - Ada: hello\n"
    imported(pipeline, export(tmp_path, line), reading={"day_first": False})
    imported(pipeline, export(tmp_path / "later", line + "05/04/2025, 10:01 - Bo: hi\n"))
    sql = "SELECT DISTINCT timestamp::DATE FROM messages"
    assert [str(day) for (day,) in pipeline.warehouse.execute_query(sql)] == ["2025-05-04"]
