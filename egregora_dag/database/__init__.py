"""The database layer: contracts, migrations, connections and writes, usable without Dagster."""
