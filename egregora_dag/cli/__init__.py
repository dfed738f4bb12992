"""The command line; one module a group of commands, loaded when it is called."""

import ast
import importlib
import sys
import warnings
from importlib.resources import files
from pathlib import Path
from typing import Final

import click

from egregora_dag.exceptions import EgregoraError
from egregora_dag.permissions import for_owner_alone
from egregora_dag.settings import DEFAULT_HOME, HOME_VARIABLE, Home

# Command → the module that defines it under the same name.
_COMMANDS: Final = {
    "demo": "running",
    "run": "running",
    "inspect": "inspecting",
    "dev": "serving",
    "status": "looking",
    "sql": "looking",
    "runs": "history",
    "threads": "threads",
    "authors": "authors",
    "forget": "threads",
    "vote": "voting",
    "rerate": "voting",
    "pseudonyms": "privacy",
    "export": "exporting",
    "migrate": "migrating",
    "doctor": "doctor",
    "backup": "keeping",
    "restore": "keeping",
}

EXIT_FAILED: Final = 1
EXIT_UNSOUND: Final = 3


class LazyGroup(click.Group):
    """A group whose commands are imported when needed, as Dagster takes seconds to import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order of their definition."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"{__name__}.{_COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What each command does, as its source says."""
        limit = formatter.width - 6 - max(map(len, _COMMANDS))
        with formatter.section("Commands"):
            formatter.write_dl([(name, _documented(name, limit)) for name in _COMMANDS])


def _documented(name: str, limit: int) -> str:
    """The beginning of a command's documentation, without importing it."""
    source = files(__name__).joinpath(f"{_COMMANDS[name]}.py").read_text("utf-8")
    [function] = (
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    )
    return click.Command(name, help=ast.get_docstring(function)).get_short_help_str(limit)


def _home(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Home:
    return Home.resolve(value)


home_option = click.option(
    "--home",
    envvar=HOME_VARIABLE,
    type=click.Path(file_okay=False),
    callback=_home,
    help=f"Where all state is kept.  [default: ${HOME_VARIABLE} or {DEFAULT_HOME}]",
)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done; 1 failed, nothing stored was lost; 2 wrong usage; 3 done, but a "
    "file could not be read.",
)
@click.version_option(package_name="egregora-dag")
def cli() -> None:
    """Turn chat exports into a DuckDB warehouse: messages, windows, documents, ratings."""


def main(arguments: list[str] | None = None) -> None:
    """Run a command; an error that the user can act on is told in one line."""
    for_owner_alone()
    # Dagster says so of features that it and this project keep; its users cannot act on it.
    warnings.filterwarnings("ignore", message=r".*is currently in (beta|preview)")
    try:
        cli.main(args=arguments, prog_name="egregora-dag")
    except EgregoraError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(EXIT_FAILED)
    except Exception as error:
        # Where the disk is full, Dagster's storage may be what says so, in its own words.
        from egregora_dag.database.limits import shortage  # noqa: PLC0415

        if not (told := shortage(error, "The home")):
            raise
        click.echo(f"Error: {told}", err=True)
        sys.exit(EXIT_FAILED)


def existing_database(home: Home) -> Path:
    """The home's database.

    Raises:
        EgregoraError: There is none yet.
    """
    if not home.database.exists():
        raise EgregoraError(
            f"{home.root} holds no database yet. Import a chat with `egregora-dag run FILE`, or "
            "see what comes out with `egregora-dag demo`."
        )
    return home.database
