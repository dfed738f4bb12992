"""Names and numbers kept out of a whole home: from the run to forgetting."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from egregora_dag import settings
from egregora_dag.cli import cli
from egregora_dag.database.schemas import CONTRACTS
from egregora_dag.exceptions import EgregoraError
from egregora_dag.pipeline import Outcome, Pipeline
from egregora_dag.settings import Home

BOTH = {"pseudonymize": True, "mask_pii": True}
NAMES = ("Quillfeather", "Łucja Wójcik", "+351 912 345 678")
NUMBERS = ("912 345", "934567890", "lucja@example.org", "4111 1111")


def chat(days: int = 4, name: str = NAMES[0]) -> str:
    """Talk that names people and tells numbers, long enough to be written about."""
    people = (name, *NAMES[1:], "Bo")
    lines = [f"01/03/2025, 09:00 - {name} added {NAMES[1]}"]
    for day in range(1, days + 1):
        for turn in range(8):
            said = (
                f"On day {day} the boat needs {turn + 2} planks, who brings the varnish?",
                f"Ring me on +351 934567890 or mail lucja@example.org about plank {turn}",
                f"@{name} paid with 4111 1111 1111 1111, the receipt has number {day}{turn}",
            )[turn % 3]
            lines.append(
                f"{day:02d}/03/2025, 1{turn // 4}:{turn * 7 % 60:02d} - {people[turn % 4]}: {said}"
            )
    return "\n".join(lines) + "\n"


def export(folder: Path, text: str, name: str = "WhatsApp Chat with Boat.txt") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, "utf-8")
    return path


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one chat, imported with both settings; to be copied."""
    folder = tmp_path_factory.mktemp("private")
    with Pipeline.open(Home.resolve(folder / "home")) as pipeline:
        imported(pipeline, export(folder, chat()), privacy=BOTH)
    return folder / "home"


@pytest.fixture
def pipeline(stored: Path, tmp_path: Path) -> Iterator[Pipeline]:
    shutil.copytree(stored, tmp_path / "home")
    with Pipeline.open(Home.resolve(tmp_path / "home")) as opened:
        yield opened


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Pipeline]:
    with Pipeline.open(Home.resolve(tmp_path / "empty")) as opened:
        yield opened


def imported(pipeline: Pipeline, *paths: Path, rebuild: bool = False, **options: Any) -> Outcome:
    outcome = pipeline.run(pipeline.add(list(paths), **options), rebuild=rebuild)
    assert outcome.succeeded, outcome
    return outcome


def query(pipeline: Pipeline, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(pipeline.home.database, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def everything(pipeline: Pipeline, *without: str) -> dict[str, list[tuple[Any, ...]]]:
    return {
        name: query(pipeline, f'SELECT * FROM "{name}" ORDER BY ALL')
        for name in CONTRACTS.keys() - {"runs", "tasks", *without}
    }


def leaks(pipeline: Pipeline, *without: str) -> set[str]:
    """The names and numbers that stand anywhere in the database, or in what Dagster keeps."""
    tables = {
        name: str(query(pipeline, f'FROM "{name}"')) for name in CONTRACTS.keys() - {*without}
    }
    kept = [path.read_bytes() for path in pipeline.home.dagster.rglob("*") if path.is_file()]
    return {
        secret
        for secret in (*NAMES, *NUMBERS)
        if any(secret in text for text in tables.values())
        or any(secret.encode() in content for content in kept)
    }


def authors(pipeline: Pipeline) -> set[str]:
    found = query(pipeline, "SELECT DISTINCT author FROM messages WHERE author IS NOT NULL")
    return {author for (author,) in found}


def test_names_and_numbers_stand_nowhere_but_in_the_table_of_pseudonyms(pipeline: Pipeline) -> None:
    assert query(pipeline, "SELECT count(*) FROM top_posts") != [(0,)]
    assert leaks(pipeline, "pseudonyms") == set()
    kept = query(pipeline, "SELECT pseudonym, author FROM pseudonyms")
    assert {name for _, name in kept} == {*NAMES, "Bo"}
    assert {pseudonym for pseudonym, _ in kept} == authors(pipeline)


def test_the_same_export_again_changes_no_row(pipeline: Pipeline, tmp_path: Path) -> None:
    before = everything(pipeline)
    imported(pipeline, export(tmp_path, chat()))
    assert everything(pipeline) == before
    imported(pipeline, export(tmp_path, chat()), rebuild=True)
    assert everything(pipeline) == before


@pytest.mark.torture
def test_a_longer_export_adds_only_what_is_new(pipeline: Pipeline, tmp_path: Path) -> None:
    before = query(pipeline, "SELECT message_id, author, content FROM messages ORDER BY ALL")
    imported(pipeline, export(tmp_path, chat(6)))
    after = query(pipeline, "SELECT message_id, author, content FROM messages ORDER BY ALL")
    assert set(before) < set(after)
    assert len(after) == len(before) + 16


@pytest.mark.torture
def test_the_same_person_is_one_in_all_chats_of_a_home_and_another_in_another_home(
    pipeline: Pipeline, empty: Pipeline, tmp_path: Path
) -> None:
    path = export(tmp_path, chat(), "WhatsApp Chat with Kite.txt")
    imported(pipeline, path, privacy=BOTH)
    imported(empty, path, privacy=BOTH)
    assert len(authors(pipeline)) == 4
    assert not authors(pipeline) & authors(empty)


@pytest.mark.torture
def test_a_chat_is_not_imported_into_rows_of_another_kind_but_can_be_rebuilt(
    empty: Pipeline, tmp_path: Path
) -> None:
    imported(empty, export(tmp_path, chat()))
    assert leaks(empty) == {*NAMES, *NUMBERS}
    before = everything(empty, "threads")
    empty.set_privacy(["boat"], BOTH)
    [error] = empty.run(["boat"]).errors
    assert "The chat boat is stored without pseudonyms or masks" in error
    assert "--rebuild" in error
    assert everything(empty, "threads") == before

    assert empty.run(["boat"], rebuild=True).succeeded
    assert leaks(empty, "pseudonyms") == set()
    assert query(empty, "SELECT count(*) FROM messages") == [(33,)]
    assert query(empty, "SELECT count(*) FROM top_posts") != [(0,)]

    empty.set_privacy(["boat"], dict.fromkeys(BOTH, False))
    [error] = empty.run(["boat"]).errors
    assert "is stored with pseudonyms or masks" in error
    assert empty.run(["boat"], rebuild=True).succeeded
    assert leaks(empty) == {*NAMES, *NUMBERS}
    assert query(empty, "FROM pseudonyms") == []
    assert everything(empty)["messages"] == before["messages"]


@pytest.mark.torture
def test_one_setting_more_keeps_ids_and_a_rebuild_leaves_nothing_behind(
    empty: Pipeline, tmp_path: Path
) -> None:
    path = export(tmp_path, chat())
    imported(empty, path, privacy={"mask_pii": True})
    assert leaks(empty) == set(NAMES[:2])
    ids = query(empty, "SELECT message_id FROM messages ORDER BY ALL")
    imported(empty, path, privacy={"pseudonymize": True}, rebuild=True)
    assert query(empty, "SELECT message_id FROM messages ORDER BY ALL") == ids
    assert leaks(empty, "pseudonyms") == set()


@pytest.mark.parametrize("given", ["name", pytest.param("pseudonym", marks=pytest.mark.torture)])
def test_a_forgotten_author_is_gone_with_the_pseudonym(pipeline: Pipeline, given: str) -> None:
    [(pseudonym,)] = query(
        pipeline, f"SELECT pseudonym FROM pseudonyms WHERE author = '{NAMES[0]}'"
    )
    removed = pipeline.forget_author(NAMES[0] if given == "name" else pseudonym)
    assert removed.keys == ["boat"]
    assert (removed.rows["messages"], removed.rows["pseudonyms"]) == (8, 1)
    assert pipeline.run(removed.keys).succeeded
    assert len(authors(pipeline)) == 3
    assert NAMES[0] not in str(everything(pipeline))


def test_an_author_is_found_by_name_though_no_names_are_kept(pipeline: Pipeline) -> None:
    pipeline.delete_pseudonyms()
    assert pipeline.forget_author(NAMES[2]).rows["messages"] == 8
    assert len(authors(pipeline)) == 3


@pytest.mark.torture
def test_a_forgotten_chat_takes_the_names_of_its_people_along(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    other = export(tmp_path, chat(name="Zoë"), "WhatsApp Chat with Kite.txt")
    imported(pipeline, other, privacy=BOTH)
    removed = pipeline.forget_thread("boat")
    assert removed.rows["pseudonyms"] == 1
    assert {name for (name,) in query(pipeline, "SELECT author FROM pseudonyms")} == {
        *("Zoë", *NAMES[1:], "Bo")
    }


def test_deleted_names_stay_deleted_until_they_are_kept_again(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    home = str(pipeline.home.root)
    before = authors(pipeline)

    def said(*arguments: str) -> str:
        result = CliRunner().invoke(cli, ["pseudonyms", *arguments, "--home", home])
        assert result.exit_code == 0, result.output
        return result.output

    assert NAMES[0] in said("list")
    assert "4 names deleted" in said("delete", "--yes")
    assert leaks(pipeline) == set()
    imported(pipeline, export(tmp_path, chat(6)))
    assert query(pipeline, "FROM pseudonyms") == []
    assert authors(pipeline) == before
    said("keep")
    assert pipeline.run(["boat"], rebuild=True).succeeded
    assert len(query(pipeline, "FROM pseudonyms")) == 4
    assert authors(pipeline) == before


def test_another_secret_is_noticed(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.home.secret.write_text("another")
    [error] = pipeline.run(pipeline.add([export(tmp_path, chat(6))])).errors
    assert "is not the one that the stored pseudonyms were made with" in error
    pipeline.home.secret.write_text("")
    [error] = pipeline.run(["boat"]).errors
    assert "is missing or empty" in error


@pytest.mark.torture
def test_a_new_chat_takes_its_settings_from_the_environment(
    empty: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.PSEUDONYMIZE_VARIABLE, "yes")
    monkeypatch.setenv(settings.MASK_PII_VARIABLE, "1")
    export(empty.home.inbox, chat())
    keys, _ = empty.sort_inbox()
    empty.add(
        [export(tmp_path, chat(), "WhatsApp Chat with Kite.txt")], privacy={"mask_pii": False}
    )
    found = {key: thread.settings["privacy"] for key, thread in empty.threads().items()}
    assert found == {"boat": BOTH, "kite": {"pseudonymize": True, "mask_pii": False}}
    assert empty.run(keys).succeeded
    assert leaks(empty, "pseudonyms") == set()


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", True), ("TRUE", True), ("yes", True), ("0", False), ("false", False), ("No", False)],
)
def test_the_environment_is_understood(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: bool
) -> None:
    monkeypatch.setenv(settings.MASK_PII_VARIABLE, value)
    assert settings.privacy() == {"mask_pii": expected}


def test_a_setting_that_says_neither_yes_nor_no_is_refused_before_anything_is_copied(
    empty: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.MASK_PII_VARIABLE, "maybe")
    with pytest.raises(EgregoraError, match=r"EGREGORA_MASK_PII is 'maybe'\. Set it to 1 or 0"):
        empty.add([export(tmp_path, chat())])
    assert not list(empty.home.inbox.iterdir())


def test_chats_of_two_kinds_are_not_merged(pipeline: Pipeline, tmp_path: Path) -> None:
    imported(pipeline, export(tmp_path, chat(), "WhatsApp Chat with Kite.txt"))
    with pytest.raises(EgregoraError, match="boat is stored with pseudonyms or masks and kite"):
        pipeline.merge_threads("kite", "boat")
