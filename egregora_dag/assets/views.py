"""Named views, each downstream of the tables it reads."""

import hashlib
from collections.abc import Callable, Sequence
from inspect import getdoc, getsource
from typing import Final

import ibis.expr.types as ir
from dagster import AssetIn, AssetsDefinition, AutomationCondition, asset

from egregora_dag.assets.common import RETRY
from egregora_dag.database import schemas, views
from egregora_dag.discretion import discreet

# A view shows its tables as they are: no change of theirs asks for it, only one of its definition.
_WHEN_MISSING = (
    AutomationCondition.missing().newly_true() | AutomationCondition.code_version_changed()
) & ~AutomationCondition.in_progress()
# What views are is told by these modules. Compiling them to say it view by view takes longer, in
# every process, than making them all anew when one has changed.
_SOURCE: Final = getsource(views) + getsource(schemas)
_CODE_VERSION: Final = hashlib.sha256(_SOURCE.encode()).hexdigest()[:12]

# Name, builder, and the tables that the builder takes, in its order.
VIEWS: Final[Sequence[tuple[str, Callable[..., ir.Table], tuple[str, ...]]]] = (
    ("chunks", views.chunks, ("messages",)),
    ("chunks_optimized", views.chunks_optimized, ("messages",)),
    ("messages_with_media", views.messages_with_media, ("messages",)),
    ("messages_with_text", views.messages_with_text, ("messages",)),
    ("hourly_aggregates", views.hourly_aggregates, ("messages", "threads")),
    ("daily_aggregates", views.daily_aggregates, ("messages", "threads")),
    ("window_messages", views.window_messages, ("windows", "messages")),
    ("linked_conversations", views.linked_conversations, ("reply_links", "messages")),
    ("journal", views.journal, ("generations", "documents")),
    ("top_posts", views.top_posts, ("documents", "elo_ratings", "bradley_terry")),
    ("run_history", views.run_history, ("runs",)),
    ("asset_freshness", views.asset_freshness, ("tasks",)),
    (
        "document_lineage",
        views.document_lineage,
        ("documents", "generations", "runs", "tasks"),
    ),
)


def _view(name: str, builder: Callable[..., ir.Table], tables: tuple[str, ...]) -> AssetsDefinition:
    @discreet
    def build(**inputs: ir.Table) -> ir.Table:
        return builder(*(inputs[table] for table in tables))

    return asset(
        name=name,
        description=(getdoc(builder) or "").partition("\n\nArgs:")[0],
        group_name="views",
        ins={table: AssetIn() for table in tables},
        metadata={"materialized": "view", "dagster/table_name": f"main.{name}"},
        kinds={"duckdb", "view"},
        code_version=_CODE_VERSION,
        automation_condition=_WHEN_MISSING,
        retry_policy=RETRY,
    )(build)


view_assets: Final = [_view(*view) for view in VIEWS]
