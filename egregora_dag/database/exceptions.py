"""Errors of the database layer; each carries the name it is about as an attribute."""

from collections.abc import Sequence
from pathlib import Path

from egregora_dag.exceptions import EgregoraError


class DatabaseError(EgregoraError):
    """Root of the database layer's errors."""


class DatabaseObjectError(DatabaseError):
    """An error about one named object of the database.

    Attributes:
        name: The object's name.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class TableNotFoundError(DatabaseObjectError):
    """The table does not exist."""

    def __init__(self, name: str) -> None:
        super().__init__(
            name,
            f"Table {name!r} does not exist. Materialize the asset that fills it, "
            "or check the name's spelling.",
        )


class DatabaseLockedError(DatabaseError):
    """Another process held the database file for longer than the limit.

    Attributes:
        path: The database file.
        holder: The program and process id that hold it, as DuckDB reports them.
    """

    def __init__(self, path: Path, holder: str, seconds: float) -> None:
        super().__init__(
            f"{path} is in use by {holder} and was not free within {seconds:g} seconds. "
            "Close that program, or wait and try again; EGREGORA_LOCK_TIMEOUT sets the limit."
        )
        self.path = path
        self.holder = holder


class DatabaseVersionError(DatabaseError):
    """The database's schema is not the one that this code writes.

    Attributes:
        path: The database file.
        found: Its schema version.
        expected: The version of this code.
    """

    def __init__(self, path: Path, found: int, expected: int) -> None:
        advice = (
            "Install a newer egregora-dag."
            if found > expected
            else "Apply egregora_dag.database.migrations.run_migrations to it first."
        )
        super().__init__(
            f"{path} has schema version {found}; this code writes version {expected}. {advice}"
        )
        self.path = path
        self.found = found
        self.expected = expected


class ContractViolationError(DatabaseObjectError):
    """Rows break their table's contract; the write was rolled back.

    Attributes:
        rule: The part of the contract that is broken.
        rows: How many rows break it, where that is known.
        keys: Keys of up to five of them.
    """

    def __init__(
        self, name: str, rule: str, *, rows: int | None = None, keys: Sequence[str] = ()
    ) -> None:
        count = "" if rows is None else f" in {rows} row{'' if rows == 1 else 's'}"
        example = (
            f" ({', '.join(keys)}{', …' if rows and rows > len(keys) else ''})" if keys else ""
        )
        super().__init__(
            name,
            f"Table {name!r}: {rule}{count}{example}. Nothing was written; what the table held "
            "is as it was. Correct the rows or the contract, then write again.",
        )
        self.rule = rule
        self.rows = rows
        self.keys = tuple(keys)
