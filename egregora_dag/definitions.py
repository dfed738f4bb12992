"""The one Definitions object: gathers what exists, defines nothing."""

from dagster import Definitions, in_process_executor, load_assets_from_modules

from egregora_dag import automation, checks
from egregora_dag.assets import content, conversation, ingestion, operations, ranking, site, views
from egregora_dag.resources import Inbox, Secret, SiteFolder, Warehouse, WarehouseIOManager
from egregora_dag.settings import Home
from egregora_dag.site import generator


def definitions_of(home: Home) -> Definitions:
    """The definitions with their state in this home."""
    return Definitions(
        assets=[
            *load_assets_from_modules(
                [ingestion, conversation, content, ranking, operations], include_specs=True
            ),
            *views.view_assets,
            *([site.site] if generator.is_installed() else []),
        ],
        asset_checks=checks.asset_checks,
        jobs=automation.jobs,
        schedules=automation.schedules,
        sensors=automation.sensors,
        # One process a run: the steps share one DuckDB file, and starting a process for each
        # would take longer than most of them.
        executor=in_process_executor,
        resources={
            "io_manager": WarehouseIOManager(database=str(home.database)),
            "warehouse": Warehouse(database=str(home.database)),
            "inbox": Inbox(root=str(home.inbox)),
            "site_folder": SiteFolder(root=str(home.site)),
            "secret": Secret(home=str(home.root)),
        },
    )


defs = definitions_of(Home.resolve())
