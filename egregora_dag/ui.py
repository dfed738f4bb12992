"""Dagster's UI behind a guard: what other sites ask of it is refused.

Dagster's webserver takes orders from whoever asks, also by a picture's address on a page of
another site that is open in the same browser; such an order could send a chat to a language model
of that site's choice. Dagster has no setting for it, so its webserver is wrapped here.

    python -m egregora_dag.ui dev …    takes the options of `dagster dev`
    python -m egregora_dag.ui …        takes those of `dagster-webserver`
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final

from dagster._cli import dev
from dagster_shared.ipc import open_ipc_subprocess
from dagster_webserver import cli as webserver
from dagster_webserver.app import create_app_from_workspace_process_context

from egregora_dag.guarding import Guard
from egregora_dag.settings import ALLOWED_HOSTS_VARIABLE

_SELF: Final = "egregora_dag.ui"


def _guarded(*arguments: Any, **options: Any) -> Guard:
    """Dagster's application behind the guard."""
    hosts = os.environ.get(ALLOWED_HOSTS_VARIABLE, "").split()
    return Guard(create_app_from_workspace_process_context(*arguments, **options), hosts)


def _started(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """A process of `dagster dev`, this module in place of the webserver's."""
    own = [_SELF if part == "dagster_webserver" else part for part in command]
    return open_ipc_subprocess(own, **options)


def main(arguments: Sequence[str]) -> None:
    """Run `dagster dev`, or its webserver."""
    if arguments[:1] == ["dev"]:
        vars(dev)["open_ipc_subprocess"] = _started
        dev.dev_command(arguments[1:], prog_name="dagster dev")
    else:
        vars(webserver)["create_app_from_workspace_process_context"] = _guarded
        webserver.cli(arguments, auto_envvar_prefix="DAGSTER_WEBSERVER")


if __name__ == "__main__":
    main(sys.argv[1:])
