"""A folder of exported files that knows which of them are its own."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final

from egregora_dag.exceptions import EgregoraError

MANIFEST: Final = ".egregora-export"
_BUILDING: Final = ".building-"


class ExportFolderError(EgregoraError):
    """A folder holds what is not an export's.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


class ExportFolder:
    """Writes files into a folder, and removes those of earlier exports that were not written again.

    Its manifest lists each file with its digest, in the format of `sha256sum`, before the file is
    written; so what a person put there, or changed, is told apart even after a crash.

    Args:
        root: The folder; made when missing.

    Attributes:
        written: How many files are new or have changed.
        removed: How many files were removed.
        kept: Files that are a person's, in whose place one would have been written or removed.

    Raises:
        ExportFolderError: It holds files and no manifest.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.written = 0
        self.removed = 0
        self.kept: list[str] = []
        self._manifest = root / MANIFEST
        self._now: dict[str, str] = {}
        if root.exists() and not root.is_dir():
            raise ExportFolderError(root, f"{root} is a file. Name a folder to export into.")
        root.mkdir(parents=True, exist_ok=True)
        if not self._manifest.exists() and any(root.iterdir()):
            raise ExportFolderError(
                root,
                f"{root} holds files that no export made. Name a folder that is empty, or one of "
                "an earlier export.",
            )
        self._known = self._read_manifest()
        for left in root.glob(f"{_BUILDING}*"):
            shutil.rmtree(left)

    def __enter__(self) -> "ExportFolder":
        self._log = self._manifest.open("a", encoding="utf-8")
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._log.close()
        if error_type is None:
            self._remove_others()
            self._replace(self._manifest, _listed(self._now).encode())

    def write(self, name: str, text: str) -> None:
        """Write a file unless it holds the same already.

        Args:
            name: Its path in the folder, separated by `/`.
            text: What it is to hold.
        """
        content = text.encode()
        digest = hashlib.sha256(content).hexdigest()
        path = self.root / name
        before = _digest(path)
        if before is not None and before not in {digest, *self._known.get(name, ())}:
            self.kept.append(name)
            return
        self._now[name] = digest
        if before == digest:
            return
        self._log.write(_listed({name: digest}))
        self._log.flush()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._replace(path, content)
        self.written += 1

    def clear(self, built: str) -> None:
        """Remove what exports made: their files, and a built folder.

        Args:
            built: The built folder's place in this folder.
        """
        with self:
            pass  # What is not written again is removed.
        if (self.root / built / MANIFEST).exists():
            shutil.rmtree(self.root / built)

    @contextmanager
    def building(self) -> Iterator[Path]:
        """A folder beside the others to build something in; gone at the end of the block."""
        with tempfile.TemporaryDirectory(prefix=_BUILDING, dir=self.root) as path:
            yield Path(path)

    def swap(self, built: Path, name: str) -> None:
        """Put a built folder in the place of that of an earlier export.

        Args:
            built: The folder, which is moved.
            name: The place in this folder.

        Raises:
            ExportFolderError: There is a folder of this name that no export made.
        """
        place = self.root / name
        (built / MANIFEST).touch()
        if not place.exists():
            built.rename(place)
            return
        if not (place / MANIFEST).exists():
            raise ExportFolderError(
                place, f"{place} was made by no export. Move it away, and export again."
            )
        with self.building() as aside:
            place.rename(aside / name)
            built.rename(place)

    def _remove_others(self) -> None:
        for name, digests in self._known.items():
            path = self.root / name
            if name in self._now or (before := _digest(path)) is None:
                continue
            if before not in digests:
                self.kept.append(name)
                continue
            path.unlink()
            self.removed += 1
            if not any(path.parent.iterdir()):
                path.parent.rmdir()

    def _replace(self, path: Path, content: bytes) -> None:
        """Write a file so that no reader sees half of it."""
        part = self.root / f"{MANIFEST}.part"
        part.write_bytes(content)
        os.replace(part, path)  # noqa: PTH105 - its name says it

    def _read_manifest(self) -> dict[str, set[str]]:
        """File → the digests it may have: the last written, or the one before a crash."""
        known: dict[str, set[str]] = {}
        if self._manifest.exists():
            for line in self._manifest.read_text("utf-8").splitlines():
                digest, separator, name = line.partition("  ")
                path = self.root / name
                if separator and path.resolve().is_relative_to(self.root.resolve()):
                    known.setdefault(name, set()).add(digest)
        return known


def _digest(path: Path) -> str | None:
    """The digest of a file's content; None where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _listed(files: dict[str, str]) -> str:
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
