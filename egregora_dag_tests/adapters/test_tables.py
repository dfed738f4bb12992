"""Files that have the columns of `messages` already."""

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from egregora_dag.adapters import (
    ExportError,
    ExportFile,
    Tally,
    import_file,
    read_export,
    scratch_database,
)
from egregora_dag.adapters.tables import TableAdapter

FORMATS = ("csv", "tsv", "ndjson", "jsonl", "parquet")
Row = Mapping[str, Any]


def write(folder: Path, ending: str, rows: Sequence[Row], *, stem: str = "chat") -> Path:
    path = folder / f"{stem}.{ending}"
    if ending == "parquet":
        names = list(dict.fromkeys(name for row in rows for name in row))
        pq.write_table(pa.table({n: [row.get(n) for row in rows] for n in names}), path)
    elif ending in {"ndjson", "jsonl"}:
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            delimiter = "\t" if ending == "tsv" else ","
            writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
    return path


def read(path: Path, **options: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_export(path, **options).read_all().to_pylist()
    return rows


def tally_of(path: Path, chat: str | None = None) -> tuple[Tally, int]:
    with scratch_database() as scratch:
        options: dict[str, Any] = {"chat": chat, "thread": "x", "timezone": "UTC"}
        imported = import_file(scratch, ExportFile.open(path), TableAdapter(), **options)
    return imported.tally, imported.messages + imported.system


def said(**values: Any) -> dict[str, Any]:
    return {"timestamp": "2025-01-15 12:00:00", "author": "Ada", "content": "hello"} | values


MINIMAL = [said(), said(author=None, content="Ada joined"), said(content='a, "b"\nc\td: é')]
A, B = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
FULL = [
    said(
        message_id=A,
        thread_id="trip",
        kind="media",
        media_path="x.jpg",
        media_type="image",
        reply_to=None,
    ),
    said(message_id=B, thread_id="trip", kind="poll", media_path=None, media_type=None, reply_to=A),
]


@pytest.mark.parametrize("ending", FORMATS)
def test_three_columns_are_enough(tmp_path: Path, ending: str) -> None:
    rows = read(write(tmp_path, ending, MINIMAL))
    assert [(row["author"], row["content"], row["kind"]) for row in rows] == [
        ("Ada", "hello", "message"),
        (None, "Ada joined", "system"),
        ("Ada", 'a, "b"\nc\td: é', "message"),
    ]
    assert {row["thread_id"] for row in rows} == {"chat"}
    assert {row["timestamp"] for row in rows} == {datetime(2025, 1, 15, 12, tzinfo=UTC)}
    assert [row["metadata"]["line"] for row in rows] == [1, 2, 3]


@pytest.mark.parametrize("ending", FORMATS)
def test_every_column_is_taken_over(tmp_path: Path, ending: str) -> None:
    rows = read(write(tmp_path, ending, FULL))
    names = ("message_id", "thread_id", "kind", "media_path", "media_type", "reply_to")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (A, "trip", "media", "x.jpg", "image", None),
        (B, "trip", "poll", None, None, A),
    ]


@pytest.mark.parametrize("ending", FORMATS)
def test_the_same_messages_have_the_same_ids_in_every_format(tmp_path: Path, ending: str) -> None:
    expected = [row["message_id"] for row in read(write(tmp_path, "csv", MINIMAL))]
    assert len(set(expected)) == 3
    assert [row["message_id"] for row in read(write(tmp_path, ending, MINIMAL))] == expected


@pytest.mark.parametrize("ending", ["csv", "ndjson", "parquet"])
def test_a_time_with_an_offset_is_an_instant_and_one_without_the_chats_clock(
    tmp_path: Path, ending: str
) -> None:
    times = {
        "2025-07-15 12:00:00": 11,
        "2025-07-15T12:00:00": 11,
        "2025-07-15T12:00:00Z": 12,
        "2025-07-15 12:00:00+00": 12,
        "2025-07-15T12:00:00+02:00": 10,
        "2025-07-15T12:00:00-0330": 15.5,
    }
    path = write(tmp_path, ending, [said(timestamp=time) for time in times])
    rows = read(path, timezone="Europe/Lisbon")
    found = [row["timestamp"].hour + row["timestamp"].minute / 60 for row in rows]
    assert found == list(times.values())
    clocks = [row["metadata"]["local_time"].endswith("Z") for row in rows]
    assert clocks == [False, False, True, True, True, True]


def test_times_of_parquet_keep_their_meaning(tmp_path: Path) -> None:
    noon = datetime(2025, 7, 15, 12)
    for type_, hour in ((pa.timestamp("us"), 11), (pa.timestamp("us", "UTC"), 12)):
        path = tmp_path / "chat.parquet"
        table = {"timestamp": pa.array([noon], type_), "author": ["Ada"], "content": ["x"]}
        pq.write_table(pa.table(table), path)
        [row] = read(path, timezone="Europe/Lisbon")
        assert row["timestamp"].hour == hour


@pytest.mark.parametrize("ending", FORMATS)
def test_a_file_may_hold_several_chats(tmp_path: Path, ending: str) -> None:
    rows = [said(thread_id=name, content=name) for name in ("Trip: Lisbon", "b", "Trip: Lisbon")]
    path = write(tmp_path, ending, rows)
    assert TableAdapter().threads(ExportFile.open(path)) == {
        "Trip: Lisbon": "Trip: Lisbon",
        "b": "b",
    }
    found = read(path)
    assert [(row["thread_id"], row["position"], row["metadata"]["line"]) for row in found] == [
        ("b", 0, 2),
        ("trip-lisbon", 0, 1),
        ("trip-lisbon", 1, 3),
    ]
    assert (tally_of(path, "b")[0].lines, tally_of(path)[0].lines) == (1, 3)
    assert {row["thread_id"] for row in read(path, thread="all")} == {"all"}


@pytest.mark.parametrize("ending", FORMATS)
def test_records_that_break_a_rule_are_rejected_by_number(tmp_path: Path, ending: str) -> None:
    rows = [
        said(kind="message", media_type=None),
        said(kind="message", media_type=None, timestamp="yesterday"),
        said(kind="message", media_type=None, timestamp="2025-02-30 12:00:00"),
        said(kind="joke", media_type=None),
        said(kind="message", media_type="hologram"),
        said(kind="system", media_type=None),
        said(kind="message", media_type=None, author=None),
        said(kind="media", media_type="image"),
        said(kind="message", media_type=None, timestamp=None),
    ]
    path = write(tmp_path, ending, rows)
    tally, messages = tally_of(path)
    assert (tally.lines, messages, tally.rejected) == (9, 2, (2, 3, 4, 5, 6, 7, 9))
    assert [row["metadata"]["line"] for row in read(path)] == [1, 8]


@pytest.mark.parametrize("ending", ["ndjson", "parquet"])
def test_a_record_without_content_is_rejected(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path, ending, [said(), said(content=None), said(content="")])
    assert tally_of(path)[0].rejected == (2,)
    assert [row["content"] for row in read(path)] == ["hello", ""]


def test_ids_that_are_none_or_repeat_are_replaced(tmp_path: Path) -> None:
    rows = [said(message_id=id_, thread_id="trip") for id_ in (A, A, "nonsense", None)]
    found = [row["message_id"] for row in read(write(tmp_path, "ndjson", rows))]
    assert found[0] == A
    assert len(set(found)) == 4
    assert all(UUID(id_) for id_ in found)


def test_columns_may_be_written_in_capitals_and_others_are_ignored(tmp_path: Path) -> None:
    rows = [{"Content": "x", "colour": "red", "AUTHOR": "Ada", "Timestamp": "2025-01-15 12:00"}]
    [row] = read(write(tmp_path, "csv", rows))
    assert (row["author"], row["content"]) == ("Ada", "x")


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("stem", ["a[b]*?{c}", 'it\'s "quoted"', "ünï 🌻", "a;b--", "%s $path {}"])
def test_a_file_may_have_any_name(tmp_path: Path, ending: str, stem: str) -> None:
    decoy = write(tmp_path, ending, [said(content="decoy")], stem="ab")
    path = write(tmp_path, ending, [said(content="right")], stem=stem)
    assert [row["content"] for row in read(path)] == ["right"]
    assert read(path)[0]["metadata"]["file"] == path.name
    assert decoy.exists()


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("missing", ["timestamp", "author", "content"])
def test_a_missing_column_is_named(tmp_path: Path, ending: str, missing: str) -> None:
    row = {name: value for name, value in said().items() if name != missing}
    path = write(tmp_path, ending, [row])
    with pytest.raises(ExportError, match=f"no column {missing}.*Name its columns") as caught:
        read_export(path)
    assert caught.value.path == path


SECRET = "the-garden-gate-code"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.parquet", b"PAR1 nonsense"),
        ("x.ndjson", f'{{"timestamp": "2025-01-15", "content": "{SECRET}\n'.encode()),
        ("x.csv", b"timestamp,author,content\n2025-01-15,Ada,caf\xe9 " + SECRET.encode()),
    ],
)
def test_a_damaged_file_is_refused_without_its_words(
    tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ExportError, match=f"cannot be read as {path.suffix[1:].upper()}") as caught:
        read_export(path)
    error: BaseException | None = caught.value
    assert SECRET not in str(error)
    assert error is not None
    assert error.__suppress_context__


def test_a_file_of_other_ending_is_no_table(tmp_path: Path) -> None:
    path = write(tmp_path, "csv", MINIMAL).rename(tmp_path / "chat.dat")
    with pytest.raises(ExportError, match="no chat that is known"):
        read_export(path)


def test_the_ending_may_be_written_in_capitals(tmp_path: Path) -> None:
    path = write(tmp_path, "csv", MINIMAL).rename(tmp_path / "CHAT.CSV")
    assert len(read(path)) == 3
