"""The export of a home: by the command line, as an asset, and what it leaves alone."""

import datetime as dt
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from dagster import (
    AssetMaterialization,
    DagsterInstance,
    Definitions,
    evaluate_automation_conditions,
    materialize,
)

from egregora_dag.assets.site import site
from egregora_dag.cli import main
from egregora_dag.database.schemas import BRADLEY_TERRY, DOCUMENTS, ELO_RATINGS
from egregora_dag.definitions import definitions_of
from egregora_dag.resources import SiteFolder, Warehouse
from egregora_dag.settings import Home
from egregora_dag.site import Options, clear, export
from egregora_dag.site.folder import ExportFolder
from egregora_dag.site.generator import SiteError
from egregora_dag.site.published import best
from egregora_dag_tests.conftest import add_thread, at, execute, insert
from egregora_dag_tests.site.test_pages import CHAT, DOCUMENT


def document(number: int, doc_type: str = "post", status: str = "published") -> dict[str, object]:
    """A row of `documents`."""
    return {
        "document_id": f"{number:08x}-5f0c-5c42-9a54-3f9b1c2d3e4f",
        "doc_type": doc_type,
        "thread_id": CHAT.thread_id,
        "slug": f"{doc_type}-{number}",
        "title": f"Title {number}",
        "summary": DOCUMENT.summary,
        "content": DOCUMENT.content,
        "authors": DOCUMENT.authors,
        "tags": DOCUMENT.tags,
        "date": DOCUMENT.date,
        "status": status,
        "writer": "offline",
        "signature": "",
    }


@pytest.fixture
def told(warehouse: Warehouse) -> Warehouse:
    """A warehouse with two posts, a journal entry, and what is not to be read."""
    add_thread(warehouse, CHAT.thread_id)
    insert(
        warehouse.path,
        DOCUMENTS,
        document(1),
        document(2),
        document(3, "journal"),
        document(4, status="superseded"),
        document(5, status="draft"),
    )
    return warehouse


def names(root: Path) -> list[str]:
    """The Markdown files of an export."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*.md"))


MARKDOWN = Options(site=False)


def test_what_is_published_is_exported_and_nothing_else(told: Warehouse, tmp_path: Path) -> None:
    out = tmp_path / "out"
    exported = export(told, out, MARKDOWN)
    assert names(out) == ["content/posts/post-1.md", "content/posts/post-2.md"]
    assert (exported.documents, exported.written, exported.pages) == (2, 2, 0)
    assert export(told, out, Options(site=False, journal=True)).written == 1
    assert "content/journal/journal-3.md" in names(out)


def test_an_export_follows_documents_that_change_or_go(told: Warehouse, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(told, out, MARKDOWN)
    execute(
        told.path,
        "UPDATE documents SET title = 'Another' WHERE slug = 'post-1'",
        "UPDATE documents SET status = 'superseded' WHERE slug = 'post-2'",
    )
    exported = export(told, out, MARKDOWN)
    assert (exported.written, exported.removed) == (1, 1)
    assert "title: Another" in (out / "content/posts/post-1.md").read_text("utf-8")
    assert export(told, out, MARKDOWN).written == 0


def test_documents_beyond_a_block_are_all_exported(warehouse: Warehouse, tmp_path: Path) -> None:
    add_thread(warehouse, CHAT.thread_id)
    insert(warehouse.path, DOCUMENTS, *(document(number) for number in range(1, 1202)))
    assert export(warehouse, tmp_path / "out", MARKDOWN).documents == 1201
    assert len(names(tmp_path / "out")) == 1201


def test_an_empty_home_makes_a_site_too_in_a_folder_named_from_here(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    export(warehouse, Path("out"), Options())
    assert "Nothing is written yet" in (tmp_path / "out/html/index.html").read_text("utf-8")


def test_the_top_posts_stand_by_what_their_strength_is_at_least(
    told: Warehouse, tmp_path: Path
) -> None:
    time = at("2025-01-03T10:00")
    counted = {"comparisons": 8, "wins": 4, "losses": 4, "ties": 0}
    for number, lower in ((1, 1400.0), (2, 1450.0)):
        post = {"post_id": document(number)["document_id"]}
        elo = {"initial_rating": 1500, "rating": 1600 - number, **counted}
        insert(told.path, ELO_RATINGS, post | elo | {"last_updated": time, "created_at": time})
        strength = {"strength": 1500.0, "lower": lower, "upper": 1600.0, "comparisons": 8}
        insert(told.path, BRADLEY_TERRY, post | strength)
    assert best(told, 10) == [document(2)["document_id"], document(1)["document_id"]]
    export(told, tmp_path / "out", Options())
    page = (tmp_path / "out/html/best.html").read_text("utf-8")
    assert page.index("Title 2") < page.index("Title 1")
    assert "Rated 1500 (1450 to 1600) after 8 comparisons" in page
    assert "2025-01-05" in page


def test_the_address_of_the_site_stands_in_its_feed(told: Warehouse, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(told, out, Options(url="https://example.org/garden/", title="Garden"))
    feed = (out / "html/feed.xml").read_text("utf-8")
    assert 'href="https://example.org/garden/feed.xml"' in feed
    assert 'href="https://example.org/garden/posts/post-1.html"' in feed
    assert "<title>Garden</title>" in feed
    page = (out / "html/posts/post-1.html").read_text("utf-8")
    assert 'href="/garden/style.css"' in page


def test_a_site_that_cannot_be_built_leaves_the_one_that_was_there(
    told: Warehouse, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with ExportFolder(out) as folder, folder.building() as building:
        (building / "public").mkdir()
        (building / "public/index.html").write_text("First")
        folder.swap(building / "public", "html")
    with pytest.raises(SiteError, match="hugo ended with"):
        export(told, out, Options(title="Second", url="https://["))
    assert (out / "html/index.html").read_text("utf-8") == "First"
    assert not list(out.glob(".building-*"))


WITHOUT_EXTRA = """
import sys
sys.modules["hugo"] = None
from egregora_dag.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    assert ended.code == 1
main([*sys.argv[1:], "--markdown-only"])
"""


def test_without_the_extra_the_site_is_refused_with_what_to_do_and_markdown_is_not(
    told: Warehouse, tmp_path: Path
) -> None:
    arguments = ["export", str(tmp_path / "out"), "--home", str(told.path.parent)]
    finished = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRA, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "pip install 'egregora-dag[site]'" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert "2 documents" in finished.stdout
    assert not (tmp_path / "out/html").exists()
    assert len(names(tmp_path / "out")) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["{home}"], 1, "no export made"),
        (["{home}/out", "--markdown-only", "--serve"], 2, "--serve"),
        (["{home}/out", "--url", "example.org"], 2, "https://"),
    ],
)
def test_wrong_usage_of_export_is_told(
    told: Warehouse,
    capsys: pytest.CaptureFixture[str],
    arguments: Sequence[str],
    code: int,
    said: str,
) -> None:
    home = str(told.path.parent)
    with pytest.raises(SystemExit) as ended:
        main(["export", *(one.format(home=home) for one in arguments), "--home", home])
    assert ended.value.code == code
    assert said in capsys.readouterr().err


def test_forgetting_empties_the_homes_site_but_for_a_persons_files(
    told: Warehouse, tmp_path: Path
) -> None:
    root = tmp_path / "site"
    clear(root)
    assert not root.exists()
    export(told, root, MARKDOWN)
    (root / "content/posts/own.md").write_text("mine")
    clear(root)
    assert names(root) == ["content/posts/own.md"]


def test_the_asset_makes_the_site_in_the_home(told: Warehouse, tmp_path: Path) -> None:
    folder = SiteFolder(root=str(tmp_path / "site"))
    made = materialize([site], resources={"warehouse": told, "site_folder": folder})
    metadata = made.asset_materializations_for_node("site")[0].metadata
    assert metadata["documents"].value == 2
    assert (tmp_path / "site/html/index.html").is_file()


def test_the_asset_is_part_of_the_definitions_where_the_extra_is(tmp_path: Path) -> None:
    keys = definitions_of(Home(tmp_path)).resolve_asset_graph().get_all_asset_keys()
    assert site.key in keys


def test_the_site_follows_ratings_at_most_once_in_ten_minutes() -> None:
    definitions = Definitions(
        [site],
        resources={"warehouse": Warehouse(database=""), "site_folder": SiteFolder(root="")},
    )
    with DagsterInstance.ephemeral() as instance:
        cursor = None

        def asked(clock: str, *events: str) -> int:
            nonlocal cursor
            for key in events:
                instance.report_runless_asset_event(AssetMaterialization(key))
            now = dt.datetime.fromisoformat(f"2025-01-01T{clock}+00:00")
            result = evaluate_automation_conditions(
                definitions, instance, cursor=cursor, evaluation_time=now
            )
            cursor = result.cursor
            return result.total_requested

        assert asked("10:01", "threads", "documents", "bradley_terry", "site") == 0
        assert asked("10:02", "bradley_terry") == 0
        assert asked("10:11") == 1
        assert asked("10:12", "site", "bradley_terry") == 0
        assert asked("10:19", "documents") == 0
        assert asked("10:20:30") == 1
        assert asked("10:31", "site") == 0
