"""Judges say which of two posts is the better read; each is found by its name."""

from typing import Any, Final

from egregora_dag.database.elo import Winner
from egregora_dag.judges.offline import OfflineJudge
from egregora_dag.judges.protocol import Judge, Post
from egregora_dag.registry import Registry, SettingError, UnknownNameError

__all__ = [
    "JUDGES",
    "Judge",
    "OfflineJudge",
    "Post",
    "SettingError",
    "UnknownNameError",
    "Winner",
    "get_judge",
]

JUDGES: Final = Registry[Judge]("judge", {OfflineJudge.name: OfflineJudge})


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
