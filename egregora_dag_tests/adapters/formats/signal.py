"""The ways signal-export and sigtop have written chats of Signal down."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from egregora_dag_tests.adapters.conversation import Format, Said

_ALL: Final = frozenset({"message", "system", "media"})
_SENT: Final = "%a, %-d %b %Y %H:%M:%S %z"
_IMAGES: Final = ("png", "jpg", "jpeg", "gif", "tif", "tiff", "webp")
_MIMETYPES: Final = {
    "image": "image/jpeg",
    "video": "video/mp4",
    "audio": "audio/aac",
    "document": "application/pdf",
}


def attached(name: str) -> str:
    """How signal-export links a file."""
    mark = "!" if name.rpartition(".")[2] in _IMAGES else ""
    path = re.sub(r"\s", "%20", name)
    return f"{mark}[{name}](./media/{path})  "


def _markdown(clock: str, *, quotes: bool, ends: str) -> Callable[[Sequence[Said], Path], Path]:
    def write(said: Sequence[Said], folder: Path) -> Path:
        chat = folder / "Lovelace"
        chat.mkdir(exist_ok=True)
        path = chat / ("chat.md" if quotes else "index.md")
        parts = []
        for one in said:
            quote = ""
            if quotes and one.reply_to is not None:
                quoted = said[one.reply_to].text.replace("\n", "\n> ")
                quote = f"\n\n> {quoted}\n\n"
            files = attached(one.media) if one.media else ""
            body = f"{one.text.replace('`', '')}  {files}"
            parts.append(f"[{one.time:{clock}}] {one.author}: {quote}{body}{ends}")
        path.write_text("".join(parts), "utf-8")
        return path

    return write


def recipient(name: str) -> str:
    """A name with what sigtop adds to it."""
    return f"{name} (+{sum(map(ord, name)):011})"


def _fields(said: Sequence[Said], folder: Path) -> Path:
    path = folder / "Book club (group).txt"
    parts = ["Conversation: Book club (group)\n\n"]
    for one in said:
        kind = "group-v2-change" if one.author is None else "incoming"
        if one.author is not None:
            parts.append(f"From: {recipient(one.author)}\n")
        parts.append(f"Type: {kind}\nSent: {one.time:{_SENT}}\nReceived: {one.time:{_SENT}}\n")
        if one.media:
            mime = _MIMETYPES[one.media_type or "document"]
            parts.append(f"Attachment: {one.media} ({mime}, 123 bytes)\n")
        mark = "| " if one.edited else ""
        if one.edited:
            parts.append(f"Edited: 2 versions\n\n| Version: 2\n| Sent: {one.time:{_SENT}}\n")
        if one.reply_to is not None:
            quoted = said[one.reply_to]
            quote = [
                "",
                f"> From: {recipient(quoted.author or '')}",
                f"> Sent: {quoted.time:{_SENT}}",
                ">",
                *(f"> {line}" for line in quoted.text.split("\n")),
            ]
            parts += [f"{mark}{line}\n" for line in quote]
        if one.text:
            parts += [f"{mark}\n", *(f"{mark}{line}\n" for line in one.text.split("\n"))]
        if one.edited:
            parts.append(f"|\n| Version: 1\n| Sent: {one.time:{_SENT}}\n|\n| before\n")
        parts.append("\n")
    path.write_text("".join(parts), "utf-8")
    return path


def _short(said: Sequence[Said], folder: Path) -> Path:
    path = folder / "Book club (group).txt"
    lines = []
    for one in said:
        details = []
        if one.reply_to is not None:
            quoted = said[one.reply_to]
            details.append(f"reply to {quoted.author} on {quoted.time:%Y-%m-%d %H:%M}")
        details += ["edited"] * one.edited + ["1 attachment"] * (one.media is not None)
        told = f" [{', '.join(details)}]" if details else ""
        text = f" {one.text}" if one.text else ""
        lines.append(f"{one.time:%Y-%m-%d %H:%M} {one.author}:{told}{text}\n")
    path.write_text("".join(lines), "utf-8")
    return path


_SAID: Final = frozenset({"message", "media"})

FORMATS: Final[Mapping[str, Format]] = {
    "signal export": Format(
        _markdown("%Y-%m-%d %H:%M:%S", quotes=True, ends="\n\n"), _SAID, seconds=True
    ),
    "signal export of 2023": Format(_markdown("%Y-%m-%d, %H:%M", quotes=True, ends="\n\n"), _SAID),
    "signal export of 2019": Format(_markdown("%Y-%m-%d %H:%M", quotes=False, ends="\n"), _SAID),
    "signal sigtop": Format(_fields, _ALL, replies=True, edits=True, seconds=True),
    # It tells how many files came with a message, but not which.
    "signal sigtop text-short": Format(_short, frozenset({"message"}), edits=True),
}
