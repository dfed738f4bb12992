"""What the messages of a chat say about the links and files in them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from egregora_dag.database.functions import to_local
from egregora_dag.database.schemas import MESSAGES
from egregora_dag.database.threads import Thread
from egregora_dag.people import message_of
from egregora_dag.resources import Warehouse
from egregora_dag.writers import Posted


def postings_of(
    warehouse: Warehouse, thread: Thread, doc_type: str, subjects: Sequence[str]
) -> Iterator[Posted]:
    """The links or files of a chat, with the messages that brought them.

    Args:
        warehouse: Where messages are read.
        thread: The chat.
        doc_type: `enrichment` for links, `media` for files.
        subjects: The links, or the files' names; those that no message holds are left out.

    Yields:
        One for each, in the order given.
    """
    if not subjects:
        return
    messages = MESSAGES.table()
    own = messages.filter(messages.thread_id == thread.thread_id)
    local = own.mutate(time=to_local(ibis.literal(thread.timezone), own.timestamp))
    wanted = ibis.memtable(pa.table({"subject": pa.array(subjects, pa.string())}))
    found = defaultdict[str, list[dict[str, Any]]](list)
    for row in warehouse.rows(_holding(local, doc_type).semi_join(wanted, "subject")):
        found[row["subject"]].append(row)
    for subject in subjects:
        rows = sorted(found[subject], key=lambda row: row["position"])
        if rows:
            around = local.filter(
                local.position.isin([rows[0]["position"] - 1, rows[0]["position"] + 1])
            )
            beside = {row["position"]: message_of(row) for row in warehouse.rows(around)}
            yield Posted(
                subject=subject,
                doc_type=doc_type,
                thread_title=thread.title,
                messages=[message_of(row) for row in rows],
                before=beside.get(rows[0]["position"] - 1),
                after=beside.get(rows[0]["position"] + 1),
            )


def _holding(local: ir.Table, doc_type: str) -> ir.Table:
    """Messages with the `subject` they hold, one row for each."""
    if doc_type == "media":
        return local.filter(local.media_path.notnull()).mutate(subject=local.media_path)
    held = local.mutate(subject=local.metadata["urls"].unique().unnest())
    return held.filter(held.subject.notnull())
