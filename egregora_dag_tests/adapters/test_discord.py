"""Discord, as DiscordChatExporter writes it: JSON and CSV of all versions, alone and zipped."""

import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from egregora_dag.adapters import (
    ExportError,
    ExportFile,
    Imported,
    Reading,
    adapter_for,
    import_chat,
    parse_file,
    read_export,
    scratch_database,
)
from egregora_dag.adapters.discord import DiscordAdapter
from egregora_dag_tests.adapters.conversation import CONVERSATION
from egregora_dag_tests.adapters.formats.discord import (
    CHANNEL,
    FORMATS,
    HEADER,
    NAME,
    attachment,
    csv_row,
    document,
    record,
    snowflake,
    user,
    write_json,
)

Row = dict[str, Any]
NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)


def read(path: Path, **options: Any) -> list[Row]:
    rows: list[Row] = read_export(path, **options).read_all().to_pylist()
    return rows


def read_records(folder: Path, *records: Any, **more: Any) -> list[Row]:
    return read(write_json(folder / f"{NAME}.json", document(records, **more)))


def one(folder: Path, content: str = "hello", author: Any = "Ada", **more: Any) -> Row:
    """The one row that a message is read as."""
    [row] = read_records(folder, record(NOON, author, content, **more))
    return row


def extra(row: Row) -> Row:
    found: Row = json.loads(row["metadata"]["extra"])
    return {key: value for key, value in found.items() if key != "author_id"}


def imported(path: Path, chat: str | None = None) -> Imported:
    file = ExportFile.open(path)
    with scratch_database() as scratch:
        parsed = parse_file(scratch, file, adapter_for(file), Reading())
        return import_chat(
            scratch, file, parsed, source="discord", chat=chat, thread="chat", timezone="UTC"
        )


def write_csv(folder: Path, *rows: str, header: str = HEADER, name: str = f"{NAME}.csv") -> Path:
    path = folder / name
    path.write_text(f"{header}\n" + "".join(rows), "utf-8", newline="")
    return path


def line(content: str, date: str = "2024-03-01T12:00:00+00:00", author: str = "Ada") -> str:
    return csv_row("1", author, date, content, "", "")


def titles(path: Path) -> dict[str, str]:
    return dict(DiscordAdapter().threads(ExportFile.open(path)))


@pytest.mark.parametrize("name", FORMATS)
def test_the_conversation_is_read_as_it_was_written(tmp_path: Path, name: str) -> None:
    written = FORMATS[name]
    said = [one for one in CONVERSATION if written.replies or one.kind in written.kinds]
    path = written.write(said, tmp_path)
    assert isinstance(adapter_for(ExportFile.open(path)), DiscordAdapter)
    rows = read(path, **written.options)
    assert len(rows) == len(said)
    for row, one_said in zip(rows, said, strict=True):
        assert row["timestamp"] == one_said.time
        assert (row["author"], row["kind"]) == (one_said.author, one_said.kind)
        if row["kind"] != "system":
            assert row["content"] == one_said.text
        assert row["media_type"] == one_said.media_type
        assert (row["media_path"] or "").rpartition("/")[2] == (one_said.media or "")
        if written.replies:
            answered = one_said.reply_to
            assert row["reply_to"] == (None if answered is None else rows[answered]["message_id"])
        if written.edits:
            assert row["metadata"]["edited"] == one_said.edited


NOTICES: tuple[tuple[Any, str, str], ...] = (
    ("GuildMemberJoin", "Joined the server.", "Ada joined the server."),
    ("ChannelPinnedMessage", "Pinned a message.", "Ada pinned a message."),
    ("ThreadCreated", "Started a thread.", "Ada started a thread."),
    ("18", "plans", "Ada started a thread: plans"),
    ("RecipientAdd", "Added Bo to the group.", "Ada added Bo to the group."),
    ("RecipientRemove", "Left the group.", "Ada left the group."),
    ("ChannelNameChange", "Changed the channel name: x", "Ada changed the channel name: x"),
    ("7", "", "Ada joined the server"),
    (7, "", "Ada joined the server"),
    ("8", "", "Ada boosted the server"),
    ("UserPremiumGuildSubscription", "3", "Ada boosted the server: 3"),
    ("ThreadStarterMessage", "", "Ada wrote what this thread began with"),
    ("21", "", "Ada wrote what this thread began with"),
    ("999", "", "Ada (999)"),
    ("SomethingNew", "", "Ada (SomethingNew)"),
)


def test_notices_are_system_lines_that_name_who_did_it(tmp_path: Path) -> None:
    records = [record(NOON, "Ada", content, type=kind) for kind, content, _ in NOTICES]
    rows = read_records(tmp_path, *records)
    assert [row["content"] for row in rows] == [told for *_, told in NOTICES]
    assert {(row["kind"], row["author"]) for row in rows} == {("system", None)}
    assert [extra(row)["type"] for row in rows] == [str(kind) for kind, *_ in NOTICES]


def test_words_of_an_unknown_type_remain_a_message(tmp_path: Path) -> None:
    types: tuple[Any, ...] = ("SomethingNew", "999", "20", "ApplicationCommand", None, 0)
    rows = read_records(tmp_path, *(record(NOON, "Ada", "hello", type=kind) for kind in types))
    assert len(rows) == len(types)
    assert {(row["kind"], row["author"], row["content"]) for row in rows} == {
        ("message", "Ada", "hello")
    }


def test_a_call_has_an_author_and_an_end(tmp_path: Path) -> None:
    end = "2024-03-01T12:05:00+00:00"
    words = "Started a call that lasted 5 minutes."
    row = one(tmp_path, words, type="Call", callEndedTimestamp=end)
    assert (row["kind"], row["author"], row["content"]) == ("call", "Ada", words)
    assert extra(row) == {"type": "Call", "call_ended_at": end}


AUTHORS: tuple[tuple[Row, str], ...] = (
    ({"nickname": "Ada L.", "name": "ada", "discriminator": "1234"}, "Ada L."),
    ({"nickname": "", "name": "ada", "discriminator": "0000"}, "ada"),
    ({"nickname": None, "name": "ada", "discriminator": "0"}, "ada"),
    ({"name": "ada", "discriminator": "1234"}, "ada#1234"),
    ({"name": 5}, "5"),
    ({"id": "77"}, "User 77"),
)


def test_people_go_by_their_nickname_or_else_their_account(tmp_path: Path) -> None:
    records = [record(NOON, {"id": "1", **author}, "x") for author, _ in AUTHORS]
    assert [row["author"] for row in read_records(tmp_path, *records)] == [
        name for _, name in AUTHORS
    ]


def test_what_is_known_of_a_message_beside_its_text_is_kept(tmp_path: Path) -> None:
    edited = "2024-03-01T12:01:00+00:00"
    row = one(
        tmp_path,
        timestampEdited=edited,
        isPinned=True,
        author={**user("Robot"), "isBot": True},
        interaction={"id": "1", "name": "roll", "user": user("Ada")},
    )
    assert row["metadata"]["edited"]
    assert json.loads(row["metadata"]["extra"]) == {
        "author_id": user("Robot")["id"],
        "bot": True,
        "pinned": True,
        "edited_at": edited,
        "command": "roll",
        "command_by": "Ada",
    }


FILES: tuple[tuple[str, str], ...] = (
    ("cat.PNG", "image"),
    ("clip.mov", "video"),
    ("voice-message.ogg", "audio"),
    ("terms.pdf", "document"),
    ("README", "document"),
)


def test_the_first_attachment_is_the_media(tmp_path: Path) -> None:
    more = attachment("b.txt", "C:\\x\\b.txt")
    rows = read_records(
        tmp_path,
        *(record(NOON, "Ada", "look", attachments=[attachment(name), more]) for name, _ in FILES),
    )
    assert {(row["kind"], row["content"]) for row in rows} == {("media", "look")}
    assert [(row["media_path"], row["media_type"]) for row in rows] == [
        (f"{NAME}.json_Files/{name}", kind) for name, kind in FILES
    ]
    assert extra(rows[0]) == {"attachments": [{"name": "b.txt", "path": "C:/x/b.txt"}]}


def test_the_signature_of_an_address_is_left_out(tmp_path: Path) -> None:
    url = "https://cdn.discordapp.com/attachments/1/2/cat.png"
    row = one(tmp_path, "", attachments=[attachment("cat.png", f"{url}?ex=66&is=65&hm=ab")])
    assert (row["media_path"], row["media_type"]) == (url, "image")


def test_a_sticker_is_media_with_its_name_kept(tmp_path: Path) -> None:
    sticker = {"id": "1", "name": "Wave", "format": "Lottie", "sourceUrl": "https://x.org/1.json"}
    row = one(tmp_path, "", stickers=[sticker])
    assert (row["kind"], row["media_type"], row["content"]) == ("media", "sticker", "")
    assert row["media_path"] == "https://x.org/1.json"
    assert extra(row) == {"stickers": ["Wave"]}


def test_an_embed_is_the_text_only_where_there_is_no_other(tmp_path: Path) -> None:
    embed = {
        "title": "Release 2",
        "url": "https://example.org/2",
        "description": "All new.",
        "author": {"name": "Builder"},
        "footer": {"text": "by CI"},
        "fields": [{"name": "Size", "value": "3 MB"}, None, {"name": "x"}],
    }
    told = "Builder\nRelease 2 (https://example.org/2)\nAll new.\nSize: 3 MB\nx\nby CI"
    row = one(tmp_path, "", embeds=[embed, {"image": {"url": "https://example.org/i.png"}}])
    assert (row["kind"], row["content"]) == ("message", f"{told}\nhttps://example.org/i.png")
    assert extra(row) == {}
    row = one(tmp_path, "see https://example.org/2", embeds=[embed])
    assert row["content"] == "see https://example.org/2"
    assert extra(row) == {"embeds": [told]}


def test_reactions_are_counted_by_their_sign(tmp_path: Path) -> None:
    def reaction(name: Any, count: Any, number: str = "") -> Row:
        return {"emoji": {"id": number, "name": name, "code": "x"}, "count": count, "users": []}

    row = one(
        tmp_path,
        reactions=[
            reaction("👍", 3),
            reaction("blob", 2, "11"),
            reaction("blob", 1, "12"),
            reaction("❤️", None),
            reaction(None, 4),
            7,
        ],
    )
    assert dict(row["metadata"]["reactions"]) == {"👍": 3, ":blob:": 3, "❤️": 1}


def test_mentions_are_people_even_where_the_text_names_numbers(tmp_path: Path) -> None:
    bo, eva = user("Bo"), user("Éva 🌻")
    text = f"<@{bo['id']}>, <@!{eva['id']}>, @everyone <:blob:123> <a:dance:5> a <b> c"
    row = one(tmp_path, text, mentions=[bo, eva])
    assert row["content"] == "@Bo, @Éva 🌻, @everyone :blob: :dance: a <b> c"
    assert row["metadata"]["mentions"] == ["Bo", "Éva 🌻"]
    assert one(tmp_path, "write to @everyone")["metadata"]["mentions"] == []


def test_an_answer_names_a_message_of_its_own_channel(tmp_path: Path) -> None:
    def answer(minute: int, channel: str, kind: str = "Reply") -> Row:
        reference = {"messageId": snowflake(NOON), "channelId": channel, "guildId": "86"}
        time = NOON + timedelta(minutes=minute)
        return record(time, "Bo", "yes", type=kind, reference=reference)

    rows = read_records(
        tmp_path,
        record(NOON, "Ada", "hello"),
        answer(1, CHANNEL),
        answer(2, "999"),
        answer(3, CHANNEL, "ChannelPinnedMessage"),
    )
    assert [row["reply_to"] for row in rows] == [None, rows[0]["message_id"], None, None]
    assert extra(rows[2])["refers_to"] == extra(rows[3])["refers_to"] == snowflake(NOON)


def test_a_forwarded_message_has_the_text_and_media_of_what_was_forwarded(tmp_path: Path) -> None:
    at = "2024-02-01T10:00:00+00:00"
    row = one(
        tmp_path,
        "",
        reference={"type": "Forward", "messageId": "5", "channelId": CHANNEL, "guildId": None},
        forwardedMessage={
            "timestamp": at,
            "timestampEdited": None,
            "content": "news",
            "attachments": [attachment("cat.png")],
            "embeds": [],
            "stickers": [],
        },
    )
    assert (row["kind"], row["author"], row["content"]) == ("media", "Ada", "news")
    assert row["metadata"]["forwarded"]
    assert row["reply_to"] is None
    assert extra(row) == {"forwarded_from": {"message_id": "5", "channel_id": CHANNEL, "at": at}}


@pytest.mark.parametrize("question", ["Friday?", {"text": "Friday?"}])
def test_a_poll_lists_its_answers(tmp_path: Path, question: Any) -> None:
    poll = {
        "question": question,
        "answers": [{"id": 1, "text": "yes"}, {"id": 2, "text": "no"}],
        "results": {"isFinalized": True, "answers": [{"id": 1, "count": 3}]},
    }
    row = one(tmp_path, "", poll=poll)
    assert (row["kind"], row["content"]) == ("poll", "Friday?\n- yes\n- no")
    assert extra(row)["votes"][0] == {"answer": "yes", "count": 3}


def test_the_end_of_a_poll_tells_what_won(tmp_path: Path) -> None:
    fields = [
        {"name": "poll_question_text", "value": "Friday?"},
        {"name": "victor_answer_votes", "value": "3"},
        {"name": "victor_answer_text", "value": "yes"},
    ]
    row = one(tmp_path, "", type="46", embeds=[{"title": "", "fields": fields}])
    assert (row["kind"], row["content"]) == ("system", "Ada closed a poll: Friday?: yes")


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("2024-03-01T12:00:00+02:00", datetime(2024, 3, 1, 10, tzinfo=UTC)),
        ("2024-03-01T12:00:00.1234567Z", datetime(2024, 3, 1, 12, 0, 0, 123456, UTC)),
        ("2024-03-01T12:00:00.5-03:30", datetime(2024, 3, 1, 15, 30, 0, 500_000, UTC)),
        ("2024-03-01T12:00:00", datetime(2024, 3, 1, 15, tzinfo=UTC)),
    ],
)
def test_a_time_without_an_offset_is_the_chats(
    tmp_path: Path, written: str, read_as: datetime
) -> None:
    path = write_json(tmp_path / "a.json", document([record(NOON, "Ada", "x", timestamp=written)]))
    [row] = read(path, timezone="America/Sao_Paulo")
    assert row["timestamp"] == read_as


UNREADABLE: tuple[Any, ...] = (
    None,
    7,
    "text",
    [],
    {},
    record(NOON, "Ada", "x", timestamp=None),
    record(NOON, "Ada", "x", timestamp=1709294400),
    record(NOON, "Ada", "x", timestamp="2023-02-30T00:00:00+00:00"),
    record(NOON, "Ada", "x", timestamp="0001-01-01T00:00:00+00:00"),
    record(NOON, "Ada", "x", timestamp="9999-12-31T23:59:59.9999999+00:00"),
    record(NOON, "Ada", "x", timestamp="infinity"),
    record(NOON, "Ada", "x", timestamp={"a": 1}),
    record(NOON, None, "x"),
    {**record(NOON, "Ada", "x"), "author": "Ada"},
    record(NOON, [], "x"),
)


def test_what_cannot_be_read_is_rejected_and_counted(tmp_path: Path) -> None:
    records = [record(NOON, "Ada", "x"), *UNREADABLE, record(NOON, "Bo", "y")]
    tally = imported(write_json(tmp_path / "a.json", document(records))).tally
    assert (tally.lines, tally.messages) == (len(records), 2)
    assert tally.rejected_lines == tuple(range(2, len(records)))
    assert (tally.system, tally.continuation) == (0, 0)


WRONG: tuple[Any, ...] = (None, 7, "text", True, [], {}, [7], ["x"], [None], [{}], [[]])


def test_parts_of_a_wrong_type_are_no_reason_to_lose_a_message(tmp_path: Path) -> None:
    lists = ("attachments", "embeds", "stickers", "reactions", "mentions", "inlineEmojis")
    rare = ("reference", "forwardedMessage", "interaction", "poll", "isPinned")
    keys = (*lists, *rare, "timestampEdited", "callEndedTimestamp", "id")
    records = [record(NOON, "Ada", "hello", **{key: value}) for key in keys for value in WRONG]
    rows = read_records(tmp_path, *records)
    assert len(rows) == len(records)
    assert {(row["author"], row["content"]) for row in rows} == {("Ada", "hello")}


def test_types_of_a_wrong_type_are_told_or_passed_over(tmp_path: Path) -> None:
    records = [record(NOON, "Ada", "hello", type=value) for value in WRONG]
    rows = read_records(tmp_path, *records)
    assert len(rows) == len(records)
    assert all("hello" in row["content"] for row in rows)


@pytest.mark.parametrize("key", ["guild", "channel", "dateRange", "messageCount"])
def test_what_is_around_the_messages_may_be_of_a_wrong_type(tmp_path: Path, key: str) -> None:
    for value in (7, [None]):
        content = {**document([record(NOON, "Ada", "x")]), key: value}
        file = ExportFile.open(write_json(tmp_path / "a.json", content))
        with scratch_database() as scratch:
            parsed = parse_file(scratch, file, DiscordAdapter(), Reading())
        assert list(parsed.lines.values()) == [1]


def test_half_a_surrogate_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    bad = json.dumps(document([record(NOON, "Ada", "x"), record(NOON, "Ada", "\ud800")]))
    path.write_text(bad, "utf-8")
    assert imported(path).tally.rejected_lines == (2,)


def test_numbers_beyond_measure_are_left_out(tmp_path: Path) -> None:
    text = json.dumps(document([record(NOON, "Ada", "x")]))
    for key in ('"reactions": [{"emoji": {"name": "a"}, "count": 1e400}]', '"isPinned": 1e999'):
        path = tmp_path / "a.json"
        path.write_text(text.replace('"reactions": []', key), "utf-8")
        assert [row["content"] for row in read(path)] == ["x"]


def test_messages_get_the_same_ids_in_every_export_of_the_channel(tmp_path: Path) -> None:
    said = [record(NOON + timedelta(minutes=n), "Ada", "same") for n in range(4)]
    said.append(record(NOON + timedelta(minutes=3), "Ada", "same", number=7))
    renamed = [{**row, "author": user("Ada L."), "content": "edited"} for row in said]
    first = read_records(tmp_path, *said[:3])
    again = read_records(tmp_path, *renamed[1:])
    ids = [[row["message_id"] for row in rows] for rows in (first, again)]
    assert ids[0][1:] == ids[1][:2]
    assert len({*ids[0], *ids[1]}) == 5


def test_an_export_with_the_newest_first_is_turned(tmp_path: Path) -> None:
    said = [record(NOON + timedelta(minutes=n // 2), "Ada", str(n), number=n) for n in range(5)]
    path = write_json(tmp_path / "a.json", document(said[::-1]))
    assert [row["content"] for row in read(path)] == ["0", "1", "2", "3", "4"]
    assert imported(path).parsed.notes == ("The newest message stood first; the order was turned.",)


def test_a_channel_without_messages_is_no_error(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", document([]))
    assert read(path) == []
    assert imported(path).tally.lines == 0


def test_a_channel_of_notices_only_has_no_authors(tmp_path: Path) -> None:
    joined = [record(NOON, name, "Joined the server.", type="GuildMemberJoin") for name in "ab"]
    assert {row["author"] for row in read_records(tmp_path, *joined)} == {None}


def test_a_count_that_does_not_fit_is_told(tmp_path: Path) -> None:
    content = {**document([record(NOON, "Ada", "x")]), "messageCount": 5}
    path = write_json(tmp_path / "a.json", content)
    assert imported(path).parsed.notes == ("1 messages, though the file says 5.",)


@pytest.mark.parametrize(
    ("channel", "guild", "title"),
    [
        ({"id": "1", "category": "Text", "name": "general"}, "Club", "Club / Text / general"),
        ({"id": "1", "category": None, "name": "general"}, "Club", "Club / general"),
        ({"id": "1", "name": "plans", "category": "general"}, "Club", "Club / general / plans"),
        ({"id": "1", "category": "Private", "name": "Bo"}, "Direct Messages", "Bo"),
        ({"id": "1", "category": "Group", "name": "Bo, Éva"}, "Direct Messages", "Bo, Éva"),
        ({"id": "1", "name": 5, "category": {}}, None, "5"),
        ({}, "Club", "Ada's server / Text channels / general"),
    ],
)
def test_a_chat_is_called_by_server_category_and_channel(
    tmp_path: Path, channel: Row, guild: Any, title: str
) -> None:
    content = document([], channel=channel, guild={"id": "0", "name": guild})
    path = write_json(tmp_path / f"{NAME} (after 2024-01-01) [part 2].json", content)
    assert list(titles(path).values()) == [title]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        (f"{NAME}.csv", "Ada's server / Text channels / general"),
        (f"{NAME} (2020-01-01 to 2021-01-01).csv", "Ada's server / Text channels / general"),
        (f"{NAME} [part 12].csv", "Ada's server / Text channels / general"),
        (f"{NAME} (1).csv", "Ada's server / Text channels / general"),
        (f"Direct Messages - Private - Bo [{CHANNEL}].csv", "Bo"),
        ("my channel v1.5.csv", "my channel v1.5"),
    ],
)
def test_a_table_is_called_by_its_name(tmp_path: Path, name: str, title: str) -> None:
    assert list(titles(write_csv(tmp_path, line("x"), name=name)).values()) == [title]


def test_roles_may_fill_the_beginning_of_a_file(tmp_path: Path) -> None:
    roles = [{"id": str(n), "name": "role" * 10} for n in range(3000)]
    guild = {"id": "86", "name": "Club", "roles": roles}
    path = write_json(tmp_path / "a.json", document([record(NOON, "Ada", "x")], guild=guild))
    assert [row["thread_id"] for row in read(path)] == ["club-text-channels-general"]


def zipped(folder: Path, files: dict[str, str]) -> Path:
    path = folder / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_a_zip_holds_many_channels(tmp_path: Path) -> None:
    other = {"id": "869237470565392385", "category": "Text channels", "name": "other"}
    files = {
        f"{NAME}.json": json.dumps(document([record(NOON, "Ada", "a")])),
        f"{NAME}.csv": f"{HEADER}\n{line('a')}",
        "Ada's server - other [869237470565392385].json": json.dumps(
            document([record(NOON, "Ada", "b")], channel=other)
        ),
        "Ada's server - third [869237470565392386].csv": f"{HEADER}\n{line('c')}",
        f"{NAME}.json_Files/notes-[869237470565392386].json": "{}",
        "package.json": "{}",
    }
    path = zipped(tmp_path, files)
    assert {row["content"]: row["thread_id"] for row in read(path)} == {
        "a": "ada-s-server-text-channels-general",
        "b": "ada-s-server-text-channels-other",
        "c": "ada-s-server-third",
    }
    told = imported(path, CHANNEL)
    assert told.tally.lines == told.tally.messages == 1
    assert told.parsed.notes == (f"{NAME}.csv: passed over, as the channel is there as JSON too.",)


def test_exports_that_overlap_are_read_once_and_in_order(tmp_path: Path) -> None:
    said = [record(NOON + timedelta(minutes=n), "Ada", str(n)) for n in range(6)]
    files = {
        f"{NAME} (after 2024-02-02).json": json.dumps(document(said[2:])),
        f"{NAME} (before 2024-05-05).json": json.dumps(document([*said[:4], {}])),
    }
    path = zipped(tmp_path, files)
    assert [row["content"] for row in read(path)] == list("012345")
    told = imported(path)
    assert (told.tally.lines, told.tally.messages, told.tally.rejected) == (9, 6, 3)
    assert "2 messages are in several of the files; each was read once." in told.parsed.notes


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"guild": {}, "channel": {}, "dateRange": {}, "messages": [{"id": "1"}', "middle"),
        ('{"guild": {}, "channel": {}, "dateRange": {}, "messages": []', "middle|sound JSON"),
        ('{"guild": {}, "channel": {}, "dateRange": {}, "messages": null}', "no list of messages"),
        ('{"guild": {}, "channel": {}, "dateRange": {}}', "no list of messages"),
        ('{"guild": {}, "channel": {}, "dateRange": {}, "messages": [}]}', "JSON|middle"),
        (
            '{"mod": {"normal": true}, "guild": {}, "channel": {}, "isPinned": 1, "messages": []}',
            "modified exporter",
        ),
        ("<!DOCTYPE html>\n<html><div class=chatlog__message-group>", "HTML"),
        (f"{'=' * 62}\nGuild: Club\nChannel: Text / general\n{'=' * 62}\n", "plain text"),
    ],
)
def test_a_damaged_file_is_refused_with_a_remedy(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, "utf-8")
    with pytest.raises(ExportError, match=problem) as caught:
        read_export(path)
    assert str(caught.value).endswith(".")


def test_a_zip_without_exports_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path, {f"{NAME}.json": "[]"})
    with pytest.raises(ExportError, match="no JSON or CSV"):
        read_export(path)


@pytest.mark.parametrize(
    "text",
    [
        "timestamp,author,content\n2024-01-01,Ada,x\n",
        "AuthorID,Author,Date,Content\n1,Ada,2024-01-01,x\n",
        "MessageID,AuthorID,Author,Date,Content,Attachments,Reactions\n",
        "Author,Date,Content,Attachments\n",
        '{"name": "Bo", "type": "personal_chat", "messages": [{"isPinned": false}]}',
        '{"participants": [{"name": "Bo"}], "messages": []}',
        '[{"guild": {}}]',
        'we spoke of {"guild": {}, "channel": {}, "dateRange": 1}',
    ],
)
def test_files_of_others_are_not_recognized(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text, "utf-8")
    assert not DiscordAdapter().recognizes(ExportFile.open(path))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    text = json.dumps(document([record(NOON, "Éva 🌻", "x")]), ensure_ascii=False)
    table = f"{HEADER}\r\n{line('x', author='Éva 🌻')}"
    for number, content in enumerate((text, table)):
        path = tmp_path / f"{number}.txt"
        path.write_bytes(content.encode(encoding))
        assert [row["author"] for row in read(path)] == ["Éva 🌻"]


@pytest.mark.parametrize(
    ("date", "clock"),
    [
        ("2019-04-01T12:34:56.1234567+00:00", "2019-04-01 12:34:56.123456"),
        ("01-Apr-19 12:34 PM", "2019-04-01 12:34:00"),
        ("4/1/2019 1:34\u202fPM", "2019-04-01 13:34:00"),
        ("04/20/2019 12:34 AM", "2019-04-20 00:34:00"),
        ("20/04/2019 12:34", "2019-04-20 12:34:00"),
        ("01.04.2019 12:34", "2019-04-01 12:34:00"),
        ("01-04-2019 12:34", "2019-04-01 12:34:00"),
        ("1/4/2019 1:34 p. m.", "2019-04-01 13:34:00"),
        ("2019-04-01 12:34", "2019-04-01 12:34:00"),
        ("2019. 04. 01. 12:34", "2019-04-01 12:34:00"),
        ("2019-04-01 오후 1:34", "2019-04-01 13:34:00"),
        ("01.04.19, 12:34:56", "2019-04-01 12:34:56"),
    ],
)
def test_dates_of_every_version_and_country_are_read(tmp_path: Path, date: str, clock: str) -> None:
    spanish = "p. m." in date
    path = write_csv(tmp_path, line("x", date), line("y", date))
    rows = read(path, day_first=True if spanish else None)
    assert [str(row["timestamp"].replace(tzinfo=None)) for row in rows] == [clock] * 2


def test_the_order_of_day_and_month_is_found_from_all_dates(tmp_path: Path) -> None:
    path = write_csv(tmp_path, line("x", "3/4/2021 12:00"), line("y", "3/28/2021 12:00"))
    assert [row["timestamp"].month for row in read(path)] == [3, 3]
    order = imported(path).parsed.date_order
    assert order is not None
    assert (order.order, order.is_guess) == ("month day year", False)
    path = write_csv(tmp_path, line("x", "3/4/2021 12:00"))
    order = imported(path).parsed.date_order
    assert order is not None
    assert order.is_guess


def test_rows_may_have_many_lines_and_quotes(tmp_path: Path) -> None:
    text = 'he said "no",\n"1","Ada","x"\n\nand left'
    path = write_csv(tmp_path, line(text), line("b\r\nc"), line(""))
    assert [row["content"] for row in read(path)] == [text, "b\nc", ""]
    tally = imported(path).tally
    assert (tally.lines, tally.messages, tally.continuation) == (3, 3, 0)


def test_rows_that_cannot_be_read_are_rejected_by_number(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path,
        line("a"),
        '"1","Ada","too short"\n',
        line("b", "yesterday"),
        line("c"),
        line("d", "2019-02-30T00:00:00+00:00"),
        line("e", author=""),
        line("f"),
        '"1","Ada","2024-03-01T12:00:00+00:00","in the mid',
    )
    tally = imported(path).tally
    assert (tally.lines, tally.messages, tally.rejected_lines) == (8, 3, (2, 3, 5, 6, 8))


def test_notices_and_calls_are_told_by_the_exporters_words(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path,
        line("Pinned a message."),
        line("Changed the channel name: x"),
        line("Started a call that lasted 12 minutes."),
        line("Pinned a message. Look!"),
    )
    assert [(row["kind"], row["author"], row["content"]) for row in read(path)] == [
        ("system", None, "Ada pinned a message."),
        ("system", None, "Ada changed the channel name: x"),
        ("call", "Ada", "Started a call that lasted 12 minutes."),
        ("message", "Ada", "Pinned a message. Look!"),
    ]


CELLS: tuple[tuple[str, str, list[str]], ...] = (
    ("https://x.org/a,b.png?ex=1,https://x.org/c.pdf", "https://x.org/a,b.png", ["c.pdf"]),
    ("a, b.csv_Files\\c.png,a, b.csv_Files\\d.png", "a, b.csv_Files/c.png", ["d.png"]),
    ("c.png", "c.png", []),
)


def test_attachments_of_a_row_are_told_apart(tmp_path: Path) -> None:
    cells = (csv_row("1", "Ada", "2024-03-01T12:00:00Z", "", cell, "") for cell, *_ in CELLS)
    rows = read(write_csv(tmp_path, *cells))
    assert {(row["kind"], row["media_type"]) for row in rows} == {("media", "image")}
    for row, (_, first, others) in zip(rows, CELLS, strict=True):
        assert row["media_path"] == first
        found = extra(row).get("attachments", [])
        assert [name.rpartition("/")[2] for name in found] == others


def test_reactions_of_a_row_are_counted(tmp_path: Path) -> None:
    reactions = "👍 (2),a (b) (1),:,: (3),👍 (1)"
    path = write_csv(tmp_path, csv_row("1", "Ada", "2024-03-01T12:00:00Z", "x", "", reactions))
    [row] = read(path)
    assert dict(row["metadata"]["reactions"]) == {"👍": 3, "a (b)": 1, ":,:": 3}


def test_authors_of_rows_lose_an_empty_discriminator(tmp_path: Path) -> None:
    path = write_csv(tmp_path, *(line("x", author=a) for a in ("Ada#1234", "Ada#0000", "ada")))
    assert [row["author"] for row in read(path)] == ["Ada#1234", "Ada", "ada"]


def test_overlapping_tables_repeat_ids_only_for_the_same_rows(tmp_path: Path) -> None:
    rows = [line("same"), line("same"), line("other"), line("later", "2024-03-02T12:00:00Z")]
    first, again = (read(write_csv(tmp_path, *part)) for part in (rows[:3], rows))
    ids = [[row["message_id"] for row in part] for part in (first, again)]
    assert ids[0] == ids[1][:3]
    assert len(set(ids[1])) == 4


def test_a_table_that_was_saved_otherwise_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = "123,Zoë,2024-03-01T12:00:00Z,caf\xe9,,\n\n5,Bo,2024-03-01T12:01:00Z,hi,,\n"
    path.write_bytes(f"{HEADER}\n{rows}".encode("cp1252"))
    assert [(row["author"], row["content"]) for row in read(path)] == [
        ("Zoë", "café"),
        ("Bo", "hi"),
    ]
    assert imported(path).parsed.notes == ("1 line not UTF-8; read as Windows-1252.",)


def test_a_table_without_rows_is_no_error(tmp_path: Path) -> None:
    for text in (HEADER, f"{HEADER}\n", f"\ufeff{HEADER}\r\n"):
        path = tmp_path / "a.csv"
        path.write_text(text, "utf-8", newline="")
        assert read(path) == []
