"""Dagster's instance of a home."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from dagster import DagsterInstance
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData

from egregora_dag.permissions import for_owner_alone, withheld
from egregora_dag.settings import HOME_VARIABLE, Home


class OwnersStorage(DagsterSqliteStorage):
    """Dagster's storage in SQLite, for its owner alone, as are all files of its processes.

    `dagster.yaml` names it, so it is loaded by whatever works on the instance: the webserver, the
    daemon and each run, also where they are started by Dagster's own commands.
    """

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """The storage that `dagster.yaml` describes."""
        for_owner_alone()
        return cls.from_local(inst_data=inst_data, **config_value)


def environment_of(home: Home) -> dict[str, str]:
    """The environment variables under which Dagster and the definitions find this home."""
    return {HOME_VARIABLE: str(home.root), "DAGSTER_HOME": str(home.dagster)}


@contextmanager
def dagster_instance(home: Home, *, share: bool = True) -> Iterator[DagsterInstance]:
    """The instance whose runs and events are kept in the home; made when missing.

    Args:
        home: The home.
        share: Processes that this one starts find the home too.

    Yields:
        The instance.
    """
    with withheld():
        home.create()
        before = dict(os.environ)
        # dagster.yaml names its folders by environment variable.
        os.environ |= environment_of(home)
        try:
            instance = DagsterInstance.from_config(str(home.dagster))
        finally:
            if not share:
                for name in environment_of(home):
                    os.environ.pop(name)
                    os.environ |= {name: before[name]} if name in before else {}
        with instance:
            yield instance
