"""Documents by type and id or slug."""

import builtins
import datetime as dt
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain, count
from typing import Any, Final
from uuid import UUID

import duckdb
import pyarrow as pa

from egregora_dag.database.duckdb_manager import DuckDBStorageManager
from egregora_dag.database.exceptions import (
    ContractViolationError,
    DatabaseOperationError,
    DocumentNotFoundError,
    UnsupportedDocumentTypeError,
)
from egregora_dag.database.identifiers import make_id
from egregora_dag.database.init import initialize_database
from egregora_dag.database.schemas import DOCUMENTS
from egregora_dag.database.tables import memory_table
from egregora_dag.database.writing import write_rows

# The writer of documents that people save; the pipeline never supersedes them.
USER: Final = "user"

_LONGEST_SLUG: Final = 60
_NOT_IN_SLUG: Final = re.compile(r"[\W_]+")
_COLUMNS: Final = ", ".join(f'"{name}"' for name in DOCUMENTS.columns)
_SELECT: Final = f"SELECT {_COLUMNS} FROM main.documents"  # noqa: S608 - names of columns
_BATCH: Final = 1_000


class DocumentType(StrEnum):
    """What kind of document it is."""

    POST = "post"
    PROFILE = "profile"
    ENRICHMENT = "enrichment"
    MEDIA = "media"
    JOURNAL = "journal"
    ANNOTATION = "annotation"


@dataclass(frozen=True)
class Document:
    """A text about a chat.

    Attributes:
        doc_type: What kind of document it is.
        title: One line of plain text.
        content: Its text, Markdown.
        thread_id: Key of the chat it is about; empty for none.
        summary: Its first sentences.
        authors: The people who took part.
        tags: What it is about, in single words.
        date: The day it is about; the day it is saved if None.
        subject: Author of a profile, link or file of an enrichment.
        window_id: The window it is about, if it is about one.
        slug: Name in addresses and files; made from the title if empty.
        status: `draft`, `published`, `superseded` or `archived`.
        writer: Who wrote it; what `user` wrote stays, whatever the pipeline writes.
        model: The model it was written with, if any.
        signature: The generation it comes from, if any.
        document_id: Made from type, chat and subject, or title, if None.
    """

    doc_type: DocumentType | str
    title: str
    content: str
    thread_id: str = ""
    summary: str = ""
    authors: Sequence[str] = ()
    tags: Sequence[str] = ()
    date: dt.date | None = None
    subject: str | None = None
    window_id: UUID | None = None
    slug: str = ""
    status: str = "published"
    writer: str = USER
    model: str | None = None
    signature: str = ""
    document_id: UUID | None = None


class ContentRepository:
    """The documents of a database.

    Args:
        storage: The storage manager of the database.

    Raises:
        DatabaseVersionError: The database's tables are of another version.
    """

    def __init__(self, storage: DuckDBStorageManager) -> None:
        self._storage = storage
        initialize_database(storage)

    def save(self, document: Document) -> Document:
        """Store a document, in place of one with the same id.

        Args:
            document: The document.

        Returns:
            It, as it is stored: with its id, slug and date.

        Raises:
            UnsupportedDocumentTypeError: There is no such type.
            DatabaseOperationError: It breaks the contract of `documents`.
        """
        return self.save_batch([document])[0]

    def save_batch(self, documents: Sequence[Document]) -> builtins.list[Document]:
        """Store documents, all or none, in place of those with the same ids.

        Args:
            documents: The documents; of two with one id, the later counts.

        Returns:
            They, as they are stored.

        Raises:
            UnsupportedDocumentTypeError: There is no such type.
            DatabaseOperationError: One of them breaks the contract of `documents`.
        """
        identified = [_identified(document) for document in documents]
        with self._storage.transaction() as connection:
            taken = dict(
                connection.execute(
                    "SELECT slug, document_id FROM main.documents WHERE status = 'published'"
                ).fetchall()
            )
            saved = [_with_slug(document, taken) for document in identified]
            rows = {document.document_id: _row(document) for document in saved}
            try:
                table = memory_table(builtins.list(rows.values()), DOCUMENTS.schema)
                write_rows(connection, DOCUMENTS, table)
            except (ContractViolationError, pa.ArrowInvalid, pa.ArrowTypeError) as error:
                raise DatabaseOperationError("documents", str(error)) from error
        return saved

    def get(self, doc_type: DocumentType | str, identifier: UUID | str) -> Document:
        """A document by its type and its id or slug.

        Args:
            doc_type: Its type.
            identifier: Its id, or the slug of one that is published, else of another.

        Returns:
            The document.

        Raises:
            UnsupportedDocumentTypeError: There is no such type.
            DocumentNotFoundError: There is no such document.
        """
        type_ = _type(doc_type)
        found = self._query(
            f"{_SELECT} WHERE doc_type = $type AND (document_id::VARCHAR = $key OR slug = $key) "
            "ORDER BY document_id::VARCHAR = $key DESC, status = 'published' DESC, document_id "
            "LIMIT 1",
            {"type": type_, "key": str(identifier)},
        )
        if not found:
            raise DocumentNotFoundError(type_, str(identifier))
        return Document(*_fields(found[0]))

    def list(self, doc_type: DocumentType | str | None = None) -> builtins.list[Document]:
        """Documents of a type, or all, the latest day first.

        Args:
            doc_type: The type; all if None.

        Returns:
            The documents.

        Raises:
            UnsupportedDocumentTypeError: There is no such type.
        """
        type_ = None if doc_type is None else _type(doc_type)
        rows = self._query(
            f"{_SELECT} WHERE $type IS NULL OR doc_type = $type ORDER BY date DESC, document_id",
            {"type": type_},
        )
        return [Document(*_fields(row)) for row in rows]

    def get_all(self) -> Iterator[Document]:
        """Every document, by id, without holding all of them in memory.

        Yields:
            The documents.
        """
        with self._storage.backend.threads.cursor() as cursor:
            cursor.execute(f"{_SELECT} ORDER BY document_id")
            while rows := cursor.fetchmany(_BATCH):
                yield from (Document(*_fields(row)) for row in rows)

    def count(self, doc_type: DocumentType | str | None = None) -> int:
        """How many documents of a type there are, or in all.

        Args:
            doc_type: The type; all if None.

        Returns:
            The number of documents.

        Raises:
            UnsupportedDocumentTypeError: There is no such type.
        """
        type_ = None if doc_type is None else _type(doc_type)
        [[count]] = self._query(
            "SELECT count(*) FROM main.documents WHERE $type IS NULL OR doc_type = $type",
            {"type": type_},
        )
        return int(count)

    def delete(self, document_id: UUID | str) -> None:
        """Remove a document; one that the pipeline wrote comes back when its chat is next run.

        Args:
            document_id: Its id.

        Raises:
            DocumentNotFoundError: There is no such document.
        """
        with self._storage.transaction() as connection:
            [removed] = connection.execute(
                "DELETE FROM main.documents WHERE document_id::VARCHAR = ?", [str(document_id)]
            ).fetchone() or (0,)
        if not removed:
            raise DocumentNotFoundError("document", str(document_id))

    def _query(self, sql: str, values: dict[str, object]) -> builtins.list[tuple[Any, ...]]:
        try:
            return self._storage.execute_query(sql, values)
        except duckdb.Error as error:
            raise DatabaseOperationError("documents", str(error)) from error


def slug_of(title: str) -> str:
    """The title's words, lower case, joined by `-`, without marks on letters.

    Args:
        title: A title in any script.

    Returns:
        At most 60 ASCII letters, digits and hyphens; `document` for a title without any.
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return _NOT_IN_SLUG.sub("-", plain).strip("-")[:_LONGEST_SLUG].strip("-") or "document"


def _type(doc_type: DocumentType | str) -> str:
    if doc_type not in set(DocumentType):
        raise UnsupportedDocumentTypeError(str(doc_type), sorted(DocumentType))
    return str(DocumentType(doc_type))


def _identified(document: Document) -> Document:
    type_ = _type(document.doc_type)
    about = document.subject or document.title
    return replace(
        document,
        doc_type=DocumentType(type_),
        date=document.date or dt.datetime.now(dt.UTC).date(),
        document_id=document.document_id
        or make_id("document", type_, document.thread_id, document.writer, about),
    )


def _with_slug(document: Document, taken: dict[str, UUID]) -> Document:
    """The document under a slug that no other published one has."""
    slug = document.slug or slug_of(document.title)
    if document.status == "published":
        own = document.document_id or UUID(int=0)
        others = (f"{slug}-{number}" for number in count(2))
        slugs = chain([slug, f"{slug}-{str(own)[:8]}"], others)
        slug = next(slug for slug in slugs if taken.get(slug, own) == own)
        taken[slug] = own
    return replace(document, slug=slug)


def _row(document: Document) -> dict[str, Any]:
    values = vars(document)
    ids = {name: values[name] and str(values[name]) for name in ("document_id", "window_id")}
    lists = {name: list(values[name]) for name in ("authors", "tags")}
    return {**values, "doc_type": str(document.doc_type), **ids, **lists}


def _fields(row: tuple[Any, ...]) -> Iterator[Any]:
    """A row's values in the order of a document's fields."""
    values = dict(zip(DOCUMENTS.columns, row, strict=True))
    values["doc_type"] = DocumentType(values["doc_type"])
    return (values[name] for name in Document.__dataclass_fields__)
