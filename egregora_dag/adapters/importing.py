"""From an export to rows of `messages`: what is the same for every source."""

import re
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import available_timezones

import duckdb
from duckdb import DuckDBPyConnection

from egregora_dag import settings
from egregora_dag.adapters.protocol import Adapter, ExportFile, Tally
from egregora_dag.database.identifiers import MACROS, make_id
from egregora_dag.exceptions import EgregoraError

_LONGEST_KEY = 80
_NOT_IN_KEY = re.compile(r"[\W_]+")

# The id of a message is made from what every export of the chat writes alike: chat, clock, author
# and text, and the how-manieth such message it is.
_IMPORT = """
CREATE OR REPLACE TABLE imported AS
WITH keyed AS (
  SELECT *, local_time::VARCHAR || if(utc, 'Z', '') AS clock,
    hash(author, coalesce(identity, content)) AS essence
  FROM parsed
), repeated AS (
  SELECT line, row_number() OVER (PARTITION BY clock, essence ORDER BY line) - 1 AS occurrence
  FROM keyed SEMI JOIN (
    SELECT clock, essence FROM keyed GROUP BY ALL HAVING count(*) > 1
  ) USING (clock, essence)
)
SELECT
  coalesce(if($keeps_ids, message_id, NULL), make_id(concat_ws(chr(31),
    'message', $source, $origin, clock, coalesce(author, ''), coalesce(identity, content),
    coalesce(occurrence, 0)))) AS message_id,
  $thread AS thread_id,
  $source AS source,
  row_number() OVER (ORDER BY line) - 1 AS position,
  timezone(if(utc, 'UTC', $timezone), local_time) AS timestamp,
  author, content, kind, media_path, media_type,
  if($keeps_ids, reply_to, NULL) AS reply_to,
  {
    'file': $file, 'line': line, 'local_time': clock, 'edited': edited, 'forwarded': forwarded,
    'mentions': if(contains(content, '@'),
      regexp_extract_all(content, '(?:^|[\\s(])@([\\p{L}\\p{N}][^\\s@,;:!?]*)', 1), []),
    'urls': if(contains(content, '://'), list_transform(
      regexp_extract_all(content, 'https?://[^\\s<>"]+'), lambda url: rtrim(url, '.,;:!?)''')), []),
    'reactions': MAP {}::MAP(VARCHAR, BIGINT), 'extra': extra
  } AS metadata
FROM keyed LEFT JOIN repeated USING (line)
"""


@dataclass(frozen=True)
class Imported:
    """What was read from one file for one chat.

    Attributes:
        import_id: Made from the chat and the file's content.
        thread_id: The chat.
        file: The file's name.
        sha256: Digest of its content.
        tally: What became of its lines.
        messages: Messages read, system lines not counted.
        system: System lines read.
        first: Time of the earliest message, None if there is none.
    """

    import_id: UUID
    thread_id: str
    file: str
    sha256: str
    tally: Tally
    messages: int
    system: int
    first: datetime | None


@contextmanager
def scratch_database() -> Iterator[DuckDBPyConnection]:
    """A DuckDB database in memory, which spills to a temporary folder when memory runs short."""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as scratch:
        scratch.execute("SET temp_directory = ?", [folder])
        scratch.execute("SET TimeZone = 'UTC'")
        scratch.execute("SET memory_limit = ?", [settings.memory_limit()])
        scratch.execute(MACROS)
        yield scratch


def checked_timezone(name: str) -> str:
    """The name, if it is a time zone's.

    Raises:
        EgregoraError: It is not.
    """
    if name not in available_timezones():
        raise EgregoraError(
            f"{name!r} is not a time zone. Use an IANA name such as Europe/Lisbon or UTC."
        )
    return name


def thread_key(title: str) -> str:
    """A chat's key from its title: lower case, words joined by `-`, any script.

    Args:
        title: The chat's name.

    Returns:
        At most 80 letters, digits and hyphens; a title without any gets a key made from its hash.
    """
    plain = unicodedata.normalize("NFKC", title).lower()
    key = _NOT_IN_KEY.sub("-", plain).strip("-")[:_LONGEST_KEY].strip("-")
    return key or f"chat-{make_id('thread', title).hex[:8]}"


def import_file(
    scratch: DuckDBPyConnection,
    file: ExportFile,
    adapter: Adapter,
    *,
    chat: str | None,
    thread: str,
    timezone: str,
    origin: str | None = None,
) -> Imported:
    """Read one chat of a file into the table `imported`, with the columns of `messages`.

    Args:
        scratch: A database of `scratch_database`.
        file: The export.
        adapter: Its source.
        chat: Name of the chat within the file; None for all that is in it.
        thread: Key of the chat it goes into.
        timezone: Zone of times without an offset.
        origin: Key of the chat that ids are made with, if it was merged into `thread` later.

    Returns:
        What was read; positions and ids are as of this file alone.

    Raises:
        ExportError: The file cannot be read.
    """
    kept = _tables(scratch)
    tally = adapter.parse(file, scratch, chat)
    scratch.execute(
        _IMPORT,
        {
            "keeps_ids": chat == (origin or thread),
            "source": adapter.source,
            "origin": origin or thread,
            "thread": thread,
            "timezone": timezone,
            "file": file.path.name,
        },
    )
    counts = scratch.execute(
        "SELECT count(*), count(*) FILTER (kind = 'system'), min(timestamp) FROM imported"
    ).fetchone()
    total, system, first = counts or (0, 0, None)
    # What the adapter has left is as large as the file; make room.
    for name in _tables(scratch) - kept - {"imported"}:
        scratch.execute(f'DROP TABLE "{name}"')
    sha256 = file.sha256()
    return Imported(
        import_id=import_id_of(origin or thread, sha256),
        thread_id=thread,
        file=file.path.name,
        sha256=sha256,
        tally=tally,
        messages=total - system,
        system=system,
        first=first,
    )


def import_id_of(origin: str, sha256: str) -> UUID:
    """The id of an import: what was read of a file for the chat that its ids are made with."""
    return make_id("import", origin, sha256)


def _tables(scratch: DuckDBPyConnection) -> set[str]:
    return {
        name for (name,) in scratch.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    }
