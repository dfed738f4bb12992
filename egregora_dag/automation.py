"""Jobs, the schedule and the sensors: one trigger per asset.

The inbox sensor runs messages, imports, windows and documents of the chats that have new files.
Comparisons and ratings follow by their automation conditions, and by a daily schedule that catches
up. Reply links follow the messages of their chat by a condition of theirs, as inferring them takes
longer than all else. Runs and tasks are mirrored, and the queue of tasks is worked off, by sensors
of their own. Views are made when they are missing, and again with the daily schedule. The site
follows documents and ratings by a condition of its own, at most once in ten minutes, and once a day
by a schedule; it is there when the extra `site` is. The copy for readers follows in the same way,
and ends the daily ranking.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, Final, TypeVar

from dagster import (
    AssetSelection,
    AutomationConditionSensorDefinition,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    RunConfig,
    RunRequest,
    ScheduleDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    define_asset_job,
    sensor,
)

from egregora_dag import inbox as exports
from egregora_dag import task_queue
from egregora_dag.adapters import ExportError
from egregora_dag.assets.common import THREADS
from egregora_dag.assets.conversation import WindowSettings
from egregora_dag.assets.ingestion import ImportSettings, threads_changed
from egregora_dag.database import dagster_runs, mirror
from egregora_dag.database.exceptions import DatabaseLockedError
from egregora_dag.database.identifiers import make_id
from egregora_dag.database.schemas import IMPORTS
from egregora_dag.database.threads import Thread, all_threads
from egregora_dag.discretion import discreet
from egregora_dag.resources import Inbox, Warehouse
from egregora_dag.site.generator import is_installed
from egregora_dag.task_queue import Request

_Evaluation = TypeVar("_Evaluation", bound=Callable[..., Any])

_CHAT_ASSETS: Final = AssetSelection.assets("messages", "imports", "windows", "documents")
_GLOBAL_ASSETS: Final = AssetSelection.groups("ranking", "views") | AssetSelection.assets(
    "published_copy"
)
_SITE: Final = ("site",) if is_installed() else ()
# A sensor's evaluation is limited to a minute; it had better wait for its next turn.
_SENSOR_LOCK_TIMEOUT: Final = 5.0
_PULL_SECONDS: Final = 20.0
_TASKS_A_TURN: Final = 50
# Task type → the setting of `documents` that names what it is done to.
_FIELDS: Final[Mapping[str, str]] = {
    "enrich_url": "urls",
    "enrich_media": "media",
    "update_profile": "authors_again",
    "write_window": "windows_again",
}

import_job = define_asset_job(
    "import_chats",
    _CHAT_ASSETS,
    description="Reads new exports of chats and writes about them.",
    # The inbox sensor asks once for what its files hold, so a run whose worker died comes again by
    # itself. It finds what is stored already, whatever step it had come to.
    tags={"dagster/max_retries": "2", "dagster/retry_strategy": "ALL_STEPS"},
)
links_job = define_asset_job(
    "link_replies",
    AssetSelection.assets("reply_links"),
    description="Infers which message answers which.",
)
ranking_job = define_asset_job(
    "rank_posts",
    _GLOBAL_ASSETS,
    description="Compares and rates posts, makes the views, and the copy for readers.",
)
again_job = define_asset_job(
    "work_off_task",
    AssetSelection.assets("documents"),
    description="Writes what a task of the queue asks for.",
)
mirror_job = define_asset_job(
    "rebuild_mirror",
    AssetSelection.assets("runs", "tasks"),
    description="Reads runs and tasks from Dagster's storage anew.",
)
jobs: Final = [import_job, links_job, ranking_job, again_job, mirror_job]

daily_ranking = ScheduleDefinition(
    name="daily_ranking",
    job=ranking_job,
    cron_schedule="0 4 * * *",
    description="Catches up with what the automation conditions missed.",
    default_status=DefaultScheduleStatus.RUNNING,
)

daily_site = ScheduleDefinition(
    name="daily_site",
    target=AssetSelection.assets("site"),
    cron_schedule="30 4 * * *",
    description="Makes the site once the posts are ranked.",
    default_status=DefaultScheduleStatus.RUNNING,
)

follow_documents = AutomationConditionSensorDefinition(
    "follow_documents",
    target=_GLOBAL_ASSETS | AssetSelection.assets("reply_links", *_SITE),
    default_status=DefaultSensorStatus.RUNNING,
    description="Ranks posts when documents changed, links replies when messages did, makes "
    "views that are missing, the site, and the copy for readers.",
)


def run_config_of(thread: Thread, *, rebuild: bool = False) -> RunConfig:
    """The config of a run of `import_chats` for this chat: its own window settings.

    Args:
        thread: The chat.
        rebuild: Replace the chat by what its files say.

    Returns:
        The config of the job's assets.
    """
    return RunConfig(
        ops={
            "read_exports": ImportSettings(rebuild=rebuild),
            "windows": WindowSettings(**thread.settings.get("windows", {})),
        }
    )


def _in_turn(evaluate: _Evaluation) -> _Evaluation:
    """A sensor that leaves a turn out while another process holds the database."""

    @wraps(evaluate)
    def turn(*arguments: Any, **named: Any) -> Any:
        try:
            return evaluate(*arguments, **named)
        except DatabaseLockedError as error:
            return SkipReason(f"{error} The next turn looks again.")

    wrapped: Any = turn
    return wrapped  # type: ignore[no-any-return]


@sensor(
    job=import_job,
    minimum_interval_seconds=10,
    default_status=DefaultSensorStatus.RUNNING,
    description="Imports exports that are put into the inbox, once per content.",
)
@discreet
@_in_turn
def inbox_sensor(
    context: SensorEvaluationContext, warehouse: Warehouse, inbox: Inbox
) -> SensorResult | SkipReason:
    """Looks for files that are complete (the same as at the last look) and not imported yet."""
    before: dict[str, exports.Seen] = json.loads(context.cursor or "{}")
    seen = exports.look(inbox.path, before)
    patient = _patient(warehouse)
    arrived = False
    for name in [name for name, file in seen.items() if exports.is_new(file)]:
        try:
            found = exports.sorted_in(inbox.path, inbox.path / name)
        except ExportError as error:
            context.log.warning(str(error))
            seen[name]["problem"] = type(error).__name__
            continue
        with patient.transaction() as connection:
            exports.register(connection, found)
        arrived = True
        seen |= {
            str(place.file.path.relative_to(inbox.path)): exports.settled(place.file)
            for place in found
        }
    context.update_cursor(json.dumps(seen))
    requests = list(_requests(patient, seen))
    if not requests:
        return SkipReason("No new file in the inbox.")
    keys = [request.partition_key for request in requests if request.partition_key]
    return SensorResult(
        run_requests=requests,
        dynamic_partitions_requests=[THREADS.build_add_request(keys)],
        asset_events=[threads_changed()] if arrived else [],
    )


def _requests(warehouse: Warehouse, seen: Mapping[str, exports.Seen]) -> Iterator[RunRequest]:
    """A run for each chat that has files which were not imported, named by what all its files hold.

    So one that cannot be read makes no run of its own when the others have been imported.
    """
    imported = warehouse.rows(IMPORTS.table().select("thread_id", "sha256"))
    done = {(row["thread_id"], row["sha256"]) for row in imported}
    with warehouse.transaction() as connection:
        threads = all_threads(connection).values()
    for thread in threads:
        digests = {
            file["sha256"]
            for name, file in seen.items()
            if name.split("/")[0] in thread.origins and "sha256" in file
        }
        if any((thread.thread_id, digest) not in done for digest in digests):
            yield RunRequest(
                partition_key=thread.thread_id,
                run_key=f"{thread.thread_id}:{make_id('files', *sorted(digests))}",
                run_config=run_config_of(thread),
            )


@sensor(
    minimum_interval_seconds=5,
    default_status=DefaultSensorStatus.RUNNING,
    description="Keeps the tables runs and tasks up to date with Dagster's storage.",
)
@discreet
@_in_turn
def mirror_runs(context: SensorEvaluationContext, warehouse: Warehouse) -> SkipReason:
    """Reports runs whose process is gone, then pulls what has changed; it launches nothing."""
    gone = dagster_runs.reap(context.instance)
    pulled = mirror.pull(_patient(warehouse), context.instance, seconds=_PULL_SECONDS)
    return SkipReason(
        f"{pulled.runs} runs looked at, {pulled.changed} rows changed, {pulled.removed} removed, "
        f"{len(gone)} reported as gone, {pulled.left} left for the next turn."
    )


@sensor(
    job=again_job,
    minimum_interval_seconds=5,
    default_status=DefaultSensorStatus.RUNNING,
    description="Launches a run for each pending task of the queue, and keeps its state.",
)
@discreet
@_in_turn
def work_off_queue(
    context: SensorEvaluationContext, warehouse: Warehouse
) -> SensorResult | SkipReason:
    """Settles the tasks whose runs have moved on, and asks for runs of those that wait.

    A task is marked once its run is there to be seen, and a run key makes one run and no second;
    so a crash between any two steps neither loses nor doubles a task.
    """
    patient = _patient(warehouse)
    mirror.pull(patient, context.instance, seconds=_PULL_SECONDS)
    task_queue.settle(patient)
    requests = [
        RunRequest(
            run_key=request.run_key,
            partition_key=request.thread_id,
            run_config=RunConfig(ops={"documents": {"config": _asked(request)}}),
            tags={
                mirror.QUEUE_TAG: str(request.task_id),
                mirror.TASK_TYPE_TAG: request.task_type,
                mirror.ATTEMPT_TAG: str(request.attempt),
            },
        )
        for request in task_queue.requests(patient, _TASKS_A_TURN)
    ]
    if not requests:
        return SkipReason("No task waits.")
    keys = sorted({request.partition_key or "" for request in requests})
    return SensorResult(
        run_requests=requests, dynamic_partitions_requests=[THREADS.build_add_request(keys)]
    )


def _asked(request: Request) -> dict[str, list[str]]:
    """The settings of `documents` that do what a task asks for."""
    return {_FIELDS[request.task_type]: [request.subject]}


def _patient(warehouse: Warehouse) -> Warehouse:
    """The warehouse for a sensor, which had better wait for its next turn than for a lock."""
    patient = Warehouse(database=warehouse.database, lock_timeout=_SENSOR_LOCK_TIMEOUT)
    patient.prepare()
    return patient


sensors: Final = [inbox_sensor, follow_documents, mirror_runs, work_off_queue]
schedules: Final = [daily_ranking, *([daily_site] if _SITE else [])]
