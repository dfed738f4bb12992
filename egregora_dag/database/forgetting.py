"""Removing a chat or a person from the tables, and from what was written about them.

Every function works on a connection inside a transaction of the caller's. Comparisons and ratings
stay, as they hold ids and numbers; what a judge said of a text that goes is removed.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

import pyarrow as pa
from duckdb import DuckDBPyConnection

from egregora_dag.database.threads import clear, close_gaps
from egregora_dag.database.thumbnails import drop_unused_thumbnails

_BLOCK: Final = 50_000
# Kept for a person's own decision; any other document comes back with the next run.
_KEPT_STATUSES: Final = "('draft', 'archived')"

# Documents and generations are told apart by what they are about:
# - a window that lost a message, or is no more, comes back under another id, if at all;
# - a window whose messages name the person is written about again, under the same id;
# - a profile, a link or a file may tell of anybody's messages, and is written about again.
_TOUCHED: Final = """
CREATE OR REPLACE TEMP TABLE touched_windows AS
WITH places AS (
  SELECT thread_id, position, true AS lost FROM messages SEMI JOIN removed USING (message_id)
  UNION ALL
  SELECT thread_id, position, false FROM messages SEMI JOIN named USING (message_id)
)
SELECT window_id, coalesce(bool_or(lost), false) AS lost, count(position) > 0 AS touched
FROM windows w LEFT JOIN places p
  ON p.thread_id = w.thread_id AND position BETWEEN first_position AND last_position
WHERE w.thread_id IN (SELECT unnest($keys)) GROUP BY window_id
"""
_SUBJECTS: Final = """
CREATE OR REPLACE TEMP TABLE subjects AS
SELECT DISTINCT thread_id, subject FROM (
  SELECT thread_id, unnest(metadata.urls) AS subject FROM messages
  WHERE message_id NOT IN (SELECT message_id FROM removed)
  UNION ALL
  SELECT thread_id, media_path FROM messages
  WHERE message_id NOT IN (SELECT message_id FROM removed)
) WHERE subject IS NOT NULL AND thread_id IN (SELECT unnest($keys))
"""
_DOCUMENTS: Final = """
CREATE OR REPLACE TEMP TABLE touched_documents AS
SELECT document_id, CASE
    WHEN doc_type = 'profile' THEN list_contains($authors, d.subject)
    WHEN d.window_id IS NOT NULL THEN coalesce(t.lost, true)
    ELSE s.subject IS NULL
  END AS gone
FROM documents d
LEFT JOIN touched_windows t USING (window_id)
LEFT JOIN subjects s ON s.thread_id = d.thread_id AND s.subject = d.subject
WHERE writer <> 'user' AND d.thread_id IN (SELECT unnest($keys)) AND (
  d.window_id IS NULL OR coalesce(t.touched, true)
  OR document_id IN (SELECT id FROM naming))
"""
_GENERATIONS_GONE: Final = """
DELETE FROM generations g WHERE thread_id IN (SELECT unnest($keys)) AND (
  (window_id IS NOT NULL AND window_id NOT IN (
    SELECT window_id FROM touched_windows WHERE NOT touched))
  OR (window_id IS NULL AND coalesce(CAST(output->'facts' AS VARCHAR), '{}') = '{}')
  OR (window_id IS NULL AND NOT EXISTS (FROM subjects s
    WHERE s.thread_id = g.thread_id AND s.subject = g.subject))
  OR signature IN (SELECT id FROM naming_outputs))
"""
# What was found out about a link or a file is kept, as its export is gone; what was told is not.
_FACTS_ALONE: Final = """
UPDATE generations SET signature = sha256('facts' || signature),
  output = json_object('facts', output->'facts')
WHERE thread_id IN (SELECT unnest($keys)) AND window_id IS NULL
"""
_LEFT_OF_IMPORTS: Final = """
UPDATE imports SET message_ids = kept.ids
FROM (
  SELECT import_id AS import, coalesce(
      list(id ORDER BY place) FILTER (gone.message_id IS NULL), []) AS ids
  FROM (
    SELECT import_id, unnest(message_ids) AS id, generate_subscripts(message_ids, 1) AS place
    FROM imports WHERE thread_id IN (SELECT unnest($keys))
  ) LEFT JOIN removed gone ON id = gone.message_id
  GROUP BY import_id
) kept
WHERE import_id = kept.import
"""


class Names(Protocol):
    """Who is to be named nowhere; `naming.Names` is one."""

    def masked(self, text: str) -> str:
        """A text without the names."""

    def masked_json(self, value: Any) -> Any:
        """A value of JSON, its texts without the names."""


def forget_thread(connection: DuckDBPyConnection, thread_id: str) -> dict[str, int]:
    """Remove a chat: messages, windows, documents and all that was generated from them.

    Returns:
        Rows removed by table.
    """
    values = {"key": thread_id}
    messages = "SELECT message_id::VARCHAR FROM messages WHERE thread_id = $key"
    documents = "SELECT document_id::VARCHAR FROM documents WHERE thread_id = $key"
    _forget_remarks(connection, f"{documents} UNION ALL {messages}", values)
    _forget_verdicts(connection, documents, values)
    own = "SELECT author FROM messages WHERE thread_id = $key AND author IS NOT NULL"
    others = "SELECT author FROM messages WHERE thread_id <> $key AND author IS NOT NULL"
    tasks = _deleted(
        connection,
        f"""
        DELETE FROM task_queue WHERE subject = $key OR json_contains(payload, to_json($key))
          OR subject IN (
            SELECT window_id::VARCHAR FROM windows WHERE thread_id = $key
            UNION ALL ({own} EXCEPT {others})
            UNION ALL SELECT unnest(metadata.urls) FROM messages WHERE thread_id = $key
            UNION ALL SELECT media_path FROM messages
              WHERE thread_id = $key AND media_path IS NOT NULL)
        """,  # noqa: S608
        values,
    )
    removed = {
        table: _deleted(connection, f'DELETE FROM "{table}" WHERE thread_id = $key', values)  # noqa: S608
        for table in (
            "generations",
            "documents",
            "thumbnails",
            "windows",
            "reply_links",
            "imports",
            "messages",
            "threads",
        )
    }
    return {**removed, "task_queue": tasks}


def forget_author(
    connection: DuckDBPyConnection,
    authors: Collection[str],
    names: Names,
    thread_ids: Sequence[str],
) -> dict[str, int]:
    """Remove a person's messages from chats, their name from those of others, and what tells of it.

    Ids, times and order of the others' messages stay. What was written about windows, people,
    links and files with the person's messages is removed, to be written anew; the windows and
    reply links of these chats are to be made anew.

    Args:
        connection: A connection inside a transaction.
        authors: The person's names, as stored.
        names: The ways in which others name the person.
        thread_ids: Keys of the chats.

    Returns:
        Rows removed by table; under `renamed`, the messages of others that named the person.
    """
    values = {"keys": list(thread_ids), "authors": list(authors)}
    of_them = "thread_id IN (SELECT unnest($keys))"
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE removed AS SELECT message_id FROM messages "  # noqa: S608
        f"WHERE {of_them} AND author IN (SELECT unnest($authors))",
        values,
    )
    renamed = rename_in_messages(connection, names, thread_ids)
    _find_documents(connection, names, thread_ids)
    connection.execute(_TOUCHED, {"keys": values["keys"]})
    connection.execute(_SUBJECTS, {"keys": values["keys"]})
    connection.execute(_DOCUMENTS, values)
    removed = {"generations": _deleted(connection, _GENERATIONS_GONE, {"keys": values["keys"]})}
    connection.execute(_FACTS_ALONE, {"keys": values["keys"]})
    _mask_outputs(connection, names, thread_ids)
    removed |= _forget_documents(connection)
    _rename_in_own_documents(connection, names, thread_ids)
    removed["annotations"] += _rename_in_remarks(connection, authors, names)
    _forget_verdicts(connection, "SELECT document_id::VARCHAR FROM touched_documents", {})
    _forget_verdicts_on(connection, names)
    removed["task_queue"] = _forget_tasks(connection, authors, names)
    _rename_imports(connection, names, thread_ids)
    connection.execute(_LEFT_OF_IMPORTS, {"keys": values["keys"]})
    removed["messages"] = _deleted(
        connection, "DELETE FROM messages WHERE message_id IN (SELECT message_id FROM removed)", {}
    )
    clear(connection, thread_ids)
    removed["thumbnails"] = sum(drop_unused_thumbnails(connection, key) for key in thread_ids)
    for key in thread_ids:
        close_gaps(connection, key)
    for table in ("removed", "named", "naming", "naming_outputs", "touched_windows", "subjects"):
        connection.execute(f'DROP TABLE "{table}"')
    connection.execute("DROP TABLE touched_documents")
    return {**removed, "renamed": renamed}


def rename_in_messages(
    connection: DuckDBPyConnection,
    names: Names,
    thread_ids: Sequence[str],
    table: str = "messages",
) -> int:
    """Take somebody's names, and quotes of what they wrote, out of what others wrote.

    Args:
        connection: A connection on which the table `removed` lists the person's messages; the ids
            of those that change are left in `named`.
        names: The ways in which others name the person.
        thread_ids: Keys of the chats.
        table: A table with the columns of `messages`.

    Returns:
        How many messages changed.
    """
    said = _lines_of_removed(connection, table)
    rows = _rows(
        connection,
        f"""
        SELECT message_id::VARCHAR AS id, content, media_path, metadata.file AS file,
          metadata.mentions AS mentions, metadata.urls AS urls, metadata.extra AS extra,
          reply_to IN (SELECT message_id FROM removed) AS answers
        FROM "{table}" WHERE thread_id IN (SELECT unnest(?))
          AND message_id NOT IN (SELECT message_id FROM removed)
        """,  # noqa: S608
        [list(thread_ids)],
    )
    changed = []
    for row in rows:
        extra = json.loads(row["extra"] or "{}")
        quote = extra.get("quote") if isinstance(extra, dict) else None
        if isinstance(quote, str) and (row["answers"] or _lines(quote) & said):
            extra = {name: value for name, value in extra.items() if name != "quote"}
        found = {
            "id": row["id"],
            "content": names.masked(_without_quotes(row["content"], said)),
            "media_path": row["media_path"] and names.masked(row["media_path"]),
            "file": names.masked(row["file"]),
            "mentions": [names.masked(one) for one in row["mentions"]],
            "urls": [names.masked(one) for one in row["urls"]],
            "extra": names.masked_json(extra),
        }
        before = {**{name: row[name] for name in found}, "extra": json.loads(row["extra"] or "{}")}
        if found != before:
            changed.append({**found, "extra": json.dumps(found["extra"], ensure_ascii=False)})
    lists = {"mentions", "urls"}
    kinds = {
        name: pa.list_(pa.string()) if name in lists else pa.string()
        for name in ("id", "content", "media_path", "file", "mentions", "urls", "extra")
    }
    connection.register("changed_rows", pa.Table.from_pylist(changed, pa.schema(kinds)))
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE named AS "
        "SELECT id::UUID AS message_id, * EXCLUDE id FROM changed_rows"
    )
    connection.unregister("changed_rows")
    connection.execute(
        f"""
        UPDATE "{table}" t SET content = named.content, media_path = named.media_path,
          metadata = struct_update(metadata, file := named.file, mentions := named.mentions,
            urls := named.urls, extra := named.extra::JSON)
        FROM named WHERE t.message_id = named.message_id
        """  # noqa: S608
    )
    return len(changed)


def _lines_of_removed(connection: DuckDBPyConnection, table: str) -> set[str]:
    """Every line that the person wrote."""
    rows = connection.execute(
        f'SELECT content FROM "{table}" '  # noqa: S608
        "WHERE message_id IN (SELECT message_id FROM removed)"
    ).fetchall()
    return {line for (content,) in rows for line in _lines(content)}


def _lines(text: str) -> set[str]:
    return {line for one in text.splitlines() if (line := one.lstrip("> ").strip())}


def _without_quotes(text: str, said: Collection[str]) -> str:
    """A text without the lines that quote something said, which begin with `>`."""
    if ">" not in text:
        return text
    lines = text.split("\n")
    kept = [one for one in lines if not (one.startswith(">") and one.lstrip("> ").strip() in said)]
    return text if len(kept) == len(lines) else "\n".join(kept)


def _find_documents(
    connection: DuckDBPyConnection, names: Names, thread_ids: Sequence[str]
) -> None:
    """Leave in `naming` and `naming_outputs` what names the person."""
    documents = _rows(
        connection,
        "SELECT document_id::VARCHAR AS id, concat_ws(chr(10), subject, title, summary, content, "
        "slug, array_to_string(authors, chr(10)), array_to_string(tags, chr(10))) AS text "
        "FROM documents WHERE thread_id IN (SELECT unnest(?))",
        [list(thread_ids)],
    )
    naming = [row["id"] for row in documents if names.masked(row["text"]) != row["text"]]
    generations = _rows(
        connection,
        "SELECT signature AS id, subject, output FROM generations "
        "WHERE thread_id IN (SELECT unnest(?)) AND (window_id IS NOT NULL "
        "OR doc_type NOT IN ('enrichment', 'media'))",
        [list(thread_ids)],
    )
    outputs = [row["id"] for row in generations if _names(names, row["subject"], row["output"])]
    for table, kind, ids in (("naming", "UUID", naming), ("naming_outputs", "VARCHAR", outputs)):
        connection.execute(
            f'CREATE OR REPLACE TEMP TABLE "{table}" AS SELECT unnest(?)::{kind} AS id',
            [ids],
        )


def _names(names: Names, subject: str | None, output: str) -> bool:
    """Whether a text, or a value of JSON, names the person."""
    value = [subject, json.loads(output)]
    return bool(names.masked_json(value) != value)


def _mask_outputs(connection: DuckDBPyConnection, names: Names, thread_ids: Sequence[str]) -> None:
    """Take the names out of the facts about links and files that are kept."""
    rows = connection.execute(
        "SELECT signature, item, subject, output FROM generations WHERE window_id IS NULL "
        "AND thread_id IN (SELECT unnest(?))",
        [list(thread_ids)],
    ).fetchall()
    for signature, item, subject, output in rows:
        value = json.loads(output)
        masked = names.masked_json(value)
        if masked != value or names.masked(subject) != subject:
            connection.execute(
                "UPDATE generations SET output = ?, subject = ? WHERE signature = ? AND item = ?",
                [json.dumps(masked), names.masked(subject), signature, item],
            )


def _forget_documents(connection: DuckDBPyConnection) -> dict[str, int]:
    """Remove the documents that do not come back, and empty those that do."""
    gone = "SELECT document_id::VARCHAR FROM touched_documents WHERE gone"
    removed_messages = "SELECT message_id::VARCHAR FROM removed"
    remarks = _forget_remarks(connection, f"{gone} UNION ALL {removed_messages}", {})
    documents = _deleted(
        connection,
        f"DELETE FROM documents WHERE document_id::VARCHAR IN ({gone})",  # noqa: S608
        {},
    )
    connection.execute(
        f"""
        UPDATE documents SET title = '', summary = '', content = '', authors = [], tags = [],
          slug = document_id::VARCHAR,
          status = if(status IN {_KEPT_STATUSES}, status, 'superseded')
        WHERE document_id IN (SELECT document_id FROM touched_documents WHERE NOT gone)
        """  # noqa: S608
    )
    return {"documents": documents, "annotations": remarks}


def _rename_in_own_documents(
    connection: DuckDBPyConnection, names: Names, thread_ids: Sequence[str]
) -> None:
    """Take the names out of what people wrote themselves."""
    texts = ("subject", "slug", "title", "summary", "content")
    rows = connection.execute(
        f"SELECT document_id, {', '.join(texts)}, authors, tags FROM documents "  # noqa: S608
        "WHERE writer = 'user' AND thread_id IN (SELECT unnest(?))",
        [list(thread_ids)],
    ).fetchall()
    for document_id, *values in rows:
        masked = names.masked_json(values)
        if masked != values:
            masked[1] = masked[1].replace("[", "").replace("]", "")
            lists = [[one for one in values[place] if names.masked(one) == one] for place in (5, 6)]
            connection.execute(
                "UPDATE documents SET subject = ?, slug = ?, title = ?, summary = ?, content = ?, "
                "authors = ?, tags = ? WHERE document_id = ?",
                [*masked[:5], *lists, document_id],
            )


def _rename_in_remarks(
    connection: DuckDBPyConnection, authors: Collection[str], names: Names
) -> int:
    """Remove the person's remarks, and the names from those of others."""
    own = "SELECT annotation_id::VARCHAR FROM annotations WHERE author IN (SELECT unnest($authors))"
    removed = _forget_remarks(connection, own, {"authors": list(authors)})
    removed += _deleted(
        connection,
        "DELETE FROM annotations WHERE author IN (SELECT unnest($authors))",
        {"authors": list(authors)},
    )
    rows = connection.execute("SELECT annotation_id, content FROM annotations").fetchall()
    for annotation_id, content in rows:
        if (masked := names.masked(content)) != content:
            connection.execute(
                "UPDATE annotations SET content = ? WHERE annotation_id = ?",
                [masked, annotation_id],
            )
    return removed


def _forget_tasks(connection: DuckDBPyConnection, authors: Collection[str], names: Names) -> int:
    """Remove what was asked for about the person."""
    rows = connection.execute(
        "SELECT task_id, subject, payload, coalesce(error, '') FROM task_queue"
    ).fetchall()
    told = [
        task_id
        for task_id, subject, payload, error in rows
        if subject in authors or _names(names, subject, payload) or names.masked(error) != error
    ]
    return _deleted(
        connection,
        "DELETE FROM task_queue WHERE task_id IN (SELECT unnest($ids)::UUID)",
        {"ids": [str(task_id) for task_id in told]},
    )


def _rename_imports(
    connection: DuckDBPyConnection, names: Names, thread_ids: Sequence[str]
) -> None:
    rows = connection.execute(
        "SELECT import_id, file FROM imports WHERE thread_id IN (SELECT unnest(?))",
        [list(thread_ids)],
    ).fetchall()
    for import_id, file in rows:
        if (masked := names.masked(file)) != file:
            connection.execute(
                "UPDATE imports SET file = ? WHERE import_id = ?", [masked, import_id]
            )


def _forget_remarks(
    connection: DuckDBPyConnection, parents: str, values: Mapping[str, object]
) -> int:
    """Remove what people said about what goes, and about what they said."""
    return _deleted(
        connection,
        f"""
        DELETE FROM annotations WHERE annotation_id IN (
          WITH RECURSIVE gone AS (
            SELECT annotation_id FROM annotations WHERE parent_id IN ({parents})
            UNION
            SELECT a.annotation_id FROM annotations a
            JOIN gone ON a.parent_id = gone.annotation_id::VARCHAR)
          SELECT annotation_id FROM gone)
        """,  # noqa: S608
        values,
    )


def _forget_verdicts(
    connection: DuckDBPyConnection, documents: str, values: Mapping[str, object]
) -> None:
    """Remove what judges said about documents."""
    connection.execute(
        "UPDATE comparisons SET feedback = NULL WHERE feedback IS NOT NULL "  # noqa: S608
        f"AND (post_a IN ({documents}) OR post_b IN ({documents}))",
        values,
    )


def _forget_verdicts_on(connection: DuckDBPyConnection, names: Names) -> None:
    """Remove what judges said of the person."""
    told = connection.execute(
        "SELECT comparison_id::VARCHAR, feedback FROM comparisons WHERE feedback IS NOT NULL"
    ).fetchall()
    ids = [id_ for id_, feedback in told if _names(names, None, feedback)]
    connection.execute(
        "UPDATE comparisons SET feedback = NULL WHERE comparison_id IN (SELECT unnest(?)::UUID)",
        [ids],
    )


def _rows(
    connection: DuckDBPyConnection, query: str, values: Sequence[object]
) -> Iterator[dict[str, Any]]:
    """The rows of a query, read some at a time; the connection runs nothing else meanwhile."""
    for batch in connection.execute(query, values).to_arrow_reader(_BLOCK):
        yield from batch.to_pylist()


def _deleted(connection: DuckDBPyConnection, statement: str, values: Mapping[str, object]) -> int:
    [count] = connection.execute(statement, values).fetchone() or (0,)
    return int(count)
