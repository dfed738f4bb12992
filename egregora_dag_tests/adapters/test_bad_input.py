"""Files that are broken, made to do harm, or no chats at all: refused in one sentence, or read as
far as they are sound, with every line accounted for; in bounded time and memory."""

import gzip
import json
import os
import random
import re
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from egregora_dag.adapters import ExportError, Inspection, inspect_export
from egregora_dag_tests.adapters.conversation import CONVERSATION
from egregora_dag_tests.adapters.formats import discord, earlier, messenger, slack, telegram
from egregora_dag_tests.adapters.test_round_trip import FORMATS, expressible

TEXTS: Final = (
    *("whatsapp android", "irc irssi", "irc weechat", "line english", "kakaotalk windows"),
    *("kakaotalk csv", "signal export", "signal sigtop", "discord csv", "table as CSV"),
    "table as NDJSON",
)
DOCUMENTS: Final = ("telegram", "discord json", "messenger of 2021", "table as JSON")
ZIPS: Final = (
    *("whatsapp android zip", "irc znc", "telegram zip", "discord json in parts", "slack"),
    *("messenger download", "instagram download"),
)
BINARIES: Final = (
    *("table as NDJSON, gzip", "table as CSV, zstd", "table as Parquet", "table as Arrow"),
    *("table as an Arrow stream", "egregora"),
)
ALL: Final = (*TEXTS, *DOCUMENTS, *ZIPS, *BINARIES)

# What the conversation says; no error may repeat it.
_SAID: Final = {
    *(line for said in CONVERSATION for line in said.text.split("\n") if len(line) > 7),
    *(said.author for said in CONVERSATION if said.author and len(said.author) > 2),
}
_MEGABYTE: Final = 1 << 20


def written(name: str, folder: Path) -> Path:
    """The conversation in a format."""
    folder.mkdir(exist_ok=True)
    return FORMATS[name].write(expressible(FORMATS[name]), folder)


def outcome(path: Path, **options: Any) -> Inspection | ExportError:
    """What reading a file comes to: an account that adds up, or one clear error."""
    try:
        found = inspect_export(path, **options)
    except ExportError as error:
        check_error(path, error)
        return error
    counts = (found.messages, found.system, found.continuation, found.rejected)
    assert min(counts) >= 0
    assert sum(counts) == found.lines
    for lines in found.rejected_lines.values():
        assert list(lines) == sorted(set(lines))
    told = sum(len(lines) for lines in found.rejected_lines.values())
    assert told == found.rejected or 100 * len(found.rejected_lines) >= told >= 100
    return found


def check_error(path: Path, error: ExportError) -> None:
    """One error: it names the file first, then the place, and says nothing of the chat."""
    text = str(error)
    assert error.path == path
    assert text.startswith(path.name)
    assert text.endswith(".")
    assert error.place in text
    assert "\n" not in text
    without_name = text.removeprefix(path.name)
    assert not [said for said in _SAID if said in without_name]


def refused(path: Path, pattern: str, place: str = "", **options: Any) -> None:
    """Reading the file is an error that says this, and names this place."""
    error = outcome(path, **options)
    assert isinstance(error, ExportError), error
    assert re.search(pattern, str(error)), error
    assert re.search(place, error.place), error


def read(path: Path, **options: Any) -> Inspection:
    """The file is read, at least in part."""
    found = outcome(path, **options)
    assert isinstance(found, Inspection), found
    return found


def rezipped(
    path: Path,
    name: Callable[[str], str] = lambda name: name,
    content: Callable[[bytes], bytes] = lambda content: content,
    mode: int = stat.S_IFREG | 0o644,
) -> Path:
    """The archive with other names, contents or modes of its members."""
    with zipfile.ZipFile(path) as archive:
        members = {one: archive.read(one) for one in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for member, data in members.items():
            # The constructor would turn backslashes around on Windows alone.
            info = zipfile.ZipInfo(name(member))
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content(data))
    return path


# What is no file, or may not be read.


@pytest.mark.parametrize("name", ALL)
def test_an_empty_file_is_refused_whatever_its_name(tmp_path: Path, name: str) -> None:
    path = written(name, tmp_path)
    path.write_bytes(b"")
    refused(path, "is empty")


@pytest.mark.parametrize("name", ALL)
def test_a_folder_is_refused_whatever_its_name(tmp_path: Path, name: str) -> None:
    path = written(name, tmp_path)
    path.unlink()
    path.mkdir()
    refused(path, "is a folder.*zip it")


def test_what_is_not_there_or_cannot_be_opened_is_refused_with_the_reason(tmp_path: Path) -> None:
    file = written("whatsapp android", tmp_path)
    refused(tmp_path / "nothing.txt", "No such file")
    refused(file / "below.txt", "Not a directory")
    refused(tmp_path / f"{'x' * 300}.txt", "too long")
    refused(tmp_path / "a\0b.txt", "cannot be read")
    loop = tmp_path / "loop.txt"
    loop.symlink_to(loop)
    refused(loop, "symbolic links")
    dangling = tmp_path / "dangling.txt"
    dangling.symlink_to(tmp_path / "gone.txt")
    refused(dangling, "No such file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = written("whatsapp android", tmp_path)
    path.chmod(0)
    refused(path, "Permission denied.*permissions")
    path.chmod(0o600)
    tmp_path.chmod(0o600)
    refused(path, "Permission denied")
    tmp_path.chmod(0o700)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux")
def test_a_file_whose_content_cannot_be_read_is_refused() -> None:
    refused(Path("/proc/self/mem"), "Input/output error.*permissions")


def test_what_never_ends_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.txt"
    os.mkfifo(pipe)
    refused(pipe, "no regular file")
    refused(Path("/dev/zero"), "no regular file")


# Content that is none.


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("first", [b"", b"\x89PNG\r\n\x1a\n", b"%PDF-1.7\n", b"PK\x05\x06"])
def test_bytes_that_are_no_chat_are_refused_whatever_their_name(
    tmp_path: Path, name: str, first: bytes
) -> None:
    path = written(name, tmp_path)
    path.write_bytes(first + random.Random(7).randbytes(5000))
    assert isinstance(outcome(path), ExportError)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("fill", [b"\0", b"\n", b" ", b"\xff\xfe", b"\xef\xbb\xbf", b"["])
def test_one_byte_again_and_again_is_refused_whatever_its_name(
    tmp_path: Path, name: str, fill: bytes
) -> None:
    path = written(name, tmp_path)
    path.write_bytes(fill * 100_000)
    assert isinstance(outcome(path), ExportError)


@pytest.mark.parametrize("name", ALL)
def test_a_file_said_to_be_another_sources_is_refused_or_accounted_for(
    tmp_path: Path, name: str
) -> None:
    path = written(name, tmp_path)
    for source in sorted({name.split()[0] for name in FORMATS}):
        outcome(path, source=source)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_file_that_was_cut_off_is_refused_or_read_to_its_end(
    tmp_path: Path, name: str, part: float
) -> None:
    path = written(name, tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    found = outcome(path, **FORMATS[name].options)
    # A database may end with blocks that hold nothing.
    assert name in {*TEXTS, "egregora"} or isinstance(found, ExportError)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_json_that_was_cut_off_is_refused_with_the_place(tmp_path: Path, name: str) -> None:
    path = written(name, tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    refused(path, "ends in the middle.*again", r"after record \d+")


@pytest.mark.parametrize("name", [name for name in ZIPS if name not in {"irc znc"}])
def test_json_or_text_cut_off_in_a_zip_is_named_with_its_member_or_read(
    tmp_path: Path, name: str
) -> None:
    path = rezipped(written(name, tmp_path), content=lambda data: data[: len(data) // 2])
    if name.startswith("whatsapp"):
        assert read(path).count > 0
    else:
        refused(path, "ends in the middle", r"\.json, after record \d+")


@pytest.mark.parametrize("name", TEXTS)
def test_nul_bytes_in_a_text_cost_no_line(tmp_path: Path, name: str) -> None:
    path = written(name, tmp_path)
    before = read(path)
    path.write_bytes(path.read_bytes().replace(b"eight", b"ei\0ght"))
    found = read(path)
    # In JSON no such byte may stand.
    rejected = 1 if name == "table as NDJSON" else 0
    assert (found.lines, found.count + rejected) == (before.lines, before.count)


@pytest.mark.parametrize("name", [*TEXTS, *DOCUMENTS])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-16-le"])
def test_unicode_in_another_encoding_is_read_as_if_it_were_utf8(
    tmp_path: Path, name: str, encoding: str
) -> None:
    path = written(name, tmp_path)
    before = read(path)
    text = path.read_bytes().decode("utf-8-sig")
    # Without a mark, only Latin scripts tell that it is UTF-16.
    if encoding in {"utf-16-be", "utf-16-le"} and not text[:400].isascii():
        text = f"\ufeff{text}"
    path.write_bytes(text.encode(encoding))
    found = read(path)
    assert (found.source, found.lines, found.count) == (before.source, before.lines, before.count)


@pytest.mark.parametrize("name", TEXTS)
def test_latin_1_is_read_or_refused(tmp_path: Path, name: str) -> None:
    path = written(name, tmp_path)
    before = read(path)
    text = path.read_bytes().decode("utf-8-sig")
    path.write_bytes(text.encode("latin-1", "replace"))
    found = outcome(path)
    if name.startswith("kakaotalk"):
        # Its own words are Korean.
        return
    if name in {"table as CSV"}:
        assert isinstance(found, ExportError)
        assert "Save it as UTF-8" in str(found)
        return
    assert isinstance(found, Inspection)
    assert (found.lines, found.count) == (before.lines, before.count)


@pytest.mark.parametrize("one", TEXTS)
@pytest.mark.parametrize("other", ["whatsapp android", "irc irssi", "line english", "telegram"])
def test_two_formats_in_one_file_are_refused_or_accounted_for(
    tmp_path: Path, one: str, other: str
) -> None:
    path = written(one, tmp_path / "one")
    data = written(other, tmp_path / "other").read_bytes()
    path.write_bytes(path.read_bytes() + b"\n" + data)
    outcome(path)


def test_two_forms_of_a_header_in_one_file_are_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat with Friends.txt"
    lines = [f"{day}/12/2025, 18:05 - Ada: hello" for day in range(10, 20)]
    lines += [f"[{day}.12.25, 18:05:00] Ada: hello" for day in range(10, 20)]
    path.write_text("\n".join(lines), "utf-8")
    refused(path, "Cut the file in two", "line 11")


# Archives.


def test_a_zip_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chat.zip"
    path.write_bytes(random.Random(1).randbytes(9999))
    refused(path, "no zip archive, though it is named like one")


@pytest.mark.parametrize("name", ["whatsapp android", "signal export", "telegram", "discord json"])
def test_a_text_that_calls_itself_a_zip_is_read_as_what_it_is(tmp_path: Path, name: str) -> None:
    path = written(name, tmp_path)
    before = read(path)
    renamed = path.rename(tmp_path / "chat.zip")
    found = read(renamed)
    assert (found.source, found.count) == (before.source, before.count)


@pytest.mark.parametrize("name", [*TEXTS, *DOCUMENTS, *ZIPS])
def test_a_nested_archive_is_named_and_not_opened(tmp_path: Path, name: str) -> None:
    inner = written(name, tmp_path / "inner")
    middle = tmp_path / "middle.zip"
    with zipfile.ZipFile(middle, "w") as archive:
        archive.write(inner, "inner/chat.txt")
    outer = tmp_path / "outer.zip"
    with zipfile.ZipFile(outer, "w") as archive:
        archive.write(middle, "folder/middle.zip")
    refused(outer, "holds another archive.*import what is inside", r"folder/middle\.zip")


@pytest.mark.parametrize("name", ZIPS)
def test_names_that_climb_out_of_the_archive_are_left_out(tmp_path: Path, name: str) -> None:
    path = written(name, tmp_path)
    before = read(path)
    leads = ("../", "/", "a/../../", "..\\", "C:\\", "\\\\host\\")
    with zipfile.ZipFile(path, "a") as archive:
        for lead in leads:
            archive.writestr(zipfile.ZipInfo(f"{lead}climbs.txt"), "31/12/2025, 18:05 - Ada: hello")
    found = read(path)
    assert (found.source, found.lines, found.count) == (before.source, before.lines, before.count)
    files = sorted(tmp_path.rglob("*"))
    sound = path.read_bytes()
    for lead in leads:
        path.write_bytes(sound)
        refused(rezipped(path, name=lambda member, lead=lead: lead + member), "no chat that is kn")  # type: ignore[misc]
    assert sorted(tmp_path.rglob("*")) == files


@pytest.mark.parametrize("name", ZIPS)
def test_symbolic_links_in_an_archive_are_left_out(tmp_path: Path, name: str) -> None:
    path = rezipped(written(name, tmp_path), mode=stat.S_IFLNK | 0o777)
    refused(path, "no chat that is known")


@pytest.mark.parametrize("name", ZIPS)
def test_an_encrypted_archive_is_refused(tmp_path: Path, name: str) -> None:
    path = written(name, tmp_path)
    with zipfile.ZipFile(path) as archive:
        places = [info.header_offset for info in archive.infolist()]
    data = bytearray(path.read_bytes())
    for place in places:
        data[place + 6] |= 1
    for match in re.finditer(b"PK\x01\x02", bytes(data)):
        data[match.start() + 8] |= 1
    path.write_bytes(data)
    if name.startswith("irc"):
        # Whether its members are logs, only their content tells.
        refused(path, "no chat that is known|encrypted")
    else:
        refused(path, "encrypted.*without a password")


@pytest.mark.parametrize("name", ZIPS)
@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_archive_is_refused_or_accounted_for(
    tmp_path: Path, name: str, seed: int
) -> None:
    path = written(name, tmp_path)
    chance = random.Random(seed)
    data = bytearray(path.read_bytes())
    for _ in range(20):
        place = chance.randrange(30, len(data))
        data[place] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    outcome(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_compression_is_read_and_its_damage_told(tmp_path: Path, method: int) -> None:
    path = tmp_path / "WhatsApp Chat - Friends.zip"
    text = "".join(f"31/12/2025, 18:05 - Ada: hello {number}\n" for number in range(3000))
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("_chat.txt", text)
    assert read(path).messages == 3000
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    path.write_bytes(data)
    refused(path, "the archive is damaged")


def test_an_archive_whose_names_or_places_are_damaged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat - Friends.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("é.txt", "31/12/2025, 18:05 - Ada: hello")
    data = path.read_bytes()
    path.write_bytes(data.replace("é".encode(), b"\xff\xff"))
    refused(path, "the archive is damaged")
    central = data.index(b"PK\x01\x02")
    path.write_bytes(data[: central + 42] + b"\xff\xff\xff\x7f" + data[central + 46 :])
    refused(path, "the archive is damaged")


def test_a_compression_that_is_not_known_is_refused(tmp_path: Path) -> None:
    path = written("whatsapp android zip", tmp_path)
    data = bytearray(path.read_bytes())
    for signature, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        for match in re.finditer(re.escape(signature), bytes(data)):
            data[match.start() + place] = 97
    path.write_bytes(data)
    refused(path, "cannot be opened.*Zip its files again")


@pytest.mark.parametrize("name", ZIPS)
def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, name: str) -> None:
    path = rezipped(written(name, tmp_path), content=lambda data: data + b" " * (60 * _MEGABYTE))
    if name.startswith("irc"):
        refused(path, "no chat that is known|expands to")
    else:
        refused(path, r"expands to [\d,]+ bytes.*Unpack it yourself")


@pytest.mark.parametrize("name", ["chat.jsonl.gz", "chat.csv.gz", "chat.json.gz", "chat.csv.zst"])
def test_a_bomb_in_another_compression_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    record = {"timestamp": "2025-01-01T10:00:00Z", "author": "Ada", "content": "x" * 2_000}
    is_csv = ".csv" in name
    row = ",".join(record.values()) + "\n" if is_csv else json.dumps(record)
    head = "timestamp,author,content\n" if is_csv else ""
    many = 60 * _MEGABYTE // len(row)
    lines = row * many if is_csv else (f"{row}\n" * many if "jsonl" in name else "")
    text = head + (lines or f"[{','.join([row] * many)}]")
    if name.endswith("gz"):
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    else:
        with pa.OSFile(str(path), "wb") as file, pa.CompressedOutputStream(file, "zstd") as packed:
            packed.write(text.encode())
    refused(path, r"expands to more than [\d,]+ bytes")


# What a chat says.

# Source → a file's name, its lines, and which of them has the date in the brackets.
IMPOSSIBLE: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "whatsapp": (
        "WhatsApp Chat with Friends.txt",
        "{}, 18:05 - Ada: one\n" + "".join(f"{d}/01/2025, 18:05 - Ada: x\n" for d in range(1, 31)),
        ("31/02/2025", "00/01/2025", "31/12/9999", "01/01/0001"),
    ),
    "irc": (
        "#room.log",
        "[2025-01-01 18:05:00] <ada> one\n[{} 18:05:00] <bo> two\n",
        ("2025-02-31", "9999-12-31", "0000-00-00"),
    ),
    "line": (
        "[LINE] Friends.txt",
        "[LINE] Friends\n\n2025/01/01(Wed)\n10:00\tAda\tone\n{}\n10:01\tBo\ttwo\n",
        ("2025/02/31(Fri)", "9999/12/31(Fri)"),
    ),
    "kakaotalk": (
        "KakaoTalk_1.txt",
        "여행부 님과 카카오톡 대화\n저장한 날짜 : 2024-04-01\n\n"
        "--------------- 2024년 2월 7일 수요일 ---------------\n[Ada] [오후 3:04] one\n"
        "--------------- {} 수요일 ---------------\n[Bo] [오후 3:05] two\n",
        ("2024년 2월 31일", "9999년 12월 31일"),
    ),
    "signal": (
        "chat.md",
        "[2025-01-01 18:05] Ada: one  \n[{} 18:05] Bo: two  \n",
        ("2025-02-31", "9999-12-31", "0000-00-00"),
    ),
    "table": (
        "chat.csv",
        "timestamp,author,content\n2025-01-01T10:00:00Z,Ada,one\n{}T10:00:00Z,Ada,two\n",
        ("2025-02-31", "9999-12-31", "0000-00-00", "99999-01-01"),
    ),
}


@pytest.mark.parametrize(
    ("source", "date"),
    [(source, date) for source, (_, _, dates) in IMPOSSIBLE.items() for date in dates],
)
def test_a_date_that_cannot_be_costs_its_own_message_alone(
    tmp_path: Path, source: str, date: str
) -> None:
    name, text, _ = IMPOSSIBLE[source]
    path = tmp_path / name
    path.write_text(text.format(date), "utf-8")
    found = read(path)
    assert found.source == source
    assert found.rejected == 1
    assert found.count == (30 if source == "whatsapp" else 1)


def _written(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document), "ascii")
    return path


def _telegram(folder: Path, records: Sequence[Any]) -> Path:
    return _written(folder / "result.json", telegram.chat(records))


def _discord(folder: Path, records: Sequence[Any]) -> Path:
    return _written(folder / "chat.json", discord.document(records))


def _messenger(folder: Path, records: Sequence[Any]) -> Path:
    return _written(folder / "message_1.json", messenger.thread(records))


def _slack(folder: Path, records: Sequence[Any]) -> Path:
    files = {"users.json": [], "channels.json": [], "general/2025-01-01.json": list(records)}
    return slack.write_archive(folder / "slack.zip", files)


def _lines(folder: Path, records: Sequence[Any]) -> Path:
    path = folder / "chat.ndjson"
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), "utf-8")
    return path


# Source → writes records, a sound record, the key of its time.
JSON: Final[Mapping[str, tuple[Callable[[Path, Sequence[Any]], Path], Mapping[str, Any], str]]] = {
    "telegram": (_telegram, telegram.new_records(CONVERSATION)[5], "date_unixtime"),
    "discord": (_discord, discord.records(CONVERSATION)[4], "timestamp"),
    "messenger": (_messenger, messenger.record(1_700_000_000_000, "Ada", "one"), "timestamp_ms"),
    "slack": (
        _slack,
        {"type": "message", "user": "U1", "text": "one", "ts": "1700000000.000100"},
        "ts",
    ),
    "table": (
        _lines,
        {"timestamp": "2025-01-01T10:00:00Z", "author": "Ada", "content": "one"},
        "timestamp",
    ),
}
WRONG: Final[Mapping[str, Any]] = {
    "nothing": None,
    "a boolean": True,
    "a number": -7.5,
    "a huge number": 10**400,
    "a text": "\u0000 \u2028 31/02",
    "half a sign": "\ud83d",
    "a list": [1, None, "x", [], {}],
    "an object": {"text": 1, "a": {"b": [None]}},
    "nested deeply": json.loads("[" * 300 + "]" * 300),
}


@pytest.mark.parametrize("source", JSON)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_record_that_is_something_else_is_rejected_by_number(
    tmp_path: Path, source: str, wrong: str
) -> None:
    write, record, _ = JSON[source]
    found = read(write(tmp_path, [record, WRONG[wrong], record]), source=source)
    assert (found.lines, found.count, found.rejected) == (3, 2, 1)
    # Messenger's newest message stands first; what has no time comes last.
    assert list(found.rejected_lines.values()) == [(3 if source == "messenger" else 2,)]


@pytest.mark.parametrize("source", JSON)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_value_of_the_wrong_type_costs_its_own_record_at_most(
    tmp_path: Path, source: str, wrong: str
) -> None:
    write, record, _ = JSON[source]
    others = [{**record, key: WRONG[wrong]} for key in record]
    found = read(write(tmp_path, [record, *others, record]), source=source)
    assert found.lines == len(others) + 2
    assert found.count + found.rejected == found.lines
    assert found.count >= 2


@pytest.mark.parametrize("source", JSON)
@pytest.mark.parametrize("time", ["31/02", "9999-12-31T23:59:59Z", "-1", "1e30", "9" * 25])
def test_a_time_that_cannot_be_costs_its_own_record_alone(
    tmp_path: Path, source: str, time: str
) -> None:
    write, record, key = JSON[source]
    bad = {**record, key: time}
    if source == "telegram":
        # Either of two clocks may tell the time.
        bad["date"] = time
    found = read(write(tmp_path, [record, bad, record]), source=source)
    assert (found.lines, found.count, found.rejected) == (3, 2, 1)


@pytest.mark.parametrize("name", ["telegram", "discord json", "messenger of 2021"])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_document_whose_messages_are_something_else_is_refused(
    tmp_path: Path, name: str, wrong: str
) -> None:
    path = written(name, tmp_path)
    document = json.loads(path.read_bytes())
    document["messages"] = WRONG[wrong]
    path.write_text(json.dumps(document), "utf-8")
    found = outcome(path, source=name.split(maxsplit=1)[0])
    if isinstance(WRONG[wrong], list):
        assert isinstance(found, ExportError) or found.count == 0
    else:
        assert isinstance(found, ExportError)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_json_nested_without_end_is_refused_or_rejected(tmp_path: Path, name: str) -> None:
    path = written(name, tmp_path)
    data = path.read_bytes()
    for deep in (b"[" * 200_000 + b"]" * 200_000, b'{"a":' * 200_000 + b"1" + b"}" * 200_000):
        start = data.index(b"[", data.find(b'"messages"') + 1) + 1
        path.write_bytes(data[:start] + deep + b"," + data[start:])
        found = outcome(path)
        assert isinstance(found, ExportError) or found.rejected >= 1
        brace = data.index(b"{") + 1
        path.write_bytes(data[:brace] + b'"a":' + deep + b"," + data[brace:])
        outcome(path)


def _no_messages() -> Iterator[tuple[str, Callable[[Path], Path]]]:
    def text(name: str, content: str) -> Callable[[Path], Path]:
        def write(folder: Path) -> Path:
            path = folder / name
            path.write_text(content, "utf-8")
            return path

        return write

    def archive(folder: Path) -> Path:
        path = folder / "WhatsApp Chat - Friends.zip"
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("_chat.txt", "")
        return path

    def parquet(folder: Path) -> Path:
        names = ("timestamp", "author", "content")
        pq.write_table(pa.table({name: pa.array([], pa.string()) for name in names}), folder / "p")
        return (folder / "p").rename(folder / "chat.parquet")

    def lists(folder: Path) -> Path:
        return slack.write_archive(folder / "s.zip", {"users.json": [], "channels.json": []})

    yield "telegram", lambda folder: _telegram(folder, [])
    yield "discord", lambda folder: _discord(folder, [])
    yield "discord csv", text("d.csv", f"{discord.HEADER}\n")
    yield "messenger", lambda folder: _messenger(folder, [])
    yield "slack", lists
    yield "slack days", lambda folder: _slack(folder, [])
    yield "whatsapp", text("WhatsApp Chat with Friends.txt", "\n")
    yield "whatsapp zip", archive
    yield "irc", text("#room.log", "--- Log opened Wed Jan 01 10:00:00 2025\n")
    yield "line", text("[LINE] Friends.txt", "[LINE] Friends\nSaved on: 2024/04/01 12:34\n")
    yield (
        "kakaotalk",
        text("KakaoTalk_1.txt", "여행부 님과 카카오톡 대화\n저장한 날짜 : 2024-04-01\n"),
    )
    yield "signal", text("Friends.txt", "Conversation: Friends\n\n")
    yield "csv", text("chat.csv", "timestamp,author,content\n")
    yield "ndjson", text("chat.ndjson", "\n")
    yield "json", text("chat.json", "[]")
    yield "parquet", parquet
    yield "egregora", lambda folder: earlier.store(folder / "p.duckdb", earlier.LAST, [])


NO_MESSAGES: Final = dict(_no_messages())


@pytest.mark.parametrize("name", NO_MESSAGES)
def test_a_chat_without_messages_is_refused_or_holds_none(tmp_path: Path, name: str) -> None:
    found = outcome(NO_MESSAGES[name](tmp_path))
    if isinstance(found, Inspection):
        assert found.messages == 0
        assert found.first is None or found.system > 0


def test_a_database_is_never_written_however_broken_it_is(tmp_path: Path) -> None:
    path = written("egregora", tmp_path)
    sound = path.read_bytes()
    chance = random.Random(3)
    for _ in range(6):
        data = bytearray(sound)
        for _ in range(50):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        outcome(path)
        assert path.read_bytes() == data
        assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_table_that_claims_more_rows_than_it_can_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chat.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT TIMESTAMP '2025-01-01' AS timestamp, 'Ada' AS author, 'x' AS content "
            f"FROM range(3_000_000)) TO '{path}' (ROW_GROUP_SIZE 1_000_000)"
        )
    assert path.stat().st_size < _MEGABYTE
    refused(path, "3,000,000 rows")


# Large files, each read in a process of its own whose peak memory it tells.

# The peak of this process alone: `ru_maxrss` is at least that of the one which started it.
_MEASURE: Final = """
import re, resource, sys
from egregora_dag.adapters import ExportError, inspect_export
try:
    found = inspect_export(sys.argv[1])
    print(found.lines, found.count, found.rejected)
except ExportError as error:
    print(error)
try:
    print(int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024)
except OSError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
_MOST_MEMORY: Final = 1024
_LONG: Final[Mapping[str, tuple[str, str, str]]] = {
    "whatsapp": ("WhatsApp Chat with Friends.txt", "31/12/2025, 18:05 - Ada: ", ""),
    "irc": ("#room.2025-01-31.log", "[12:31] <ada> ", ""),
    "signal": ("chat.md", "[2019-05-29 15:04] Ada: ", "  "),
    "line": ("[LINE] Friends.txt", "10:00\tAda\t", ""),
    "kakaotalk": ("KakaoTalk_1.txt", "[Ada] [오후 3:04] ", ""),
}
# The others take long together.
_LARGE: Final = [
    source if source in {"whatsapp", "irc"} else pytest.param(source, marks=pytest.mark.torture)
    for source in _LONG
]
_ABOVE: Final = {
    "line": "[LINE] Friends\n\n2025/01/01(Wed)\n",
    "kakaotalk": "여행부 님과 카카오톡 대화\n저장한 날짜 : 2024-04-01\n"
    "--------------- 2024년 2월 7일 수요일 ---------------\n",
}


def measured(path: Path, seconds: float, **environment: str) -> str:
    """What reading a large file comes to, in bounded time and memory."""
    script = path.with_name("measure.py")
    # Of commands that stand in no file, DuckDB believes that somebody watches them.
    script.write_text(_MEASURE, "utf-8")
    done = subprocess.run(
        [sys.executable, str(script), str(path)],
        check=True,
        capture_output=True,
        text=True,
        timeout=seconds,
        env={**os.environ, **environment},
    )
    result, megabytes = done.stdout.splitlines()
    sys.stdout.write(f"{path.name}: {megabytes} MB, {result}\n")
    assert int(megabytes) < _MOST_MEMORY
    return result


def long_line(folder: Path, source: str, megabytes: int) -> Path:
    """A chat of three messages, the second of so many megabytes."""
    name, start, end = _LONG[source]
    path = folder / name
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{_ABOVE.get(source, '')}{start}one{end}\n{start}")
        for _ in range(megabytes):
            file.write("x" * _MEGABYTE)
        file.write(f"{end}\n{start}three{end}\n")
    return path


@pytest.mark.parametrize("source", _LARGE)
def test_a_line_that_no_one_wrote_is_rejected_in_bounded_memory(
    tmp_path: Path, source: str
) -> None:
    path = long_line(tmp_path, source, 100)
    above = _ABOVE.get(source, "").count("\n")
    assert measured(path, 30) == f"{above + 3} 2 1"


@pytest.mark.parametrize("name", ["chat.csv", "chat.ndjson"])
def test_a_row_that_no_one_wrote_is_refused_in_bounded_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    is_csv = name.endswith(".csv")
    start = "2025-01-01T10:00:00Z,Ada," if is_csv else json.dumps(JSON["table"][1])[:-5]
    end = "\n" if is_csv else '"}\n'
    with path.open("w", encoding="utf-8") as file:
        file.write("timestamp,author,content\n" * is_csv + f"{start}one{end}{start}")
        for _ in range(100):
            file.write("x" * _MEGABYTE)
        file.write(f"{end}{start}three{end}")
    assert "longer than any message" in measured(path, 30)


def blank_lines(folder: Path, source: str, count: int) -> Path:
    """A chat of two messages with blank lines between them."""
    name, start, end = _LONG[source]
    path = folder / name
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{_ABOVE.get(source, '')}{start}one{end}\n")
        for _ in range(10):
            file.write("\n" * (count // 10))
        file.write(f"{start}two{end}\n")
    return path


@pytest.mark.parametrize("source", _LARGE)
@pytest.mark.parametrize("count", [300_000, pytest.param(10_000_000, marks=pytest.mark.torture)])
def test_blank_lines_without_end_are_counted_in_bounded_memory(
    tmp_path: Path, source: str, count: int
) -> None:
    path = blank_lines(tmp_path, source, count)
    # A small share of memory for DuckDB, beside which the reader has its own.
    lines, read_, rejected = measured(path, 120, EGREGORA_MEMORY_LIMIT="400MB").split()
    above = _ABOVE.get(source, "").count("\n")
    assert (int(lines), int(read_)) == (above + count + 2, 2)
    assert int(rejected) == (count if source == "irc" else 0)


_GARBAGE: Final = {
    "brackets": b"[" * _MEGABYTE,
    "objects": b'{"a":' * (_MEGABYTE // 5),
    "quotes": b'"' * _MEGABYTE,
    "escapes": b'\\"' * (_MEGABYTE // 2),
    "numbers": b"1," * (_MEGABYTE // 2),
    "empty objects": b"{}," * (_MEGABYTE // 3),
    "spaces": b" " * _MEGABYTE,
    "bytes": random.Random(5).randbytes(_MEGABYTE),
}


@pytest.mark.parametrize(
    ("name", "megabytes", "garbage"),
    [
        *(("telegram", 40, garbage) for garbage in ("escapes", "empty objects", "spaces")),
        *(
            pytest.param(name, 300, garbage, marks=pytest.mark.torture)
            for name in DOCUMENTS
            for garbage in _GARBAGE
        ),
    ],
)
def test_a_large_document_of_garbage_is_refused_in_bounded_memory(
    tmp_path: Path, name: str, megabytes: int, garbage: str
) -> None:
    path = written(name, tmp_path)
    document = json.loads(path.read_bytes())
    (document if isinstance(document, list) else document["messages"]).append("garbage")
    before, after = json.dumps(document).split('"garbage"')
    with path.open("wb") as file:
        file.write(before.encode())
        for _ in range(megabytes):
            file.write(_GARBAGE[garbage])
        file.write(after.encode())
    assert measured(path, 60).startswith(path.name)


@pytest.mark.torture
@pytest.mark.parametrize("name", ZIPS)
def test_a_zip_bomb_of_a_gigabyte_is_refused_in_bounded_memory(tmp_path: Path, name: str) -> None:
    def grown(data: bytes) -> bytes:
        return data + b" " * (300 * _MEGABYTE)

    path = rezipped(written(name, tmp_path), content=grown)
    assert re.search("expands to|no chat that is known", measured(path, 60))


def test_a_great_many_members_are_looked_at_once(tmp_path: Path) -> None:
    path = tmp_path / "texts.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(3_000):
            archive.writestr(f"notes/{number}.txt", "nothing that anyone said")
    assert "no chat that is known" in measured(path, 20)
