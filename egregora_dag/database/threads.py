"""Chats as such: registering, correcting and merging them.

Every function works on a connection inside a transaction of the caller's.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from duckdb import DuckDBPyConnection

from egregora_dag.database.exceptions import DatabaseObjectError
from egregora_dag.database.thumbnails import drop_unused_thumbnails, move_thumbnails


class ThreadNotFoundError(DatabaseObjectError):
    """There is no such chat."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        listed = f"Known are {', '.join(known)}." if known else "There is none yet."
        super().__init__(name, f"There is no chat {name!r}. {listed}")


@dataclass(frozen=True)
class Thread:
    """A chat.

    Attributes:
        thread_id: Its key.
        title: Its name.
        source: The application it comes from.
        timezone: IANA name of its clock's zone.
        settings: `windows`, `reading`, `privacy`, `writer`, `enrichments`: how it is cut, read,
            kept private, written about and looked up, where that was said; `aliases`: keys of chats
            that were merged into it; `authors`: names that were given up for others; `forgotten`:
            codes of people who were forgotten.
    """

    thread_id: str
    title: str
    source: str
    timezone: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def origins(self) -> list[str]:
        """The keys its messages' ids are made with: its own and those of chats merged into it."""
        return [self.thread_id, *self.settings.get("aliases", [])]

    @property
    def aliases(self) -> dict[str, str]:
        """Names of people that were given up, with those that stand for them."""
        return dict(self.settings.get("authors", {}))

    @property
    def forgotten(self) -> frozenset[str]:
        """Codes of the people who were forgotten."""
        return frozenset(self.settings.get("forgotten", []))

    @property
    def is_private(self) -> bool:
        """Whether it is read with pseudonyms or masks."""
        return any(self.settings.get("privacy", {}).values())


def all_threads(connection: DuckDBPyConnection) -> dict[str, Thread]:
    """Every chat by key, sorted."""
    rows = connection.execute(
        "SELECT thread_id, title, source, timezone, settings FROM threads ORDER BY thread_id"
    ).fetchall()
    return {
        key: Thread(key, title, source, timezone, json.loads(settings))
        for key, title, source, timezone, settings in rows
    }


def get_thread(connection: DuckDBPyConnection, thread_id: str) -> Thread:
    """One chat.

    Raises:
        ThreadNotFoundError: There is no chat with this key.
    """
    threads = all_threads(connection)
    if thread_id not in threads:
        raise ThreadNotFoundError(thread_id, list(threads))
    return threads[thread_id]


def save_thread(connection: DuckDBPyConnection, thread: Thread) -> None:
    """Register a chat, or change what is known of it."""
    values = [thread.title, thread.source, thread.timezone, json.dumps(thread.settings)]
    updated = connection.execute(
        "UPDATE threads SET title = ?, source = ?, timezone = ?, settings = ? WHERE thread_id = ?",
        [*values, thread.thread_id],
    ).fetchone()
    if updated == (0,):
        connection.execute(
            "INSERT INTO threads VALUES (?, ?, ?, ?, ?, now())", [thread.thread_id, *values]
        )


def set_timezone(connection: DuckDBPyConnection, thread: Thread, timezone: str) -> int:
    """Read the clock times of a chat in another time zone; ids stay.

    Returns:
        How many messages moved in time; those whose export gives absolute times do not.
    """
    [moved] = connection.execute(
        """
        UPDATE messages SET timestamp = timezone($zone, (metadata.local_time)::TIMESTAMP)
        WHERE thread_id = $thread AND metadata.local_time NOT LIKE '%Z'
          AND timestamp <> timezone($zone, (metadata.local_time)::TIMESTAMP)
        """,
        {"zone": timezone, "thread": thread.thread_id},
    ).fetchone() or (0,)
    connection.execute(
        "UPDATE threads SET timezone = ? WHERE thread_id = ?", [timezone, thread.thread_id]
    )
    return int(moved)


def merge_threads(connection: DuckDBPyConnection, source: Thread, target: Thread) -> None:
    """Move everything of one chat into another; later exports of the first go there too.

    Messages are interleaved by time, each chat's own order stays, and so do all ids. The windows
    and reply links of both are removed, to be made anew.
    """
    names = {"source": source.thread_id, "target": target.thread_id}
    _interleave(connection, source.thread_id, target.thread_id)
    for table in ("imports", "documents", "generations"):
        connection.execute(
            f'UPDATE "{table}" SET thread_id = $target WHERE thread_id = $source',  # noqa: S608
            names,
        )
    move_thumbnails(connection, source.thread_id, target.thread_id)
    clear(connection, [source.thread_id, target.thread_id])
    connection.execute("DELETE FROM threads WHERE thread_id = ?", [source.thread_id])
    people = {
        "aliases": [*target.settings.get("aliases", []), *source.origins],
        "authors": {**source.settings.get("authors", {}), **target.settings.get("authors", {})},
        "forgotten": sorted({code for one in (source, target) for code in one.forgotten}),
    }
    told = {name: value for name, value in people.items() if value}
    save_thread(connection, replace(target, settings={**target.settings, **told}))


def clear(connection: DuckDBPyConnection, thread_ids: Sequence[str]) -> None:
    """Remove what follows from chats' messages and is made anew by the next run."""
    for table in ("windows", "reply_links"):
        connection.execute(
            f'DELETE FROM "{table}" WHERE thread_id IN (SELECT unnest(?))',  # noqa: S608
            [list(thread_ids)],
        )


def _interleave(connection: DuckDBPyConnection, source: str, target: str) -> None:
    connection.execute(
        """
        UPDATE messages SET thread_id = $target, position = placed.place
        FROM (
          SELECT message_id AS id,
            row_number() OVER (ORDER BY clock, side, position) - 1 AS place
          FROM (
            SELECT message_id, position, thread_id = $source AS side,
              max(timestamp) OVER (PARTITION BY thread_id ORDER BY position) AS clock
            FROM messages WHERE thread_id IN ($source, $target))
        ) placed
        WHERE message_id = placed.id
        """,
        {"source": source, "target": target},
    )


def retitled(thread: Thread, title: str) -> Thread:
    """The chat under another title."""
    return replace(thread, title=title)


def undo_import(connection: DuckDBPyConnection, import_id: UUID) -> tuple[str, str, int]:
    """Remove the messages that only this import brought, and the import.

    Returns:
        Key of the chat, digest of the file's content, and how many messages were removed.

    Raises:
        DatabaseObjectError: There is no such import.
    """
    found = connection.execute(
        "SELECT thread_id, sha256 FROM imports WHERE import_id = ?", [import_id]
    ).fetchone()
    if found is None:
        raise DatabaseObjectError(
            str(import_id), f"There is no import {import_id}. `threads imports KEY` lists them."
        )
    [removed] = connection.execute(
        """
        DELETE FROM messages WHERE message_id IN (
          SELECT unnest(message_ids) FROM imports WHERE import_id = $import
          EXCEPT SELECT unnest(message_ids) FROM imports
            WHERE import_id <> $import AND thread_id = $thread)
        """,
        {"import": import_id, "thread": found[0]},
    ).fetchone() or (0,)
    connection.execute("DELETE FROM imports WHERE import_id = ?", [import_id])
    connection.execute("DELETE FROM reply_links WHERE thread_id = ?", [found[0]])
    drop_unused_thumbnails(connection, found[0])
    close_gaps(connection, found[0])
    return found[0], found[1], int(removed)


def close_gaps(connection: DuckDBPyConnection, thread_id: str) -> None:
    """Number a chat's messages 0, 1, 2, … again, in the order they are in."""
    connection.execute(
        """
        UPDATE messages SET position = placed.place
        FROM (
          SELECT message_id AS id, row_number() OVER (ORDER BY position) - 1 AS place
          FROM messages WHERE thread_id = $thread
        ) placed
        WHERE message_id = placed.id AND position <> placed.place
        """,
        {"thread": thread_id},
    )


def forget_texts(connection: DuckDBPyConnection, thread_id: str) -> None:
    """Remove what was written about a chat's messages, before others take their place.

    What a person wrote stays. Windows, reply links and documents are to be made anew.
    """
    values = {"key": thread_id}
    written = "FROM documents WHERE thread_id = $key AND writer <> 'user'"
    documents = f"SELECT document_id::VARCHAR {written}"
    connection.execute(
        "UPDATE comparisons SET feedback = NULL WHERE feedback IS NOT NULL "  # noqa: S608
        f"AND (post_a IN ({documents}) OR post_b IN ({documents}))",
        values,
    )
    connection.execute(
        "DELETE FROM task_queue WHERE task_type = 'update_profile' AND subject IN "
        "(SELECT author FROM messages WHERE thread_id = $key)",
        values,
    )
    connection.execute(f"DELETE {written}", values)
    for table in ("generations", "thumbnails"):
        connection.execute(f'DELETE FROM "{table}" WHERE thread_id = $key', values)  # noqa: S608
    clear(connection, [thread_id])


def threads_of_author(connection: DuckDBPyConnection, author: str) -> list[str]:
    """Keys of the chats in which somebody of this name wrote."""
    rows = connection.execute(
        "SELECT DISTINCT thread_id FROM messages WHERE author = ? ORDER BY ALL", [author]
    ).fetchall()
    return [key for (key,) in rows]
