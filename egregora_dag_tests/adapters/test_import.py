"""What is the same for every source: ids, order, time zones, keys, and the rows' columns."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egregora_dag.adapters import (
    ADAPTERS,
    ExportError,
    ExportFile,
    adapter_for,
    checked_timezone,
    import_file,
    read_export,
    scratch_database,
    thread_key,
)
from egregora_dag.database.identifiers import make_id
from egregora_dag.database.schemas import KINDS, MEDIA_TYPES, MESSAGES, MESSAGES_SCHEMA
from egregora_dag.exceptions import EgregoraError
from egregora_dag.resources import Warehouse
from egregora_dag_tests.conftest import add_thread, query

Make = Callable[[Path], Path]


def whatsapp(folder: Path) -> Path:
    path = folder / "WhatsApp Chat with Lisbon trip.txt"
    path.write_text(
        "31/12/2025, 18:04 - Ada added Bo\n"
        "31/12/2025, 18:05 - Ada: hello @Bo https://example.org\n"
        "31/12/2025, 18:05 - Ada: <Media omitted>\n",
        "utf-8",
    )
    return path


def irc(folder: Path) -> Path:
    path = folder / "lisbon.2025-12-31.txt"
    path.write_text("=== bo joined\n[18:05] <ada> hello\n[18:06]  * ada waves\n", "utf-8")
    return path


def table(folder: Path) -> Path:
    path = folder / "Lisbon trip.csv"
    path.write_text(
        "timestamp,author,content\n"
        "2025-12-31 18:04:00,,Ada added Bo\n"
        "2025-12-31T18:05:00Z,Ada,hello\n"
        "2025-12-31 18:06:00,Bo,hello you\n",
        "utf-8",
    )
    return path


SOURCES = [whatsapp, irc, table]


@pytest.mark.parametrize("make", SOURCES)
def test_every_source_gives_the_columns_of_messages(tmp_path: Path, make: Make) -> None:
    reader = read_export(make(tmp_path))
    assert isinstance(reader, pa.RecordBatchReader)
    assert reader.schema.names == list(MESSAGES_SCHEMA)
    expected = {"position": pa.int64(), "timestamp": pa.timestamp("us", "UTC")}
    expected |= dict.fromkeys(("thread_id", "author", "content", "kind"), pa.string())
    for name, type_ in expected.items():
        assert reader.schema.field(name).type == type_
    fields = {field.name for field in reader.schema.field("metadata").type}
    assert fields == set(MESSAGES_SCHEMA["metadata"])


@pytest.mark.parametrize("make", SOURCES)
def test_every_source_keeps_the_contract(tmp_path: Path, make: Make, warehouse: Warehouse) -> None:
    path = make(tmp_path)
    reader = read_export(path, thread="trip")
    add_thread(warehouse, "trip")
    assert warehouse.write(MESSAGES, reader).total == 3
    sql = "SELECT DISTINCT kind, media_type FROM messages"
    for kind, media_type in query(warehouse.path, sql):
        assert kind in KINDS
        assert media_type is None or media_type in MEDIA_TYPES
    assert warehouse.write(MESSAGES, read_export(path, thread="trip")).changed == 0


@pytest.mark.parametrize("make", SOURCES)
def test_positions_count_from_nought_and_ids_are_all_different(tmp_path: Path, make: Make) -> None:
    rows = read_export(make(tmp_path)).read_all().to_pylist()
    assert [row["position"] for row in rows] == [0, 1, 2]
    assert len({row["message_id"] for row in rows}) == 3
    assert all(UUID(row["message_id"]).version == 5 for row in rows)
    assert {row["metadata"]["file"] for row in rows} == {make(tmp_path).name}


@pytest.mark.parametrize("make", SOURCES)
def test_ids_stay_in_another_time_zone_and_under_another_name_of_the_file(
    tmp_path: Path, make: Make
) -> None:
    first = read_export(make(tmp_path), thread="trip").read_all()
    (tmp_path / "x").mkdir()
    path = make(tmp_path / "x")
    path = path.rename(path.with_name(f"copy of {path.name}"))
    again = read_export(path, thread="trip", timezone="Asia/Tokyo").read_all()
    assert first["message_id"] == again["message_id"]
    assert first["timestamp"] != again["timestamp"]


def test_ids_depend_on_chat_source_time_author_text_and_repetition(tmp_path: Path) -> None:
    def ids(text: str, thread: str = "trip") -> list[str]:
        path = tmp_path / "chat.txt"
        path.write_text(text, "utf-8")
        found: list[str] = read_export(path, thread=thread).read_all()["message_id"].to_pylist()
        return found

    line = "31/12/2025, 18:05 - Ada: hello\n"
    [hello] = ids(line)
    different = [
        *ids(line, "other"),
        *ids(line.replace("18:05", "18:06")),
        *ids(line.replace("Ada", "Bo")),
        *ids(line.replace("hello", "Hello")),
        *ids(line * 2)[1:],
    ]
    assert len({hello, *different}) == 6
    assert ids(line * 2)[0] == hello
    parts = ("message", "whatsapp", "trip", "2025-12-31 18:05:00", "Ada", "hello", 0)
    assert UUID(hello) == make_id(*parts)


def test_a_chat_that_was_merged_keeps_the_ids_of_its_own_key(tmp_path: Path) -> None:
    file = ExportFile.open(whatsapp(tmp_path))
    with scratch_database() as scratch:
        found = []
        for thread, origin in (("old", None), ("new", "old"), ("new", None)):
            import_file(
                scratch,
                file,
                adapter_for(file),
                chat=None,
                thread=thread,
                timezone="UTC",
                origin=origin,
            )
            sql = "SELECT message_id, thread_id FROM imported ORDER BY position"
            found.append(list(zip(*scratch.execute(sql).fetchall(), strict=True)))
    assert found[0][0] == found[1][0] != found[2][0]
    assert found[1][1] == ("new",) * 3


def test_what_was_read_is_told(tmp_path: Path) -> None:
    file = ExportFile.open(whatsapp(tmp_path))
    with scratch_database() as scratch:
        options: dict[str, Any] = {"chat": None, "thread": "trip", "timezone": "Europe/Lisbon"}
        imported = import_file(scratch, file, adapter_for(file), **options)
    assert (imported.tally.messages, imported.tally.system, imported.tally.lines) == (2, 1, 3)
    assert imported.first == datetime(2025, 12, 31, 18, 4, tzinfo=UTC)
    assert (imported.file, imported.sha256) == (file.path.name, file.sha256())
    assert imported.import_id == make_id("import", "trip", file.sha256())


def test_a_source_may_be_named_and_an_unknown_one_is_told_with_those_there_are(
    tmp_path: Path,
) -> None:
    file = ExportFile.open(whatsapp(tmp_path))
    assert adapter_for(file).source == adapter_for(file, "whatsapp").source == "whatsapp"
    with pytest.raises(ExportError, match=r"'teletype'.*Sources are discord, .*whatsapp"):
        adapter_for(file, "teletype")
    assert len({adapter.source for adapter in ADAPTERS}) == len(ADAPTERS) == 12


def test_a_time_zone_that_does_not_exist_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(EgregoraError, match=r"'Lisbon' is not a time zone.*Europe/Lisbon"):
        read_export(whatsapp(tmp_path), timezone="Lisbon")
    assert checked_timezone("Asia/Kathmandu") == "Asia/Kathmandu"


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("Lisbon trip", "lisbon-trip"),
        ("  Trip: Lisbon!! ", "trip-lisbon"),
        ("Café_Zoë", "café-zoë"),
        ("家族", "家族"),
        ("Ｆｕｌｌ", "full"),
        ("a/b\\..", "a-b"),
        ("x" * 200, "x" * 80),
        ("#ubuntu", "ubuntu"),
    ],
)
def test_a_key_is_made_from_the_words_of_a_title(title: str, key: str) -> None:
    assert thread_key(title) == key


@given(st.text(max_size=100))
def test_a_key_of_any_title_is_a_safe_name_and_its_own_key(title: str) -> None:
    key = thread_key(title)
    assert 1 <= len(key) <= 80
    assert all(letter.isalnum() or letter == "-" for letter in key)
    assert not key.startswith("-")
    assert not key.endswith("-")
    assert thread_key(key) == key


def test_titles_without_a_letter_get_keys_of_their_own() -> None:
    keys = {thread_key(title) for title in ("🌻", "🌻🌻", "...", "")}
    assert len(keys) == 4
    assert all(key.startswith("chat-") for key in keys)
