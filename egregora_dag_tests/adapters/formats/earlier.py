"""A conversation as earlier versions of Egregora stored it."""

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import duckdb

from egregora_dag_tests.adapters.conversation import Format, Said

# The table of its last version, and of one before it.
LAST: Final = """
CREATE TABLE messages (
  event_id VARCHAR, tenant_id VARCHAR, source VARCHAR, thread_id VARCHAR, msg_id VARCHAR,
  ts TIMESTAMP WITH TIME ZONE, author_raw VARCHAR, author_uuid VARCHAR, text VARCHAR,
  media_url VARCHAR, media_type VARCHAR, attrs JSON, pii_flags JSON,
  created_at TIMESTAMP WITH TIME ZONE, created_by_run VARCHAR);
CREATE UNIQUE INDEX idx_messages_pk ON messages(event_id);
CREATE INDEX idx_messages_ts ON messages(ts);
"""
FIRST: Final = """
CREATE TABLE ir_messages (
  event_id VARCHAR NOT NULL, tenant_id VARCHAR NOT NULL, source VARCHAR NOT NULL,
  thread_id VARCHAR NOT NULL, msg_id VARCHAR NOT NULL, ts TIMESTAMP NOT NULL,
  author_raw VARCHAR NOT NULL, author_uuid VARCHAR NOT NULL, text VARCHAR, media_url VARCHAR,
  media_type VARCHAR, attrs JSON, pii_flags JSON, created_at TIMESTAMP NOT NULL,
  created_by_run VARCHAR, PRIMARY KEY (event_id));
"""
MINIMAL: Final = (
    "CREATE TABLE messages (event_id UUID, ts TIMESTAMP, author_raw VARCHAR, text VARCHAR)"
)


def row_of(said: Sequence[Said], number: int, *, escapes: bool = False) -> dict[str, Any]:
    """A row of the last version's table."""
    one = said[number]
    attrs = {"original_line": f"{one.time} - {one.author}: {one.text}", "edited": one.edited}
    if one.reply_to is not None:
        attrs["reply_to"] = f"{one.reply_to}_e"
    return {
        "event_id": f"{number}_e",
        "tenant_id": "the-group",
        "source": "whatsapp",
        "thread_id": "the-group",
        "msg_id": f"{number}_e",
        "ts": one.time,
        "author_raw": one.author or "",
        "author_uuid": f"uuid of {one.author}",
        "text": html.escape(one.text, quote=False) if escapes else one.text,
        "media_url": one.media,
        "media_type": one.media_type,
        "attrs": json.dumps(attrs),
        "created_at": one.time,
        "created_by_run": "adapter:whatsapp",
    }


def store(path: Path, table: str, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A database with one table of these rows."""
    name = table.split("CREATE TABLE ")[1].split(maxsplit=1)[0]
    with duckdb.connect(str(path)) as database:
        database.execute("SET TimeZone = 'UTC'")
        database.execute(table)
        there = {column for column, *_ in database.execute(f"DESCRIBE {name}").fetchall()}
        for row in rows:
            names = [column for column in row if column in there]
            values = ", ".join(f"${column}" for column in names)
            database.execute(
                f"INSERT INTO {name} ({', '.join(names)}) VALUES ({values})",
                {column: row[column] for column in names},
            )
    return path


def _last(said: Sequence[Said], folder: Path) -> Path:
    rows = [row_of(said, number, escapes=True) for number in range(len(said))]
    return store(folder / "pipeline.duckdb", LAST, rows)


def _first(said: Sequence[Said], folder: Path) -> Path:
    rows = [row_of(said, number) for number in range(len(said))]
    naive = [row | {"ts": row["ts"].replace(tzinfo=None)} for row in rows]
    return store(folder / "pipeline.duckdb", FIRST, naive)


_OPTIONS: Final[Mapping[str, Any]] = {
    "kinds": frozenset({"message", "system", "media"}),
    "replies": True,
    "edits": True,
    "seconds": True,
}

FORMATS: Final[Mapping[str, Format]] = {
    "egregora": Format(_last, **_OPTIONS),
    "egregora first version": Format(_first, **_OPTIONS),
}
