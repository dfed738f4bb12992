"""Links between messages, stated by an export or inferred, block by block."""

from datetime import timedelta
from typing import Any

import ibis
import pyarrow as pa
import pytest

from egregora_dag.database import replies
from egregora_dag.database.disentanglement import LOOK_BACK
from egregora_dag_tests.conftest import at

PEOPLE = ("ada", "bo", "cy", "dee", "eve")
START = at("2025-03-01T10:00")


def chat(rows: int, stated: dict[int, int] | None = None) -> pa.Table:
    """Talk among five people, now and then to one of them by name."""
    return pa.table(
        {
            "position": range(rows),
            "timestamp": [START + timedelta(seconds=40 * n) for n in range(rows)],
            "author": [None if n % 17 == 3 else PEOPLE[n * n % 5] for n in range(rows)],
            "kind": ["system" if n % 17 == 3 else "message" for n in range(rows)],
            "content": [
                f"{PEOPLE[n % 5]}: plank {n % 11}?" if n % 3 else f"the varnish {n % 7} is here"
                for n in range(rows)
            ],
            "reply_position": pa.array([(stated or {}).get(n) for n in range(rows)], pa.int64()),
        },
        schema=pa.schema(
            {
                "position": pa.int64(),
                "timestamp": pa.timestamp("us", "UTC"),
                "author": pa.string(),
                "kind": pa.string(),
                "content": pa.string(),
                "reply_position": pa.int64(),
            }
        ),
    )


def linked(table: pa.Table, *sizes: int) -> list[dict[str, Any]]:
    """The links of a chat that comes in blocks of these sizes."""
    blocks, start = [], 0
    for size in sizes or (table.num_rows,):
        blocks.append(table.slice(start, size))
        start += size
    assert start >= table.num_rows
    found: list[dict[str, Any]] = pa.Table.from_batches(
        replies.links(blocks), replies.LINKS
    ).to_pylist()
    return found


def test_a_chat_in_blocks_is_linked_as_the_chat_in_one() -> None:
    table = chat(2 * LOOK_BACK + 300, {50: 3, 2 * LOOK_BACK: 7})
    whole = linked(table)
    assert [row["position"] for row in whole] == list(range(table.num_rows))
    assert linked(table, 1, 100, LOOK_BACK, LOOK_BACK + 199) == whole
    assert len({row["conversation"] for row in whole}) > 1


def test_a_stated_reply_is_certain_and_joins_its_conversation_however_far() -> None:
    table = chat(LOOK_BACK + 500, {LOOK_BACK + 400: 2})
    reply = linked(table)[LOOK_BACK + 400]
    assert (reply["antecedent"], reply["score"], reply["stated"]) == (2, 1.0, True)
    assert reply["conversation"] == linked(table)[2]["conversation"]


@pytest.mark.parametrize("answered", [9, 12])
def test_a_reply_to_itself_or_to_what_comes_later_states_nothing(answered: int) -> None:
    row = linked(chat(20, {9: answered}))[9]
    assert row["stated"] is False
    assert row["antecedent"] <= 9


def test_every_conversation_is_named_by_its_first_message_and_links_go_back() -> None:
    rows = linked(chat(500))
    for row in rows:
        first = rows[row["conversation"]]
        assert first["antecedent"] == first["conversation"] == first["position"]
        assert row["antecedent"] <= row["position"]
        assert rows[row["antecedent"]]["conversation"] == row["conversation"]
        assert 0 < row["score"] <= 1


def test_a_chat_without_messages_has_no_links() -> None:
    assert pa.Table.from_batches(replies.links([]), replies.LINKS).num_rows == 0
    assert linked(chat(0)) == []


def test_sources_know_the_position_of_what_a_message_answers_in_its_own_chat() -> None:
    messages = ibis.memtable(
        pa.table(
            {
                "message_id": ["a", "b", "c", "x"],
                "thread_id": ["t", "t", "t", "u"],
                "position": [0, 1, 2, 0],
                "timestamp": [START] * 4,
                "author": ["ada"] * 4,
                "kind": ["message"] * 4,
                "content": [""] * 4,
                "reply_to": [None, "a", "x", "b"],
            }
        )
    )
    found = replies.sources(messages).order_by("thread_id", "position").to_pyarrow()
    assert found["reply_position"].to_pylist() == [None, 0, None, None]
