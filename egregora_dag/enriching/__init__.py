"""Which links and files of a chat are written about, and what is found out about them for that."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol

from egregora_dag.database.schemas import DOCUMENTS, GENERATIONS, MESSAGES
from egregora_dag.database.threads import Thread
from egregora_dag.database.thumbnails import drop_unused_thumbnails, save_thumbnails
from egregora_dag.enriching.media import ExportedMedia, is_measured
from egregora_dag.exceptions import EgregoraError
from egregora_dag.postings import postings_of, signatures_of_postings
from egregora_dag.resources import Warehouse
from egregora_dag.writers import Fact, MediaFile, Page, Posted

LINK: Final = "enrichment"
FILE: Final = "media"
# Links that are written about between two looks at the clock: many when nothing is fetched.
_LINKS: Final = 10_000
_PAGES: Final = 40
_FILES: Final = 100


class PageReader(Protocol):
    """Reads pages; `links.Fetcher` is one."""

    def fetch(self, urls: Sequence[str]) -> Mapping[str, Page]:
        """What the pages of links say of themselves."""


@dataclass(frozen=True)
class Enrichments:
    """What is written about links and files without being asked for.

    Attributes:
        links: Whether each link is written about.
        media: Whether each file in an export is.
        pages: What reads the pages of links; None leaves them unread, without any connection.
        exports: The chat's exports, which hold its files.
    """

    links: bool = True
    media: bool = True
    pages: PageReader | None = None
    exports: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Subject:
    """A link or a file to write about.

    Attributes:
        doc_type: `enrichment` for a link, `media` for a file.
        name: The link, or the file as messages name it.
        content: What changes when something else is to be told of it.
    """

    doc_type: str
    name: str
    content: str


class Enricher:
    """Links and files of one chat.

    Args:
        warehouse: Where messages are read, and thumbnails kept.
        thread: The chat.
        wanted: What is written about.
        asked: Links and files that are asked for; their pages are read and they are measured again.
        language: Code of the chat's language.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        thread: Thread,
        wanted: Enrichments,
        asked: frozenset[str],
        language: str,
    ) -> None:
        self._warehouse = warehouse
        self._thread = thread
        self._wanted = wanted
        self._asked = asked
        self.language = language
        self._media = ExportedMedia(wanted.exports)

    def subjects(self) -> Iterator[Subject]:
        """The links and files to write about, in the order in which they first came.

        All links and all files that an export holds, as far as they are wanted, and those that are
        asked for or were written about before.
        """
        for name, signature in self._signatures(LINK):
            if self._wanted.links or name in self._asked or name in self._told[LINK]:
                read = self._wanted.pages is not None or name in self._known[LINK]
                yield Subject(LINK, name, f"{signature} {'page' if read else ''}")
        for name, signature in self._signatures(FILE):
            digest = self._media.digest(name)
            wanted = self._wanted.media and digest is not None
            if wanted or name in self._asked or name in self._told[FILE]:
                yield Subject(FILE, name, f"{signature} {self._state(name, digest)}")

    def postings(self, subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Posted]]:
        """What is to be told of links and files; pages are read and files measured as it goes.

        Args:
            subjects: Some of `subjects`.

        Yields:
            Each with what there is to tell.
        """
        links = [one for one in subjects if one.doc_type == LINK]
        yield from self._links(links)
        yield from self._files([one for one in subjects if one.doc_type == FILE])
        with self._warehouse.transaction() as connection:
            drop_unused_thumbnails(connection, self._thread.thread_id)

    def _links(self, links: Sequence[Subject]) -> Iterator[tuple[Subject, Posted]]:
        pages = self._wanted.pages
        for chunk in _chunks(links, _LINKS if pages is None else _PAGES):
            known = {one.name: _page(self._known[LINK].get(one.name)) for one in chunk}
            if pages is not None:
                missing = [url for url, page in known.items() if not page or url in self._asked]
                known |= pages.fetch(missing)
            for subject, posted in self._posted(LINK, chunk):
                page = known[posted.subject]
                yield subject, replace(posted, page=page) if page else posted

    def _files(self, files: Sequence[Subject]) -> Iterator[tuple[Subject, Posted]]:
        # A face is no less a name than a name.
        shown = not self._thread.settings.get("privacy", {}).get("pseudonymize")
        for chunk in _chunks(files, _FILES):
            looks = {one.name: self._media.measure(one.name, thumbnail=shown) for one in chunk}
            found = {name: look for name, look in looks.items() if look is not None}
            with self._warehouse.transaction() as connection:
                thumbnails = {name: look.thumbnail for name, look in found.items()}
                save_thumbnails(connection, self._thread.thread_id, thumbnails)
            for subject, posted in self._posted(FILE, chunk):
                look = found.get(posted.subject)
                file = look.file if look else _file(self._known[FILE].get(posted.subject))
                yield subject, replace(posted, file=file)

    def _posted(
        self, doc_type: str, subjects: Sequence[Subject]
    ) -> Iterator[tuple[Subject, Posted]]:
        by_name = {one.name: one for one in subjects}
        read = postings_of(
            self._warehouse, self._thread, doc_type, list(by_name), language=self.language
        )
        for posted in read:
            yield by_name[posted.subject], posted

    def _signatures(self, doc_type: str) -> Iterator[tuple[str, str]]:
        table = signatures_of_postings(MESSAGES.table(), self._thread.thread_id, doc_type)
        columns = self._warehouse.read(table)
        return zip(*(columns[name].to_pylist() for name in columns.column_names), strict=True)

    def _state(self, name: str, digest: str | None) -> str:
        """What a file is now; as it was last seen where its export is gone."""
        if digest is None:
            return str(self._known[FILE].get(name, {}).get("digest", ""))
        return f"{digest} measured" if is_measured() else digest

    @cached_property
    def _told(self) -> Mapping[str, set[str]]:
        """Type → links or files that were written about."""
        documents = DOCUMENTS.table()
        told = documents.filter(
            (documents.thread_id == self._thread.thread_id)
            & documents.doc_type.isin([LINK, FILE])
            & (documents.writer != "user")
        )
        found: dict[str, set[str]] = {LINK: set(), FILE: set()}
        for row in self._warehouse.rows(told.select("doc_type", "subject")):
            found[row["doc_type"]].add(row["subject"])
        return found

    @cached_property
    def _known(self) -> Mapping[str, Mapping[str, Mapping[str, Fact]]]:
        """Type → link or file → what was found out about it when it was written about last."""
        table = GENERATIONS.table()
        own = table.filter(
            (table.thread_id == self._thread.thread_id)
            & table.doc_type.isin([LINK, FILE])
            & table.error.isnull()
        )
        facts = own.mutate(facts=own.output["facts"].cast("string"))
        told = facts.filter(facts.facts.notnull() & (facts.facts != "{}")).order_by("created_at")
        found: dict[str, dict[str, Mapping[str, Fact]]] = {LINK: {}, FILE: {}}
        for row in self._warehouse.rows(told.select("doc_type", "subject", "facts")):
            found[row["doc_type"]][row["subject"]] = json.loads(row["facts"])
        return found


def page_reader() -> PageReader:
    """What reads the pages of links; see `links.Fetcher` for its limits.

    Raises:
        EgregoraError: The libraries of the extra `links` are not installed.
    """
    try:
        # Only here, as it is an extra.
        from egregora_dag.enriching.links import Fetcher  # noqa: PLC0415
    except ImportError as error:
        raise EgregoraError(
            f"Pages of links are read with {error.name}, which is not installed. Run "
            "pip install 'egregora-dag[links]', or leave fetch_links off."
        ) from error
    return Fetcher()


def facts_of(posted: Posted) -> dict[str, Fact]:
    """What was found out about a link or a file, as it is kept.

    Args:
        posted: The link or file.

    Returns:
        The attributes of its `Page` or `MediaFile`; nothing if there is none.
    """
    found = posted.page or posted.file
    return asdict(found) if found else {}


def _page(facts: Mapping[str, Fact] | None) -> Page | None:
    if not facts:
        return None
    error = facts["error"]
    told = (str(facts["title"]), str(facts["description"]))
    return Page(*told, None if error is None else str(error))


def _file(facts: Mapping[str, Fact] | None) -> MediaFile | None:
    return MediaFile(**facts) if facts else None  # type: ignore[arg-type]  # as `facts_of` kept it


def _chunks(subjects: Sequence[Subject], size: int) -> Iterator[Sequence[Subject]]:
    for start in range(0, len(subjects), size):
        yield subjects[start : start + size]
