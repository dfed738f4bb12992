"""Judges say which of two posts is the better read; each is found by its name."""

from pathlib import Path
from typing import Any, Final

from egregora_dag.database.elo import Winner
from egregora_dag.judges.offline import OfflineJudge
from egregora_dag.judges.protocol import Judge, JudgingError, Post
from egregora_dag.llm.extra import installed
from egregora_dag.llm.settings import LlmSettings
from egregora_dag.registry import Registry, SettingError, UnknownNameError

__all__ = [
    "JUDGES",
    "Judge",
    "JudgingError",
    "OfflineJudge",
    "Post",
    "SettingError",
    "UnknownNameError",
    "Winner",
    "get_judge",
]


def _llm(llm: LlmSettings = LlmSettings(), prompts: Path | None = None) -> Judge:  # noqa: B008
    """The judge that asks a language model; its package is loaded with it."""
    with installed():
        from egregora_dag.judges.llm import LlmJudge  # noqa: PLC0415
    return LlmJudge(llm, llm.prompts_folder or prompts)


JUDGES: Final = Registry[Judge]("judge", {OfflineJudge.name: OfflineJudge, "llm": _llm})


def get_judge(name: str, **settings: Any) -> Judge:
    """The judge of a name.

    Args:
        name: One of `JUDGES`.
        settings: What the judge's factory takes, by name.

    Returns:
        A judge ready for use.

    Raises:
        UnknownNameError: No judge goes by this name.
        SettingError: The judge does not take such a setting, or not this value.
    """
    return JUDGES.make(name, settings)
