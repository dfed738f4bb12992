"""Whatever a file holds, a reader accounts for each line of it or refuses it, and never fails."""

import json
import os
import random
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from egregora_dag.adapters import Inspection, read_export
from egregora_dag.database.schemas import KINDS, MEDIA_TYPES
from egregora_dag_tests.adapters.conversation import CONVERSATION
from egregora_dag_tests.adapters.formats import discord, messenger, slack, telegram
from egregora_dag_tests.adapters.mutating import Broken, broken, originals
from egregora_dag_tests.adapters.test_bad_input import outcome

# Seconds that the fuzzer of bytes runs for, and the seed of its first file: by default another one
# each time. A failure tells the seed; with it, that file alone is read again.
SECONDS: Final = "EGREGORA_FUZZ_SECONDS"
SEED: Final = "EGREGORA_FUZZ_SEED"

_PROFILE: Final = settings(
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
Long = pytest.mark.torture


def account(path: Path, **options: Any) -> Inspection | None:
    """Read a file; what it holds, checked, or None if it is refused."""
    found = outcome(path, **options)
    return found if isinstance(found, Inspection) else None


def check_rows(found: Inspection, path: Path, **options: Any) -> None:
    """The rows of a file are as many as `inspect` tells, and as `messages` wants them."""
    rows = read_export(path, **options).read_all().to_pylist()
    assert len(rows) == found.count
    assert len({row["message_id"] for row in rows}) == len(rows)
    places: dict[str, list[int]] = {}
    for row in rows:
        places.setdefault(row["thread_id"], []).append(row["position"])
        assert row["kind"] in KINDS
        assert row["media_type"] is None or row["media_type"] in MEDIA_TYPES
        assert (row["author"] is None) == (row["kind"] == "system")
        assert row["content"] is not None
        assert row["timestamp"] is not None
    assert all(one == list(range(len(one))) for one in places.values())


# Lines.

_PIECES: Final = (
    *("", " ", "hello", "he said: yes", "a: b: c", "<Media omitted>", "image omitted", "[", "]"),
    *("\u200e", "\u200f\u202a", "\u2068Ada\u2069", "\u2028", "\u2029", "\x85", "\0", "\r", "\t"),
    *(
        "😂❤️",
        "𝔘𝔫𝔦",
        "e\u0301",
        "ا\u0644",
        "👨\u200d👩\u200d👧",
        "\ufeff",
        "\ufffd",
        "\x0b\x0c\x1b[0m",
    ),
    *(
        '"',
        '""',
        '"open',
        "'",
        "\\",
        "\\n",
        "%s {} $1",
        "NULL",
        "https://x.org/?q=1",
        "@Bo",
        "0:00",
    ),
    *("(file attached)", "<attached: 1.jpg>", "\u200eIMG-20240227-WA0001.jpg (file attached)"),
    *("[写真]", "[Photo]", "사진", "사진 2장", "☎ 통화 1:02:03", "☎ 1:99:99:99", "通話時間 0:12"),
    *("(- Ada: 👍 -)", "(( 😀 ))", "![x](./media/a.png)  ", "> quoted", "Type: incoming"),
    *("<Ada>", "* Ada waves", "-!- Bo left", "-Ada- notice", "*** Joins: Bo (b@c)", "\x0304,1red"),
    *("Sent: Mon, 1 Jan 2024 10:00:00 +0000", "Attachment: a (b/c, 1 bytes)", "Edited: 2 versions"),
)
_NAMES: Final = (
    *("Ada", "Bo: x", "Éva 🌻", "\u202aAda\u202c", "+1 234", "", " ", "a" * 70, "@op", "]", '"Q"'),
    *("O'Brien [x] [y]", "<b>", "مريم", "Ada\0", "\t"),
)
_DATES: Final = (
    *("27/02/2024", "31/02/2024", "1/2/24", "12/31/24", "99/99/9999", "00/00/0000", "29.02.2567"),
    *("2024-02-27", "2024-02-30", "9999-12-31", "0001-01-01", "2024/02/27(Tue)", "2024.02.27 Tue"),
    *("Tue, 27/02/2024", "R6/02/27(火)", "R99/99/99(火)", "2024년 2월 27일", "2024년 13월 1일"),
)
_CLOCKS: Final = (
    *(
        "18:05",
        "6:05 PM",
        "18:05:07",
        "25:61",
        "24:00",
        "0:00",
        "오후 3:04",
        "下午03:04",
        "3:04 p. m.",
    ),
    *("12:00 AM", "13:00 PM", "99:99:99"),
)
# Name of a file → what it begins with, and how its lines may begin: date, clock, name.
_SOURCES: Final[Mapping[str, tuple[str, str, Sequence[str]]]] = {
    "whatsapp": (
        "WhatsApp Chat with Friends.txt",
        "27/02/2024, 18:05 - Ada: hello\n",
        ("{d}, {c} - {n}: ", "{d}, {c} - ", "[{d}, {c}] {n}: ", "\u200e[{d}, {c}] {n}: \u200e"),
    ),
    "irc": (
        "#room.2024-02-27.log",
        "[18:05] <ada> hello\n[18:06] <bo> hi\n",
        ("[{c}] <{n}> ", "{c} -!- {n} ", "[{d} {c}] * {n} ", "{d} {c}\t{n}\t", "Feb 30 {c} <{n}> "),
    ),
    "irc banners": (
        "#room.log",
        "--- Log opened Tue Feb 27 18:05:00 2024\n18:05 <ada> hello\n18:05 <ada> hello\n",
        (
            *("{c} <{n}> ", "--- Day changed Wed Feb 28 2024", "--- Day changed {d} ", "*** {n} "),
            *("Session Start: {d} {c}", "[{c}] --- Sun Feb 30 2024", "--- Log opened {d} {c} "),
        ),
    ),
    "line": (
        "[LINE] Friends.txt",
        "[LINE] Friends\n\n2024/02/27(Tue)\n10:00\tAda\thello\n",
        ("{c}\t{n}\t", "{c}\t{n}", "{d}", "{c} {n} ", '{c}\t{n}\t"'),
    ),
    "line desktop": (
        "chat.txt",
        "2024.02.27 Tuesday\n10:00 Ada hello\n",
        ("{c} {n} ", "{d}", "{c} {n} unsent a message.", "{c}  {n}  "),
    ),
    "kakaotalk": (
        "KakaoTalk_1.txt",
        "여행부 님과 카카오톡 대화\n저장한 날짜 : 2024-04-01\n"
        "--------------- 2024년 2월 7일 수요일 ---------------\n[Ada] [오후 3:04] hello\n",
        (
            "[{n}] [{c}] ",
            "--------------- {d} 수요일 ---------------",
            "{n}님이 들어왔습니다.",
            "{d}",
        ),
    ),
    "kakaotalk phone": (
        "KakaoTalkChats.txt",
        "여행부 님과 카카오톡 대화\n저장한 날짜 : 2024-04-01\n\n"
        "2024년 2월 7일 오후 3:04, Ada : hello\n",
        ("{d} {c}, {n} : ", "{d} {c}, ", "{d} {c}", "{c}, {n} : "),
    ),
    "kakaotalk csv": (
        "KakaoTalk_Chat_x.csv",
        'Date,User,Message\n2024-02-07 15:04:05,"Ada","hello"\n',
        ('{d} {c},"{n}","', '2024-02-07 15:04:05,"{n}","', "{d} {c},{n},"),
    ),
    "signal": (
        "chat.md",
        "[2024-02-27 18:05:07] Ada: hello  \n\n",
        ("[{d} {c}] {n}: ", "[{d}, {c}] {n}: ", "[2024-02-27 18:05:08] {n}: "),
    ),
    "signal fields": (
        "Friends.txt",
        "Conversation: Friends\n\nFrom: Ada\nType: incoming\n"
        "Sent: Tue, 27 Feb 2024 18:05:07 +0000\n\nhello\n\n",
        ("From: {n}", "Type: {n}", "Sent: {d} {c}", "Reaction: {n} from ", "> From: {n}", "| "),
    ),
    "signal short": (
        "Friends (group).txt",
        "2024-02-27 18:05 Ada: hello\n",
        ("{d} {c} {n}: ", "2024-02-27 18:06 {n}: [reply to {n} on {d}] ", "{d} {c} {n}: [edited] "),
    ),
}


@st.composite
def lines(draw: st.DrawFn, heads: Sequence[str]) -> str:
    """Beginnings of messages and anything else, in any order; lines end one way or the other."""
    some = st.lists(st.sampled_from(_PIECES) | st.text(max_size=6), max_size=4)
    text = []
    for head in draw(st.lists(st.sampled_from(["", *heads]), max_size=12)):
        start = head.format(
            d=draw(st.sampled_from(_DATES)),
            c=draw(st.sampled_from(_CLOCKS)),
            n=draw(st.sampled_from(_NAMES)),
        )
        end = draw(st.sampled_from(["\n", "\n", "\n", "\r\n", "\r", "\n\n", ""]))
        text.append(f"{start}{' '.join(draw(some))}{end}")
    return "".join(text)


def check_lines(data: st.DataObject, source: str) -> None:
    name, above, heads = _SOURCES[source]
    text = above + data.draw(lines(heads))
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(text.encode())
        # Many NULs among few signs look like UTF-16.
        assume(text.count("\0") < 10)
        found = account(path)
        if found is not None:
            count = text.count("\n") + (not text.endswith("\n"))
            # A table's records may have several lines.
            assert found.lines == count or found.source == "table"
            check_rows(found, path)


@pytest.mark.parametrize("source", _SOURCES)
@settings(_PROFILE, max_examples=9, derandomize=True)
@given(data=st.data())
def test_each_line_of_a_text_is_accounted_for(source: str, data: st.DataObject) -> None:
    check_lines(data, source)


@Long
@pytest.mark.parametrize("source", _SOURCES)
@settings(_PROFILE, max_examples=300)
@given(data=st.data())
def test_each_line_of_very_many_texts_is_accounted_for(source: str, data: st.DataObject) -> None:
    check_lines(data, source)


# JSON.


def _telegram(folder: Path, document: str) -> Path:
    return _stored(folder / "result.json", document)


def _discord(folder: Path, document: str) -> Path:
    return _stored(folder / "chat.json", document)


def _messenger(folder: Path, document: str) -> Path:
    return _stored(folder / "message_1.json", document)


def _instagram(folder: Path, document: str) -> Path:
    chat = "your_instagram_activity/messages/inbox/evaandbo_1234567890"
    return slack.write_archive(folder / "i.zip", {f"{chat}/message_1.json": document})


def _slack(folder: Path, document: str) -> Path:
    users = [{"id": "U00000001", "name": "ada", "profile": {"real_name": "Ada"}}]
    files = {"users.json": users, "channels.json": [], "general/2024-02-27.json": document}
    return slack.write_archive(folder / "slack.zip", files)


def _lines(folder: Path, document: str) -> Path:
    path = folder / "chat.ndjson"
    records = json.loads(document) if not document.startswith("{") else []
    return _stored(path, "".join(f"{json.dumps(one)}\n" for one in records))


def _array(folder: Path, document: str) -> Path:
    return _stored(folder / "chat.json", document)


def _stored(path: Path, document: str) -> Path:
    path.write_text(document, "ascii")
    return path


def _slack_record(number: int, **more: Any) -> dict[str, Any]:
    ts = f"{1_709_000_000 + number}.0001"
    return {"type": "message", "user": "U00000001", "text": "hello <@U1>", "ts": ts, **more}


_FEW: Final = CONVERSATION[:6]
_REACTED: Final = [{"type": "emoji", "count": 2, "emoji": "👍", "recent": [{"from": "Ada"}]}]
_POLL: Final = {"question": "x?", "closed": False, "answers": [{"text": "a", "voters": 1}]}
# Source → writes a document, and a sound one with much of what messages may hold.
_DOCUMENTS: Final[Mapping[str, tuple[Callable[[Path, str], Path], Any]]] = {
    "telegram": (
        _telegram,
        telegram.chat(
            [
                *telegram.new_records(_FEW),
                {**telegram.new_records(_FEW)[1], "id": 90, "poll": _POLL, "reactions": _REACTED},
                {
                    **telegram.new_records(_FEW)[0],
                    "id": 91,
                    "action": "topic_created",
                    "title": "t",
                },
            ]
        ),
    ),
    "discord": (
        _discord,
        discord.document(
            [
                *discord.records(_FEW),
                discord.record(
                    CONVERSATION[9].time,
                    "Ada",
                    "hello <@1>",
                    9,
                    attachments=[discord.attachment("a.png")],
                    reactions=[{"emoji": {"id": "", "name": "👍"}, "count": 1}],
                    mentions=[discord.user("Bo")],
                    embeds=[{"title": "t", "fields": [{"name": "a", "value": "b"}]}],
                    stickers=[{"name": "s", "sourceUrl": "u"}],
                    poll={"question": {"text": "?"}, "answers": [{"id": "1", "text": "a"}]},
                    forwardedMessage={"content": "x", "timestamp": "y", "attachments": []},
                ),
            ]
        ),
    ),
    "messenger": (
        _messenger,
        messenger.thread(
            [
                messenger.record(1_709_000_000_000, "Ada", "hello"),
                messenger.record(
                    1_709_000_001_000,
                    "Bo",
                    "Bo named the group x.",
                    photos=[{"uri": "a/b.jpg"}],
                    reactions=[{"reaction": "x", "actor": "Ada"}],
                    share={"link": "https://x.org", "share_text": "x"},
                    users=[{"name": "Ada"}],
                    call_duration=3,
                    missed=False,
                    plan={"title": "p", "timestamp": 1},
                    bumped_message_metadata={"bumped_message": "x", "is_bumped": True},
                ),
            ]
        ),
    ),
    "slack": (
        _slack,
        [
            _slack_record(1),
            _slack_record(2, thread_ts="1709000001.0001", edited={"ts": "1", "user": "U1"}),
            _slack_record(
                3,
                files=[{"id": "F1", "name": "a.pdf", "mimetype": "application/pdf", "size": 3}],
                reactions=[{"name": "thumbsup", "count": 1, "users": ["U1"]}],
                attachments=[{"title": "t", "text": "x", "from_url": "https://x.org"}],
                blocks=[{"type": "section", "text": {"type": "mrkdwn", "text": "x"}}],
                room={"created_by": "U1", "date_start": 1, "participant_history": ["U1"]},
                bot_profile={"name": "b"},
                user_profile={"name": "a", "real_name": "A"},
                subtype="huddle_thread",
            ),
        ],
    ),
    "table": (
        _lines,
        [
            {
                "timestamp": "2024-02-27T18:05:00Z",
                "author": "Ada",
                "content": "hello",
                "message_id": f"m{number}",
                "thread_id": "Friends",
                "kind": "message",
                "media_type": "image/png",
                "reply_to": "m0",
                "edited": False,
                "reactions": {"x": 1},
                "metadata": {"mentions": ["Bo"], "extra": {"a": 1}},
            }
            for number in range(3)
        ],
    ),
}
_WRITERS: Final[Mapping[str, tuple[Callable[[Path, str], Path], str]]] = {
    **{source: (write, source) for source, (write, _) in _DOCUMENTS.items()},
    "instagram": (_instagram, "messenger"),
    "table as one document": (_array, "table"),
}

_VALUES: Final = st.sampled_from(
    [
        *(None, True, False, 0, -1, 2**31, 2**63, 2**64, 10**400, 1e308, float("inf"), 0.5, ""),
        *("\0", "\ud83d", "\u2028", "x" * 300, "31/02/2024", "9999-12-31T23:59:59Z", "1e99"),
        *([], {}, [[]], [None], {"": None}, {"text": {"text": ["text"]}}, ["a", 1, {"type": "x"}]),
        *(json.loads("[" * 40 + "]" * 40), {"a": {"a": {"a": {"a": [{"a": "a"}]}}}}),
    ]
)


@st.composite
def changed(draw: st.DrawFn, document: Any) -> str:
    """The document with some of its values replaced, dropped, nested deeper, or there twice."""
    document = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(1, 6))):
        _change(draw, document)
    text = json.dumps(document)
    if draw(st.booleans()):
        # A key that is there twice.
        key = draw(st.sampled_from(["messages", "id", "ts", "author", "timestamp", "content"]))
        value = draw(st.sampled_from(['"x"', "[]", "{}", "null", "1"]))
        text = text.replace("{", f'{{"{key}": {value}, ', draw(st.integers(1, 3)))
    return text


def _change(draw: st.DrawFn, document: Any) -> None:
    """One change of one value, anywhere."""
    parent = document
    while True:
        keys = [*parent] if isinstance(parent, dict) else [*range(len(parent))]
        if not keys:
            return
        # Of a document's keys, most are around the messages.
        key = draw(st.sampled_from(["messages"] if "messages" in keys else keys))
        value = parent[key]
        goes_on = isinstance(value, dict | list) and value and draw(st.integers(0, 4)) > 0
        if not goes_on:
            break
        parent = value
    how = draw(st.sampled_from(["replace", "replace", "drop", "nest", "double"]))
    if how == "drop":
        del parent[key]
    elif how == "nest":
        parent[key] = draw(st.sampled_from([[value], {"text": value}, [[value, value]]]))
    elif how == "double" and isinstance(parent, list):
        parent.append(value)
    else:
        parent[key] = deepcopy(draw(_VALUES))


def check_document(data: st.DataObject, name: str) -> None:
    write, source = _WRITERS[name]
    text = data.draw(changed(_DOCUMENTS[source][1]))
    with TemporaryDirectory() as folder:
        path = write(Path(folder), text)
        source = "table" if source == "table" else name
        found = account(path, source=source)
        if found is not None:
            assert found.continuation == 0
            check_rows(found, path, source=source)


@pytest.mark.parametrize("name", _WRITERS)
@settings(_PROFILE, max_examples=9, derandomize=True)
@given(data=st.data())
def test_each_record_of_a_document_is_accounted_for(name: str, data: st.DataObject) -> None:
    check_document(data, name)


@Long
@pytest.mark.parametrize("name", _WRITERS)
@settings(_PROFILE, max_examples=300)
@given(data=st.data())
def test_each_record_of_very_many_documents_is_accounted_for(
    name: str, data: st.DataObject
) -> None:
    check_document(data, name)


# Bytes.


def fuzz(folder: Path, seconds: float, first: int | None = None) -> None:
    """Break files and read them for so long; a failure tells the seed.

    The short form begins with the same seed each time, so that it fails for what was changed; the
    long one looks further each time.
    """
    files = originals(folder / "originals")
    given_seed = os.environ.get(SEED)
    if given_seed:
        first = int(given_seed)
    elif first is None:
        first = random.SystemRandom().randrange(1 << 32)
    end = time.monotonic() + float(os.environ.get(SECONDS) or seconds)
    seed = first
    while time.monotonic() < end:
        file = broken(files, seed, folder / f"{seed:x}")
        try:
            _read_broken(file)
        except Exception as error:
            message = f"{file.format}, {file.options}: run again with {SEED}={seed}"
            raise AssertionError(message) from error
        if given_seed:
            return
        file.remove()
        seed += 1


def _read_broken(file: Broken) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", pytest.PytestUnraisableExceptionWarning)
        found = account(file.path, **file.options)
    if found is not None and found.count % 4 == 0:
        check_rows(found, file.path, **file.options)


def test_a_file_of_broken_bytes_is_refused_or_accounted_for(tmp_path: Path) -> None:
    fuzz(tmp_path, 20, first=0)


@Long
def test_very_many_files_of_broken_bytes_are_refused_or_accounted_for(tmp_path: Path) -> None:
    fuzz(tmp_path, 600)
