"""Conversations: messages joined by what they answer, as exports state it or as it is inferred."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import ibis.expr.types as ir
import pyarrow as pa

from egregora_dag.database.disentanglement import LOOK_BACK, infer_links

# What `links` is given of a message.
SOURCE: Final = ("position", "timestamp", "author", "kind", "content", "reply_position")
LINKS: Final = pa.schema(
    {
        "position": pa.int64(),
        "antecedent": pa.int64(),
        "conversation": pa.int64(),
        "score": pa.float64(),
        "stated": pa.bool_(),
    }
)


def sources(messages: ir.Table) -> ir.Table:
    """The columns of `SOURCE`, and thread_id, for rows of `messages`."""
    answered = messages.select("thread_id", reply_to="message_id", reply_position="position")
    return messages.left_join(answered, ["thread_id", "reply_to"]).select("thread_id", *SOURCE)


def links(blocks: Iterable[pa.Table]) -> Iterator[pa.RecordBatch]:
    """Which message each message of a chat answers.

    Args:
        blocks: The chat in order from position 0, with the columns of `SOURCE`; `reply_position`
            is that of the message it answers where the export says so.

    Yields:
        For each block the positions of the message, of the one it answers (its own where it starts
        a conversation) and of the first of its conversation; how probable the link is, 1 where the
        export states it; and whether it does.
    """
    roots = array("q")
    before: pa.Table | None = None
    for block in blocks:
        seen = block if before is None else pa.concat_tables([before, block])
        inferred = infer_links(seen).slice(seen.num_rows - block.num_rows)
        # Rows of `seen` are positions, shifted.
        shift = len(roots) + block.num_rows - seen.num_rows
        rows: dict[str, list[object]] = {name: [] for name in LINKS.names}
        for guess, score, stated in zip(
            inferred["antecedent"].to_pylist(),
            inferred["score"].to_pylist(),
            block["reply_position"].to_pylist(),
            strict=True,
        ):
            position = len(roots)
            is_stated = stated is not None and stated < position
            antecedent = stated if is_stated else guess + shift
            roots.append(position if antecedent == position else roots[antecedent])
            values = (position, antecedent, roots[-1], 1.0 if is_stated else score, is_stated)
            for column, value in zip(rows.values(), values, strict=True):
                column.append(value)
        yield pa.RecordBatch.from_pydict(rows, schema=LINKS)
        before = seen.slice(max(seen.num_rows - LOOK_BACK, 0))


def conversation_around(messages: pa.Table, message_id: str) -> list[str]:
    """The messages that inferred links join with one of them.

    Args:
        messages: A stretch of a chat in order, with the columns message_id (text), timestamp,
            author, kind and content.
        message_id: One of them.

    Returns:
        Ids of its conversation, in order, its own among them.
    """
    ids = messages["message_id"].to_pylist()
    roots = _roots(infer_links(messages)["antecedent"].to_pylist())
    own = roots[ids.index(message_id)]
    return [id_ for id_, root in zip(ids, roots, strict=True) if root == own]


def _roots(antecedents: Sequence[int]) -> list[int]:
    """The row that each row's conversation starts with."""
    roots: list[int] = []
    for row, antecedent in enumerate(antecedents):
        roots.append(row if antecedent == row else roots[antecedent])
    return roots


def with_ids(found: ir.Table, messages: ir.Table) -> ir.Table:
    """Links between positions as links between messages.

    Args:
        found: thread_id and the columns of `LINKS`.
        messages: Rows of `messages`.

    Returns:
        The columns of `reply_links`.
    """
    for name, place in (
        ("message_id", "position"),
        ("antecedent_id", "antecedent"),
        ("conversation_id", "conversation"),
    ):
        ids = messages.select("thread_id", **{name: "message_id", place: "position"})
        found = found.inner_join(ids, ["thread_id", place])
    return found.select(
        "message_id", "thread_id", "antecedent_id", "conversation_id", "score", "stated"
    )
