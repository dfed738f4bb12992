"""Signal: the Markdown of signal-export, and the two texts of sigtop."""

import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from egregora_dag.adapters import (
    ExportError,
    ExportFile,
    Tally,
    adapter_for,
    import_file,
    read_export,
    scratch_database,
)
from egregora_dag.adapters.signal import SignalAdapter
from egregora_dag_tests.adapters.conversation import CONVERSATION, Said
from egregora_dag_tests.adapters.formats.signal import FORMATS

Row = dict[str, Any]
HEADER = "[2024-01-31 10:00:05] Ada: "


def read(path: Path, **options: Any) -> list[Row]:
    rows: list[Row] = read_export(path, **options).read_all().to_pylist()
    return rows


def tally_of(path: Path) -> Tally:
    with scratch_database() as scratch:
        options: Any = {"chat": None, "thread": "chat", "timezone": "UTC"}
        return import_file(scratch, ExportFile.open(path), SignalAdapter(), **options).tally


def extra(row: Row) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(row["metadata"]["extra"])
    return value


def markdown(folder: Path, *messages: str, name: str = "chat.md") -> list[Row]:
    path = folder / name
    path.write_text("".join(f"{message}\n\n" for message in messages), "utf-8")
    return read(path)


def fields(folder: Path, *blocks: str, title: str = "Ada (+4917012345678)") -> Path:
    path = folder / "Ada (+4917012345678).txt"
    path.write_text("\n".join([f"Conversation: {title}\n", *blocks]), "utf-8")
    return path


def block(body: str = "", *, head: str = "", sent: str = "10:00:05 +0100") -> str:
    """A message as sigtop writes it."""
    time = f"Wed, 31 Jan 2024 {sent}"
    text = f"\n{body}\n" if body else ""
    return (
        f"From: Ada (+4917012345678)\nType: incoming\nSent: {time}\nReceived: {time}\n{head}{text}"
    )


def said_of(name: str) -> list[Said]:
    """The conversation, as far as a format can tell it."""
    kept = [place for place, one in enumerate(CONVERSATION) if one.kind in FORMATS[name].kinds]
    places = {place: number for number, place in enumerate(kept)}
    return [
        replace(CONVERSATION[place], reply_to=places.get(CONVERSATION[place].reply_to or -1))
        for place in kept
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_a_conversation_is_read_back_as_it_was(tmp_path: Path, name: str) -> None:
    said = said_of(name)
    rows = read(FORMATS[name].write(said, tmp_path))
    assert [
        (row["timestamp"], row["author"], row["content"], row["kind"], row["media_path"])
        for row in rows
    ] == [(one.time, one.author, one.text, one.kind, one.media) for one in said]
    assert [row["media_type"] for row in rows] == [one.media_type for one in said]
    assert {row["source"] for row in rows} == {"signal"}
    ids = [row["message_id"] for row in rows]
    if FORMATS[name].replies:
        assert [row["reply_to"] for row in rows] == [
            None if one.reply_to is None else ids[one.reply_to] for one in said
        ]
    if FORMATS[name].edits:
        assert [row["metadata"]["edited"] for row in rows] == [one.edited for one in said]


@pytest.mark.parametrize("name", FORMATS)
def test_exports_that_overlap_have_the_same_ids(tmp_path: Path, name: str) -> None:
    said = [replace(one, reply_to=None) for one in said_of(name)]
    (tmp_path / "later").mkdir()
    old = read(FORMATS[name].write(said[:8], tmp_path))
    new = read(FORMATS[name].write(said[3:], tmp_path / "later"))
    assert [row["message_id"] for row in old[3:]] == [row["message_id"] for row in new[:5]]
    assert len({row["message_id"] for row in (*old, *new)}) == len(said)


@pytest.mark.parametrize(
    "header",
    ["[2019-05-29, 15:04] Me:", "[2019-05-29 15:04] Me:", "[2019-05-29 15:04:05] Me:"],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_the_clock_is_local_in_every_version(tmp_path: Path, header: str, ending: str) -> None:
    path = tmp_path / "chat.md"
    path.write_bytes(f"{header} How is everyone?  {ending * 2}{header} ok  {ending}".encode())
    first, _ = read(path, timezone="Europe/Berlin")
    assert first["timestamp"].replace(second=0) == datetime(2019, 5, 29, 13, 4, tzinfo=UTC)
    assert (first["author"], first["content"]) == ("Me", "How is everyone?")


def test_texts_go_on_over_lines_and_keep_the_empty_ones(tmp_path: Path) -> None:
    rows = markdown(tmp_path, f"{HEADER}one\n\n[not a time] two: x\n  three  ", f"{HEADER}  ok  ")
    assert [row["content"] for row in rows] == ["one\n\n[not a time] two: x\n  three", "ok"]


def test_reactions_quotes_and_stickers_are_no_text(tmp_path: Path) -> None:
    rows = markdown(
        tmp_path,
        f"{HEADER}fine  \n(- Bo: 👍, Éva: 👍, Me: 😂 -)",
        f"{HEADER}\n\n> a quote\n> of two lines\n\nno  ",
        f"{HEADER}  \n(( 😀 ))",
        f"{HEADER}  [sticker](../exported_stickers/ab12/3.webp)  ",
        f"{HEADER}  \n(- Bo: ❤️ -)![1.jpg](./media/2024-01-31_00_1.jpg)  ",
        f"{HEADER}(not a reaction) (( nor a sticker )) [a link](https://e.org)  ",
    )
    assert [row["content"] for row in rows] == [
        "fine",
        "no",
        "😀",
        "sticker",
        "",
        "(not a reaction) (( nor a sticker )) [a link](https://e.org)",
    ]
    assert dict(rows[0]["metadata"]["reactions"]) == {"👍": 2, "😂": 1}
    assert dict(rows[4]["metadata"]["reactions"]) == {"❤️": 1}
    assert extra(rows[0]) == {"reactions": "Bo: 👍, Éva: 👍, Me: 😂"}
    assert extra(rows[1]) == {"quote": "a quote\nof two lines"}
    assert [(row["kind"], row["media_type"], row["media_path"]) for row in rows[1:5]] == [
        ("message", None, None),
        ("media", "sticker", None),
        ("media", "sticker", "3.webp"),
        ("media", "image", "2024-01-31_00_1.jpg"),
    ]


@pytest.mark.parametrize(
    ("file", "media_type"),
    [
        ("a.jpg", "image"),
        ("a_(1).PNG", "image"),
        ("a.m4a", "audio"),
        ("a.mp4", "video"),
        ("a.pdf", "document"),
        ("a.None", "document"),
    ],
)
def test_attached_files_are_media(tmp_path: Path, file: str, media_type: str) -> None:
    path = f"2024-01-31_00_{file}"
    link = f"[{path}](./media/{path})  "
    other = "![b c.jpg](./media/b%20c.jpg)  "
    first, second = markdown(tmp_path, f"{HEADER}see [1]:  {link}", f"{HEADER}  {other}{link}")
    assert (first["kind"], first["content"]) == ("media", "see [1]:")
    assert (first["media_path"], first["media_type"]) == (path, media_type)
    assert (second["media_path"], extra(second)) == ("b c.jpg", {"files": ["b c.jpg", path]})


@pytest.mark.parametrize(
    ("text", "kind", "content"),
    [
        ("(This message was deleted)", "deleted", ""),
        (
            "Incoming voice call (accepted, 2m 5s)  ",
            "call",
            "Incoming voice call (accepted, 2m 5s)",
        ),
        ("Missed video call  ", "call", "Missed video call"),
        ("Outgoing call  ", "call", "Outgoing call"),
        ("Missed video call, sorry  ", "message", "Missed video call, sorry"),
        # A change of the group, the timer or a key.
        ("  ", "system", ""),
    ],
)
def test_deleted_messages_calls_and_changes_have_their_kinds(
    tmp_path: Path, text: str, kind: str, content: str
) -> None:
    [row] = markdown(tmp_path, f"{HEADER}{text}")
    assert (row["kind"], row["content"]) == (kind, content)
    assert row["author"] == (None if kind == "system" else "Ada")
    assert extra(row) == ({"actor": "Ada"} if kind == "system" else {})


def test_a_chat_is_named_by_its_folder_or_its_file(tmp_path: Path) -> None:
    (tmp_path / "BookClub").mkdir()
    markdown(tmp_path / "BookClub", f"{HEADER}hi  ")
    markdown(tmp_path, "[2019-05-29 15:04] Ada: hi  ", name="Ada.md")
    for path, title in (("BookClub/chat.md", "BookClub"), ("Ada.md", "Ada")):
        assert SignalAdapter().threads(ExportFile.open(tmp_path / path)) == {title: title}


def test_a_zip_of_the_folders_is_read_chat_by_chat(tmp_path: Path) -> None:
    path = tmp_path / "signal.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("out/Ada/chat.md", "out/Bo/chat.md", "old/Ada/index.md"):
            archive.writestr(name, f"{HEADER}{name}  \n\n# {HEADER}\n")
        archive.writestr("old/Ada/index.html", "<html>")
        archive.writestr("out/Ada/media/README/index.md", "# no chat")
    rows = read(path)
    assert {(row["thread_id"], row["content"].split()[0]) for row in rows} == {
        ("ada", "old/Ada/index.md"),
        ("ada-out-ada", "out/Ada/chat.md"),
        ("bo", "out/Bo/chat.md"),
    }
    assert tally_of(path).lines == 9


def test_lines_before_the_first_message_and_impossible_dates_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "chat.md"
    bad = ["2024-02-30 10:00", "2024-01-31 25:00", "0001-01-01 10:00", "9999-01-01 10:00"]
    lines = ["a title", "", *(f"[{time}] Ada: x\nmore" for time in bad), f"{HEADER}ok  ", ""]
    path.write_text("\n".join(lines), "utf-8")
    tally = tally_of(path)
    assert (tally.lines, tally.messages, tally.continuation) == (11, 1, 1)
    assert tally.rejected_lines == (1, *range(3, 11))


def test_sigtop_tells_fields_in_utc_and_titles_without_numbers(tmp_path: Path) -> None:
    path = fields(tmp_path, block("hello\n\nFrom: nobody"), block(sent="23:30:00 -0530"))
    rows = read(path)
    assert [(row["timestamp"], row["author"], row["content"]) for row in rows] == [
        (datetime(2024, 1, 31, 9, 0, 5, tzinfo=UTC), "Ada", "hello\n\nFrom: nobody"),
        (datetime(2024, 2, 1, 5, 0, tzinfo=UTC), "Ada", ""),
    ]
    assert {row["thread_id"] for row in rows} == {"ada"}
    tally = tally_of(path)
    assert (tally.messages, tally.rejected, tally.lines) == (2, 0, tally.continuation + 2)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Ada (+4917012345678)", "Ada"),
        ("Ada (work) (+4917012345678)", "Ada (work)"),
        ("Ada (work)", "Ada (work)"),
        ("Ada (ada.42)", "Ada"),
        ("Ada (0a1b2c3d-0000-4000-8000-0123456789ab)", "Ada"),
        ("Book club (group)", "Book club"),
        ("+4917012345678 (+4917012345678)", "+4917012345678"),
        ("You", "You"),
    ],
)
def test_what_sigtop_adds_to_names_is_no_name(tmp_path: Path, written: str, name: str) -> None:
    message = block("x").replace("Ada (+4917012345678)", written)
    path = fields(tmp_path, message, title=written)
    assert read(path)[0]["author"] == name
    assert SignalAdapter().threads(ExportFile.open(path)) == {name: name}


def test_sigtop_tells_files_reactions_quotes_and_edits(tmp_path: Path) -> None:
    sent = "Sent: Wed, 31 Jan 2024 10:00:05 +0100"
    rows = read(
        fields(
            tmp_path,
            block("first"),
            block(
                "look",
                sent="10:01:00 +0100",
                head="Attachment: a (1).jpg (image/jpeg, 5 bytes)\n"
                "Attachment: no filename (audio/aac, 6 bytes)\n"
                "Reaction: 👍 from Bo\nReaction: 👍 from You\n",
            ),
            block(
                sent="10:02:00 +0100",
                head=f"\n> From: Ada (+4917012345678)\n> {sent}\n> Attachment: b (x/y)\n>\n"
                "> first\n\n> typed\n",
            ),
            block(
                sent="10:03:00 +0100",
                head=f"Edited: 2 versions\n\n| Version: 2\n| {sent}\n|\n| new\n|\n| text\n|\n"
                f"| Version: 1\n| {sent}\n|\n| old\n",
            ),
            block(sent="10:04:00 +0100", head="Attachment: no filename (image/png, 5 bytes)\n"),
        )
    )
    assert [row["content"] for row in rows] == ["first", "look", "> typed", "new\n\ntext", ""]
    assert [(row["kind"], row["media_type"], row["media_path"]) for row in rows] == [
        ("message", None, None),
        ("media", "image", "a (1).jpg"),
        ("message", None, None),
        ("message", None, None),
        ("media", "image", None),
    ]
    assert dict(rows[1]["metadata"]["reactions"]) == {"👍": 2}
    assert extra(rows[1])["reactions"] == ["👍 from Bo", "👍 from You"]
    assert (rows[2]["reply_to"], extra(rows[2])) == (rows[0]["message_id"], {"quote": "first"})
    assert [row["metadata"]["edited"] for row in rows] == [False, False, False, True, False]


@pytest.mark.parametrize(
    ("head", "kind", "content"),
    [
        ("From: You\nType: outgoing", "message", ""),
        ("From: You\nType: call-history", "call", "call history"),
        ("Type: call-history", "system", "call history"),
        ("From: Bo\nType: keychange", "system", "keychange"),
        ("Type: group-v2-change", "system", "group v2 change"),
        ("From: Bo\nType: unknown", "message", ""),
    ],
)
def test_sigtops_types_are_kinds(tmp_path: Path, head: str, kind: str, content: str) -> None:
    [row] = read(fields(tmp_path, f"{head}\nSent: Wed, 31 Jan 2024 10:00:05 +0000\n"))
    assert (row["kind"], row["content"]) == (kind, content)
    assert (row["author"] is None) == (kind == "system")


@pytest.mark.parametrize(
    "time", ["unknown", "Wed, 31 Feb 2024 10:00:05 +0000", "Mon, 1 Jan 0001 00:00:00 +0000"]
)
def test_a_block_without_a_time_is_rejected(tmp_path: Path, time: str) -> None:
    bad = f"From: Bo\nType: incoming\nSent: {time}\nReceived: unknown\n\nlost\n"
    tally = tally_of(fields(tmp_path, block("a"), bad, block("b")))
    assert (tally.messages, tally.rejected) == (2, 7)


def test_a_second_message_within_a_second_keeps_its_own_id(tmp_path: Path) -> None:
    both = read(fields(tmp_path, block("a"), block("b"), block("b")))
    again = read(fields(tmp_path, block("a"), block("b")))
    assert len({row["message_id"] for row in both}) == 3
    assert [row["message_id"] for row in again] == [row["message_id"] for row in both[:2]]


def test_short_texts_tell_details_in_brackets(tmp_path: Path) -> None:
    path = tmp_path / "Ada (+4917012345678).txt"
    path.write_text(
        "2024-01-31 10:00 Ada: hello\nand more\n"
        "2024-01-31 10:01 You: [reply to Ada on 2024-01-31 10:00, edited, 2 attachments] see\n"
        "2024-01-31 10:02 Ada: [1 attachment]\n"
        "2024-01-31 10:03 Ada: [call-history message]\n"
        "2024-01-31 10:04 Ada: [keychange message]\n"
        "2024-01-31 10:05 Ada: [edited by me] no\n"
        "2024-02-31 10:05 Ada: never\n",
        "utf-8",
    )
    rows = read(path)
    assert [(row["author"], row["content"], row["kind"]) for row in rows] == [
        ("Ada", "hello\nand more", "message"),
        ("You", "see", "media"),
        ("Ada", "", "media"),
        ("Ada", "call history", "call"),
        (None, "keychange", "system"),
        ("Ada", "[edited by me] no", "message"),
    ]
    assert extra(rows[1]) == {"reply_to": "Ada on 2024-01-31 10:00", "attachments": 2}
    assert [row["metadata"]["edited"] for row in rows] == [False, True, *[False] * 4]
    assert rows[0]["thread_id"] == "ada"
    tally = tally_of(path)
    assert (tally.lines, tally.continuation, tally.rejected_lines) == (8, 1, (8,))


@pytest.mark.parametrize(
    "text",
    [
        "[29/05/2019, 15:04:05] Ada: hello",
        "[2019-05-29, 15:04:05] Ada: hello",
        "[2019-05-29 15:04:05] Ada: hello",
        "[2019-05-29, 3:04:05 PM] Ada: hello",
        "2019-05-29, 15:04 - Ada: hello",
        "2019-05-29 15:04 - Ada: hello",
        "\u200e[2019-05-29, 15:04:05] Ada: \u200eMessages are end-to-end encrypted",
    ],
)
def test_whatsapps_files_are_whatsapps(tmp_path: Path, text: str) -> None:
    path = tmp_path / "WhatsApp Chat with Ada.txt"
    path.write_text(f"{text}\n{text} again\n", "utf-8")
    assert adapter_for(ExportFile.open(path)).source == "whatsapp"


@pytest.mark.parametrize(
    "text",
    [
        "[10:00] <ada> hello",
        "2019-05-29 15:04:05 ada: hello",
        "2019-05-29 15:04, Ada : hello",
        "Type: incoming\nsomething else",
        "From: Ada\nSubject: hello\nSent: yesterday",
        "date,author,content\n2019-05-29 15:04,Ada,hello",
    ],
)
def test_other_texts_are_not_claimed(tmp_path: Path, text: str) -> None:
    path = tmp_path / "2019-05-29.txt"
    path.write_text(f"{text}\n", "utf-8")
    assert not SignalAdapter().recognizes(ExportFile.open(path))


def test_a_file_without_messages_says_what_was_expected(tmp_path: Path) -> None:
    path = tmp_path / "chat.md"
    path.write_text("# Notes\n", "utf-8")
    with pytest.raises(ExportError, match=r"no line begins like a message.*again\.$"):
        read(path, source="signal")


@pytest.mark.parametrize("count", [1, 3])
def test_a_chat_of_system_lines_alone_is_read(tmp_path: Path, count: int) -> None:
    rows = markdown(tmp_path, *[f"{HEADER}  "] * count)
    assert [row["kind"] for row in rows] == ["system"] * count
