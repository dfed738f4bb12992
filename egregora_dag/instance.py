"""Dagster's instance of a home."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from dagster import DagsterInstance

from egregora_dag.settings import HOME_VARIABLE, Home


def environment_of(home: Home) -> dict[str, str]:
    """The environment variables under which Dagster and the definitions find this home."""
    return {HOME_VARIABLE: str(home.root), "DAGSTER_HOME": str(home.dagster)}


@contextmanager
def dagster_instance(home: Home) -> Iterator[DagsterInstance]:
    """The instance whose runs and events are kept in the home; made when missing."""
    home.create()
    # dagster.yaml names its folders by environment variable.
    os.environ |= environment_of(home)
    with DagsterInstance.from_config(str(home.dagster)) as instance:
        yield instance
