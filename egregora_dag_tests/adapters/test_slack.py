"""Slack exports: ids resolved, threads, files, what happened to a channel, and bad archives."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from egregora_dag.adapters import (
    ExportError,
    ExportFile,
    Tally,
    adapter_for,
    import_chat,
    parse_file,
    read_export,
    scratch_database,
)
from egregora_dag.adapters.protocol import Reading
from egregora_dag.adapters.slack import SlackAdapter
from egregora_dag.adapters.slack.messages import FIELDS
from egregora_dag_tests.adapters.conversation import CONVERSATION, Format
from egregora_dag_tests.adapters.formats.slack import FORMATS, write_archive

Row = dict[str, Any]
TS = "1709070000.000100"
USERS = [
    {"id": "U1", "name": "ada.l", "real_name": "Ada L", "profile": {"display_name": "Ada"}},
    {"id": "U2", "name": "bo", "real_name": "Bo &amp; Co", "profile": {"display_name": " "}},
    {"id": "U3", "name": "cy", "profile": {}},
    {"id": "W4", "profile": {"real_name": "Dee"}},
]
CHANNELS = [{"id": "C1", "name": "general", "members": ["U1"]}, {"id": "C2", "name": "random"}]
LISTS = {"users.json": USERS, "channels.json": CHANNELS}


def message(text: object = "hi", **fields: Any) -> Row:
    return {"type": "message", "user": "U1", "ts": TS, "text": text, **fields}


def archive(folder: Path, *messages: Any, name: str = "export.zip", **lists: Any) -> Path:
    files = {**LISTS, **{f"{key}.json": value for key, value in lists.items()}}
    return write_archive(folder / name, {**files, "general/2024-02-27.json": list(messages)})


def read(path: Path, **options: Any) -> list[Row]:
    rows: list[Row] = read_export(path, **options).read_all().to_pylist()
    return rows


def read_one(folder: Path, text: object = "hi", **fields: Any) -> Row:
    [row] = read(archive(folder, message(text, **fields)))
    return row


def extra(row: Row) -> Row:
    found: Row = json.loads(row["metadata"]["extra"])
    return found


def tally_of(path: Path, chat: str = "general") -> Tally:
    file = ExportFile.open(path)
    adapter = SlackAdapter()
    with scratch_database() as scratch:
        parsed = parse_file(scratch, file, adapter, Reading())
        imported = import_chat(
            scratch, file, parsed, source="slack", chat=chat, thread=chat, timezone="UTC"
        )
    return imported.tally


@pytest.mark.parametrize("format_", FORMATS.values(), ids=FORMATS)
def test_what_was_said_is_what_is_read(tmp_path: Path, format_: Format) -> None:
    path = format_.write(CONVERSATION, tmp_path)
    assert isinstance(adapter_for(ExportFile.open(path)), SlackAdapter)
    rows = read(path)
    assert len(rows) == len(CONVERSATION)
    for row, said in zip(rows, CONVERSATION, strict=True):
        assert (row["content"], row["author"], row["kind"]) == (said.text, said.author, said.kind)
        assert row["timestamp"] == said.time
        assert (row["media_path"], row["media_type"]) == (said.media, said.media_type)
        assert row["metadata"]["edited"] == said.edited
        answered = None if said.reply_to is None else rows[said.reply_to]["message_id"]
        assert row["reply_to"] == answered


TEXTS: Sequence[tuple[object, str, list[str]]] = (
    ("<@U1> and <@U2|bo>", "@Ada and @Bo & Co", ["Ada", "Bo & Co"]),
    ("<@U3> <@W4> <@U9|guest> <@U8>", "@cy @Dee @guest @U8", ["cy", "Dee", "guest", "U8"]),
    ("<#C1|general> <#C2> <#C2|> <#C9>", "#general #random #random #C9", []),
    ("<!here> <!channel|@channel> <!everyone>", "@here @channel @everyone", []),
    ("<!subteam^S1|@crew> <!subteam^S1>", "@crew @S1", []),
    ("<!date^1392734382^{date_short}^https://a.org|Feb 18>", "Feb 18", []),
    ("<https://a.org/x?y=1&amp;z=2>", "https://a.org/x?y=1&z=2", []),
    ("<http://a.org|a.org> <http://a.org/|a.org>", "http://a.org http://a.org/", []),
    ("see <https://a.org/b|the page>.", "see the page (https://a.org/b).", []),
    ("<mailto:a@b.org|a@b.org> <mailto:a@b.org|Ada>", "a@b.org Ada (a@b.org)", []),
    ("<tel:+351555|+351555>", "+351555", []),
    ("1 &lt; 2 &amp;&amp; 3 &gt; 2 &amp;lt;", "1 < 2 && 3 > 2 &lt;", []),
    ("no@mention and a < b <b> <> :smile:", "no@mention and a < b <b> <> :smile:", []),
    ("a\n\nb <@U1>\n", "a\n\nb @Ada\n", ["Ada"]),
    ("", "", []),
    (None, "", []),
)


def test_ids_links_and_entities_are_resolved(tmp_path: Path) -> None:
    rows = read(archive(tmp_path, *(message(text) for text, *_ in TEXTS)))
    found = [(row["content"], row["metadata"]["mentions"]) for row in rows]
    assert found == [(content, mentions) for _, content, mentions in TEXTS]


AUTHORS: Sequence[tuple[Row, str]] = (
    ({}, "Ada"),
    ({"user": "U2"}, "Bo & Co"),
    ({"user": "U3"}, "cy"),
    ({"user": "W4"}, "Dee"),
    ({"user": "U9"}, "U9"),
    ({"user": "USLACKBOT"}, "Slackbot"),
    ({"user": "U5", "user_profile": {"name": "x", "display_name": "Guest"}}, "Guest"),
    ({"user": "U6", "user_profile": {"name": "x", "display_name": ""}}, "x"),
    ({"user": "U2", "user_profile": {"name": "x", "display_name": "Old"}}, "Bo & Co"),
    ({"user": "U9", "bot_id": "B1", "bot_profile": {"name": "GitHub"}}, "GitHub"),
    ({"user": None, "bot_id": "B1", "subtype": "bot_message", "username": "CI"}, "CI"),
    ({"user": None, "bot_id": "B1", "subtype": "bot_message"}, "B1"),
    ({"user": None, "username": "<@U1|ada>"}, "Ada"),
    ({"user": 17}, "17"),
)


def test_an_author_is_called_what_members_see(tmp_path: Path) -> None:
    rows = read(archive(tmp_path, *(message(**fields) for fields, _ in AUTHORS)))
    assert [row["author"] for row in rows] == [author for _, author in AUTHORS]
    assert {row["kind"] for row in rows} == {"message"}


def test_a_bot_and_a_members_id_are_kept(tmp_path: Path) -> None:
    assert extra(read_one(tmp_path)) == {"user": "U1"}
    row = read_one(tmp_path, user=None, bot_id="B1", username="CI", subtype="bot_message")
    assert extra(row) == {"bot": True}


EVENTS: Sequence[tuple[Row, str]] = (
    (
        {"subtype": "channel_join", "text": "<@U1> has joined the channel"},
        "Ada has joined the channel",
    ),
    (
        {"subtype": "channel_join", "text": "<@U1|ada> has joined the channel"},
        "Ada has joined the channel",
    ),
    ({"subtype": "group_leave", "text": "has left the group"}, "Ada has left the group"),
    ({"subtype": "channel_archive", "text": " archived the channel"}, "Ada archived the channel"),
    (
        {"subtype": "channel_topic", "text": "<@U1> set the topic: a &gt; b"},
        "Ada set the topic: a > b",
    ),
    (
        {"subtype": "pinned_item", "text": "<@U1> pinned <@U3>'s message"},
        "Ada pinned @cy's message",
    ),
    (
        {"subtype": "bot_add", "text": "added <https://a.org|Hubot>"},
        "Ada added Hubot (https://a.org)",
    ),
    ({"subtype": "channel_canvas_updated", "text": ""}, ""),
    ({"subtype": "reminder_add", "text": " set up a reminder"}, "Ada set up a reminder"),
    ({"subtype": "message_changed", "message": {"text": "x"}}, "Ada edited a message: x"),
    ({"type": "something new", "text": "x"}, "Ada x"),
    ({"user": None, "text": "x"}, "x"),
)


def test_what_happened_to_a_channel_is_a_system_line(tmp_path: Path) -> None:
    rows = read(archive(tmp_path, *(message(**fields) for fields, _ in EVENTS)))
    assert [row["content"] for row in rows] == [content for _, content in EVENTS]
    assert {(row["kind"], row["author"]) for row in rows} == {("system", None)}
    subtypes = [extra(row).get("subtype") for row in rows]
    assert subtypes == [fields.get("subtype") for fields, _ in EVENTS]


def test_an_unknown_subtype_that_someone_wrote_is_a_message(tmp_path: Path) -> None:
    row = read_one(tmp_path, subtype="some_future_thing")
    assert (row["kind"], row["author"], row["content"]) == ("message", "Ada", "hi")
    assert extra(row) == {"user": "U1", "subtype": "some_future_thing"}


@pytest.mark.parametrize(
    "fields",
    [
        {"subtype": "tombstone", "user": "USLACKBOT", "hidden": True},
        {"user": "USLACKBOT"},
        {"subtype": "message_deleted", "deleted_ts": "1.1"},
    ],
)
def test_a_deleted_message_is_known_as_one(tmp_path: Path, fields: Row) -> None:
    row = read_one(tmp_path, "This message was deleted.", **fields)
    assert (row["kind"], row["content"]) == ("deleted", "This message was deleted.")


def test_an_action_is_a_message(tmp_path: Path) -> None:
    row = read_one(tmp_path, "waves", subtype="me_message")
    assert (row["kind"], row["content"], extra(row)["action"]) == ("message", "waves", True)


def test_a_huddle_is_a_call_by_whoever_began_it(tmp_path: Path) -> None:
    row = read_one(
        tmp_path,
        "",
        user="USLACKBOT",
        subtype="huddle_thread",
        edited={"user": "USLACKBOT", "ts": TS},
        room={
            "created_by": "U2",
            "date_start": 1709070000,
            "date_end": 1709070090,
            "participant_history": ["U2", "U1"],
        },
        blocks=[rich_text({"type": "text", "text": "A huddle started"})],
    )
    assert (row["kind"], row["author"], row["content"]) == ("call", "Bo & Co", "A huddle started")
    assert extra(row)["seconds"] == 90
    assert extra(row)["participants"] == ["Bo & Co", "Ada"]
    assert not row["metadata"]["edited"]


def rich_text(*elements: Row) -> Row:
    section = {"type": "rich_text_section", "elements": list(elements)}
    return {"type": "rich_text", "block_id": "x", "elements": [section]}


@pytest.mark.parametrize(
    ("fields", "content"),
    [
        (
            {"attachments": [{"fallback": "Build &lt;1&gt; failed", "text": "long"}]},
            "Build <1> failed",
        ),
        ({"attachments": [{"title": "T", "text": "<@U1> x"}, {"pretext": "y"}]}, "T\n@Ada x\ny"),
        (
            {
                "attachments": [
                    {
                        "fallback": "[no preview available]",
                        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "z"}}],
                    }
                ]
            },
            "z",
        ),
        (
            {
                "blocks": [
                    {"type": "header", "text": {"type": "plain_text", "text": 'A "b" \\n'}},
                    {"type": "divider"},
                    {"type": "section", "text": {"type": "mrkdwn", "text": "c &amp; <@U2>"}},
                ]
            },
            'A "b" \\n\nc & @Bo & Co',
        ),
        (
            {
                "blocks": [
                    rich_text(
                        {"type": "user", "user_id": "U1"},
                        {"type": "text", "text": " said "},
                        {"type": "emoji", "name": "wave", "unicode": "1f44b"},
                        {"type": "channel", "channel_id": "C2"},
                    )
                ]
            },
            "@Ada said :wave:#random",
        ),
    ],
)
def test_without_a_text_the_blocks_and_attachments_are_read(
    tmp_path: Path, fields: Row, content: str
) -> None:
    assert read_one(tmp_path, "", **fields)["content"] == content


def test_attachments_are_part_of_a_message_but_previews_of_links_are_not(tmp_path: Path) -> None:
    row = read_one(
        tmp_path,
        "alarm",
        attachments=[
            {"fallback": "disk is full"},
            {"fallback": "alarm"},
            {"from_url": "https://a.org", "title": "A &amp; B", "fallback": "A"},
        ],
    )
    assert row["content"] == "alarm\ndisk is full"
    assert extra(row)["links"] == [{"url": "https://a.org", "title": "A & B"}]


def test_a_shared_message_is_forwarded(tmp_path: Path) -> None:
    shared = {"is_share": True, "from_url": "https://x.slack.com/a", "fallback": "[May 1st] bo: x"}
    row = read_one(tmp_path, "look", attachments=[shared])
    assert (row["content"], row["metadata"]["forwarded"]) == ("look\n[May 1st] bo: x", True)


FILES: Sequence[tuple[Row, str | None, str | None]] = (
    ({"id": "F1", "name": "a.png", "mimetype": "image/png"}, "a.png", "image"),
    ({"id": "F1", "name": "b.mov"}, "b.mov", "video"),
    ({"id": "F1", "name": "voice", "filetype": "m4a"}, "voice", "audio"),
    ({"id": "F1", "name": "c", "mode": "snippet", "mimetype": "text/plain"}, "c", "document"),
    ({"id": "F1", "name": "../../etc/d.pdf"}, "d.pdf", "document"),
    ({"id": "F1", "name": "..", "title": "x"}, None, "document"),
    ({"id": "F1", "title": "Plan", "mode": "external"}, "Plan", "document"),
    ({"id": "F1", "mode": "hidden_by_limit"}, None, None),
    ({"id": "F1", "mode": "tombstone"}, None, None),
)


def test_a_file_is_media(tmp_path: Path) -> None:
    rows = read(archive(tmp_path, *(message("look", files=[file]) for file, *_ in FILES)))
    found = [(row["media_path"], row["media_type"]) for row in rows]
    assert found == [(path, media_type) for _, path, media_type in FILES]
    assert {(row["kind"], row["content"]) for row in rows} == {("media", "look")}
    assert {extra(row)["files"][0]["id"] for row in rows} == {"F1"}


def test_other_files_are_kept_without_secrets(tmp_path: Path) -> None:
    files = [
        {"id": "F1", "mode": "tombstone"},
        {"id": "F2", "name": "b.png", "mode": "hosted", "size": 3, "title": "B",
         "url_private": "https://files.slack.com/b.png?t=xoxe-1", "permalink": "https://p.org/b"},
        None,
        "junk",
    ]  # fmt: skip
    row = read_one(tmp_path, files=files)
    assert row["media_path"] == "b.png"
    assert extra(row)["files"] == [
        {"id": "F1", "mode": "tombstone"},
        {"id": "F2", "name": "b.png", "title": "B", "size": 3, "url": "https://p.org/b"},
    ]


@pytest.mark.parametrize(
    ("fields", "kind", "author", "content"),
    [
        (
            {"text": "<@U1|ada> uploaded a file: <https://a|a.png> and commented: look &amp; see"},
            "media",
            "Ada",
            "look & see",
        ),
        ({"text": "<@U1> shared a file: <https://a|a.png>"}, "media", "Ada", ""),
        (
            {
                "subtype": "file_comment",
                "user": None,
                "text": "<@U2> commented on <@U1>'s file",
                "comment": {"user": "U2", "comment": "good"},
            },
            "message",
            "Bo & Co",
            "good",
        ),
        (
            {"subtype": "file_mention", "text": "see <https://a|a.png>"},
            "message",
            "Ada",
            "see a.png (https://a)",
        ),
    ],
)
def test_files_of_the_years_before_2018_are_read(
    tmp_path: Path, fields: Row, kind: str, author: str, content: str
) -> None:
    file = {"id": "F1", "name": "a.png", "mimetype": "image/png"}
    row = read_one(tmp_path, **{"subtype": "file_share", "file": file, **fields})
    assert (row["kind"], row["author"], row["content"]) == (kind, author, content)


def test_a_reply_answers_the_message_that_began_its_thread(tmp_path: Path) -> None:
    path = archive(
        tmp_path,
        message(thread_ts=TS, reply_count=2),
        message(ts="1709070001.000100", thread_ts=TS),
        message(ts="1709070002.000100", thread_ts=TS, subtype="thread_broadcast", root={}),
        message(ts="1709070003.000100", thread_ts="1600000000.000000"),
    )
    rows = read(path)
    assert [row["reply_to"] for row in rows[:3]] == [None, *[rows[0]["message_id"]] * 2]
    # The thread began before the export does.
    assert rows[3]["reply_to"] not in {None, *(row["message_id"] for row in rows)}
    assert extra(rows[2])["broadcast"] is True


def test_edits_pins_and_reactions_are_kept(tmp_path: Path) -> None:
    row = read_one(
        tmp_path,
        edited={"user": "U1", "ts": TS},
        pinned_to=["C1"],
        reactions=[
            {"name": "+1", "count": 2, "users": ["U1", "U2"]},
            {"name": "+1::skin-tone-2", "users": ["U3"]},
            {"name": "wave", "count": "many"},
            {"count": 4},
            None,
        ],
    )
    assert row["metadata"]["edited"]
    assert extra(row)["pinned"] is True
    assert dict(row["metadata"]["reactions"]) == {"+1": 3, "wave": 1}


def test_times_are_utc_in_whole_seconds(tmp_path: Path) -> None:
    [row] = read(archive(tmp_path, message()), timezone="Asia/Tokyo")
    assert row["timestamp"] == datetime(2024, 2, 27, 21, 40, tzinfo=UTC)
    assert row["metadata"]["local_time"] == "2024-02-27 21:40:00Z"


UNREADABLE: Sequence[Any] = (
    "text",
    5,
    None,
    [],
    {},
    {"type": "message", "text": "no time"},
    message(ts=None),
    message(ts="yesterday"),
    message(ts="-5.000000"),
    message(ts="7258118400.000000"),
    message(ts=10**30),
    message(ts={"a": 1}),
    message(ts=[TS]),
    message("\ud800"),
)


def test_a_record_that_cannot_be_read_is_rejected(tmp_path: Path) -> None:
    last = message(ts="7258118399.000000")
    tally = tally_of(archive(tmp_path, message(), *UNREADABLE, last))
    assert (tally.lines, tally.messages, tally.continuation) == (len(UNREADABLE) + 2, 2, 0)
    assert tally.rejected_lines == tuple(range(2, len(UNREADABLE) + 2))


def odd_messages(odd: object) -> list[Row]:
    """A message for each field, with a value of another type."""
    return [
        *(message(**{field: odd}) for field in FIELDS if field not in {"ts", "text"}),
        message(odd),
        message(subtype="huddle_thread", room=odd, blocks=odd),
        message("", attachments=[odd, {"fallback": odd, "blocks": odd}], blocks=odd),
        message(files=[odd, {"id": odd, "name": odd, "size": odd}]),
        message(reactions=[{"name": odd, "count": odd, "users": odd}]),
        message(subtype="file_share", file={"id": odd, "initial_comment": odd}),
    ]


ODD: Sequence[Any] = (None, 0, 1.5, True, "x", "", [], {}, [None], [[]], [{"a": 1}], {"a": [1]})


def test_values_of_other_types_raise_nothing(tmp_path: Path) -> None:
    records = [record for odd in ODD for record in odd_messages(odd)]
    users = [*ODD, *({"id": "U1", "name": odd, "profile": odd} for odd in ODD)]
    dms = [*ODD, *({"id": odd, "name": odd, "members": odd} for odd in ODD)]
    tally = tally_of(archive(tmp_path, *records, users=users, dms=dms))
    assert tally.lines == len(records)
    assert (tally.messages + tally.system, tally.rejected) == (len(records), 0)


def test_conversations_are_chats_with_titles(tmp_path: Path) -> None:
    files: Mapping[str, Any] = {
        **LISTS,
        "groups.json": [{"id": "G1", "name": "secret"}],
        "dms.json": [{"id": "D1", "members": ["U2", "U1"]}, {"id": "D2", "members": ["U9", "U1"]}],
        "mpims.json": [{"id": "G2", "name": "mpdm-ada--bo--cy-1", "members": ["U3", "U2", "U1"]}],
        "integration_logs.json": [],
        "canvases.json": [],
        "general/2024-02-27.json": [message()],
        "general/canvas_in_the_conversation.json": [{"id": "F1"}],
        "secret/2024-02-27.json": [message()],
        "D1/2024-02-27.json": [message()],
        "D2/2024-02-27.json": [],
        "mpdm-ada--bo--cy-1/2024-02-27.json": [message()],
        "FC:F088HKPH9PA:Plan/2024-02-27.json": [message()],
        "left-over/2024-02-27.json": [message()],
    }
    path = write_archive(tmp_path / "export.zip", files)
    file = ExportFile.open(path)
    assert SlackAdapter().threads(file) == {
        "D1": "Ada, Bo & Co",
        "D2": "Ada, U9",
        "FC:F088HKPH9PA:Plan": "Plan (canvas)",
        "general": "general",
        "left-over": "left-over",
        "mpdm-ada--bo--cy-1": "Ada, Bo & Co, cy",
        "secret": "secret",
    }
    with scratch_database() as scratch:
        parsed = parse_file(scratch, file, SlackAdapter(), Reading())
    assert parsed.lines == {
        "D1": 1, "D2": 0, "FC:F088HKPH9PA:Plan": 1, "general": 1, "left-over": 1,
        "mpdm-ada--bo--cy-1": 1, "secret": 1,
    }  # fmt: skip
    assert parsed.notes == ("3 files were passed over, such as canvases and app logs.",)
    rows = read(path)
    assert len({row["message_id"] for row in rows}) == len(rows) == 6
    assert {row["thread_id"] for row in rows} >= {"general", "ada-bo-co", "ada-bo-co-cy"}


def test_direct_messages_have_the_same_title_in_every_export(tmp_path: Path) -> None:
    titles = set()
    for number, members in enumerate((["U1", "U2"], ["U2", "U1"])):
        files = {**LISTS, "dms.json": [{"id": "D1", "members": members}], "D1/2024-02-27.json": []}
        path = write_archive(tmp_path / f"{number}.zip", files)
        titles.add(SlackAdapter().threads(ExportFile.open(path))["D1"])
    assert titles == {"Ada, Bo & Co"}


def test_days_come_in_order_and_lines_are_counted_through(tmp_path: Path) -> None:
    days = {
        f"general/2024-02-{day}.json": [message(str(day), ts=f"17090{day}000.000000")]
        for day in (29, 27, 28)
    }
    rows = read(write_archive(tmp_path / "export.zip", {**days, **LISTS}))
    assert [(row["content"], row["metadata"]["line"]) for row in rows] == [
        ("27", 1),
        ("28", 2),
        ("29", 3),
    ]


def test_many_small_days_are_read(tmp_path: Path) -> None:
    days = {
        f"general/{2000 + number // 336}-{number // 28 % 12 + 1:02}-{number % 28 + 1:02}.json": [
            message(f"<@U2> {number}", ts=f"{1500000000 + number}.000000")
        ]
        for number in range(2000)
    }
    rows = read(write_archive(tmp_path / "export.zip", {**LISTS, **days}))
    assert [row["content"] for row in rows] == [f"@Bo & Co {number}" for number in range(2000)]


@pytest.mark.parametrize("root", ["", "Acme export/", "a/b/"])
def test_everything_may_be_in_a_folder(tmp_path: Path, root: str) -> None:
    files = {**LISTS, "general/2024-02-27.json": [message("<@U2>")]}
    inside = {f"{root}{name}": content for name, content in files.items()}
    strays = {
        "2024-02-27.json": "notes",
        "__MACOSX/._users.json": b"\0\5",
        "__MACOSX/general/._2024-02-27.json": b"\0\5",
    }
    path = write_archive(tmp_path / "export.zip", {**strays, **inside})
    assert [row["content"] for row in read(path)] == ["@Bo & Co"]


def test_a_channels_name_may_have_any_script_though_the_archive_does_not_say_utf_8(
    tmp_path: Path,
) -> None:
    path = tmp_path / "export.zip"
    name = "général/2024-02-27.json"
    archive = write_archive(path, {**LISTS, name: [message()]})
    # As Slack writes it: the bytes of UTF-8 without the flag that tells so.
    content = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := content.find(signature, start + 1)) >= 0:
            content[start + offset + 1] &= ~8
    path.write_bytes(content)
    with zipfile.ZipFile(path) as written:
        assert name not in written.namelist()
    assert SlackAdapter().threads(ExportFile.open(path)) == {"général": "général"}
    assert len(read(path)) == 1


def test_ids_are_the_same_in_exports_that_overlap(tmp_path: Path) -> None:
    first = [message(ts=f"170907000{second}.000100") for second in range(4)]
    renamed = [{**USERS[0], "profile": {"display_name": "Ada Lovelace"}}]
    ids = []
    for number, (messages, users) in enumerate(((first[:3], USERS), (first[1:], renamed))):
        rows = read(archive(tmp_path, *messages, name=f"{number}.zip", users=users))
        ids.append([row["message_id"] for row in rows])
    assert ids[0][1:] == ids[1][:2]
    assert len({*ids[0], *ids[1]}) == 4


def test_without_members_messages_tell_who_wrote_them(tmp_path: Path) -> None:
    profile = {"name": "ada", "display_name": "Ada"}
    files = {"channels.json": CHANNELS, "general/2024-02-27.json": [message(user_profile=profile)]}
    path = write_archive(tmp_path / "export.zip", files)
    assert read(path)[0]["author"] == "Ada"
    with scratch_database() as scratch:
        parsed = parse_file(scratch, ExportFile.open(path), SlackAdapter(), Reading())
    assert "no users.json" in parsed.notes[0]


def test_only_system_lines_are_read_too(tmp_path: Path) -> None:
    path = archive(tmp_path, message("<@U1> has joined", subtype="channel_join"))
    assert (tally_of(path).system, tally_of(path).messages) == (1, 0)


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"general/2024-02-27.json": '[{"type": "message"'}, r"2024-02-27\.json.*ends in the mid"),
        ({"general/2024-02-27.json": ""}, r"2024-02-27\.json.*no sound JSON"),
        ({"general/2024-02-27.json": "<html>"}, r"2024-02-27\.json.*no sound JSON"),
        ({"general/2024-02-27.json": {"ok": False}}, r"2024-02-27\.json.*no list of messages"),
        ({"general/2024-02-27.json": "0.0"}, r"2024-02-27\.json.*no list of messages"),
        ({"general/2024-02-27.json": [], "users.json": "[{"}, r"users\.json.*ends in the middle"),
        ({}, r"no messages in it.*range of dates"),
    ],
)
def test_a_bad_archive_is_refused_with_the_place(
    tmp_path: Path, files: Mapping[str, Any], problem: str
) -> None:
    path = write_archive(tmp_path / "export.zip", {**LISTS, **files})
    with pytest.raises(ExportError, match=problem) as caught:
        read_export(path)
    assert str(caught.value).endswith(".")
    assert caught.value.path == path


def test_an_archive_of_something_else_is_none_of_slacks(tmp_path: Path) -> None:
    for number, names in enumerate(
        (
            ["_chat.txt"],
            ["users.json", "messages/index.json"],
            ["general/2024-02-27.json"],
            ["users.json", "a/b/2024-02-27.json"],
            ["messages/c1/messages.json", "servers/index.json"],
        )
    ):
        path = write_archive(tmp_path / f"{number}.zip", dict.fromkeys(names, "[]"))
        assert not SlackAdapter().recognizes(ExportFile.open(path))
    plain = tmp_path / "users.json"
    plain.write_text("[]", "utf-8")
    assert not SlackAdapter().recognizes(ExportFile.open(plain))
    with pytest.raises(ExportError, match=r"is no Slack export.*users\.json"):
        read_export(plain, source="slack")
