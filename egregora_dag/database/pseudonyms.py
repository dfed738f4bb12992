"""Who stands behind a pseudonym: a table apart, which can be emptied without any other losing.

Every function works on a connection inside a transaction of the caller's.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from duckdb import DuckDBPyConnection

from egregora_dag.database.schemas import PSEUDONYMS
from egregora_dag.database.tables import memory_table
from egregora_dag.database.writing import write_rows


def all_pseudonyms(connection: DuckDBPyConnection) -> dict[str, str]:
    """Pseudonym → author, as far as that is kept, sorted by pseudonym."""
    rows = connection.execute("SELECT pseudonym, author FROM pseudonyms ORDER BY pseudonym")
    return dict(rows.fetchall())


def save_pseudonyms(connection: DuckDBPyConnection, pseudonyms: Mapping[str, str]) -> None:
    """Keep who stands behind these pseudonyms; what is kept already stays."""
    now = datetime.now(UTC)
    rows = [
        {"pseudonym": pseudonym, "author": author, "created_at": now}
        for pseudonym, author in pseudonyms.items()
    ]
    write_rows(connection, PSEUDONYMS, memory_table(rows, PSEUDONYMS.schema))


def names_of(connection: DuckDBPyConnection, name: str) -> list[str]:
    """The pseudonym of this author, or the author of this pseudonym, as far as that is kept."""
    rows = connection.execute(
        "SELECT author FROM pseudonyms WHERE pseudonym = $name "
        "UNION SELECT pseudonym FROM pseudonyms WHERE author = $name ORDER BY ALL",
        {"name": name},
    )
    return [found for (found,) in rows.fetchall()]


def forget_unused(connection: DuckDBPyConnection) -> int:
    """Remove pseudonyms under which no message is stored any more; returns how many."""
    return _deleted(
        connection,
        "DELETE FROM pseudonyms WHERE pseudonym NOT IN "
        "(SELECT author FROM messages WHERE author IS NOT NULL)",
    )


def forget_all(connection: DuckDBPyConnection) -> int:
    """Remove all; returns how many there were."""
    return _deleted(connection, "DELETE FROM pseudonyms")


def _deleted(connection: DuckDBPyConnection, statement: str) -> int:
    [count] = connection.execute(statement).fetchone() or (0,)
    return int(count)
