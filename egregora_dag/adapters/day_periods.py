"""Words that say which half, or which part, of the day a twelve-hour clock means.

They are those of Unicode's CLDR (version 47, `dayPeriods`), of every language in which they are no
other language's opposite, without dots and spaces, and case-folded.
"""

import re
import unicodedata
from typing import Final

# A day's first hour and the hour at which it ends; a night's end is smaller than its beginning.
Hours = tuple[int, int]

_BEFORE_NOON: Final = """
am a ap vorm vormittag vormittags fm förmiddag formiddag de délelőtt dopołudnia dop dopol dopoledne
od odp. i/m pg pagi/siang sa öö gn πμ дп ап тң эи таңкы преподне претпл проб קבוצת לפנהצ לפנה״צ
ص صباحا صباحًا قظ قبلازظهر قبل‌ازظهر ق‌ظ अपू पूर्वाह्न पूर्वा एएम এএম ପୂର୍ବାହ୍ନ ਪੂਦੁ ఉ పూర్వాహ్నం முற்பகல்
පෙව ก่อนเที่ยง ກ່ອນທ່ຽງ နံနက် ጥዋት ረፋድ 上午 午前 오전 fh vm mat matin mañana paradite pd prijepodne
priešpiet rn hengihengi makeo asubuhi karoon yb mzn tefiafi dinda piopensuno ft ib dopol. üö
"""
_AFTER_NOON: Final = """
pm p ip nachm nachmittag nachmittags em eftermiddag ettermiddag du délután popołudniu odpoledne
odpol pop popoldne ptg sore/malam ch ös nm μμ пп түш үх тк попладне попл слоб אחהצ אחה״צ
م مساء مساءً بظ بعدازظهر بعد‌ازظهر ب‌ظ अपराह्न पीएम পিএম ଅପରାହ୍ନ ਬਾਦੁ సా అపరాహ్నం பிற்பகல்
පව หลังเที่ยง ຫຼັງທ່ຽງ ညနေ ከሰዓት 下午 午後 오후 eh namittag soir tarde tardes pasdite md poslijepodne
popiet wb efiafi alasiri kooskoliny ym eb ea sore petang
"""
_PARTS: Final[dict[Hours, str]] = {
    (0, 6): "凌晨 半夜 深夜 midnight 午夜 子夜 새벽 রাত্রি",
    (4, 12): "清晨 早上 早晨 सुबह সকাল ভোর காலை صبح morning mañana pagi सकाळ",
    (11, 15): "中午 正午 noon दोपहर দুপুর மதியம் ظهر 낮 siang tengahhari",
    (12, 20): "बादमे বিকাল বিকেল மாலை شام afternoon 傍晚 दुपार",
    (16, 24): "晚上 शाम সন্ধ্যা evening 저녁 noche noches 晚间 संध्याकाळ",
    (19, 5): "रात রাত இரவு 夜晚 夜 밤 night malam रात्री شب",
}

# Signs that are no part of a word: dots, and spaces of any width.
_BETWEEN: Final = "\\.?[ \u00a0\u2009\u200c\u202f]?"
_IGNORED: Final = re.compile(r"[\s.\u200b-\u200f\u2066-\u2069\u202a-\u202e]+")


def normalized(word: str) -> str:
    """A word as `PERIODS` has it."""
    return _IGNORED.sub("", unicodedata.normalize("NFKC", word)).casefold()


PERIODS: Final[dict[str, Hours]] = {
    normalized(word): hours
    for hours, words in (*_PARTS.items(), ((0, 12), _BEFORE_NOON), ((12, 24), _AFTER_NOON))
    for word in words.split()
}


def pattern() -> str:
    """A regular expression (RE2 and Python) for any of the words, in either case, dotted or not."""
    longest_first = sorted(PERIODS, key=len, reverse=True)
    return f"(?i:{'|'.join(_dotted(word) for word in longest_first)})"


def _dotted(word: str) -> str:
    # Only short ones are abbreviations, which may be written `a. m.`.
    short = len(word) <= 3
    letters = [re.escape(letter) for letter in word]
    return (f"{_BETWEEN}".join(letters) if short else "".join(letters)) + r"\.?"


def hour_of_day(hour: int, word: str) -> int | None:
    """The hour, 0 to 23, that a twelve-hour clock means.

    Args:
        hour: As written; above 12 it speaks for itself.
        word: What is written beside it, in any form.

    Returns:
        The hour; None if the word is not known.
    """
    period = PERIODS.get(normalized(word))
    if period is None:
        return None
    if hour > 12:
        return hour
    begin, end = period
    length = (end - begin) % 24
    middle = begin + length / 2

    def distance(candidate: int) -> float:
        return abs((candidate + 0.5 - middle + 12) % 24 - 12)

    return min(hour % 12, hour % 12 + 12, key=distance)
