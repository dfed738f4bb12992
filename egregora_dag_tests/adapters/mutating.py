"""Files broken at random, each of them again from its seed."""

import random
import shutil
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from egregora_dag.adapters.registry import ADAPTERS
from egregora_dag_tests.adapters.conversation import Format
from egregora_dag_tests.adapters.test_round_trip import FORMATS, expressible

# What readers have stumbled over: ends of lines, marks, NUL, quotes, brackets, numbers, half signs.
_PIECES: Final = (
    *(b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"\xfe", b"\xef\xbb\xbf", b"\xff\xfe", b"\t", b" "),
    *(b'"', b"'", b"\\", b"\\u0000", b"\\ud83d", b"[", b"]", b"{", b"}", b",", b":", b": ", b"[[["),
    *(b"null", b"true", b"-1", b"1e999", b"9" * 25, b"31/02/2024, 10:00 - ", b"99:99", b"PK\3\4"),
    *(
        "\u200e".encode(),
        "\u2028".encode(),
        "\x85".encode(),
        "😂".encode(),
        b"\xf0\x9f",
        b"\x1b[0m",
    ),
    *(b"9999-12-31T23:59:59", b"0000-00-00", b"\n\n\n", b"<attached: ", b"--- Log opened x\n"),
)
_MOST: Final = 1 << 20

Original = tuple[str, bytes, Mapping[str, Any]]


@dataclass(frozen=True)
class Broken:
    """A file to read, and what is said of it.

    Attributes:
        path: The file.
        options: Arguments of `inspect_export`.
        format: What it was made of.
        folder: The folder that was made for it.
    """

    path: Path
    options: Mapping[str, Any]
    format: str
    folder: Path

    def remove(self) -> None:
        """Remove it, and what it stands in."""
        shutil.rmtree(self.folder)


def originals(folder: Path) -> dict[str, Original]:
    """Every format's file: its place below the folder, its content, and how it is to be read."""
    found = {}
    for number, (name, format_) in enumerate(FORMATS.items()):
        own = folder / str(number)
        own.mkdir(parents=True)
        path = _written(format_, own)
        found[name] = (str(path.relative_to(own)), path.read_bytes(), format_.options)
    return found


def _written(format_: Format, folder: Path) -> Path:
    return format_.write(expressible(format_), folder)


def broken(files: Mapping[str, Original], seed: int, folder: Path) -> Broken:
    """One of the files, broken as the seed has it.

    Args:
        files: As `originals` returned.
        seed: Another one, another fault.
        folder: Where to write it.
    """
    chance = random.Random(seed)
    # The many ways to write WhatsApp's headers count as one.
    groups: dict[str, list[str]] = {}
    for name in files:
        groups.setdefault("whatsapp" if name.startswith("whatsapp ") else name, []).append(name)
    name = chance.choice(groups[chance.choice(sorted(groups))])
    place, data, options = files[name]
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    others = [content for _, content, _ in files.values()]
    if data.startswith(b"PK") and chance.random() < 0.7:
        path.write_bytes(data)
        _break_member(path, chance, others)
    else:
        path.write_bytes(_changed(data, chance, others))
    options = dict(options)
    if chance.random() < 0.2:
        options["source"] = chance.choice([adapter.source for adapter in ADAPTERS])
    if chance.random() < 0.2:
        options["day_first"] = chance.random() < 0.5
    return Broken(path, options, name, folder)


def _break_member(path: Path, chance: random.Random, others: Sequence[bytes]) -> None:
    """Break the content or the name of some of an archive's members."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    victims = chance.sample(sorted(members), chance.randint(1, min(2, len(members))))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            fate = chance.random() if name in victims else 1.0
            shown = chance.choice(
                (f"../{name}", f"x/{name}", f"{name}.bak", f"{name}.zip", f"é{name}")
            )
            archive.writestr(
                zipfile.ZipInfo(shown if fate < 0.2 else name),
                _changed(content, chance, others) if 0.2 <= fate < 1 else content,
                zipfile.ZIP_DEFLATED,
            )


def _changed(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        data = chance.choice(_CHANGES)(data, chance, others)[:_MOST]
    return data


def _place(data: bytes, chance: random.Random) -> int:
    return chance.randint(0, len(data))


def _flip(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    if not data:
        return data
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :]


def _end(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    return data[: _place(data, chance)]


def _cut(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    start = _place(data, chance)
    return data[:start] + data[start + chance.choice((1, 2, 8, 64, 1024)) :]


def _repeat(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    start = _place(data, chance)
    piece = data[start : start + chance.choice((1, 8, 64, 1024))]
    return data[:start] + piece * chance.choice((2, 3, 50)) + data[start:]


def _insert(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    start = _place(data, chance)
    return data[:start] + chance.choice(_PIECES) * chance.choice((1, 1, 1, 7)) + data[start:]


def _replace(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    start = _place(data, chance)
    piece = chance.choice(_PIECES)
    return data[:start] + piece + data[start + len(piece) :]


def _swap_lines(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    lines = data.split(b"\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def _splice(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    other = chance.choice(others)
    start, first = _place(data, chance), _place(other, chance)
    return data[:start] + other[first : first + chance.choice((16, 256, 4096))] + data[start:]


_CHANGES: Final[tuple[Callable[[bytes, random.Random, Sequence[bytes]], bytes], ...]] = (
    *(_flip, _end, _cut, _repeat, _insert, _insert, _replace, _swap_lines, _splice),
)
