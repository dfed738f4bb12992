"""What may be wrong with a home, and what to do about it; nothing of what a chat says."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Final, Literal

from dagster import DagsterInstance
from dagster._core.scheduler.instigation import InstigatorState, TickStatus

from egregora_dag.automation import sensors
from egregora_dag.checks import broken_contracts
from egregora_dag.database import connections, copies, dagster_runs, limits, mirror
from egregora_dag.database.dagster_runs import STATUSES
from egregora_dag.database.exceptions import DatabaseError
from egregora_dag.database.migrations import all_migrations, pending_migrations, schema_version
from egregora_dag.exceptions import EgregoraError
from egregora_dag.instance import dagster_instance
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home

# Seconds for which a run's own reads and writes are waited for.
_PATIENCE: Final = 5.0
# The database can be copied so many times: what is published, and what is imported or backed up.
_COPIES: Final = 2
_SPARE: Final = 100_000_000
# A daemon says every 30 seconds that it is alive.
_ALIVE_SECONDS: Final = 120
_STALE_HOURS: Final = 24

Verdict = Literal["ok", "hint", "fix"]


@dataclass(frozen=True)
class Line:
    """What was found about one thing.

    Attributes:
        verdict: `ok`; `hint`, where something may be meant to be so; or `fix`.
        subject: What was looked at.
        text: What was found, and what to do.
    """

    verdict: Verdict
    subject: str
    text: str


def examine(home: Home) -> Iterator[Line]:
    """Look at everything of a home that can be wrong.

    Runs whose process is gone are reported as failed, and the mirror of runs is brought up to date.

    Args:
        home: The home.

    Yields:
        What was found, thing by thing; what cannot be looked at any more is left out.
    """
    if not home.root.is_dir():
        yield Line("fix", "home", f"{home.root} is missing. `egregora-dag run FILE` makes it.")
        return
    yield Line("ok", "home", str(home.root))
    yield from (look(home) for look in (_permissions, _configuration, _key, _space))
    temporary = _temporary_files(home)
    yield temporary
    # Without a place for those, no database is opened.
    if temporary.verdict == "ok":
        yield from _database(home)


def _permissions(home: Home) -> Line:
    # What is in the inbox is as people put it there; the folder itself keeps others out.
    open_to_others = sum(
        bool(path.lstat().st_mode & 0o077)
        for path in (home.root, *home.root.rglob("*"))
        if not path.is_symlink() and home.inbox not in path.parents
    )
    if open_to_others:
        advice = f"others may use {open_to_others} files or folders. chmod -R go= {home.root}"
        return Line("fix", "permissions", advice)
    return Line("ok", "permissions", "the owner's alone")


def _configuration(home: Home) -> Line:
    config = home.dagster / "dagster.yaml"
    if not config.is_file():
        return Line("hint", "dagster.yaml", "is missing; the next command makes it.")
    if config.read_text("utf-8") != files("egregora_dag").joinpath("dagster.yaml").read_text():
        told = "is not the package's. Delete it to have that one, if the change is not yours."
        return Line("hint", "dagster.yaml", told)
    return Line("ok", "dagster.yaml", "as the package has it")


def _key(home: Home) -> Line:
    try:
        home.key()
    except EgregoraError as error:
        return Line("fix", "key", str(error))
    return Line("ok", "key", "there")


def _space(home: Home) -> Line:
    size = home.database.stat().st_size if home.database.is_file() else 0
    free, needed = shutil.disk_usage(home.root).free, _COPIES * size + _SPARE
    told = f"{free / 1e9:,.1f} GB free, {size / 1e9:,.1f} GB of database"
    if free < needed:
        return Line("fix", "disk", f"{told}. Make room for {needed / 1e9:,.1f} GB.")
    return Line("ok", "disk", told)


def _temporary_files(home: Home) -> Line:
    try:
        folder = limits.spill_folder(home.database)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        place = error.filename or "their folder"
        told = f"{place}: {error.strerror}. Make it writable, or set EGREGORA_TEMP_DIRECTORY."
        return Line("fix", "temporary files", told)
    return Line("ok", "temporary files", str(folder))


def _database(home: Home) -> Iterator[Line]:
    if not home.database.exists():
        yield Line("hint", "database", "there is none yet. `egregora-dag run FILE` makes it.")
        return
    warehouse = Warehouse(database=str(home.database), lock_timeout=_PATIENCE)
    try:
        with connections.connect(home.database, timeout=_PATIENCE) as connection:
            version = schema_version(connection)
        yield Line("ok", "database", f"{home.database} can be read and written")
        pending = pending_migrations(home.database)
    except DatabaseError as error:
        yield Line("fix", "database", str(error))
        return
    if pending:
        known = all_migrations()[-1].version
        told = f"version {version}, not {known}. `egregora-dag migrate`"
        yield Line("fix", "schema", told)
        return
    yield Line("ok", "schema", f"version {version}")
    yield from _contracts(warehouse)
    with dagster_instance(home) as instance:
        yield from (look(warehouse, instance) for look in _OF_DAGSTER)
        yield from _daemon(instance)
    yield _copy(home, version)


def _contracts(warehouse: Warehouse) -> Iterator[Line]:
    broken = list(broken_contracts(warehouse))
    for problem in broken:
        yield Line(
            "fix",
            "contracts",
            f"{problem}. Restore a backup, or make the table anew: `egregora-dag run --rebuild`.",
        )
    if not broken:
        yield Line("ok", "contracts", "every table keeps its own")


def _runs(warehouse: Warehouse, instance: DagsterInstance) -> Line:
    gone = dagster_runs.reap(instance)
    if gone:
        return Line("ok", "runs", f"{len(gone)} whose process was gone are reported as failed now")
    return Line("ok", "runs", "none whose process is gone")


def _mirror(warehouse: Warehouse, instance: DagsterInstance) -> Line:
    behind = _differing(warehouse, instance)
    if not behind:
        return Line("ok", "mirror", "runs as Dagster has them")
    mirror.pull(warehouse, instance)
    if wrong := _differing(warehouse, instance):
        told = f"{wrong} runs are not as Dagster has them. Materialize the assets runs and tasks."
        return Line("fix", "mirror", told)
    return Line("ok", "mirror", f"{behind} runs were not as Dagster has them, and are now")


def _differing(warehouse: Warehouse, instance: DagsterInstance) -> int:
    """How many runs are not in the mirror as they are in Dagster."""
    stored = warehouse.execute_query("SELECT run_id::VARCHAR, dagster_status, status FROM runs")
    ids = sorted(dagster_runs.run_ids(instance))
    there = {
        (run.run_id, run.status.value, STATUSES.get(run.status, "running"))
        for run in (record.dagster_run for record in dagster_runs.run_records(instance, ids))
    }
    return len({run[0] for run in there ^ set(stored)})


_OF_DAGSTER: Final[tuple[Callable[[Warehouse, DagsterInstance], Line], ...]] = (_runs, _mirror)


def _daemon(instance: DagsterInstance) -> Iterator[Line]:
    beats = [beat.timestamp for beat in instance.get_daemon_heartbeats().values()]
    if not beats or time.time() - max(beats) > _ALIVE_SECONDS:
        told = "does not run. Commands need none; `egregora-dag dev` runs it."
        yield Line("hint", "daemon", told)
        return
    yield Line("ok", "daemon", "runs")
    states = {state.name: state for state in instance.all_instigator_state()}
    yield from (_sensor(instance, sensor.name, states.get(sensor.name)) for sensor in sensors)


def _sensor(instance: DagsterInstance, name: str, state: InstigatorState | None) -> Line:
    if state is None:
        return Line("ok", "sensor", f"{name} has not had its turn yet")
    if not state.is_running:
        return Line("hint", "sensor", f"{name} is off. Turn it on in the browser.")
    ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
    if ticks and ticks[0].status == TickStatus.FAILURE:
        # Its message may hold what a chat says.
        kind = ticks[0].error.cls_name if ticks[0].error else "unknown"
        told = f"{name} failed ({kind}). Its page in the browser says why."
        return Line("fix", "sensor", told)
    return Line("ok", "sensor", name)


def _copy(home: Home, version: int) -> Line:
    made = copies.published_at(home)
    if made is None:
        told = "there is none. `egregora-dag run`, or the asset published_copy, makes it."
        return Line("hint", "published copy", told)
    told = f"of {made:%Y-%m-%d %H:%M} UTC"
    again = "`egregora-dag run` makes it anew."
    try:
        with closing(connections.open_waiting(home.published, read_only=True)) as connection:
            found = schema_version(connection)
    except DatabaseError as error:
        return Line("fix", "published copy", f"{error} {again}")
    if found != version:
        told = f"{told}, of schema version {found}, not {version}. {again}"
        return Line("fix", "published copy", told)
    changed = datetime.fromtimestamp(home.database.stat().st_mtime, UTC)
    hours = (changed - made).total_seconds() / 3600
    if hours > _STALE_HOURS:
        told = f"{told}, {hours:,.0f} hours older than the database. {again}"
        return Line("hint", "published copy", told)
    return Line("ok", "published copy", told)
