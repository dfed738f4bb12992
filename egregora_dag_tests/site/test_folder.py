"""A folder of exports: what is written, left alone and removed."""

import hashlib
from pathlib import Path

import pytest

from egregora_dag.site.folder import MANIFEST, ExportFolder, ExportFolderError


def export(root: Path, files: dict[str, str]) -> ExportFolder:
    """An export of these files."""
    with ExportFolder(root) as folder:
        for name, text in files.items():
            folder.write(name, text)
    return folder


def test_a_file_that_is_the_same_is_not_written_again(tmp_path: Path) -> None:
    export(tmp_path, {"posts/a.md": "one", "posts/b.md": "two"})
    before = (tmp_path / "posts/a.md").stat().st_mtime_ns
    again = export(tmp_path, {"posts/a.md": "one", "posts/b.md": "three"})
    assert again.written == 1
    assert (tmp_path / "posts/a.md").stat().st_mtime_ns == before
    assert (tmp_path / "posts/b.md").read_text() == "three"


def test_files_that_are_not_written_again_are_removed_with_their_folder(tmp_path: Path) -> None:
    export(tmp_path, {"posts/a.md": "one", "links/b.md": "two"})
    assert export(tmp_path, {"posts/a.md": "one"}).removed == 1
    assert not (tmp_path / "links").exists()


def test_what_a_person_put_there_or_changed_stays(tmp_path: Path) -> None:
    export(tmp_path, {"posts/a.md": "one", "posts/b.md": "two"})
    (tmp_path / "posts/own.md").write_text("mine")
    (tmp_path / "posts/b.md").write_text("two, corrected")
    assert export(tmp_path, {"posts/a.md": "one", "posts/own.md": "theirs"}).kept == [
        "posts/own.md",
        "posts/b.md",
    ]
    assert (tmp_path / "posts/own.md").read_text() == "mine"
    assert (tmp_path / "posts/b.md").read_text() == "two, corrected"


def test_a_folder_that_holds_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.md").write_text("mine")
    with pytest.raises(ExportFolderError, match="no export made") as refused:
        ExportFolder(tmp_path)
    assert refused.value.path == tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.md"]
    with pytest.raises(ExportFolderError, match="is a file"):
        ExportFolder(tmp_path / "thesis.md")


def test_an_export_that_breaks_off_is_taken_up_by_the_next(tmp_path: Path) -> None:
    export(tmp_path, {"posts/a.md": "one"})
    files = {"posts/a.md": "another", "posts/b.md": "two", "posts/c.md": "\ud800"}
    with pytest.raises(UnicodeEncodeError):
        export(tmp_path, files)
    again = export(tmp_path, {"posts/a.md": "a third"})
    assert (again.written, again.removed, again.kept) == (1, 1, [])


def test_the_manifest_lists_digests_as_sha256sum_does(tmp_path: Path) -> None:
    export(tmp_path, {"posts/a.md": "one"})
    digest = hashlib.sha256(b"one").hexdigest()
    assert (tmp_path / MANIFEST).read_text() == f"{digest}  posts/a.md\n"


def test_a_manifest_that_names_files_elsewhere_removes_none(tmp_path: Path) -> None:
    outside = tmp_path / "outside.md"
    outside.write_text("mine")
    root = tmp_path / "export"
    export(root, {"posts/a.md": "one"})
    digest = hashlib.sha256(b"mine").hexdigest()
    (root / MANIFEST).write_text(f"{digest}  ../outside.md\n{digest}  {outside}\n")
    export(root, {})
    assert outside.read_text() == "mine"


def test_a_built_folder_takes_the_place_of_an_earlier_one_but_of_no_other(tmp_path: Path) -> None:
    for text in ("one", "two"):
        with ExportFolder(tmp_path) as folder, folder.building() as building:
            built = building / "public"
            built.mkdir()
            (built / "index.html").write_text(text)
            folder.swap(built, "html")
    assert (tmp_path / "html/index.html").read_text() == "two"
    assert {path.name for path in tmp_path.iterdir()} == {MANIFEST, "html"}
    (tmp_path / "html" / MANIFEST).unlink()
    with ExportFolder(tmp_path) as folder, folder.building() as building:
        (building / "public").mkdir()
        with pytest.raises(ExportFolderError, match="made by no export"):
            folder.swap(building / "public", "html")
    assert (tmp_path / "html/index.html").read_text() == "two"
    ExportFolder(tmp_path).clear("html")
    assert (tmp_path / "html/index.html").exists()
    (tmp_path / "html" / MANIFEST).touch()
    ExportFolder(tmp_path).clear("html")
    assert not (tmp_path / "html").exists()


def test_clearing_leaves_only_what_a_person_put_there(tmp_path: Path) -> None:
    export(tmp_path, {"posts/a.md": "one", "posts/b.md": "two"})
    (tmp_path / "posts/own.md").write_text("mine")
    ExportFolder(tmp_path).clear("html")
    assert [path.name for path in (tmp_path / "posts").iterdir()] == ["own.md"]
