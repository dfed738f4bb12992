"""Whether the installed packages are those that this one is known to work with."""

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from typing import Final

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

_PACKAGE: Final = "egregora-dag"
_EXTRAS: Final = ("", "llm", "site", "ui", "links", "media")
# Released together; another version of one is not what the others were tested with.
_TOGETHER: Final = ("dagster-shared", "dagster-pipes", "dagster-webserver", "dagster-graphql")
TOLD: Final = ("dagster", "duckdb", "ibis-framework", "sqlglot")


def installed(package: str) -> str | None:
    """The version of a package; None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def clashes() -> Iterator[str]:
    """What is installed in a version that this package does not work with.

    Yields:
        The package, its version, and what to install.
    """
    python = ".".join(map(str, sys.version_info[:3]))
    wanted = SpecifierSet(metadata(_PACKAGE)["Requires-Python"] or "")
    if python not in wanted:
        yield f"Python {python}: use {wanted}"
    for requirement in dict.fromkeys(map(Requirement, requires(_PACKAGE) or [])):
        needed = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        known = any(
            requirement.marker is None or requirement.marker.evaluate({"extra": extra})
            for extra in _EXTRAS
        )
        found = installed(requirement.name) if known else None
        if known and needed and found is None:
            yield f"{requirement.name} is missing: pip install '{requirement}'"
        elif found is not None and not requirement.specifier.contains(found, prereleases=True):
            plain = f"{requirement.name}{requirement.specifier}"
            yield f"{requirement.name} {found}: pip install '{plain}'"
    dagster = installed("dagster")
    for package in _TOGETHER:
        found = installed(package)
        if None not in {found, dagster} and found != dagster:
            yield f"{package} {found} with dagster {dagster}: pip install {package}=={dagster}"
