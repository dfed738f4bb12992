"""Writers turn a window of a chat into documents; each is found by its name."""

from collections.abc import Callable, Mapping
from inspect import signature
from types import MappingProxyType
from typing import Any, Final

from egregora_dag.exceptions import EgregoraError
from egregora_dag.writers.offline import OfflineWriter, WriterSettingError
from egregora_dag.writers.protocol import Draft, Message, Person, Window, Writer

__all__ = [
    "WRITERS",
    "Draft",
    "Message",
    "OfflineWriter",
    "Person",
    "UnknownWriterError",
    "Window",
    "Writer",
    "WriterSettingError",
    "get_writer",
]

WRITERS: Final[Mapping[str, Callable[..., Writer]]] = MappingProxyType(
    {OfflineWriter.name: OfflineWriter}
)


class UnknownWriterError(EgregoraError):
    """No writer goes by a name.

    Attributes:
        name: The name.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no writer {name!r}; use one of: {', '.join(sorted(WRITERS))}.")
        self.name = name


def get_writer(name: str, **settings: Any) -> Writer:
    """The writer of a name.

    Args:
        name: One of `WRITERS`.
        settings: What the writer's factory takes, by name.

    Returns:
        A writer ready for use.

    Raises:
        UnknownWriterError: No writer goes by this name.
        WriterSettingError: The writer does not take such a setting, or not this value.
    """
    if name not in WRITERS:
        raise UnknownWriterError(name)
    factory = WRITERS[name]
    known = signature(factory).parameters
    for setting, value in settings.items():
        if setting not in known:
            raise WriterSettingError(setting, value, f"one of: {', '.join(known)}")
    return factory(**settings)
