"""Exports wait in the inbox, each in the folder of its chat."""

import json
import os
from pathlib import Path

import pytest

from egregora_dag.adapters import ExportError, ExportFile, Reading, thread_key
from egregora_dag.database.threads import Thread, all_threads, merge_threads, save_thread
from egregora_dag.exceptions import EgregoraError
from egregora_dag.inbox import (
    Placement,
    is_new,
    look,
    placements,
    put,
    put_all,
    register,
    remove_chats,
    remove_content,
    settled,
    sorted_in,
)
from egregora_dag.resources import Inbox, Warehouse
from egregora_dag_tests.conftest import query

NAME = "WhatsApp Chat with Lisbon trip.txt"
LINE = "31/12/2025, 18:05 - Ada: hello\n"


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "downloads"
    folder.mkdir()
    return folder


def export(folder: Path, text: str = LINE, name: str = NAME) -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def several(folder: Path) -> Path:
    rows = [
        {"timestamp": "2025-01-15 12:00", "author": "Ada", "content": "hello", "thread_id": title}
        for title in ("Lisbon trip", "Fig Lane")
    ]
    return export(folder, "".join(f"{json.dumps(row)}\n" for row in rows), "chats.ndjson")


def names(folder: Path) -> list[str]:
    """Everything in the folder, hidden files too."""
    found = (Path(root) / file for root, _, files in os.walk(folder) for file in files)
    return sorted(path.relative_to(folder).as_posix() for path in found)


def test_a_file_is_placed_by_the_title_of_its_chat(outside: Path) -> None:
    path = export(outside)
    [place] = placements(path)
    assert (place.key, place.title, place.source) == ("lisbon-trip", "Lisbon trip", "whatsapp")
    assert place.file.path == path
    [place] = placements(path, title="Our Trip!", reading=Reading(source="whatsapp"))
    assert (place.key, place.title) == ("our-trip", "Our Trip!")


def test_a_file_of_several_chats_is_placed_in_each(outside: Path) -> None:
    assert [(place.key, place.title) for place in placements(several(outside))] == [
        ("fig-lane", "Fig Lane"),
        ("lisbon-trip", "Lisbon trip"),
    ]


def test_a_file_that_is_no_chat_has_no_place(outside: Path) -> None:
    with pytest.raises(ExportError, match="no chat that is known"):
        placements(export(outside, "hello"))


def test_a_file_is_copied_into_its_chats_folder_and_nothing_else_is_left(
    inbox: Path, outside: Path
) -> None:
    path = export(outside)
    copy = put(inbox, placements(path)[0])
    assert copy == inbox / "lisbon-trip" / NAME
    assert copy.read_bytes() == path.read_bytes()
    assert names(inbox) == [f"lisbon-trip/{NAME}"]
    assert path.exists()


def test_the_folder_and_the_copy_are_for_their_owner_alone(inbox: Path, outside: Path) -> None:
    copy = put(inbox, placements(export(outside))[0])
    assert copy.stat().st_mode & 0o077 == 0
    assert copy.parent.stat().st_mode & 0o077 == 0


def test_the_same_content_is_there_once_whatever_its_name(inbox: Path, outside: Path) -> None:
    first = put(inbox, placements(export(outside))[0])
    assert put(inbox, placements(export(outside))[0]) == first
    other = export(outside, name="WhatsApp Chat with Lisbon trip (1).txt")
    assert put(inbox, placements(other)[0]) == first
    assert names(inbox) == [f"lisbon-trip/{NAME}"]


def test_the_same_name_with_other_content_is_kept_beside_the_first(
    inbox: Path, outside: Path
) -> None:
    copies = [put(inbox, placements(export(outside, LINE * n))[0]) for n in (1, 2, 3, 2)]
    assert len(names(inbox)) == 3
    assert copies[1] == copies[3]
    assert [copy.read_text() for copy in copies[:3]] == [LINE, LINE * 2, LINE * 3]
    assert all(copy.suffix == ".txt" for copy in copies)
    assert len(list(Inbox(root=str(inbox)).files(["lisbon-trip"]))) == 3


def test_a_file_that_cannot_be_read_to_its_end_leaves_no_copy(inbox: Path, outside: Path) -> None:
    path = export(outside)
    place = Placement(ExportFile.open(path), "lisbon-trip", "Lisbon trip", "whatsapp")
    path.unlink()
    with pytest.raises(OSError, match="No such file"):
        put(inbox, place)
    assert names(inbox) == []


def test_other_and_empty_files_in_the_folder_are_no_obstacle(inbox: Path, outside: Path) -> None:
    folder = inbox / "lisbon-trip"
    (folder / "sub").mkdir(parents=True)
    (folder / "empty.txt").touch()
    (folder / ".hidden").write_text(LINE)
    put(inbox, placements(export(outside))[0])
    assert (folder / NAME).is_file()


def test_a_file_is_new_when_two_looks_saw_it_the_same(inbox: Path) -> None:
    path = export(inbox)
    first = look(inbox, {})
    assert list(first) == [NAME]
    assert not is_new(first[NAME])
    path.write_text(LINE * 2)
    second = look(inbox, first)
    assert not is_new(second[NAME])
    third = look(inbox, second)
    assert is_new(third[NAME])
    assert look(inbox, third) == third


def test_what_is_known_of_a_file_is_kept_until_it_changes(inbox: Path) -> None:
    path = export(inbox)
    seen = look(inbox, look(inbox, {}))
    seen[NAME]["problem"] = "ExportError"
    again = look(inbox, seen)
    assert not is_new(again[NAME])
    assert again[NAME]["problem"] == "ExportError"
    path.write_text(LINE * 2)
    changed = look(inbox, look(inbox, again))
    assert is_new(changed[NAME])


def test_what_a_look_remembers_can_be_kept_as_json(inbox: Path) -> None:
    export(inbox)
    seen = look(inbox, look(inbox, {}))
    assert look(inbox, json.loads(json.dumps(seen))) == seen


def test_a_look_sees_the_top_and_the_folders_of_chats_but_no_hidden_file(inbox: Path) -> None:
    export(inbox)
    (inbox / "lisbon-trip" / "deeper").mkdir(parents=True)
    export(inbox / "lisbon-trip", name="b.txt")
    export(inbox / "lisbon-trip", name=".c.txt")
    export(inbox / "lisbon-trip" / "deeper", name="d.txt")
    export(inbox, name=".e.txt")
    assert set(look(inbox, {})) == {NAME, "lisbon-trip/b.txt"}


def test_a_file_that_is_gone_is_forgotten(inbox: Path) -> None:
    path = export(inbox)
    seen = look(inbox, {})
    path.unlink()
    assert look(inbox, seen) == {}


def test_a_file_of_the_top_level_moves_into_its_chats_folder(inbox: Path) -> None:
    path = export(inbox)
    [place] = sorted_in(inbox, path)
    assert (place.key, place.title) == ("lisbon-trip", "Lisbon trip")
    assert place.file.path == inbox / "lisbon-trip" / NAME
    assert names(inbox) == [f"lisbon-trip/{NAME}"]


def test_a_file_of_several_chats_moves_into_all_of_their_folders(inbox: Path) -> None:
    found = sorted_in(inbox, several(inbox))
    assert names(inbox) == ["fig-lane/chats.ndjson", "lisbon-trip/chats.ndjson"]
    assert [place.file.path.parent.name for place in found] == ["fig-lane", "lisbon-trip"]


def test_a_file_in_a_chats_folder_stays_and_belongs_to_that_chat(inbox: Path) -> None:
    (inbox / "lisbon-trip").mkdir()
    (inbox / "our-trip").mkdir()
    for folder, title in (("lisbon-trip", "Lisbon trip"), ("our-trip", "our-trip")):
        path = export(inbox / folder)
        [place] = sorted_in(inbox, path)
        assert (place.key, place.title, place.file.path) == (folder, title, path)
    [place] = sorted_in(inbox, several(inbox / "lisbon-trip"))
    assert (place.key, place.title) == ("lisbon-trip", "Lisbon trip")


def test_a_folder_that_is_no_key_is_refused_with_the_key_it_would_have(inbox: Path) -> None:
    (inbox / "Lisbon Trip").mkdir()
    path = export(inbox / "Lisbon Trip")
    with pytest.raises(ExportError, match=r"\(lisbon-trip\).*top level of the inbox"):
        sorted_in(inbox, path)
    assert path.exists()


def test_a_file_that_is_no_chat_stays_where_it_is(inbox: Path) -> None:
    path = export(inbox, "hello")
    with pytest.raises(ExportError):
        sorted_in(inbox, path)
    assert names(inbox) == [NAME]


def test_a_file_is_taken_once_per_content(inbox: Path) -> None:
    [first] = sorted_in(inbox, export(inbox))
    seen = look(inbox, {}) | {f"lisbon-trip/{NAME}": settled(first.file)}
    # The same export again, under a name that is free.
    [again] = sorted_in(inbox, export(inbox, name="WhatsApp Chat with Lisbon trip (3).txt"))
    assert again.file.path == first.file.path
    later = look(inbox, seen)
    assert list(later) == [f"lisbon-trip/{NAME}"]
    assert not any(is_new(file) for file in later.values())
    assert later[f"lisbon-trip/{NAME}"]["sha256"] == first.file.sha256()


def test_the_files_of_a_content_are_removed_and_others_stay(inbox: Path, outside: Path) -> None:
    copy = put(inbox, placements(export(outside))[0])
    export(copy.parent, name="the same.txt")
    export(copy.parent, LINE * 2, name="other.txt")
    export(copy.parent, "", name="empty.txt")
    digest = ExportFile.open(copy).sha256()
    remove_content(copy.parent, digest)
    remove_content(inbox / "none", digest)
    assert names(copy.parent) == ["empty.txt", "other.txt"]


def test_a_chats_folder_is_removed_with_all_that_is_in_it(inbox: Path, outside: Path) -> None:
    copy = put(inbox, placements(export(outside))[0])
    for _ in range(2):
        remove_chats(inbox, [copy.parent.name])
        assert list(inbox.iterdir()) == []


def test_chats_are_registered_once_with_the_zone_that_is_said(
    warehouse: Warehouse, outside: Path
) -> None:
    found = placements(several(outside))
    with warehouse.transaction() as connection:
        threads = register(connection, found, timezone="Europe/Lisbon")
        assert list(threads) == ["fig-lane", "lisbon-trip"]
        assert register(connection, found, timezone="Asia/Tokyo") == threads
        assert all_threads(connection) == threads
    stored = query(warehouse.path, "SELECT title, source, timezone FROM threads ORDER BY 1")
    assert stored == [
        ("Fig Lane", "table", "Europe/Lisbon"),
        ("Lisbon trip", "table", "Europe/Lisbon"),
    ]


def test_a_new_chats_clock_is_utc_unless_it_is_said(warehouse: Warehouse, outside: Path) -> None:
    with warehouse.transaction() as connection:
        [thread] = register(connection, placements(export(outside))).values()
    assert thread.timezone == "UTC"


def test_a_chat_that_was_merged_stands_for_the_other(warehouse: Warehouse, outside: Path) -> None:
    with warehouse.transaction() as connection:
        found = placements(export(outside))
        [source] = register(connection, found).values()
        target = Thread("trips", "Trips", "whatsapp", "UTC")
        save_thread(connection, target)
        merge_threads(connection, source, target)
        assert list(register(connection, found)) == ["trips"]
        assert list(all_threads(connection)) == ["trips"]


def test_an_unknown_time_zone_registers_nothing(warehouse: Warehouse, outside: Path) -> None:
    with (
        warehouse.transaction() as connection,
        pytest.raises(EgregoraError, match="not a time zone"),
    ):
        register(connection, placements(export(outside)), timezone="Lisbon")
    assert query(warehouse.path, "FROM threads") == []


def test_the_inbox_lists_the_files_of_chats_by_name(inbox: Path) -> None:
    for key in "ab":
        (inbox / key / "sub").mkdir(parents=True)
        for name in ("2.txt", "1.txt", ".3.txt"):
            export(inbox / key, name=name)
    found = [(key, path.name) for key, path in Inbox(root=str(inbox)).files(["b", "none", "a"])]
    assert found == [("b", "1.txt"), ("b", "2.txt"), ("a", "1.txt"), ("a", "2.txt")]


def test_the_chats_of_one_file_share_one_copy_of_it(inbox: Path, outside: Path) -> None:
    first, second = put_all(inbox, placements(several(outside)))
    assert first.file.path.parent != second.file.path.parent
    assert first.file.path.samefile(second.file.path)
    assert not first.file.path.samefile(several(outside))


# Titles and file names that a program could mistake for something else.
HOSTILE = (
    *("", " ", ".", "..", "../../outside", "/etc/passwd", "a\\b", "it's", '"quoted"', "new\nline"),
    *("tab\t", "🙂", "\u202egnissecorp", "x" * 300, "🙂" * 300, "\U0001e900" * 300, "CON", "nul"),
    *("-rf", "--home", "$(id)", "`id`", "%s{}", "a;b|c", "\0", "*", "[a]", "{a,b}", ".hidden"),
)


@pytest.mark.parametrize("title", [title for title in HOSTILE if title], ids=ascii)
def test_any_title_makes_a_chat_with_a_folder_of_its_own(
    inbox: Path, outside: Path, warehouse: Warehouse, title: str
) -> None:
    places = placements(export(outside), title=title)
    copy = put(inbox, places[0])
    assert copy.resolve().is_relative_to(inbox.resolve())
    assert copy.parent.parent == inbox
    assert len(copy.parent.name) <= 80
    with warehouse.transaction() as connection:
        [(key, thread)] = register(connection, places).items()
    assert (thread.title, copy.parent.name) == (title, key)
    assert thread_key(key) == key
    assert [name for name, _ in Inbox(root=str(inbox)).files([key])] == [key]


NAMES = [name for name in HOSTILE if name.strip(". ") and not {"/", "\0"} & {*name}]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_file_of_any_name_finds_its_place(inbox: Path, outside: Path, name: str) -> None:
    name = name.encode()[:250].decode("utf-8", "ignore") + ".txt"
    for folder in (outside, inbox):
        for times in (1, 2):
            path = export(folder, LINE * (times + len(folder.name)), name=name)
            if folder == inbox:
                [place] = sorted_in(inbox, path)
            else:
                [place] = placements(path)
                put(inbox, place)
    found = [path for _, path in Inbox(root=str(inbox)).files([place.key])]
    assert len(found) == 4
    assert all(path.parent.parent == inbox for path in found)
    assert [path.name for path in inbox.iterdir()] == [place.key]


def test_a_name_or_title_that_is_no_text_is_refused(inbox: Path, outside: Path) -> None:
    path = export(outside)
    with pytest.raises(EgregoraError, match=r"'\\udcff' is no Unicode text"):
        placements(path, title="\udcff")
    odd = inbox / os.fsdecode(b"odd \xff.txt")
    path.rename(odd)
    with pytest.raises(ExportError, match="Rename it") as caught:
        sorted_in(inbox, odd)
    assert str(caught.value).isascii()
    seen = look(inbox, {})
    assert json.loads(json.dumps(seen)) == seen
