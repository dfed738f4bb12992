"""Which earlier message each message answers."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from egregora_dag.database.disentanglement import LOOK_BACK, infer_links
from egregora_dag_tests.conftest import SHARED
from egregora_dag_tests.evaluations.reply_links import (
    agreement,
    held_out,
    previous_message,
    shipped_weights,
    together,
)
from egregora_dag_tests.evaluations.stretches import Stretch, read_stretches

IRC = SHARED / "data" / "irc"
SCHEMA = pa.schema(
    [
        ("timestamp", pa.timestamp("us", "UTC")),
        ("author", pa.string()),
        ("kind", pa.string()),
        ("content", pa.string()),
    ]
)
START = datetime(2025, 3, 1, 12, tzinfo=UTC)


def chat(*lines: tuple[str | None, str], minutes: float = 1) -> pa.Table:
    """Messages at even intervals: author (None: a system line) and content."""
    rows = [
        {
            "timestamp": START + timedelta(minutes=minutes * number),
            "author": author,
            "kind": "system" if author is None else "message",
            "content": content,
        }
        for number, (author, content) in enumerate(lines)
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def antecedents(messages: pa.Table) -> list[int]:
    found: list[int] = infer_links(messages)["antecedent"].to_pylist()
    return found


@pytest.fixture(scope="module")
def stretches() -> Sequence[Stretch]:
    if not IRC.is_dir():
        pytest.skip(f"The annotated IRC logs are not at {IRC}.")
    return read_stretches(IRC)


@pytest.fixture(scope="module")
def talk() -> pa.Table:
    """Thousands of messages of several conversations at once, made of a few authors and words."""
    people = ["ana", "bo", "João Silva", "+351 912 345 678", "di_", "ubotu", "[eve]"]
    words = ["kernel", "wifi", "thanks", "why?", "!sound", "grub", "ok", "http://x.org", "yes"]
    lines: list[tuple[str | None, str]] = []
    for number in range(3 * LOOK_BACK):
        seed = number * 7919 % 104_729
        author = None if seed % 17 == 0 else people[seed % len(people)]
        named = people[seed // 7 % len(people)].split()[0].strip("[]_+")
        said = [words[(seed // divisor) % len(words)] for divisor in (3, 11, 31)]
        lines.append((author, " ".join([f"{named}:", *said] if seed % 3 else said)))
    return chat(*lines, minutes=0.3)


def test_a_link_depends_on_the_look_back_alone(talk: pa.Table) -> None:
    whole = infer_links(talk).to_pydict()
    for row in (LOOK_BACK, LOOK_BACK + 137, 2 * LOOK_BACK + 1, talk.num_rows - 1):
        first = row - LOOK_BACK
        piece = infer_links(talk.slice(first, LOOK_BACK + 1)).to_pydict()
        assert piece["antecedent"][-1] + first == whole["antecedent"][row]
        assert piece["score"][-1] == pytest.approx(whole["score"][row])


def test_later_messages_change_nothing(talk: pa.Table) -> None:
    whole = infer_links(talk)
    for stop in (1, 2, 99, 700, 2 * LOOK_BACK):
        assert infer_links(talk.slice(0, stop)).equals(whole.slice(0, stop))


def test_pieces_with_their_look_back_give_what_the_whole_gives(
    stretches: Sequence[Stretch],
) -> None:
    messages = pa.concat_tables([one.messages for one in stretches])
    whole = antecedents(messages)
    pieces = []
    for start in range(0, messages.num_rows, 500):
        first = max(start - LOOK_BACK, 0)
        found = antecedents(messages.slice(first, start - first + 500))
        pieces += [first + row for row in found[start - first :]]
    assert pieces == whole


def test_the_same_messages_give_the_same_links(talk: pa.Table) -> None:
    assert infer_links(talk).equals(infer_links(talk))


@pytest.mark.parametrize(
    ("asker", "reply"),
    [
        ("mara", "mara: try the other cable"),
        ("mara", "mara, try the other cable"),
        ("mara", "@mara try the other cable"),
        ("[mara]", "mara: try the other cable"),
        ("João Silva", "@João tenta outro cabo"),
        ("João Silva", "João, tenta outro cabo"),
        ("+351 912 345 678", "@351912345678 try the other cable"),
        ("Мария Иванова", "Мария, попробуй другой кабель"),
    ],
)
def test_who_is_addressed_is_answered(asker: str, reply: str) -> None:
    messages = chat(
        (asker, "my screen stays black, what can I do?"),
        ("tom", "is there a release party this year?"),
        ("kim", "tom: yes, on friday"),
        ("lee", reply),
    )
    assert antecedents(messages)[3] == 0


def test_one_goes_on_with_whom_one_was_talking() -> None:
    messages = chat(
        ("ana", "which port does ssh use?"),
        ("bo", "ana: 22"),
        ("eve", "anyone here who knows gimp?"),
        ("ana", "bo: and telnet?"),
        ("bo", "ana: 23"),
    )
    assert antecedents(messages) == [0, 0, 2, 1, 3]


def test_an_author_goes_on_with_the_own_message() -> None:
    messages = chat(
        ("ana", "my wifi card is not found after the upgrade"),
        ("ana", "and it worked in the last release"),
        minutes=0,
    )
    assert antecedents(messages) == [0, 0]


def test_a_newcomer_with_a_question_starts_a_conversation(talk: pa.Table) -> None:
    newcomer = chat(("zoe", "hi all, can anyone help me with my printer?"))
    [*_, last] = antecedents(pa.concat_tables([talk, newcomer]))
    assert last == talk.num_rows


def test_system_lines_start_a_conversation_and_are_not_answered() -> None:
    messages = chat(("ana", "hello"), (None, "bo has joined"), ("bo", "ana: hello to you"))
    assert antecedents(messages) == [0, 1, 0]


@pytest.mark.parametrize(
    "messages",
    [
        chat(),
        chat(("ana", "hello")),
        chat((None, "ana has joined")),
        chat((None, ""), (None, "")),
        chat(("ana", ""), ("", ""), ("bo", " \t\n"), ("😀", "😀: 😀😀"), ("ana", "::,@")),
        chat(("a\0b", "nul \0 in text"), ("bo", "a\0b: \0"), ("bo", "\ufeff\u200e@a\0b")),
        chat(("ana", "x " * 500_000), ("bo", "x" * 1_000_000), ("ana", "bo: ok")),
        chat(("ana", "late"), ("bo", "earlier"), minutes=-90),
        chat(("ana", "old"), ("bo", "ana: new"), minutes=60 * 24 * 365 * 5),
    ],
    ids=["empty", "one", "system", "systems", "blank", "nul", "long", "backwards", "years"],
)
def test_odd_chats_have_links_too(messages: pa.Table) -> None:
    found = infer_links(messages)
    assert found.schema.names == ["antecedent", "score"]
    assert found.num_rows == messages.num_rows
    assert all(0 <= link <= row for row, link in enumerate(found["antecedent"].to_pylist()))
    assert all(0 < score <= 1 for score in found["score"].to_pylist())


def test_missing_values_are_nothing_said() -> None:
    rows = [
        {"timestamp": START, "author": "ana", "kind": "media", "content": None},
        {"timestamp": START, "author": None, "kind": "message", "content": "who am I?"},
        {"timestamp": None, "author": "bo", "kind": None, "content": "ana: nice"},
    ]
    assert infer_links(pa.Table.from_pylist(rows, schema=SCHEMA)).num_rows == 3


def test_chunked_and_dictionary_columns_are_read_alike(talk: pa.Table) -> None:
    halves = pa.concat_tables([talk.slice(0, 500), talk.slice(500, 500)])
    author = halves["author"].dictionary_encode()
    encoded = halves.set_column(1, "author", author)
    assert infer_links(encoded).equals(infer_links(talk.slice(0, 1000)))


def test_the_shipped_weights_fit_what_they_were_fitted_to(stretches: Sequence[Stretch]) -> None:
    shipped = together(agreement(one, shipped_weights) for one in stretches)
    simple = together(agreement(one, previous_message) for one in stretches)
    assert shipped.f1 >= 0.75
    assert shipped.f1 >= 2 * simple.f1


def test_weights_find_the_links_of_files_that_were_held_out(stretches: Sequence[Stretch]) -> None:
    assert together(held_out(stretches, (2, 3, 5))).f1 >= 0.70
