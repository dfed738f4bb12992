"""Exports → messages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pyarrow as pa
from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetMaterialization,
    AssetOut,
    AssetSpec,
    BackfillPolicy,
    Config,
    MetadataValue,
    Output,
    TableRecord,
    multi_asset,
)
from duckdb import DuckDBPyConnection
from pydantic import Field

from egregora_dag.adapters import (
    ExportError,
    ExportFile,
    Imported,
    adapter_for,
    import_file,
    import_id_of,
    scratch_database,
    thread_key,
)
from egregora_dag.assets.common import RETRY, THREADS, table_options
from egregora_dag.database import threads as chats
from egregora_dag.database.schemas import IMPORTS, MESSAGES
from egregora_dag.database.tables import memory_table
from egregora_dag.database.threads import Thread
from egregora_dag.exceptions import EgregoraError
from egregora_dag.resources import Inbox, Warehouse
from egregora_dag.timeline import Timeline

READABLE = "files_readable"
_BATCH = 50_000
_MOST_REJECTED = 100

threads = AssetSpec(
    "threads",
    group_name="ingestion",
    kinds={"duckdb", "table"},
    description="The chats: title, source and time zone. `egregora-dag threads` changes them.",
    metadata={"dagster/table_name": "main.threads"},
).with_io_manager_key("io_manager")


def threads_changed() -> AssetMaterialization:
    """The event that chats were registered or changed, which happens outside of runs."""
    return AssetMaterialization(threads.key)


class ImportSettings(Config):
    """How exports are taken in."""

    rebuild: bool = Field(
        default=False, description="Replace the chat by what the files in its inbox say."
    )


@multi_asset(
    name="read_exports",
    outs={
        "messages": AssetOut(
            **table_options(MESSAGES),
            description="Every message of every chat, once, in the order its members saw.",
        ),
        "imports": AssetOut(
            **table_options(IMPORTS),
            description="The files that were read, and what became of each of their lines.",
        ),
    },
    deps=[threads],
    check_specs=[
        AssetCheckSpec(
            READABLE, asset="imports", description="Every file in the chats' inbox can be read."
        )
    ],
    group_name="ingestion",
    partitions_def=THREADS,
    backfill_policy=BackfillPolicy.single_run(),
    retry_policy=RETRY,
)
def read_exports(
    context: AssetExecutionContext, config: ImportSettings, warehouse: Warehouse, inbox: Inbox
) -> Iterator[Output[Any] | AssetCheckResult]:
    """Reads the exports in a chat's inbox that were not read before.

    What is stored stays; messages that an export adds take their place between the stored ones.
    """
    with warehouse.transaction() as connection:
        known = {key: chats.get_thread(connection, key) for key in context.partition_keys}
    with scratch_database() as scratch:
        read: list[_Read] = []
        for number, thread in enumerate(known.values()):
            read.append(_read(scratch, warehouse, inbox, thread, number, rebuild=config.rebuild))
            files = len(read[-1].imported)
            context.log.info(
                f"{thread.thread_id}: {files} new files, {read[-1].changed} rows change"
            )
        mode = {"write_mode": "replace"} if config.rebuild else {}
        metadata = _metadata([imported for one in read for imported, _ in one.imported])
        yield Output(_changes(scratch, read), "messages", metadata={**mode, **metadata})
        yield Output(_import_rows(read), "imports", metadata=mode)
        problems = [problem for one in read for problem in one.problems]
        yield AssetCheckResult(
            check_name=READABLE,
            asset_key="imports",
            passed=not problems,
            description="\n".join(problems) or None,
            metadata={"files": len(problems)},
        )


@dataclass(frozen=True)
class _Read:
    """What was read for one chat.

    Attributes:
        imported: Each import with its messages' ids.
        problems: Why files could not be read.
        table: Scratch table with the rows to store.
        changed: How many these are.
    """

    imported: list[tuple[Imported, list[str]]]
    problems: list[str]
    table: str
    changed: int


def _changes(scratch: DuckDBPyConnection, read: Sequence[_Read]) -> pa.RecordBatchReader:
    tables = [f'FROM "{one.table}"' for one in read if one.changed]
    if not tables:
        return memory_table([], MESSAGES.schema).to_reader()
    return scratch.execute(" UNION ALL ".join(tables)).to_arrow_reader(_BATCH)


def _read(
    scratch: DuckDBPyConnection,
    warehouse: Warehouse,
    inbox: Inbox,
    thread: Thread,
    number: int,
    *,
    rebuild: bool,
) -> _Read:
    """Read the files of a chat that were not read before."""
    files = list(inbox.files(thread.origins))
    if rebuild and not files:
        raise EgregoraError(
            f"{inbox.path / thread.thread_id} holds no file to rebuild the chat from. "
            "Put its exports there, or run without --rebuild."
        )
    messages = MESSAGES.table()
    own = messages.filter(messages.thread_id == thread.thread_id)
    stored = own.select("message_id", "position", "timestamp")
    timeline = Timeline(scratch, warehouse.read(stored.limit(0) if rebuild else stored))
    seen = set() if rebuild else _known_imports(warehouse, thread)
    imported, problems = [], []
    for origin, path in files:
        try:
            file = ExportFile.open(path)
            if import_id_of(origin, file.sha256()) in seen:
                continue
            one = _import(scratch, file, thread, origin)
        except ExportError as error:
            problems.append(str(error))
            continue
        seen.add(one.import_id)
        ids = scratch.execute("SELECT message_id::VARCHAR FROM imported ORDER BY position")
        imported.append((one, [id_ for (id_,) in ids.fetchall()]))
        timeline.add()
    if rebuild and problems:
        raise EgregoraError("\n".join([*problems, "So the chat was not rebuilt."]))
    table = f"changed_{number}"
    return _Read(imported, problems, table, timeline.changes(table, lambda: warehouse.read(own)))


def _import(scratch: DuckDBPyConnection, file: ExportFile, thread: Thread, origin: str) -> Imported:
    """Read the chat of a file that this thread, or one merged into it, stands for."""
    adapter = adapter_for(file)
    chats_in_file = adapter.threads(file).items()
    return import_file(
        scratch,
        file,
        adapter,
        chat=next((chat for chat, title in chats_in_file if thread_key(title) == origin), None),
        thread=thread.thread_id,
        timezone=thread.timezone,
        origin=origin,
    )


def _known_imports(warehouse: Warehouse, thread: Thread) -> set[UUID]:
    """Ids of the imports of a chat."""
    imports = IMPORTS.table()
    own = imports.filter(imports.thread_id == thread.thread_id)
    return {UUID(row["import_id"]) for row in warehouse.rows(own.select("import_id"))}


def _import_rows(read: Sequence[_Read]) -> pa.Table:
    rows = [
        {
            "import_id": str(imported.import_id),
            "thread_id": imported.thread_id,
            "file": imported.file,
            "sha256": imported.sha256,
            "lines": imported.tally.lines,
            "messages": imported.messages,
            "system": imported.system,
            "continuation": imported.tally.continuation,
            "rejected": len(imported.tally.rejected),
            "rejected_lines": list(imported.tally.rejected[:_MOST_REJECTED]),
            "message_ids": ids,
        }
        for one in read
        for imported, ids in one.imported
    ]
    return memory_table(rows, IMPORTS.schema)


def _metadata(imported: Sequence[Imported]) -> dict[str, Any]:
    """What became of the lines of all files, and which of them could not be read."""
    rejected = [
        TableRecord({"import_id": str(one.import_id), "line": line})
        for one in imported
        for line in one.tally.rejected[:_MOST_REJECTED]
    ]
    return {
        "files": len(imported),
        "lines": sum(one.tally.lines for one in imported),
        "messages": sum(one.messages for one in imported),
        "system_lines": sum(one.system for one in imported),
        "continuation_lines": sum(one.tally.continuation for one in imported),
        "rejected_lines": sum(len(one.tally.rejected) for one in imported),
        **({"rejected": MetadataValue.table(rejected)} if rejected else {}),
        **({"notes": sorted({n for one in imported for n in one.tally.notes})} if imported else {}),
    }
