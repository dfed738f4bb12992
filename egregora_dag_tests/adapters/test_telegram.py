"""Telegram Desktop's result.json: every kind of record, old and new, whole and broken."""

import json
import re
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from egregora_dag.adapters import (
    ExportError,
    ExportFile,
    Parsed,
    Reading,
    Tally,
    adapter_for,
    import_chat,
    parse_file,
    read_export,
    scratch_database,
)
from egregora_dag.adapters.telegram import TelegramAdapter
from egregora_dag_tests.adapters.conversation import CONVERSATION, Format
from egregora_dag_tests.adapters.formats.telegram import (
    FORMATS,
    account,
    chat,
    new_records,
    old_records,
    write,
    write_zip,
)

Row = dict[str, Any]

LEFT_OUT = "(File not included. Change data exporting settings to download.)"
TIME = datetime(2024, 2, 27, 21, 58, tzinfo=UTC)


def record(number: int = 1, **rest: Any) -> Row:
    """A message of the new format; None leaves a key out."""
    whole = {
        "id": number,
        "type": "message",
        "date": "2024-02-27T23:58:00",
        "date_unixtime": str(int(TIME.timestamp()) + number),
        "from": "Ada",
        "from_id": "user1",
        "text": "",
        "text_entities": [],
        **rest,
    }
    return {key: value for key, value in whole.items() if value is not None}


def service(number: int = 1, **rest: Any) -> Row:
    names = {"type": "service", "from": None, "from_id": None, "actor": "Ada", "actor_id": "user1"}
    return record(number, **{**names, **rest})


def read(path: Path, **options: Any) -> list[Row]:
    rows: list[Row] = read_export(path, **options).read_all().to_pylist()
    return rows


def read_records(folder: Path, *records: Any, **rest: Any) -> list[Row]:
    return read(write(folder, chat(records, **rest)))


def read_one(folder: Path, **rest: Any) -> Row:
    [row] = read_records(folder, record(**rest))
    return row


def extra(row: Row) -> Row:
    found: Row = json.loads(row["metadata"]["extra"])
    return found


def parsed_of(path: Path) -> tuple[Parsed, Mapping[str, Tally], Mapping[str, str]]:
    """What was parsed, the tally of each chat, and the chats' titles."""
    file = ExportFile.open(path)
    adapter = TelegramAdapter()
    titles = adapter.threads(file)
    with scratch_database() as scratch:
        parsed = parse_file(scratch, file, adapter, Reading())
        tallies = {
            name: import_chat(
                scratch,
                file,
                parsed,
                source="telegram",
                chat=name,
                thread="chat",
                timezone="UTC",
            ).tally
            for name in titles
        }
    return parsed, tallies, titles


def tally_of(path: Path) -> Tally:
    [tally] = parsed_of(path)[1].values()
    return tally


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
def test_a_conversation_is_read_as_it_was_said(form: Format, tmp_path: Path) -> None:
    said = [one for one in CONVERSATION if one.kind in form.kinds]
    path = form.write(said, tmp_path)
    assert adapter_for(ExportFile.open(path)).source == "telegram"
    rows = read(path)
    assert [
        (row["content"], row["author"], row["timestamp"], row["kind"], row["media_type"])
        for row in rows
    ] == [(one.text, one.author, one.time, one.kind, one.media_type) for one in said]
    ids = [row["message_id"] for row in rows]
    assert len(set(ids)) == len(ids)
    for row, one in zip(rows, said, strict=True):
        assert (row["media_path"] or "").endswith(one.media or "")
        assert row["metadata"]["edited"] is one.edited
        assert row["reply_to"] == (None if one.reply_to is None else ids[one.reply_to])


def test_a_time_in_seconds_is_utc_and_one_without_is_the_chats_clock(tmp_path: Path) -> None:
    new = write(tmp_path, chat(new_records(CONVERSATION)), "new.json")
    old = write(tmp_path, chat(old_records(CONVERSATION)), "old.json")
    for path, hours in ((new, 0), (old, 1)):
        rows = read(path, timezone="Europe/Berlin")
        assert (CONVERSATION[1].time - rows[1]["timestamp"]).total_seconds() == 3600 * hours


TEXTS: list[tuple[Any, str, list[str]]] = [
    ("plain", "plain", []),
    ([], "", []),
    (["a ", {"type": "bold", "text": "b"}, " c"], "a b c", []),
    ([{"type": "text_link", "text": "here", "href": "https://x.org/a"}, "!"],
     "here (https://x.org/a)!", []),
    ([{"type": "text_link", "text": "x.org", "href": "https://x.org/"}], "x.org", []),
    ([{"type": "link", "text": "https://x.org"}, " ok"], "https://x.org ok", []),
    (["hi ", {"type": "mention", "text": "@bo_1"}, ""], "hi @bo_1", ["bo_1"]),
    ([{"type": "mention_name", "text": "Bo Li", "user_id": 7}], "Bo Li", ["Bo Li"]),
    (["x", {"type": "custom_emoji", "text": "😮", "document_id": "5"}], "x😮", []),
    (["a", None, 5, {"type": "new thing"}, {"text": "b"}, []], "a5b[]", []),
    ({"type": "pre", "text": "code", "language": "c"}, "code", []),
    (["[x", '"]'], '[x"]', []),
    (5, "5", []),
]  # fmt: skip


def test_a_text_of_parts_is_put_together(tmp_path: Path) -> None:
    records = [record(number, text=text) for number, (text, _, _) in enumerate(TEXTS)]
    rows = read_records(tmp_path, *records)
    found = [(row["content"], row["metadata"]["mentions"]) for row in rows]
    assert found == [(content, mentions) for _, content, mentions in TEXTS]


MEDIA: list[tuple[Row, str | None, str | None]] = [
    ({"photo": "photos/p 1.jpg"}, "photos/p 1.jpg", "image"),
    ({"photo": LEFT_OUT}, None, "image"),
    ({"photo": "(File unavailable, please try again later)"}, None, "image"),
    ({"file": "a.webp", "media_type": "sticker"}, "a.webp", "sticker"),
    ({"file": "a.ogg", "media_type": "voice_message"}, "a.ogg", "audio"),
    ({"file": "a.mp3", "media_type": "audio_file"}, "a.mp3", "audio"),
    ({"file": "a.mp4", "media_type": "video_message"}, "a.mp4", "video"),
    ({"file": "a.mp4", "media_type": "video_file"}, "a.mp4", "video"),
    ({"file": "a.mp4", "media_type": "animation"}, "a.mp4", "video"),
    ({"file": "a.jpg", "mime_type": "image/jpeg"}, "a.jpg", "image"),
    ({"file": "a.pdf", "mime_type": "application/pdf"}, "a.pdf", "document"),
    ({"file": "a"}, "a", "document"),
    ({"file": "(File exceeds maximum size. Change data exporting settings to download.)"},
     None, "document"),
    ({"paid_stars_amount": 5}, None, None),
]  # fmt: skip


def test_media_keep_their_path_and_type(tmp_path: Path) -> None:
    records = [record(number, text="x", **fields) for number, (fields, _, _) in enumerate(MEDIA)]
    rows = read_records(tmp_path, *records)
    assert {(row["kind"], row["content"]) for row in rows} == {("media", "x")}
    found = [(row["media_path"], row["media_type"]) for row in rows]
    assert found == [(path, media_type) for _, path, media_type in MEDIA]


def test_what_is_known_of_media_stays_with_them(tmp_path: Path) -> None:
    row = read_one(
        tmp_path,
        file=LEFT_OUT,
        file_name="song.mp3",
        media_type="audio_file",
        performer="Eva",
        title="Song",
        mime_type="audio/mpeg",
        duration_seconds=200,
        self_destruct_period_seconds=60,
        media_spoiler=True,
        sticker_emoji="😂",
    )
    assert extra(row) == {
        "from_id": "user1",
        "media": "audio_file",
        "file_name": "song.mp3",
        "mime_type": "audio/mpeg",
        "duration_seconds": 200,
        "performer": "Eva",
        "title": "Song",
        "sticker_emoji": "😂",
        "self_destruct_seconds": 60,
        "spoiler": True,
    }


POINT = {"latitude": 38.7, "longitude": -9.1}
POLL = {
    "question": "When?",
    "closed": True,
    "total_voters": 3,
    "answers": [
        {"text": "Friday", "voters": 1, "chosen": True},
        {"text": ["Sun", {"type": "bold", "text": "day"}], "voters": 2, "chosen": False},
        {"text": "never"},
    ],
}
RICH = {
    "blocks": [
        {"type": "heading", "level": 1, "text": {"type": "plain", "text": "Title"}},
        {
            "type": "paragraph",
            "text": {
                "type": "concat",
                "text": [
                    {"type": "plain", "text": 'a "b" '},
                    {"type": "bold", "text": {"type": "plain", "text": "c"}},
                ],
            },
        },
        {"type": "divider"},
    ]
}


CONTENTS: list[tuple[Row, str, str]] = [
    ({"location_information": POINT}, "location", "38.7, -9.1"),
    ({"location_information": POINT, "live_location_period_seconds": 900}, "location",
     "38.7, -9.1"),
    ({"location_information": POINT, "place_name": "Cafe", "address": "Rua 1"}, "location",
     "Cafe, Rua 1, 38.7, -9.1"),
    ({"place_name": "Cafe", "address": "Rua 1"}, "location", "Cafe, Rua 1"),
    ({"contact_information": {"first_name": "Bo", "last_name": "Li", "phone_number": "+1"}},
     "contact", "Bo Li, +1"),
    ({"contact_information": {"first_name": "", "last_name": "", "phone_number": ""}},
     "contact", ""),
    ({"poll": POLL}, "poll", "When?\n- Friday: 1 vote\n- Sunday: 2 votes\n- never"),
    ({"poll": {"question": ["W", {"type": "bold", "text": "hy?"}]}}, "poll", "Why?"),
    ({"todo_list": {"title": "Buy", "answers": [{"text": "milk", "id": 1}]}}, "message",
     "Buy\n- milk"),
    ({"game_title": "Snake", "game_description": "Eat", "game_link": "https://t.me/g"},
     "message", "Snake\nEat\nhttps://t.me/g"),
    ({"invoice_information": '{"title": "Tea", "description": "Green", "amount": 100}'},
     "message", "Tea\nGreen"),
    ({"invoice_information": {"title": "Tea", "description": ""}}, "message", "Tea"),
    ({"invoice_information": "x"}, "message", ""),
    ({"giveaway_information": {"quantity": 3}}, "message", "Giveaway"),
    ({"giveaway_results": {"winners": [1]}}, "message", "Results of a giveaway"),
    ({"rich_message": RICH}, "message", 'Title\na "b" c'),
]  # fmt: skip


def test_other_content_is_told_in_words(tmp_path: Path) -> None:
    records = [record(number, **fields) for number, (fields, _, _) in enumerate(CONTENTS)]
    rows = read_records(tmp_path, *records)
    found = [(row["kind"], row["content"]) for row in rows]
    assert found == [(kind, content) for _, kind, content in CONTENTS]
    assert {row["author"] for row in rows} == {"Ada"}


def test_the_card_of_a_contact_is_its_file(tmp_path: Path) -> None:
    row = read_one(tmp_path, contact_information={"first_name": "Bo"}, contact_vcard="c/1.vcard")
    assert (row["media_path"], row["media_type"]) == ("c/1.vcard", "document")


EVENTS: list[tuple[Row, str]] = [
    ({"action": "create_group", "title": "G", "members": ["Ada", None]},
     "Ada created the group G, with Ada, Deleted Account"),
    ({"action": "edit_group_title", "title": "H"}, "Ada changed the name to H"),
    ({"action": "invite_members", "members": ["Bo", "Cy"]}, "Ada invited Bo, Cy"),
    ({"action": "remove_members", "members": ["Bo"]}, "Ada removed Bo"),
    ({"action": "join_group_by_link", "inviter": "Bo"}, "Ada joined by a link by Bo"),
    ({"action": "join_group_by_link", "inviter": None}, "Ada joined by a link"),
    ({"action": "migrate_from_group", "title": "G"}, "Ada made a group this supergroup: G"),
    ({"action": "pin_message", "message_id": 7}, "Ada pinned a message"),
    ({"action": "score_in_game", "score": 12}, "Ada scored in a game: 12"),
    ({"action": "send_payment", "actor": None, "actor_id": None, "amount": 5,
      "currency": "EUR"}, "paid 5 EUR"),
    ({"action": "group_call", "duration": 61}, "Ada held a group call 61 seconds"),
    ({"action": "group_call_scheduled", "schedule_date": 1709071080},
     "Ada scheduled a group call for 2024-02-27 21:58 UTC"),
    ({"action": "set_messages_ttl", "period": 86400},
     "Ada set messages to delete themselves: 86400 seconds"),
    ({"action": "proximity_reached", "actor": None, "actor_id": None, "from": "Bo",
      "from_id": "user2", "to": "Cy", "distance": 9}, "Bo came close: Cy, 9 m"),
    ({"action": "send_passport_values", "values": ["utility_bill"]},
     "Ada sent documents: utility bill"),
    ({"action": "topic_created", "title": "Trips"}, "Ada created the topic Trips"),
    ({"action": "topic_edit", "new_title": "Tours"}, "Ada changed the topic Tours"),
    ({"action": "todo_append_tasks", "items": [{"text": ["m", {"text": "ilk"}]}]},
     "Ada added tasks: - milk"),
    ({"action": "send_star_gift", "stars": 5, "gift_text": ["for", " you"]},
     "Ada gave a gift 5 stars, for you"),
    ({"action": "tickle_everyone", "title": "hard"}, "Ada tickle everyone hard"),
    ({"action": "joined_telegram", "actor": None, "actor_id": 1}, "user1 joined Telegram"),
    ({"information_text": "Welcome."}, "Welcome."),
    ({"action": "edit_group_photo", "members": 5, "title": {"a": 1}},
     'Ada changed the photo {"a":1}'),
]  # fmt: skip


def test_what_happened_is_a_readable_line_without_an_author(tmp_path: Path) -> None:
    records = [service(number, **fields) for number, (fields, _) in enumerate(EVENTS)]
    rows = read_records(tmp_path, *records)
    assert [row["content"] for row in rows] == [content for _, content in EVENTS]
    assert {(row["kind"], row["author"]) for row in rows} == {("system", None)}


CALLS: list[tuple[Row, str]] = [
    ({"action": "phone_call", "duration_seconds": 61, "discard_reason": "hangup"},
     "Call, 61 seconds"),
    ({"action": "phone_call", "discard_reason": "missed"}, "Call, missed"),
    ({"action": "conference_call", "is_missed": False}, "Conference call"),
]  # fmt: skip


def test_a_call_is_the_callers(tmp_path: Path) -> None:
    records = [service(number, **fields) for number, (fields, _) in enumerate(CALLS)]
    rows = read_records(tmp_path, *records)
    assert [row["content"] for row in rows] == [content for _, content in CALLS]
    assert {(row["kind"], row["author"]) for row in rows} == {("call", "Ada")}


def test_a_record_of_an_unknown_type_is_kept(tmp_path: Path) -> None:
    rows = read_records(
        tmp_path,
        record(1, type="sponsored", text="a"),
        record(2, type="notice", **{"from": None, "from_id": None}, text="b"),
    )
    assert [(row["kind"], row["content"]) for row in rows] == [
        ("message", "a"),
        ("system", "notice b"),
    ]


def test_reactions_are_counted_by_sign_and_those_who_reacted_are_named(tmp_path: Path) -> None:
    row = read_one(
        tmp_path,
        text="x",
        reactions=[
            {"type": "emoji", "count": 2, "emoji": "👍",
             "recent": [{"from": "Bo", "from_id": "user2"}, {"from": None, "from_id": "user3"}]},
            {"type": "custom_emoji", "count": 1, "document_id": "1"},
            {"type": "custom_emoji", "count": 3, "document_id": "2"},
            {"type": "paid", "count": 4},
        ],
    )  # fmt: skip
    assert dict(row["metadata"]["reactions"]) == {"👍": 2, "custom emoji": 4, "⭐": 4}
    assert extra(row)["reacted"] == [
        {"sign": "👍", "by": "Bo"},
        {"sign": "👍", "by": "user3"},
    ]


def test_forwards_bots_signatures_and_sources_are_known(tmp_path: Path) -> None:
    rows = read_records(
        tmp_path,
        record(1, forwarded_from="Cy", saved_from="News", via_bot="@gif", author="Editor"),
        record(2, forwarded_from_id="user9"),
        record(3),
    )
    assert [row["metadata"]["forwarded"] for row in rows] == [True, True, False]
    assert extra(rows[0]) == {
        "from_id": "user1",
        "signature": "Editor",
        "forwarded_from": "Cy",
        "saved_from": "News",
        "via_bot": "@gif",
    }


def test_an_answer_finds_its_message_within_the_chat(tmp_path: Path) -> None:
    rows = read_records(
        tmp_path,
        record(1),
        record(2, reply_to_message_id=1),
        record(3, reply_to_message_id=99),
        record(4, reply_to_message_id=1, reply_to_peer_id="channel77"),
        record(5, reply_to_message_id=1, reply_to_peer_id="chat4000111"),
        service(6, action="pin_message", message_id=1),
    )
    first = rows[0]["message_id"]
    assert [row["reply_to"] for row in rows] == [None, first, None, None, first, None]
    assert [extra(row).get("answers") for row in rows] == [None, None, 99, 1, None, 1]
    assert extra(rows[3])["answers_chat"] == "channel77"


def test_a_number_that_occurs_twice_means_the_message_before(tmp_path: Path) -> None:
    rows = read_records(
        tmp_path, record(1), record(2), record(1, date_unixtime="1800000000"),
        record(4, date_unixtime="1800000001", reply_to_message_id=1),
    )  # fmt: skip
    assert len({row["message_id"] for row in rows}) == 4
    assert rows[3]["reply_to"] == rows[2]["message_id"]


def test_messages_of_a_forum_know_their_topic_through_chains_of_answers(tmp_path: Path) -> None:
    rows = read_records(
        tmp_path,
        record(1),
        service(2, action="topic_created", title="Trips"),
        record(3, reply_to_message_id=2),
        record(4, reply_to_message_id=3),
        *(record(number, reply_to_message_id=number - 1) for number in range(5, 40)),
        record(40, reply_to_message_id=1),
        type="public_supergroup",
    )
    topics = [extra(row).get("topic") for row in rows]
    assert topics == [None, None, *["Trips"] * 37, None]
    assert rows[2]["reply_to"] is None
    assert rows[3]["reply_to"] == rows[2]["message_id"]


def test_history_from_before_a_group_became_a_supergroup_keeps_its_ids(tmp_path: Path) -> None:
    before = write(tmp_path, chat([record(7), record(8, reply_to_message_id=7)]), "a.json")
    shifted = [
        record(7, id=7 - 10**9),
        record(8, id=8 - 10**9, reply_to_message_id=7 - 10**9),
        record(7, date_unixtime="1800000000"),
    ]
    after = write(tmp_path, chat(shifted, type="private_supergroup", id=5), "b.json")
    first, second = (read(path, thread="g") for path in (before, after))
    assert [row["message_id"] for row in second[:2]] == [row["message_id"] for row in first]
    assert second[1]["reply_to"] == first[0]["message_id"]
    assert second[2]["message_id"] not in {row["message_id"] for row in first}


def test_overlapping_exports_agree_on_ids_whatever_was_edited(tmp_path: Path) -> None:
    records = new_records(CONVERSATION)
    changed = [{**one, "text": "other"} for one in records[3:]]
    first = read(write(tmp_path, chat(records[:9]), "a.json"))
    second = read(write(tmp_path, chat(changed), "b.json"))
    ids = [[row["message_id"] for row in rows] for rows in (first, second)]
    assert ids[0][3:] == ids[1][: len(ids[0]) - 3]


def test_a_supergroups_ids_are_the_same_from_old_and_new_versions(tmp_path: Path) -> None:
    said = CONVERSATION
    kind = "public_supergroup"
    new = write(tmp_path, chat(new_records(said), type=kind, id=1_500), "a.json")
    old = write(tmp_path, chat(old_records(said), type=kind, id=(2 << 32) + 1_500), "b.json")
    first, second = (read(path) for path in (new, old))
    assert [row["message_id"] for row in first] == [row["message_id"] for row in second]


def test_two_members_numbers_of_one_private_chat_do_not_collide(tmp_path: Path) -> None:
    mine = read(write(tmp_path, chat([record(5)], type="personal_chat"), "a.json"))
    theirs = read(write(tmp_path, chat([record(5, date_unixtime="1800000000")]), "b.json"))
    assert mine[0]["message_id"] != theirs[0]["message_id"]


AUTHORS: list[tuple[Row, str]] = [
    ({"from": None, "from_id": "user5"}, "user5"),
    ({"from": None, "from_id": 5}, "user5"),
    ({"from": None, "from_id": (1 << 32) + 5}, "user5"),
    ({"from": None, "from_id": (2 << 32) + 5}, "chat5"),
    ({"from": "", "from_id": "channel5"}, "channel5"),
    ({"from": 12, "from_id": None}, "12"),
    ({"from": None, "from_id": None}, "Friday"),
]


def test_an_author_without_a_name_has_an_id(tmp_path: Path) -> None:
    records = [record(number, **fields) for number, (fields, _) in enumerate(AUTHORS)]
    rows = read_records(tmp_path, *records)
    assert [row["author"] for row in rows] == [author for _, author in AUTHORS]
    assert {row["kind"] for row in rows} == {"message"}


def test_the_chats_of_an_account_are_told_apart(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        account(
            chat([record(1, text="a")], name="Trip", id=1),
            {"type": "saved_messages", "id": 2, "messages": [record(1, text="b")]},
            chat([record(1, text="c")], name=None, type="personal_chat", id=3),
            chat([], name="Nobody", id=4),
            left=[
                chat([record(1, text="d")], name="Trip", type="private_channel", id=5),
                chat([record(1, text="e")], name="Other", id=5),
            ],
        ),
    )
    parsed, tallies, titles = parsed_of(path)
    assert list(titles.values()) == ["Trip", "Saved Messages", "Deleted Account", "Trip 5", "Other"]
    assert parsed.lines == dict.fromkeys(titles, 1)
    assert all(tally.messages == tally.lines == 1 for tally in tallies.values())
    assert parsed.notes == ("1 chat without messages.",)
    rows = read(path)
    assert {row["thread_id"]: row["content"] for row in rows} == {
        "trip": "a", "saved-messages": "b", "deleted-account": "c", "trip-5": "d", "other": "e",
    }  # fmt: skip


def test_every_record_is_a_row_or_rejected(tmp_path: Path) -> None:
    broken: list[Any] = [
        {"id": 2, "type": "unsupported"}, 7, None, "x", [], {}, True,
        record(date_unixtime="x", date="2023-02-30T10:00:00"),
        record(date_unixtime=str(10**30), date="9999-01-01T00:00:00"),
        record(date_unixtime=None, date="0001-01-01T00:00:00"),
        record(date_unixtime=None, date="infinity"),
        record(date_unixtime=[], date={}),
        record(text="\ud800"),
    ]  # fmt: skip
    path = tmp_path / "result.json"
    path.write_text(json.dumps(chat([record(1), *broken, service(3, action="x")])), "utf-8")
    parsed, tallies, _ = parsed_of(path)
    [tally] = tallies.values()
    assert tally.rejected_lines == tuple(range(2, 2 + len(broken)))
    assert (tally.messages, tally.system, tally.continuation) == (1, 1, 0)
    assert tally.lines == 2 + len(broken)
    assert parsed.notes == ("1 message that Telegram Desktop could not export; rejected.",)


WRONG: list[Any] = [None, 5, 1.5, -(10**30), "x", True, [], [None, 1, "x", {}, []], {"a": [1]}]


def wrong_records(value: Any) -> list[Row]:
    """Records with a value where another type belongs, one place each."""
    keys = re.findall(
        r"\w+",
        "id type from from_id text text_entities photo file media_type poll todo_list reactions "
        "location_information contact_information invoice_information rich_message edited_unixtime "
        "reply_to_message_id reply_to_peer_id duration_seconds forwarded_from action members items "
        "values gift_text schedule_date message_id giveaway_results media_spoiler title",
    )
    return [
        *(record(1, **{key: value}) for key in keys),
        *(service(2, **{"action": "topic_created", "title": "T", key: value}) for key in keys),
        record(3, poll={"question": value, "answers": value}),
        record(3, poll={"question": "x", "answers": [value, {"text": value, "voters": value}]}),
        record(3, text=[value, {"type": value, "text": value, "href": value}]),
        record(3, reactions=[value]),
        record(3, reactions=[{"type": value, "count": value, "emoji": value, "recent": value}]),
        record(3, reactions=[{"emoji": "x", "recent": [value, {"from": value}]}]),
        record(3, rich_message={"blocks": value}),
        record(3, rich_message={"blocks": [value, {"type": value, "text": value}]}),
        record(3, todo_list={"title": value, "answers": [value]}),
        record(3, location_information={"latitude": value}),
    ]


def test_a_value_of_a_wrong_type_anywhere_is_no_exception(tmp_path: Path) -> None:
    records = [one for value in WRONG for one in wrong_records(value)]
    path = write(tmp_path, chat(records))
    tally = tally_of(path)
    assert tally.messages + tally.system + tally.rejected == tally.lines == len(records)
    assert tally.rejected == 0


@pytest.mark.parametrize(
    "head",
    [
        {"name": 5, "type": "personal_chat", "id": 10**40},
        {"name": True, "type": None, "id": -5},
        {"name": "  ", "type": "some_new_kind", "id": "x"},
        {"type": "replies", "id": 1.0e3},
        {"name": "\ud800", "type": "bot_chat", "id": 1},
    ],
)
def test_a_chat_without_sound_names_is_read(head: Row, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps({**head, "messages": [record(text="hi")]}, indent=1), "utf-8")
    assert [row["content"] for row in read(path, source="telegram")] == ["hi"]


def test_what_telegram_desktop_writes_against_the_rules_of_json_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    text = json.dumps(chat([record(text="a@b"), record(2, text=["x", {"document_id": "@F"}])]),
                      indent=1)  # fmt: skip
    text = text.replace("a@b", r"bell\x07 nul\x00 path c:\\x41")
    text = text.replace('"@F"', "video_files/sticker (2).webm")
    path.write_text(text.replace("Friday", r"Fri\x02day"), "utf-8")
    assert list(parsed_of(path)[2].values()) == ["Fri\x02day"]
    first, second = read(path)
    assert first["content"] == "bell\x07 nul\ufffd path c:\\x41"
    assert second["content"] == "x"


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (chat([]), "holds no messages"),
        (account(chat([])), "holds no messages"),
        (account(), "holds no chats"),
        ({"about": "x", "chats": 5}, "holds no chats"),
        ({"about": "x", "contacts": [], "chats": {"list": [5, None, {"messages": "x"}]}},
         "holds no chats"),
    ],
)  # fmt: skip
def test_an_export_without_messages_is_refused(document: Row, problem: str, tmp_path: Path) -> None:
    path = write(tmp_path, document)
    with pytest.raises(ExportError, match=rf"{problem}\..*Machine-readable JSON\"\.$"):
        read(path, source="telegram")


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.99])
@pytest.mark.parametrize("whole", [True, False])
def test_a_truncated_export_is_refused(cut: float, whole: bool, tmp_path: Path) -> None:
    document = chat(new_records(CONVERSATION))
    path = write(tmp_path, account(document) if whole else document)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * cut)])
    with pytest.raises(ExportError, match=r"ends in the middle\. Export or copy it again\.$"):
        read(path)


def test_an_export_of_system_lines_alone_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, chat([service(1, action="create_group"), service(2, action="x")]))
    assert tally_of(path).system == 2


def test_a_zip_of_several_exports_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path, chat([record()]))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other/result.json", "{}")
    with pytest.raises(ExportError, match=r"holds 2 exports\. Zip and import each alone\.$"):
        read(path)


@pytest.mark.parametrize("zipped", [False, True])
def test_an_export_as_web_pages_is_refused_with_a_way_out(zipped: bool, tmp_path: Path) -> None:
    page = '<html><head><title>Exported Data</title></head><body><div class="page_wrap">'
    path = tmp_path / ("export.zip" if zipped else "messages.html")
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("ChatExport/messages.html", page)
            archive.writestr("ChatExport/css/style.css", "")
    else:
        path.write_text(page, "utf-8")
    with pytest.raises(ExportError, match=r"web pages \(HTML\)\. .*Machine-readable JSON"):
        read(path)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        '{"messages": [{"sender_name": "Ada", "timestamp_ms": 1}]}',
        '{"name": "general", "type": "channel", "messages": [{"type": "Default"}]}',
        '{"id": 1, "name": "x", "messages": [{"text": "y"}]}',
        '{"about": "me", "posts": []}',
        '[{"type": "message", "user": "U1", "ts": "1.0"}]',
        '{"type": "personal_chat"}',
        "[10:00] <ada> hi",
    ],
)
def test_a_file_of_another_source_is_not_claimed(text: str, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(text, "utf-8")
    assert not TelegramAdapter().recognizes(ExportFile.open(path))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x/result.json", text)
    assert not TelegramAdapter().recognizes(ExportFile.open(tmp_path / "a.zip"))
