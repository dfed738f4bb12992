"""E-mail addresses, phone numbers and card numbers in text, found and masked by DuckDB.

RE2 looks neither ahead nor behind. So one pattern cuts a text from left to right into things: what
is to be kept (links, words, dates, prices, …) stands in it beside what is to be masked, and what
comes first takes its characters. A number so never begins in the middle of another, and a date
never becomes part of a phone number. The pattern has no groups, with which RE2 is far slower; what
a thing is, is asked of it afterwards, in the same order.
"""

from typing import Final

EMAIL: Final = "[email]"
PHONE: Final = "[phone]"
CARD: Final = "[card]"

# The first stands between things, the other keeps dates away from numbers before them.
_MARKS: Final = "\x01\x02"
_SPACE: Final = r"[ \x{a0}\x{2007}\x{2009}\x{202f}]"
_DASH: Final = r"[\-\x{2010}-\x{2015}\x{2212}]"
_PLUS: Final = r"[+\x{ff0b}]"
# What stands between the digits of a phone number with its country's code.
_JOINT: Final = (
    r"[ \x{a0}\x{2007}\x{2009}\x{202f}\-\x{2010}-\x{2015}\x{2212}.()/"
    r"\x{200e}\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}]"
)
# Letters of scripts that put spaces between words; next to those of others, a number begins anew.
_LETTER: Final = r"\p{Latin}\p{Greek}\p{Cyrillic}_"
_CURRENCY: Final = r"[$€£¥₹₽₩₪₺₴฿₫]"
_CURRENCY_WORD: Final = (
    r"(?i:EUR|USD|GBP|CHF|BRL|JPY|INR|euros?|dollars?|reais|real|kr|zł|руб|p\.|р\.)"
)
# Where the digits of other scripts begin; each has ten in a row.
_ZEROS: Final = (
    *(0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66),
    *(0xE50, 0xED0, 0xF20, 0x1040, 0x17E0, 0x1810, 0xFF10),
)
_NUMBER_WORD: Final = (
    r"(?i:tel|telefone?|telefono|teléfono|telefon|phone|mobile|mob|cell|cel|celular|m[óo]vil|"
    r"telem[óo]vel|handy|whatsapp|zap|sms|callto|fax|тел|телефон)"
)

_EMAIL: Final = (
    rf"[{_LETTER}\p{{Nd}}][{_LETTER}\p{{Nd}}.%+'\-]*(?:@|%40)"
    rf"(?:[{_LETTER}\p{{Nd}}](?:[{_LETTER}\p{{Nd}}\-]*[{_LETTER}\p{{Nd}}])?\.)+[{_LETTER}]{{2,}}"
)
# A phone number in an address on the web; other digits there are left alone.
_LINKED: Final = (
    r"((?i:wa\.me/|[?&](?:phone|tel|number)=|#p/|(?:tel|sms|callto):))"
    r"(?:\+|%2B)?\p{Nd}{7,15}"
)
_DIGITS: Final = rf"\p{{Nd}}(?:{_JOINT}{{0,3}}\p{{Nd}}){{7}}"
_TIMES: Final = (
    rf"({_SPACE})(\p{{Nd}}{{1,2}}[:h]\p{{Nd}}{{2}}|\p{{Nd}}{{4}}[\-/.]\p{{Nd}}{{1,2}}[\-/.]\p{{Nd}}"
    rf"{{1,2}}|\p{{Nd}}{{1,2}}[\-/.]\p{{Nd}}{{1,2}}[\-/.](?:19|20)\p{{Nd}}{{2}})"
)

# What a thing can be, in the order it is tried; `kept` and `dates` stay.
_KINDS: Final = ("told", "kept", "explicit", "dates", "cards", "national")
# Groups of digits that phone numbers are written in, without a code or a nought in front.
_SHAPES: Final = (
    *((3, 3, 4), (3, 3, 3), (3, 4, 4), (3, 2, 2, 2), (3, 3, 2, 2), (2, 5, 4), (2, 1, 4, 4)),
    *((2, 3, 4), (2, 3, 2, 2), (1, 3, 3, 4), (1, 3, 3, 2, 2)),
)


def _numbers(d: str, zero: str, nonzero: str, century: str, end: str) -> tuple[str, ...]:
    """Patterns in the order of `_KINDS`.

    Args:
        d: A digit.
        zero: A nought.
        nonzero: Another digit.
        century: What years begin with.
        end: What ends a number; nothing where RE2 cannot tell.
    """
    gap = rf"(?:{_SPACE}?{_DASH}{_SPACE}?|{_SPACE})"
    thousands = rf"{d}{{1,3}}(?:[.,'’]{d}{{3}}|{_SPACE}{d}{{3}})"
    told = (
        rf"@{_PLUS}?{d}{{8,15}}",
        rf"{_NUMBER_WORD}\.?:{_SPACE}?{_PLUS}?\(?{d}(?:{_JOINT}{{0,2}}{d}){{6,14}}",
    )
    kept = (
        rf"#{d}+",
        rf"{_CURRENCY}{_SPACE}?(?:{thousands}+|{d}+)(?:[.,]{d}{{1,2}})?{end}",
        rf"{thousands}+(?:[.,]{d}{{1,2}})?{_SPACE}?(?:{_CURRENCY}|{_CURRENCY_WORD}{end})",
    )
    explicit = (
        # With the country's code.
        rf"(?:\({_PLUS}{d}{{1,4}}\)|{_PLUS}{_SPACE}?\(?)(?:{_JOINT}{{0,3}}{d}){{8,15}}",
        rf"{zero}{zero}{_JOINT}?{nonzero}{d}(?:{_JOINT}{{0,3}}{d}){{6,13}}{end}",
        # 06.12.34.56.78
        *(rf"{zero}{d}(?:{sign}{d}{d}){{4}}{end}" for sign in (r"\.", _DASH, _SPACE)),
        rf"{d}{{3}}\.{d}{{3}}\.{d}{{4}}{end}",
        rf"{zero}{d}{{1,4}}/{_SPACE}?{d}{{4,8}}(?:{gap}{d}{{1,4}}){{0,2}}{end}",
    )
    dates = (
        rf"{century}{d}{{3}}[\-/.]{d}{{1,2}}[\-/.]{d}{{1,2}}{end}",
        rf"{d}{{1,2}}[\-/.]{d}{{1,2}}[\-/.](?:{d}{{4}}|{d}{{2}}){end}",
        rf"{d}{{1,2}}{_SPACE}{d}{{1,2}}{_SPACE}(?:19|20){d}{{2}}{end}",
        rf"{d}{{1,3}}(?:{_SPACE}{zero}{{3}})+{end}",
        rf"{thousands}+[.,]{d}{{1,2}}{end}",
        # Amounts, times, addresses of computers, versions, decimal numbers.
        rf"{d}{{1,8}}(?:[.,:/'’]{d}{{1,8}})+{end}",
        rf"{d}{{1,3}}\.{d}{{4,}}{end}",
        rf"{d}{{20,}}",
    )
    cards = (
        rf"{d}{{13,19}}",
        *(
            rf"{d}{{4}}(?:{sign}{d}{{4}}){{2}}{sign}{d}{{1,4}}(?:{sign}{d}{{1,3}})?{end}|"
            rf"{d}{{4}}{sign}{d}{{6}}{sign}{d}{{4,5}}{end}|{d}{{6}}{sign}{d}{{13}}{end}"
            for sign in (_SPACE, _DASH)
        ),
    )
    national = (
        rf"{zero}{d}(?:[ \x{{a0}}\x{{202f}}\-\x{{2010}}-\x{{2015}}()]{{0,2}}{d}){{7,10}}{end}"
        if end
        else rf"{zero}{d}{{8,11}}|{zero}{d}{{1,4}}{gap}{d}{{6,8}}|"
        rf"{zero}{d}{{1,3}}{gap}{d}{{3,4}}{gap}{d}{{3,4}}(?:{gap}{d}{{2,4}})*",
        rf"\({d}{{2,5}}\){_SPACE}?{d}(?:(?:{_SPACE}|{_DASH}|\.)?{d}){{5,8}}{end}",
        *(gap.join(f"{d}{{{size}}}" for size in shape) + end for shape in _SHAPES),
        rf"{nonzero}{{2}}{gap}{d}{{4}}{gap}{d}{{4}}{end}",
        rf"[6-9]{d}{{4}}{_SPACE}{d}{{5}}{end}|9{d}{{4}}{_DASH}{d}{{4}}{end}",
        rf"{d}{{9,11}}{end}" if end else rf"{d}{{9,12}}",
    )
    return tuple("|".join(kind) for kind in (told, kept, explicit, dates, cards, national))


_KEPT_TEXT: Final = (
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|"
    r"[A-Za-z][A-Za-z0-9+.\-]*://[^\s<>\"]+|(?i:www\.)[^\s<>\"]+|"
    rf"(?:[{_LETTER}\p{{Nd}}\-]+\.)+[A-Za-z]{{2,}}/[^\s<>\"]*|"
    rf"[{_LETTER}][{_LETTER}\p{{M}}\p{{Nd}}]*|\p{{Nd}}+[{_LETTER}][{_LETTER}\p{{M}}\p{{Nd}}]*"
)


def _other_digits(first: int, last: int) -> str:
    """Those of all other scripts with these values."""
    ranges = (rf"\x{{{zero + first:x}}}-\x{{{zero + last:x}}}" for zero in _ZEROS)
    return f"[{''.join(ranges)}]"


_ASCII: Final = _numbers("[0-9]", "0", "[1-9]", "[12]", r"\b")
# Digits of other scripts are no part of words to RE2, so that it cannot tell where they end.
_OTHER: Final = _numbers(
    _other_digits(0, 9), _other_digits(0, 0), _other_digits(1, 9), _other_digits(1, 2), ""
)


def _things(numbers: tuple[str, ...]) -> str:
    told, *others = numbers
    return "|".join((told, _KEPT_TEXT, *others, r"\p{Nd}+"))


PATTERNS: Final = {
    "email": _EMAIL,
    "linked": _LINKED,
    "digits": _DIGITS,
    "times": _TIMES,
    "things": _things(_ASCII),
    "other_things": _things(_OTHER),
    "other_digit": _other_digits(0, 9),
    **{
        kind: f"{_KEPT_TEXT}|{one}|{other}" if kind == "kept" else f"{one}|{other}"
        for kind, one, other in zip(_KINDS, _ASCII, _OTHER, strict=True)
    },
    "before": rf"^((?:@|[\p{{L}}.]+:{_SPACE}?)?)[\s\S]*$",
}

# Whether there may be something to mask; most texts have nothing, and are not looked at further.
MAY_HOLD: Final = (
    "(contains({text}, '@') OR contains({text}, '%40') OR regexp_matches({text}, $digits))"
)

_FIGURES: Final = "".join(chr(zero + figure) for zero in _ZEROS for figure in range(10))
# ISO/IEC 7812-1: from the last digit on, every other one counts twice.
_IS_CARD: Final = f"""
list_sum(list_transform(string_split(reverse(regexp_replace(
    translate({{thing}}, '{_FIGURES}', '{"0123456789" * len(_ZEROS)}'), '[^0-9]', '', 'g')), ''),
  lambda digit, place: if(place % 2 = 0, 2 * digit::INT - if(digit::INT > 4, 9, 0), digit::INT)))
  % 10 = 0
"""
_WITHOUT_NUMBERS: Final = f"""
array_to_string(list_transform(
  string_split(regexp_replace(content, {{things}}, '\x01\\0\x01', 'g'), '\x01'),
  lambda thing, place: CASE
    WHEN place % 2 = 1 OR length(thing) < 8 THEN thing
    WHEN regexp_full_match(thing, $told) THEN regexp_replace(thing, $before, '\\1{PHONE}')
    WHEN regexp_full_match(thing, $kept) THEN thing
    WHEN regexp_full_match(thing, $explicit) THEN '{PHONE}'
    WHEN regexp_full_match(thing, $dates) THEN thing
    WHEN regexp_full_match(thing, $cards) THEN if({_IS_CARD.format(thing="thing")}, '{CARD}', thing)
    WHEN regexp_full_match(thing, $national) THEN '{PHONE}'
    ELSE thing END), '')
"""
_STEPS: Final = (
    f"translate(content, '{_MARKS}', '')",
    f"""if(contains(content, '@') OR contains(content, '%40'),
      regexp_replace(content, $email, '{EMAIL}', 'g'), content)""",
    f"""CASE WHEN regexp_matches(content, $digits) THEN regexp_replace(
      regexp_replace(content, $linked, '\\1{PHONE}', 'g'), $times, '\\1\x02\\2', 'g')
    ELSE content END""",
    f"""CASE WHEN regexp_matches(content, $digits) THEN {_WITHOUT_NUMBERS.format(things="$things")}
    ELSE content END""",
    f"""CASE WHEN regexp_matches(content, $other_digit)
      THEN {_WITHOUT_NUMBERS.format(things="$other_things")} ELSE content END""",
    "translate(content, '\x02', '')",
)


def masked(source: str) -> str:
    """A query for the rows of another with their `content` masked; it takes `PATTERNS`.

    Args:
        source: A query with a column `content`.

    Returns:
        The query.
    """
    query = source
    for step in _STEPS:
        query = f"SELECT * REPLACE ({step} AS content) FROM ({query})"  # noqa: S608 - constants
    return query
