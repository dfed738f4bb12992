"""What writers wrote, kept by signature; see the contract `GENERATIONS`."""

from collections.abc import Collection

import pyarrow as pa
from duckdb import DuckDBPyConnection

from egregora_dag.database.schemas import GENERATIONS
from egregora_dag.database.writing import write_rows


def keep_generations(connection: DuckDBPyConnection, rows: pa.Table) -> None:
    """Store generations; what was kept under their signatures goes.

    Args:
        connection: A connection inside a transaction.
        rows: Rows of `generations`; all of a signature.
    """
    connection.execute(
        "DELETE FROM main.generations WHERE signature IN (SELECT unnest(?))",
        [rows["signature"].unique().to_pylist()],
    )
    write_rows(connection, GENERATIONS, rows)


def forget_failures(connection: DuckDBPyConnection, signatures: Collection[str]) -> None:
    """Remove failures of what is no longer to be written.

    Args:
        connection: A connection inside a transaction.
        signatures: Their signatures.
    """
    connection.execute(
        "DELETE FROM main.generations WHERE error IS NOT NULL AND signature IN (SELECT unnest(?))",
        [list(signatures)],
    )
