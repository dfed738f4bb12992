"""An IO manager that lets DuckDB do the work: unbound Ibis expressions in, Ibis or Arrow out.

It stands alone: any Dagster project can use it for its own tables.

    from dagster import Definitions
    from egregora_dag.io_manager import DuckDBIbisIOManager
    defs = Definitions(assets, resources={"io_manager": DuckDBIbisIOManager(database="my.duckdb")})

What it reads of an asset's metadata:

- `partition_expr`: the column that holds the partition key, or a mapping from dimension to column
  for multi-dimensional partitions (as with Dagster's own database IO managers).
- `schema`: the DuckDB schema; else the IO manager's, the key's prefix, or `main`.
- `materialized`: `table` (default) or `view`.
- `write_mode`: `replace` (default), `append` or `merge` by `primary_key`; an output's own metadata
  may override it.
- `primary_key`, `not_null`: lists of columns; verified in the transaction that writes them.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any, cast

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import sqlglot.expressions as sge
from dagster import (
    InputContext,
    MetadataValue,
    MultiPartitionsDefinition,
    OutputContext,
    PartitionsDefinition,
    TableColumn,
    TableColumnConstraints,
    TableRecord,
    TableSchema,
    TimeWindowPartitionsDefinition,
)
from dagster._core.storage.db_io_manager import DbIOManager, DbTypeHandler, TableSlice
from dagster_duckdb import DuckDBIOManager
from dagster_duckdb.io_manager import DuckDbClient
from duckdb import DuckDBPyConnection
from pydantic import Field

from egregora_dag.database import connections
from egregora_dag.database.contracts import WRITE_MODES, Contract, WriteMode, inferred_contract
from egregora_dag.database.exceptions import DatabaseError, TableNotFoundError
from egregora_dag.database.tables import backend_of, stored_schema
from egregora_dag.database.writing import Dimension, Slice, Written, write_rows, write_view

Context = InputContext | OutputContext


class DuckDBIbisIOManager(DuckDBIOManager):
    """Stores assets as DuckDB tables and views, and hands them on as unbound Ibis expressions.

    An asset takes `ibis.Table`, `pyarrow.Table` or `pyarrow.RecordBatchReader` and returns any of
    them. An `ibis.Table` input is unbound: it names the stored table, filtered to the partition,
    and holds no connection; what an asset makes of it is compiled to SQL and computed by DuckDB
    when the output is stored. One materialization is one transaction, verified before it is
    committed; while another process holds the file, it waits.

    Args:
        database: Path of the DuckDB file; made when missing.
        connection_config: DuckDB configuration, the same for all that open the file in a process.
        schema: DuckDB schema of assets that name none.
        lock_timeout: Seconds to wait for another process; `$EGREGORA_LOCK_TIMEOUT` or 120 if None.
        preview_rows: Rows of a materialization's preview.
        preview_text: Show text columns in the preview too, not only ids, numbers and times.
    """

    lock_timeout: float | None = Field(
        default=None, description="Seconds to wait while another process holds the file."
    )
    preview_rows: int = Field(default=5, description="Rows of a materialization's preview.")
    preview_text: bool = Field(
        default=False, description="Show text in previews, not only ids, numbers and times."
    )

    @staticmethod
    def type_handlers() -> Sequence[DbTypeHandler[Any]]:
        """Unused: `create_io_manager` makes the handlers, which know this manager's settings."""
        return []

    @staticmethod
    def default_load_type() -> type[object]:
        """Inputs without a type annotation are Ibis tables."""
        return cast("type[object]", ir.Table)

    def contracts(self) -> Mapping[str, Contract]:
        """Contracts of tables known beforehand; a subclass names its own. None by default."""
        return {}

    def prepare(self) -> None:
        """What a subclass does to the database before it is read or written in a run."""

    def errors(self) -> AbstractContextManager[None]:
        """Entered around each read and write; a subclass may tell errors in words of its own."""
        return nullcontext()

    def create_io_manager(self, context: object) -> DbIOManager:
        """The IO manager with this configuration."""
        handlers = [IbisTypeHandler(self), ArrowTypeHandler(self), ArrowReaderTypeHandler(self)]
        return _SlicedIOManager(
            db_client=_TransactionClient(self),
            database=self.database,
            schema=self.schema_,
            type_handlers=handlers,
            default_load_type=self.default_load_type(),
            io_manager_name=type(self).__name__,
        )


class _TransactionClient(DuckDbClient):
    """Gives the base class one transaction for each output, and one connection for each input."""

    def __init__(self, settings: DuckDBIbisIOManager) -> None:
        self.settings = settings
        self._prepared = False

    @contextmanager
    def connect(  # type: ignore[override]  # the base's is static, with the same arguments
        self, context: Context, table_slice: TableSlice
    ) -> Iterator[DuckDBPyConnection]:
        if not self._prepared:
            # Here and not before the steps, so that one that meets a locked file is tried again.
            self.settings.prepare()
            self._prepared = True
        opened = (
            connections.transaction if isinstance(context, OutputContext) else connections.connect
        )
        config = {**connections.CONFIG, **self.settings.connection_config}
        database, timeout = Path(self.settings.database), self.settings.lock_timeout
        with (
            self.settings.errors(),
            opened(database, config=config, timeout=timeout) as connection,
        ):
            yield connection

    @staticmethod
    def ensure_schema_exists(
        context: OutputContext, table_slice: TableSlice, connection: object
    ) -> None:
        """The handler makes the schema, with its name quoted."""

    @staticmethod
    def delete_table_slice(
        context: OutputContext, table_slice: TableSlice, connection: object
    ) -> None:
        """The handler deletes what it replaces, by write mode."""

    @staticmethod
    def get_select_statement(table_slice: TableSlice) -> str:
        table = sge.table_(table_slice.table, db=table_slice.schema, quoted=True)
        return sge.select("*").from_(table).sql("duckdb")

    @staticmethod
    def get_table_name(table_slice: TableSlice) -> str:
        return f"{table_slice.schema}.{table_slice.table}"


class _SlicedIOManager(DbIOManager):
    """Finds an asset's table; which of its rows belong to a partition, `slice_of` says."""

    def _get_table_slice(self, context: Context, output_context: OutputContext) -> TableSlice:
        metadata = output_context.definition_metadata or {}
        path = context.asset_key.path if context.has_asset_key else [output_context.name]
        prefix = path[-2] if len(path) > 1 else "main"
        return TableSlice(
            table=path[-1] if context.has_asset_key else metadata.get("table", path[-1]),
            schema=metadata.get("schema") or self._schema or prefix,
            database=self._database,
            columns=(context.definition_metadata or {}).get("columns"),
        )


class _Handler(DbTypeHandler[Any]):
    """What the handlers of all types share: how an asset is stored, and what is told about it."""

    def __init__(self, settings: DuckDBIbisIOManager) -> None:
        self.settings = settings

    def handle_output(
        self,
        context: OutputContext,
        table_slice: TableSlice,
        obj: ir.Table | pa.Table | pa.RecordBatchReader,
        connection: DuckDBPyConnection,
    ) -> Mapping[str, Any]:
        metadata = context.definition_metadata or {}
        if metadata.get("materialized") == "view":
            return self._store_view(table_slice, obj, connection)
        mode = _write_mode(context)
        contract = self._contract(table_slice, metadata, obj, mode)
        slice_ = slice_of(context, metadata.get("partition_expr"))
        written = write_rows(
            connection, contract, obj, schema=table_slice.schema, mode=mode, slice_=slice_
        )
        return {
            **self._described(connection, table_slice, contract, slice_),
            **_counted(written, slice_),
        }

    def load_input(
        self, context: InputContext, table_slice: TableSlice, connection: DuckDBPyConnection
    ) -> ir.Table | pa.Table | pa.RecordBatchReader:
        schema = stored_schema(connection, table_slice.table, table_slice.schema)
        if schema is None:
            raise TableNotFoundError(table_slice.table)
        table = ibis.table(schema, name=table_slice.table, database=table_slice.schema)
        upstream = context.upstream_output
        expr = upstream.definition_metadata.get("partition_expr") if upstream else None
        slice_ = slice_of(context, expr)
        if slice_ is not None:
            table = table.filter(slice_.holds(table))
        if table_slice.columns:
            table = table.select(*table_slice.columns)
        return self.loaded(table, connection)

    @abstractmethod
    def loaded(self, table: ir.Table, connection: DuckDBPyConnection) -> Any:
        """The rows of an unbound table as this handler's type."""

    def _store_view(
        self, table_slice: TableSlice, obj: object, connection: DuckDBPyConnection
    ) -> Mapping[str, Any]:
        if not isinstance(obj, ir.Table):
            raise DatabaseError(
                f"Asset {table_slice.table!r} is stored as a view, so it must return an "
                f"ibis.Table, not {type(obj).__name__}. Return an expression, or drop the metadata "
                "'materialized'."
            )
        sql = write_view(connection, table_slice.table, obj, schema=table_slice.schema)
        contract = inferred_contract(table_slice.table, obj.schema())
        return {**self._described(connection, table_slice, contract, None), "sql": _code(sql)}

    def _contract(
        self,
        table_slice: TableSlice,
        metadata: Mapping[str, Any],
        obj: ir.Table | pa.Table | pa.RecordBatchReader,
        mode: WriteMode | None,
    ) -> Contract:
        known = self.settings.contracts().get(table_slice.table)
        if known is not None:
            return known
        schema = obj.schema() if isinstance(obj, ir.Table) else ibis.Schema.from_pyarrow(obj.schema)
        key = metadata.get("primary_key", ())
        if mode == "merge" and not key:
            raise DatabaseError(
                f"Asset {table_slice.table!r} merges its rows, so its metadata must name the "
                "columns of its 'primary_key'."
            )
        return inferred_contract(
            table_slice.table,
            schema,
            key=key,
            not_null=metadata.get("not_null", ()),
            mode=mode or "replace",
        )

    def _described(
        self,
        connection: DuckDBPyConnection,
        table_slice: TableSlice,
        contract: Contract,
        slice_: Slice | None,
    ) -> Mapping[str, Any]:
        """The columns and a preview of what is stored."""
        table = backend_of(connection).table(table_slice.table, database=table_slice.schema)
        kept = table if slice_ is None else table.filter(slice_.holds(table))
        shown = [
            name
            for name, type_ in table.schema().items()
            if self.settings.preview_text
            or name in {*contract.key, contract.partition}
            or type_.is_uuid()
            or type_.is_numeric()
            or type_.is_temporal()
        ]
        preview = kept.select(shown).limit(self.settings.preview_rows).to_pyarrow().to_pylist()
        records = [
            TableRecord({name: _plain(value) for name, value in row.items()}) for row in preview
        ]
        return {
            "dagster/column_schema": table_schema(contract),
            "preview": MetadataValue.table(
                records, TableSchema(columns=[TableColumn(name) for name in shown])
            ),
        }


class IbisTypeHandler(_Handler):
    """Ibis expressions: unbound when loaded, computed by DuckDB when stored."""

    def loaded(self, table: ir.Table, connection: DuckDBPyConnection) -> ir.Table:
        """The expression itself; nothing is read yet."""
        return table

    @property
    def supported_types(self) -> Sequence[type[object]]:
        """Any Ibis table."""
        return [ir.Table]


class ArrowTypeHandler(_Handler):
    """Arrow tables."""

    def loaded(self, table: ir.Table, connection: DuckDBPyConnection) -> pa.Table:
        """All rows."""
        return connection.execute(ibis.to_sql(table, dialect="duckdb")).to_arrow_table()

    @property
    def supported_types(self) -> Sequence[type[object]]:
        """Arrow tables."""
        return [pa.Table]


class ArrowReaderTypeHandler(ArrowTypeHandler):
    """Arrow record-batch readers: stored batch by batch, never whole in memory."""

    def loaded(self, table: ir.Table, connection: DuckDBPyConnection) -> pa.RecordBatchReader:
        """All rows, read before the connection is given back."""
        return super().loaded(table, connection).to_reader()

    @property
    def supported_types(self) -> Sequence[type[object]]:
        """Arrow record-batch readers."""
        return [pa.RecordBatchReader]


def table_schema(contract: Contract) -> TableSchema:
    """A contract's columns as Dagster shows them, with descriptions and constraints."""
    columns = []
    for (name, column), type_ in zip(
        contract.columns.items(), contract.schema.values(), strict=True
    ):
        other = [f"one of {', '.join(column.allowed)}"] if column.allowed else []
        constraints = TableColumnConstraints(
            nullable=type_.nullable, unique=(name,) in contract.keys, other=other
        )
        bare = str(type_.copy(nullable=True))
        columns.append(TableColumn(name, bare, column.description or None, constraints))
    return TableSchema(columns=columns)


def slice_of(context: Context, partition_expr: str | Mapping[str, str] | None) -> Slice | None:
    """The rows that belong to the partitions of an input or output.

    Args:
        context: What is loaded or stored.
        partition_expr: The column of the partition key, or a column for each dimension.

    Returns:
        The slice; None for all rows: the asset has no partitions, or all of them are loaded.

    Raises:
        DatabaseError: The asset has partitions but its metadata does not say in which column.
    """
    if not (context.has_asset_key and context.has_asset_partitions):
        return None
    if not partition_expr:
        raise DatabaseError(
            f"Asset {context.asset_key.to_user_string()!r} has partitions, but no metadata "
            "'partition_expr' that names their column, such as "
            '@asset(metadata={"partition_expr": "day"}).'
        )
    definition, keys = context.asset_partitions_def, context.asset_partition_keys
    if isinstance(context, InputContext) and len(keys) == len(
        definition.get_partition_keys(dynamic_partitions_store=context.instance)
    ):
        return None
    if isinstance(definition, MultiPartitionsDefinition):
        return _multi_slice(definition, keys, cast("Mapping[str, str]", partition_expr))
    return (
        Slice(((_dimension(definition, keys, cast("str", partition_expr)),),))
        if keys
        else Slice(())
    )


def _multi_slice(
    definition: MultiPartitionsDefinition, keys: Sequence[str], columns: Mapping[str, str]
) -> Slice:
    """One part when the keys are all combinations of their dimensions' values, else one a key."""
    parts = [definition.get_partition_key_from_str(key).keys_by_dimension for key in keys]
    values = {
        part.name: list(dict.fromkeys(keys_[part.name] for keys_ in parts))
        for part in definition.partitions_defs
    }
    if missing := values.keys() - columns.keys():
        raise DatabaseError(
            f"The metadata 'partition_expr' names no column for {', '.join(sorted(missing))}."
        )
    whole = prod(map(len, values.values())) == len(keys)
    chosen = [values] if whole else [{name: [key] for name, key in part.items()} for part in parts]
    return Slice(
        tuple(
            tuple(
                _dimension(part.partitions_def, keys_[part.name], columns[part.name])
                for part in definition.partitions_defs
            )
            for keys_ in chosen
        )
    )


def _dimension(
    definition: PartitionsDefinition[Any], keys: Sequence[str], column: str
) -> Dimension:
    if not isinstance(definition, TimeWindowPartitionsDefinition):
        return Dimension(column, keys=tuple(keys))
    windows = sorted(definition.time_window_for_partition_key(key) for key in keys)
    # Windows that follow each other make one span.
    starts = [0, *(i for i, (a, b) in enumerate(pairwise(windows), 1) if a.end != b.start)]
    ends = [*(start - 1 for start in starts[1:]), len(windows) - 1]
    return Dimension(
        column,
        spans=tuple(
            (windows[first].start, windows[last].end)
            for first, last in zip(starts, ends, strict=True)
        ),
    )


def _write_mode(context: OutputContext) -> WriteMode | None:
    declared = {**(context.definition_metadata or {}), **(context.output_metadata or {})}
    mode = declared.get("write_mode")
    mode = mode.value if isinstance(mode, MetadataValue) else mode
    if mode is not None and mode not in WRITE_MODES:
        raise DatabaseError(
            f"Metadata 'write_mode' is {mode!r}; it must be one of {', '.join(WRITE_MODES)}."
        )
    return cast("WriteMode | None", mode)


def _counted(written: Written, slice_: Slice | None) -> Mapping[str, Any]:
    return {
        "dagster/row_count": written.total,
        **({} if slice_ is None else {"dagster/partition_row_count": written.rows}),
        "rows_changed": written.changed,
        "seconds": round(written.seconds, 3),
        **({"sql": _code(written.sql)} if written.sql else {}),
    }


def _code(sql: str) -> MetadataValue[Any]:
    return MetadataValue.md(f"```sql\n{sql}\n```")


def _plain(value: object) -> str | int | float | bool | None:
    return value if isinstance(value, int | float | bool | None) else str(value)
