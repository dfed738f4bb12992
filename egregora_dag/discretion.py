"""Errors that nobody foresaw, told without what they say of values: those may be a chat's words.

What Dagster keeps of a run, and shows, holds its errors. Errors of this project tell no text; those
of Python and of DuckDB quote what they failed on.
"""

import inspect
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeVar

import duckdb
from dagster import Failure, RetryRequested
from dagster_shared.error import DagsterError

from egregora_dag.exceptions import EgregoraError

F = TypeVar("F", bound=Callable[..., Any])

_PACKAGE: Final = Path(__file__).parent
# Their messages tell of files, memory and settings, not of values.
_TOLD: Final = (
    *(DagsterError, Failure, RetryRequested, ImportError, OSError),
    *(duckdb.IOException, duckdb.OutOfMemoryException, duckdb.ConnectionException),
)


class UnforeseenError(EgregoraError):
    """Something failed in a way that nobody foresaw.

    Attributes:
        kind: Type of the error.
        place: File, line and function where it was raised.
    """

    may_pass = True

    def __init__(self, kind: str, place: str) -> None:
        super().__init__(
            f"{kind} in {place}. What it says is left out, as it may hold words of a chat. Nothing "
            "of this step was stored; report the type and the place, they are all that is needed."
        )
        self.kind = kind
        self.place = place


@contextmanager
def discretion() -> Iterator[None]:
    """A block whose unforeseen errors become `UnforeseenError`."""
    try:
        yield
    except EgregoraError as error:
        # Without its cause, which may say more.
        raise error from None
    except _TOLD:
        raise
    except Exception as error:  # noqa: BLE001 - each is raised again, by its type and place
        raise UnforeseenError(type(error).__name__, _place(error)) from None


def discreet(function: F) -> F:
    """A function or generator whose unforeseen errors become `UnforeseenError`."""

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        with discretion():
            return function(*arguments, **named)

    @wraps(function)
    def generate(*arguments: Any, **named: Any) -> Iterator[Any]:
        with discretion():
            yield from function(*arguments, **named)

    wrapped: Any = generate if inspect.isgeneratorfunction(function) else call
    return wrapped  # type: ignore[no-any-return]


def _place(error: BaseException) -> str:
    """The line where an error was raised, and the last one of this package before it."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    shown = dict.fromkeys(
        f"{Path(frame.filename).name}, line {frame.lineno}, in {frame.name}"
        for frame in (frames[-1], *ours[-1:])
    )
    return ", called by ".join(shown)
