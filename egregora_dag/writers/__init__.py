"""Writers turn a window of a chat into documents; each is found by its name."""

from typing import Any, Final

from egregora_dag.registry import Registry, SettingError, UnknownNameError
from egregora_dag.writers.offline import OfflineWriter
from egregora_dag.writers.protocol import Document, Message, Person, Posted, Usage, Window, Writer

__all__ = [
    "WRITERS",
    "Document",
    "Message",
    "OfflineWriter",
    "Person",
    "Posted",
    "SettingError",
    "UnknownNameError",
    "Usage",
    "Window",
    "Writer",
    "get_writer",
]

WRITERS: Final = Registry[Writer]("writer", {OfflineWriter.name: OfflineWriter})


def get_writer(name: str, **settings: Any) -> Writer:
    """The writer of a name.

    Args:
        name: One of `WRITERS`.
        settings: What the writer's factory takes, by name.

    Returns:
        A writer ready for use.

    Raises:
        UnknownNameError: No writer goes by this name.
        SettingError: The writer does not take such a setting, or not this value.
    """
    return WRITERS.make(name, settings)
