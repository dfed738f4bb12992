"""Documents → what people read."""

from typing import Final

from dagster import (
    AssetCheckKey,
    AssetExecutionContext,
    AssetKey,
    AutomationCondition,
    Config,
    MaterializeResult,
    asset,
)
from pydantic import Field

from egregora_dag.resources import SiteFolder, Warehouse
from egregora_dag.site import Options, export

# Making it takes longer than the change of a document or two is worth.
_AT_MOST: Final = "*/10 * * * *"
_NEWS: Final = AutomationCondition.any_deps_updated() | AutomationCondition.missing().newly_true()
_TIME: Final[AutomationCondition[AssetKey | AssetCheckKey]] = AutomationCondition.cron_tick_passed(
    _AT_MOST
)
# See `ranking` for why the first is not `since_last_handled`.
_WHEN_CHANGED: Final = (
    _NEWS.since(AutomationCondition.newly_requested() & ~_NEWS)
    & _TIME.since_last_handled()
    & ~AutomationCondition.any_deps_in_progress()
    & ~AutomationCondition.in_progress()
)


class SiteSettings(Config):
    """What the site shows."""

    title: str | None = Field(None, description="Its title; the titles of the chats if none.")
    url: str | None = Field(
        None, description="The address it will have; its links are relative if none."
    )
    journal: bool = Field(default=False, description="Show the journal of what was read, too.")


@asset(
    group_name="reading",
    deps=["threads", "documents", "bradley_terry"],
    kinds={"html", "markdown"},
    automation_condition=_WHEN_CHANGED,
)
def site(
    context: AssetExecutionContext,
    config: SiteSettings,
    warehouse: Warehouse,
    site_folder: SiteFolder,
) -> MaterializeResult[None]:
    """The documents as Markdown files and as a site, in the home's folder `site`.

    Files that are the same are not written again, and those of documents that are gone are removed.
    """
    options = Options(title=config.title, url=config.url, journal=config.journal)
    exported = export(warehouse, site_folder.path, options, context.log.info)
    return MaterializeResult(
        metadata={
            "documents": exported.documents,
            "written": exported.written,
            "removed": exported.removed,
            "kept": len(exported.kept),
            "pages": exported.pages,
        }
    )
