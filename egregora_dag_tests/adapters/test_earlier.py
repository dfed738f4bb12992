"""Databases of an earlier Egregora."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest

from egregora_dag.adapters import (
    ExportError,
    ExportFile,
    Reading,
    Tally,
    import_chat,
    parse_file,
    read_export,
    scratch_database,
)
from egregora_dag.adapters.earlier import EarlierDatabaseAdapter
from egregora_dag_tests.adapters.conversation import CONVERSATION
from egregora_dag_tests.adapters.formats.earlier import FIRST, FORMATS, LAST, MINIMAL, store

NOON: Final = datetime(2025, 1, 15, 12, tzinfo=UTC)
SECRET: Final = "the-garden-gate-code"


def read(path: Path, **options: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_export(path, **options).read_all().to_pylist()
    return rows


def stored(event: str, **values: Any) -> dict[str, Any]:
    """A row of the last version's table."""
    return {
        "event_id": event,
        "thread_id": "trip",
        "ts": NOON,
        "author_raw": "Ada",
        "text": "hello",
        "attrs": None,
    } | values


def contents(folder: Path) -> Mapping[str, tuple[bytes, int]]:
    return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in sorted(folder.iterdir())}


@contextmanager
def held_open(path: Path) -> Iterator[None]:
    """Another program that has the database open for writing."""
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        yield
        other.communicate(b"\n")


@pytest.mark.parametrize("name", FORMATS)
def test_a_conversation_reads_back_from_every_version(tmp_path: Path, name: str) -> None:
    format_ = FORMATS[name]
    conversation = [one for one in CONVERSATION if one.kind in format_.kinds]
    path = format_.write(conversation, tmp_path)
    before = contents(tmp_path)
    rows = read(path)
    assert [
        (r["timestamp"], r["author"], r["content"], r["kind"], r["media_path"], r["media_type"])
        for r in rows
    ] == [(o.time, o.author, o.text, o.kind, o.media, o.media_type) for o in conversation]
    ids = [row["message_id"] for row in rows]
    assert [row["reply_to"] for row in rows] == [
        None if one.reply_to is None else ids[one.reply_to] for one in conversation
    ]
    assert [row["metadata"]["edited"] for row in rows] == [one.edited for one in conversation]
    assert {(row["thread_id"], row["source"]) for row in rows} == {("the-group", "egregora")}
    assert contents(tmp_path) == before


def test_messages_are_put_in_order_of_time_and_each_thread_is_a_chat(tmp_path: Path) -> None:
    rows = [
        stored("a", ts=NOON.replace(hour=14), text="last"),
        stored("b", thread_id="work", text="other"),
        stored("c", text="first"),
        stored("d", thread_id=None, text="none"),
        stored("e", text="second"),
    ]
    found = read(store(tmp_path / "pipeline.duckdb", LAST, rows))
    assert [(row["thread_id"], row["content"], row["position"]) for row in found] == [
        ("pipeline", "none", 0),
        ("trip", "first", 0),
        ("trip", "second", 1),
        ("trip", "last", 2),
        ("work", "other", 0),
    ]


def test_ids_stay_the_same_when_messages_were_added(tmp_path: Path) -> None:
    rows = [stored(f"{n}_e", text=f"{n}", ts=NOON.replace(minute=9 - n)) for n in range(6)]
    first = read(store(tmp_path / "a.duckdb", LAST, rows[:4]))
    second = read(store(tmp_path / "b.duckdb", LAST, rows[2:]))
    ids = [{row["content"]: row["message_id"] for row in found} for found in (first, second)]
    assert [ids[0][n] for n in "23"] == [ids[1][n] for n in "23"]
    assert len({*ids[0].values(), *ids[1].values()}) == 6


def test_few_columns_of_other_types_are_enough(tmp_path: Path) -> None:
    event = "00000000-0000-4000-8000-00000000000a"
    row = {"event_id": event, "ts": NOON.replace(tzinfo=None), "author_raw": "A", "text": "x"}
    [found] = read(store(tmp_path / "a.duckdb", MINIMAL, [row]), timezone="Europe/Lisbon")
    assert (found["timestamp"], found["author"], found["thread_id"]) == (NOON, "A", "a")
    table = (
        "CREATE TABLE messages (event_id INTEGER, thread_id UUID, ts VARCHAR, author_uuid UUID, "
        "text VARCHAR, attrs STRUCT(reply_to INTEGER, reactions MAP(VARCHAR, INTEGER)))"
    )
    given: list[dict[str, Any]] = [
        {"event_id": 1, "thread_id": event, "ts": "2025-01-15 12:00:00", "author_uuid": event},
        {"event_id": 2, "thread_id": event, "ts": "2025-01-15T14:00:00+02:00", "text": "x"},
        {"event_id": 3, "thread_id": event, "ts": "yesterday", "text": "x"},
    ]
    path = store(tmp_path / "b.duckdb", table, given)
    with duckdb.connect(str(path)) as database:
        database.execute("UPDATE messages SET attrs = {'reply_to': 1, 'reactions': MAP {'x': 2}}")
    rows = read(path)
    assert [(row["timestamp"], row["author"], row["content"]) for row in rows] == [
        (NOON, event, ""),
        (NOON, None, "x"),
    ]
    assert rows[1]["reply_to"] == rows[0]["message_id"]
    assert rows[1]["metadata"]["reactions"] == [("x", 2)]


def test_the_counts_add_up(tmp_path: Path) -> None:
    rows = [
        stored("a"),
        stored("b", author_raw=""),
        stored("c", ts=None),
        stored("d", ts=datetime(9999, 1, 1, tzinfo=UTC)),
        stored("e", ts=datetime(1, 1, 2, tzinfo=UTC)),
        stored("f", text=None, author_raw=None),
    ]
    file = ExportFile.open(store(tmp_path / "a.duckdb", LAST, rows))
    with scratch_database() as scratch:
        parsed = parse_file(scratch, file, EarlierDatabaseAdapter(), Reading())
        imported = import_chat(
            scratch, file, parsed, source="egregora", chat="trip", thread="trip", timezone="UTC"
        )
    assert imported.tally == Tally(6, 1, 2, 0, 3, (1, 5, 6))


def test_what_has_no_column_is_kept_but_not_what_says_the_text_again(tmp_path: Path) -> None:
    attrs = {
        "original_line": f"15/01/2025 - {SECRET}: hello",
        "tagged_line": SECRET,
        "colour": "red",
        "reactions": {"👍": 2},
        "reply_to": "nothing there",
    }
    more = {"author_uuid": "u-1", "msg_id": "m-1", "tenant_id": "t", "source": "slack"}
    rows = [stored("a", attrs=json.dumps(attrs), pii_flags='{"phone": true}', **more)]
    [row] = read(store(tmp_path / "a.duckdb", LAST, rows))
    assert json.loads(row["metadata"]["extra"]) == {
        **more,
        "pii_flags": {"phone": True},
        "colour": "red",
        "reactions": {"👍": 2},
        "reply_to": "nothing there",
    }
    assert row["metadata"]["reactions"] == [("👍", 2)]
    assert row["reply_to"] is None


@pytest.mark.parametrize(
    ("url", "type_", "kind", "media_type"),
    [
        ("a.jpg", "image/jpeg", "media", "image"),
        ("a.ogg", "voice", "media", "audio"),
        (None, "Photo", "media", "image"),
        ("a.bin", None, "media", "document"),
        ("a.pdf", "application/pdf", "media", "document"),
        (None, "url", "message", None),
        (" ", "", "message", None),
    ],
)
def test_media_is_known_by_its_type_or_its_file(
    tmp_path: Path, url: str | None, type_: str | None, kind: str, media_type: str | None
) -> None:
    rows = [stored("a", media_url=url, media_type=type_)]
    [row] = read(store(tmp_path / "a.duckdb", LAST, rows))
    assert (row["kind"], row["media_type"]) == (kind, media_type)
    assert row["media_path"] == ((url or "").strip() or None)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["a &lt;b&gt; &amp;amp; c", "plain"], ["a <b> &amp; c", "plain"]),
        (["a &lt;b&gt;", "fish & chips"], ["a &lt;b&gt;", "fish & chips"]),
        (["a &lt;b&gt;", "1 < 2"], ["a &lt;b&gt;", "1 < 2"]),
    ],
)
def test_signs_written_as_in_html_are_read_where_all_were_written_so(
    tmp_path: Path, texts: list[str], expected: list[str]
) -> None:
    rows = [stored(f"{n}", text=text, source="whatsapp") for n, text in enumerate(texts)]
    rows.append(stored("z", text="a & <b>", source="slack"))
    found = read(store(tmp_path / "a.duckdb", LAST, rows))
    assert [row["content"] for row in found] == [*expected, "a & <b>"]


def test_what_egregora_itself_put_between_the_messages_is_a_system_line(tmp_path: Path) -> None:
    rows = [stored("a", author_raw="egregora", msg_id="enrichment-a"), stored("b", msg_id="b")]
    found = read(store(tmp_path / "a.duckdb", LAST, rows))
    assert [(row["author"], row["kind"]) for row in found] == [(None, "system"), ("Ada", "message")]


def test_wrong_attrs_are_no_reason_to_stop(tmp_path: Path) -> None:
    table = LAST.replace("attrs JSON", "attrs VARCHAR").replace("pii_flags JSON", "pii_flags TEXT")
    wrong = ["", "no JSON", "[1]", "5", "null", '{"edited": [], "reply_to": {}, "reactions": 5}']
    rows = [stored(f"{n}", attrs=text, pii_flags=text) for n, text in enumerate(wrong)]
    found = read(store(tmp_path / "a.duckdb", table, rows))
    assert [row["content"] for row in found] == ["hello"] * len(wrong)


def test_a_database_without_messages_is_empty(tmp_path: Path) -> None:
    assert read(store(tmp_path / "a.duckdb", FIRST, [])) == []


@pytest.mark.parametrize("stem", ["temp", "system", 'it\'s "quoted"', "ünï 🌻", "a;b--$x{}[*]"])
def test_a_database_may_have_any_name(tmp_path: Path, stem: str) -> None:
    path = store(tmp_path / "plain.duckdb", LAST, [stored("a")]).rename(tmp_path / f"{stem}.db")
    assert [row["content"] for row in read(path)] == ["hello"]
    with pytest.raises(ExportError, match="Rename the file"):
        read_export(path.rename(tmp_path / "a?b.db"))


def test_a_database_that_is_open_for_writing_is_refused(tmp_path: Path) -> None:
    path = store(tmp_path / "a.duckdb", LAST, [stored("a")])
    with held_open(path), pytest.raises(ExportError, match="holds it open for writing"):
        read_export(path)
    with (
        duckdb.connect(str(path)),
        pytest.raises(ExportError, match="holds it open for writing"),
    ):
        read_export(path)
    assert len(read(path)) == 1


def test_a_database_with_changes_in_a_log_beside_it_is_refused_and_not_written(
    tmp_path: Path,
) -> None:
    path = store(tmp_path / "a.duckdb", LAST, [stored("a")])
    code = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]);"
        "c.execute(\"INSERT INTO messages (event_id, ts, text) VALUES ('b', now(), 'x')\");"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, path], check=True)
    before = contents(tmp_path)
    assert set(before) == {"a.duckdb", "a.duckdb.wal"}
    with pytest.raises(ExportError, match=r"a\.duckdb\.wal beside it .* run CHECKPOINT"):
        read_export(path)
    assert contents(tmp_path) == before
    (tmp_path / "a.duckdb.wal").write_bytes(b"")
    assert len(read(path)) == 1
    assert set(contents(tmp_path)) == set(before)


OWN: Final = (
    "CREATE TABLE messages (message_id UUID, thread_id VARCHAR, position BIGINT, "
    "timestamp TIMESTAMPTZ, author VARCHAR, content VARCHAR)"
)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (OWN, "is a warehouse of this program"),
        ("CREATE TABLE runs (run_id UUID)", "without a table `messages`"),
        ("CREATE TABLE messages (event_id UUID, ts TIMESTAMP)", "without a table `messages`"),
        ("CREATE TABLE messages (a INTEGER[])", "without a table `messages`"),
        (
            "CREATE VIEW messages AS SELECT filename AS event_id, now() AS ts, content AS text "
            "FROM read_text('/etc/hostname')",
            "without a table `messages`",
        ),
    ],
)
def test_another_database_is_refused_and_called_what_it_is(
    tmp_path: Path, sql: str, message: str
) -> None:
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute(sql)
    with pytest.raises(ExportError, match=message):
        read_export(path)


def test_a_damaged_database_is_refused_without_its_words(tmp_path: Path) -> None:
    path = store(tmp_path / "a.duckdb", LAST, [stored(f"{n}", text=SECRET) for n in range(99)])
    whole = path.read_bytes()
    old = whole[:12] + (39).to_bytes(8, "little") + whole[20:]
    new = whole[:12] + (999).to_bytes(8, "little") + whole[20:]
    damaged = whole[:20_000] + bytes(len(whole) - 20_000)
    for content, message in (
        (whole[:12], "version|damaged"),
        (whole[:5000], "is damaged"),
        (damaged, "is damaged"),
        (old, "storage version 39, which DuckDB"),
        (new, "storage version 999, which DuckDB"),
    ):
        path.write_bytes(content)
        with pytest.raises(ExportError, match=message) as caught:
            read_export(path)
        assert SECRET not in str(caught.value)


def test_other_files_are_no_databases(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    path.write_bytes(b"SQLite format 3\0" + bytes(100))
    assert not EarlierDatabaseAdapter().recognizes(ExportFile.open(path))
