"""What is known of the people of a chat, out of real rows."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from egregora_dag.database import connections
from egregora_dag.database.schemas import MESSAGES, REPLY_LINKS
from egregora_dag.database.threads import Thread
from egregora_dag.messages import language_of_chat
from egregora_dag.people import people_of
from egregora_dag.resources import Warehouse
from egregora_dag.writers import OfflineWriter, Person
from egregora_dag_tests.conftest import add_thread, at, insert, message_rows
from egregora_dag_tests.writers.test_offline_languages import CHATS

ADA = "Which glass fits the greenhouse roof, and who cuts it?"
BO = "that was because they would have been there before with their own tarpaulin"


@pytest.fixture
def thread(warehouse: Warehouse) -> Iterator[Thread]:
    with connections.connect(warehouse.path):
        yield add_thread(warehouse, "pier")


def rows(*texts: tuple[str, str], every: int = 10) -> list[dict[str, Any]]:
    start = at("2025-01-31T22:00")
    return message_rows(
        "pier",
        [(start + timedelta(minutes=every * n), who, text) for n, (who, text) in enumerate(texts)],
    )


def known(warehouse: Warehouse, thread: Thread, *authors: str) -> list[Person]:
    language = language_of_chat(warehouse, thread)
    return list(people_of(warehouse, thread, authors, language=language))


def test_months_weekdays_and_hours_are_counted_by_the_chats_clock(warehouse: Warehouse) -> None:
    with connections.connect(warehouse.path):
        berlin = add_thread(warehouse, "pier", "Europe/Berlin")
        chat = rows(("Ada", "a"), ("Ada", "b"), ("Ada", "c"), every=60 * 24 * 31)
        insert(warehouse.path, MESSAGES, *chat)
        [ada] = known(warehouse, berlin, "Ada")
    assert ada.months == {
        date(2025, 1, 1): 1,
        date(2025, 2, 1): 0,
        date(2025, 3, 1): 1,
        date(2025, 4, 1): 1,
    }
    assert ada.hours[23] == 2
    # Summer time has begun.
    assert ada.hours[0] == 1
    assert list(ada.weekdays) == [1, 0, 0, 0, 2, 0, 0]


def test_no_stop_word_of_any_language_and_no_name_is_a_typical_word(
    warehouse: Warehouse, thread: Thread
) -> None:
    said = [("Ada", f"{ADA} Bo?"), ("Bo", BO), ("Cy", "porque também você está aqui telhado")] * 4
    insert(warehouse.path, MESSAGES, *rows(*said))
    ada, bo, cy = known(warehouse, thread, "Ada", "Bo", "Cy")
    assert {"glass", "greenhouse", "roof"} <= set(ada.words)
    assert "bo" not in ada.words
    assert bo.words == ["tarpaulin"]
    assert cy.words == ["telhado"]


@pytest.mark.parametrize("code", ["hi", "ar", "ja", "zh", "ko", "ru"])
def test_typical_words_are_words_in_any_script(
    warehouse: Warehouse, thread: Thread, code: str
) -> None:
    chat = [(who, text) for text in CHATS[code][:3] for who in ("Ada",) * 4]
    chat += [("Bo", text) for text in CHATS[code][3:] * 4]
    insert(warehouse.path, MESSAGES, *rows(*chat))
    [ada] = known(warehouse, thread, "Ada")
    assert ada.language == code
    assert ada.words
    text = " ".join(CHATS[code][:3]).lower()
    assert all(word in text for word in ada.words)
    # A vowel sign is a part of its word.
    assert all(word[0].isalnum() for word in ada.words)


def test_whom_somebody_answers_is_who_wrote_before_where_nothing_better_is_known(
    warehouse: Warehouse, thread: Thread
) -> None:
    chat = rows(("Ada", "a"), ("Bo", "b"), ("Ada", "c"), ("Cy", "d"), ("Bo", "e"), ("Bo", "f"))
    insert(warehouse.path, MESSAGES, *chat)
    [bo] = known(warehouse, thread, "Bo")
    assert (bo.answers_known, dict(bo.answers)) == (False, {"Ada": 1, "Cy": 1})
    assert "right after: Ada and Cy." in OfflineWriter().profile(bo).summary


def test_stated_and_inferred_replies_tell_whom_somebody_answers_and_what_was_taken_up(
    warehouse: Warehouse, thread: Thread
) -> None:
    chat = rows(("Ada", ADA), ("Cy", "c"), ("Bo", "b"), ("Cy", "d"), ("Ada", "e"))
    ids = [row["message_id"] for row in chat]
    chat[2]["reply_to"] = ids[0]
    chat[0]["metadata"]["reactions"] = [("👍", 3), ("❤", 1)]
    insert(warehouse.path, MESSAGES, *chat)
    for answer, asked in ((0, 0), (3, 0), (4, 4)):
        link = {
            "message_id": ids[answer],
            "thread_id": "pier",
            "antecedent_id": ids[asked],
            "conversation_id": ids[0],
            "score": 0.9,
            "stated": False,
        }
        insert(warehouse.path, REPLY_LINKS, link)
    ada, bo, cy = known(warehouse, thread, "Ada", "Bo", "Cy")
    assert (bo.answers_known, bo.answers, cy.answers) == (True, {"Ada": 1}, {"Ada": 1})
    assert (ada.answers, ada.replies, ada.reactions) == ({}, 2, 4)
    [one] = ada.known_for
    assert (one.message.content, one.replies, one.reactions) == (ADA, 2, 4)
    assert "(Answers drawn: 2, Reactions drawn: 4)" in OfflineWriter().profile(ada).content


def test_a_role_is_what_somebody_does_more_often_than_the_others(
    warehouse: Warehouse, thread: Thread
) -> None:
    said = [("Ada", ADA), ("Bo", "no"), ("Bo", "perhaps the plumber"), ("Cy", "yes")] * 6
    insert(warehouse.path, MESSAGES, *rows(*said))
    ada, bo = known(warehouse, thread, "Ada", "Bo")
    assert ada.roles["asks"] == 6
    assert "asks" not in bo.roles


def test_quotes_are_what_was_taken_up_or_holds_own_words_and_not_the_longest(
    warehouse: Warehouse, thread: Thread
) -> None:
    long = "well this is only a very long way of saying that there was not much to be said about it"
    said = [("Ada", long), ("Ada", ADA), ("Ada", "the greenhouse again"), ("Bo", long)] * 3
    insert(warehouse.path, MESSAGES, *rows(*said))
    [ada] = known(warehouse, thread, "Ada")
    assert {quote.content for quote in ada.quotes} == {ADA}
