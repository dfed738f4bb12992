"""Prompts, and how texts of a chat are put beside them as data."""

import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

# Bytes of UTF-8 that make a token, about: four letters of English, two Cyrillic, one Chinese sign.
_BYTES_A_TOKEN: Final = 4


def prompt(name: str, folder: Path | None = None) -> str:
    """The instructions for a task.

    Args:
        name: `post`, `merge` or `judge`.
        folder: Where `NAME.md`, if there, takes the place of the package's prompt.

    Returns:
        The text of the prompt.
    """
    own = folder / f"{name}.md" if folder else None
    if own and own.is_file():
        return own.read_text("utf-8")
    return files("egregora_dag.llm").joinpath("prompts", f"{name}.md").read_text("utf-8")


def line(record: Mapping[str, Any]) -> str:
    """A record as one line of JSON that holds no `<`, so that nothing in it can end a block.

    Args:
        record: What to tell; None is left out.

    Returns:
        The line.
    """
    told = {name: value for name, value in record.items() if value is not None}
    return json.dumps(told, ensure_ascii=False).replace("<", "\\u003c")


def block(name: str, lines: Iterable[str]) -> str:
    """Lines of data between tags of this name.

    Args:
        name: The name of the tag.
        lines: What `line` made.

    Returns:
        The block.
    """
    return "\n".join([f"<{name}>", *lines, f"</{name}>"])


def cut(text: str, limit: int) -> str:
    """The beginning of a text.

    Args:
        text: Any text.
        limit: About how many tokens of it.

    Returns:
        The text, cut where it takes more.
    """
    kept = text.encode("utf-8", "replace")[: limit * _BYTES_A_TOKEN].decode("utf-8", "ignore")
    return text if len(kept) >= len(text) else f"{kept}…"


def tokens(text: str) -> int:
    """About how many tokens a text takes.

    Args:
        text: Any text.

    Returns:
        A quarter of its bytes in UTF-8, rounded up.
    """
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_A_TOKEN)
