"""How a WhatsApp file begins its messages, found from the whole file.

Phones write date, time and what separates them as their language and region do. A sample of the
file's lines is matched against one lenient grammar; the form that most of them share is the file's,
and only lines of exactly that form begin a message. So a line that is quoted from elsewhere, in
another form, stays part of the message it stands in.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from egregora_dag.adapters import day_periods
from egregora_dag.adapters.dates import Written

# Marks of writing direction, which phones put around names, dates and attachments.
MARKS: Final = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
SPACES: Final = " \t\u00a0\u2009\u202f\u3000"
# Before a name's colon they say that the application tells of something that holds one.
QUOTES: Final = '"“”„«»'
_DROP_MARKS: Final = dict.fromkeys(map(ord, MARKS))
_PERIOD: Final = day_periods.pattern()
_GAP: Final = f"[{SPACES}]"

# Date, what stands between, time, what stands behind it. A word between is at most two words long.
_GENERAL: Final = re.compile(
    rf"""^{_GAP}*(?P<open>\[?)
    (?P<date>\d{{1,4}}{_GAP}?(?P<separator>[-/.]){_GAP}?\d{{1,4}}{_GAP}?(?P=separator){_GAP}?\d{{1,4}}
      (?!\d))(?P<dot>\.?)
    (?P<between>[,،、]?{_GAP}+(?:[^\W\d_]+\.?{_GAP}+){{0,2}}?|[,،、]|(?={_PERIOD}))
    (?P<clock>(?P<before>{_PERIOD}{_GAP}*)?
      \d{{1,2}}(?P<colon>[:.]|{_GAP}?h{_GAP}?)\d\d(?P<second>(?:(?P=colon)|[:.])\d\d)?
      (?P<after>{_GAP}*{_PERIOD}(?!\w))?)
    (?P<end>{_GAP}?\]{_GAP}?|{_GAP}*[-–—](?:{_GAP}|$)|:{_GAP}|{_GAP}|$)""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Form:
    """How a header is written, but for its numbers.

    Attributes:
        bracketed: Whether it stands in square brackets.
        separator: What stands between the numbers of a date.
        between: The words between date and time, spaces folded.
        colon: What stands between hours and minutes.
        seconds: Whether there are seconds.
        period: Whether the half of the day stands `before` or `after` the time, or not at all.
        end: What ends it: `]`, a dash, `:` or nothing.
    """

    bracketed: bool
    separator: str
    between: str
    colon: str
    seconds: bool
    period: str
    end: str

    def pattern(self, *, any_digit: bool, marks: bool, spaced: bool) -> str:
        """Headers of this form, and names, as a regular expression (RE2).

        Wherever it may go on in two ways, the next byte tells which: then RE2 needs one pass.

        Args:
            any_digit: Whether digits are those of any script.
            marks: Whether marks of direction may stand anywhere in the header.
            spaced: Whether a space always stands behind the header.

        Returns:
            The pattern, with groups head (without the space behind it), date, clock and name. The
            name is empty if it holds a colon itself.
        """
        digit = r"\p{Nd}" if any_digit else r"\d"
        mark = f"[{MARKS}]*" if marks else ""
        gap = f"[{SPACES}{MARKS if marks else ''}]"
        part = f"{mark}{gap}?{re.escape(self.separator)}{mark}{gap}?"
        date = part.join([f"{digit}{{1,4}}"] * 3)
        words = [re.escape(word) for word in self.between.split()]
        comma = words.pop(0) if words and words[0] in ",،、" else ""
        between = f"{mark}{comma}{gap}*" + "".join(f"{word}{gap}+" for word in words)
        if not comma and not words and self.period != "before":
            between = f"{mark}{gap}+"
        colon = f"{mark}{gap}?h{gap}?" if self.colon == "h" else f"{mark}[:.]"
        time = f"{digit}{{1,2}}{colon}{digit}{{2}}" + f"{mark}[:.]{digit}{{2}}" * self.seconds
        clock = {
            "": time,
            "before": f"{mark}{_PERIOD}{gap}*{time}",
            "after": f"{time}{gap}*{_PERIOD}",
        }[self.period]
        bracket = rf"{gap}?\]{mark if spaced else f'{gap}?'}"
        end = {"]": bracket, ":": ":", "": ""}.get(self.end, f"{gap}*{self.end}")
        opening = rf"\[{mark}" if self.bracketed else ""
        head = rf"([{MARKS}{SPACES}]*{opening}({date})\.?{between}({clock}){mark}{end})"
        name = f"(?:([^:{QUOTES}]+): )?"
        return f"^{head}(?:[{SPACES}]{name}|$)" if spaced else f"^{head}{name}"


@dataclass(frozen=True)
class Found:
    """The form of a file's headers, and what it was found from.

    Attributes:
        form: The form.
        pattern: Its regular expression.
        spaced: Whether a space always stands behind a header.
        others: Numbers of lines that begin in another form, and in which.
    """

    form: Form
    pattern: str
    spaced: bool
    others: Sequence[tuple[int, Form]]
    own: Sequence[int]


def form_of(line: str) -> Form | None:
    """The form in which a line begins, if it may begin a message."""
    form, _ = _header(line)
    return form


def _header(line: str) -> tuple[Form | None, str]:
    """The form in which a line begins, and the header itself."""
    plain = line.translate(_DROP_MARKS)
    match = _GENERAL.match(plain)
    if match is None or bool(match["open"]) != ("]" in match["end"]):
        return None, ""
    between = " ".join(re.sub("([,،、])", r" \1 ", match["between"]).split())
    form = Form(
        bracketed=bool(match["open"]),
        separator=match["separator"],
        between=between,
        colon="h" if "h" in match["colon"] else match["colon"],
        seconds=bool(match["second"]),
        period="before" if match["before"] else "after" if match["after"] else "",
        end=match["end"].strip(SPACES),
    )
    if len(plain) == len(line):
        return form, match[0]
    places = [place for place, character in enumerate(line) if character not in MARKS]
    return form, line[: places[match.end() - 1] + 1]


def found_in(lines: Iterable[tuple[int, str]]) -> Found | None:
    """The form in which a file begins its messages.

    Args:
        lines: Numbers and beginnings of a sample of its lines, in order.

    Returns:
        The form that most lines share, or the first line's if that is nearly as frequent, since
        exports begin with a header; None if no line may begin a message.
    """
    begun = ((number, *_header(text)) for number, text in lines)
    known = [(number, form, head) for number, form, head in begun if form]
    if not known:
        return None
    counts = Counter(form for _, form, _ in known)
    [(best, most)] = counts.most_common(1)
    first = known[0][1]
    form = first if counts[first] * 4 >= most else best
    heads = [head.lstrip(MARKS) for _, one, head in known if one == form]
    # Behind other signs it is part of the form.
    spaced = not form.bracketed or all(head[-1] in SPACES for head in heads)
    characters = set("".join(heads))
    pattern = form.pattern(
        any_digit=any(c.isdecimal() and not c.isascii() for c in characters),
        marks=not characters.isdisjoint(MARKS),
        spaced=spaced,
    )
    return Found(
        form,
        pattern,
        spaced,
        others=[(number, one) for number, one, _ in known if one != form],
        own=[number for number, one, _ in known if one == form],
    )


def written_date(text: str) -> Written:
    """The three numbers of a header's date, in digits of any script."""
    parts = re.findall(r"\d+", text.translate(_DROP_MARKS))
    first, second, third = (int(part) for part in parts)
    return Written((first, second, third), (len(parts[0]), len(parts[1]), len(parts[2])))


def clock_time(text: str) -> timedelta | None:
    """Time since midnight of a header's clock; None if no clock shows it."""
    plain = text.translate(_DROP_MARKS)
    hour, minute, *seconds = (int(part) for part in re.findall(r"\d+", plain))
    word = "".join(c for c in plain if not c.isdecimal() and c not in ":")
    if day_periods.normalized(word) not in {"", "h"}:
        told = day_periods.hour_of_day(hour, word)
        if told is None:
            return None
        hour = told
    second = seconds[0] if seconds else 0
    if second == 60:
        # A leap second counts as the one before it.
        second = 59
    if hour == 24 and minute == second == 0:
        hour = 0
    if hour > 23 or minute > 59 or second > 59:
        return None
    return timedelta(hours=hour, minutes=minute, seconds=second)
