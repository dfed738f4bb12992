"""Names of months as logs have them, in the languages that clients are used in."""

import unicodedata
from collections.abc import Iterator
from typing import Final

# Names of months as languages write them; what begins only one of them stands for it as well.
_MONTHS: Final = (
    "january janeiro enero januar jänner janvier gennaio januari ocak январь января يناير जनवरी",
    "february fevereiro febrero februar février febbraio februari şubat февраль февраля فبراير "
    "फ़रवरी फरवरी",
    "march março marzo märz mars maart mrt mart maret март марта مارس मार्च",
    "april abril avril aprile nisan апрель апреля أبريل ابريل अप्रैल",
    "may maio mayo mai maggio mei mayıs май мая مايو मई",
    "june junho junio juni juin giugno haziran июнь июня يونيو जून",
    "july julho julio juli juillet luglio temmuz июль июля يوليو जुलाई",
    "august agosto août augustus ağustos agustus agt ags август августа أغسطس اغسطس अगस्त",
    "september setembro septiembre septembre settembre eylül сентябрь сентября سبتمبر सितंबर सितम्बर",
    "october outubro octubre oktober octobre ottobre ekim октябрь октября أكتوبر اكتوبر अक्टूबर "
    "अक्तूबर",
    "november novembro noviembre novembre kasım ноябрь ноября نوفمبر नवंबर नवम्बर",
    "december dezembro diciembre dezember décembre dicembre aralık desember декабрь декабря "
    "ديسمبر दिसंबर दिसम्बर",
)


def _month_names() -> Iterator[tuple[str, int]]:
    """Each way to write a month, in lower case, and its number."""
    meanings: dict[str, set[int]] = {}
    for number, names in enumerate(_MONTHS, 1):
        for name in unicodedata.normalize("NFC", names).split():
            # Two letters with their signs are as much in Devanagari as three in other scripts.
            shortest = 2 if "\u0900" <= name[0] <= "\u097f" else 3
            for length in range(shortest, len(name) + 1):
                meanings.setdefault(name[:length], set()).add(number)
            meanings[name] = {number}
    return ((name, min(found)) for name, found in meanings.items() if len(found) == 1)


# Each way to write a month, in lower case → its number.
MONTHS: Final = dict(_month_names())
