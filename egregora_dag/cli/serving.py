"""`dev`: the Dagster UI with its daemon."""

import importlib.util
import os
import subprocess
import sys

import click

from egregora_dag.cli import home_option
from egregora_dag.exceptions import EgregoraError
from egregora_dag.instance import dagster_instance, environment_of
from egregora_dag.settings import Home


@click.command()
@home_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=int, default=3000, show_default=True, help="Port to listen on.")
def dev(home: Home, host: str, port: int) -> None:
    """Serve the Dagster UI and run schedules and sensors, until interrupted."""
    if importlib.util.find_spec("dagster_webserver") is None:
        raise EgregoraError(
            "The UI is not installed. Install it with `pip install 'egregora-dag[ui]'`."
        )
    # Makes Dagster's storage before two processes would at once.
    with dagster_instance(home):
        pass
    click.echo(f"http://{host}:{port} — drop exports into {home.inbox}", err=True)
    command = [sys.executable, "-m", "dagster", "dev", "-m", "egregora_dag.definitions"]
    finished = subprocess.run(  # noqa: S603 - this very program's own command
        [*command, "--host", host, "--port", str(port)],
        env=os.environ | environment_of(home),
        check=False,
    )
    sys.exit(finished.returncode)
