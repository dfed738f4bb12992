"""Documents about links and files: what they tell, when they are written, what is kept of them."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from egregora_dag.assets.content import WriterSettings
from egregora_dag.database import connections
from egregora_dag.database import threads as chats
from egregora_dag.database.forgetting import forget_author, forget_thread
from egregora_dag.database.schemas import DOCUMENTS, MESSAGES
from egregora_dag.database.threads import Thread
from egregora_dag.database.writing import write_rows
from egregora_dag.enriching import Enrichments, page_reader
from egregora_dag.exceptions import EgregoraError
from egregora_dag.naming import Names
from egregora_dag.publishing import Again, Published, publish
from egregora_dag.resources import Inbox, Warehouse
from egregora_dag.writers import OfflineWriter, Page
from egregora_dag_tests.conftest import add_thread, at, insert, message_rows, query
from egregora_dag_tests.enriching.test_media import archive, picture

TIDES, MAP = "https://tides.example/slipway", "https://map.example/"
CHAT = (
    ("2025-03-01T10:00", "Ada", "Is the slipway under water in the morning?"),
    ("2025-03-01T10:01", "Bo", f"Look it up: {TIDES}"),
    ("2025-03-01T10:02", "Cy", "So at seven it is dry"),
    ("2025-03-01T10:03", "Ada", "IMG-1.jpg (file attached)"),
    ("2025-03-02T10:00", "Cy", f"Again {TIDES} and {MAP} and {TIDES}"),
    ("2025-03-02T10:05", "Ada", "gone.jpg (file attached)"),
)


@dataclass
class Pages:
    """Reads pages from a dictionary, and notes which it was asked for."""

    known: Mapping[str, Page] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def fetch(self, urls: Sequence[str]) -> dict[str, Page]:
        self.asked += urls
        return {url: self.known.get(url, Page(error="UnknownHost")) for url in urls}


def rows(chat: Sequence[tuple[str, str, str]], first: int = 0) -> list[dict[str, Any]]:
    made = message_rows("pier", [(at(time), who, text) for time, who, text in chat], first=first)
    for row in made:
        words = row["content"].split()
        row["metadata"]["urls"] = [word for word in words if "://" in word]
        if "attached" in row["content"]:
            row |= {"media_path": words[0], "media_type": "image", "kind": "media"}
    return made


@pytest.fixture
def thread(warehouse: Warehouse) -> Iterator[Thread]:
    """The chat; its database stays open, as opening it takes longer than what is done."""
    with connections.connect(warehouse.path):
        made = add_thread(warehouse, "pier")
        insert(warehouse.path, MESSAGES, *rows(CHAT))
        yield made


def published(warehouse: Warehouse, thread: Thread, **wanted: Any) -> Published:
    """What `publish` did, its documents stored."""
    again = wanted.pop("again", None)
    done = publish(
        warehouse,
        thread,
        OfflineWriter(),
        run_id="run",
        again=again,
        enrichments=Enrichments(**wanted),
    )
    with warehouse.transaction() as connection:
        write_rows(connection, DOCUMENTS, done.rows)
    return done


def document(warehouse: Warehouse, subject: str) -> tuple[Any, ...]:
    """Title, summary and content of what stands about a link or file."""
    [found] = query(
        warehouse.path,
        "SELECT title, summary, content FROM documents WHERE subject = ? "
        "AND doc_type IN ('enrichment', 'media') AND status = 'published'",
        subject,
    )
    return found


def facts(warehouse: Warehouse, subject: str) -> dict[str, Any]:
    [[output]] = query(
        warehouse.path,
        "SELECT output FROM generations WHERE subject = ? ORDER BY created_at DESC LIMIT 1",
        subject,
    )
    found: dict[str, Any] = json.loads(output)["facts"]
    return found


def test_each_link_is_told_with_who_posted_it_when_how_often_and_what_was_said(
    warehouse: Warehouse, thread: Thread
) -> None:
    published(warehouse, thread)
    title, summary, content = document(warehouse, TIDES)
    assert title == "tides.example/slipway"
    assert summary == ("First posted by Bo in Pier on 2025-03-01. Posted 2 times, by Bo and Cy.")
    said = [line for line in content.splitlines() if line.startswith("> ") and "—" not in line]
    assert said == [
        "> Is the slipway under water in the morning?",
        f"> Look it up: <{TIDES}>",
        "> So at seven it is dry",
    ]
    assert content.endswith("- 2025-03-01 10:01, Bo\n- 2025-03-02 10:00, Cy\n")
    assert facts(warehouse, TIDES) == {}
    assert document(warehouse, MAP)[0] == "map.example"


def test_nothing_is_written_twice_and_a_link_posted_again_is_written_anew(
    warehouse: Warehouse, thread: Thread
) -> None:
    assert published(warehouse, thread).generated == 5
    assert published(warehouse, thread).generated == 0
    more = [("2025-03-09T10:00", "Bo", "Is anybody at the pier this week?")] * 4
    insert(warehouse.path, MESSAGES, *rows([*more, ("2025-03-09T10:09", "Bo", MAP)], first=6))
    # Bo, and the link that came again.
    assert published(warehouse, thread).generated == 2
    assert "Posted 2 times, by Bo and Cy." in document(warehouse, MAP)[1]


def test_with_links_and_files_left_out_only_those_asked_for_are_written_about(
    warehouse: Warehouse, thread: Thread
) -> None:
    off = {"links": False, "media": False}
    assert published(warehouse, thread, **off).generated == 3
    asked = Again(urls=frozenset({MAP}), media=frozenset({"gone.jpg"}))
    assert published(warehouse, thread, again=asked, **off).generated == 2
    assert "The file is in no export." in document(warehouse, "gone.jpg")[2]
    # What was asked for once is kept up.
    assert published(warehouse, thread, **off).reused == 5


def test_a_page_is_read_once_and_what_it_says_is_shown_as_text(
    warehouse: Warehouse, thread: Thread
) -> None:
    hostile = Page("<b>Tides</b> [x](javascript:y)", "<script>alert(1)</script> *of the bay*")
    pages = Pages({TIDES: hostile})
    published(warehouse, thread)
    assert published(warehouse, thread, pages=pages).generated == 2
    assert sorted(pages.asked) == [MAP, TIDES]
    title, summary, content = document(warehouse, TIDES)
    assert title == "‹b›Tides‹/b› [x] (javascript:y)"
    assert "“‹script›alert(1)‹/script› *of the bay*”" in summary
    assert "**&lt;b&gt;Tides&lt;/b&gt; \\[x\\](javascript:y)**" in content
    assert "> &lt;script&gt;alert(1)&lt;/script&gt; \\*of the bay\\*" in content
    assert facts(warehouse, TIDES)["title"] == hostile.title
    assert facts(warehouse, MAP) == {"title": "", "description": "", "error": "UnknownHost"}
    assert published(warehouse, thread, pages=pages).generated == 0
    insert(warehouse.path, MESSAGES, *rows([("2025-03-09T10:00", "Bo", TIDES)], first=6))
    published(warehouse, thread, pages=pages)
    assert "3 times" in document(warehouse, TIDES)[1]
    assert sorted(pages.asked) == [MAP, TIDES]


def test_what_was_read_of_pages_stands_when_no_more_are_read(
    warehouse: Warehouse, thread: Thread
) -> None:
    published(warehouse, thread, pages=Pages({TIDES: Page("Tides", "")}))
    assert published(warehouse, thread).generated == 0
    assert document(warehouse, TIDES)[0] == "Tides"


def test_a_page_that_could_not_be_read_is_tried_again_only_when_it_is_asked_for(
    warehouse: Warehouse, thread: Thread
) -> None:
    published(warehouse, thread, pages=Pages())
    pages = Pages({TIDES: Page("Tides", "")})
    assert published(warehouse, thread, pages=pages).generated == 0
    asked = Again(urls=frozenset({TIDES}))
    assert published(warehouse, thread, pages=pages, again=asked).generated == 1
    assert pages.asked == [TIDES]
    assert document(warehouse, TIDES)[0] == "Tides"


def test_pages_are_read_only_where_a_setting_of_the_run_the_chat_or_the_environment_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = Inbox(root=str(tmp_path))

    def reads(remembered: dict[str, bool], told: bool | None = None) -> bool:
        thread = Thread("pier", "Pier", "test", "UTC", {"enrichments": remembered})
        return (
            WriterSettings.model_validate({"fetch_links": told}).enrichments(thread, inbox).pages
            is not None
        )

    on, off = {"fetch_links": True}, {"fetch_links": False}
    assert [reads({}), reads(on), reads(off), reads({}, True), reads(on, False)] == [
        False,
        True,
        False,
        True,
        False,
    ]
    monkeypatch.setenv("EGREGORA_FETCH_LINKS", "1")
    assert [reads({}), reads(off)] == [True, False]


def test_without_the_extra_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "egregora_dag.enriching.links", raising=False)
    monkeypatch.setitem(sys.modules, "httpx2", None)
    with pytest.raises(EgregoraError, match=r"pip install 'egregora-dag\[links\]'"):
        page_reader()


def thumbnails(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return query(
        warehouse.path,
        "SELECT thread_id, media_path, width, height, mime, octet_length(data) > 0 "
        "FROM thumbnails ORDER BY ALL",
    )


def test_each_file_in_an_export_is_measured_and_shown_small(
    warehouse: Warehouse, thread: Thread, tmp_path: Path
) -> None:
    exports = (archive(tmp_path, {"IMG-1.jpg": picture(), "other.jpg": picture()}),)
    assert published(warehouse, thread, exports=exports).generated == 6
    title, summary, content = document(warehouse, "IMG-1.jpg")
    assert (title, summary) == ("IMG-1.jpg", "First posted by Ada in Pier on 2025-03-01.")
    assert "## The file\n\n- Type: image/jpeg\n- Size: " in content
    assert "- Dimensions: 800 × 600\n" in content
    known = facts(warehouse, "IMG-1.jpg")
    assert (known["width"], known["height"], known["mime"]) == (800, 600, "image/jpeg")
    assert thumbnails(warehouse) == [("pier", "IMG-1.jpg", 320, 240, "image/webp", True)]
    assert published(warehouse, thread, exports=exports).generated == 0


def test_a_file_is_told_anew_when_its_content_changed_and_stands_when_its_export_is_gone(
    warehouse: Warehouse, thread: Thread, tmp_path: Path
) -> None:
    published(warehouse, thread, exports=(archive(tmp_path, {"IMG-1.jpg": picture()}),))
    changed = (archive(tmp_path, {"IMG-1.jpg": picture((100, 50))}, "later.zip"),)
    assert published(warehouse, thread, exports=changed).generated == 1
    assert "- Dimensions: 100 × 50" in document(warehouse, "IMG-1.jpg")[2]
    assert thumbnails(warehouse) == [("pier", "IMG-1.jpg", 100, 50, "image/webp", True)]
    published(warehouse, thread)
    assert "- Dimensions: 100 × 50" in document(warehouse, "IMG-1.jpg")[2]


def test_a_chat_under_pseudonyms_gets_no_thumbnails(
    warehouse: Warehouse, thread: Thread, tmp_path: Path
) -> None:
    private = Thread("pier", "Pier", "test", "UTC", {"privacy": {"pseudonymize": True}})
    published(warehouse, private, exports=(archive(tmp_path, {"IMG-1.jpg": picture()}),))
    assert "- Dimensions: 800 × 600" in document(warehouse, "IMG-1.jpg")[2]
    assert thumbnails(warehouse) == []


@pytest.fixture
def shown(warehouse: Warehouse, thread: Thread, tmp_path: Path) -> Warehouse:
    """The chat with a thumbnail."""
    published(warehouse, thread, exports=(archive(tmp_path, {"IMG-1.jpg": picture()}),))
    assert len(thumbnails(warehouse)) == 1
    return warehouse


def test_thumbnails_are_forgotten_with_their_chat_and_with_who_sent_the_file(
    shown: Warehouse,
) -> None:
    with shown.transaction() as connection:
        assert forget_author(connection, ["Bo"], Names.of(["Bo"]), ["pier"])["thumbnails"] == 0
        assert forget_author(connection, ["Ada"], Names.of(["Ada"]), ["pier"])["thumbnails"] == 1
    assert thumbnails(shown) == []


def test_a_chat_is_forgotten_with_its_thumbnails(shown: Warehouse) -> None:
    with shown.transaction() as connection:
        assert forget_thread(connection, "pier")["thumbnails"] == 1
    assert thumbnails(shown) == []


def test_thumbnails_move_with_their_chat_and_leave_one_of_each_file(shown: Warehouse) -> None:
    harbour = add_thread(shown, "harbour")
    with shown.transaction() as connection:
        connection.execute(
            "INSERT INTO thumbnails SELECT 'harbour', media_path, 'f', 1, 1, mime, data "
            "FROM thumbnails UNION ALL SELECT thread_id, 'b', 'f', 2, 2, mime, data FROM thumbnails"
        )
        chats.merge_threads(connection, chats.get_thread(connection, "pier"), harbour)
    assert [(chat, name, width) for chat, name, width, *_ in thumbnails(shown)] == [
        ("harbour", "IMG-1.jpg", 1),
        ("harbour", "b", 2),
    ]
