"""Small pictures of the files that came with messages; see the contract `THUMBNAILS`."""

from collections.abc import Mapping
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from egregora_dag.database.schemas import THUMBNAILS
from egregora_dag.database.tables import memory_table
from egregora_dag.database.writing import write_rows


@dataclass(frozen=True)
class Thumbnail:
    """A small picture of a file.

    Attributes:
        sha256: Digest of the file it was made from, hexadecimal.
        width: Pixels.
        height: Pixels.
        mime: Its media type.
        data: The picture, without metadata.
    """

    sha256: str
    width: int
    height: int
    mime: str
    data: bytes


def save_thumbnails(
    connection: DuckDBPyConnection, thread_id: str, found: Mapping[str, Thumbnail | None]
) -> None:
    """Store thumbnails in place of those that there were of the same files.

    Args:
        connection: A connection inside a transaction.
        thread_id: Key of the chat.
        found: File, as messages name it → its thumbnail; None for a file that has none now.
    """
    connection.execute(
        "DELETE FROM main.thumbnails WHERE thread_id = ? AND media_path IN (SELECT unnest(?))",
        [thread_id, list(found)],
    )
    rows = [
        {"thread_id": thread_id, "media_path": name, **vars(thumbnail)}
        for name, thumbnail in found.items()
        if thumbnail is not None
    ]
    if rows:
        write_rows(connection, THUMBNAILS, memory_table(rows, THUMBNAILS.schema))


def drop_unused_thumbnails(connection: DuckDBPyConnection, thread_id: str) -> int:
    """Remove the thumbnails of files that no message of a chat names any more.

    Args:
        connection: A connection inside a transaction.
        thread_id: Key of the chat.

    Returns:
        How many were removed.
    """
    [count] = connection.execute(
        """
        DELETE FROM main.thumbnails WHERE thread_id = $thread AND media_path NOT IN (
          SELECT media_path FROM main.messages
          WHERE thread_id = $thread AND media_path IS NOT NULL)
        """,
        {"thread": thread_id},
    ).fetchone() or (0,)
    return int(count)


def move_thumbnails(connection: DuckDBPyConnection, source: str, target: str) -> None:
    """Give a chat's thumbnails to another chat, whose own of the same files stay.

    Args:
        connection: A connection inside a transaction.
        source: Key of the chat they are of.
        target: Key of the chat they go to.
    """
    names = {"source": source, "target": target}
    connection.execute(
        """
        DELETE FROM main.thumbnails WHERE thread_id = $source AND media_path IN (
          SELECT media_path FROM main.thumbnails WHERE thread_id = $target)
        """,
        names,
    )
    connection.execute(
        "UPDATE main.thumbnails SET thread_id = $target WHERE thread_id = $source", names
    )
