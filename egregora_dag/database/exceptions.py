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


class SequenceNotFoundError(DatabaseObjectError):
    """The sequence does not exist."""

    def __init__(self, name: str) -> None:
        super().__init__(
            name, f"Sequence {name!r} does not exist. Make it with ensure_sequence({name!r})."
        )


class InvalidTableNameError(DatabaseObjectError):
    """The name cannot be that of a table, view or sequence."""

    def __init__(self, name: str) -> None:
        super().__init__(
            name,
            f"{name!r} is not a valid name. Use letters, digits and underscores, "
            "and no digit in front.",
        )


class InvalidOperationError(DatabaseObjectError):
    """What was asked for makes no sense for this object."""


class TableCreationError(DatabaseObjectError):
    """The table could not be made."""


class TableInfoError(DatabaseObjectError):
    """What is asked about the table cannot be told."""


class SequenceError(DatabaseObjectError):
    """A sequence did not do what it should."""


class SequenceFetchError(SequenceError):
    """No value could be had from the sequence."""


class SequenceCreationError(SequenceError):
    """The sequence could not be made."""


class SequenceRetryFailedError(SequenceError):
    """The sequence stayed in use by others, however often it was tried again."""


class RepositoryError(DatabaseObjectError):
    """A repository could not do what was asked."""


class DocumentNotFoundError(RepositoryError):
    """There is no such document.

    Attributes:
        doc_type: The type that was asked for.
    """

    def __init__(self, doc_type: str, name: str) -> None:
        super().__init__(
            name, f"There is no {doc_type} {name!r}. ContentRepository.list names those there are."
        )
        self.doc_type = doc_type


class UnsupportedDocumentTypeError(RepositoryError):
    """There is no such type of document."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(name, f"{name!r} is no type of document. Use one of {', '.join(known)}.")


class DatabaseOperationError(RepositoryError):
    """The database refused what a repository asked of it."""


class DatabaseOpenError(DatabaseError):
    """The file cannot be opened as a database, or DuckDB gave up on it; it is left as it is.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(
            f"{path}: {reason}. The file was left as it is. Check that it is a DuckDB database "
            "that you may write, or put a copy of it in its place."
        )
        self.path = path


class CopyError(DatabaseError):
    """A copy of the database could not be written; what was there before is as it was.

    Attributes:
        path: The copy.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} could not be written: {reason}. What was there is as it was. Make room, or "
            "see that the folder may be written, and try again."
        )
        self.path = path


class DatabaseLockedError(DatabaseError):
    """Another process held the database file for longer than the limit.

    Attributes:
        path: The database file.
        holder: The program and process id that hold it, as DuckDB reports them.
    """

    may_pass = True

    def __init__(self, path: Path, holder: str, seconds: float) -> None:
        super().__init__(
            f"{path} is in use by {holder} and was not free within {seconds:g} seconds. "
            "Close that program, or wait and try again; EGREGORA_LOCK_TIMEOUT sets the limit."
        )
        self.path = path
        self.holder = holder


class DiskFullError(DatabaseError):
    """There was no room on the disk; what was stored before is kept.

    Attributes:
        path: The file that could not grow, or the folder that it is in.
    """

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(
            f"{path}: {reason}. What was stored before is kept. Make room on that disk and try "
            "again; EGREGORA_TEMP_DIRECTORY names another for temporary files."
        )
        self.path = path


class MemoryLimitError(DatabaseError):
    """DuckDB needed more memory than it may take; what was being written is not stored.

    Attributes:
        limit: The limit.
    """

    def __init__(self, path: Path | str, limit: str) -> None:
        super().__init__(
            f"{path}: the memory limit of {limit} was not enough; what it was needed for stored "
            "nothing. Raise EGREGORA_MEMORY_LIMIT, such as to 2GB, and try again."
        )
        self.limit = limit


class DatabaseVersionError(DatabaseError):
    """The database's schema is not the one that this code writes.

    Attributes:
        path: The database file.
        found: Its schema version.
        expected: The version of this code.
    """

    def __init__(self, path: Path | str, found: int, expected: int) -> None:
        advice = (
            "Install a newer egregora-dag."
            if found > expected
            else "Apply what is pending with `egregora-dag migrate`, or with run_migrations."
        )
        super().__init__(
            f"{path} has schema version {found}; this code writes version {expected}. {advice}"
        )
        self.path = path
        self.found = found
        self.expected = expected


class MigrationChangedError(DatabaseObjectError):
    """The database was migrated by other statements than those of this code.

    Attributes:
        path: The database file.
    """

    def __init__(self, path: Path | str, name: str) -> None:
        super().__init__(
            name,
            f"{path}: migration {name!r} was applied with other statements than this code has. "
            "Install the egregora-dag that made the file.",
        )
        self.path = path


class ContractViolationError(DatabaseObjectError):
    """Rows break their table's contract; the write was rolled back.

    Attributes:
        rule: The part of the contract that is broken.
        rows: How many rows break it, where that is known.
        keys: Keys of up to five of them.
    """

    # Another run may have been faster, whose rows are there by now.
    may_pass = True

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
