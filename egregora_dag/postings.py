"""What the messages of a chat say about the links and files in them.

All of it is read by sets: a query for many links or files, never one for each.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from egregora_dag.database.threads import Thread
from egregora_dag.messages import messages_of, read_messages
from egregora_dag.resources import Warehouse
from egregora_dag.writers import Message, Posted

# Messages of a link or file that are handed on, and how far around the first of them one looks.
_LISTED: Final = 20
_AROUND: Final = 2
# Links or files read at a time.
_CHUNK: Final = 10_000


def signatures_of_postings(messages: ir.Table, thread_id: str, doc_type: str) -> ir.Table:
    """Each link or file of a chat, with a hash of what is told about it.

    Args:
        messages: The table `messages`.
        thread_id: Key of the chat.
        doc_type: `enrichment` for links, `media` for files.

    Returns:
        `subject` and `signature`, a hash of the ids of the messages that hold it and of those
        around the first of them; in the order in which they first came.
    """
    own = messages.filter(messages.thread_id == thread_id)
    held = _holding(own, doc_type).select("subject", "message_id", "position")
    ids = held.message_id.cast("string").group_concat("", order_by=held.position)
    found = held.group_by("subject").aggregate(ids=ids, first=held.position.min())
    offsets = [offset for offset in range(-_AROUND, _AROUND + 1) if offset]
    near = found.select("subject", position=found.first + ibis.array(offsets).unnest())
    beside = near.inner_join(own.select("position", "message_id"), "position")
    context = beside.group_by("subject").aggregate(
        around=beside.message_id.cast("string").group_concat("", order_by=beside.position)
    )
    known = found.left_join(context, "subject")
    told = ibis.literal("\x1f").join([known.ids, known.around.fill_null("")])
    signed = known.select("subject", "first", signature=told.hexdigest("sha256"))
    return signed.order_by("first", "subject").select("subject", "signature")


def postings_of(
    warehouse: Warehouse,
    thread: Thread,
    doc_type: str,
    subjects: Sequence[str],
    *,
    language: str,
) -> Iterator[Posted]:
    """The links or files of a chat, with the messages that brought them.

    Args:
        warehouse: Where messages are read.
        thread: The chat.
        doc_type: `enrichment` for links, `media` for files.
        subjects: The links, or the files' names; those that no message holds are left out.
        language: Code of the chat's language.

    Yields:
        One for each, in the order given.
    """
    local = messages_of(thread)
    for start in range(0, len(subjects), _CHUNK):
        chunk = subjects[start : start + _CHUNK]
        wanted = ibis.memtable(pa.table({"subject": pa.array(chunk, pa.string())}))
        held = _holding(local, doc_type).semi_join(wanted, "subject")
        found = _first(warehouse, held)
        authors = defaultdict[str, dict[str, int]](dict)
        for row in warehouse.rows(_authors(held)):
            authors[row["subject"]][row["author"]] = row["n"]
        beside = _beside(warehouse, local, [at for at, _, _ in found.values()])
        for subject in filter(found.__contains__, chunk):
            at, times, first = found[subject]
            near = range(at - _AROUND, at + _AROUND + 1)
            yield Posted(
                subject=subject,
                doc_type=doc_type,
                thread_title=thread.title,
                messages=first,
                times=times,
                authors=authors[subject],
                context=[beside[place] for place in near if place in beside],
                language=language,
            )


def _holding(messages: ir.Table, doc_type: str) -> ir.Table:
    """Messages with the `subject` they hold, one row for each."""
    if doc_type == "media":
        return messages.filter(messages.media_path.notnull()).mutate(subject=messages.media_path)
    linked = messages.filter(messages.metadata["urls"].length() > 0)
    return linked.mutate(subject=linked.metadata["urls"].unique().unnest())


def _first(warehouse: Warehouse, held: ir.Table) -> dict[str, tuple[int, int, list[Message]]]:
    """Subject → where it first came, how often it came, and the first messages that hold it."""
    of_subject = ibis.window(group_by="subject", order_by="position")
    counted = held.mutate(
        place=ibis.row_number().over(of_subject),
        times=held.count().over(ibis.window(group_by="subject")),
    )
    first = counted.filter(counted.place < _LISTED).order_by("subject", "place")
    messages, more = read_messages(warehouse, first, "subject", "position", "times")
    found: dict[str, tuple[int, int, list[Message]]] = {}
    columns = (more[name].to_pylist() for name in more.column_names)
    for message, subject, position, times in zip(messages, *columns, strict=True):
        found.setdefault(subject, (position, times, []))[2].append(message)
    return found


def _authors(held: ir.Table) -> ir.Table:
    """Who posted each subject, with how often, most often first."""
    known = held.filter(held.author.notnull())
    wrote = known.group_by("subject", "author").aggregate(n=known.count())
    return wrote.order_by("subject", ibis.desc("n"), "author")


def _beside(warehouse: Warehouse, local: ir.Table, positions: Sequence[int]) -> dict[int, Message]:
    """The messages at some positions and around them, by position."""
    near = {at + offset for at in positions for offset in range(-_AROUND, _AROUND + 1)}
    wanted = ibis.memtable(pa.table({"position": pa.array(sorted(near), pa.int64())}))
    messages, more = read_messages(warehouse, local.semi_join(wanted, "position"), "position")
    return dict(zip(more["position"].to_pylist(), messages, strict=True))
