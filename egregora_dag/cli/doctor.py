"""`doctor`: what may be wrong, and what to do."""

import sys

import click

from egregora_dag import versions
from egregora_dag.cli import EXIT_FAILED, home_option
from egregora_dag.cli.printing import printable
from egregora_dag.settings import Home


@click.command()
@home_option
def doctor(home: Home) -> None:
    """Look for what may be wrong; each line is ok, a hint, or what to fix.

    It can be pasted into a report: it holds nothing of what chats say, and no names but the home's.
    Ends with 1 if there is anything to fix.
    """
    clashes = list(versions.clashes())
    for clash in clashes:
        _tell("fix", "versions", clash)
    if clashes:
        # What they break is not to be told apart from what is broken.
        sys.exit(EXIT_FAILED)
    _tell("ok", "versions", ", ".join(f"{name} {versions.installed(name)}" for name in _TOLD))
    # Here, as it needs those versions.
    from egregora_dag.doctor import examine  # noqa: PLC0415

    failed = False
    for line in examine(home):
        _tell(line.verdict, line.subject, line.text)
        failed |= line.verdict == "fix"
    if failed:
        sys.exit(EXIT_FAILED)


_TOLD = ("egregora-dag", *versions.TOLD)


def _tell(verdict: str, subject: str, text: str) -> None:
    click.echo(printable(f"{verdict:<5} {subject}: {text}"))
