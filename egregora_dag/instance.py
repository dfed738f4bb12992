"""Dagster's instance of a home."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from dagster import DagsterInstance

from egregora_dag.dagster_storage import OwnersStorage
from egregora_dag.permissions import withheld
from egregora_dag.settings import HOME_VARIABLE, Home

# `dagster.yaml` finds its storage here.
__all__ = ["OwnersStorage", "dagster_instance", "environment_of"]


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
