"""Windows → documents."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pyarrow as pa
from dagster import AssetExecutionContext, AssetSpec, Config, Output, asset
from pydantic import ConfigDict, Field

from egregora_dag import settings
from egregora_dag.assets.common import LlmConfig, fails_for_good, partitioned
from egregora_dag.database import threads as chats
from egregora_dag.database.schemas import DOCUMENTS, IMPORTS
from egregora_dag.database.threads import Thread
from egregora_dag.enriching import Enrichments, page_reader
from egregora_dag.inbox import remove_read
from egregora_dag.llm.settings import LlmSettings, llm_settings
from egregora_dag.publishing import Again, publish
from egregora_dag.resources import Inbox, Warehouse
from egregora_dag.settings import Home
from egregora_dag.writers import WRITERS, Usage, Writer, get_writer

_SECONDS_BETWEEN_NEWS = 5.0


generations = AssetSpec(
    "generations",
    group_name="content",
    kinds={"duckdb", "table"},
    description="What writers wrote, kept for good; `documents` adds to it as it writes.",
    metadata={"dagster/table_name": "main.generations"},
).with_io_manager_key("io_manager")


class WriterSettings(Config):
    """Who writes, and how much."""

    model_config = ConfigDict(hide_input_in_errors=True)

    writer: str | None = Field(
        None,
        description=f"One of {', '.join(WRITERS)}; none: as remembered for the chat, else "
        f"${settings.WRITER_VARIABLE} or {settings.DEFAULT_WRITER}.",
    )
    llm: LlmConfig = Field(
        LlmConfig(),
        description="The language model and its limits, if the writer is llm; model and base_url "
        "as remembered for the chat if left out.",
    )
    min_messages: int = Field(
        5, description="A window with fewer messages in words gets a journal entry but no post."
    )
    max_quotes: int = Field(6, description="Messages quoted in a post, at most.")
    windows_again: list[str] = Field([], description="Ids of windows to write about again.")
    authors_again: list[str] = Field([], description="People whose profile to write again.")
    urls: list[str] = Field([], description="Links to write about, their pages read again.")
    media: list[str] = Field([], description="Files to write about, by name.")
    enrich_links: bool = Field(True, description="Write about every link.")
    enrich_media: bool = Field(True, description="Write about every file in the exports.")
    fetch_links: bool | None = Field(
        None,
        description="Connect to the pages of links for their titles; what is remembered for the "
        "chat, else $EGREGORA_FETCH_LINKS, if not given.",
    )

    def again(self) -> Again:
        """What is to be written about though it was, or though nobody asks by itself."""
        return Again(
            windows=frozenset(self.windows_again),
            authors=frozenset(self.authors_again),
            urls=frozenset(self.urls),
            media=frozenset(self.media),
        )

    def chosen(self, remembered: Mapping[str, Any]) -> tuple[str, LlmSettings]:
        """The name of the writer for a chat, and the settings of the model that it may ask.

        Args:
            remembered: What is remembered for the chat: `writer`, and fields of `LlmSettings`.

        Raises:
            SettingError: There is no such setting, or it cannot have this value.
        """
        name = self.writer or remembered.get("writer") or settings.writer()
        return name, remembered_model(remembered, self.llm.model_dump(exclude_defaults=True))

    def writer_of(self, name: str, llm: LlmSettings, home: Home) -> Writer:
        """A writer ready for use.

        Args:
            name: Its name.
            llm: The language model.
            home: Where prompts of the user's own are.

        Raises:
            UnknownNameError: No writer goes by this name.
            SettingError: A setting is one that it cannot work with.
        """
        values = {"min_messages": self.min_messages, "max_quotes": self.max_quotes}
        # Only a writer that asks a model takes one.
        model = {"llm": llm, "prompts": home.prompts}
        return get_writer(name, **values, **(model if name == "llm" else {}))

    def enrichments(self, thread: Thread, inbox: Inbox) -> Enrichments:
        """What is written about a chat's links and files.

        Args:
            thread: The chat.
            inbox: Where its exports are.

        Returns:
            What is wanted, with what reads pages if they are to be read.

        Raises:
            EgregoraError: Pages are to be read, and what the environment says is not understood,
                or what reads them is not installed.
        """
        told = self.fetch_links
        if told is None:
            told = thread.settings.get("enrichments", {}).get("fetch_links")
        return Enrichments(
            links=self.enrich_links,
            media=self.enrich_media,
            pages=page_reader() if (settings.fetch_links() if told is None else told) else None,
            exports=tuple(path for _, path in inbox.files(thread.origins)),
        )


def remembered_model(remembered: Mapping[str, Any], *more: Mapping[str, Any]) -> LlmSettings:
    """The language model that is remembered for a chat.

    Args:
        remembered: `writer`, and fields of `LlmSettings`.
        more: Settings that come before those.

    Returns:
        Its settings.

    Raises:
        SettingError: There is no such setting, or it cannot have this value.
    """
    model = {name: value for name, value in remembered.items() if name != "writer"}
    return llm_settings(model, *more)


@asset(group_name="content", deps=["messages", "windows", "threads"], **partitioned(DOCUMENTS))
@fails_for_good
def documents(
    context: AssetExecutionContext, config: WriterSettings, warehouse: Warehouse, inbox: Inbox
) -> Output[pa.Table]:
    """Posts, profiles of people, what is told of links and files, a journal of what was read.

    What a writer wrote is kept in the table `generations`; only what is missing there is written.
    A document whose window is gone is superseded, never deleted.
    """
    with warehouse.transaction() as connection:
        known = [chats.get_thread(connection, key) for key in context.partition_keys]
    results = []
    told = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told > _SECONDS_BETWEEN_NEWS:
            context.log.info(f"{done:,} of {total:,} written")
            told = time.monotonic()

    # One writer for all chats that it writes about alike, as its limits are those of the run.
    writers: dict[tuple[str, LlmSettings], Writer] = {}
    for thread in known:
        chosen = config.chosen(thread.settings.get("writer", {}))
        if chosen not in writers:
            writers[chosen] = config.writer_of(*chosen, Home(warehouse.path.parent))
        writer = writers[chosen]
        if writer.model:
            context.log.info(f"{thread.thread_id}: what is written about goes to {chosen[1].host}")
        result = publish(
            warehouse,
            thread,
            writer,
            run_id=context.run.run_id,
            again=config.again(),
            enrichments=config.enrichments(thread, inbox),
            progress=progress,
        )
        results.append(result)
        waiting = f", {result.pending.total()} wait" if result.pending else ""
        context.log.info(
            f"{thread.thread_id}: {result.generated} written, {result.reused} stood{waiting}"
        )
    _forget_exports(warehouse, inbox)
    usage = sum((result.usage for result in results), Usage())
    pending = sum((result.pending for result in results), Counter[str]())
    return Output(
        pa.concat_tables([result.rows for result in results]),
        metadata={
            "generated": sum(result.generated for result in results),
            "reused": sum(result.reused for result in results),
            "pending": pending.total(),
            "errors": dict(pending),
            **asdict(usage),
        },
    )


def _forget_exports(warehouse: Warehouse, inbox: Inbox) -> None:
    """Remove the exports that tell of people who were forgotten, now that they are read."""
    with warehouse.transaction() as connection:
        threads = chats.all_threads(connection).values()
    if any(thread.forgotten for thread in threads):
        read = warehouse.rows(IMPORTS.table().select("thread_id", "sha256"))
        remove_read(inbox.path, threads, {(row["thread_id"], row["sha256"]) for row in read})
