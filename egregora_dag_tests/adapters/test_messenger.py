"""Facebook Messenger and Instagram: chats alone and in downloads, garbled text, odd records."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
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
from egregora_dag_tests.adapters.conversation import CONVERSATION
from egregora_dag_tests.adapters.formats.messenger import (
    FORMATS,
    TITLE,
    garbled,
    record,
    thread,
    write_json,
    write_zip,
)

Row = dict[str, Any]
MS = 1_700_000_000_000
FACEBOOK = "your_activity_across_facebook/messages"
INSTAGRAM = "your_instagram_activity/messages"


def read(path: Path, **options: Any) -> list[Row]:
    rows: list[Row] = read_export(path, **options).read_all().to_pylist()
    return rows


def tally_of(path: Path) -> Tally:
    file = ExportFile.open(path)
    with scratch_database() as scratch:
        options: Any = {"chat": None, "thread": "chat", "timezone": "UTC"}
        return import_file(scratch, file, adapter_for(file), **options).tally


def rows_of(folder: Path, *messages: Any, **more: Any) -> list[Row]:
    return read(write_json(folder / "message_1.json", thread(messages, **more)))


def only(folder: Path, content: str | None = None, **more: Any) -> Row:
    [row] = rows_of(folder, record(MS, "Ada Lovelace", content, **more))
    return row


def extra(row: Row) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(row["metadata"]["extra"])
    return value


def texts(rows: Sequence[Row]) -> list[str]:
    return [row["content"] for row in rows]


@pytest.mark.parametrize("name", FORMATS)
def test_a_conversation_is_read_back_as_it_was(tmp_path: Path, name: str) -> None:
    written = FORMATS[name]
    said = [one for one in CONVERSATION if one.kind in written.kinds]
    rows = read(written.write(said, tmp_path))
    assert [
        (row["timestamp"], row["author"], row["content"], row["kind"], row["media_path"])
        for row in rows
    ] == [(one.time, one.author, one.text, one.kind, one.media) for one in said]
    assert [row["media_type"] for row in rows] == [one.media_type for one in said]
    assert {row["source"] for row in rows} == {"instagram" if "instagram" in name else "messenger"}
    assert {row["thread_id"] for row in rows} == {"éva-and-bo"}


def test_a_conversation_has_the_same_ids_in_every_download(tmp_path: Path) -> None:
    said = [one for one in CONVERSATION if one.kind in {"message", "media"}]
    (tmp_path / "again").mkdir()
    old = read(FORMATS["messenger of 2021"].write(said[:8], tmp_path))
    new = read(FORMATS["messenger download"].write(said[3:], tmp_path / "again"))
    assert [row["message_id"] for row in old[3:]] == [row["message_id"] for row in new[:5]]
    assert len({row["message_id"] for row in (*old, *new)}) == len(said)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (garbled("Zażółć gęślą jaźń"), "Zażółć gęślą jaźń"),
        (garbled("😂❤️ مريم 日本"), "😂❤️ مريم 日本"),
        (garbled("déjà\nvu: 100% %C3%A9 + ~"), "déjà\nvu: 100% %C3%A9 + ~"),
        (garbled("ÃÂ\u0080\u00bf"), "ÃÂ\u0080\u00bf"),
        # No bytes of UTF-8: written as it is meant.
        ("Grüße", "Grüße"),
        ("Ã", "Ã"),
        # Signs that no single byte can be.
        ("Ã© 😂", "Ã© 😂"),
        ("plain", "plain"),
    ],
)
def test_text_is_put_together_again_only_where_it_was_taken_apart(
    tmp_path: Path, written: str, shown: str
) -> None:
    path = tmp_path / "message_1.json"
    reactions = [{"reaction": written, "actor": written}]
    message = record(
        MS, written, written, reactions=reactions, photos=[{"uri": f"messages/{written}.jpg"}]
    )
    path.write_text(json.dumps(thread([message], title=written)), "utf-8")
    [row] = read(path, thread="x")
    assert (row["author"], row["content"], row["media_path"]) == (shown, shown, f"{shown}.jpg")
    assert row["metadata"]["reactions"] == [(shown, 1)]
    assert extra(row)["reactions"] == [{"actor": shown, "reaction": shown}]
    file = ExportFile.open(path)
    assert adapter_for(file).threads(file) == {"message_1": shown}


def test_rows_and_their_numbers_begin_with_the_oldest(tmp_path: Path) -> None:
    said = [record(MS + step // 2, "Bo", str(step)) for step in range(6)]
    rows = rows_of(tmp_path, *said)
    assert texts(rows) == list("012345")
    assert [row["metadata"]["line"] for row in rows] == [1, 2, 3, 4, 5, 6]
    # Whoever turned the list around finds the same.
    turned = write_json(tmp_path / "turned.json", thread(said[::-1]))
    assert texts(read(turned)) == list("012345")


def test_the_clock_is_utc_in_milliseconds_or_in_seconds_of_2018(tmp_path: Path) -> None:
    old = {"sender_name": "Bo", "timestamp": 1_500_000_000, "content": "x", "type": "Generic"}
    rows = rows_of(tmp_path, old, record(1_700_000_000_123, "Bo", "y"))
    assert [row["timestamp"].replace(tzinfo=None) for row in rows] == [
        datetime(2017, 7, 14, 2, 40),
        datetime(2023, 11, 14, 22, 13, 20, 123000),
    ]
    assert rows[1]["metadata"]["local_time"] == "2023-11-14 22:13:20.123Z"


@pytest.mark.parametrize(
    ("field", "name", "media_type"),
    [
        ("photos", "1_2_n.jpg", "image"),
        ("videos", "v.mp4", "video"),
        ("audio_files", "audioclip.mp4", "audio"),
        ("gifs", "g.gif", "image"),
        ("files", "terms.pdf", "document"),
    ],
)
def test_each_list_of_files_is_media_of_its_type(
    tmp_path: Path, field: str, name: str, media_type: str
) -> None:
    uris = [f"messages/inbox/x_1/{field}/{one}" for one in (name, "second")]
    row = only(tmp_path, "a caption", **{field: [{"uri": uri} for uri in uris]})
    assert (row["kind"], row["media_path"], row["media_type"]) == ("media", name, media_type)
    assert (row["content"], extra(row)) == ("a caption", {"files": [name, "second"]})


def test_a_sticker_is_media(tmp_path: Path) -> None:
    row = only(tmp_path, sticker={"uri": "messages/stickers_used/3_4.png", "ai_stickers": []})
    assert (row["kind"], row["media_path"], row["media_type"]) == ("media", "3_4.png", "sticker")
    assert row["content"] == ""


SHARES: list[tuple[str | None, dict[str, str], str]] = [
    ("look", {"link": "https://e.org/é"}, "look\nhttps://e.org/é"),
    ("look https://e.org/a", {"link": "https://e.org/a"}, "look https://e.org/a"),
    (None, {"link": "https://e.org/a"}, "https://e.org/a"),
    (
        "Ada Lovelace sent an attachment.",
        {"link": "https://www.instagram.com/reel/A/", "original_content_owner": "bo"},
        "https://www.instagram.com/reel/A/",
    ),
    ("You sent a live location.", {"share_text": "Last updated"}, "You sent a live location."),
    (None, {"share_text": "A place"}, "A place"),
]


def test_what_was_shared_keeps_its_link(tmp_path: Path) -> None:
    said = [
        record(MS + step, "Ada Lovelace", content, share=share)
        for step, (content, share, _) in enumerate(SHARES)
    ]
    rows = rows_of(tmp_path, *said)
    assert texts(rows) == [shown for _, _, shown in SHARES]
    told = {"link": "link", "share_text": "text", "original_content_owner": "owner"}
    assert [extra(row)["share"] for row in rows] == [
        {told[key]: value for key, value in share.items()} for _, share, _ in SHARES
    ]


KINDS: list[tuple[str | None, dict[str, Any], str]] = [
    ("hello", {}, "message"),
    ("hello", {"type": "Generic"}, "message"),
    ("hello", {"type": "Hologram"}, "message"),
    (None, {"is_unsent": True}, "deleted"),
    ("Ada unsent a message", {}, "deleted"),
    (None, {"is_taken_down": True}, "deleted"),
    ("Ada called Bo.", {"type": "Call", "call_duration": 61}, "call"),
    ("Video chat ended", {"call_duration": 0}, "call"),
    ("You missed a call from Ada.", {}, "call"),
    (None, {"missed": True}, "call"),
    ("Ada created a poll: when?", {}, "poll"),
    ("This poll is no longer available.", {}, "poll"),
    ('Ada voted for "eight" in the poll: when?', {}, "system"),
    ("You sent a live location.", {}, "location"),
    (None, {"share": {"link": "https://maps.google.com/maps?q=1,2"}}, "location"),
    ("Ada added Bo to the group.", {"type": "Subscribe", "users": [{"name": "Bo"}]}, "system"),
    ("Ada left the group.", {"type": "Unsubscribe"}, "system"),
    ("You named the group Readers.", {}, "system"),
    ("Ada Lovelace set the quick reaction to X.", {}, "system"),
    ("Reacted ❤️ to your message", {}, "system"),
    ("Liked a message", {}, "system"),
    # Sentences that people write.
    ("You left the door open", {}, "message"),
    ("Bo left the group.", {}, "message"),
    ("You added salt to the soup.", {}, "message"),
    ("Ada called the police", {}, "message"),
]


def test_the_kind_is_told_by_type_fields_or_english_words(tmp_path: Path) -> None:
    said = [
        record(MS + step, "Ada Lovelace", content, **more)
        for step, (content, more, _) in enumerate(KINDS)
    ]
    for row, (content, _, kind) in zip(rows_of(tmp_path, *said), KINDS, strict=True):
        assert (content, row["kind"]) == (content, kind)
        assert row["author"] == (None if kind == "system" else "Ada Lovelace")
        assert extra(row).get("actor") == ("Ada Lovelace" if kind == "system" else None)


@pytest.mark.parametrize(
    ("event", "users", "shown"),
    [
        ("Subscribe", ["Bo", "Éva"], "Ada Lovelace added Bo, Éva"),
        ("Unsubscribe", ["Bo"], "Ada Lovelace removed Bo"),
        ("Unsubscribe", ["Ada Lovelace"], "Ada Lovelace left the group"),
    ],
)
def test_who_came_and_went_is_told_where_the_download_has_no_words(
    tmp_path: Path, event: str, users: list[str], shown: str
) -> None:
    row = only(tmp_path, type=event, users=[{"name": name} for name in users])
    assert row["content"] == shown
    assert extra(row) == {"actor": "Ada Lovelace", "users": users}


def test_a_call_keeps_its_length(tmp_path: Path) -> None:
    assert extra(only(tmp_path, "x", call_duration=61)) == {"call_duration": 61}
    assert extra(only(tmp_path, "x", call_duration=0, missed=True)) == {
        "call_duration": 0,
        "missed": True,
    }


def test_reactions_are_counted_by_sign(tmp_path: Path) -> None:
    given = [("❤️", "Bo"), ("😂", "Éva"), ("❤️", "Ada")]
    row = only(tmp_path, "x", reactions=[{"reaction": r, "actor": a} for r, a in given])
    assert dict(row["metadata"]["reactions"]) == {"❤️": 2, "😂": 1}
    assert [one["actor"] for one in extra(row)["reactions"]] == ["Bo", "Éva", "Ada"]


def test_plans_bumps_and_blocks_are_kept(tmp_path: Path) -> None:
    plan = {"title": "dinner", "location": "Köln", "timestamp": 1_700_000_000}
    bump = {"bumped_message": "well?", "is_bumped": True}
    rows = rows_of(
        tmp_path,
        record(MS, "Bo", plan=plan),
        record(MS + 1, "Bo", bumped_message_metadata=bump),
        record(MS + 2, "Bo", "no", bumped_message_metadata={**bump, "is_bumped": False}),
        record(MS + 3, "Bo", "yes") | {"is_geoblocked_for_viewer": True, "ip": "1.2.3.4"},
    )
    assert texts(rows) == ["dinner", "well?", "no", "yes"]
    assert [extra(row) for row in rows] == [
        {"plan": plan},
        {"bumped": True},
        {},
        {"geoblocked": True},
    ]


@pytest.mark.parametrize("name", [None, "", "  "])
def test_an_account_that_is_gone_is_named_as_the_applications_do(
    tmp_path: Path, name: str | None
) -> None:
    message = record(MS, "x", "hello") | {"sender_name": name}
    assert rows_of(tmp_path, message)[0]["author"] == "Facebook User"
    path = write_zip(
        tmp_path / "a.zip", {f"{INSTAGRAM}/inbox/x_1/message_1.json": thread([message])}
    )
    assert read(path)[0]["author"] == "Instagram User"


def test_encrypted_chats_tell_their_media_by_its_ending(tmp_path: Path) -> None:
    def sent(uri: str) -> dict[str, Any]:
        return {"senderName": "Bo", "timestamp": MS, "text": "", "media": [{"uri": uri}]}

    endings = ["jpeg", "mp4", "ogg", "pdf"]
    messages = [sent(f"./media/{number}.{end}") for number, end in enumerate(endings)]
    messages += [
        sent("Failed to download media"),
        {"senderName": "Bo", "timestamp": MS, "isUnsent": True, "media": [], "text": ""},
        {"senderName": "Bo", "timestamp": MS, "type": "placeholder", "media": [], "text": ""},
        {"senderName": "Bo", "timestamp": MS, "type": "link", "text": "https://e.org", "media": []},
    ]
    document = {"participants": ["Bo"], "threadName": "Bo & me_12", "messages": messages}
    files: dict[str, Any] = {"Bo & me_12.json": document, "media/0.jpeg": b"..."}
    for path in (write_zip(tmp_path / "messages.zip", files), tmp_path / "Bo & me_12.json"):
        if not path.exists():
            write_json(path, document)
        rows = read(path)
        assert [(row["kind"], row["media_type"], row["media_path"]) for row in rows] == [
            ("media", "image", "0.jpeg"),
            ("media", "video", "1.mp4"),
            ("media", "audio", "2.ogg"),
            ("media", "document", "3.pdf"),
            ("media", None, None),
            ("deleted", None, None),
            ("deleted", None, None),
            ("message", None, None),
        ]
        assert extra(rows[4]) == {"missing_file": True}
        assert {(row["source"], row["thread_id"]) for row in rows} == {("messenger", "bo-me")}


def test_a_download_has_all_chats_of_all_folders(tmp_path: Path) -> None:
    folders = ["inbox", "archived_threads", "message_requests", "filtered_threads", "e2ee_cutover"]
    files = {
        f"{FACEBOOK}/{folder}/bo_{number}/message_1.json": thread(
            [record(MS + number, "Bo", folder)], title="Bo"
        )
        for number, folder in enumerate(folders)
    }
    path = write_zip(
        tmp_path / "facebook.zip", {**files, f"{FACEBOOK}/autofill_information.json": {}}
    )
    file = ExportFile.open(path)
    # All are called alike.
    assert adapter_for(file).threads(file) == {"bo_0": "Bo"} | {
        f"bo_{number}": f"Bo bo_{number}" for number in range(1, 5)
    }
    rows = read(path)
    assert {row["thread_id"]: row["content"] for row in rows} == {
        "bo": "inbox",
        "bo-bo-1": "archived_threads",
        "bo-bo-2": "message_requests",
        "bo-bo-3": "filtered_threads",
        "bo-bo-4": "e2ee_cutover",
    }


def test_a_chat_that_moved_to_encryption_is_one_chat(tmp_path: Path) -> None:
    files = {
        f"{FACEBOOK}/{folder}/bo_1/message_1.json": thread([record(MS + number, "Bo", folder)])
        for number, folder in enumerate(["e2ee_cutover", "inbox"])
    }
    assert texts(read(write_zip(tmp_path / "a.zip", files))) == ["e2ee_cutover", "inbox"]


def test_files_of_a_chat_are_one_chat_in_order_of_their_numbers(tmp_path: Path) -> None:
    said = [record(MS + number // 2, "Bo", str(number)) for number in range(12)]
    files = {
        f"messages/inbox/bo_1/message_{12 - number}.json": thread([one])
        for number, one in enumerate(said)
    }
    path = write_zip(tmp_path / "facebook.zip", files)
    assert texts(read(path)) == [str(number) for number in range(12)]
    assert tally_of(path).lines == 12


@pytest.mark.parametrize(
    ("member", "other", "archive", "source"),
    [
        (f"{FACEBOOK}/inbox/bo_1/message_1.json", None, "a.zip", "messenger"),
        ("your_facebook_activity/messages/inbox/bo_1/message_1.json", None, "a.zip", "messenger"),
        ("messages/inbox/bo_1/message_1.json", None, "a.zip", "messenger"),
        ("messages/inbox/Bo_b9a5rfd2xg/message.json", None, "a.zip", "messenger"),
        ("facebook-ada/messages/inbox/bo_1/message_1.json", None, "a.zip", "messenger"),
        ("message_1.json", "photos/1.jpg", "bo_1.zip", "messenger"),
        ("bo_1/message_1.json", "bo_1/photos/1.jpg", "a.zip", "messenger"),
        (f"{INSTAGRAM}/inbox/bo_1/message_1.json", None, "a.zip", "instagram"),
        (
            "messages/inbox/bo_1/message_1.json",
            "followers_and_following/following.json",
            "a.zip",
            "instagram",
        ),
        ("messages/inbox/bo_1/message_1.json", None, "instagram-ada-2024.zip", "instagram"),
    ],
)
def test_a_download_is_known_by_its_folders(
    tmp_path: Path, member: str, other: str | None, archive: str, source: str
) -> None:
    files: dict[str, Any] = {member: thread([record(MS, "Bo", "hello")])}
    [row] = read(write_zip(tmp_path / archive, files | ({other: b"{}"} if other else {})))
    assert (row["source"], row["content"], row["thread_id"]) == (source, "hello", "éva-and-bo")


def test_a_single_file_is_instagrams_where_it_says_so(tmp_path: Path) -> None:
    photo = {"uri": f"{INSTAGRAM}/inbox/bo_1/photos/1.jpg"}
    assert only(tmp_path, photos=[photo])["source"] == "instagram"
    assert only(tmp_path, "hello")["source"] == "messenger"
    folder = tmp_path / INSTAGRAM
    folder.mkdir(parents=True)
    assert only(folder, "hello")["source"] == "instagram"
    path = write_json(tmp_path / "message_1.json", thread([record(MS, "Bo", "hello")]))
    assert read(path, source="instagram")[0]["source"] == "instagram"


@pytest.mark.parametrize(
    "title", [None, "", 5, ["x"], {"a": 1}], ids=["null", "empty", "number", "list", "object"]
)
def test_a_chat_without_a_title_is_named_by_its_folder(tmp_path: Path, title: Any) -> None:
    files = {f"{FACEBOOK}/inbox/evaandbo_123/message_1.json": thread([], title=title)}
    file = ExportFile.open(write_zip(tmp_path / "a.zip", files))
    assert adapter_for(file).threads(file) == {"evaandbo_123": "evaandbo"}


def test_a_title_is_found_before_and_after_the_messages(tmp_path: Path) -> None:
    plan = {"title": "dinner"}
    document = thread([record(MS, "Bo", 'say "title": "x"', plan=plan)] * 2000)
    for first in (document, {"title": TITLE, **document}):
        file = ExportFile.open(write_json(tmp_path / "message_1.json", first))
        assert adapter_for(file).threads(file) == {"message_1": TITLE}


BAD: list[Any] = [
    None,
    5,
    "text",
    [],
    {},
    {"sender_name": "Bo", "content": "no time"},
    {"sender_name": "Bo", "timestamp_ms": None, "content": "x"},
    {"sender_name": "Bo", "timestamp_ms": "yesterday", "content": "x"},
    {"sender_name": "Bo", "timestamp_ms": {}, "content": "x"},
    {"sender_name": "Bo", "timestamp_ms": -1, "content": "x"},
    {"sender_name": "Bo", "timestamp_ms": 10**30, "content": "x"},
    {"sender_name": "Bo", "timestamp_ms": 253_402_300_799_000, "content": "x"},
    {"sender_name": "Bo", "timestamp": -(2**63), "content": "x"},
    {"sender_name": "Bo", "timestamp_ms": MS, "content": "\ud83d"},
]


def test_records_that_cannot_be_read_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "message_1.json"
    said = [record(MS, "Bo", "a"), *BAD, record(MS + 1, "Bo", "b")]
    path.write_text(json.dumps(thread(said)), "utf-8")
    tally = tally_of(path)
    assert (tally.lines, tally.messages, tally.continuation) == (len(BAD) + 2, 2, 0)
    # Those without a time come after the others; the last of these has one.
    assert tally.rejected == len(BAD)
    assert texts(read(path)) == ["a", "b"]


FIELDS = [
    "sender_name",
    "content",
    "type",
    "is_unsent",
    "photos",
    "sticker",
    "share",
    "users",
    "call_duration",
    "reactions",
    "bumped_message_metadata",
    "plan",
    "media",
]


ODD: list[Any] = [
    *(None, 5, 1.5, True, "text", [], [None], [5], ["x"], {}, {"uri": 5}, {"a": {}}, [[{}]])
]


def test_a_field_of_another_type_loses_no_message(tmp_path: Path) -> None:
    path = tmp_path / "message_1.json"
    said = [record(MS, "Bo", "x") | {field: odd} for field in FIELDS for odd in ODD]
    path.write_text(json.dumps(thread([record(MS, "Bo", "a"), *said])), "utf-8")
    tally = tally_of(path)
    assert tally.messages + tally.system == tally.lines == len(said) + 1
    for row in read(path):
        assert (row["author"] is None) == (row["kind"] == "system")
        assert row["content"] is not None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            '{"participants": [], "messages": [{"sender_name": "Bo", "timestamp_ms": 1}',
            "the middle",
        ),
        ('{"participants": [], "thread_path": "x", "messages": {}}', "no list of messages"),
        ('{"participants": [], "thread_path": "x", "messages": null}', "no list of messages"),
        ('{"participants": [], "thread_path": "x", "messages": 7}', "no list of messages"),
        ('{"participants": [], "thread_path": "x", "messages": []} x', "no sound JSON"),
    ],
)
def test_what_is_no_chat_is_refused_with_a_reason(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "message_1.json"
    path.write_text(text, "utf-8")
    with pytest.raises(ExportError, match=problem) as caught:
        read(path)
    assert caught.value.path == path
    assert str(caught.value).endswith(".")


def test_a_damaged_member_is_named(tmp_path: Path) -> None:
    member = f"{FACEBOOK}/inbox/bo_1/message_1.json"
    path = write_zip(tmp_path / "a.zip", {member: b'{"messages": ['})
    with pytest.raises(ExportError, match="the middle") as caught:
        read(path)
    assert member in caught.value.place


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({f"{FACEBOOK}/inbox/bo_1/message_1.html": b"<html>"}, "as web pages"),
        ({f"{FACEBOOK}/inbox/bo_1/photos/1.jpg": b"..."}, "no chat's JSON"),
    ],
)
def test_a_download_without_json_says_what_to_choose(
    tmp_path: Path, files: Mapping[str, Any], problem: str
) -> None:
    with pytest.raises(ExportError, match=rf"{problem}.*choose JSON"):
        read(write_zip(tmp_path / "facebook.zip", files))


def test_a_web_page_says_what_to_choose(tmp_path: Path) -> None:
    path = tmp_path / "message_1.html"
    path.write_text("<html><head></head></html>", "utf-8")
    with pytest.raises(ExportError, match=r"web page.*choose JSON"):
        read(path)


@pytest.mark.parametrize("events", [0, 3])
def test_a_chat_without_messages_is_read(tmp_path: Path, events: int) -> None:
    said = [record(MS + step, "Bo", type="Unsubscribe") for step in range(events)]
    path = write_json(tmp_path / "message_1.json", thread(said))
    assert [row["kind"] for row in read(path)] == ["system"] * events
    tally = tally_of(path)
    assert (tally.lines, tally.messages, tally.system) == (events, 0, events)


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "x", "type": "personal_chat", "id": 1, "messages": [{"from": "Bo"}]}',
        '[{"participants": ["a"], "messages": [], "sender_name": 1}]',
        '{"guild": {}, "channel": {}, "messages": []}',
        "[2024-01-01, 10:00:00] Bo: hello",
    ],
)
def test_other_files_are_not_claimed(tmp_path: Path, text: str) -> None:
    path = tmp_path / "message.json"
    path.write_text(text, "utf-8")
    try:
        source = adapter_for(ExportFile.open(path)).source
    except ExportError:
        source = "none"
    assert source not in {"messenger", "instagram"}
