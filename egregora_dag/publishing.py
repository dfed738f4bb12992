"""Windows and people → documents: what is missing is written, what stands is published.

A writer's results are kept in `generations` under a signature of what was written about and by
whom, and never made twice. `documents` follows from them and from the windows that there are now:
a document whose window is gone is superseded, not deleted. What could not be written for now has
its failure kept there; the documents that it had keep standing, and the next run tries again.
"""

import datetime as dt
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import ibis
import pyarrow as pa

from egregora_dag.database.generations import forget_failures, keep_generations
from egregora_dag.database.identifiers import SEPARATOR, make_id
from egregora_dag.database.repository import slug_of
from egregora_dag.database.schemas import DOCUMENTS, GENERATIONS, MESSAGES, WINDOWS
from egregora_dag.database.tables import memory_table
from egregora_dag.database.threads import Thread
from egregora_dag.enriching import Enricher, Enrichments, Subject, facts_of
from egregora_dag.messages import language_of_chat, messages_of, read_messages
from egregora_dag.parallel import in_parallel
from egregora_dag.people import people_of, signatures_of_authors
from egregora_dag.resources import Warehouse
from egregora_dag.writers import (
    Document,
    Message,
    Usage,
    Window,
    Writer,
    WritingError,
)
from egregora_dag.writers.journal import journal

# Messages read at a time, and seconds of writing after which the results are stored.
_CHUNK: Final = 20_000
_SECONDS: Final = 2.0
_KEPT_STATUSES: Final = ("draft", "archived")


@dataclass(frozen=True)
class Published:
    """What `publish` did for a chat.

    Attributes:
        rows: Rows of `documents` to merge.
        generated: How many things were written about.
        reused: How many stood already.
        pending: How many things could not be written about for now, by reason.
        usage: What all of it took.
    """

    rows: pa.Table
    generated: int
    reused: int
    pending: Counter[str]
    usage: Usage


@dataclass(frozen=True)
class _Work:
    """One thing to write about, and the signature its results are kept under."""

    signature: str
    key: str
    window: dict[str, Any] | None = None
    author: str | None = None
    posted: Subject | None = None

    @property
    def subject(self) -> str | None:
        return self.posted.name if self.posted else self.author


@dataclass(frozen=True)
class _Result:
    """What came of a work: documents, or why there are none for now."""

    work: _Work
    documents: Sequence[Document] = ()
    seconds: float = 0.0
    error: WritingError | None = None

    @property
    def usage(self) -> Usage:
        """What it took."""
        if self.error:
            return self.error.usage
        return sum((document.usage for document in self.documents), Usage())


@dataclass
class _Outcome:
    """What came of all works so far."""

    usage: Usage = field(default_factory=Usage)
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, result: _Result) -> None:
        self.usage += result.usage
        if result.error:
            self.failed[result.work.signature] = result.error.reason


@dataclass(frozen=True)
class Again:
    """What is to be written about though it was before, or though nobody asks by itself.

    Attributes:
        windows: Ids of windows.
        authors: Names of people.
        urls: Links to write about; their pages are read again, if pages are read at all.
        media: Files to write about, also those that no export holds.
    """

    windows: frozenset[str] = frozenset()
    authors: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()
    media: frozenset[str] = frozenset()

    def names(self, work: "_Work") -> bool:
        """Whether this is to be written about again."""
        if work.window is not None:
            return str(work.window["window_id"]) in self.windows
        if work.posted is not None:
            return work.posted.name in (self.urls | self.media)
        return work.author in self.authors


def publish(
    warehouse: Warehouse,
    thread: Thread,
    writer: Writer,
    *,
    run_id: str,
    again: Again | None = None,
    enrichments: Enrichments | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Published:
    """Write what is missing about a chat, and say what its documents are now.

    Args:
        warehouse: Where messages and windows are read and results are kept.
        thread: The chat.
        writer: Who writes.
        run_id: The Dagster run, kept with the results.
        again: What to write about though it was written about before.
        enrichments: Which links and files to write about; each, with no page read, if None.
        progress: Called with how much is written and how much there is to write.

    Returns:
        The rows of `documents` that stand now, and those that are superseded.
    """
    again = again or Again()
    language = language_of_chat(warehouse, thread)
    wanted = enrichments or Enrichments()
    enricher = Enricher(warehouse, thread, wanted, again.urls | again.media, language)
    works = [
        *_windows(warehouse, thread, writer),
        *_authors(warehouse, thread, writer),
        *_posted(enricher, writer),
    ]
    known, failed = _known_signatures(warehouse, thread)
    missing = [work for work in works if work.signature not in known or again.names(work)]
    outcome = _Outcome()
    keep = _Keeper(warehouse, thread, writer, run_id)
    try:
        for done, result in enumerate(_written(warehouse, thread, writer, enricher, missing), 1):
            outcome.add(result)
            # A failure takes the place of no result.
            if not (result.error and result.work.signature in known):
                keep.add(result)
            progress(done, len(missing))
    finally:
        keep.store()
    settled = failed - {work.signature for work in missing}
    if settled:
        with warehouse.transaction() as connection:
            forget_failures(connection, settled)
    pending = [work for work in works if work.signature in outcome.failed]
    return Published(
        _documents(warehouse, thread, works, pending),
        generated=len(missing) - len(pending),
        reused=len(works) - len(missing),
        pending=Counter(outcome.failed.values()),
        usage=outcome.usage,
    )


def _signature(kind: str, content: str, writer: Writer) -> str:
    """The name under which results of this writer about this content are kept."""
    parts = (kind, content, writer.name, writer.fingerprint, writer.model or "")
    return hashlib.sha256(SEPARATOR.join(parts).encode()).hexdigest()


def _windows(warehouse: Warehouse, thread: Thread, writer: Writer) -> Iterator[_Work]:
    table = WINDOWS.table()
    own = table.filter(table.thread_id == thread.thread_id).order_by("window_index")
    for window in warehouse.rows(own.mutate(unit=own.config["step_unit"]).drop("config")):
        content = window["signature"]
        yield _Work(_signature("window", content, writer), content, window=window)


def _authors(warehouse: Warehouse, thread: Thread, writer: Writer) -> Iterator[_Work]:
    for row in warehouse.rows(signatures_of_authors(MESSAGES.table(), thread.thread_id)):
        signature = _signature("profile", row["signature"], writer)
        yield _Work(signature, row["author"], author=row["author"])


def _posted(enricher: Enricher, writer: Writer) -> Iterator[_Work]:
    for subject in enricher.subjects():
        signature = _signature(subject.doc_type, f"{subject.name} {subject.content}", writer)
        yield _Work(signature, subject.name, posted=subject)


def _known_signatures(warehouse: Warehouse, thread: Thread) -> tuple[set[str], set[str]]:
    """Signatures of what was written, and of what failed."""
    table = GENERATIONS.table()
    own = table.filter(table.thread_id == thread.thread_id)
    known, failed = set[str](), set[str]()
    columns = own.select("signature", failed=own.error.notnull()).distinct()
    for row in warehouse.rows(columns):
        (failed if row["failed"] else known).add(row["signature"])
    return known, failed


def _written(
    warehouse: Warehouse,
    thread: Thread,
    writer: Writer,
    enricher: Enricher,
    missing: Sequence[_Work],
) -> Iterator[_Result]:
    """What comes of each work, as it comes."""
    windows = [work for work in missing if work.window is not None]
    yield from _windows_written(warehouse, thread, writer, enricher.language, windows)
    posted = {work.posted: work for work in missing if work.posted is not None}
    for subject, told in enricher.postings(list(posted)):
        started = time.perf_counter()
        document = replace(writer.enrich(told), facts=facts_of(told))
        yield _Result(posted[subject], [document], time.perf_counter() - started)
    authors = {work.author: work for work in missing if work.author is not None}
    for person in people_of(warehouse, thread, list(authors), language=enricher.language):
        started = time.perf_counter()
        profile = writer.profile(person)
        yield _Result(authors[person.author], [profile], time.perf_counter() - started)


def _windows_written(
    warehouse: Warehouse, thread: Thread, writer: Writer, language: str, works: Sequence[_Work]
) -> Iterator[_Result]:
    """What comes of the windows; after a failure that no window would escape, none is begun."""
    final: WritingError | None = None
    begun = 0

    def contents() -> Iterator[tuple[_Work, Window]]:
        nonlocal begun
        for item in _contents(warehouse, thread, works):
            if final:
                return
            begun += 1
            yield item

    def write(item: tuple[_Work, Window]) -> _Result:
        work, window = item
        started = time.perf_counter()
        try:
            written = writer.write(window)
        except WritingError as error:
            return _Result(work, seconds=time.perf_counter() - started, error=error)
        seconds = time.perf_counter() - started
        posts = [document for document in written if document.doc_type != "journal"]
        spent = sum((one.usage for one in written if one.doc_type == "journal"), Usage())
        entry = replace(journal(window, writer.name, posts, language), usage=spent)
        return _Result(work, [entry, *posts], seconds)

    for result in in_parallel(write, contents(), writer.concurrency):
        if result.error and result.error.final:
            final = WritingError(result.error.reason, final=True)
        yield result
    for work in works[begun:]:
        yield _Result(work, error=final)


def _contents(
    warehouse: Warehouse, thread: Thread, works: Sequence[_Work]
) -> Iterator[tuple[_Work, Window]]:
    """The windows with their messages, which are read a chunk at a time."""
    for chunk in _chunks(works):
        first = min(window["first_position"] for _, window in chunk)
        last = max(window["last_position"] for _, window in chunk)
        messages = _messages(warehouse, thread, first, last)
        for work, window in chunk:
            inside = messages[
                window["first_position"] - first : window["last_position"] + 1 - first
            ]
            if window["unit"] in {"hours", "days"}:
                start, end = window["start_time"], window["end_time"]
                inside = [row for row in inside if start <= row[0] < end]
            yield (
                work,
                Window(
                    window_id=window["window_id"],
                    thread_id=thread.thread_id,
                    thread_title=thread.title,
                    index=window["window_index"],
                    messages=[message for _, message in inside],
                ),
            )


def _chunks(works: Sequence[_Work]) -> Iterator[list[tuple[_Work, dict[str, Any]]]]:
    """Windows that follow each other, so many that their messages fit a read."""
    chunk: list[tuple[_Work, dict[str, Any]]] = []
    for work in works:
        window = work.window or {}
        if chunk and window["last_position"] - chunk[0][1]["first_position"] >= _CHUNK:
            yield chunk
            chunk = []
        chunk.append((work, window))
    if chunk:
        yield chunk


def _messages(
    warehouse: Warehouse, thread: Thread, first: int, last: int
) -> list[tuple[dt.datetime, Message]]:
    """A chat's messages between two positions, in order, each with its instant."""
    rows = messages_of(thread)
    wanted = rows.filter(rows.position.between(first, last)).order_by("position")
    messages, more = read_messages(warehouse, wanted, "timestamp")
    return list(zip(more["timestamp"].to_pylist(), messages, strict=True))


class _Keeper:
    """Stores results in small transactions as they come, so that a crash loses little."""

    def __init__(self, warehouse: Warehouse, thread: Thread, writer: Writer, run_id: str) -> None:
        self._warehouse = warehouse
        self._thread = thread
        self._writer = writer
        self._run_id = run_id
        self._rows: list[dict[str, Any]] = []
        self._since = time.monotonic()

    def add(self, result: _Result) -> None:
        common = {
            "signature": result.work.signature,
            "thread_id": self._thread.thread_id,
            "window_id": result.work.window and result.work.window["window_id"],
            "subject": result.work.subject,
            "writer": self._writer.name,
            "model": self._writer.model,
            "run_id": self._run_id,
            "created_at": dt.datetime.now(dt.UTC),
        }
        self._rows += [
            {
                **common,
                "item": item,
                "doc_type": document.doc_type,
                "output": _output(document),
                "usage": {**asdict(document.usage), "seconds": 0.0 if item else result.seconds},
                "error": None,
            }
            for item, document in enumerate(result.documents)
        ]
        if result.error:
            usage = {**asdict(result.usage), "seconds": result.seconds}
            reason = result.error.reason
            failure = {"item": 0, "doc_type": "post", "output": "null"}
            self._rows.append({**common, **failure, "usage": usage, "error": reason})
        # What was paid for is stored at once.
        if result.usage.requests or time.monotonic() - self._since > _SECONDS:
            self.store()

    def store(self) -> None:
        if self._rows:
            rows = memory_table(self._rows, GENERATIONS.schema)
            with self._warehouse.transaction() as connection:
                keep_generations(connection, rows)
        self._rows, self._since = [], time.monotonic()


def _output(document: Document) -> str:
    """A document as it is kept, without what it took: that differs between runs."""
    kept = {name: value for name, value in vars(document).items() if name != "usage"}
    return json.dumps(kept, ensure_ascii=False, default=str)


def _documents(
    warehouse: Warehouse, thread: Thread, works: Sequence[_Work], pending: Sequence[_Work]
) -> pa.Table:
    """The documents that stand now, and those published before that no longer do."""
    table = DOCUMENTS.table()
    own = table.filter((table.thread_id == thread.thread_id) & (table.writer != "user"))
    stored = warehouse.rows(own.select("document_id", "status", "window_id"))
    statuses = {row["document_id"]: row["status"] for row in stored}
    waiting = {work.window["window_id"] for work in pending if work.window}
    rows = [_document(thread, *found, statuses) for found in _current(warehouse, thread, works)]
    current = {row["document_id"] for row in rows}
    gone = [
        row["document_id"]
        for row in stored
        if row["status"] == "published"
        and row["document_id"] not in current
        and row["window_id"] not in waiting
    ]
    rows_now = memory_table(rows, DOCUMENTS.schema)
    if not gone:
        return rows_now
    ids = ibis.memtable(pa.table({"document_id": pa.array(gone, pa.string())}))
    lost = own.semi_join(ids, own.document_id.cast("string") == ids.document_id)
    superseded = warehouse.read(lost.mutate(status=ibis.literal("superseded")))
    return pa.concat_tables(
        [rows_now, superseded.select(rows_now.column_names).cast(rows_now.schema)]
    )


def _current(
    warehouse: Warehouse, thread: Thread, works: Sequence[_Work]
) -> Iterator[tuple[_Work, dict[str, Any]]]:
    """The generations of what there is now."""
    by_signature = {work.signature: work for work in works}
    table = GENERATIONS.table()
    own = table.filter((table.thread_id == thread.thread_id) & table.error.isnull())
    columns = own.select("signature", "item", "doc_type", "writer", "model", "output")
    for row in warehouse.rows(columns.order_by("signature", "item")):
        if work := by_signature.get(row["signature"]):
            yield work, row


def _document(
    thread: Thread, work: _Work, row: Mapping[str, Any], statuses: Mapping[str, str]
) -> dict[str, Any]:
    document = json.loads(row["output"])
    # Several posts about one window are told apart by their number.
    parts = (work.key,) if row["item"] <= 1 else (work.key, row["item"])
    document_id = str(make_id("document", row["doc_type"], thread.thread_id, *parts))
    status = statuses.get(document_id, "published")
    return {
        "document_id": document_id,
        "doc_type": row["doc_type"],
        "thread_id": thread.thread_id,
        "window_id": work.window and work.window["window_id"],
        "subject": work.subject,
        "slug": f"{slug_of(document['title'])}-{document_id[:8]}",
        **{name: document[name] for name in ("title", "summary", "content", "authors", "tags")},
        "date": dt.date.fromisoformat(document["date"]),
        "status": status if status in _KEPT_STATUSES else "published",
        "writer": row["writer"],
        "model": row["model"],
        "signature": row["signature"],
    }
