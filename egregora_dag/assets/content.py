"""Windows → documents."""

import time

import pyarrow as pa
from dagster import AssetExecutionContext, AssetSpec, Config, Output, asset
from pydantic import Field

from egregora_dag.assets.common import partitioned
from egregora_dag.database import threads as chats
from egregora_dag.database.schemas import DOCUMENTS
from egregora_dag.publishing import Again, publish
from egregora_dag.resources import Warehouse
from egregora_dag.writers import WRITERS, get_writer

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

    writer: str = Field("offline", description=f"One of {', '.join(WRITERS)}.")
    min_messages: int = Field(
        5, description="A window with fewer messages in words gets a journal entry but no post."
    )
    max_quotes: int = Field(6, description="Messages quoted in a post, at most.")
    windows_again: list[str] = Field([], description="Ids of windows to write about again.")
    authors_again: list[str] = Field([], description="People whose profile to write again.")
    urls: list[str] = Field([], description="Links to write about.")
    media: list[str] = Field([], description="Files to write about, by name.")

    def again(self) -> Again:
        """What is to be written about though it was, or though nobody asks by itself."""
        return Again(
            windows=frozenset(self.windows_again),
            authors=frozenset(self.authors_again),
            urls=frozenset(self.urls),
            media=frozenset(self.media),
        )


@asset(group_name="content", deps=["messages", "windows", "threads"], **partitioned(DOCUMENTS))
def documents(
    context: AssetExecutionContext, config: WriterSettings, warehouse: Warehouse
) -> Output[pa.Table]:
    """Posts, people's profiles and a journal of what was read.

    What a writer wrote is kept in the table `generations`; only what is missing there is written.
    A document whose window is gone is superseded, never deleted.
    """
    writer = get_writer(
        config.writer, min_messages=config.min_messages, max_quotes=config.max_quotes
    )
    with warehouse.transaction() as connection:
        known = [chats.get_thread(connection, key) for key in context.partition_keys]
    results = []
    told = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told > _SECONDS_BETWEEN_NEWS:
            context.log.info(f"{done:,} of {total:,} written")
            told = time.monotonic()

    for thread in known:
        results.append(
            publish(
                warehouse,
                thread,
                writer,
                run_id=context.run.run_id,
                again=config.again(),
                progress=progress,
            )
        )
        context.log.info(
            f"{thread.thread_id}: {results[-1].generated} written, {results[-1].reused} stood"
        )
    return Output(
        pa.concat_tables([result.rows for result in results]),
        metadata={
            "generated": sum(result.generated for result in results),
            "reused": sum(result.reused for result in results),
        },
    )
