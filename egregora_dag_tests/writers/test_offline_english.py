"""English, told in reported speech: who asks, wants and says what."""

import pytest

from egregora_dag.writers import OfflineWriter
from egregora_dag.writers.english import report
from egregora_dag.writers.english.titles import noun_phrases
from egregora_dag_tests.writers.chats import ROOF, chat

TOLD = {
    # Statements.
    "I want to mend the roof.": "Mara wants to mend the roof",
    "I'd like to borrow a ladder, please.": "Mara wants to borrow a ladder",
    "I'm going to ring my cousin.": "Mara is going to ring their cousin",
    "I haven ' t seen the key.": "Mara has not seen the key",
    "I ' Ve lost the key.": "Mara has lost the key",
    "I think I'll take it.": "Mara thinks they will take it",
    "I saw your fork in the shed": "Mara saw João's fork in the shed",
    "I will bring you the fork": "Mara will bring João the fork",
    "I usually weed and water on Sundays": "Mara usually weeds and waters on Sundays",
    "The roof is leaking again": "Mara says the roof is leaking again",
    "My sister has a ladder": "Mara says their sister has a ladder",
    "You should ring the glazier": "Mara tells João that João should ring the glazier",
    "While it rains, the roof is loud": ("Mara says that while it rains, the roof is loud"),
    "I am stuck on the roof haha": "Mara is stuck on the roof",
    "The key has gone": "Mara says the key has gone",
    "Maybe you are right about the glass": "Mara says that maybe João is right about the glass",
    "If you open the vent, the mould is gone": (
        "Mara says that if João opens the vent, the mould is gone"
    ),
    "Well, thanks João, the panes are cracked": "Mara says the panes are cracked",
    # Requests and suggestions.
    "Can you bring the ladder?": "Mara asks João to bring the ladder",
    "Would you mind bringing me the ladder?": "Mara asks João to bring Mara the ladder",
    "Please don't lose the receipt.": "Mara asks João not to lose the receipt",
    "Take the ladder to your shed": "Mara asks João to take the ladder to João's shed",
    "Let's meet at nine and carry it": "Mara suggests meeting at nine and carrying it",
    "Why don't you ask the council?": "Mara suggests that João ask the council",
    "Can I help you with the glass?": "Mara offers to help João with the glass",
    "May I see your ticket?": "Mara asks to see João's ticket",
    # Questions.
    "Do you have a ladder?": "Mara asks whether João has a ladder",
    "Did your sister find the key?": "Mara asks whether João's sister found the key",
    "Did you find the key?": "Mara asks whether João found the key",
    "Are you coming to the swap?": "Mara asks whether João is coming to the swap",
    "Is there a glazier in town?": "Mara asks João whether there is a glazier in town",
    "How old is the greenhouse roof?": "Mara asks João how old the greenhouse roof is",
    "How much does it cost?": "Mara asks João how much it costs",
    "What time do you want to start?": "Mara asks what time João wants to start",
    "Who is coming on Sunday?": "Mara asks João who is coming on Sunday",
    "How do I open the vent?": "Mara asks João how to open the vent",
    "Do you know where the key is?": "Mara asks João where the key is",
    "The rain is heavy, isn't it?": "Mara says the rain is heavy",
    # Nothing to tell, or not sure what.
    "You getting married?": None,
    "Haven't been sleeping well lately": None,
    "I'm sorry, refresh my memory": None,
    "Good morning, everybody!": None,
    "Thank you very much.": None,
    "cheaper but not so pretty": None,
    "Me too": None,
    "The letter you need signed was lost": None,
    "He said 'I want money' to the baker": None,
    "You are right, look at the roof": None,
    "I cannot sell it.We never do": None,
    "anyone can help me to mend the roof": None,
    "much the same except for the roof": None,
    "grep -r foo_bar /etc": None,
}


@pytest.mark.parametrize(("said", "told"), TOLD.items())
def test_what_was_said_is_told_of_the_right_person_or_not_at_all(
    said: str, told: str | None
) -> None:
    assert report(said, "Mara", "João") == told


@pytest.mark.parametrize(
    "said",
    ["You should ring the glazier", "Can you bring the ladder?", "Is your roof open?"],
)
def test_you_is_nobody_where_it_could_be_anybody(said: str) -> None:
    assert report(said, "Mara", None) is None


def test_an_order_to_nobody_in_particular_names_nobody() -> None:
    assert report("Bring the ladder to the shed", "Mara", None) == (
        "Mara says to bring the ladder to the shed"
    )


def test_a_name_keeps_its_capital_and_a_common_word_does_not() -> None:
    assert report("Rose has the key", "Mara", None, {"Rose"}) == "Mara says Rose has the key"
    assert report("Tea is in the shed", "Mara", None) == "Mara says tea is in the shed"


def test_names_stand_where_they_could_be_either() -> None:
    assert report("I know they have my fork", "Mara", None) == "Mara knows they have Mara's fork"


def test_a_lead_in_a_group_asks_only_whom_the_message_names() -> None:
    (document,) = OfflineWriter(min_messages=2).write(
        chat(
            ("Mara", "The greenhouse roof is leaking over the tomatoes"),
            ("Ted", "The chapel roof leaks too"),
            ("Priya", "Ted, can you bring the long ladder to the greenhouse?"),
        )
    )
    assert "Priya asks Ted to bring the long ladder to the greenhouse." in document.summary


def test_a_name_within_a_sentence_tells_whom_it_is_said_to() -> None:
    (document,) = OfflineWriter(min_messages=2).write(
        chat(
            ("Mara", "The greenhouse roof is leaking over the tomatoes"),
            ("Ted", "The chapel roof is leaking over the organ"),
            ("Priya", "Can you bring the long ladder to the greenhouse, Ted?"),
        )
    )
    assert "Priya asks Ted to bring the long ladder to the greenhouse." in document.summary


def test_a_lead_that_cannot_be_told_is_quoted() -> None:
    (document,) = OfflineWriter(min_messages=2).write(
        chat(
            ("Mara", "greenhouse roof: leaking!! two panes…"),
            ("Ted", "chapel roof, too, since Easter"),
            ("Mara", "tarp, then"),
        )
    )
    assert "Mara writes: “greenhouse roof: leaking!!" in document.summary


def test_the_outcome_is_quoted_and_not_told_twice() -> None:
    (document,) = OfflineWriter().write(ROOF)
    assert document.summary.count("tarp over the roof") == 1


def test_a_title_is_no_statement_of_i_or_you() -> None:
    (document,) = OfflineWriter(min_messages=2).write(
        chat(
            ("Mara", "I found your key in the old shed behind the chapel!"),
            ("Ted", "I lost my key to the shed"),
            ("Mara", "I will leave your key in the shed behind the chapel"),
        )
    )
    assert document.title == "The key in the old shed behind the chapel"


def test_noun_phrases_are_joined_by_prepositions_and_end_in_a_noun() -> None:
    text = (
        "Somebody put a whole lasagne on the compost heap and my first draft of the letter is new"
    )
    assert list(noun_phrases(text)) == [
        "a whole lasagne on the compost heap",
        "the first draft of the letter",
    ]
