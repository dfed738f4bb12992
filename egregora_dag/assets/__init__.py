"""The tables and views as Dagster assets, one module a group."""
