"""Documents → what people read."""

from dagster import AssetExecutionContext, Config, MaterializeResult, asset
from pydantic import Field

from egregora_dag.assets.common import RETRY, WHEN_CHANGED, fails_for_good
from egregora_dag.resources import SiteFolder, Warehouse
from egregora_dag.site import Options, export


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
    automation_condition=WHEN_CHANGED,
    retry_policy=RETRY,
)
@fails_for_good
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
