"""A document as a Markdown file and as a page."""

import datetime as dt
import json
from dataclasses import replace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from egregora_dag.site import pages
from egregora_dag.site.published import Chat, Published

DOCUMENT = Published(
    document_id="0d1f7a52-5f0c-5c42-9a54-3f9b1c2d3e4f",
    doc_type="post",
    thread_id="shed",
    thread_title="Shed",
    subject=None,
    slug="the-roof",
    title="The roof",
    summary="Ana and Bo talked about the roof.",
    content="## Moments\n\n> It leaks.\n>\n> — Ana, 10:00\n",
    authors=["Ana", "Bo"],
    tags=["roof"],
    date=dt.date(2025, 1, 5),
    writer="offline",
    start=dt.datetime(2025, 1, 5, 10),
    end=dt.datetime(2025, 1, 5, 11, 30),
    rating={
        "rating": 1512.4,
        "strength": 1510.2,
        "lower": 1480.0,
        "upper": 1540.0,
        "comparisons": 8,
    },
)
CHAT = Chat("shed", "Shed", 2, 2, dt.date(2025, 1, 5), dt.date(2025, 1, 6), {})
PIECES = (
    *("---", "\n", ": ", "- ", "# ", "'", '"', "{{", "{{<", "%}}", "<script>", "</", "\\", "|"),
    *("\x00", "\x1b", "\x85", "\u2028", "\u202e", "!!python/object:os.system", "&a *a", "\r"),
)
HOSTILE = st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join))


def front_matter(text: str) -> tuple[dict[str, object], str]:
    """A Markdown file's front matter and the rest."""
    front, body = text.removeprefix("---\n").split("\n---\n", 1)
    return yaml.safe_load(front), body


def test_a_markdown_file_tells_in_its_front_matter_what_is_known() -> None:
    fields, body = front_matter(pages.markdown(DOCUMENT))
    assert fields == {
        "title": "The roof",
        "date": dt.date(2025, 1, 5),
        "type": "post",
        "slug": "the-roof",
        "summary": "Ana and Bo talked about the roof.",
        "authors": ["Ana", "Bo"],
        "tags": ["roof"],
        "thread": "shed",
        "thread_title": "Shed",
        "start": "2025-01-05T10:00:00",
        "end": "2025-01-05T11:30:00",
        "rating": 1512,
        "strength": 1510,
        "lower": 1480,
        "upper": 1540,
        "comparisons": 8,
        "writer": "offline",
        "document_id": DOCUMENT.document_id,
    }
    assert body.split() == f"{DOCUMENT.summary} {DOCUMENT.content}".split()


def test_front_matter_is_readable_in_any_script() -> None:
    document = replace(DOCUMENT, authors=["Layla 🌻", "حديقة"], title="João's roof")
    text = pages.markdown(document)
    assert "- Layla 🌻\n- حديقة\n" in text
    assert "title: João's roof\n" in text


@settings(max_examples=60, deadline=None)
@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
def test_front_matter_holds_whatever_is_in_titles_names_and_tags(
    title: str, author: str, tag: str, content: str
) -> None:
    document = replace(DOCUMENT, title=title, authors=[author], tags=[tag], content=content)
    fields, _ = front_matter(pages.markdown(document))
    assert set(fields) == set(front_matter(pages.markdown(DOCUMENT))[0])
    assert fields["document_id"] == DOCUMENT.document_id
    _, page = pages.page(document, CHAT, pages.Directory())
    front, _, body = page.partition("\n\n")
    assert json.loads(front)["title"] == fields["title"]
    assert "{{<" not in body
    assert "{{%" not in body


@pytest.mark.parametrize(
    ("slug", "name"),
    [
        ("the-roof", "the-roof"),
        ("../../etc/passwd", "etc-passwd-0d1f7a52"),
        ("index", "index-0d1f7a52"),
        ("_index", "index-0d1f7a52"),
        ("The Roof", "the-roof-0d1f7a52"),
        ("", "document-0d1f7a52"),
        ("حديقة", "document-0d1f7a52"),
        ("a" * 300, f"{'a' * 60}-0d1f7a52"),
    ],
)
def test_a_file_is_named_by_a_safe_slug_alone(slug: str, name: str) -> None:
    assert pages.path_of(replace(DOCUMENT, slug=slug)) == f"posts/{name}.md"


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Glass roof", "glass-roof"),
        ("../x", "x"),
        ("a/b", "a-b"),
        ("حديقة", "حديقة"),
        ("🌻", ""),
        ("<b>", "b"),
        ("x" * 99, "x" * 40),
    ],
)
def test_a_tag_is_letters_and_digits(text: str, tag: str) -> None:
    assert pages.tag_of(text) == tag


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        (r"\<b>", r"\<b>"),
        (r"\\<b>", r"\\&lt;b>"),
        ("<https://example.org>", "<https://example.org>"),
        ("<javascript:alert(1)>", "&lt;javascript:alert(1)>"),
        ("2 < 3", "2 < 3"),
        ("&lt;b>", "&lt;b>"),
    ],
)
def test_html_in_a_document_is_text(content: str, shown: str) -> None:
    assert shown in pages.markdown(replace(DOCUMENT, content=content))


def test_tags_of_one_post_alone_have_no_page() -> None:
    assert pages.shared_tags({"Roof": 1, "roof": 1, "shed": 1, "🌻": 5}) == {"roof"}


@pytest.mark.parametrize(
    ("last", "unit", "start", "bars"),
    [
        (dt.date(2025, 1, 1), "day", dt.date(2025, 1, 1), 1),
        (dt.date(2025, 2, 28), "day", dt.date(2025, 1, 1), 59),
        (dt.date(2025, 6, 30), "week", dt.date(2024, 12, 30), 27),
        (dt.date(2027, 12, 31), "month", dt.date(2025, 1, 1), 36),
    ],
)
def test_a_chart_has_no_gaps_and_bars_that_can_be_told_apart(
    last: dt.date, unit: str, start: dt.date, bars: int
) -> None:
    first = dt.date(2025, 1, 1)
    chart = replace(CHAT, first=first, last=last, days={first: 3, last: 4}).activity()
    assert chart is not None
    assert (chart.unit, chart.starts[0], len(chart.starts)) == (unit, start, bars)
    assert chart.counts[-1] >= 4
    assert sum(chart.counts) == (4 if first == last else 7)


def test_a_chat_without_messages_has_no_chart() -> None:
    assert replace(CHAT, first=None, last=None).activity() is None
