"""Text of a chat as plain text or as Markdown, with nothing in it that a reader would run."""

import re
from collections.abc import Iterator
from typing import Final

URL: Final = re.compile(r"https?://[^\s<>\"'`\\\x00-\x1f\x7f\u200e-\u202e\u2066-\u2069]+", re.I)
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
_LINE_START: Final = re.compile(r"[#+\-=:]|\d+(?=[.)])")
_MARKUP: Final = re.compile(r"[\\`*_{}\[\]|~$^&<>]")
_ESCAPES: Final = str.maketrans(
    {char: "\\" + char for char in "\\`*_{}[]|~$^"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
)


def plain(text: str) -> str:
    """One line of plain text that stays inert even where a template forgets to escape it.

    Args:
        text: Any text.

    Returns:
        The text on one line without control characters; angle brackets and backticks replaced by
        look-alikes, Markdown links broken.
    """
    line = one_line(text).replace("<", "‹").replace(">", "›")
    return line.replace("`", "ʼ").replace("](", "] (")


def escape(text: str) -> str:
    """Markdown that shows a text as it is; http and https links become autolinks.

    Args:
        text: Any text; it is put on one line.

    Returns:
        One line of Markdown with no markup and no HTML of the text's own.
    """
    line = one_line(text)
    parts, end = [], 0
    for url, start in urls(line):
        parts += [_escaped(line[end:start]), f"<{url}>"]
        end = start + len(url)
    shown = "".join([*parts, _escaped(line[end:])])
    mark = _LINE_START.match(shown)
    if not mark:
        return shown
    # A number is followed by the mark that makes a list of it.
    at = mark.end() if mark[0][0].isdigit() else 0
    return f"{shown[:at]}\\{shown[at:]}"


def one_line(text: str) -> str:
    """A text without line breaks, runs of spaces and invisible control characters.

    Args:
        text: Any text.

    Returns:
        Its words with one space between them.
    """
    if text.isprintable() and "  " not in text:
        return text.strip()
    return " ".join(_INVISIBLE.sub("", text).split())


def urls(text: str) -> Iterator[tuple[str, int]]:
    """The links in a text.

    Args:
        text: Any text.

    Yields:
        Each http or https link, without the punctuation after it, and where it begins.
    """
    if "://" not in text:
        return
    for match in URL.finditer(text):
        url = match[0].rstrip(".,;:!?)]}*_~|’”")
        if len(url) > len("https://"):
            yield url, match.start()


def without_urls(text: str, instead: str = "") -> str:
    """A text with its links taken out.

    Args:
        text: Any text.
        instead: What is put where a link stood.

    Returns:
        The text without links.
    """
    return URL.sub(instead, text) if "://" in text else text


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES) if _MARKUP.search(text) else text
