"""Setting up a database."""

from duckdb import DuckDBPyConnection
from ibis.backends.duckdb import Backend

from egregora_dag.database import migrations
from egregora_dag.database.duckdb_manager import DuckDBStorageManager
from egregora_dag.database.exceptions import DatabaseVersionError


def initialize_database(
    backend_or_storage: DuckDBStorageManager | Backend | DuckDBPyConnection,
) -> None:
    """Give a database every table of the pipeline; one that has them stays as it is.

    Args:
        backend_or_storage: A storage manager, an Ibis backend for DuckDB, or a DuckDB connection.

    Raises:
        DatabaseVersionError: The database's tables are of another version; `egregora-dag migrate`
            brings older ones up to date.
    """
    storage = _storage(backend_or_storage)
    newest = migrations.all_migrations()[-1].version
    with storage.connection() as connection:
        found = migrations.schema_version(connection)
    if found not in {0, newest}:
        raise DatabaseVersionError(storage.name, found, newest)
    if found == 0:
        while True:
            with storage.transaction() as connection:
                if migrations.migrate_one(connection, storage.name) is None:
                    return


def _storage(
    given: DuckDBStorageManager | Backend | DuckDBPyConnection,
) -> DuckDBStorageManager:
    if isinstance(given, DuckDBStorageManager):
        return given
    if isinstance(given, DuckDBPyConnection):
        return DuckDBStorageManager.from_connection(given)
    return DuckDBStorageManager.from_ibis_backend(given)
