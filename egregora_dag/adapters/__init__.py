"""Chat exports of many applications, read as messages; one module a source, one registry."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa

from egregora_dag.adapters.importing import (
    Imported,
    checked_timezone,
    import_file,
    import_id_of,
    scratch_database,
    thread_key,
)
from egregora_dag.adapters.irc import IrcAdapter
from egregora_dag.adapters.protocol import Adapter, ExportError, ExportFile, Tally
from egregora_dag.adapters.tables import TableAdapter
from egregora_dag.adapters.whatsapp import WhatsAppAdapter
from egregora_dag.database.schemas import MESSAGES_SCHEMA

__all__ = [
    "ADAPTERS",
    "Adapter",
    "ExportError",
    "ExportFile",
    "Imported",
    "Tally",
    "adapter_for",
    "checked_timezone",
    "import_file",
    "import_id_of",
    "read_export",
    "scratch_database",
    "thread_key",
]

# Asked in this order; the first that recognizes a file reads it.
ADAPTERS: Final[tuple[Adapter, ...]] = (TableAdapter(), IrcAdapter(), WhatsAppAdapter())
_BATCH = 50_000


def adapter_for(file: ExportFile, source: str | None = None) -> Adapter:
    """The adapter that reads a file.

    Args:
        file: The export.
        source: Name of the source, if it is known; else the content decides.

    Raises:
        ExportError: No adapter recognizes it, or there is no such source.
    """
    names = ", ".join(adapter.source for adapter in ADAPTERS)
    for adapter in ADAPTERS:
        if adapter.source == source or (source is None and adapter.recognizes(file)):
            return adapter
    problem = "is no chat that is known here." if source is None else f"no source {source!r}."
    raise ExportError(file.path, problem, f"Sources are {names}; see the README for each.")


def read_export(
    path: Path | str,
    *,
    timezone: str = "UTC",
    thread: str | None = None,
    source: str | None = None,
) -> pa.RecordBatchReader:
    """Read an export as rows of `messages`.

    Args:
        path: The file.
        timezone: IANA name of the zone of times without an offset.
        thread: Key of the chat all of it goes into; else made from each chat's title.
        source: Name of the source; else found from the content.

    Returns:
        Batches with the columns of `MESSAGES_SCHEMA`, in the file's order; UUIDs and JSON as text.
        Positions and ids are as of this file alone.

    Raises:
        ExportError: The file cannot be read; raised here, not while the batches are read.
    """
    file = ExportFile.open(Path(path))
    adapter = adapter_for(file, source)
    checked_timezone(timezone)
    batches = _read(file, adapter, timezone, thread)
    schema = next(batches)
    return pa.RecordBatchReader.from_batches(schema, batches)


def _read(
    file: ExportFile, adapter: Adapter, timezone: str, thread: str | None
) -> Iterator[pa.Schema | pa.RecordBatch]:
    """The schema once the file is read, then the batches; holds the scratch database meanwhile."""
    chats = (
        {None: thread}
        if thread
        else {chat: thread_key(title) for chat, title in adapter.threads(file).items()}
    )
    with scratch_database() as scratch:
        scratch.execute("CREATE TABLE IF NOT EXISTS everything AS SELECT 1 LIMIT 0")
        for number, (chat, key) in enumerate(chats.items()):
            import_file(scratch, file, adapter, chat=chat, thread=key, timezone=timezone)
            verb = "INSERT INTO everything" if number else "CREATE OR REPLACE TABLE everything AS"
            scratch.execute(f"{verb} FROM imported")
        columns = ", ".join(f'"{name}"' for name in MESSAGES_SCHEMA)
        reader = scratch.execute(
            f"SELECT {columns} FROM everything ORDER BY thread_id, position"  # noqa: S608
        ).to_arrow_reader(_BATCH)
        yield reader.schema
        yield from reader
