"""WhatsApp: every way in which a header may be written, in combinations."""

import random
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, Final

from egregora_dag_tests.adapters.conversation import Format, Said

_ORDERS = ("{d}{s}{m}{s}{y}", "{m}{s}{d}{s}{y}", "{y}{s}{m}{s}{d}")
_RARE_ORDERS = ("{y}{s}{d}{s}{m}", "{d}{s}{y}{s}{m}", "{m}{s}{y}{s}{d}")
# Words for the two halves of the day, and whether they stand before or behind the time.
_HALVES = (
    None,
    ("AM", "PM", "{t} {h}"),
    ("am", "pm", "{t} {h}"),
    ("AM", "PM", "{t}{h}"),
    ("a.m.", "p.m.", "{t} {h}"),
    ("a. m.", "p. m.", "{t} {h}"),
    ("a.\u00a0m.", "p.\u00a0m.", "{t}\u00a0{h}"),
    ("AM", "PM", "{t}\u202f{h}"),
    ("am", "pm", "{t}\u2009{h}"),
    ("π.μ.", "μ.μ.", "{t} {h}"),
    ("ΠΜ", "ΜΜ", "{t} {h}"),
    ("ص", "م", "{t} {h}"),
    ("ق.ظ.", "ب.ظ.", "{t} {h}"),
    ("오전", "오후", "{h} {t}"),
    ("上午", "下午", "{h}{t}"),
    ("午前", "午後", "{h}{t}"),
    ("ÖÖ", "ÖS", "{h} {t}"),
    ("पूर्वाह्न", "अपराह्न", "{h} {t}"),
    ("vorm.", "nachm.", "{t} {h}"),
    ("SA", "CH", "{t} {h}"),
)
_DIGITS = ("0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "০১২৩৪৫৬৭৮৯")
_BETWEEN = (", ", " ", "، ", " at ", " um ", " à ", " alle ", " a las ", " kl. ")
_ENDS = ("[{}] ", "{} - ", "{} – ", "{}: ", "{} ")


@dataclass(frozen=True)
class Style:
    """How a phone writes a header.

    Attributes:
        order: Order of day, month and year.
        separator: What stands between them.
        long_year: Whether years have four digits.
        padded: Whether days, months and hours have two digits.
        between: What stands between date and time.
        colon: What stands between hours and minutes.
        seconds: Whether there are seconds.
        half: Words for the halves of the day; None for a 24-hour clock.
        digits: The ten digits.
        end: What is around, and behind, the header.
        marks: Whether marks of direction stand in the header.
    """

    order: str = _ORDERS[0]
    separator: str = "/"
    long_year: bool = True
    padded: bool = True
    between: str = ", "
    colon: str = ":"
    seconds: bool = False
    half: tuple[str, str, str] | None = None
    digits: str = _DIGITS[0]
    end: str = "{} - "
    marks: bool = False

    def header(self, said: Said) -> str:
        """The header of a message, in UTC."""
        time, width = said.time, 2 if self.padded else 1
        date = self.order.format(
            d=f"{time.day:0{width}}",
            m=f"{time.month:0{width}}",
            y=time.year if self.long_year else f"{time.year % 100:02}",
            s=("\u200f" if self.marks else "") + self.separator,
        )
        hour = time.hour if self.half is None else (time.hour - 1) % 12 + 1
        clock = f"{hour:0{width}}{self.colon}{time:%M}"
        if self.seconds:
            clock += f"{self.colon}{time:%S}"
        if self.half:
            clock = self.half[2].format(t=clock, h=self.half[time.hour >= 12])
        text = self.end.format(f"{date}{self.between}{clock}")
        return ("\u200e" if self.marks else "") + text.translate(
            str.maketrans(_DIGITS[0], self.digits)
        )

    def write(self, said: Sequence[Said], folder: Path) -> Path:
        """The phone's `.txt`."""
        path = folder / "WhatsApp Chat with Friends.txt"
        lines = (f"{self.header(one)}{_body(one, iphone=self.end[0] == '[')}\n" for one in said)
        path.write_text("".join(lines), "utf-8", newline="")
        return path


def _body(said: Said, *, iphone: bool) -> str:
    text = said.text
    if said.media:
        caption = f"\n{text}" if text else ""
        tag = f"\u200e<attached: {said.media}>" if iphone else f"{said.media} (file attached)"
        text = tag + caption
    text = {"deleted": "This message was deleted"}.get(said.kind, text)
    if said.edited:
        text += " \u200e<This message was edited>"
    return text if said.author is None else f"{said.author}: {text}"


_CHOICES: Final[Mapping[str, Sequence[Any]]] = {
    "order": _ORDERS,
    "separator": ("/", ".", "-", ". "),
    "long_year": (True, False),
    "padded": (True, False),
    "between": _BETWEEN,
    "colon": (":", "."),
    "seconds": (False, True),
    "half": _HALVES,
    "digits": _DIGITS,
    "end": _ENDS,
    "marks": (False, True),
}


def styles(count: int, seed: int = 5) -> Iterator[Style]:
    """Combinations in which each choice occurs, the last ones at random."""
    assert set(_CHOICES) == {field.name for field in fields(Style)}
    chooser = random.Random(seed)
    for number in range(count):
        picked = {
            name: options[number % len(options)]
            if chooser.random() < 0.5
            else chooser.choice(options)
            for name, options in _CHOICES.items()
        }
        yield Style(**picked)


def _archive(said: Sequence[Said], folder: Path, style: Style, member: str) -> Path:
    text = style.write(said, folder)
    path = folder / "WhatsApp Chat - Friends.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(text, member)
        for one in said:
            if one.media:
                archive.writestr(one.media, b"\xff\xd8")
    return path


def _format(write: Any, style: Style) -> Format:
    return Format(
        write,
        kinds=frozenset({"message", "system", "media"}),
        edits=True,
        seconds=style.seconds,
    )


_IPHONE: Final = Style(seconds=True, end="[{}] ", marks=False)

FORMATS: Final[Mapping[str, Format]] = {
    "whatsapp android": _format(Style().write, Style()),
    "whatsapp android zip": _format(
        partial(_archive, style=Style(), member="WhatsApp Chat with Friends.txt"), Style()
    ),
    "whatsapp iphone zip": _format(partial(_archive, style=_IPHONE, member="_chat.txt"), _IPHONE),
    **{
        f"whatsapp rare order {number}": _format(Style(order=order).write, Style())
        for number, order in enumerate(_RARE_ORDERS)
    },
    **{
        f"whatsapp style {number}": _format(style.write, style)
        for number, style in enumerate(styles(80))
    },
}
