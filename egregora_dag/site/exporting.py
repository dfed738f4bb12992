"""The export of one home: every document a Markdown file, and a site made of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from egregora_dag.database.identifiers import make_id
from egregora_dag.resources import Warehouse
from egregora_dag.site import generator, pages
from egregora_dag.site.folder import MANIFEST, ExportFolder
from egregora_dag.site.generator import Generator
from egregora_dag.site.published import (
    Chat,
    Habits,
    Published,
    best,
    chats,
    documents,
    habits,
    profiles,
    tag_counts,
)

MARKDOWN: Final = "content"
HTML: Final = "html"
_BEST: Final = 100
_MOST_TITLES: Final = 3


@dataclass(frozen=True)
class Options:
    """What is exported, and how.

    Attributes:
        site: Make the site, too.
        journal: Export the journal with the rest.
        title: The site's title; the titles of the chats if None.
        url: The address that the site will have; its links are relative if None.
    """

    site: bool = True
    journal: bool = False
    title: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class Exported:
    """What an export did.

    Attributes:
        documents: Documents that stand.
        written: Markdown files that are new or have changed.
        removed: Markdown files of documents that are gone.
        kept: Files that are a person's, in whose place one would have been written or removed.
        pages: Documents, chats and lists that the site was made of.
    """

    documents: int
    written: int
    removed: int
    kept: tuple[str, ...]
    pages: int


def export(
    warehouse: Warehouse,
    root: Path,
    options: Options,
    progress: Callable[[str], None] = lambda message: None,
) -> Exported:
    """Write the documents that stand into a folder, and remove those of an earlier export.

    Args:
        warehouse: Where they are read; not held while the site is made.
        root: The folder: empty, missing, or one of an earlier export.
        options: What is exported, and how.
        progress: Called with what is being done.

    Returns:
        What was done.

    Raises:
        ExportFolderError: The folder holds what no export made.
        SiteError: The site generator is missing or failed; the site that was there stands.
    """
    if options.site:
        generator.require()
    # The generator takes no path that is relative to where it was started.
    with ExportFolder(root.absolute()) as folder, folder.building() as building:
        known = chats(warehouse)
        site = _Site(building, warehouse, known, options) if options.site else None
        types = [name for name in pages.FOLDERS if name != "journal" or options.journal]
        count = 0
        for block in documents(warehouse, types):
            found = habits(warehouse, [one for one in block if one.doc_type == "profile"])
            for document in block:
                folder.write(f"{MARKDOWN}/{pages.path_of(document)}", pages.markdown(document))
                if site is not None:
                    site.add(document, found)
            count += len(block)
            progress(f"{count:,} documents")
        if site is not None:
            progress("making the site")
            folder.swap(site.build(), HTML)
    return Exported(
        documents=count,
        written=folder.written,
        removed=folder.removed,
        kept=tuple(folder.kept),
        pages=site.pages if site else 0,
    )


def clear(root: Path) -> None:
    """Remove what exports have left in a folder, but for what a person put there or changed.

    Args:
        root: The folder; nothing is done where there is none, or no export was made.
    """
    if (root / MANIFEST).exists():
        ExportFolder(root).clear(HTML)


class _Site:
    """The pages of the site as they are added."""

    def __init__(
        self, building: Path, warehouse: Warehouse, known: Mapping[str, Chat], options: Options
    ) -> None:
        titles = [chat.title for chat in known.values()]
        title = " · ".join(titles) if len(titles) <= _MOST_TITLES else f"{len(titles)} chats"
        self._generator = Generator(building, options.title or title or "No chats", options.url)
        self._chats = known
        self._best = best(warehouse, _BEST)
        self._paths: dict[str, str] = {}
        self._directory = pages.Directory(
            people={
                (thread, name): pages.name_of(document_id, slug)
                for thread, name, document_id, slug in profiles(warehouse)
            },
            tags=pages.shared_tags(tag_counts(warehouse)),
        )

    @property
    def pages(self) -> int:
        return self._generator.pages

    def add(self, document: Published, found: Mapping[tuple[str, str], Habits]) -> None:
        habit = found.get((document.thread_id, document.subject or ""))
        chat = self._chats.get(document.thread_id)
        path, text = pages.page(document, chat, self._directory, habit)
        if document.document_id in self._best:
            self._paths[document.document_id] = path
        self._generator.add(path, text)
        if document.picture is not None:
            self._generator.add_file(pages.picture_of(document), document.picture.data)

    def build(self) -> Path:
        for chat in self._chats.values():
            self._generator.add(*pages.chat_page(chat))
        ranked = [self._paths[key] for key in self._best if key in self._paths]
        feed = f"urn:uuid:{make_id('feed', *sorted(self._chats))}"
        self._generator.add("_index.md", pages.list_page("", "home", best=ranked, feed=feed))
        self._generator.add("best.md", pages.list_page("Top posts", "best", best=ranked))
        self._generator.add("search.md", pages.list_page("Search", "search"))
        return self._generator.build()
