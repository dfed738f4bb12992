"""The site in a browser: a hostile chat is text on it, and nothing else."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit
from xml.etree import ElementTree

import pytest
from PIL import Image

from egregora_dag.database.duckdb_manager import DuckDBStorageManager
from egregora_dag.database.repository import ContentRepository, Document, DocumentType
from egregora_dag.database.schemas import DOCUMENTS, ELO_RATINGS, MESSAGES, THREADS, WINDOWS
from egregora_dag.database.threads import all_threads, save_thread
from egregora_dag.database.thumbnails import Thumbnail, save_thumbnails
from egregora_dag.publishing import publish
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home
from egregora_dag.windowing import WindowConfig, windows_of
from egregora_dag.writers import get_writer
from egregora_dag_tests.conftest import add_thread, at, insert, message_rows, query
from egregora_dag_tests.e2e.browser import CHROMIUM, Page, chromium
from egregora_dag_tests.e2e.deployment import listened_at, others_may_use, status_of

SCRIPT: Final = "<script>alert(1)</script>"
HANDLER: Final = '"><img src=x onerror=alert(1)>'
TEMPLATES: Final = "{{ .Site.Title }} {{< figure >}} {{% x %}} {% raw %} {static}/x |filename|x"
LINK: Final = "[click](javascript:alert(1))"
EVE: Final = "Eve <svg onload=alert(1)>"
SPOKEN: Final = (
    f"The glasshouse roof needs a pane, {SCRIPT} says the catalogue",
    f"Is the price per pane in the catalogue? {HANDLER}",
    f"Look at the price of the pane here: {LINK} or javascript:alert(1)",
    f"The price list of panes was made with {TEMPLATES}",
    "---\\ntitle: x\\n--- is what the glazier wrote about panes, 'so' \"he\" said",
    "המחיר של הזכוכית לגג עלה שוב, אמר הזגג <b>אתמול</b>",
    "Agreed: we buy the pane at https://example.org/pane?a=<b>&c='d' on Saturday",
    "I will bring the ladder and the putty for the pane on Saturday at nine",
)
MARKDOWN: Final = f"""## Heading {{onclick="alert(1)" #{SCRIPT}}}

{SCRIPT} <img src=x onerror=alert(1)> <svg onload=alert(1)> <iframe src="javascript:alert(1)">

<a href="javascript:alert(1)">click</a>

{LINK} [click](JaVaScRiPt:alert(1)) [click](javascript&colon;alert(1))
[click](&#106;avascript:alert(1)) [click](java\tscript:alert(1))
[click](data:text/html,{SCRIPT}) [click](vbscript:alert(1)) [click]
<javascript:alert(1)> [click](//evil.example/x) [click](file:///etc/passwd)
[good](https://example.org/)

[click]: javascript:alert(1)

![seen](https://tracker.example/pixel.png) ![click](javascript:alert(1)) {HANDLER}

{TEMPLATES} {{{{< ref "x" >}}}} <!--more--> <?php x ?> <![CDATA[x]]>

```html
{SCRIPT}
```

    {SCRIPT}
"""


def hostile_home(home: Home) -> Home:
    """A home with a chat that attacks its readers, and documents that do so directly."""
    home.create()
    warehouse = Warehouse(database=str(home.database))
    warehouse.prepare()
    for key, title in (("x", f"A/B ../c 🌻 {SCRIPT} {TEMPLATES}"), ("second", "Second")):
        thread = replace(add_thread(warehouse, key), title=title)
        said = [
            (at("2025-01-01T10:00") + timedelta(minutes=n), EVE if n % 2 else "Bo", text)
            for n, text in enumerate(SPOKEN)
        ]
        insert(home.database, MESSAGES, *message_rows(key, said))
        with warehouse.transaction() as connection:
            save_thread(connection, thread)
    warehouse.write(WINDOWS, windows_of(MESSAGES.table(), THREADS.table(), WindowConfig()))
    with warehouse.transaction() as connection:
        threads = all_threads(connection).values()
    for thread in threads:
        rows = publish(warehouse, thread, get_writer("offline"), run_id="").rows
        warehouse.write(DOCUMENTS, rows)
    titles = (SCRIPT, HANDLER, TEMPLATES, "---\ntitle: x\n---", "שלום <b>", "../../x", "`x` 'y'")
    with DuckDBStorageManager(home.database) as storage:
        documents = ContentRepository(storage)
        for number, words in enumerate(titles):
            documents.save(
                Document(
                    doc_type=DocumentType.POST,
                    thread_id="x" if number else "",
                    title=words,
                    summary=words,
                    content=MARKDOWN,
                    slug="index" if number else "../../../etc/passwd",
                    authors=(EVE, words),
                    tags=(words, "..", "a/../../b", "🌻", SCRIPT),
                )
            )
        documents.save(
            Document(
                doc_type=DocumentType.MEDIA,
                thread_id="x",
                title="../pane.webp",
                content=MARKDOWN,
                subject=f"../{SCRIPT}.webp",
            )
        )
    picture = BytesIO()
    Image.new("RGB", (3, 2)).save(picture, "WEBP")
    small = Thumbnail("0", 3, 2, "image/webp", picture.getvalue())
    with warehouse.transaction() as connection:
        save_thumbnails(connection, "x", {f"../{SCRIPT}.webp": small})
    posts = query(home.database, "SELECT document_id FROM documents WHERE doc_type = 'post'")
    time = at("2025-01-03T10:00")
    counted = {"comparisons": 8, "wins": 4, "losses": 4, "ties": 0}
    dated = {"last_updated": time, "created_at": time}
    insert(
        home.database,
        ELO_RATINGS,
        *(
            {"post_id": str(post), "initial_rating": 1500, "rating": 1500, **counted, **dated}
            for (post,) in posts
        ),
    )
    return home


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Where the site is, and the address at which the command itself serves it."""
    root = tmp_path_factory.mktemp("hostile")
    home, out = hostile_home(Home(root / "home")), root / "export"
    command = [sys.executable, "-c", "from egregora_dag.cli import main; main()", "export"]
    options = ["--home", str(home.root), "--serve", "--port", "0"]
    with subprocess.Popen(
        [*command, str(out), *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr
        told = []
        for line in server.stderr:
            told.append(line)
            if found := re.match(r"http://127\.0\.0\.1:\d+", line):
                yield out, found[0]
                break
        else:
            pytest.fail("".join(told))
        server.terminate()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A browser of these tests' own."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with chromium(tmp_path_factory.mktemp("browser") / "profile") as page:
        yield page


class Tags(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def html_files(out: Path) -> list[Path]:
    files = sorted((out / "html").rglob("*.html"))
    assert len(files) > 20
    return files


def test_the_site_is_served_to_this_computers_own_pages_alone(exported: tuple[Path, str]) -> None:
    out, address = exported
    assert listened_at(address) == {"127.0.0.1"}
    assert others_may_use(out) == []
    assert status_of(address) == 200
    assert status_of(address, Host="localhost") == 200
    assert status_of(f"{address}/feed.xml", Host="evil.example") == 403
    assert status_of(address, Origin="http://evil.example") == 403
    assert status_of(address, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors") == 403


def test_pages_open_without_complaints_dialogs_or_requests_elsewhere(
    exported: tuple[Path, str], browser: Page
) -> None:
    out, address = exported
    pages = [path for path in html_files(out) if path.parent.name != "archive"]
    assert {path.parent.name for path in pages} >= {"html", "posts", "people", "tags", "chats"}
    for path in pages:
        seen = browser.open(f"{address}/{path.relative_to(out / 'html')}")
        assert (seen.complaints, seen.dialogs) == ([], []), path
        assert all(url.startswith((address, "data:")) for url in seen.requests), seen.requests
        assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_a_file_is_shown_by_its_small_picture(exported: tuple[Path, str], browser: Page) -> None:
    out, address = exported
    [path] = (out / "html/media").glob("pane*.html")
    seen = browser.open(f"{address}/media/{path.name}")
    assert (seen.complaints, seen.dialogs) == ([], [])
    assert browser.evaluate("document.querySelector('img.picture').naturalWidth") == 3


def test_nothing_that_is_clicked_on_runs(exported: tuple[Path, str], browser: Page) -> None:
    out, address = exported
    [path, *_] = (out / "html/posts").glob("etc-passwd-*.html")
    browser.open(f"{address}/posts/{path.name}")
    links = browser.evaluate(
        "[...document.querySelectorAll('.body a')].map(a => [a.protocol, a.textContent, a.rel])"
    )
    rel = "nofollow noopener noreferrer"
    assert links == [["https:", "good", rel], ["https:", "seen", rel]]
    assert "<script>alert(1)</script>" in browser.evaluate("document.body.innerText")
    clicked = browser.evaluate(
        "[...document.querySelectorAll('body *')].filter(e => e.textContent.trim() === 'click')"
        ".map(e => e.click()).length"
    )
    assert (clicked, browser.seen.complaints, browser.seen.dialogs) == (0, [], [])


def test_what_is_searched_for_is_found_and_shown_as_text(
    exported: tuple[Path, str], browser: Page
) -> None:
    _, address = exported
    browser.open(f"{address}/search.html")
    browser.wait_for("document.querySelector('.pagefind-ui__search-input')")
    browser.evaluate(
        "(i => { i.value = 'alert'; i.dispatchEvent(new Event('input', {bubbles: true})); })"
        "(document.querySelector('.pagefind-ui__search-input'))"
    )
    browser.wait_for("document.querySelector('.pagefind-ui__result-excerpt mark')")
    found = browser.evaluate("document.querySelector('#search').innerText")
    assert "<script>" in found
    assert (browser.seen.complaints, browser.seen.dialogs) == ([], [])


def test_the_site_opens_from_a_file_and_says_that_its_search_does_not(
    exported: tuple[Path, str], browser: Page
) -> None:
    out, _ = exported
    seen = browser.open((out / "html/index.html").as_uri())
    assert seen.complaints == []
    assert browser.evaluate("getComputedStyle(document.querySelector('.cards')).display") == "grid"
    browser.open((out / "html/search.html").as_uri())
    assert not browser.evaluate("document.getElementById('opened-as-file').hidden")


def test_no_page_has_a_script_or_a_handler_of_the_chats(exported: tuple[Path, str]) -> None:
    out, _ = exported
    for path in html_files(out):
        text = path.read_text("utf-8")
        assert "ZgotmplZ" not in text
        for tag, attributes in Tags(text).found:
            assert tag not in {"iframe", "object", "embed", "form", "base", "style"}, path
            assert not [name for name in attributes if name.startswith("on")], path
            assert tag != "script" or path.name == "search.html", path
            assert tag != "img" or re.fullmatch(
                r"\.\./pictures/[0-9a-f-]+\.webp", attributes["src"]
            ), path
            url = attributes.get("href", "")
            assert urlsplit(url).scheme in {"", "http", "https", "mailto"}, (path, url)
        policies = [a for tag, a in Tags(text).found if tag == "meta" and "http-equiv" in a]
        assert [policy["content"].split(";")[0] for policy in policies] == ["default-src 'none'"]


def test_every_link_within_the_site_leads_somewhere(exported: tuple[Path, str]) -> None:
    out, _ = exported
    for path in html_files(out):
        for tag, attributes in Tags(path.read_text("utf-8")).found:
            url = attributes.get("href") or attributes.get("src")
            if not url or urlsplit(url).scheme or url.startswith("#"):
                continue
            target = unquote(urlsplit(urljoin(path.as_uri(), url)).path)
            assert Path(target).is_file(), (path, tag, url)


def test_the_feed_is_xml_whose_entries_lead_to_pages(exported: tuple[Path, str]) -> None:
    out, _ = exported
    atom = "{http://www.w3.org/2005/Atom}"
    feed = ElementTree.parse(out / "html/feed.xml").getroot()
    entries = feed.findall(f"{atom}entry")
    assert SCRIPT in [entry.findtext(f"{atom}title") for entry in entries]
    for entry in entries:
        assert (entry.findtext(f"{atom}id") or "").startswith("urn:uuid:")
        link = entry.find(f"{atom}link")
        assert link is not None
        assert (out / "html" / link.attrib["href"]).is_file()


def test_files_stand_in_the_export_alone_and_are_named_by_slugs(
    exported: tuple[Path, str],
) -> None:
    out, _ = exported
    names = [path.name for path in (out / "content").rglob("*.md")]
    assert len(names) > 10
    assert all(re.fullmatch(r"[a-z0-9-]+\.md", name) for name in names), names
    assert {path.name for path in out.iterdir()} == {".egregora-export", "content", "html"}
