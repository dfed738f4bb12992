"""Where everything is kept, and the settings that come from the environment."""

import os
import secrets
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from egregora_dag.exceptions import EgregoraError

HOME_VARIABLE = "EGREGORA_HOME"
LOCK_TIMEOUT_VARIABLE = "EGREGORA_LOCK_TIMEOUT"
MEMORY_LIMIT_VARIABLE = "EGREGORA_MEMORY_LIMIT"
TEMP_DIRECTORY_VARIABLE = "EGREGORA_TEMP_DIRECTORY"
PSEUDONYMIZE_VARIABLE = "EGREGORA_PSEUDONYMIZE"
MASK_PII_VARIABLE = "EGREGORA_MASK_PII"
WRITER_VARIABLE = "EGREGORA_WRITER"
JUDGE_VARIABLE = "EGREGORA_JUDGE"
FETCH_LINKS_VARIABLE = "EGREGORA_FETCH_LINKS"
ALLOWED_HOSTS_VARIABLE = "EGREGORA_ALLOWED_HOSTS"
DEFAULT_HOME = ".egregora"
DEFAULT_LOCK_TIMEOUT = 120.0
DEFAULT_MEMORY_LIMIT = "800MB"
DEFAULT_WRITER = "offline"
DEFAULT_JUDGE = "offline"


_SWITCH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True)
class Home:
    """The one folder that holds all state; deleting it resets everything.

    Attributes:
        root: Absolute path of the folder.
    """

    root: Path

    @classmethod
    def resolve(cls, path: Path | str | None = None) -> "Home":
        """The home at `path`, else at `$EGREGORA_HOME`, else `.egregora` in the current folder."""
        return cls(Path(path or os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).absolute())

    @property
    def database(self) -> Path:
        """The warehouse: one DuckDB file."""
        return self.root / "pipeline.duckdb"

    @property
    def published(self) -> Path:
        """A copy of the warehouse for readers, which nobody writes; replaced as a whole."""
        return self.root / "published" / self.database.name

    @property
    def prompts(self) -> Path:
        """Prompts that take the place of the package's, where there are any."""
        return self.root / "prompts"

    @property
    def inbox(self) -> Path:
        """Exports, one folder a thread; files dropped at its top level are sorted in."""
        return self.root / "inbox"

    @property
    def dagster(self) -> Path:
        """Dagster's own storage, its `DAGSTER_HOME`."""
        return self.root / "dagster"

    @property
    def site(self) -> Path:
        """What people read: Markdown and a site, made by the asset `site`."""
        return self.root / "site"

    @property
    def secret(self) -> Path:
        """A random key of this home, readable by its owner alone."""
        return self.root / "secret"

    @property
    def names_deleted(self) -> Path:
        """A file that says: who stands behind pseudonyms was deleted, and is kept no more."""
        return self.root / "names-deleted"

    @property
    def unfinished(self) -> Path:
        """What is being forgotten; there only until all of it is."""
        return self.root / "forgetting"

    def key(self) -> str:
        """The key of this home, which pseudonyms and ids are made with.

        Raises:
            EgregoraError: There is none.
        """
        key = self.secret.read_text("utf-8").strip() if self.secret.is_file() else ""
        if not key:
            raise EgregoraError(
                f"{self.secret} is missing or empty; pseudonyms and masks are made with the key in "
                "it. Put it back from a backup of the home."
            )
        return key

    def create(self) -> None:
        """Make the folders, `dagster.yaml` and the secret where they are missing."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.inbox.mkdir(mode=0o700, exist_ok=True)
        self.dagster.mkdir(mode=0o700, exist_ok=True)
        config = self.dagster / "dagster.yaml"
        if not config.exists():
            config.touch(mode=0o600)
            config.write_text(files("egregora_dag").joinpath("dagster.yaml").read_text("utf-8"))
        try:
            descriptor = os.open(self.secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))


def lock_timeout() -> float:
    """Seconds to wait for another process to let go of the database file."""
    return float(os.environ.get(LOCK_TIMEOUT_VARIABLE, DEFAULT_LOCK_TIMEOUT))


def memory_limit() -> str:
    """DuckDB's memory limit; what needs more is spilled to disk."""
    return os.environ.get(MEMORY_LIMIT_VARIABLE, DEFAULT_MEMORY_LIMIT)


def temp_directory() -> Path | None:
    """Where what exceeds the memory limit is spilled to; None: beside the database."""
    folder = os.environ.get(TEMP_DIRECTORY_VARIABLE)
    return Path(folder).absolute() if folder else None


def writer() -> str:
    """Who writes about chats that nothing else is remembered for."""
    return os.environ.get(WRITER_VARIABLE) or DEFAULT_WRITER


def judge() -> str:
    """Who judges where nothing else is said."""
    return os.environ.get(JUDGE_VARIABLE) or DEFAULT_JUDGE


def privacy() -> dict[str, bool]:
    """What new chats are imported with, as far as the environment says so: fields of `Privacy`.

    Raises:
        EgregoraError: A variable says neither yes nor no.
    """
    variables = {"pseudonymize": PSEUDONYMIZE_VARIABLE, "mask_pii": MASK_PII_VARIABLE}
    return {
        name: switch(variable) for name, variable in variables.items() if os.environ.get(variable)
    }


def fetch_links() -> bool:
    """Whether the environment says that the pages of links are read.

    Raises:
        EgregoraError: It says neither yes nor no.
    """
    return switch(FETCH_LINKS_VARIABLE)


def switch(variable: str) -> bool:
    """Whether an environment variable says yes.

    Raises:
        EgregoraError: It says neither yes nor no.
    """
    value = os.environ.get(variable) or "0"
    if value.strip().lower() not in _SWITCH:
        raise EgregoraError(f"{variable} is {value!r}. Set it to 1 or 0, true or false, yes or no.")
    return _SWITCH[value.strip().lower()]
