"""Writers turn a window of a chat into documents; each is found by its name."""

from pathlib import Path
from typing import Any, Final

from egregora_dag.llm.extra import installed
from egregora_dag.llm.settings import LlmSettings
from egregora_dag.registry import Registry, SettingError, UnknownNameError
from egregora_dag.writers.offline import OfflineWriter
from egregora_dag.writers.protocol import (
    Document,
    Fact,
    MediaFile,
    Message,
    Page,
    Person,
    Posted,
    Remembered,
    Usage,
    Window,
    Writer,
    WritingError,
)

__all__ = [
    "WRITERS",
    "Document",
    "Fact",
    "MediaFile",
    "Message",
    "OfflineWriter",
    "Page",
    "Person",
    "Posted",
    "Remembered",
    "SettingError",
    "UnknownNameError",
    "Usage",
    "Window",
    "Writer",
    "WritingError",
    "get_writer",
]


def _llm(
    llm: LlmSettings = LlmSettings(),  # noqa: B008
    prompts: Path | None = None,
    min_messages: int = OfflineWriter.min_messages,
    max_quotes: int = OfflineWriter.max_quotes,
) -> Writer:
    """The writer that asks a language model; its package is loaded with it."""
    with installed():
        from egregora_dag.writers.llm import LlmWriter  # noqa: PLC0415
    return LlmWriter(llm, OfflineWriter(min_messages, max_quotes), llm.prompts_folder or prompts)


WRITERS: Final = Registry[Writer]("writer", {OfflineWriter.name: OfflineWriter, "llm": _llm})


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
