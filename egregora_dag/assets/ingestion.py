"""Exports → messages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import ibis
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
    Importer,
    Privacy,
    Reading,
    import_id_of,
    scratch_database,
    settle_people,
)
from egregora_dag.assets.common import RETRY, THREADS, fails_for_good, table_options
from egregora_dag.database import pseudonyms
from egregora_dag.database import threads as chats
from egregora_dag.database.identifiers import is_keyed
from egregora_dag.database.schemas import IMPORTS, MESSAGES
from egregora_dag.database.tables import memory_table
from egregora_dag.database.threads import Thread
from egregora_dag.exceptions import EgregoraError
from egregora_dag.naming import Codes
from egregora_dag.resources import Inbox, Secret, Warehouse
from egregora_dag.timeline import Timeline

READABLE = "files_readable"
_BATCH = 50_000

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
@fails_for_good
def read_exports(
    context: AssetExecutionContext,
    config: ImportSettings,
    warehouse: Warehouse,
    inbox: Inbox,
    secret: Secret,
) -> Iterator[Output[Any] | AssetCheckResult]:
    """Reads the exports in a chat's inbox that were not read before.

    What is stored stays; messages that an export adds take their place between the stored ones.
    """
    with warehouse.transaction() as connection:
        known = {key: chats.get_thread(connection, key) for key in context.partition_keys}
        kept = pseudonyms.all_pseudonyms(connection)
    people = _People(secret, kept)
    with scratch_database(warehouse.path) as scratch:
        importer = Importer(scratch)
        read: list[_Read] = []
        for number, thread in enumerate(known.values()):
            table = f"changed_{number}"
            keep = people.privacy_of(thread, rebuild=config.rebuild)
            one = _read(
                *(scratch, importer, warehouse, inbox, thread, table),
                privacy=keep,
                known=people.known(keep),
                forgotten=people.forgotten(thread),
                rebuild=config.rebuild,
            )
            read.append(one)
            files = len(read[-1].imported)
            context.log.info(
                f"{thread.thread_id}: {files} new files, {read[-1].changed} rows change"
            )
        mode = {"write_mode": "replace"} if config.rebuild else {}
        metadata = _metadata([imported for one in read for imported, _ in one.imported])
        if config.rebuild:
            for one, thread in zip(read, known.values(), strict=True):
                if one.renamed:
                    with warehouse.transaction() as connection:
                        chats.forget_texts(connection, thread.thread_id)
        yield Output(_changes(scratch, read), "messages", metadata={**mode, **metadata})
        # An import that is not noted down is made again, and the names with it.
        with warehouse.transaction() as connection:
            if secret.keeps_names:
                pseudonyms.save_pseudonyms(connection, _pseudonyms(read))
            if config.rebuild:
                pseudonyms.forget_unused(connection)
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
        renamed: Whether a message that is replaced had another author or text, or another id.
    """

    imported: list[tuple[Imported, list[str]]]
    problems: list[str]
    table: str
    changed: int
    renamed: bool = False


class _People:
    """What is kept out of each chat, and who is known to write in any.

    Args:
        secret: The home's key.
        kept: Pseudonym → author, as stored.
    """

    def __init__(self, secret: Secret, kept: Mapping[str, str]) -> None:
        self._secret = secret
        self._kept = kept

    def privacy_of(self, thread: Thread, *, rebuild: bool) -> Privacy:
        """What is kept out of a chat.

        Raises:
            EgregoraError: There is no key though one is needed, or it is not the one that stored
                pseudonyms were made with.
        """
        settings = thread.settings.get("privacy", {})
        if not any(settings.values()):
            return Privacy()
        privacy = Privacy(**settings, key=self._secret.key())
        if privacy.pseudonymize and not rebuild:
            for pseudonym, author in self._kept.items():
                if privacy.pseudonym(author) != pseudonym:
                    raise EgregoraError(
                        "The home's file `secret` is not the one that the stored pseudonyms were "
                        "made with. Put that one back, or run with --rebuild."
                    )
        return privacy

    def known(self, privacy: Privacy) -> list[str]:
        """Authors of whatever chat, who may be named in this one."""
        return list(self._kept.values()) if privacy.pseudonymize else []

    def forgotten(self, thread: Thread) -> Codes:
        """Who was forgotten in a chat.

        Raises:
            EgregoraError: Somebody was, and the key is missing that tells who.
        """
        return Codes(self._secret.key(), thread.forgotten) if thread.forgotten else Codes("")


def _pseudonyms(read: Sequence[_Read]) -> dict[str, str]:
    """Pseudonym → author, of all that was read."""
    found: dict[str, str] = {}
    for one in read:
        for imported, _ in one.imported:
            found |= imported.pseudonyms
    return found


def _changes(scratch: DuckDBPyConnection, read: Sequence[_Read]) -> pa.RecordBatchReader:
    tables = [f'FROM "{one.table}"' for one in read if one.changed]
    if not tables:
        return memory_table([], MESSAGES.schema).to_reader()
    return scratch.execute(" UNION ALL ".join(tables)).to_arrow_reader(_BATCH)


def _read(
    scratch: DuckDBPyConnection,
    importer: Importer,
    warehouse: Warehouse,
    inbox: Inbox,
    thread: Thread,
    table: str,
    *,
    privacy: Privacy,
    known: Sequence[str],
    forgotten: Codes,
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
    other = own.filter(is_keyed(own.message_id) != ibis.literal(privacy.is_on)).limit(1)
    renamed = bool(warehouse.rows(other.select("position")))
    if renamed and not rebuild:
        raise EgregoraError(_regime(thread, privacy))
    stored = own.select("message_id", "position", "timestamp")
    timeline = Timeline(scratch, warehouse.read(stored.limit(0) if rebuild else stored))
    seen = set() if rebuild else _known_imports(warehouse, thread)
    imported, problems = [], []
    for origin, path in files:
        try:
            file = ExportFile.open(path)
            if import_id_of(origin, file.sha256()) in seen:
                continue
            one = importer.read(
                file,
                thread=thread.thread_id,
                origin=origin,
                timezone=thread.timezone,
                reading=Reading(**thread.settings.get("reading", {})),
                privacy=privacy,
                known=known,
            )
        except ExportError as error:
            problems.append(str(error))
            continue
        one = settle_people(scratch, one, forgotten, thread.aliases)
        seen.add(one.import_id)
        ids = scratch.execute("SELECT message_id::VARCHAR FROM imported ORDER BY position")
        imported.append((one, [id_ for (id_,) in ids.fetchall()]))
        timeline.add()
    if rebuild and problems:
        raise EgregoraError("\n".join([*problems, "So the chat was not rebuilt."]))
    changed = timeline.changes(table, lambda: warehouse.read(own))
    if rebuild and privacy.is_on and changed and not renamed:
        texts = warehouse.read(own.select("message_id", "author", "content"))
        renamed = _differs(scratch, table, texts)
    return _Read(imported, problems, table, changed, renamed)


def _regime(thread: Thread, privacy: Privacy) -> str:
    """Why a chat cannot be read under other settings than what is stored of it."""
    stored, now = ("without", "with") if privacy.is_on else ("with", "without")
    back = "--no-pseudonymize --no-mask-pii" if privacy.is_on else "--pseudonymize or --mask-pii"
    return (
        f"The chat {thread.thread_id} is stored {stored} pseudonyms or masks, and is to be read "
        f"{now} them. Run with --rebuild to replace it by what its files say, or with {back} to "
        "leave it as it is."
    )


def _differs(scratch: DuckDBPyConnection, table: str, stored: pa.Table) -> bool:
    """Whether a message has another author or text than the stored one of the same id."""
    scratch.register("stored_texts", stored)
    try:
        found = scratch.execute(
            f'SELECT 1 FROM "{table}" t JOIN stored_texts s '  # noqa: S608
            "ON t.message_id = s.message_id::UUID "
            "WHERE (t.author, t.content) IS DISTINCT FROM (s.author, s.content) LIMIT 1"
        ).fetchone()
    finally:
        scratch.unregister("stored_texts")
    return found is not None


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
            "messages": imported.tally.messages,
            "system": imported.tally.system,
            "continuation": imported.tally.continuation,
            "rejected": imported.tally.rejected,
            "rejected_lines": list(imported.tally.rejected_lines),
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
        for line in one.tally.rejected_lines
    ]
    notes = sorted({note for one in imported for note in one.parsed.notes})
    return {
        "files": len(imported),
        "lines": sum(one.tally.lines for one in imported),
        "messages": sum(one.tally.messages for one in imported),
        "system_lines": sum(one.tally.system for one in imported),
        "continuation_lines": sum(one.tally.continuation for one in imported),
        "rejected_lines": sum(one.tally.rejected for one in imported),
        **({"rejected": MetadataValue.table(rejected)} if rejected else {}),
        **({"notes": notes} if imported else {}),
    }
