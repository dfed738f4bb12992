"""Content → HTML by Hugo, and the index of its search by Pagefind; both come with the extra `site`.

Hugo's templates escape what they show by where they show it; its Markdown lets no HTML through.
The theme loads nothing from elsewhere and has a content security policy that forbids the rest.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from egregora_dag.exceptions import EgregoraError

_MODULES: Final = ("hugo", "pagefind_bin")
_CONTENT: Final = "content"
_LISTED: Final = 2000


class SiteError(EgregoraError):
    """The site could not be built."""


def is_installed() -> bool:
    """Whether the extra `site` is installed."""
    return all(importlib.util.find_spec(module) for module in _MODULES)


def require() -> None:
    """Refuse to go on without the extra.

    Raises:
        SiteError: It is not installed.
    """
    if not is_installed():
        raise SiteError(
            "The site generator is not installed. Install it with `pip install "
            "'egregora-dag[site]'`, or export with --markdown-only."
        )


class Generator:
    """Builds one site.

    Args:
        folder: An empty folder to work in.
        title: The site's title.
        url: The address it will have; its links are relative to each other if None.

    Attributes:
        pages: How many pages were added.
    """

    def __init__(self, folder: Path, title: str, url: str | None) -> None:
        self._folder = folder
        self._url = url
        self.pages = 0
        with as_file(files("egregora_dag").joinpath("site", "theme")) as theme:
            # Not with the permissions of the package's files, which the site would take over.
            shutil.copytree(theme, folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
        config = {"title": title, "baseURL": url or "/", "relativeURLs": url is None}
        (folder / "site.json").write_text(json.dumps(config), "utf-8")

    def add(self, name: str, text: str) -> None:
        """Add a page.

        Args:
            name: Its path among the content.
            text: Its front matter and Markdown.
        """
        path = self._folder / _CONTENT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        self.pages += 1

    def add_file(self, name: str, data: bytes) -> None:
        """Add a file that the site holds as it is.

        Args:
            name: Its path on the site.
            data: Its content.
        """
        path = self._folder / "static" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def build(self) -> Path:
        """Make the site of the pages that were added.

        Returns:
            The folder that holds it.

        Raises:
            SiteError: A program of the extra failed.
        """
        public = self._folder / "public"
        settings = ["--config", "hugo.toml,site.json", "--cacheDir", str(self._folder / "cache")]
        _run("hugo", "--source", str(self._folder), "--destination", str(public), *settings)
        # One language, so that one search finds all; letters are folded, words are not known.
        options = ["--output-subdir", "pagefind", "--force-language", "en", "--quiet"]
        _run("pagefind_bin", "--site", str(public), *options)
        return public


def _run(module: str, *arguments: str) -> None:
    """Run a program of the extra, with none of the settings that it takes from the environment."""
    prefixes = ("HUGO", "PAGEFIND")
    environment = {k: v for k, v in os.environ.items() if not k.upper().startswith(prefixes)}
    finished = subprocess.run(  # noqa: S603 - its arguments are paths of ours
        [sys.executable, "-m", module, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if finished.returncode:
        said = (finished.stderr or finished.stdout).strip()
        raise SiteError(
            f"{module} ended with {finished.returncode}: {said[-_LISTED:]}\nCheck the space on the "
            "disk, and that the extra `site` is of this version; --markdown-only works without it."
        )
