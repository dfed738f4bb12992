"""Judges say which of two posts is the better read; each is found by its name."""

from collections.abc import Callable, Mapping
from inspect import signature
from types import MappingProxyType
from typing import Any, Final

from egregora_dag.exceptions import EgregoraError
from egregora_dag.judges.offline import JudgeSettingError, OfflineJudge
from egregora_dag.judges.protocol import Judge, Post, Winner

__all__ = [
    "JUDGES",
    "Judge",
    "JudgeSettingError",
    "OfflineJudge",
    "Post",
    "UnknownJudgeError",
    "Winner",
    "get_judge",
]

JUDGES: Final[Mapping[str, Callable[..., Judge]]] = MappingProxyType(
    {OfflineJudge.name: OfflineJudge}
)


class UnknownJudgeError(EgregoraError):
    """No judge goes by a name.

    Attributes:
        name: The name.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no judge {name!r}; use one of: {', '.join(sorted(JUDGES))}.")
        self.name = name


def get_judge(name: str, **settings: Any) -> Judge:
    """The judge of a name.

    Args:
        name: One of `JUDGES`.
        settings: What the judge's factory takes, by name.

    Returns:
        A judge ready for use.

    Raises:
        UnknownJudgeError: No judge goes by this name.
        JudgeSettingError: The judge does not take such a setting, or not this value.
    """
    if name not in JUDGES:
        raise UnknownJudgeError(name)
    factory = JUDGES[name]
    known = signature(factory).parameters
    for setting, value in settings.items():
        if setting not in known:
            raise JudgeSettingError(setting, value, f"one of: {', '.join(known)}")
    return factory(**settings)
