"""An export read by itself, without a database: as rows, or as an account of what it holds."""

from collections.abc import Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from typing import Final

import pyarrow as pa
from duckdb import DuckDBPyConnection

from egregora_dag.adapters.files import ExportFile
from egregora_dag.adapters.importing import (
    checked_timezone,
    import_chat,
    parse_file,
    scratch_database,
    thread_key,
    threads_of,
)
from egregora_dag.adapters.privacy import Privacy
from egregora_dag.adapters.protocol import Adapter, Reading
from egregora_dag.adapters.registry import adapter_for
from egregora_dag.database.schemas import MESSAGES_SCHEMA

_BATCH: Final = 50_000
_STRETCH: Final = 250_000
_COLUMNS: Final = ", ".join(f'"{name}"' for name in MESSAGES_SCHEMA)
_ROWS: Final = f"SELECT {_COLUMNS} FROM imported WHERE position BETWEEN ? AND ? ORDER BY position"  # noqa: S608


def read_export(
    path: Path | str,
    *,
    timezone: str = "UTC",
    thread: str | None = None,
    day_first: bool | None = None,
    source: str | None = None,
    columns: Mapping[str, str] | None = None,
    pseudonymize: bool = False,
    mask_pii: bool = False,
    key: str | bytes | None = None,
) -> pa.RecordBatchReader:
    """Read an export as rows of `messages`.

    Args:
        path: The file.
        timezone: IANA name of the zone of times without an offset.
        thread: Key of the chat all of it goes into; else made from each chat's title.
        day_first: Whether the day stands before the month in dates; found from the file if None.
        source: Name of the source; else found from the content.
        columns: For tables: column of `messages` → the file's name for it.
        pseudonymize: Give authors as pseudonyms.
        mask_pii: Mask e-mail addresses, phone numbers and card numbers.
        key: What pseudonyms and ids are made with; needed with either of the two. The same key
            gives the same pseudonyms; a home's is the content of its file `secret`.

    Returns:
        Batches with the columns of `MESSAGES_SCHEMA`, in the file's order; UUIDs and JSON as text.
        Positions and ids are as of this file alone.

    Raises:
        ExportError: The file cannot be read; raised here, not while the batches are read.
        EgregoraError: There is no such time zone, or no key though one is needed.
    """
    file = ExportFile.open(Path(path))
    adapter = adapter_for(file, source)
    checked_timezone(timezone)
    reading = Reading(source, day_first, columns or {})
    privacy = Privacy(pseudonymize, mask_pii, key)
    batches = _read(file, adapter, reading, privacy, timezone, thread)
    schema = next(batches)
    return pa.RecordBatchReader.from_batches(schema, batches)


def _read(
    file: ExportFile,
    adapter: Adapter,
    reading: Reading,
    privacy: Privacy,
    timezone: str,
    thread: str | None,
) -> Iterator[pa.Schema | pa.RecordBatch]:
    """The schema once the file is read, then the batches; holds the scratch database meanwhile."""
    with scratch_database() as scratch:
        parsed = parse_file(scratch, file, adapter, reading)
        chats = (
            {None: thread}
            if thread
            else {chat: thread_key(title) for chat, title in threads_of(adapter, file).items()}
        )
        for number, (chat, key) in enumerate(sorted(chats.items(), key=itemgetter(1))):
            import_chat(
                scratch,
                file,
                parsed,
                source=adapter.source,
                chat=chat,
                thread=key,
                timezone=timezone,
                privacy=privacy,
            )
            if number == 0:
                yield scratch.execute(_ROWS, [-1, -1]).to_arrow_reader().schema
            if len(chats) == 1:
                # As large as the file: make room.
                scratch.execute("DROP TABLE parsed")
            yield from _in_order(scratch)


def _in_order(scratch: DuckDBPyConnection) -> Iterator[pa.RecordBatch]:
    """The rows of `imported` by position.

    They lie nearly so, and DuckDB knows the least and the greatest position of each group of rows:
    stretch by stretch is faster than sorting all, and needs little memory.
    """
    [count] = scratch.execute("SELECT count(*) FROM imported").fetchone() or (0,)
    for start in range(0, count, _STRETCH):
        yield from scratch.execute(_ROWS, [start, start + _STRETCH - 1]).to_arrow_reader(_BATCH)
