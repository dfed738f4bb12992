"""An export read by itself, without a database: as rows, or as an account of what it holds."""

from collections.abc import Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from typing import Final

import pyarrow as pa
from duckdb import DuckDBPyConnection

from egregora_dag.adapters.files import ExportFile
from egregora_dag.adapters.importing import (
    ChatRows,
    chat_rows,
    checked_timezone,
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
# Two of DuckDB's groups of rows.
_STRETCH: Final = 2 * 122_880
# Enough that rows are made on all cores while others are handed out.
_BUFFER: Final = "SET streaming_buffer_size = '64MB'"
_COLUMNS: Final = ", ".join(f'"{name}"' for name in MESSAGES_SCHEMA)
_STRETCH_ROWS: Final = (
    f"SELECT {_COLUMNS} FROM ({{query}}) WHERE position BETWEEN $first AND $last {{order}}"  # noqa: S608
)


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
        scratch.execute(_BUFFER)
        parsed = parse_file(scratch, file, adapter, reading)
        chats = (
            {None: thread}
            if thread
            else {chat: thread_key(title) for chat, title in threads_of(adapter, file).items()}
        )
        for number, (chat, key) in enumerate(sorted(chats.items(), key=itemgetter(1))):
            with chat_rows(
                scratch,
                file,
                parsed,
                source=adapter.source,
                chat=chat,
                thread=key,
                timezone=timezone,
                origin=key,
                privacy=privacy,
            ) as rows:
                if number == 0:
                    yield _stretch(scratch, rows, -1, -1).schema
                yield from _in_order(scratch, rows)


def _in_order(scratch: DuckDBPyConnection, rows: ChatRows) -> Iterator[pa.RecordBatch]:
    """The rows by position; to be sorted all at once they would fill the memory."""
    stretch = max(rows.count, 1) if rows.in_order else _STRETCH
    for first in range(0, rows.count, stretch):
        yield from _stretch(scratch, rows, first, first + stretch - 1)


def _stretch(
    scratch: DuckDBPyConnection, rows: ChatRows, first: int, last: int
) -> pa.RecordBatchReader:
    """The rows from this position to that."""
    values = {**rows.values, "first": first, "last": last}
    order = "" if rows.in_order else "ORDER BY position"
    query = _STRETCH_ROWS.format(query=rows.query, order=order)
    return scratch.execute(query, values).to_arrow_reader(_BATCH)
