import datetime as dt
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from egregora_dag.writers import (
    WRITERS,
    Document,
    OfflineWriter,
    Person,
    Remembered,
    SettingError,
    UnknownNameError,
    Window,
    Writer,
    get_writer,
)
from egregora_dag.writers.markdown import escape, plain
from egregora_dag_tests.writers.chats import ROOF, START, chat, message, window

ARABIC = "هل جاركم أبو سامي ما زال يبيع صناديق الخشب القديمة في السوق؟"


def post(of: Window, **settings: int) -> Document:
    (document,) = OfflineWriter(**settings).write(of)
    return document


def quotes(document: Document) -> list[str]:
    return re.findall(r"^> ([^—].*)$", document.content, re.MULTILINE)


@pytest.mark.parametrize(
    "turns",
    [
        [("Ann", "The roof leaks"), ("Bob", "Which roof leaks?")],
        [("Ann", "Good morning"), ("Bob", "hello!"), ("Ann", "thanks"), ("Bob", "ok")] * 3,
        [("Ann", "hahaha"), ("Bob", "kkkkk"), ("Ann", "😂😂"), ("Bob", "lol")] * 3,
        [("Ann", "Bom dia"), ("Bob", "obrigado!"), ("Eva", "Guten Morgen"), ("Bob", "شكرا")] * 3,
        [(None, "Ann added Bob"), (None, "Bob changed the group description")] * 5,
        [("Ann", ""), ("Bob", "🎉"), ("Ann", "…")] * 5,
    ],
    ids=["too few", "greetings", "laughter", "many languages", "system lines", "no words"],
)
def test_a_window_without_substance_gets_no_post(turns: list[tuple[str | None, str]]) -> None:
    assert OfflineWriter().write(chat(*turns)) == []


def test_the_smallest_window_with_a_post_is_a_setting() -> None:
    two = chat(("Ann", "The roof leaks badly"), ("Bob", "Which roof leaks?"))
    assert OfflineWriter(min_messages=2).write(two)


def test_a_post_names_its_day_and_its_people_most_active_first() -> None:
    document = post(ROOF)
    assert document.doc_type == "post"
    assert document.date == dt.date(2025, 2, 4)
    assert document.authors == ("João", "Mara", "Dougie", "Layla 🌻", "Priya Nair", "Ted Hollis")


def test_a_title_is_a_phrase_of_the_chat_without_trailing_punctuation() -> None:
    title = post(ROOF).title
    assert len(title.split()) > 2
    assert title[-1] not in ".!,;:"
    assert any(title.lower() in m.content.lower() for m in ROOF.messages)


def test_a_summary_says_who_talked_about_what_and_how_it_ended() -> None:
    summary = post(ROOF).summary
    assert summary.startswith("João, Mara and 4 others talk about ")
    assert "greenhouse" in summary
    assert "The outcome, in the words of Mara: “So: tarp over the roof on Sunday" in summary


def test_every_quote_is_credited_to_the_one_who_wrote_it() -> None:
    document = post(ROOF)
    wrote = {(m.content, m.author, f"{m.time:%H:%M}") for m in ROOF.messages}
    shown = re.sub(r"<(https?://[^>]+)>", r"\1", document.content).replace("\\", "")
    found = re.findall(r"> (.+)\n>\n> — (.+?), (\d\d:\d\d)", shown)
    assert len(found) >= 3
    assert wrote.issuperset(found)


def test_a_question_is_quoted_with_its_answer_in_order() -> None:
    found = " ".join(quotes(post(ROOF)))
    assert 0 <= found.find("How old is the greenhouse") < found.find("1978")


def test_sections_that_would_be_empty_are_left_out() -> None:
    assert "## Decided" in post(ROOF).content
    assert "## Media" not in post(ROOF).content
    assert "## Open questions" not in post(ROOF).content


def test_a_question_about_a_decision_decides_nothing() -> None:
    asked = chat(
        *((m.author, m.content) for m in ROOF.messages[:7]),
        ("Mara", "Is the final decision about the greenhouse glass made?"),
        ("João", "The council meets about the glass in April"),
    )
    assert "## Decided" not in post(asked).content


def test_a_last_question_that_nobody_took_up_is_open_or_quoted() -> None:
    asked = chat(
        *((m.author, m.content) for m in ROOF.messages[:7]),
        ("Mara", "Who has a ladder for the chapel gutters?"),
    )
    assert "Who has a ladder for the chapel gutters?" in post(asked).content
    assert "a question from Mara" in post(asked).summary


def test_only_a_marked_reply_is_called_an_answer() -> None:
    turns = [
        ("João", "O telhado da estufa está a pingar em cima dos tomates"),
        ("Mara", "Alguém conhece um vidraceiro na cidade para o telhado da estufa?"),
        ("Priya", "O meu primo é vidraceiro e conhece a estufa"),
        ("Ted", "O policarbonato seria mais barato para a estufa"),
    ]
    unmarked = [message(i, a, c) for i, (a, c) in enumerate(turns)]
    marked = [message(i, a, c, reply_to="1" if i == 2 else None) for i, (a, c) in enumerate(turns)]
    after = [message(9, "Mara", "Temos de ligar para a câmara por causa da chave")]
    assert "respondeu" not in post(window(unmarked + after)).summary
    assert "Priya respondeu: “" in post(window(marked + after)).summary


def test_links_stand_with_what_was_said_and_keep_no_full_stop() -> None:
    assert (
        "- I can get a price — <https://example.org/glass?q=1> (João, 16:58)" in post(ROOF).content
    )


@pytest.mark.parametrize("call", ["Ted Hollis, ", "ted: ", "@Ted Hollis ", "@Ted ", "Ted! "])
def test_a_message_that_opens_with_a_name_is_quoted_as_said_to_them(call: str) -> None:
    told = chat(
        *((m.author, m.content) for m in ROOF.messages),
        ("Priya Nair", f"{call}will you wear the velvet jacket for the council meeting?"),
    )
    quote = (
        "> will you wear the velvet jacket for the council meeting?\n>\n> — Priya Nair, 17:04, to"
    )
    assert f"{quote} Ted Hollis" in post(told).content


def test_media_are_listed_with_their_caption_and_not_their_placeholder() -> None:
    photo = message(
        30,
        "João",
        "IMG-1.jpg (file attached)\nThe trays swim",
        kind="media",
        media_path="IMG-1.jpg",
    )
    content = post(window([*ROOF.messages, photo])).content
    assert "- Image IMG-1.jpg (João, 17:22): The trays swim" in content
    assert "file attached" not in content


@pytest.mark.parametrize(
    ("hostile", "inert"),
    [
        ("<script>alert(1)</script> compost", "&lt;script&gt;alert(1)&lt;/script&gt; compost"),
        ("[x](javascript:alert(1)) compost", "\\[x\\](javascript:alert(1)) compost"),
        ("# compost heap", "\\# compost heap"),
        ("| compost | heap |", "\\| compost \\| heap \\|"),
        ("```compost```", "\\`\\`\\`compost\\`\\`\\`"),
        ("1. compost", "1\\. compost"),
        ("- compost", "\\- compost"),
        ("> compost", "&gt; compost"),
        ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
        ("*a* _b_ ~~c~~ {{ d }}", "\\*a\\* \\_b\\_ \\~\\~c\\~\\~ \\{\\{ d \\}\\}"),
        ('http://e.com/"onload=x><b>', '<http://e.com/>"onload=x&gt;&lt;b&gt;'),
        ("javascript://e.com/%0aalert(1)", "javascript://e.com/%0aalert(1)"),
        ("a\u202eb\x00c\n# d", "abc # d"),
    ],
)
def test_markup_in_a_message_comes_out_as_text(hostile: str, inert: str) -> None:
    assert escape(hostile) == inert


def test_hostile_names_and_messages_stay_inert_in_every_field() -> None:
    hostile = [
        "<script>alert('compost')</script>",
        "[compost](javascript:alert(1)) delivery",
        "compost\n# heading\n<img src=x onerror=alert(1)>",
        "`compost` heap https://e.com/<script>",
        "the compost heap\n\n| a | b |\n|---|---|",
    ]
    names = ["<img src=x>", "[Bob](javascript:x)", "Ann"]
    bad = chat(*((names[at % 3], text) for at, text in enumerate(hostile * 2)))
    document = post(bad, max_quotes=20)
    for field in (document.title, document.summary):
        assert not set("<>`\n") & set(field)
        assert "](" not in field
    assert re.sub(r"<https?://[^\s<>]+>", "", document.content).count("<") == 0
    assert not re.search(r"(?<!\\)\](?:\(|\[)", document.content)
    assert all(line.startswith("## ") for line in document.content.splitlines() if line[:1] == "#")


def test_right_to_left_text_is_kept_whole() -> None:
    arabic = chat(
        ("يوسف", ARABIC),
        ("Layla", "صناديق الخشب موجودة عند أبو سامي في السوق"),
        ("يوسف", "أريد عشرين صندوقا من الخشب للبيت الزجاجي"),
        ("Layla", "البيت الزجاجي يحتاج إلى صناديق كثيرة"),
        ("يوسف", "سأذهب إلى السوق يوم الجمعة صباحا"),
    )
    document = post(arabic)
    assert document.title == ARABIC
    assert ARABIC in document.content
    assert document.tags


@pytest.mark.parametrize(
    "text",
    [
        "मुझे हिन्दी की किताबें चाहिए पुस्तकालय",
        "図書館で新しい本を借りました",
        "Нужны новые доски для теплицы",
    ],
    ids=["Hindi", "Japanese", "Russian"],
)
def test_any_script_gets_a_post(text: str) -> None:
    document = post(chat(*((name, text) for name in "ABABAB")))
    assert document.tags
    assert text in document.content


def test_a_title_keeps_the_vowel_sign_that_it_ends_with() -> None:
    hindi = "पुस्तकालय की नई किताबें कहाँ रखी"
    assert post(chat(*((name, hindi) for name in "ABABAB"))).title == hindi


def test_tags_are_at_most_five_single_lower_case_words() -> None:
    tags = post(ROOF).tags
    assert 0 < len(tags) <= 5
    assert "greenhouse" in tags
    assert all(tag == tag.lower() and " " not in tag for tag in tags)


def test_the_same_window_gives_the_same_post_under_any_hash_seed() -> None:
    program = (
        "from egregora_dag.writers import OfflineWriter;"
        "from egregora_dag_tests.writers.chats import ROOF;"
        "print(ascii(OfflineWriter().write(ROOF)))"
    )
    root = Path(__file__).parents[2]
    results = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert results == {ascii(OfflineWriter().write(ROOF)) + "\n"}


def test_a_name_of_emoji_alone_breaks_nothing() -> None:
    assert post(chat(*((name, f"the greenhouse roof {name}") for name in ["🌻 🌻", "🌻"] * 4)))


def test_plain_text_has_one_line_and_no_markup() -> None:
    assert plain("a\n<b>`c` [d](e)") == "a ‹b›ʼcʼ [d] (e)"


def person(**changes: object) -> Person:
    known: dict[str, object] = {
        "author": "João",
        "thread_id": "fig-lane",
        "thread_title": "Fig Lane Allotments",
        "messages": 40,
        "thread_messages": 160,
        "first": START,
        "last": START + dt.timedelta(days=30),
        "days": 12,
        "months": {dt.date(2025, 2, 1): 30, dt.date(2025, 3, 1): 10},
        "weekdays": [0, 8, 4, 0, 0, 0, 0],
        "hours": [0] * 9 + [1, 8, 4] + [0] * 12,
        "media": 1,
        "links": 2,
        "replies": 7,
        "reactions": 0,
        "answers": {"Mara": 9, "Ted Hollis": 4},
        "answers_known": True,
        "roles": {"asks": 12, "links": 5},
        "words": ("glass", "rafters", "wood"),
        "known_for": (Remembered(message(0, "João", "Who has the key?"), 4, 1),),
        "quotes": (message(0, "João", "The wood is *better* than I feared"),),
    }
    return Person(**(known | changes))  # type: ignore[arg-type]


def test_a_profile_tells_when_what_and_whom() -> None:
    document = OfflineWriter().profile(person())
    assert (document.doc_type, document.title, document.subject) == ("profile", "João", "João")
    assert document.authors == ("João",)
    assert document.tags == ("glass", "rafters", "wood")
    assert "João wrote 40 of the 160 messages in Fig Lane Allotments" in document.summary
    assert "`▁▁▁▁▁▁▁▁▁▂█▅▁▁▁▁▁▁▁▁▁▁▁▁` By hour, 0 to 23" in document.content
    assert "`▁█▅▁▁▁▁` By weekday, from Monday" in document.content
    assert "`█▄` By month, 2025-02 to 2025-03" in document.content
    assert "- Messages: 40 (25 %)\n- Days: 12\n- Files: 1\n- Links: 2" in document.content
    assert "Questions (12) and links (5)." in document.content
    assert "> Who has the key?\n>\n> — 2025-02-04 16:52 (Answers drawn: 4, " in document.content
    assert "Answers most often: Mara and Ted Hollis. Stands out by: questions" in document.summary
    assert "> The wood is \\*better\\* than I feared" in document.content


def test_a_profile_of_someone_silent_leaves_sections_out() -> None:
    silent = person(
        hours=[0] * 24, answers={}, words=(), quotes=(), messages=0, roles={}, known_for=()
    )
    content = OfflineWriter().profile(silent).content
    assert content.count("## ") == 1


def test_the_fingerprint_follows_the_settings() -> None:
    prints = {OfflineWriter(a, b).fingerprint for a, b in ((5, 6), (5, 7), (6, 6))}
    assert len(prints) == 3


def test_the_registry_makes_a_writer_by_name() -> None:
    writer: Writer = get_writer("offline", max_quotes=3)
    assert writer == OfflineWriter(max_quotes=3)
    assert (writer.name, writer.model) == ("offline", None)
    assert set(WRITERS) >= {"offline"}


def test_an_unknown_writer_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        UnknownNameError, match=r"no writer 'gpt'; use one of: llm, offline"
    ) as caught:
        get_writer("gpt")
    assert caught.value.name == "gpt"


@pytest.mark.parametrize(("setting", "value"), [("min_messages", 0), ("max_quotes", -1), ("x", 1)])
def test_a_wrong_setting_is_named_with_its_value(setting: str, value: int) -> None:
    with pytest.raises(SettingError, match=setting) as caught:
        get_writer("offline", **{setting: value})
    assert (caught.value.setting, caught.value.value) == (setting, value)
