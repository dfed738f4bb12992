"""Taking a chat or a person out of what Dagster keeps: its SQLite files and what steps printed.

Dagster deletes runs and partitions by calls of its own, and these are used. It has none for the
ticks and cursors of sensors, for events of a run that read other chats too, or for the latest event
of an asset. So its files are read table by table, and their freed pages overwritten.

A daemon may run meanwhile; SQLite lets each wait for the other. What a tick under way writes
afterwards is found by another look.
"""

import base64
import json
import re
import sqlite3
import time
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from dagster import AssetKey, DagsterInstance, DagsterRun, RunsFilter
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._serdes import serialize_value

_PARTITION: Final = "dagster/partition"
_START: Final = "dagster/asset_partition_range_start"
_END: Final = "dagster/asset_partition_range_end"
_GONE: Final = "[forgotten]"
_BUSY_SECONDS: Final = 30.0
_LOOKS: Final = 10
_PAUSE: Final = 1.0

# Rows that are dropped when they tell of what is forgotten: Dagster's own diary.
_DROPPED: Final = frozenset(
    {"job_ticks", "asset_daemon_asset_evaluations", "bulk_actions", "backfill_tags"}
)
# Names of values that are partitions, or texts; all others are names of Dagster's or the project's.
_KEYED: Final = frozenset({"partition", "partition_key", _PARTITION})
_STARTS: Final = frozenset({"start", _START})
_ENDS: Final = frozenset({"end", _END})
_TOLD: Final = frozenset(
    {"user_message", "message", "description", "text", "last_run_key", "dagster/run_key"}
    | {"authors_again", "urls", "media", "data", "md_str"}
)
# Columns of a preview that hold what people wrote; shown only if the IO manager was told so.
_TEXTS: Final = ("content", "title", "summary", "author", "authors", "subject", "slug", "tags")
_SHOWN: Final = re.compile(rf'"TableRecord", "data": {{[^}}]*"({"|".join(_TEXTS)})": ["\[]')
_ESCAPED: Final = re.compile(r'\\u([0-9a-fA-F]{4})|\\(["\\/])')
_COMPRESSED: Final = re.compile(r"[01](eJ[A-Za-z0-9+/]{8,}={0,2})")


class Names(Protocol):
    """What is to be told nowhere; `naming.Names` is one."""

    def masked(self, text: str) -> str:
        """A text without it."""


@dataclass(frozen=True)
class Forgotten:
    """What Dagster is to keep nothing of.

    Attributes:
        names: Names that are to stand nowhere.
        keys: Partitions that are gone.
        folders: Folders of the inbox that are gone.
        order: All partitions in their order, those that are gone among them.
    """

    names: Names
    keys: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()
    order: tuple[str, ...] = ()

    def beside(self, key: str, step: int) -> str:
        """The nearest partition that stays, after or before one that is gone."""
        if key not in self.keys:
            return key
        place = self.order.index(key) + step if key in self.order else -1
        while 0 <= place < len(self.order):
            if self.order[place] not in self.keys:
                return self.order[place]
            place += step
        return _GONE


def runs_under_way(instance: DagsterInstance, keys: Collection[str]) -> list[str]:
    """Ids of the runs that work on these partitions, or wait to."""
    unfinished = instance.get_runs(RunsFilter(statuses=NOT_FINISHED_STATUSES))
    order = instance.get_dynamic_partitions("threads")
    return [run.run_id for run in unfinished if not _partitions(run, order).isdisjoint(keys)]


def forget(instance: DagsterInstance, forgotten: Forgotten) -> None:
    """Remove what tells of partitions and names from Dagster's storage.

    Runs of such a partition alone are deleted; a run that had others too stays, and tells of those.

    Args:
        instance: Dagster's instance; nothing is looked for in one that is kept in memory.
        forgotten: What is to be forgotten.
    """
    for run in list(instance.get_runs()):
        partitions = _partitions(run, forgotten.order)
        if partitions and partitions <= forgotten.keys:
            _delete_run(instance, run.run_id)
    if isinstance(instance.event_log_storage, SqliteEventLogStorage):
        _clean_files(instance, forgotten)
    # Last, as it tells whoever tries again that there is something left to forget.
    for key in forgotten.keys:
        instance.delete_dynamic_partition("threads", key)
        if isinstance(instance.event_log_storage, SqliteEventLogStorage):
            _overwrite_freed(Path(instance.event_log_storage.path_for_shard("index")))


def _clean_files(instance: DagsterInstance, forgotten: Forgotten) -> None:
    """Remove what tells of it from every file, until nothing is found."""
    folder = Path(instance.root_directory)
    shared = {*folder.glob("history/*.db"), *folder.glob("history/runs/index.db")}
    for look in range(_LOOKS):
        if look:
            time.sleep(_PAUSE)
        found = {path for path in sorted(folder.rglob("*.db")) if _clean(path, forgotten)}
        _clean_printed(folder, forgotten)
        _point_at_latest(instance, forgotten)
        # What Dagster itself deleted is found no more, but lies in the files that all runs share.
        for path in found | shared:
            _overwrite_freed(path)
        if not found:
            break


def _partitions(run: DagsterRun, order: Sequence[str]) -> set[str]:
    """The partitions that a run works on."""
    tags = run.tags
    if _PARTITION in tags:
        return {tags[_PARTITION]}
    start, end = tags.get(_START), tags.get(_END)
    if start is None or end is None:
        return set()
    if start not in order or end not in order:
        return {start, end}
    return {start, end, *order[order.index(start) : order.index(end) + 1]}


def _delete_run(instance: DagsterInstance, run_id: str) -> None:
    instance.delete_run(run_id)
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    if isinstance(instance.event_log_storage, SqliteEventLogStorage):
        shard = Path(instance.event_log_storage.path_for_shard(run_id))
        for suffix in ("", "-wal", "-shm"):
            shard.with_name(shard.name + suffix).unlink(missing_ok=True)


def _clean(path: Path, forgotten: Forgotten) -> bool:
    """Remove from one file what tells of it; returns whether there was anything."""
    with closing(_connected(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        found = False
        for (table,) in tables.fetchall():
            found |= table != "dynamic_partitions" and _clean_table(connection, table, forgotten)
    return found


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    connection.execute("PRAGMA secure_delete = ON")
    connection.row_factory = sqlite3.Row
    return connection


def _clean_table(connection: sqlite3.Connection, table: str, forgotten: Forgotten) -> bool:
    columns = [
        row["name"]
        for row in connection.execute(f'PRAGMA table_info("{table}")')
        if re.search("TEXT|CHAR", row["type"]) and row["name"] != "asset_key"
    ]
    if not columns:
        return False
    listed = ", ".join(f'"{name}"' for name in columns)
    changes: list[tuple[int, dict[str, str | None] | None]] = []
    for row in connection.execute(f'SELECT rowid AS place, {listed} FROM "{table}"'):  # noqa: S608
        values = {name: row[name] for name in columns if isinstance(row[name], str)}
        if any(_tells(text, forgotten) for text in values.values()):
            cleaned = _cleaned_row(table, values, forgotten)
            if cleaned != values:
                changes.append((row["place"], cleaned))
    for place, changed in changes:
        if changed is None:
            connection.execute(f'DELETE FROM "{table}" WHERE rowid = ?', [place])  # noqa: S608
        else:
            setting = ", ".join(f'"{name}" = ?' for name in changed)
            connection.execute(
                f'UPDATE "{table}" SET {setting} WHERE rowid = ?',  # noqa: S608
                [*changed.values(), place],
            )
    return bool(changes)


def _tells(text: str, forgotten: Forgotten) -> bool:
    """Whether a stored text tells of it, however it is written there, or may tell of it."""
    plain = _unescaped(text) if "\\" in text else text
    return bool(
        plain in forgotten.keys
        or forgotten.names.masked(plain) != plain
        or _SHOWN.search(text)
        or any(_tells(inner, forgotten) for inner in _decompressed(text))
    )


def _unescaped(text: str) -> str:
    found = _ESCAPED.sub(lambda match: chr(int(match[1], 16)) if match[1] else match[2], text)
    return found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decompressed(text: str) -> Iterator[str]:
    """What cursors of automation conditions hold."""
    for match in _COMPRESSED.finditer(text):
        try:
            yield zlib.decompress(base64.b64decode(match[1])).decode()
        except (ValueError, zlib.error):
            continue  # It only looks like one.


def _cleaned_row(
    table: str, values: dict[str, str], forgotten: Forgotten
) -> dict[str, str | None] | None:
    """The row without what tells of it; None if it goes."""
    if table in _DROPPED or values.get("partition") in forgotten.keys:
        return None
    if table == "asset_event_tags" and values.get("value") in forgotten.keys:
        return None
    # Tags and settings of SQL have their name in one column and their value in another.
    field = values["key"] if table == "run_tags" else "text"
    cleaned: dict[str, str | None] = {
        name: _cleaned_text(text, field if name == "value" else "text", forgotten)
        if _tells(text, forgotten)
        else text
        for name, text in values.items()
    }
    if table == "asset_keys" and cleaned != values:
        # The first is pointed at another event, the second a cache.
        cleaned |= {"last_materialization": None, "cached_status_data": None}
    return cleaned


def _cleaned_text(text: str, field: str, forgotten: Forgotten) -> str:
    if text[:1] in {"{", "["}:
        return json.dumps(_cleaned(json.loads(text), field, forgotten))
    return _cleaned_string(text, field, forgotten)


def _cleaned(value: Any, field: str, forgotten: Forgotten) -> Any:
    """A value of JSON without what tells of it; `field` is what it is called."""
    match value:
        case {"__class__": "AssetKey"}:
            return value
        case dict():
            return {key: _cleaned(one, key, forgotten) for key, one in value.items()}
        case list() if field != "path":
            kept = [one for one in value if not _is_gone(one, forgotten)]
            return [_cleaned(one, field, forgotten) for one in kept]
        case str() if field == "cursor":
            return _cleaned_cursor(value, forgotten)
        case str():
            return _cleaned_string(value, field, forgotten)
    return value


def _is_gone(value: Any, forgotten: Forgotten) -> bool:
    """Whether an item of a list is about partitions that are gone, or shows what people wrote."""
    match value:
        case str():
            return value in forgotten.keys
        case {"__class__": "TableRecord", "data": dict(data)}:
            return data.get("thread_id") in forgotten.keys or any(name in data for name in _TEXTS)
        case {"__class__": "PartitionKeyRange", "start": str(start), "end": str(end)}:
            # Nothing is left between its ends.
            order = forgotten.order
            if start not in order or end not in order:
                return start in forgotten.keys and end in forgotten.keys
            between = order[order.index(start) : order.index(end) + 1]
            return forgotten.keys.issuperset(between)
    return False


def _cleaned_string(text: str, field: str, forgotten: Forgotten) -> str:
    if field in _STARTS:
        return forgotten.beside(text, 1)
    if field in _ENDS:
        return forgotten.beside(text, -1)
    if field in _KEYED:
        return _GONE if text in forgotten.keys else text
    return forgotten.names.masked(text) if field in _TOLD else text


def _cleaned_cursor(cursor: str, forgotten: Forgotten) -> str:
    """What a sensor remembers: files by their place in the inbox, or subsets of partitions."""
    compressed = _COMPRESSED.fullmatch(cursor)
    if compressed:
        for inner in _decompressed(cursor):
            cleaned = json.dumps(_cleaned(json.loads(inner), "", forgotten))
            return cursor[0] + base64.b64encode(zlib.compress(cleaned.encode())).decode()
    if not cursor.startswith("{"):
        return forgotten.names.masked(cursor)
    files: dict[str, Any] = json.loads(cursor)
    return json.dumps(
        {
            name: file
            for name, file in files.items()
            if name.split("/")[0] not in forgotten.folders and forgotten.names.masked(name) == name
        }
    )


def _clean_printed(folder: Path, forgotten: Forgotten) -> None:
    """Mask what steps have printed."""
    for path in sorted(folder.glob("*/compute_logs/*")):
        text = path.read_text("utf-8", "surrogateescape")
        if (masked := forgotten.names.masked(text)) != text:
            path.write_text(masked, "utf-8", "surrogateescape")


def _point_at_latest(instance: DagsterInstance, forgotten: Forgotten) -> None:
    """Name the latest event that is left of each asset whose latest was about a partition gone."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        return
    with closing(_connected(Path(storage.path_for_shard("index")))) as connection:
        rows = connection.execute(
            "SELECT asset_key FROM asset_keys WHERE last_materialization IS NULL"
        )
        for (text,) in rows.fetchall():
            key = AssetKey.from_db_string(text)
            if key is None:
                continue
            records = instance.fetch_materializations(key, limit=1).records
            if records:
                connection.execute(
                    "UPDATE asset_keys SET last_materialization = ? WHERE asset_key = ?",
                    [serialize_value(records[0]), text],
                )


def _overwrite_freed(path: Path) -> None:
    """Leave nothing of deleted rows in a file, nor in the log of its latest changes."""
    with closing(_connected(path)) as connection:
        connection.execute("VACUUM")
        deadline = time.monotonic() + _BUSY_SECONDS
        while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > deadline:
                break
            time.sleep(_PAUSE)
