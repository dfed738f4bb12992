"""From an export to rows of `messages`: what is the same for every source."""

import re
import tempfile
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID
from zoneinfo import available_timezones

import duckdb
from duckdb import DuckDBPyConnection

from egregora_dag.adapters import privacy as hiding
from egregora_dag.adapters.files import MEDIA_TYPE, ExportFile
from egregora_dag.adapters.privacy import Privacy
from egregora_dag.adapters.protocol import Adapter, Parsed, Reading
from egregora_dag.adapters.registry import adapter_for
from egregora_dag.database import limits
from egregora_dag.database.identifiers import MACROS, SEPARATOR, make_id
from egregora_dag.exceptions import EgregoraError

_LONGEST_KEY = 80
# Bytes; a file's name may have 255 of them.
_LONGEST_NAME: Final = 240
_NOT_IN_KEY = re.compile(r"[\W_]+")
# Numbers of rejected lines that are told; all of them are counted.
MOST_REJECTED: Final = 100

# What a column of `parsed` is that an adapter has left out.
_DEFAULTS: Final = {
    "utc": "false",
    "identity": "NULL::VARCHAR",
    "native_id": "NULL::VARCHAR",
    "reply_native": "NULL::VARCHAR",
    "media_path": "NULL::VARCHAR",
    "media_type": "NULL::VARCHAR",
    "edited": "false",
    "forwarded": "false",
    "mentions": "NULL::VARCHAR[]",
    "reactions": "NULL::MAP(VARCHAR, BIGINT)",
    "message_id": "NULL::UUID",
    "reply_to": "NULL::UUID",
    "extra": "NULL::JSON",
}

# Rows of one chat that lie in its order need not be moved: what is as wide as the file is then
# neither sorted nor joined. The last row's id tells that none is missing.
_IN_ORDER = """
SELECT bool_and(chat = $chat AND line >= coalesce(before, line)) AND max(row) = count(*) - 1
FROM (SELECT rowid AS row, chat, line, lag(line) OVER () AS before FROM parsed)
"""
_ORDERED = """
CREATE OR REPLACE TABLE ordered AS
SELECT * FROM parsed WHERE $chat IS NULL OR chat = $chat ORDER BY {order}
"""

# The id of a message is made from what every export of the chat writes alike: the source's own id
# where there is one, else clock, author and text; and the how-manieth such message it is. An id
# that Egregora gave under other settings counts as the source's own: see `make_keyed_id`.
_CHOSEN = """
SELECT rowid AS row, * REPLACE (
    if($several, chat || chr(31), '') || coalesce(native_id,
      if(is_keyed_id(message_id) <> {keyed}, message_id::VARCHAR, NULL)) AS native_id,
    if($several, chat || chr(31), '') || coalesce(reply_native,
      if(is_keyed_id(reply_to) <> {keyed}, reply_to::VARCHAR, NULL)) AS reply_native),
  if(utc, concat(local_time::VARCHAR, 'Z'), local_time::VARCHAR) AS clock
FROM (SELECT rowid, {columns} FROM {table})
"""

# A chain of `||` would make each of its parts anew.
_NAME = """if(native_id IS NULL,
    concat($prefix, clock, chr(31), author, chr(31), coalesce(identity, content), chr(31),
      occurrence),
    concat($prefix, native_id, chr(31), occurrence))"""

# Repetition is found on narrow rows, and few messages are said twice in a minute: to mark those is
# less work than a join, and leaves the rows in order.
_ESSENCES = """
CREATE OR REPLACE TEMP TABLE essences AS
SELECT row, CASE WHEN native_id IS NULL
  THEN hash(local_time, utc, coalesce(author, ''), coalesce(identity, content))
  ELSE hash(native_id) END AS essence
FROM ({chosen})
"""
_REPEATED = """
ALTER TABLE {table} ADD COLUMN IF NOT EXISTS occurrence BIGINT DEFAULT 0;
UPDATE {table} SET occurrence = before FROM (
  SELECT row, row_number() OVER (PARTITION BY essence ORDER BY row) - 1 AS before
  FROM essences SEMI JOIN (
    SELECT essence FROM essences GROUP BY essence HAVING count(*) > 1
  ) USING (essence)
) WHERE rowid = row AND before > 0;
DROP TABLE essences
"""

_ROWS = f"""
WITH chosen AS ({{chosen}})
SELECT
  coalesce(if($keeps_ids AND is_keyed_id(message_id) = {{keyed}}, message_id, NULL),
    {{make_id}}({_NAME})) AS message_id,
  $thread AS thread_id,
  $source AS source,
  row AS position,
  CASE WHEN utc OR $timezone = 'UTC' THEN make_timestamptz(epoch_us(local_time))
    ELSE timezone($timezone, local_time) END AS timestamp,
  {{author}} AS author,
  {{content}} AS content,
  kind,
  {{media_path}} AS media_path,
  CASE WHEN media_type IS NULL AND kind = 'media' AND media_path IS NOT NULL THEN {MEDIA_TYPE}
    ELSE media_type END AS media_type,
  CASE WHEN reply_native IS NOT NULL THEN {{make_id}}($prefix || reply_native || chr(31) || '0')
    WHEN $keeps_ids THEN reply_to END AS reply_to,
  {{{{
    'file': $file, 'line': line, 'local_time': clock, 'edited': edited, 'forwarded': forwarded,
    'mentions': coalesce({{mentions}}, if(contains({{content}}, '@'),
      regexp_extract_all({{content}},
        '(?:^|[\\s(])@([\\p{{{{L}}}}\\p{{{{N}}}}][^\\s@,;:!?]*)', 1), [])),
    'urls': if(contains({{content}}, '://'), list_transform(
      regexp_extract_all({{content}}, 'https?://[^\\s<>"]+'),
      lambda url: rtrim(url, '.,;:!?)\'\'')), []),
    'reactions': coalesce(reactions, MAP {{{{}}}}::MAP(VARCHAR, BIGINT)),
    'extra': {{extra}}
  }}}} AS metadata
FROM chosen {{hidden}}
"""  # noqa: S608 - made of constants


@dataclass(frozen=True)
class Tally:
    """What became of each line (or record) of a chat; the kinds add up to `lines`.

    Attributes:
        lines: Lines of the chat.
        messages: Messages read, system lines not counted.
        system: System lines read.
        continuation: Lines that go on a message begun above.
        rejected: Lines that could not be read.
        rejected_lines: Numbers of the first hundred of those, from 1.
    """

    lines: int
    messages: int
    system: int
    continuation: int
    rejected: int
    rejected_lines: tuple[int, ...]


@dataclass(frozen=True)
class Imported:
    """What was read from one file for one chat.

    Attributes:
        import_id: Made from the chat and the file's content.
        thread_id: The chat.
        file: The file's name.
        sha256: Digest of its content.
        tally: What became of its lines.
        parsed: What else was found in the file.
        first: Time of the earliest message, None if there is none.
        last: Time of the latest.
        pseudonyms: Pseudonym → author, for those who write in it.
    """

    import_id: UUID
    thread_id: str
    file: str
    sha256: str
    tally: Tally
    parsed: Parsed
    first: datetime | None
    last: datetime | None
    pseudonyms: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class ChatRows:
    """A chat's rows of `messages`, to be selected.

    Attributes:
        query: The query; `position` is the number of the row in the table it reads, so that a
            stretch of positions is found without reading the others.
        values: What it takes.
        count: How many there are.
        pseudonyms: Pseudonym → author, for those who write in it.
        in_order: Whether they come by position.
    """

    query: str
    values: Mapping[str, object]
    count: int
    pseudonyms: Mapping[str, str] = field(repr=False)
    in_order: bool


@contextmanager
def scratch_database(beside: Path | None = None) -> Iterator[DuckDBPyConnection]:
    """A DuckDB database in memory, which spills to a temporary folder when memory runs short.

    Args:
        beside: The file beside which that folder is made, unless `$EGREGORA_TEMP_DIRECTORY` says
            where; in the system's own place for temporary files if None.

    Raises:
        DiskFullError: There was no room for what it spilled.
        MemoryLimitError: Work needs more memory than DuckDB may take.
    """
    folder = limits.spill_folder(beside)
    with (
        tempfile.TemporaryDirectory(prefix=limits.spill_prefix(), dir=folder) as spill,
        limits.shortages_told(spill),
        duckdb.connect() as scratch,
    ):
        limits.limit(scratch, Path(spill))
        scratch.execute("SET TimeZone = 'UTC'")
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
        At most 80 letters, digits and hyphens, and no more than a folder's name may hold; a title
        without any gets a key made from its hash.
    """
    plain = unicodedata.normalize("NFKC", title).lower()
    key = _NOT_IN_KEY.sub("-", plain).strip("-")[:_LONGEST_KEY]
    key = key.encode()[:_LONGEST_NAME].decode("utf-8", "ignore").strip("-")
    return key or f"chat-{make_id('thread', title).hex[:8]}"


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def threads_of(adapter: Adapter, file: ExportFile) -> dict[str, str]:
    """The chats in a file: name within the file → title, each of which makes a key of its own.

    Args:
        adapter: The file's source.
        file: The export.

    Returns:
        The titles; one whose key another chat has already gets a code added, made from its name.

    Raises:
        ExportError: The file as a whole cannot be read.
    """
    titles: dict[str, str] = {}
    taken: set[str] = set()
    for name, told in adapter.threads(file).items():
        # JSON can hold halves of characters.
        title = _whole(told)
        code = make_id("chat", _whole(name)).hex[:8]
        titles[name] = (
            f"{title[: _LONGEST_KEY - 20]} {code}" if thread_key(title) in taken else title
        )
        taken.add(thread_key(titles[name]))
    return titles


def parse_file(
    scratch: DuckDBPyConnection, file: ExportFile, adapter: Adapter, reading: Reading
) -> Parsed:
    """Read all chats of a file into the tables `parsed` and `rejected`.

    Args:
        scratch: A database of `scratch_database`.
        file: The export.
        adapter: Its source.
        reading: What the user says of the file.

    Returns:
        What was found beside the rows.

    Raises:
        ExportError: The file cannot be read.
    """
    scratch.execute("CREATE OR REPLACE TABLE rejected (chat VARCHAR, line BIGINT)")
    return adapter.parse(file, scratch, reading)


def import_file(
    scratch: DuckDBPyConnection,
    file: ExportFile,
    adapter: Adapter,
    *,
    chat: str | None,
    thread: str,
    timezone: str,
    origin: str | None = None,
    reading: Reading | None = None,
    privacy: Privacy | None = None,
) -> Imported:
    """`parse_file` and `import_chat` in one, for a file of which one chat is wanted."""
    parsed = parse_file(scratch, file, adapter, reading or Reading())
    return import_chat(
        scratch,
        file,
        parsed,
        source=adapter.source,
        chat=chat,
        thread=thread,
        timezone=timezone,
        origin=origin,
        privacy=privacy,
    )


def import_chat(
    scratch: DuckDBPyConnection,
    file: ExportFile,
    parsed: Parsed,
    *,
    source: str,
    chat: str | None,
    thread: str,
    timezone: str,
    origin: str | None = None,
    privacy: Privacy | None = None,
    known: Collection[str] = (),
) -> Imported:
    """Turn one chat of a file that was parsed into `imported`, with the columns of `messages`.

    Args:
        scratch: The database that `parse_file` has filled.
        file: The export.
        parsed: What `parse_file` returned.
        source: Name of its source.
        chat: Name of the chat within the file; None for all that is in it.
        thread: Key of the chat it goes into.
        timezone: Zone of times without an offset.
        origin: Key of the chat that ids are made with, if it was merged into `thread` later.
        privacy: What is kept out of the rows; nothing if None.
        known: People who may be named in the chat though they write nothing in this file.

    Returns:
        What was read; positions and ids are as of this file alone.
    """
    origin = origin or thread
    with chat_rows(
        scratch,
        file,
        parsed,
        source=source,
        chat=chat,
        thread=thread,
        timezone=timezone,
        origin=origin,
        privacy=privacy or Privacy(),
        known=known,
    ) as rows:
        scratch.execute(f"CREATE OR REPLACE TABLE imported AS {rows.query}", rows.values)
    counts = scratch.execute(
        "SELECT count(*), count(*) FILTER (kind = 'system'), min(timestamp), max(timestamp) "
        "FROM imported"
    ).fetchone()
    total, system, first, last = counts or (0, 0, None, None)
    sha256 = file.sha256()
    return Imported(
        import_id=import_id_of(origin, sha256),
        thread_id=thread,
        file=file.path.name,
        sha256=sha256,
        tally=_tally(scratch, parsed.lines, chat, total, system),
        parsed=parsed,
        first=first,
        last=last,
        pseudonyms=rows.pseudonyms,
    )


@contextmanager
def chat_rows(
    scratch: DuckDBPyConnection,
    file: ExportFile,
    parsed: Parsed,
    *,
    source: str,
    chat: str | None,
    thread: str,
    timezone: str,
    origin: str,
    privacy: Privacy,
    known: Collection[str] = (),
) -> Iterator[ChatRows]:
    """The rows of one chat of a file that was parsed, while the tables that they need are there.

    Args:
        scratch: The database that `parse_file` has filled.
        file: The export.
        parsed: What `parse_file` returned.
        source: Name of its source.
        chat: Name of the chat within the file; None for all that is in it.
        thread: Key of the chat it goes into.
        timezone: Zone of times without an offset.
        origin: Key of the chat that ids are made with.
        privacy: What is kept out of the rows.
        known: People who may be named in the chat though they write nothing in this file.
    """
    # A chat's own ids tell its messages apart, but not those of another chat.
    several = chat is None and len(parsed.lines) > 1
    one = next(iter(parsed.lines), None) if chat is None else chat
    [in_order] = scratch.execute(_IN_ORDER, {"chat": one}).fetchone() or (False,)
    table = "parsed" if in_order else "ordered"
    if not in_order:
        order = "chat, line" if several else "line"
        scratch.execute(_ORDERED.format(order=order), {"chat": chat})
    there = {name for name, *_ in scratch.execute("DESCRIBE parsed").fetchall()}
    missing = [f"{sql} AS {name}" for name, sql in _DEFAULTS.items() if name not in there]
    keyed = str(privacy.is_on)
    chosen = _CHOSEN.format(columns=", ".join(["*", *missing]), table=table, keyed=keyed)
    which = {"several": several}
    pseudonyms = hiding.hide(scratch, privacy, chosen, which, known) if privacy.is_on else {}
    key = (privacy.id_key,) if privacy.is_on else ()
    scratch.execute(_ESSENCES.format(chosen=chosen), which)
    scratch.execute(_REPEATED.format(table=table))
    [count] = scratch.execute(f"SELECT count(*) FROM {table}").fetchone() or (0,)  # noqa: S608
    yield ChatRows(
        _ROWS.format(chosen=chosen, keyed=keyed, **hiding.columns(privacy)),
        {
            **which,
            "keeps_ids": chat == origin,
            "prefix": SEPARATOR.join((*key, "message", source, origin, "")),
            "source": source,
            "thread": thread,
            "timezone": timezone,
            "file": file.path.name,
        },
        count,
        pseudonyms,
        in_order=not privacy.is_on,
    )
    scratch.execute("DROP TABLE IF EXISTS ordered")
    if privacy.is_on:
        hiding.done(scratch)


def _tally(
    scratch: DuckDBPyConnection, lines: Mapping[str, int], chat: str | None, total: int, system: int
) -> Tally:
    """What became of the lines of a chat of which so many rows were read."""
    rejected, numbers = scratch.execute(
        "SELECT count(*), coalesce(min(line, $most), []) FROM rejected "
        "WHERE $chat IS NULL OR chat = $chat",
        {"chat": chat, "most": MOST_REJECTED},
    ).fetchone() or (0, [])
    all_lines = sum(lines.values()) if chat is None else lines[chat]
    return Tally(
        lines=all_lines,
        messages=total - system,
        system=system,
        continuation=all_lines - total - rejected,
        rejected=rejected,
        rejected_lines=tuple(numbers),
    )


def import_id_of(origin: str, sha256: str) -> UUID:
    """The id of an import: what was read of a file for the chat that its ids are made with."""
    return make_id("import", origin, sha256)


class Importer:
    """Imports chats one after another; a file that several of them come from is parsed once.

    Args:
        scratch: A database of `scratch_database`; each import leaves its rows in `imported`.
    """

    def __init__(self, scratch: DuckDBPyConnection) -> None:
        self._scratch = scratch
        self._made: set[str] = set()
        self._key: tuple[object, ...] = ()
        self._file: tuple[Adapter, Parsed, Mapping[str, str]] | None = None

    def read(
        self,
        file: ExportFile,
        *,
        thread: str,
        origin: str,
        timezone: str,
        reading: Reading,
        privacy: Privacy | None = None,
        known: Collection[str] = (),
    ) -> Imported:
        """Read the chat of a file that this thread, or one merged into it, stands for.

        Args:
            file: The export.
            thread: Key of the chat it goes into.
            origin: Key of the chat that its messages' ids are made with.
            timezone: Zone of times without an offset.
            reading: What the user says of the file.
            privacy: What is kept out of the rows; nothing if None.
            known: People who may be named in the chat though they write nothing in this file.

        Returns:
            What was read.

        Raises:
            ExportError: The file cannot be read.
        """
        adapter, parsed, titles = self._parsed(file, reading)
        keys = {thread_key(title): chat for chat, title in titles.items()}
        imported = import_chat(
            self._scratch,
            file,
            parsed,
            source=adapter.source,
            chat=keys.get(origin),
            thread=thread,
            timezone=timezone,
            origin=origin,
            privacy=privacy,
            known=known,
        )
        if len(titles) < 2:
            self.forget()
        return imported

    def _parsed(
        self, file: ExportFile, reading: Reading
    ) -> tuple[Adapter, Parsed, Mapping[str, str]]:
        key = (file.sha256(), str(reading))
        if self._file is None or self._key != key:
            self.forget()
            adapter = adapter_for(file, reading.source, remembered=True)
            titles = threads_of(adapter, file)
            there = _tables(self._scratch)
            parsed = parse_file(self._scratch, file, adapter, reading)
            self._made = _tables(self._scratch) - there
            self._key, self._file = key, (adapter, parsed, titles)
        return self._file

    def forget(self) -> None:
        """Drop what parsing has left, which is as large as the file."""
        for name in self._made:
            self._scratch.execute(f'DROP TABLE "{name}"')
        self._made, self._file = set(), None


def _tables(scratch: DuckDBPyConnection) -> set[str]:
    return {
        name for (name,) in scratch.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    }
