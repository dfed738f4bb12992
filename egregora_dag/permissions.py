"""Who may read what is made: its owner alone, unless somebody has said otherwise of a file."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

OTHERS: Final = 0o077

_lock = threading.Lock()
_wanted: list[int] = []
_before = 0


def for_owner_alone() -> None:
    """From now on, whatever this process makes is readable by its owner alone."""
    os.umask(os.umask(OTHERS) | OTHERS)


@contextmanager
def withheld(mode: int = OTHERS) -> Iterator[None]:
    """What the process makes during the block is made without these permissions.

    It holds for all threads, as a process has one such mask; blocks may overlap.

    Args:
        mode: The permissions, as `chmod` counts them.
    """
    global _before  # noqa: PLW0603 - the process has one mask
    with _lock:
        if not _wanted:
            _before = os.umask(OTHERS)
        _wanted.append(mode)
        _apply()
    try:
        yield
    finally:
        with _lock:
            _wanted.remove(mode)
            _apply()


def _apply() -> None:
    mask = _before
    for mode in _wanted:
        mask |= mode
    os.umask(mask)


def withheld_of(path: Path) -> int:
    """The permissions that nobody has on a file, and so on what is made beside it.

    Args:
        path: The file; one that is missing will be for its owner alone.
    """
    try:
        return OTHERS & ~path.stat().st_mode
    except FileNotFoundError:
        return OTHERS
