"""What a setting chooses by name: writers and judges, each kind in its own registry."""

from collections.abc import Callable, Iterator, Mapping
from inspect import signature
from typing import Any, Final, TypeVar

from egregora_dag.exceptions import EgregoraError

T = TypeVar("T")


class UnknownNameError(EgregoraError):
    """Nothing of a kind goes by a name.

    Attributes:
        name: The name.
    """

    def __init__(self, kind: str, name: str, known: Mapping[str, object]) -> None:
        super().__init__(f"There is no {kind} {name!r}; use one of: {', '.join(sorted(known))}.")
        self.name = name


class SettingError(EgregoraError):
    """A setting that a writer or a judge cannot work with.

    Attributes:
        setting: Name of the setting.
        value: Its value.
    """

    def __init__(self, kind: str, setting: str, value: object, wanted: str) -> None:
        super().__init__(f"The {kind}'s setting {setting} is {value!r}; give {wanted}.")
        self.setting = setting
        self.value = value


class Registry(Mapping[str, Callable[..., T]]):
    """Factories by name.

    Args:
        kind: What they make, as messages call it: `writer`.
        factories: The factories by name.
    """

    def __init__(self, kind: str, factories: Mapping[str, Callable[..., T]]) -> None:
        self.kind: Final = kind
        self._factories: Final = dict(factories)

    def __getitem__(self, name: str) -> Callable[..., T]:
        return self._factories[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._factories)

    def __len__(self) -> int:
        return len(self._factories)

    def make(self, name: str, settings: Mapping[str, Any]) -> T:
        """What goes by a name, ready for use.

        Args:
            name: One of the registry's names.
            settings: What the factory takes, by name.

        Returns:
            What the factory makes of the settings.

        Raises:
            UnknownNameError: Nothing goes by this name.
            SettingError: The factory does not take such a setting, or not this value.
        """
        if name not in self._factories:
            raise UnknownNameError(self.kind, name, self._factories)
        factory = self._factories[name]
        known = signature(factory).parameters
        for setting, value in settings.items():
            if setting not in known:
                raise SettingError(self.kind, setting, value, f"one of: {', '.join(known)}")
        return factory(**settings)
