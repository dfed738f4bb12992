"""Exports of chats, as phones and loggers write them."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_TALK = (
    ("Ines", "The tide gauge at the slipway reads 40 cm too high since the storm."),
    ("Bram", "Did the float get stuck, or is it the cable again?"),
    ("Ines", "The cable. It came off the wheel, I can see it from the quay."),
    ("Oona", "I can bring the ladder and the spare cable on Saturday morning"),
    ("Bram", "Agreed. Low water is at 09:40, so let us meet at nine."),
    ("Oona", "Nine it is. Who brings coffee?"),
    ("Ines", "I do, and the old logbook so that we can compare the readings."),
    ("Bram", "The harbour office wants the corrected readings by Monday."),
    ("Oona", "Then we write them down together on Saturday."),
)

BROKEN: Final[Mapping[str, bytes]] = {
    "a letter.txt": b"Dear Sir or Madam,\nthis is not a chat.\n",
    "an archive cut off.zip": b"PK\x03\x04\x14\x00\x00\x00\x08\x00" + bytes(200),
    "nothing.txt": b"",
    "random.bin": bytes(range(256)) * 8,
    "table.parquet": b"PAR1, or so it says",
}


def whatsapp(folder: Path, title: str, *, days: int = 4) -> Path:
    """An export with a conversation on each of some days, nine messages long, in a folder.

    Args:
        folder: Where to write it.
        title: The chat's title.
        days: How many days the chat goes on.

    Returns:
        The file, named like the phone names it.
    """
    path = folder / f"WhatsApp Chat with {title}.txt"
    lines = [f"03/06/2025, 08:00 - Ines created group “{title}”"]
    lines += [
        f"{3 + day:02}/06/2025, 18:{10 + 2 * number:02} - {author}: {text} (day {day + 1}, {title})"
        for day in range(days)
        for number, (author, text) in enumerate(_TALK)
    ]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def crowd(folder: Path, channel: str, people: Sequence[str]) -> Path:
    """A day's log of a channel in which each of many people says something, in a folder."""
    path = folder / f"{channel}.2025-06-06.txt"
    lines = [
        f"[{8 + n // 60:02}:{n % 60:02}] <{who}> The gauge read {40 + n} cm when I passed by."
        for n, who in enumerate(people)
    ]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def irc(folder: Path, channel: str) -> Path:
    """A day's log of a channel with two conversations, in a folder; its name tells the date."""
    path = folder / f"{channel}.2025-06-05.txt"
    lines = [
        f"[{hour:02}:{10 + 2 * number:02}] <{author.lower()}> {text}"
        for hour in (7, 19)
        for number, (author, text) in enumerate(_TALK)
    ]
    path.write_text("\n".join(["=== oona has joined", *lines]) + "\n", "utf-8")
    return path


def damaged_archive(export: Path) -> bytes:
    """A zip archive whose table of contents is whole while its content is not."""
    path = export.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(export, export.name)
    content = bytearray(path.read_bytes())
    start = len(export.name) + 30
    content[start : start + 40] = bytes(range(200, 240))
    return bytes(content)
