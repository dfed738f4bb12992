"""Files that have the columns of `messages` already."""

import csv
import gzip
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from egregora_dag.adapters import (
    ExportError,
    ExportFile,
    Parsed,
    Reading,
    Tally,
    import_chat,
    parse_file,
    read_export,
    scratch_database,
)
from egregora_dag.adapters.tables import TableAdapter
from egregora_dag.adapters.tables.columns import OTHER_NAMES, REQUIRED, chosen_columns
from egregora_dag_tests.adapters.conversation import CONVERSATION
from egregora_dag_tests.adapters.formats import tables as formats

FORMATS = ("csv", "tsv", "ndjson", "jsonl", "parquet")
Row = Mapping[str, Any]


def write(folder: Path, ending: str, rows: Sequence[Row], *, stem: str = "chat") -> Path:
    path = folder / f"{stem}.{ending}"
    if ending == "parquet":
        names = list(dict.fromkeys(name for row in rows for name in row))
        pq.write_table(pa.table({n: [row.get(n) for row in rows] for n in names}), path)
    elif ending == "json":
        path.write_text(json.dumps(rows), "utf-8")
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


def account(path: Path, chat: str | None = None, **options: Any) -> tuple[Tally, Parsed]:
    """What became of each row, and what was found in the file."""
    file = ExportFile.open(path)
    with scratch_database() as scratch:
        parsed = parse_file(scratch, file, TableAdapter(), Reading(**options))
        imported = import_chat(
            scratch, file, parsed, source="table", chat=chat, thread="x", timezone="UTC"
        )
    return imported.tally, parsed


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
    assert (account(path, "b")[0].lines, account(path)[0].lines) == (1, 3)
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
    assert account(path)[0] == Tally(9, 2, 0, 0, 7, (2, 3, 4, 5, 6, 7, 9))
    assert [row["metadata"]["line"] for row in read(path)] == [1, 8]


@pytest.mark.parametrize("ending", ["ndjson", "parquet"])
def test_a_record_without_content_is_rejected(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path, ending, [said(), said(content=None), said(content="")])
    assert account(path)[0].rejected_lines == (2,)
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
    assert [(r["content"], r["metadata"]["file"]) for r in read(path)] == [("right", path.name)]
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


@pytest.mark.parametrize("name", formats.FORMATS)
def test_a_conversation_reads_back_from_every_kind_of_file(tmp_path: Path, name: str) -> None:
    format_ = formats.FORMATS[name]
    conversation = [one for one in CONVERSATION if one.kind in format_.kinds]
    rows = read(format_.write(conversation, tmp_path), **format_.options)
    assert [
        (r["timestamp"], r["author"], r["content"], r["kind"], r["media_path"]) for r in rows
    ] == [(one.time, one.author, one.text, one.kind, one.media) for one in conversation]
    if format_.replies:
        ids = [row["message_id"] for row in rows]
        expected = [None if one.reply_to is None else ids[one.reply_to] for one in conversation]
        assert [row["reply_to"] for row in rows] == expected
        assert [row["metadata"]["edited"] for row in rows] == [one.edited for one in conversation]


# Each with the UTC clock it means, where the chat's zone is that of Lisbon in summer.
TIMES = {
    "2025-07-15": "2025-07-14 23:00",
    "2025-07-15 12:00 PM": "2025-07-15 11:00",
    "2025/07/15 12:00": "2025-07-15 11:00",
    "15/07/2025 18:05": "2025-07-15 17:05",
    "7/15/2025 6:05 pm": "2025-07-15 17:05",
    "7/15/2025, 12:05:00 a.m.": "2025-07-14 23:05",
    "15.07.25 18:05:09": "2025-07-15 17:05:09",
    "15.07.2025, 18.05": "2025-07-15 17:05",
    "15 Jul 2025 18:05": "2025-07-15 17:05",
    "July 15, 2025 6:05 PM": "2025-07-15 17:05",
    "Tue, 15 Jul 2025 12:00:00 +0200": "2025-07-15 10:00",
    "2025-07-15T12:00Z": "2025-07-15 12:00",
    "2025-07-15 12:00:00 +05:30": "2025-07-15 06:30",
    "2025-07-15T12:00:00.123456789+0530": "2025-07-15 06:30:00.123456",
    "2025-07-15 12:00:00,5 UTC": "2025-07-15 12:00:00.5",
    "1752580800": "2025-07-15 12:00",
    "1752580800.25": "2025-07-15 12:00:00.25",
    "1752580800123": "2025-07-15 12:00:00.123",
    "1752580800123456": "2025-07-15 12:00:00.123456",
    "1752580800123456000": "2025-07-15 12:00:00.123456",
}


@pytest.mark.parametrize(("written", "expected"), TIMES.items())
def test_times_are_read_however_they_are_written(
    tmp_path: Path, written: str, expected: str
) -> None:
    path = write(tmp_path, "csv", [said(timestamp=written)])
    [row] = read(path, timezone="Europe/Lisbon")
    assert row["timestamp"] == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_what_is_no_time_is_rejected(tmp_path: Path) -> None:
    bad = ["9999-01-01", "0001-01-01 00:00", "290000-01-01", "infinity", "epoch", "now", "2025"]
    bad += ["20250115", "31/31/2025", "2025-01-15 25:00", "1e400", "-5", "99999999999999999999"]
    bad += ["2025-01-15T12:00:00+99:00", "12:00", "2025-01-15 12:00 BC", " ", "\ud800", "\0"]
    rows = [said(), *(said(timestamp=time) for time in bad)]
    tally, _ = account(write(tmp_path, "ndjson", rows))
    assert (tally.lines, tally.messages, tally.rejected) == (len(rows), 1, len(bad))


@pytest.mark.parametrize("ending", ["ndjson", "parquet"])
@pytest.mark.parametrize("number", [1752580800, 1752580800000, 1752580800.0, 1752580800000000000])
def test_numbers_are_seconds_or_smaller_units(tmp_path: Path, ending: str, number: float) -> None:
    [row] = read(write(tmp_path, ending, [said(timestamp=number)]))
    assert row["timestamp"] == datetime(2025, 7, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("dates", "day_first", "month", "is_guess"),
    [
        (["01/02/2025", "13/02/2025"], None, 2, False),
        (["01/02/2025", "02/13/2025"], None, 1, False),
        (["12/02/2025", "01/03/2025"], None, 2, False),
        (["01/02/2025", "02/02/2025"], None, 2, True),
        (["01/02/2025", "02/02/2025"], True, 2, False),
        (["01/02/2025", "02/02/2025"], False, 1, False),
    ],
)
def test_the_order_of_day_and_month_is_found_or_told(
    tmp_path: Path, dates: list[str], day_first: bool | None, month: int, is_guess: bool
) -> None:
    path = write(tmp_path, "csv", [said(timestamp=date) for date in dates])
    assert read(path, day_first=day_first)[0]["timestamp"].month == month
    order = account(path, day_first=day_first)[1].date_order
    assert order is not None
    assert order.is_guess == is_guess


def test_no_order_of_dates_is_told_where_none_was_needed(tmp_path: Path) -> None:
    assert account(write(tmp_path, "csv", MINIMAL))[1].date_order is None


@pytest.mark.parametrize("column", REQUIRED)
def test_other_names_of_columns_are_known(tmp_path: Path, column: str) -> None:
    for name in OTHER_NAMES[column]:
        names = [name.replace("_", " ").title() if n == column else n for n in REQUIRED]
        assert chosen_columns(tmp_path, names, {})[column] == (names[REQUIRED.index(column)],)
    row = {names[REQUIRED.index(n)]: value for n, value in said().items()}
    path = write(tmp_path, "csv", [row])
    assert [r["content"] for r in read(path)] == ["hello"]
    [note] = account(path)[1].notes
    assert f"{column} from {names[REQUIRED.index(column)]}" in note


def test_the_very_name_of_a_column_wins_and_a_mapping_before_it(tmp_path: Path) -> None:
    path = write(tmp_path, "csv", [said(text="other", Body="mapped")])
    assert [row["content"] for row in read(path)] == ["hello"]
    assert [row["content"] for row in read(path, columns={"content": "body"})] == ["mapped"]
    assert "Columns passed over: text, Body." in account(path)[1].notes


def test_columns_of_any_name_can_be_mapped(tmp_path: Path) -> None:
    names = {"timestamp": 'a "b".c', "author": "it's; --", "content": "größe $x {}"}
    for ending in (*FORMATS, "json"):
        rows = [{names[name]: value for name, value in said().items()}]
        path = write(tmp_path, ending, rows)
        assert [(r["author"], r["content"]) for r in read(path, columns=names)] == [
            ("Ada", "hello")
        ]


def test_a_column_that_tells_the_chat_tells_it_though_it_is_mapped(tmp_path: Path) -> None:
    path = write(tmp_path, "csv", [{"timestamp": "2025-01-15", "channel": "Bo", "content": "x"}])
    [row] = read(path, columns={"author": "channel"})
    assert (row["author"], row["thread_id"]) == ("Bo", "bo")


@pytest.mark.parametrize(
    ("row", "columns", "message"),
    [
        ({"date": "1", "from": "2", "user": "3", "text": "4"}, {}, "--column author=from"),
        ({"sent": "1", "ts": "2", "user": "3", "text": "4"}, {}, "--column timestamp=ts"),
        ({"date": "1", "q": "2", "text": "4"}, {}, "its columns are date, q, text"),
        (said(), {"content": "nope"}, "no column 'nope' to read content from"),
        (said(), {"contents": "content"}, "'contents' is no column that can be mapped"),
        (said(room="x"), {"thread_id": "author"}, "Rename it to thread_id"),
    ],
)
def test_what_is_wrong_with_columns_is_said_with_the_remedy(
    tmp_path: Path, row: Row, columns: dict[str, str], message: str
) -> None:
    with pytest.raises(ExportError) as caught:
        read_export(write(tmp_path, "csv", [row]), columns=columns)
    assert message in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_first_line_that_is_no_header_is_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"2025-01-15,Ada,{SECRET}\n", "utf-8")
    with pytest.raises(ExportError, match="names none that is known") as caught:
        read_export(path)
    assert SECRET not in str(caught.value)


def test_ids_that_are_no_uuids_are_the_sources_own(tmp_path: Path) -> None:
    rows = [said(msg_id=f"m{n}", in_reply_to="m1" if n else "", content=f"{n}") for n in range(4)]
    first = read(write(tmp_path, "csv", rows[:3]))
    edited = [*rows[1:], said(msg_id="m0", in_reply_to="", content="edited")]
    second = read(write(tmp_path, "csv", edited))
    assert {row["message_id"] for row in first} < {row["message_id"] for row in second}
    assert [row["reply_to"] for row in first] == [None, *[first[1]["message_id"]] * 2]


def test_overlapping_tables_without_ids_give_the_same_ids(tmp_path: Path) -> None:
    rows = [said(content=f"{n // 2}") for n in range(8)]
    first = [row["message_id"] for row in read(write(tmp_path, "csv", rows[:6]))]
    second = [row["message_id"] for row in read(write(tmp_path, "ndjson", rows[2:]))]
    assert len({*first, *second}) == 8
    assert first[2:] == second[:4]


def test_a_table_with_the_newest_first_is_turned(tmp_path: Path) -> None:
    rows = [said(timestamp=f"2025-01-{day}", content=f"{day}") for day in (17, 16, "x", 15)]
    path = write(tmp_path, "csv", rows)
    assert [row["content"] for row in read(path)] == ["15", "16", "17"]
    tally, parsed = account(path)
    assert tally.rejected_lines == (2,)
    assert any("newest message stands first" in note for note in parsed.notes)


OWN = """
CREATE TABLE own AS SELECT gen_random_uuid() AS message_id, 'trip-lisbon' AS thread_id,
  'whatsapp' AS source, i AS position, TIMESTAMPTZ '2025-01-15 12:00:00+02' + to_minutes(i) AS
  timestamp, if(i = 0, NULL, 'Ada, "A"') AS author, E'line\n' || i AS content,
  ['system', 'media', 'poll'][i + 1] AS kind, if(i = 1, 'x.jpg', NULL) AS media_path,
  if(i = 1, 'image', NULL) AS media_type, NULL::UUID AS reply_to, {
    'file': 'a, b.txt', 'line': i, 'local_time': '2025-01-15 10:00:00', 'edited': i = 1,
    'forwarded': i = 2, 'mentions': ['Bo', E'it\\'s "me"'], 'urls': []::VARCHAR[],
    'reactions': MAP {'👍': i}::MAP(VARCHAR, BIGINT), 'extra': '{"a": ["b, c", {"d": null}]}'::JSON
  } AS metadata
FROM range(3) t(i);
UPDATE own SET reply_to = (SELECT message_id FROM own WHERE position = 1) WHERE position = 2;
"""


@pytest.mark.parametrize("ending", ["parquet", "csv", "ndjson", "json"])
def test_what_was_exported_from_messages_reads_back_equal(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"own.{ending}"
    with duckdb.connect() as database:
        database.execute(OWN)
        how = {"ndjson": "FORMAT json", "json": "FORMAT json, ARRAY true"}.get(ending, "")
        database.execute(f"COPY own TO '{path}' ({how or f'FORMAT {ending}'})")
        own = (
            database.sql(
                "SELECT * REPLACE (message_id::VARCHAR AS message_id, "
                "reply_to::VARCHAR AS reply_to) FROM own"
            )
            .to_arrow_table()
            .to_pylist()
        )
    rows = read(path)
    same = [name for name in own[0] if name not in {"source", "metadata"}]
    assert [[row[name] for name in same] for row in rows] == [
        [row[name] for name in same] for row in own
    ]
    kept = ("edited", "forwarded", "mentions", "reactions")
    assert [[r["metadata"][name] for name in kept] for r in rows] == [
        [r["metadata"][name] for name in kept] for r in own
    ]
    assert [json.loads(row["metadata"]["extra"]) for row in rows] == [
        {"a": ["b, c", {"d": None}]}
    ] * 3
    assert account(path, "trip-lisbon")[1].notes == ()


def test_types_that_do_not_fit_are_rejected_or_read_as_text(tmp_path: Path) -> None:
    wrong: list[Any] = [[], {"a": [None]}, None]
    rows = [
        said(author=7, content=True, message_id={}, reactions=5, metadata=[1], edited="maybe"),
        *(said(**{name: value}) for name in REQUIRED for value in wrong),
        said(kind=[], media_type={}),
    ]
    lines = [*map(json.dumps, rows), "5", '"text"', "[1]", "null", "no JSON", '{"timestamp": "20']
    (tmp_path / "x.ndjson").write_text("\n".join(lines), "utf-8")
    (tmp_path / "x.json").write_text(f"[{','.join(lines[:-2])}]", "utf-8")
    for ending, count in (("ndjson", len(lines)), ("json", len(lines) - 2)):
        tally, _ = account(tmp_path / f"x.{ending}")
        assert tally.lines == count
        assert tally.messages + tally.system + tally.rejected == count
        assert tally.rejected >= count - 6


def test_a_record_with_a_lone_surrogate_is_rejected_alone(tmp_path: Path) -> None:
    for ending in ("ndjson", "json"):
        path = write(tmp_path, ending, [said(), said(content="\ud800"), said()])
        assert account(path)[0].rejected_lines == (2,)


def test_a_table_of_system_lines_or_of_nothing_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "csv", [said(author="")])
    assert account(path)[0] == Tally(1, 0, 1, 0, 0, ())
    path.write_text("timestamp,author,content\n", "utf-8")
    assert account(path)[0] == Tally(0, 0, 0, 0, 0, ())
    assert read(path) == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", b"timestamp,author,content\n2025-01-15,Ada\n", "line 2: .*2 columns, not 3"),
        ("x.csv", b'timestamp,author,content\n2025-01-15,Ada,"x\n', "line 2: .*quote is not"),
        ("x.csv", b"\n", "no header"),
        ("x.json", b"[]", "no JSON object"),
        ("x.json", b'[{"timestamp": 1752580800, "author": "Ada", "content": "x"}, {"a', "middle"),
        ("x.ndjson", b"\n\n", "no JSON object"),
        ("x.ndjson.gz", b"\x1f\x8bnonsense", "cannot be unpacked"),
        (
            "x.ndjson.gz",
            gzip.compress(b'{"timestamp": 1}\n' * 99, mtime=0)[:-12],
            "cannot be unpacked",
        ),
        ("x.csv.zst", b"\x28\xb5\x2f\xfdnonsense", "cannot be unpacked"),
        ("x.arrow", b"ARROW1\0\0nonsense", "cannot be read as ARROW"),
        ("x.arrows", b"nonsense", "cannot be read as ARROWS"),
        ("x.feather", b"FEA1nonsense", "Feather version 1"),
    ],
)
def test_a_file_that_is_damaged_or_cut_short_is_refused(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ExportError, match=message) as caught:
        read_export(path)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\ntimestamp;author;content\n2025-01-15;Ada;hello\n",
        "timestamp|author|content\r\n2025-01-15|Ada|hello\r\n",
        "timestamp,author,content\n2025-01-14,Bo,x\n2025-01-15,Ada,hello\r\n",
        'timestamp,author,content\n2025-01-14,Bo,"x\r\ny"\r\n\r\n2025-01-15,Ada,hello',
        "\ufefftimestamp\tauthor\tcontent\n2025-01-15\tAda\thello",
        "timestamp,author,content\r2025-01-15,Ada,hello\r",
    ],
)
def test_csv_is_read_as_spreadsheets_write_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(text.encode())
    row = read(path)[-1]
    assert (row["author"], row["content"]) == ("Ada", "hello")


def test_lines_of_json_may_begin_with_a_byte_order_mark_or_be_named_json(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("".join(f"{json.dumps(row)}\r\n" for row in MINIMAL), "utf-8-sig")
    assert [row["content"] for row in read(path)] == [row["content"] for row in MINIMAL]


def test_media_is_known_by_its_file_or_its_mime_type(tmp_path: Path) -> None:
    types = ["image/jpeg", "application/pdf", "Sticker", "", "audio/ogg; codecs=opus"]
    rows = [said(mime_type=type_, attachment="x" if type_ else "") for type_ in types]
    found = [(r["kind"], r["media_type"]) for r in read(write(tmp_path, "csv", rows))]
    expected = ["image", "document", "sticker", None, "audio"]
    assert found == [("media" if type_ else "message", type_) for type_ in expected]


def test_many_rows_keep_their_order(tmp_path: Path) -> None:
    rows = [said(timestamp=1752580800 + n, content=f"{n}") for n in range(20_000)]
    for ending in ("csv", "ndjson"):
        contents = read_export(write(tmp_path, ending, rows)).read_all()["content"].to_pylist()
        assert contents == [row["content"] for row in rows]
