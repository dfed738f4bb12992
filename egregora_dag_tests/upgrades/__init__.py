"""A filled database file of each schema version, as its release left it."""

from pathlib import Path

FOLDER = Path(__file__).parent


def file_of(version: int) -> Path:
    """The file of a schema version, compressed."""
    return FOLDER / f"version-{version}.duckdb.gz"
