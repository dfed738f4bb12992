"""Messages as writers see them: read by columns, with the time of the chat's own clock."""

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from egregora_dag.database.functions import to_local
from egregora_dag.database.schemas import MESSAGES
from egregora_dag.database.threads import Thread
from egregora_dag.resources import Warehouse
from egregora_dag.writers import Message, tokens
from egregora_dag.writers.languages import language_of

# Messages that tell a chat's language.
_SAMPLE = 400


def messages_of(thread: Thread) -> ir.Table:
    """The messages of a chat, with `time`, when each was sent by the chat's clock.

    Args:
        thread: The chat.

    Returns:
        The columns of `messages`, and `time`.
    """
    messages = MESSAGES.table()
    own = messages.filter(messages.thread_id == thread.thread_id)
    return own.mutate(time=to_local(ibis.literal(thread.timezone), own.timestamp))


def read_messages(
    warehouse: Warehouse, rows: ir.Table, *more: str
) -> tuple[list[Message], pa.Table]:
    """Messages, and what else is asked of them.

    Args:
        warehouse: Where they are read.
        rows: Rows of `messages_of`, perhaps with further columns.
        *more: Names of the columns that are to be read beside them.

    Returns:
        The messages, and a table of the columns `more`, in the same order.
    """
    chosen = rows.select(
        "message_id",
        "time",
        "author",
        "content",
        "kind",
        "media_path",
        "media_type",
        "reply_to",
        mentions_=rows.metadata["mentions"],
        urls_=rows.metadata["urls"],
        **{name: rows[name] for name in more},
    )
    read = warehouse.read(chosen)
    width = len(read.column_names) - len(more)
    *columns, mentions, urls = (read[name].to_pylist() for name in read.column_names[:width])
    messages = map(Message, *columns, map(tuple, mentions), map(tuple, urls))
    return list(messages), read.select(more)


def language_of_chat(warehouse: Warehouse, thread: Thread) -> str:
    """The language that most of a chat is in, as far as a sample tells.

    Args:
        warehouse: Where messages are read.
        thread: The chat.

    Returns:
        The language's code; English where nothing tells.
    """
    messages = messages_of(thread)
    said = messages.filter((messages.kind == "message") & (messages.content != ""))
    step = said.count().over(ibis.window()) // _SAMPLE + 1
    sample = said.mutate(step=step).filter(ibis._.position % ibis._.step == 0).limit(_SAMPLE)
    texts = warehouse.read(sample.order_by("position").select("content"))["content"].to_pylist()
    return language_of(word for text in texts for word in tokens.tokens(text)[:12]).code
