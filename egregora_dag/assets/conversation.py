"""Messages → windows; messages → what they answer."""

from collections.abc import Iterator
from dataclasses import fields

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from dagster import AssetExecutionContext, AutomationCondition, Config, asset
from pydantic import Field

from egregora_dag.assets.common import fails_for_good, partitioned
from egregora_dag.database import replies
from egregora_dag.database.schemas import ALIGNMENTS, MESSAGES, REPLY_LINKS, STEP_UNITS, WINDOWS
from egregora_dag.resources import Warehouse
from egregora_dag.windowing import WindowConfig, message_sizes, windows_of, windows_of_bytes

_BLOCK = 20_000


class WindowSettings(Config):
    """How a chat is cut into windows; the fields are those of `windowing.WindowConfig`."""

    step_size: int = Field(WindowConfig.step_size, description="Messages, hours or days of a step.")
    step_unit: str = Field(WindowConfig.step_unit, description=f"One of {', '.join(STEP_UNITS)}.")
    overlap_ratio: float = Field(
        WindowConfig.overlap_ratio, description="Share of a step that the next repeats, 0 to 0.5."
    )
    align: str = Field(
        WindowConfig.align, description=f"Where hours and days begin: {', '.join(ALIGNMENTS)}."
    )
    max_window_time: float | None = Field(
        WindowConfig.max_window_time,
        description="Hours a window may last; none: 24 for sessions, else no limit.",
    )
    max_bytes_per_window: int = Field(
        WindowConfig.max_bytes_per_window, description="Bytes of text in a window of unit bytes."
    )
    session_gap: float = Field(
        WindowConfig.session_gap, description="Hours of silence that end a session."
    )

    def window_config(self) -> WindowConfig:
        """The settings as windowing takes them; refused if they make no windows."""
        values = {field.name: getattr(self, field.name) for field in fields(WindowConfig)}
        return WindowConfig(**values)


@asset(group_name="conversation", **partitioned(WINDOWS))
@fails_for_good
def windows(
    context: AssetExecutionContext,
    config: WindowSettings,
    warehouse: Warehouse,
    messages: ir.Table,
    threads: ir.Table,
) -> ir.Table:
    """Stretches of each chat that are read, and written about, as one.

    By default a window is a session: it ends at a long silence. A window keeps its id as long as
    it holds the same messages.
    """
    chosen = config.window_config()
    context.log.info(f"windows by {chosen.step_unit}")
    if chosen.step_unit == "bytes":
        return windows_of_bytes(messages, warehouse.read(message_sizes(messages)), chosen)
    return windows_of(messages, threads, chosen)


@asset(
    group_name="conversation",
    automation_condition=AutomationCondition.eager(),
    **partitioned(REPLY_LINKS),
)
@fails_for_good
def reply_links(
    context: AssetExecutionContext, warehouse: Warehouse, messages: ir.Table
) -> ir.Table:
    """Which message each message answers: as the export says, else as it is inferred.

    A reader goes by who is named, who just spoke, and how long ago; so does the model, whose score
    is how probable it takes the link to be. A message that answers none starts a conversation.
    """
    found = []
    for thread in context.partition_keys:
        linked = pa.Table.from_batches(replies.links(_blocks(warehouse, thread)), replies.LINKS)
        context.log.info(f"{thread}: {linked.num_rows} messages")
        found.append(linked.append_column("thread_id", pa.array([thread] * len(linked))))
    return replies.with_ids(ibis.memtable(pa.concat_tables(found)), messages)


def _blocks(warehouse: Warehouse, thread: str) -> Iterator[pa.Table]:
    """A chat in order, some thousand messages at a time."""
    table = MESSAGES.table()
    sources = replies.sources(table.filter(table.thread_id == thread)).drop("thread_id")
    first = 0
    while (
        block := warehouse.read(
            sources.filter(sources.position.between(first, first + _BLOCK - 1)).order_by("position")
        )
    ).num_rows:
        yield block
        first += _BLOCK
