"""Whether the packages of the extra `llm` are there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from egregora_dag.exceptions import EgregoraError

_PACKAGES: Final = frozenset({"pydantic_ai", "openai", "tenacity"})


@contextmanager
def installed() -> Iterator[None]:
    """For the import of what needs them.

    Raises:
        EgregoraError: They are not installed; the message says how to.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _PACKAGES:
            raise
        raise EgregoraError(
            'Language models need packages that are not installed: pip install "egregora-dag[llm]".'
        ) from error
