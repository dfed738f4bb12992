"""Documents are kept by type, and found by id or slug."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from egregora_dag.database.duckdb_manager import DuckDBStorageManager, temp_storage
from egregora_dag.database.exceptions import (
    DatabaseError,
    DatabaseOperationError,
    DocumentNotFoundError,
    RepositoryError,
    UnsupportedDocumentTypeError,
)
from egregora_dag.database.init import initialize_database
from egregora_dag.database.repository import ContentRepository, Document, DocumentType, slug_of
from egregora_dag.database.schemas import DOC_STATUSES, DOC_TYPES

FULL = Document(
    doc_type=DocumentType.POST,
    title="Frost, and 'other' \"news\"; --",
    content="# Frost\n\nIt **froze**.\n",
    thread_id="chat",
    summary="It froze.",
    authors=["Ana", "João"],
    tags=["frost", "garden"],
    date=date(2025, 3, 1),
    subject="frost",
    slug="frost",
    model="some-model",
    signature="abc",
    document_id=UUID(int=7),
)


@pytest.fixture(scope="module")
def shared() -> Iterator[DuckDBStorageManager]:
    """A database in memory with the pipeline's tables, as making them takes longer than a test."""
    with temp_storage() as storage:
        initialize_database(storage)
        yield storage


@pytest.fixture
def repository(shared: DuckDBStorageManager) -> ContentRepository:
    shared.execute_sql("DELETE FROM documents")
    return ContentRepository(shared)


def note(title: str = "A note", **values: Any) -> Document:
    return Document(DocumentType.POST, title, "text", **values)


def test_a_document_comes_back_as_it_was_saved(repository: ContentRepository) -> None:
    saved = repository.save(FULL)
    assert saved == FULL
    for identifier in (UUID(int=7), str(UUID(int=7)), "frost"):
        assert repository.get("post", identifier) == FULL
        assert repository.get(DocumentType.POST, identifier) == FULL
    assert isinstance(repository.get("post", "frost").doc_type, DocumentType)


def test_what_is_not_said_of_a_document_is_filled_in(repository: ContentRepository) -> None:
    before = datetime.now(UTC).date()
    saved = repository.save(note("Grüße vom Beet!"))
    assert saved.slug == "grue-vom-beet" or saved.slug == slug_of("Grüße vom Beet!")
    assert saved.date
    assert before <= saved.date <= datetime.now(UTC).date()
    assert saved.document_id
    assert (saved.status, saved.writer) == ("published", "user")
    assert repository.get("post", saved.document_id) == replace(saved, authors=[], tags=[])


@pytest.mark.parametrize("doc_type", DocumentType)
def test_every_type_is_kept_apart(repository: ContentRepository, doc_type: DocumentType) -> None:
    for each in DocumentType:
        repository.save(Document(str(each), "Same", str(each)))
    [found] = repository.list(doc_type)
    assert found.content == doc_type
    assert repository.get(str(doc_type), found.slug) == found
    assert repository.count(doc_type) == repository.count(str(doc_type)) == 1
    assert repository.count() == len(DocumentType) == len(list(repository.get_all()))
    others = set(DocumentType) - {doc_type}
    for other in others:
        with pytest.raises(DocumentNotFoundError):
            repository.get(other, str(found.document_id))


def test_the_types_are_those_of_the_table() -> None:
    assert tuple(DocumentType) == DOC_TYPES


def test_saving_again_updates(repository: ContentRepository) -> None:
    first = repository.save(note(subject="frost"))
    second = repository.save(note("Another title", subject="frost"))
    assert second.document_id == first.document_id
    assert repository.count() == 1
    assert repository.get("post", "another-title").title == "Another title"
    again = repository.save(replace(second, content="more"))
    assert again.slug == second.slug
    assert repository.get("post", again.slug).content == "more"
    with pytest.raises(DocumentNotFoundError):
        repository.get("post", first.slug)


def test_documents_of_others_are_other_documents(repository: ContentRepository) -> None:
    documents = [
        note(),
        note(thread_id="chat"),
        note(writer="somebody"),
        note("B note"),
        Document("journal", "A note", "text"),
    ]
    saved = repository.save_batch(documents)
    assert len({document.document_id for document in saved}) == repository.count() == 5


def test_slugs_are_unique_among_the_published(repository: ContentRepository) -> None:
    same_start = [note(document_id=UUID(int=number)) for number in range(1, 5)]
    others = [note(document_id=uuid4()) for _ in range(3)]
    repository.save(note(slug="a-note-00000000", document_id=uuid4()))
    saved = [*repository.save_batch(same_start), *map(repository.save, others)]
    slugs = [document.slug for document in repository.list()]
    assert len(set(slugs)) == len(slugs) == 8
    assert saved[0].slug == "a-note"
    assert all(slug.startswith("a-note") for slug in slugs)
    # Saving all of them again moves none.
    assert repository.save_batch(saved) == saved
    for document in saved:
        assert repository.get("post", document.slug).document_id == document.document_id


@pytest.mark.parametrize("status", DOC_STATUSES)
def test_only_the_published_keep_a_slug_to_themselves(
    repository: ContentRepository, status: str
) -> None:
    other = repository.save(note(status=status, document_id=UUID(int=1)))
    saved = repository.save(note(document_id=UUID(int=2)))
    assert other.slug == "a-note"
    assert (saved.slug == "a-note") == (status != "published")
    published = repository.get("post", "a-note")
    assert published.status == "published"
    assert repository.get("post", UUID(int=1)).status == status


def test_an_id_counts_before_a_slug(repository: ContentRepository) -> None:
    first = repository.save(note("First", document_id=UUID(int=1)))
    repository.save(note("Second", slug=str(first.document_id), document_id=UUID(int=2)))
    assert repository.get("post", str(UUID(int=1))).title == "First"


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Frost in März", "frost-in-marz"),
        ("  --A__b  c! ", "a-b-c"),
        ("../../etc/passwd", "etc-passwd"),
        ("日本語", "document"),
        ("", "document"),
        ("'; DROP TABLE documents; --", "drop-table-documents"),
        ("x" * 200, "x" * 60),
        ("a" * 59 + " b", "a" * 59),
        ("ﬁne ①", "fine-1"),
        ("a\0b\nc", "a-b-c"),
    ],
)
def test_a_slug_is_made_of_the_titles_words(
    repository: ContentRepository, title: str, slug: str
) -> None:
    assert slug_of(title) == slug
    saved = repository.save(note(title))
    assert saved.slug == slug
    assert repository.get("post", slug).title == title


def test_documents_are_listed_the_latest_day_first(repository: ContentRepository) -> None:
    days = (date(2025, 1, 2), date(2025, 1, 3), date(2025, 1, 1))
    repository.save_batch([note(f"Day {day.day}", date=day) for day in days])
    repository.save(Document("journal", "Day 9", "", date=date(2025, 1, 9)))
    assert [document.title for document in repository.list()] == [
        "Day 9",
        "Day 3",
        "Day 2",
        "Day 1",
    ]
    assert [document.title for document in repository.list("post")] == ["Day 3", "Day 2", "Day 1"]
    assert repository.list("media") == []
    assert repository.count("media") == 0


def test_all_documents_come_by_id_however_many(repository: ContentRepository) -> None:
    made = [note(f"Note {number}", document_id=UUID(int=number)) for number in range(2500)]
    repository.save_batch(made[::-1])
    ids = [document.document_id for document in repository.get_all()]
    assert ids == [UUID(int=number) for number in range(2500)]
    # What is done in between does not disturb it.
    walking = repository.get_all()
    assert next(walking).document_id == UUID(int=0)
    repository.delete(UUID(int=2000))
    repository.save(note("More", document_id=UUID(int=3000)))
    assert len(list(walking)) == 2499
    assert repository.count() == 2500


def test_a_document_is_deleted_once(repository: ContentRepository) -> None:
    first, second = repository.save_batch([note("First"), note("Second")])
    assert first.document_id
    repository.delete(first.document_id)
    for gone in (first.document_id, str(first.document_id), "first", "", "' OR TRUE --"):
        with pytest.raises(DocumentNotFoundError) as caught:
            repository.delete(gone)
        assert caught.value.name == str(gone)
    assert [document.title for document in repository.list()] == ["Second"]
    repository.delete(str(second.document_id))
    assert repository.count() == 0


@pytest.mark.parametrize("identifier", [uuid4, lambda: "nothing", lambda: "", lambda: "%"])
def test_a_document_that_is_not_there_is_named(
    repository: ContentRepository, identifier: Callable[[], UUID | str]
) -> None:
    repository.save(note())
    wanted = identifier()
    with pytest.raises(DocumentNotFoundError, match="no post") as caught:
        repository.get("post", wanted)
    assert (caught.value.name, caught.value.doc_type) == (str(wanted), "post")
    assert isinstance(caught.value, RepositoryError)
    assert isinstance(caught.value, DatabaseError)


@pytest.mark.parametrize("doc_type", ["", "posts", "POST", "' OR 'a' = 'a", None, 5])
def test_a_type_that_is_none_is_refused(repository: ContentRepository, doc_type: Any) -> None:
    repository.save(note())
    attempts: list[Callable[[], Any]] = [
        lambda: repository.save(Document(doc_type, "x", "x")),
        lambda: repository.save_batch([note("y"), Document(doc_type, "x", "x")]),
        lambda: repository.get(doc_type, "a-note"),
    ]
    if doc_type is not None:  # None is every type.
        attempts += [lambda: repository.list(doc_type), lambda: repository.count(doc_type)]
    for attempt in attempts:
        with pytest.raises(UnsupportedDocumentTypeError, match="annotation, enrichment") as caught:
            attempt()
        assert caught.value.name == str(doc_type)
    assert repository.count() == 1


BAD: list[dict[str, Any]] = [
    {"status": "shouted"},
    {"title": None},
    {"content": None},
    {"content": 5},
    {"authors": [5]},
    {"window_id": UUID(int=7)},
    {"date": "yesterday"},
]


@pytest.mark.parametrize("values", BAD, ids=str)
def test_a_batch_is_saved_whole_or_not_at_all(
    repository: ContentRepository, values: dict[str, Any]
) -> None:
    kept = repository.save(note("Kept", subject="kept"))
    bad = replace(note("Bad", subject="bad", slug="bad"), **values)
    changed = replace(note("Changed", subject="kept"))
    with pytest.raises(DatabaseOperationError) as caught:
        repository.save_batch([changed, note("Good"), bad])
    assert caught.value.name == "documents"
    assert repository.list() == [replace(kept, authors=[], tags=[])]


def test_of_two_with_one_id_the_later_counts(repository: ContentRepository) -> None:
    repository.save_batch([note("First", subject="x"), note("Second", subject="x")])
    assert [document.title for document in repository.list()] == ["Second"]


def test_an_empty_batch_saves_nothing(repository: ContentRepository) -> None:
    assert repository.save_batch([]) == []
    assert repository.count() == 0
    assert list(repository.get_all()) == []
