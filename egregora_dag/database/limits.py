"""Disk and memory that ran out, told in words; where what exceeds the memory is spilled to."""

import errno
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb
from duckdb import DuckDBPyConnection

from egregora_dag import settings
from egregora_dag.database.exceptions import DatabaseError, DiskFullError, MemoryLimitError

_NO_ROOM: Final = {
    os.strerror(number): number for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
}
# As DuckDB and SQLite say it, besides the system's own words. What SQLite says last it says where
# there is no room for the index of its log.
_SQLITE: Final = ("database or disk is full", "disk I/O error")
_FULL: Final = re.compile(
    "|".join([*map(re.escape, _NO_ROOM), "max_temp_directory_size", *_SQLITE])
)
_IN_WORDS: Final = {
    "max_temp_directory_size": "no space left for temporary files",
    "disk I/O error": "disk I/O error, as where there is no space left",
}
_FILE: Final = re.compile(r'"(?P<path>/[^"]+)"')
_MEMORY: Final = "Out of Memory Error"
# Other errors quote what was read, which may say anything; so does none of these.
_TELLING: Final = (
    duckdb.IOException,
    duckdb.TransactionException,
    duckdb.FatalException,
    duckdb.OutOfMemoryException,
)
_OF_A_READER: Final = "Invalid Input Error: arrow_scan: get_next failed(): Invalid: Unknown error: "
_PREFIX: Final = "duckdb-tmp-"


def shortage(error: BaseException, path: Path | str) -> DatabaseError | None:
    """The error, or its cause, as a shortage of disk or memory.

    Args:
        error: Any error.
        path: The file that was worked on, named if the error names none.

    Returns:
        What to tell; None if neither was short.
    """
    cause: BaseException | None = error
    while cause is not None:
        text = str(cause)
        if isinstance(cause, OSError) and cause.errno in _NO_ROOM.values():
            return DiskFullError(cause.filename or path, cause.strerror or "no space left")
        telling = isinstance(cause, _TELLING) or "sqlite3.OperationalError" in text
        if telling or text.startswith(f"{_OF_A_READER}{_MEMORY}"):
            if found := _FULL.search(text):
                file = _FILE.search(text)
                reason = _IN_WORDS.get(found[0], found[0])
                return DiskFullError(file["path"] if file else path, reason)
            if _MEMORY in text:
                return MemoryLimitError(path, settings.memory_limit())
        cause = cause.__cause__ or cause.__context__
    return None


@contextmanager
def shortages_told(path: Path | str) -> Iterator[None]:
    """Raise a shortage of disk or memory within the block as an error that says what to do.

    Args:
        path: The file that is worked on.

    Raises:
        DiskFullError: There was no room on a disk.
        MemoryLimitError: DuckDB needed more memory than it may take.
    """
    try:
        yield
    except (duckdb.Error, OSError) as error:
        if told := shortage(error, path):
            raise told from error
        raise


def limit(connection: DuckDBPyConnection, spill: Path | None = None) -> None:
    """Set how much memory DuckDB may take, and where it spills what needs more.

    Args:
        connection: The database, which has not spilled yet.
        spill: A folder that is not there yet, which DuckDB makes and removes; its own choice if
            None.
    """
    connection.execute("SET GLOBAL memory_limit = ?", [settings.memory_limit()])
    if spill is not None:
        connection.execute("SET GLOBAL temp_directory = ?", [str(spill)])


def spill_prefix() -> str:
    """How the names of folders begin that this process spills into."""
    return f"{_PREFIX}{socket.gethostname()}-{os.getpid()}-"


def spill_folder(beside: Path | None = None) -> Path:
    """Where folders to spill into are made, one for each open database.

    What processes left there that were killed is removed.

    Args:
        beside: A file, beside which they are made if `$EGREGORA_TEMP_DIRECTORY` is not set.

    Returns:
        The folder; the system's own for temporary files if nothing else is said.
    """
    folder = settings.temp_directory()
    if folder is not None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    elif beside is not None:
        folder = beside.absolute().parent
    else:
        folder = Path(tempfile.gettempdir())
    own = f"{_PREFIX}{socket.gethostname()}-"
    for left in folder.glob(f"{own}*"):
        if not _is_alive(left.name.removeprefix(own).partition("-")[0]):
            shutil.rmtree(left, ignore_errors=True)
    return folder


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError):
        return True
    return True
