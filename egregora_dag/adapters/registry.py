"""The sources that can be read: those of this package, and those that others add."""

from functools import cache
from importlib.metadata import entry_points
from typing import Final

from egregora_dag.adapters.discord import DiscordAdapter
from egregora_dag.adapters.earlier import EarlierDatabaseAdapter
from egregora_dag.adapters.files import ExportError, ExportFile
from egregora_dag.adapters.irc import IrcAdapter
from egregora_dag.adapters.kakaotalk import KakaoTalkAdapter
from egregora_dag.adapters.line import LineAdapter
from egregora_dag.adapters.messenger import InstagramAdapter, MessengerAdapter
from egregora_dag.adapters.protocol import Adapter
from egregora_dag.adapters.signal import SignalAdapter
from egregora_dag.adapters.slack import SlackAdapter
from egregora_dag.adapters.tables import TableAdapter
from egregora_dag.adapters.telegram import TelegramAdapter
from egregora_dag.adapters.whatsapp import WhatsAppAdapter

_ARCHIVES: Final = (".zip", ".tar", ".gz", ".7z", ".rar", ".bz2", ".xz")
GROUP: Final = "egregora_dag.adapters"

# Asked in this order, the more particular first; the first that recognizes a file reads it.
ADAPTERS: Final[tuple[Adapter, ...]] = (
    EarlierDatabaseAdapter(),
    DiscordAdapter(),
    SlackAdapter(),
    TelegramAdapter(),
    MessengerAdapter(),
    InstagramAdapter(),
    KakaoTalkAdapter(),
    TableAdapter(),
    IrcAdapter(),
    SignalAdapter(),
    LineAdapter(),
    WhatsAppAdapter(),
)


@cache
def all_adapters() -> tuple[Adapter, ...]:
    """Every adapter: first those that other packages offer, so that they may be more particular.

    Such a package names its adapter's class in the entry-point group `egregora_dag.adapters`.
    """
    added = (entry.load()() for entry in entry_points(group=GROUP))
    return (*added, *ADAPTERS)


def adapter_for(
    file: ExportFile, source: str | None = None, *, remembered: bool = False
) -> Adapter:
    """The adapter that reads a file.

    Args:
        file: The export.
        source: Name of the source, if it is known; else the content decides.
        remembered: Whether the name was given for the chat, not for this file: then it does not
            hold for a file that only others recognize.

    Raises:
        ExportError: No adapter recognizes it, or there is no such source.
    """
    named = next((adapter for adapter in all_adapters() if adapter.source == source), None)
    if named is not None and (not remembered or named.recognizes(file)):
        return named
    if source is None or remembered:
        recognized = (adapter for adapter in all_adapters() if adapter.recognizes(file))
        if adapter := next(recognized, named):
            return adapter
    names = ", ".join(sorted({adapter.source for adapter in all_adapters()}))
    problem = "is no chat that is known here." if source is None else f"no source {source!r}."
    if inner := next((name for name in file.members if name.lower().endswith(_ARCHIVES)), None):
        raise ExportError(
            file.path,
            "is no chat that is known here, but holds another archive.",
            "Unpack it, and import what is inside.",
            place=inner,
        )
    if file.path.suffix.lower() in _ARCHIVES and not file.is_archive:
        raise ExportError(
            file.path, "is no zip archive, though it is named like one.", "Export or copy it again."
        )
    raise ExportError(file.path, problem, f"Sources are {names}; see docs/sources.md for each.")
