"""People as chats know them: two names of one person made one.

Every function works on a connection inside a transaction of the caller's.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from duckdb import DuckDBPyConnection

from egregora_dag.database.threads import get_thread, save_thread

_TEXTS: Final = ("title", "summary", "content")


def names_of_threads(connection: DuckDBPyConnection) -> dict[str, set[str]]:
    """Everybody who wrote in each chat, by its key."""
    rows = connection.execute(
        "SELECT thread_id, list(DISTINCT author) FROM messages WHERE author IS NOT NULL GROUP BY 1"
    ).fetchall()
    return {key: set(authors) for key, authors in rows}


def merge_authors(
    connection: DuckDBPyConnection,
    old: str,
    new: str,
    thread_ids: Sequence[str],
    replaced: Callable[[str], str],
) -> int:
    """Let one of two names of a person stand for both, in what is stored and what comes later.

    Ids of messages, windows and documents stay; texts that were written about the chats name the
    person anew, without being written again.

    Args:
        connection: A connection inside a transaction.
        old: The name, as stored, that is given up.
        new: The name that stands.
        thread_ids: Keys of the chats.
        replaced: Puts the new name into a text in place of the old.

    Returns:
        How many messages changed their author.
    """
    keys = list(thread_ids)
    [changed] = connection.execute(
        "UPDATE messages SET author = ? WHERE author = ? AND thread_id IN (SELECT unnest(?))",
        [new, old, keys],
    ).fetchone() or (0,)
    for key in keys:
        thread = get_thread(connection, key)
        known = thread.settings.get("authors", {})
        authors = {one: new if to == old else to for one, to in known.items()} | {old: new}
        authors.pop(new, None)
        save_thread(connection, replace(thread, settings={**thread.settings, "authors": authors}))
    _rename_in_generations(connection, keys, replaced)
    _rename_in_documents(connection, keys, replaced)
    connection.execute(
        "UPDATE task_queue SET subject = ? WHERE subject = ? AND task_type = 'update_profile' "
        "AND status = 'pending'",
        [new, old],
    )
    return int(changed)


def _rename_in_generations(
    connection: DuckDBPyConnection, keys: Sequence[str], replaced: Callable[[str], str]
) -> None:
    rows = connection.execute(
        "SELECT signature, item, output FROM generations WHERE thread_id IN (SELECT unnest(?))",
        [keys],
    ).fetchall()
    for signature, item, output in rows:
        value = json.loads(output)
        renamed = _renamed(value, replaced)
        if renamed != value:
            connection.execute(
                "UPDATE generations SET output = ? WHERE signature = ? AND item = ?",
                [json.dumps(renamed, ensure_ascii=False), signature, item],
            )


def _rename_in_documents(
    connection: DuckDBPyConnection, keys: Sequence[str], replaced: Callable[[str], str]
) -> None:
    rows = connection.execute(
        f"SELECT document_id, authors, {', '.join(_TEXTS)} FROM documents "  # noqa: S608
        "WHERE writer <> 'user' AND thread_id IN (SELECT unnest(?))",
        [keys],
    ).fetchall()
    for document_id, *values in rows:
        renamed = _renamed(values, replaced)
        if renamed != values:
            renamed[0] = list(dict.fromkeys(renamed[0]))
            connection.execute(
                "UPDATE documents SET authors = ?, title = ?, summary = ?, content = ? "
                "WHERE document_id = ?",
                [*renamed, document_id],
            )


def _renamed(value: Any, replaced: Callable[[str], str]) -> Any:
    """A value of JSON with the new name in its texts, and once where it lists people."""
    match value:
        case str():
            return replaced(value)
        case list():
            return [_renamed(one, replaced) for one in value]
        case dict():
            renamed = {key: _renamed(one, replaced) for key, one in value.items()}
            if isinstance(renamed.get("authors"), list):
                renamed["authors"] = list(dict.fromkeys(renamed["authors"]))
            return renamed
    return value
