"""What is forgotten stands nowhere in a home, and all else is still there."""

import base64
import json
import os
import re
import shutil
import signal
import sqlite3
import uuid
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from egregora_dag import forgetting, site
from egregora_dag.cli import cli
from egregora_dag.database.schemas import CONTRACTS
from egregora_dag.exceptions import EgregoraError
from egregora_dag.pipeline import Pipeline
from egregora_dag.settings import Home
from egregora_dag.site.generator import is_installed
from egregora_dag_tests import crashing

PERSON = "Ottoline Vasquez"
# Each stands in what the person wrote, or is the person's name, and nowhere else.
HERS = (
    "ottoline",
    "vasquez",
    "xylographic",
    "quetzalcoatlus",
    "hers-only.example",
    "IMG-20250301-WA0099",
    "zwieback",
)
HIS = ("Bartholomew", "Quince", "+44 7700 900123", "his-only.example", "pumpernickel", "IMG-0001")
# The same of a chat: its title and key, people, words, link, file and number.
CLUB = (
    "wombatarium",
    "ermintrude",
    "floccinaucinihil",
    "club-only.example",
    "IMG-20250302-WA0042",
    "+49 30 1234567890",
)


def regatta(days: int) -> str:
    """A chat of three; the person is named by others, quoted and mentioned."""
    lines = [
        f"01/03/2025, 08:00 - Bartholomew Quince added {PERSON}",
        f"01/03/2025, 08:01 - {PERSON} joined using this group's invite link",
        f"01/03/2025, 08:02 - {PERSON}: IMG-20250301-WA0099.jpg (file attached)",
        "01/03/2025, 08:03 - Bartholomew Quince: IMG-0001.jpg (file attached)",
    ]
    for day in range(1, days + 1):
        said = (
            (PERSON, f"The xylographic print number {day} is by the harbour, who can carry it?"),
            ("Bartholomew Quince", f"OTTOLINE: bring pumpernickel on day {day}, please, Ottoline!"),
            (PERSON, f"Is quetzalcoatlus {day} a bird? https://hers-only.example/{day}"),
            (
                "+44 7700 900123",
                f"@Ottoline see https://his-only.example/{day} about the boat {day}",
            ),
            (
                "Bartholomew Quince",
                f"> The xylographic print number {day} is by the harbour, who can carry it?",
            ),
            (
                "+44 7700 900123",
                f"Boats need {day + 3} planks, says miss Vasquez; who pays for plank {day}?",
            ),
            (PERSON, f"I bring the zwieback on day {day}, and the varnish for the boat"),
            ("Bartholomew Quince", f"Then we meet at the pier at {day % 9 + 1}, with the planks"),
            ("Bartholomew Quince", f"Who has the key of the boat shed on day {day} of the race?"),
            ("Bartholomew Quince", f"The race on day {day} starts when the church bell rings"),
        )
        for turn, (who, text) in enumerate(said):
            lines.append(f"{day:02d}/03/2025, 1{turn // 4}:{turn * 7 % 60:02d} - {who}: {text}")
    return "\n".join(lines) + "\n"


def club(days: int) -> str:
    lines = ["02/03/2025, 08:00 - Ermintrude: IMG-20250302-WA0042.jpg (file attached)"]
    for day in range(1, days + 1):
        for turn in range(8):
            who = ("Ermintrude", "+49 30 1234567890", "Bartholomew Quince")[turn % 3]
            text = (
                f"The wombatarium needs {turn + 2} fences on day {day}, who builds them?",
                f"That is floccinaucinihil, see https://club-only.example/{day}{turn}",
            )[turn % 2]
            lines.append(f"{day:02d}/03/2025, 1{turn // 4}:{turn * 7 % 60:02d} - {who}: {text}")
    return "\n".join(lines) + "\n"


def export(folder: Path, title: str, text: str, *media: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"WhatsApp Chat with {title}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"WhatsApp Chat with {title}.txt", text)
        for name in media:
            archive.writestr(name, name.encode() * 9)
    return path


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(path, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def ensure_succeeded(pipeline: Pipeline, keys: list[str], *, links: bool = False) -> None:
    outcome = pipeline.run(keys, links=links)
    assert outcome.succeeded, outcome


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with both chats, read by one run, and something of theirs wherever there can be."""
    folder = tmp_path_factory.mktemp("forgetting")
    with Pipeline.open(Home.resolve(folder / "home")) as pipeline:
        paths = [
            export(folder, "Regatta", regatta(3), "IMG-20250301-WA0099.jpg", "IMG-0001.jpg"),
            export(folder, "Wombatarium", club(3), "IMG-20250302-WA0042.jpg"),
        ]
        ensure_succeeded(pipeline, pipeline.add(paths), links=True)
        with pipeline.warehouse.transaction() as connection:
            connection.execute(
                "INSERT INTO annotations SELECT uuid(), message_id, 'message', 'me', "
                "'floccinaucinihil, indeed', now() FROM messages WHERE thread_id = 'wombatarium' "
                "AND position = 3"
            )
            connection.execute(
                "INSERT INTO task_queue SELECT uuid(), 'update_profile', author, '{}', 'completed',"
                " 1, NULL, NULL, now(), now() FROM messages WHERE author IN (?, 'Ermintrude') "
                "GROUP BY author",
                [PERSON],
            )
        site.export(pipeline.warehouse, pipeline.home.site, site.Options(site=is_installed()))
    # What a daemon's sensor remembers.
    with closing(sqlite3.connect(folder / "home/dagster/schedules/schedules.db")) as connection:
        files = {
            str(path.relative_to(folder / "home/inbox")): {"stamp": [1, 2], "settled": True}
            for path in (folder / "home/inbox").glob("*/*")
        }
        tick = json.dumps({"__class__": "TickData", "cursor": json.dumps(files)})
        connection.execute(
            "INSERT INTO job_ticks (job_origin_id, status, type, timestamp, tick_body) "
            "VALUES ('x', 'SUCCESS', 'SENSOR', '2025-01-01', ?)",
            [tick],
        )
        connection.commit()
    return folder / "home"


@pytest.fixture
def pipeline(stored: Path, tmp_path: Path) -> Iterator[Pipeline]:
    shutil.copytree(stored, tmp_path / "home")
    with Pipeline.open(Home.resolve(tmp_path / "home")) as opened:
        yield opened


def told(home: Path) -> Iterator[tuple[str, str]]:
    """Everything that a home's files say, in lower case, by place."""
    for path in sorted(home.rglob("*")):
        if not path.is_file():
            continue
        place = str(path.relative_to(home))
        content = path.read_bytes()
        yield f"the name of {place}", place.lower()
        yield place, content.decode("latin-1").lower()
        yield f"{place} as UTF-8", content.decode("utf-8", "replace").lower()
        for start in (0, 1):
            yield f"{place} as UTF-16", content[start:].decode("utf-16-le", "replace").lower()
        if path.suffix == ".duckdb":
            for name in CONTRACTS:
                yield f"{place}, {name}", str(query(path, f'FROM "{name}"')).lower()
        if content.startswith(b"SQLite format 3"):
            for table, text in sqlite_rows(path):
                yield f"{place}, {table}", text.lower()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield f"{place}: {name}", f"{name} {archive.read(name).decode()}".lower()


def sqlite_rows(path: Path) -> Iterator[tuple[str, str]]:
    """The rows of every table, what is escaped or compressed in them as text."""
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            text = str(connection.execute(f'SELECT * FROM "{table}"').fetchall())
            for found in re.findall(r"[01](eJ[A-Za-z0-9+/]{20,}=*)", text):
                text += zlib.decompress(base64.b64decode(found)).decode()
            yield table, re.sub(r"\\+u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), text)


def places(pipeline: Pipeline, tokens: Collection[str]) -> dict[str, set[str]]:
    """Where each token stands."""
    found: dict[str, set[str]] = {token: set() for token in tokens}
    for place, text in told(pipeline.home.root):
        for token in tokens:
            if token.lower() in text:
                found[token].add(place)
    return found


def standing(pipeline: Pipeline, tokens: Collection[str]) -> dict[str, set[str]]:
    return {token: where for token, where in places(pipeline, tokens).items() if where}


def test_of_a_forgotten_chat_nothing_stands_anywhere_and_of_others_everything(
    pipeline: Pipeline,
) -> None:
    database = pipeline.home.database
    assert standing(pipeline, [*CLUB, *HERS, *HIS]).keys() == {*CLUB, *HERS, *HIS}
    ratings = query(database, "SELECT * EXCLUDE feedback FROM comparisons ORDER BY sequence")
    regattas = "FROM documents WHERE thread_id = 'regatta' ORDER BY document_id"
    documents = query(database, regattas)
    removed = pipeline.forget_thread("wombatarium")
    assert (removed.rows["messages"], removed.rows["task_queue"]) == (25, 1)
    assert standing(pipeline, [*CLUB, *HERS, *HIS]).keys() == {*HERS, *HIS}
    assert (
        query(database, "SELECT * EXCLUDE feedback FROM comparisons ORDER BY sequence") == ratings
    )
    assert query(database, regattas) == documents
    # The run of both chats is still there, and tells of the one.
    runs = query(database, "SELECT partition, tags FROM runs WHERE job_name = 'import_chats'")
    assert [partition for partition, _ in runs] == ["regatta...regatta"]
    assert pipeline.instance.get_dynamic_partitions("threads") == ["regatta"]
    assert pipeline.rank().succeeded
    with pytest.raises(EgregoraError, match="no chat 'wombatarium'"):
        pipeline.forget_thread("wombatarium")


def test_of_a_forgotten_person_nothing_stands_anywhere_and_later_exports_bring_nothing_back(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    database = pipeline.home.database
    others = (
        "SELECT message_id, timestamp, author FROM messages "
        f"WHERE author IS DISTINCT FROM '{PERSON}' ORDER BY thread_id, position"
    )
    before = query(database, others)
    removed = pipeline.forget_author(PERSON)
    assert removed.keys == ["regatta"]
    assert (removed.rows["messages"], removed.rows["renamed"]) == (10, 14)
    assert standing(pipeline, HERS) == {}
    ensure_succeeded(pipeline, removed.keys)
    assert standing(pipeline, [*HERS, *HIS, *CLUB]).keys() == {*HIS, *CLUB}
    assert query(database, others) == before
    notices = query(database, "SELECT content FROM messages WHERE author IS NULL ORDER BY 1")
    assert notices == [
        ("Bartholomew Quince added [name]",),
        ("[name] joined using this group's invite link",),
    ]
    posts = query(database, "SELECT count(*) FROM top_posts WHERE thread_id = 'regatta'")
    assert posts != [(0,)]
    # A file that no export holds any more is still written about.
    files = query(
        database,
        "SELECT subject FROM documents WHERE doc_type = 'media' "
        "AND status = 'published' AND thread_id = 'regatta'",
    )
    assert files == [("IMG-0001.jpg",)]

    later = export(tmp_path, "Regatta", regatta(5), "IMG-20250301-WA0099.jpg", "IMG-0001.jpg")
    ensure_succeeded(pipeline, pipeline.add([later]))
    assert standing(pipeline, HERS) == {}
    after = query(database, others)
    assert set(before) < set(after)
    assert len(after) == len(before) + 14
    assert not list((pipeline.home.inbox / "regatta").iterdir())

    home = ["--home", str(pipeline.home.root)]
    result = CliRunner().invoke(cli, ["authors", "readmit", PERSON, *home])
    assert "regatta are read with Ottoline Vasquez again" in result.output
    assert pipeline.threads()["regatta"].forgotten == frozenset()


def test_forgetting_waits_for_no_run_that_would_bring_back_what_it_removes(
    pipeline: Pipeline,
) -> None:
    run = pipeline.instance.create_run_for_job(
        pipeline._definitions.resolve_job_def("import_chats"),
        run_id=str(uuid.uuid4()),
        tags={"dagster/partition": "regatta"},
    )
    with pytest.raises(EgregoraError, match=run.run_id):
        pipeline.forget_thread("regatta")
    with pytest.raises(EgregoraError, match=run.run_id):
        pipeline.forget_author(PERSON)
    assert (pipeline.home.inbox / "regatta").is_dir()


def forget_until(home: Path, who: str, module: str, function: str) -> None:
    """Forget the club or the person, in a process that dies at the call of a function."""

    def die(*_arguments: object, **_options: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with Pipeline.open(Home.resolve(home)) as opened:
        setattr(getattr(forgetting, module), function, die)
        if who == "chat":
            opened.forget_thread("wombatarium")
        else:
            opened.forget_author(PERSON)


STEPS = (
    ("inbox", "remove_chats"),
    ("copies", "withdraw"),
    ("mirror", "pull"),
    ("compacting", "rewrite"),
    ("copies", "publish"),
)


@pytest.mark.parametrize("who", ["chat", pytest.param("person", marks=pytest.mark.torture)])
@pytest.mark.parametrize(
    "step",
    [
        ("dagster_forgetting", "forget"),
        *(pytest.param(step, marks=pytest.mark.torture) for step in STEPS),
    ],
    ids=".".join,
)
def test_what_a_crash_cut_off_is_forgotten_by_the_next_command(
    stored: Path, tmp_path: Path, who: str, step: tuple[str, str]
) -> None:
    home = tmp_path / "home"
    shutil.copytree(stored, home)
    crashing.killed(forget_until, home, who, *step, after=120)
    assert (home / "forgetting").is_file()
    with Pipeline.open(Home.resolve(home)) as opened:
        assert standing(opened, CLUB if who == "chat" else HERS) == {}
        assert standing(opened, HIS).keys() == set(HIS)
        assert ("wombatarium" in opened.threads()) == (who == "person")
    assert not (home / "forgetting").exists()


@pytest.mark.torture
def test_two_names_of_one_person_become_one_and_ids_documents_and_ratings_stay(
    pipeline: Pipeline,
) -> None:
    database = pipeline.home.database
    kept = (
        "SELECT message_id, position, content FROM messages ORDER BY ALL",
        "SELECT window_id, signature FROM windows ORDER BY ALL",
        "SELECT document_id, status FROM documents WHERE doc_type <> 'profile' ORDER BY ALL",
        "FROM comparisons ORDER BY sequence",
        "FROM elo_ratings ORDER BY post_id",
        "SELECT count(*) FROM generations WHERE doc_type = 'post'",
    )
    before = [query(database, sql) for sql in kept]
    number = "+44 7700 900123"
    named = (
        "SELECT count(*) FROM documents WHERE status = 'published' "
        f"AND contains(content, '{number}')"
    )
    assert query(database, named) != [(0,)]
    keys, changed = pipeline.merge_authors(number, "Bartholomew Quince")
    assert (keys, changed) == (["regatta"], 6)
    ensure_succeeded(pipeline, keys)
    assert [query(database, sql) for sql in kept] == before
    assert query(database, named) == [(0,)]
    profiles = "SELECT subject, status FROM documents WHERE doc_type = 'profile' AND subject = '{}'"
    assert query(database, profiles.format(number)) == [(number, "superseded")]
    with pytest.raises(EgregoraError, match="Nobody called"):
        pipeline.merge_authors(number, "Bartholomew Quince")


@pytest.mark.torture
def test_a_name_that_was_given_up_is_so_in_later_exports_and_is_forgotten_with_the_other(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    people = "SELECT DISTINCT author FROM messages WHERE thread_id = 'regatta'"
    ensure_succeeded(pipeline, pipeline.merge_authors("+44 7700 900123", "Bartholomew Quince")[0])
    ensure_succeeded(pipeline, pipeline.add([export(tmp_path, "Regatta", regatta(4))]))
    found = {author for (author,) in query(pipeline.home.database, people)}
    assert found == {None, PERSON, "Bartholomew Quince"}
    assert pipeline.forget_author("Bartholomew Quince", ["regatta"]).rows["messages"] == 29
    assert pipeline.threads()["regatta"].aliases == {}
    ensure_succeeded(pipeline, pipeline.add([export(tmp_path, "Regatta", regatta(5))]))
    found = {author for (author,) in query(pipeline.home.database, people)}
    assert found == {None, PERSON}
    assert standing(pipeline, ["900123"]) == {}


@pytest.mark.torture
def test_a_clock_corrected_a_title_changed_and_chats_merged_leave_ids_and_ratings(
    pipeline: Pipeline,
) -> None:
    database = pipeline.home.database
    kept = (
        "SELECT message_id, content FROM messages ORDER BY ALL",
        "SELECT * EXCLUDE feedback FROM comparisons ORDER BY sequence",
        "SELECT document_id FROM documents WHERE doc_type = 'post' AND thread_id = 'regatta'"
        " ORDER BY 1",
    )
    before = [query(database, sql) for sql in kept]
    home = ["--home", str(pipeline.home.root)]
    for command in (["rename", "regatta", "Races"], ["set-timezone", "regatta", "Asia/Tokyo"]):
        result = CliRunner().invoke(cli, ["threads", *command, *home])
        assert result.exit_code == 0, result.output
        after = [query(database, sql) for sql in kept]
        assert after[0] == before[0]
        assert after[1][: len(before[1])] == before[1]
        assert after[2] == before[2]
    result = CliRunner().invoke(cli, ["threads", "merge", "regatta", "wombatarium", *home])
    assert result.exit_code == 0, result.output
    assert query(database, kept[0]) == before[0]
    assert query(database, kept[1])[: len(before[1])] == before[1]
    ids = {id_ for (id_,) in query(database, "SELECT document_id FROM documents")}
    assert {id_ for (id_,) in before[2]} <= ids
