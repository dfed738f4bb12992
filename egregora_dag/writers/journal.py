"""The journal: what was read of a window, and what came of it."""

from collections.abc import Sequence

from egregora_dag.writers.languages import wording
from egregora_dag.writers.lines import activity
from egregora_dag.writers.markdown import plain
from egregora_dag.writers.protocol import Document, Window


def journal(window: Window, writer: str, posts: Sequence[Document], language: str) -> Document:
    """What was read and what came of it; the same for every run.

    How long it took and what it cost differs between runs, and stands in `generations`.

    Args:
        window: The window.
        writer: Name of the writer.
        posts: What it wrote about the window.
        language: Code of the chat's language.

    Returns:
        The entry, in counts rather than in sentences.
    """
    label = wording(language).sentences
    first, last = window.messages[0].time, window.messages[-1].time
    authors = tuple(activity(window))
    span = f"{first:%Y-%m-%d %H:%M} – {last:%Y-%m-%d %H:%M}"
    counts = {
        "messages": f"{len(window.messages):,}",
        "people": f"{len(authors):,}",
        "files": f"{sum(message.media_type is not None for message in window.messages):,}",
        "links": f"{sum(len(message.urls) for message in window.messages):,}",
        "writer": plain(writer),
        "posts": f"{len(posts):,}" if posts else label["nothing"],
    }
    facts = {"window": str(window.index), "time": span} | counts
    return Document(
        doc_type="journal",
        title=f"{label['window']} {window.index}: {span}",
        summary=" · ".join(f"{label[name]}: {count}" for name, count in counts.items()),
        content="\n".join(f"- {label[name]}: {fact}" for name, fact in facts.items()),
        authors=authors,
        tags=(),
        date=first.date(),
    )
