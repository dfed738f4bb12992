"""`export`: the documents as Markdown, and as a site to read."""

import signal
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import click
from rich.text import Text

from egregora_dag.cli import existing_database, home_option
from egregora_dag.cli.printing import console, printable
from egregora_dag.cli.running import progress_shown
from egregora_dag.exceptions import EgregoraError
from egregora_dag.guarding import STATUS, refusal
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home
from egregora_dag.site import Exported, Options
from egregora_dag.site import export as export_documents
from egregora_dag.site.exporting import HTML, MARKDOWN

_ADDRESS = "127.0.0.1"


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@home_option
@click.option("--markdown-only", is_flag=True, help="Make no site; needs no extra.")
@click.option("--journal", is_flag=True, help="Export the journal of what was read, too.")
@click.option("--title", help="The site's title.  [default: the chats' titles]")
@click.option(
    "--url", metavar="URL", help="The address that the site will have, for its feed and its links."
)
@click.option("--serve", is_flag=True, help="Serve the site on this machine until interrupted.")
@click.option("--port", type=int, default=8000, show_default=True, help="Port to serve it on.")
def export(
    folder: Path,
    home: Home,
    markdown_only: bool,
    journal: bool,
    title: str | None,
    url: str | None,
    serve: bool,
    port: int,
) -> None:
    """Write what can be read into FOLDER: Markdown in content/, a site in html/.

    An export into the same FOLDER brings it up to date. Files that are the same are not written
    again, those of documents that are gone are removed, and your own files stay.
    """
    if serve and markdown_only:
        raise click.UsageError("There is no site to --serve with --markdown-only.")
    if url and not url.startswith(("http://", "https://")):
        raise click.BadParameter("It begins with http:// or https://.", param_hint="--url")
    warehouse = Warehouse(database=str(existing_database(home)))
    warehouse.prepare()
    options = Options(site=not markdown_only, journal=journal, title=title, url=url)
    with progress_shown() as progress:
        exported = export_documents(warehouse, folder, options, partial(progress, "export"))
    _tell(folder, exported, options)
    if serve:
        _serve(folder / HTML, port)


def _tell(folder: Path, exported: Exported, options: Options) -> None:
    out = console()
    told = (
        f"{exported.documents:,} documents in {folder / MARKDOWN}: {exported.written:,} written, "
        f"{exported.removed:,} removed."
    )
    out.print(Text(printable(told)), soft_wrap=True)
    if options.site:
        out.print(Text(printable(f"Site: {folder / HTML / 'index.html'}")), soft_wrap=True)
    for name in exported.kept:
        warning = f"Warning: {folder / name} is not the export's own and was left as it is."
        console(stderr=True).print(Text(printable(warning), "yellow"), soft_wrap=True)


class _Handler(SimpleHTTPRequestHandler):
    """Serves files, and tells nobody which: their names are titles."""

    def send_head(self) -> BytesIO | BinaryIO | None:
        """The file that is asked for, unless another site or name asks."""
        reason = refusal({name.lower(): value for name, value in self.headers.items()})
        if reason is not None:
            self.send_error(STATUS, reason)
            return None
        return super().send_head()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Nothing is logged."""


def _serve(folder: Path, port: int) -> None:
    """Serve a folder to this machine alone, until interrupted."""
    handler = partial(_Handler, directory=str(folder))
    try:
        server = ThreadingHTTPServer((_ADDRESS, port), handler)
    except OSError as error:
        raise EgregoraError(
            f"Port {port} cannot be used: {error}. Choose another --port."
        ) from error
    # Dagster gives SIGTERM the handler of SIGINT, which a shell has background jobs ignore.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with server:
        click.echo(f"http://{_ADDRESS}:{server.server_port} — Ctrl-C ends it", err=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return
