"""The pipeline of one home, run in this process: what the command line does, for Python.

from egregora_dag.pipeline import Pipeline
with Pipeline.open() as pipeline:
    threads = pipeline.add([Path("WhatsApp Chat with Friends.zip")], timezone="Europe/Lisbon")
    outcome = pipeline.run(threads)
"""

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from dagster import (
    AssetKey,
    AssetsDefinition,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    RunConfig,
)
from dagster_shared.error import SerializableErrorInfo
from duckdb import DuckDBPyConnection

from egregora_dag import inbox, settings
from egregora_dag.adapters import (
    ExportError,
    Privacy,
    Reading,
    checked_timezone,
)
from egregora_dag.assets.common import THREADS
from egregora_dag.assets.content import remembered_model
from egregora_dag.assets.ingestion import threads_changed
from egregora_dag.assets.views import view_assets
from egregora_dag.automation import import_job, links_job, ranking_job, run_config_of
from egregora_dag.database import compacting, copies, dagster_runs, mirror, pseudonyms
from egregora_dag.database import threads as chats
from egregora_dag.database.threads import Thread
from egregora_dag.definitions import definitions_of
from egregora_dag.exceptions import EgregoraError
from egregora_dag.forgetting import Forgetter, Removed
from egregora_dag.instance import dagster_instance
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home
from egregora_dag.windowing import WindowConfig

# A step's name and its latest message.
Progress = Callable[[str, str], None]
_POLL_SECONDS = 0.3
# What Dagster notes on a materialization of an asset that has a code version.
CODE_VERSION_TAG = "dagster/code_version"


@dataclass
class Outcome:
    """What runs came to.

    Attributes:
        errors: Why steps failed, one text a step.
        failed_checks: Asset checks that failed: `asset: what was found`.
        warnings: Checks that only warn.
    """

    errors: list[str] = field(default_factory=list)
    failed_checks: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def succeeded(self) -> bool:
        """Whether every step ran and every check passed."""
        return not self.errors and not self.failed_checks


class Pipeline:
    """The pipeline of one home.

    Args:
        home: Where all state is.
        instance: Dagster's instance of that home.
        progress: Told what each step does.
    """

    def __init__(self, home: Home, instance: DagsterInstance, progress: Progress) -> None:
        self.home = home
        self.instance = instance
        self.warehouse = Warehouse(database=str(home.database))
        self._progress = progress
        self._definitions = definitions_of(home)
        self._forgetter = Forgetter(home, instance, self.warehouse)

    @classmethod
    @contextmanager
    def open(
        cls, home: Home | None = None, *, progress: Progress = lambda step, message: None
    ) -> Iterator["Pipeline"]:
        """The pipeline of a home, which is made when missing.

        Args:
            home: The home; `$EGREGORA_HOME` or `.egregora` if None.
            progress: Called with a step's name and its latest message.

        Yields:
            The pipeline.

        Raises:
            DatabaseVersionError: The home's database is of another version.
        """
        home = home or Home.resolve()
        with dagster_instance(home) as instance:
            pipeline = cls(home, instance, progress)
            pipeline.warehouse.prepare()
            dagster_runs.reap(instance)
            pipeline._forgetter.finish()
            try:
                yield pipeline
            finally:
                mirror.pull(pipeline.warehouse, instance)

    def add(
        self,
        paths: Sequence[Path],
        *,
        title: str | None = None,
        timezone: str | None = None,
        reading: Mapping[str, Any] | None = None,
        windows: Mapping[str, Any] | None = None,
        privacy: Mapping[str, bool] | None = None,
        writer: Mapping[str, Any] | None = None,
        enrichments: Mapping[str, bool] | None = None,
    ) -> list[str]:
        """Copy exports into the inbox and register their chats; `run` then reads them.

        Args:
            paths: The files.
            title: The chat that all of them belong to, if not the ones they name themselves.
            timezone: IANA name of the zone of the chats' clocks; UTC for new chats if None.
            reading: Fields of `Reading` to remember for these chats: what the files leave open.
            windows: Fields of `WindowConfig` to remember for these chats.
            privacy: `pseudonymize` and `mask_pii`, to remember for these chats; what it leaves
                out, a new chat takes from the environment.
            writer: `writer`, and fields of `LlmSettings`, to remember for these chats.
            enrichments: `fetch_links`, to remember for these chats.

        Returns:
            Keys of the chats, in the order they are met.

        Raises:
            ExportError: A file cannot be read; nothing was copied.
            EgregoraError: There is no such time zone, the settings make no windows or no writer,
                or the environment is not understood.
        """
        settings.privacy()
        if privacy:
            Privacy(**privacy, key=self.home.key())
        if timezone:
            checked_timezone(timezone)
        WindowConfig(**(windows or {}))
        remembered_model(writer or {})
        told = Reading(**(reading or {}))
        by_file = [inbox.placements(path, title=title, reading=told) for path in paths]
        for places in by_file:
            inbox.put_all(self.home.inbox, places)
        found = [place for places in by_file for place in places]
        with self.warehouse.transaction() as connection:
            registered = inbox.register(connection, found, timezone=timezone)
            for thread in registered.values():
                said = {"windows": windows, "reading": reading, "privacy": privacy}
                _remember(connection, thread, **said, writer=writer, enrichments=enrichments)
                if timezone and timezone != thread.timezone:
                    chats.set_timezone(connection, thread, timezone)
        return self._arrived(registered)

    def set_privacy(self, keys: Sequence[str], privacy: Mapping[str, bool]) -> None:
        """Remember for chats what is kept out of them; it holds for what is read from now on.

        Args:
            keys: Keys of the chats.
            privacy: `pseudonymize` and `mask_pii`; what it leaves out stays as it is.

        Raises:
            ThreadNotFoundError: There is no such chat.
        """
        Privacy(**privacy, key=self.home.key())
        with self.warehouse.transaction() as connection:
            for key in keys:
                _remember(connection, chats.get_thread(connection, key), privacy=privacy)

    def set_writer(self, keys: Sequence[str], writer: Mapping[str, Any]) -> None:
        """Remember for chats who writes about them.

        Args:
            keys: Keys of the chats.
            writer: `writer`, and fields of `LlmSettings`; what it leaves out stays as it is.

        Raises:
            ThreadNotFoundError: There is no such chat.
            EgregoraError: The settings make no writer.
        """
        remembered_model(writer)
        with self.warehouse.transaction() as connection:
            for key in keys:
                _remember(connection, chats.get_thread(connection, key), writer=writer)

    def set_enrichments(self, keys: Sequence[str], enrichments: Mapping[str, bool]) -> None:
        """Remember for chats what is looked up for their links.

        Args:
            keys: Keys of the chats.
            enrichments: `fetch_links`: whether the pages of links are read.

        Raises:
            ThreadNotFoundError: There is no such chat.
        """
        with self.warehouse.transaction() as connection:
            for key in keys:
                _remember(connection, chats.get_thread(connection, key), enrichments=enrichments)

    def sort_inbox(self) -> tuple[list[str], list[str]]:
        """Sort in what people put into the inbox, and register the chats that are new.

        Returns:
            Keys of those chats, and why files could not be sorted in.
        """
        known = {origin for thread in self.threads().values() for origin in thread.origins}
        found, problems = [], []
        for name in inbox.look(self.home.inbox, {}):
            path = self.home.inbox / name
            if path.parent.name in known and path.parent != self.home.inbox:
                continue
            try:
                found += inbox.sorted_in(self.home.inbox, path)
            except ExportError as error:
                problems.append(str(error))
        with self.warehouse.transaction() as connection:
            registered = inbox.register(connection, found)
        return self._arrived(registered), problems

    def _arrived(self, registered: Mapping[str, Thread]) -> list[str]:
        """Make chats partitions, and tell Dagster that `threads` has changed."""
        keys = list(registered)
        self.instance.add_dynamic_partitions(THREADS.name or "", keys)
        self.instance.report_runless_asset_event(threads_changed())
        return keys

    def threads(self) -> dict[str, Thread]:
        """The chats that there are, by key."""
        with self.warehouse.transaction() as connection:
            return chats.all_threads(connection)

    def run(self, keys: Sequence[str], *, rebuild: bool = False, links: bool = False) -> Outcome:
        """Read what is new of these chats, write about it, and rank all posts.

        Args:
            keys: Keys of the chats.
            rebuild: Replace the chats by what the files in their inbox say.
            links: Infer which message answers which, too.

        Returns:
            What went wrong, if anything.
        """
        outcome = Outcome()
        known = self.threads()
        # Where Dagster's storage was lost, the database still knows the chats.
        self.instance.add_dynamic_partitions(THREADS.name or "", list(known))
        for chosen in self._ranges(keys, known):
            ends = {"start": chosen[0], "end": chosen[-1]}
            tags = {f"dagster/asset_partition_range_{end}": key for end, key in ends.items()}
            partition = {"partition_key": chosen[0]} if len(chosen) == 1 else {"tags": tags}
            config = run_config_of(known[chosen[0]], rebuild=rebuild)
            self._execute(import_job.name, config, outcome, **partition)
            if links and not outcome.errors:
                self._execute(links_job.name, RunConfig(), outcome, **partition)
        return outcome if outcome.errors else self.rank(outcome)

    def rank(self, outcome: Outcome | None = None) -> Outcome:
        """Compare and rate posts, make the views that are missing or defined anew, and the copy.

        Args:
            outcome: What went wrong before, to add to.

        Returns:
            What went wrong, if anything.
        """
        outcome = outcome or Outcome()
        ranked = ("comparisons", "elo_ratings", "bradley_terry", "published_copy")
        assets = [AssetKey(name) for name in ranked]
        stored = self.warehouse.execute_query("SELECT table_name FROM information_schema.tables")
        assets += [
            view.key
            for view in view_assets
            if (view.key.path[-1],) not in stored or not self._is_current(view)
        ]
        self._execute(ranking_job.name, RunConfig(), outcome, asset_selection=assets)
        return outcome

    def _is_current(self, view: AssetsDefinition) -> bool:
        """Whether a view was made as it is defined now."""
        event = self.instance.get_latest_materialization_event(view.key)
        tags = event.asset_materialization.tags if event and event.asset_materialization else {}
        return (tags or {}).get(CODE_VERSION_TAG) == view.code_versions_by_key[view.key]

    def _ranges(self, keys: Sequence[str], known: Mapping[str, Thread]) -> Iterator[list[str]]:
        """The chats in stretches that one run can take: next to each other, windowed alike."""
        order = self.instance.get_dynamic_partitions(THREADS.name or "")
        wanted = set(keys)

        def stretch(key: str) -> tuple[bool, str]:
            # Somebody may have added a partition by hand that is no chat.
            windows = known[key].settings.get("windows") if key in known else None
            return key in known and key in wanted, str(windows)

        for (chosen, _), group in groupby(order, key=stretch):
            if chosen:
                yield list(group)

    def _execute(self, job_name: str, config: RunConfig, outcome: Outcome, **options: Any) -> None:
        job = self._definitions.resolve_job_def(job_name)
        quiet = {"console": {"config": {"log_level": "CRITICAL"}}}
        run_id = str(uuid.uuid4())
        with self._followed(run_id):
            result = job.execute_in_process(
                instance=self.instance,
                run_id=run_id,
                run_config=RunConfig(ops=config.ops, loggers=quiet),
                raise_on_error=False,
                **{**options, "tags": {**dagster_runs.process_tags(), **options.get("tags", {})}},
            )
        for event in result.filter_events(lambda event: event.is_step_failure):
            outcome.errors.append(f"{event.step_key}: {_message(event)}")
        if not result.success and not outcome.errors:
            failures = result.filter_events(lambda event: event.is_job_failure)
            outcome.errors += [f"{job_name}: {event.message}" for event in failures]
        for check in result.get_asset_check_evaluations():
            if not check.passed:
                kind = (
                    outcome.failed_checks if check.severity.value == "ERROR" else outcome.warnings
                )
                asset = check.asset_key.to_user_string()
                kind.append(f"{asset}, {check.check_name}: {check.description}")

    @contextmanager
    def _followed(self, run_id: str) -> Iterator[None]:
        """Tell what the run's steps say, as long as the block lasts."""
        over = threading.Event()

        def follow() -> None:
            cursor = None
            while True:
                last = over.wait(_POLL_SECONDS)
                page = self.instance.get_records_for_run(run_id, cursor=cursor)
                cursor = page.cursor
                for record in page.records:
                    entry = record.event_log_entry
                    kind = entry.dagster_event_type
                    if entry.step_key and kind in {None, DagsterEventType.STEP_START}:
                        self._progress(entry.step_key, "" if kind else entry.user_message)
                if last:
                    return

        with ThreadPoolExecutor(1) as executor:
            following = executor.submit(follow)
            try:
                yield
            finally:
                over.set()
                following.result()

    def forget_thread(self, key: str) -> Removed:
        """Remove a chat everywhere: tables, inbox, Dagster's storage; and the home's site.

        Returns:
            What was removed.

        Raises:
            ThreadNotFoundError: There is no such chat.
            EgregoraError: A run works on it; nothing was changed.
        """
        return self._forgetter.thread(key)

    def forget_author(self, author: str, keys: Sequence[str] | None = None) -> Removed:
        """Remove a person everywhere: their messages, their name in those of others, the exports.

        Later exports of these chats are read without the person, until `readmit_author`.

        Args:
            author: The person's name as the chat has it, or as it stands in the messages.
            keys: Keys of the chats; all in which the person wrote if None.

        Returns:
            What was removed; windows and documents of its chats are to be made anew by `run`.

        Raises:
            ThreadNotFoundError: There is no such chat.
            EgregoraError: A run works on one of them; nothing was changed.
        """
        return self._forgetter.author(author, keys)

    def readmit_author(self, author: str, keys: Sequence[str] | None = None) -> list[str]:
        """Let a person who was forgotten come again with later exports.

        Returns:
            Keys of the chats in which the person was forgotten.
        """
        return self._forgetter.readmit(author, keys)

    def merge_authors(
        self, old: str, new: str, keys: Sequence[str] | None = None
    ) -> tuple[list[str], int]:
        """Let one of two names of a person stand for both, in later exports too.

        Args:
            old: The name that is given up.
            new: The name that stands.
            keys: Keys of the chats; all in which somebody wrote under the former if None.

        Returns:
            Keys of the chats, whose profiles are to be made anew by `run`, and how many messages
            changed their author.

        Raises:
            ThreadNotFoundError: There is no such chat.
            EgregoraError: Both names are one, nobody wrote under the former, or a run works on one
                of the chats; nothing was changed.
        """
        return self._forgetter.merge_authors(old, new, keys)

    def delete_pseudonyms(self) -> int:
        """Delete who stands behind which pseudonym, and keep it no more.

        Returns:
            How many there were.
        """
        self.home.names_deleted.touch(mode=0o600)
        with self.warehouse.transaction() as connection:
            copies.withdraw(self.home)
            count = pseudonyms.forget_all(connection)
        compacting.rewrite(self.home.database)
        copies.publish(self.home)
        return count

    def keep_pseudonyms(self) -> None:
        """Keep again who stands behind a pseudonym, of the authors that are read from now on."""
        self.home.names_deleted.unlink(missing_ok=True)

    def undo_import(self, import_id: uuid.UUID) -> tuple[str, int]:
        """Remove the messages that only this import brought, and its file from the inbox.

        Returns:
            Key of the chat, whose windows and documents are to be made anew by `run`, and how many
            messages were removed.

        Raises:
            DatabaseObjectError: There is no such import.
        """
        with self.warehouse.transaction() as connection:
            known = chats.all_threads(connection)
            key, sha256, removed = chats.undo_import(connection, import_id)
            pseudonyms.forget_unused(connection)
        for origin in known[key].origins:
            inbox.remove_content(self.home.inbox / origin, sha256)
        return key, removed

    def merge_threads(self, source: str, target: str) -> None:
        """Move everything of one chat into another; `run` then makes the windows anew.

        Raises:
            ThreadNotFoundError: There is no such chat.
            EgregoraError: Both are the same, or only one is stored with pseudonyms or masks.
        """
        if source == target:
            raise EgregoraError(f"{source} cannot be merged into itself. Name two chats.")
        with self.warehouse.transaction() as connection:
            one, other = (chats.get_thread(connection, key) for key in (source, target))
            if one.is_private != other.is_private:
                private, plain = (source, target) if one.is_private else (target, source)
                raise EgregoraError(
                    f"{private} is stored with pseudonyms or masks and {plain} without. Import "
                    "both alike, with --rebuild, before you merge them."
                )
            chats.merge_threads(connection, one, other)
        self.instance.delete_dynamic_partition(THREADS.name or "", source)


def _remember(
    connection: DuckDBPyConnection, thread: Thread, **said: Mapping[str, Any] | None
) -> None:
    """Store what was said of a chat with its other settings."""
    for name, values in said.items():
        if values:
            thread.settings[name] = {**thread.settings.get(name, {}), **values}
    if any(said.values()):
        chats.save_thread(connection, thread)


def _message(event: DagsterEvent) -> str:
    """The innermost cause of a step's failure; of those that are the project's own, if any is."""
    causes, error = list[SerializableErrorInfo](), event.step_failure_data.error
    while error is not None:
        causes.append(error)
        error = error.cause
    if not causes:
        return "failed"
    own = {cls.__name__ for cls in _with_subclasses(EgregoraError)}
    told = [error for error in causes if error.cls_name in own] or causes
    return told[-1].message.partition(": ")[2].strip()


def _with_subclasses(cls: type[Exception]) -> Iterator[type[Exception]]:
    yield cls
    for one in cls.__subclasses__():
        yield from _with_subclasses(one)
