"""Questions about messages, answered as Ibis expressions unless said otherwise."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from egregora_dag.database.duckdb_manager import DuckDBStorageManager
from egregora_dag.database.exceptions import InvalidOperationError
from egregora_dag.database.init import initialize_database
from egregora_dag.database.replies import conversation_around

# How many messages before and after one are looked at for its conversation.
REACH: Final = 2_000

_TREE: Final = """
WITH RECURSIVE replies AS (
  SELECT message_id, reply_to FROM main.messages
  WHERE thread_id = $thread AND reply_to IS NOT NULL AND reply_to <> message_id
), above AS (
  SELECT $message::UUID AS id
  UNION SELECT reply_to FROM replies JOIN above ON message_id = id
), tree AS (
  SELECT id FROM above
  UNION SELECT message_id FROM replies JOIN tree ON reply_to = id
)
SELECT id::VARCHAR FROM tree JOIN main.messages ON message_id = id AND thread_id = $thread
"""
_AROUND: Final = """
SELECT message_id::VARCHAR AS message_id, timestamp, author, kind, content
FROM main.messages
WHERE thread_id = $thread AND position BETWEEN $first AND $last ORDER BY position
"""


class MessageRepository:
    """The messages of a database.

    Args:
        storage: The storage manager of the database.

    Raises:
        DatabaseVersionError: The database's tables are of another version.
    """

    def __init__(self, storage: DuckDBStorageManager) -> None:
        self._storage = storage
        initialize_database(storage)

    @property
    def _messages(self) -> ir.Table:
        return self._storage.read_table("messages")

    def get_messages_by_author(self, author: str) -> ir.Table:
        """What a person wrote, in every chat.

        Args:
            author: The name, exactly as it stands in the messages.

        Returns:
            Rows of `messages`, by chat and position.
        """
        messages = self._messages
        # The text of a query cannot hold a NUL, a table in memory can.
        names = ibis.memtable(pa.table({"author": [author]})).author if "\0" in author else [author]
        return messages.filter(messages.author.isin(names)).order_by("thread_id", "position")

    def get_messages_by_date_range(self, start_date: date, end_date: date) -> ir.Table:
        """What was written between two days, both included, in UTC.

        Args:
            start_date: The first day.
            end_date: The last day; of a time, its day in UTC counts.

        Returns:
            Rows of `messages`, by time; none if the last day is before the first.
        """
        start, after = _midnight(start_date), _midnight(end_date) + timedelta(days=1)
        messages = self._messages
        inside = (messages.timestamp >= ibis.literal(start)) & (
            messages.timestamp < ibis.literal(after)
        )
        return messages.filter(inside).order_by("timestamp", "thread_id", "position")

    def get_thread(self, message_id: UUID | str) -> ir.Table:
        """The conversation around a message.

        Where the export says what it answers, or what answers it: the whole tree of replies. Else
        the messages that inferred links join with it, among the 2,000 before and after it; see
        `database.disentanglement`.

        Args:
            message_id: Its id.

        Returns:
            Rows of `messages`, by position, the message among them; none for an id that is unknown
            or no UUID.
        """
        members = self._conversation(_uuid(message_id))
        messages = self._messages
        ids = ibis.memtable(pa.table({"member": pa.array(members, pa.string())}))
        return messages.semi_join(ids, messages.message_id.cast("string") == ids.member).order_by(
            "position"
        )

    def _conversation(self, message_id: UUID | None) -> Sequence[str]:
        """Ids of the messages of a conversation."""
        found = self._storage.execute_query_single(
            "SELECT thread_id, position FROM main.messages WHERE message_id = ?", [message_id]
        )
        if found is None:
            return []
        thread, position = found
        tree = self._storage.execute_query(_TREE, {"thread": thread, "message": str(message_id)})
        if len(tree) > 1:
            return [member for (member,) in tree]
        ends = {"first": position - REACH, "last": position + REACH}
        with self._storage.connection() as connection:
            around = connection.execute(_AROUND, {"thread": thread, **ends}).to_arrow_table()
        return conversation_around(around, str(message_id))

    def get_url_candidates(self, limit: int) -> ir.Table:
        """Links that nothing was written about yet, each at its earliest message.

        Args:
            limit: How many, at most.

        Returns:
            url, message_id, thread_id, timestamp, author, mentions (how often it was posted), the
            earliest first.
        """
        messages = self._messages
        links = messages.select(*_PLACE, "position", subject=messages.metadata["urls"].unnest())
        return self._candidates(links, "enrichment", limit, ["subject"]).rename(url="subject")

    def get_media_candidates(self, limit: int) -> ir.Table:
        """Files that nothing was written about yet, each at its earliest message.

        Args:
            limit: How many, at most.

        Returns:
            media_path, message_id, thread_id, timestamp, author, mentions (how often it was sent),
            media_type, the earliest first; the same name in two chats is two files.
        """
        messages = self._messages
        files = messages.filter(messages.media_path.notnull()).select(
            *_PLACE, "position", "media_type", subject="media_path"
        )
        keys = ["thread_id", "subject"]
        return self._candidates(files, "media", limit, keys).rename(media_path="subject")

    def _candidates(
        self, found: ir.Table, doc_type: str, limit: int, keys: Sequence[str]
    ) -> ir.Table:
        if limit < 0:
            raise InvalidOperationError("limit", f"{limit} candidates cannot be had. Ask for some.")
        documents = self._storage.read_table("documents")
        done = documents.filter(
            (documents.doc_type == doc_type) & (documents.status != "superseded")
        ).select(*keys)
        order = ["timestamp", "thread_id", "position"]
        first = ibis.window(group_by=list(keys), order_by=order)
        numbered = found.mutate(
            place=ibis.row_number().over(first),
            mentions=found.count().over(ibis.window(group_by=list(keys))),
        )
        earliest = numbered.filter(numbered.place == 0).anti_join(done, list(keys))
        rest = [name for name in found.columns if name not in {*_PLACE, "position", "subject"}]
        return earliest.order_by(order).limit(limit).select("subject", *_PLACE, "mentions", *rest)

    def stream(self, batch_size: int) -> Iterator[pa.RecordBatch]:
        """All messages, by chat and position, without holding more than a batch in memory.

        Args:
            batch_size: Rows of a batch, at most.

        Yields:
            Arrow batches with the columns of `messages`.

        Raises:
            InvalidOperationError: The size is below 1.
        """
        if batch_size < 1:
            raise InvalidOperationError(
                "batch_size", f"A batch of {batch_size} rows holds nothing. Use 1 or more."
            )
        # On a connection of its own, which other queries of the thread do not disturb.
        with self._storage.backend.threads.cursor() as cursor:
            cursor.execute("FROM main.messages ORDER BY thread_id, position")
            yield from cursor.to_arrow_reader(batch_size)


_PLACE: Final = ("message_id", "thread_id", "timestamp", "author")


def _uuid(text: UUID | str) -> UUID | None:
    try:
        return text if isinstance(text, UUID) else UUID(text)
    except (ValueError, TypeError, AttributeError):
        return None


def _midnight(day: date) -> datetime:
    if isinstance(day, datetime):
        day = (day if day.tzinfo is None else day.astimezone(UTC)).date()
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
