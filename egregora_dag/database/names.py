"""Names that may be given to tables, views and sequences."""

import re
from typing import Final

from egregora_dag.database.exceptions import InvalidTableNameError

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def is_name(name: str) -> bool:
    """Whether a table, view or sequence may be given this name."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def checked_name(name: str) -> str:
    """The name, if a table, view or sequence may be given it.

    Raises:
        InvalidTableNameError: It may not.
    """
    if not is_name(name):
        raise InvalidTableNameError(name)
    return name
