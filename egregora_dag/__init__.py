"""Egregora on Dagster: chat exports become messages, windows, documents and ratings in DuckDB."""
