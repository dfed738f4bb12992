"""Helpers of the database layer that belong to no table."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import sqlglot as sg

_SCHEME = "duckdb"


def quote_identifier(identifier: str) -> str:
    """A name as DuckDB reads it wherever a name is expected, whatever characters it has.

    Args:
        identifier: Name of a table, view, column, sequence or index.

    Returns:
        The name in double quotes, with those in it doubled.
    """
    return str(sg.to_identifier(identifier, quoted=True).sql("duckdb"))


def resolve_db_uri(uri: str, site_root: Path) -> str:
    """An address of a database with its path made absolute.

    Args:
        uri: `duckdb:///./path` for a path below `site_root`, `duckdb:////path` or `duckdb:///path`
            for an absolute one, `duckdb://` or `duckdb:///:memory:` for a database in memory; an
            address of another scheme.
        site_root: The folder that relative paths begin in.

    Returns:
        The address for `ibis.connect`; one of another scheme, or in memory, as it is.
    """
    parts = urlsplit(uri)
    path = unquote(parts.path)
    if parts.scheme != _SCHEME or parts.netloc or path in {"", "/", "/:memory:"}:
        return uri
    relative = path.startswith("/./") or path.startswith("/../")
    resolved = (site_root / path[1:] if relative else Path(path)).resolve()
    return f"{_SCHEME}://{resolved.as_posix()}"
