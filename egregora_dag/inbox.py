"""Where exports wait: finding out which chats a file holds, and putting it into their folders."""

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NotRequired, TypedDict

from duckdb import DuckDBPyConnection

from egregora_dag import settings
from egregora_dag.adapters import (
    ExportError,
    ExportFile,
    Reading,
    adapter_for,
    checked_timezone,
    thread_key,
    threads_of,
)
from egregora_dag.database.threads import Thread, all_threads, save_thread
from egregora_dag.exceptions import EgregoraError

DEFAULT_TIMEZONE = "UTC"
# Bytes that a file's name may have, and characters of its ending that are kept beyond them.
_LONGEST_NAME = 255
_LONGEST_ENDING = 20


@dataclass(frozen=True)
class Placement:
    """A file and the chat it belongs to.

    Attributes:
        file: The export.
        key: Key of the chat, as made from its title.
        title: The chat's title.
        source: The application it comes from.
    """

    file: ExportFile
    key: str
    title: str
    source: str


def placements(
    path: Path, *, title: str | None = None, reading: Reading | None = None
) -> list[Placement]:
    """The chats that a file holds.

    Args:
        path: The export.
        title: The chat it belongs to, if not the one it names itself.
        reading: What the user says of the file.

    Returns:
        One placement a chat.

    Raises:
        ExportError: The file cannot be read as a chat.
        EgregoraError: The title is no Unicode text.
    """
    if title and title != title.encode("utf-8", "replace").decode():
        raise EgregoraError(f"{title!a} is no Unicode text. Give the chat another title.")
    file = ExportFile.open(path)
    adapter = adapter_for(file, reading.source if reading else None)
    titles = [title] if title else list(threads_of(adapter, file).values())
    return [Placement(file, thread_key(name), name, adapter.source) for name in titles]


def put(inbox: Path, placement: Placement) -> Path:
    """Copy a file into its chat's folder, unless its content is there already.

    Args:
        inbox: The inbox's folder.
        placement: The file and its chat.

    Returns:
        The copy.
    """
    folder = inbox / placement.key
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = placement.file.sha256()
    # A name that begins with a dot is that of a file half copied.
    name = placement.file.path.name.lstrip(".") or "export"
    size = placement.file.path.stat().st_size
    for path in sorted(folder.iterdir()):
        same = is_export(path) and path.stat().st_size == size
        if same and ExportFile.open(path).sha256() == digest:
            return path
    target = folder / name
    if target.exists():
        code = f"-{digest[:8]}{Path(name).suffix[:_LONGEST_ENDING]}"
        stem = Path(name).stem.encode()[: _LONGEST_NAME - len(code.encode())]
        target = folder / f"{stem.decode('utf-8', 'ignore')}{code}"
    # Made under a hidden name and renamed, so that nobody reads half of it.
    with TemporaryDirectory(dir=folder, prefix=".") as hidden:
        copy = Path(hidden, "copy")
        if not (placement.file.path.is_relative_to(inbox) and _linked(placement.file.path, copy)):
            copy.touch(mode=0o600)
            shutil.copyfile(placement.file.path, copy)
        return copy.replace(target)


def _linked(path: Path, link: Path) -> bool:
    """Whether a second name for a file of the inbox could be made: one content for many chats."""
    try:
        path.chmod(0o600)
        link.hardlink_to(path)
    except OSError:
        return False
    return True


def put_all(inbox: Path, placements: Sequence[Placement]) -> list[Placement]:
    """Copy a file into the folders of all its chats, which share one copy.

    Args:
        inbox: The inbox's folder.
        placements: One file, and its chats.

    Returns:
        The placements of the copies.
    """
    placed: list[Placement] = []
    for place in placements:
        known = replace(place, file=placed[0].file) if placed else place
        placed.append(replace(place, file=ExportFile.open(put(inbox, known))))
    return placed


class Seen(TypedDict):
    """What the sensor remembers of a file.

    Attributes:
        stamp: Size and time of change, by which a later look knows it again.
        settled: Whether it was the same at two looks, so that nobody is still writing it.
        sha256: Digest of its content, once it has been sorted in.
        problem: Type of the error, if it cannot be read.
    """

    stamp: list[int]
    settled: bool
    sha256: NotRequired[str]
    problem: NotRequired[str]


def look(inbox: Path, before: Mapping[str, Seen]) -> dict[str, Seen]:
    """The files in the inbox, with what an earlier look has found out about them.

    Args:
        inbox: The inbox's folder.
        before: What the look before has returned.

    Returns:
        File by path within the inbox.
    """
    now: dict[str, Seen] = {}
    for path in _exports(inbox):
        name = path.relative_to(inbox).as_posix()
        known = before.get(name)
        same = known is not None and known["stamp"] == _stamp(path)
        now[name] = (
            {**known, "settled": True}
            if known is not None and same
            else {"stamp": _stamp(path), "settled": False}
        )
    return now


def is_export(path: Path) -> bool:
    """Whether this is a file that somebody put there; hidden ones are half copied."""
    return path.is_file() and not path.name.startswith(".")


def remove_chats(inbox: Path, keys: Collection[str]) -> list[Path]:
    """Remove the exports of chats, and every other file with the same content.

    An export of a whole account lies in the folders of all its chats, which lose it, too.

    Args:
        inbox: The inbox's folder.
        keys: Keys of the chats, those of chats that were merged into them among them.

    Returns:
        The files that are no longer in folders of other chats, and those at the top level that
        nobody can read, which stay.
    """
    folders = [inbox / key for key in keys]
    own = [path for path in _exports(inbox) if path.parent in folders]
    contents = {(path.stat().st_size, ExportFile.open(path).sha256()) for path in own}
    sizes = {size for size, _ in contents}
    told = []
    for path in _exports(inbox):
        if path.parent in folders:
            continue
        size = path.stat().st_size
        same = size in sizes and (size, ExportFile.open(path).sha256()) in contents
        if path.parent == inbox and not same:
            try:
                same = any(place.key in keys for place in placements(path))
            except ExportError:
                told.append(path)
        if same:
            path.unlink()
            told += [path] if path.parent != inbox else []
    for folder in folders:
        if folder.is_dir():
            shutil.rmtree(folder)
    return told


def remove_read(
    inbox: Path, threads: Collection[Thread], imported: Collection[tuple[str, str]]
) -> None:
    """Remove the exports of chats in which somebody was forgotten, once they are read.

    Args:
        inbox: The inbox's folder.
        threads: All chats.
        imported: Each chat's key with the digest of a file that was read into it.
    """
    home = {origin: thread for thread in threads for origin in thread.origins}
    held: dict[str, list[Path]] = {}
    for path in _exports(inbox):
        if path.parent.name in home and path.parent != inbox:
            held.setdefault(ExportFile.open(path).sha256(), []).append(path)
    for digest, paths in held.items():
        holders = [home[path.parent.name] for path in paths]
        # An export that other chats have still to be read from waits for them.
        read = all((thread.thread_id, digest) in imported for thread in holders)
        if read and any(thread.forgotten for thread in holders):
            for path in paths:
                path.unlink()


def _exports(inbox: Path) -> list[Path]:
    """All files that somebody put into the inbox."""
    return [path for path in sorted(inbox.glob("*")) + sorted(inbox.glob("*/*")) if is_export(path)]


def remove_content(folder: Path, sha256: str) -> None:
    """Remove the files with this content from a chat's folder."""
    for path in sorted(folder.glob("*")):
        # An empty file is no export, and none of those that were imported.
        if is_export(path) and path.stat().st_size > 0 and ExportFile.open(path).sha256() == sha256:
            path.unlink()


def is_new(file: Seen) -> bool:
    """Whether the file is complete and nothing else is known of it."""
    return file["settled"] and "sha256" not in file and "problem" not in file


def settled(file: ExportFile) -> Seen:
    """What is known of a file that was sorted in."""
    return {"stamp": _stamp(file.path), "settled": True, "sha256": file.sha256()}


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def sorted_in(inbox: Path, path: Path) -> list[Placement]:
    """Move a file of the inbox's top level into the folders of its chats.

    Args:
        inbox: The inbox's folder.
        path: A file in it; one that lies in a chat's folder stays there.

    Returns:
        Where the file is now.

    Raises:
        ExportError: It cannot be read, or its folder is not named like a chat's key.
    """
    if path.parent == inbox:
        found = placements(path)
        moved = put_all(inbox, found)
        path.unlink()
        return moved
    key = path.parent.name
    if thread_key(key) != key:
        raise ExportError(
            path,
            f"lies in a folder that is not named like a chat's key ({thread_key(key)}).",
            "Put the file at the top level of the inbox.",
        )
    found = placements(path)
    place = next((one for one in found if one.key == key), replace(found[0], key=key, title=key))
    return [place]


def register(
    connection: DuckDBPyConnection,
    placements: Sequence[Placement],
    *,
    timezone: str | None = None,
) -> dict[str, Thread]:
    """Register the chats of files that are new; a chat merged into another stands for that one.

    A new chat remembers what the environment says of pseudonyms and masks.

    Args:
        connection: A connection inside a transaction.
        placements: Files and their chats.
        timezone: Zone of the chats' clocks; UTC for a new chat if None.

    Returns:
        The chats, by key.

    Raises:
        EgregoraError: There is no such time zone, or the environment is not understood.
    """
    private = settings.privacy()
    zone = checked_timezone(timezone) if timezone else None
    known = all_threads(connection)
    home = {origin: thread for thread in known.values() for origin in thread.origins}
    registered = {}
    for placement in placements:
        thread = home.get(placement.key) or Thread(
            placement.key,
            placement.title,
            placement.source,
            zone or DEFAULT_TIMEZONE,
            {"privacy": dict(private)} if private else {},
        )
        if thread.thread_id not in known:
            save_thread(connection, thread)
        home[placement.key] = registered[thread.thread_id] = thread
    return registered
