"""Stretches of chats with the human annotation of what answers what."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from egregora_dag.adapters.importing import import_file, scratch_database
from egregora_dag.adapters.irc import IrcAdapter
from egregora_dag.adapters.protocol import ExportFile

_RAW, _ANNOTATION = ".raw.txt", ".annotation.txt"
# Lines before this one are context.
_FIRST_LINE = 1000


@dataclass(frozen=True)
class Stretch:
    """Messages of which some are annotated.

    Attributes:
        name: The file's, without its endings.
        messages: Columns `timestamp`, `author`, `kind`, `content`.
        first: The row from which on they are annotated.
        links: Pairs of rows, the later first; a row with itself starts a conversation.
    """

    name: str
    messages: pa.Table
    first: int
    links: frozenset[tuple[int, int]]


def read_stretches(folder: Path) -> list[Stretch]:
    """Read each NAME.raw.txt of a folder with its NAME.annotation.txt, in the order of names.

    Raises:
        FileNotFoundError: The folder has none, or an annotation is missing.
    """
    found = sorted(folder.glob(f"*{_RAW}"))
    if not found:
        raise FileNotFoundError(f"{folder} has no file *{_RAW}.")
    return [_read(path) for path in found]


def _read(raw: Path) -> Stretch:
    with scratch_database() as scratch:
        import_file(
            scratch,
            ExportFile.open(raw),
            IrcAdapter(),
            chat=None,
            thread="evaluation",
            timezone="UTC",
        )
        messages = scratch.execute(
            "SELECT timestamp, author, kind, content, metadata.line - 1 AS line "
            "FROM imported ORDER BY position"
        ).to_arrow_table()
    row_of = {line: row for row, line in enumerate(messages["line"].to_pylist())}
    name = raw.name.removesuffix(_RAW)
    annotation = raw.with_name(name + _ANNOTATION).read_text(encoding="utf-8")
    pairs = [sorted(map(int, line.split()[:2])) for line in annotation.splitlines()]
    return Stretch(
        name=name,
        messages=messages.drop_columns("line"),
        first=min(row for line, row in row_of.items() if line >= _FIRST_LINE),
        links=frozenset((row_of[b], row_of[a]) for a, b in pairs if b >= _FIRST_LINE),
    )
