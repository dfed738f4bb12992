"""`dev`: the Dagster UI with its daemon."""

import importlib.util
import os
import signal
import sys

import click

from egregora_dag.cli import home_option
from egregora_dag.exceptions import EgregoraError
from egregora_dag.instance import dagster_instance, environment_of
from egregora_dag.settings import ALLOWED_HOSTS_VARIABLE, Home


@click.command()
@home_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--allow-host",
    "hosts",
    envvar=ALLOWED_HOSTS_VARIABLE,
    multiple=True,
    metavar="NAME",
    help="A name besides localhost that browsers may ask it under; may be repeated.",
)
@click.option("--port", type=int, default=3000, show_default=True, help="Port to listen on.")
def dev(home: Home, host: str, hosts: tuple[str, ...], port: int) -> None:
    """Serve the Dagster UI and run schedules and sensors, until interrupted."""
    if importlib.util.find_spec("dagster_webserver") is None:
        raise EgregoraError(
            "The UI is not installed. Install it with `pip install 'egregora-dag[ui]'`."
        )
    # Makes Dagster's storage before two processes would at once.
    with dagster_instance(home):
        pass
    click.echo(f"http://{host}:{port} — drop exports into {home.inbox}", err=True)
    # Dagster's own `dagster dev`, with its webserver behind a guard.
    command = [sys.executable, "-m", "egregora_dag.ui", "dev", "-m", "egregora_dag.definitions"]
    # Dagster ends its processes by interrupts, which a shell's background jobs ignore.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # It takes this process's place, so that whoever ends this one ends it.
    os.execve(  # noqa: S606 - this very program's own command
        sys.executable,
        [*command, "--host", host, "--port", str(port)],
        {**os.environ, **environment_of(home), ALLOWED_HOSTS_VARIABLE: " ".join(hosts)},
    )
