"""A document as a Markdown file of its own, and as a page of the site.

Nothing in a document is trusted: names of files are slugs, front matter is written by a library,
and what Hugo would take for a command of its own is taken apart.
"""

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from egregora_dag.database.repository import slug_of
from egregora_dag.site.published import Chat, Habits, Published
from egregora_dag.writers.languages import language_of
from egregora_dag.writers.markdown import escape, one_line
from egregora_dag.writers.tokens import tokens

# Type of document → the folder its files are in.
FOLDERS: Final[Mapping[str, str]] = {
    "post": "posts",
    "profile": "people",
    "enrichment": "links",
    "media": "media",
    "journal": "journal",
}
# Ten times as fast where PyYAML was built with it, but writes emoji as numbers.
_FAST_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_EMOJI: Final = re.compile("[\U00010000-\U0010ffff]")
# The theme's colours of people's initials.
_COLOURS: Final = 8
# Hugo takes a file of this name for the page of its whole folder.
_RESERVED: Final = "index"
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_NOT_IN_TAG: Final = re.compile(r"[^\w]+")
_LONGEST_TAG: Final = 40
# A word joiner between the braces: nothing is seen of it, and Hugo sees no shortcode.
_SHORTCODE: Final = re.compile(r"\{(?=\{[<%])")
_JOINED: Final = "{\u2060"
# What begins a tag of HTML, with the backslashes before it; not an address in angle brackets.
_HTML: Final = re.compile(r"(\\*)<(?=[A-Za-z/!?])(?!https?://)")


@dataclass(frozen=True)
class Directory:
    """What pages say of each other.

    Attributes:
        people: Key of a chat and a person's name → the name of their profile's file.
        tags: Tags that have a page of their own: those of several posts.
    """

    people: Mapping[tuple[str, str], str] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()


def name_of(document_id: str, slug: str) -> str:
    """The name of a document's file, without its extension.

    Args:
        document_id: The document's id.
        slug: Its slug, which a person may have chosen.

    Returns:
        ASCII letters, digits and hyphens; with a part of the id where the slug is no such name.
    """
    safe = slug_of(slug)
    return safe if safe == slug and safe != _RESERVED else f"{safe}-{document_id[:8]}"


def tag_of(text: str) -> str:
    """A tag that Obsidian, Hugo and a file system take: letters and digits joined by `-`.

    Args:
        text: Any text.

    Returns:
        At most 40 characters in lower case; empty for a text without letters and digits.
    """
    return _NOT_IN_TAG.sub("-", text.casefold())[:_LONGEST_TAG].strip("-_")


def tags_of(document: Published) -> list[str]:
    """A document's tags, each once."""
    return list(dict.fromkeys(filter(None, map(tag_of, document.tags))))


def shared_tags(counts: Mapping[str, int]) -> frozenset[str]:
    """The tags that several posts have.

    Args:
        counts: Tag as it is stored → how many posts have it.

    Returns:
        The tags as `tag_of` makes them.
    """
    total = Counter[str]()
    for text, count in counts.items():
        total[tag_of(text)] += count
    return frozenset(tag for tag, count in total.items() if tag and count > 1)


def picture_of(document: Published) -> str:
    """Where a document's picture stands on the site."""
    return f"pictures/{document.document_id}.webp"


def path_of(document: Published) -> str:
    """Where a document's Markdown file stands among the others."""
    return f"{FOLDERS[document.doc_type]}/{name_of(document.document_id, document.slug)}.md"


def markdown(document: Published) -> str:
    """A document as a Markdown file with YAML front matter.

    Args:
        document: The document.

    Returns:
        The file's text, with no HTML in it that a reader would run.
    """
    times = {"start": document.start, "end": document.end}
    fields = {
        "title": one_line(document.title),
        "date": document.date,
        "type": document.doc_type,
        "slug": name_of(document.document_id, document.slug),
        "summary": one_line(document.summary),
        "authors": [one_line(author) for author in document.authors],
        "tags": tags_of(document),
        "thread": document.thread_id,
        "thread_title": one_line(document.thread_title),
        **{name: f"{time:%Y-%m-%dT%H:%M:%S}" for name, time in times.items() if time},
        **_rounded(document.rating),
        "writer": document.writer,
        "document_id": document.document_id,
    }
    dumper = yaml.SafeDumper if _EMOJI.search(str(fields)) else _FAST_DUMPER
    front = yaml.dump(fields, Dumper=dumper, allow_unicode=True, sort_keys=False, width=10_000)
    parts = [escape(document.summary), _inert(document.content)]
    body = "\n\n".join(part.strip("\n") for part in parts if part.strip())
    return f"---\n{front}---\n\n{body}\n"


def page(
    document: Published, chat: Chat | None, directory: Directory, habit: Habits | None = None
) -> tuple[str, str]:
    """A document as a page for the site generator.

    Args:
        document: The document.
        chat: The chat it is about, if it is about one.
        directory: What other pages there are.
        habit: When the person of a profile writes.

    Returns:
        The file's path among the content, and its text.
    """
    people = [
        {"name": one_line(author), "page": directory.people.get((document.thread_id, author))}
        for author in document.authors
    ]
    tags = tags_of(document)
    linked = [tag for tag in tags if tag in directory.tags]
    params: dict[str, Any] = {
        "summary": _clean(document.summary),
        "chat": chat.thread_id if chat else None,
        "people": people,
        "tag_names": tags,
        "document_id": document.document_id,
        "writer": document.writer,
        "language": language_of(tokens(document.content)).code,
        "rating": _rounded(document.rating),
        **({"subject": _clean(document.subject)} if document.subject else {}),
    }
    if document.start and document.end:
        same_day = document.start.date() == document.end.date()
        end = document.end.strftime("%H:%M" if same_day else "%-d %B, %H:%M")
        params["time"] = f"{document.start:%H:%M}–{end}"
    if chat is not None and habit is not None:
        params["colour"] = int(document.document_id[0], 16) % _COLOURS
        params["activity"] = _chart(chat, habit.days)
        params["hours"] = habit.hours
        params["messages"] = sum(habit.hours)
    if (picture := document.picture) is not None:
        size = {"width": picture.width, "height": picture.height}
        params["picture"] = {"path": picture_of(document), **size}
    is_post = document.doc_type == "post"
    fields = {
        "title": one_line(document.title),
        "date": f"{document.start or document.date:%Y-%m-%dT%H:%M:%S}Z",
        # Taxonomies: a page of posts for each of their terms.
        "tags": linked if is_post else [],
        "chats": [document.thread_id] if is_post and chat else [],
        "with": [person["page"] for person in people if person["page"]] if is_post else [],
        "archive": [f"{document.date:%Y-%m}"] if is_post else [],
        "params": params,
    }
    return path_of(document), _page(fields, _SHORTCODE.sub(_JOINED, _inert(document.content)))


def chat_page(chat: Chat) -> tuple[str, str]:
    """The page of a chat, which lists its posts.

    Args:
        chat: The chat.

    Returns:
        The file's path among the content, and its text.
    """
    params = {"messages": chat.messages, "people": chat.people, "activity": _chart(chat)}
    fields = {"title": one_line(chat.title), "params": params}
    return f"chats/{chat.thread_id}/_index.md", _page(fields)


def list_page(title: str, layout: str, **params: object) -> str:
    """A page without a text of its own, which its layout fills.

    Args:
        title: Its title.
        layout: The name of its layout.
        params: What the layout needs.

    Returns:
        The file's text.
    """
    return _page({"title": title, "layout": layout, "params": params})


def _page(fields: Mapping[str, Any], content: str = "") -> str:
    return f"{json.dumps(fields, ensure_ascii=False)}\n\n{content}\n"


def _chart(chat: Chat, days: Mapping[dt.date, int] | None = None) -> dict[str, Any] | None:
    activity = chat.activity(days)
    if activity is None:
        return None
    return {
        "unit": activity.unit,
        "from": f"{chat.first}",
        "to": f"{chat.last}",
        "starts": [f"{start}" for start in activity.starts],
        "counts": activity.counts,
    }


def _rounded(rating: Mapping[str, float]) -> dict[str, int]:
    return {name: round(value) for name, value in rating.items()}


def _inert(content: str) -> str:
    """Markdown in which HTML shows as it is written; in code it shows with `&lt;`."""

    def shown(match: re.Match[str]) -> str:
        return match[0] if len(match[1]) % 2 else f"{match[1]}&lt;"

    return _HTML.sub(shown, _clean(content))


def _clean(text: str) -> str:
    """A text without control characters, which are in no HTML, YAML or feed."""
    return _CONTROL.sub("", text.replace("\r\n", "\n"))
