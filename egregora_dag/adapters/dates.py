"""In which order a file's dates name day, month and year, found from all of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final

from egregora_dag.adapters.protocol import DateOrder

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2199
# Years of the Thai calendar, and by how much they run ahead.
_BUDDHIST: Final = range(2500, 2700)
_AHEAD: Final = 543
# A few lines that look like dates may be quoted from elsewhere.
_MOST_IMPOSSIBLE: Final = 0.05

# A date's three numbers as they are written, and how many digits each has.
Numbers = tuple[int, int, int]


@dataclass(frozen=True)
class Written:
    """A date as written.

    Attributes:
        numbers: Its three numbers.
        widths: How many digits each has.
    """

    numbers: Numbers
    widths: Numbers


@dataclass(frozen=True)
class Order:
    """One order of day, month and year.

    Attributes:
        name: Such as `day month year`.
        places: Where year, month and day stand among the three numbers.
        is_common: Whether people write so; one that is not must fit where the others cannot.
        is_rival: Whether it is so common that another like it makes a guess of the choice.
    """

    name: str
    places: Numbers
    is_common: bool = True
    is_rival: bool = False

    @property
    def day_first(self) -> bool:
        """Whether the day stands before the month."""
        return self.places[2] < self.places[1]

    def fits(self, written: Written) -> bool:
        """Whether the numbers can be a year, a month and a day at all."""
        year, month, day = (written.numbers[place] for place in self.places)
        widths = [written.widths[place] for place in self.places]
        return (
            widths[0] in {1, 2, 4}
            and max(widths[1:]) <= 2
            and 1 <= month <= 12
            and 1 <= day <= 31
            and (widths[0] == 4 or year < 100)
        )

    def date(self, written: Written) -> date | None:
        """The date; None if it does not exist or lies outside of 1970 to 2199."""
        year, month, day = (written.numbers[place] for place in self.places)
        if not self.fits(written):
            return None
        if written.widths[self.places[0]] < 4:
            year += 2000
        if year in _BUDDHIST:
            year -= _AHEAD
        try:
            return date(year, month, day) if FIRST_YEAR <= year <= LAST_YEAR else None
        except ValueError:
            return None

    def key(self, written: Written) -> Numbers:
        """What dates are in order by, whether they exist or not."""
        year, month, day = (written.numbers[place] for place in self.places)
        return year, month, day


# Where several fit, the first of them is taken.
ORDERS: Final = (
    Order("day month year", (2, 1, 0), is_rival=True),
    Order("month day year", (2, 0, 1), is_rival=True),
    Order("year month day", (0, 1, 2)),
    Order("year day month", (0, 2, 1), is_common=False),
    Order("day year month", (1, 2, 0), is_common=False),
    Order("month year day", (1, 0, 2), is_common=False),
)


def order_of(
    dates: Iterable[Written], day_first: bool | None = None
) -> tuple[Order, DateOrder] | None:
    """The order under which the dates exist and time moves forward.

    Args:
        dates: The dates in the order of the file.
        day_first: What the user says; the dates decide if None.

    Returns:
        The order and how it was found; None if the dates follow no single order.
    """
    # What is a date in no order at all says nothing of the order.
    written = [one for one in dates if any(order.fits(one) for order in ORDERS)]
    scores = {order: _score(order, written) for order in _candidates(written, day_first)}
    best = min(scores, key=lambda order: (scores[order][0], not order.is_common, scores[order][1]))
    impossible, _ = scores[best]
    if not written or impossible > _MOST_IMPOSSIBLE * len(written):
        return None
    others = {order: score for order, score in scores.items() if order != best}
    equal = [order for order, score in others.items() if score == scores[best]]
    names = " and ".join(order.name for order in (best, *equal) if order.is_rival)
    if " and " in names:
        found = f"dates fit {names}; the first was taken"
        return best, DateOrder(best.name, found, is_guess=True)
    if day_first is not None and best.day_first == day_first:
        return best, DateOrder(best.name, "as told")
    if any(score[0] == impossible for order, score in others.items() if order.is_rival):
        return best, DateOrder(best.name, "time moves forward in this order only")
    return best, DateOrder(best.name, "the dates exist in this order only")


def _candidates(written: Sequence[Written], day_first: bool | None) -> list[Order]:
    """The orders that the user's word leaves; it says nothing of dates that begin with the year."""
    if day_first is None:
        return list(ORDERS)
    year_leads = any(one.widths[0] == 4 for one in written)
    return [
        order
        for order in ORDERS
        if order.day_first == day_first or (year_leads and order.name == "year month day")
    ]


def _score(order: Order, written: Sequence[Written]) -> tuple[int, int]:
    """How many dates are impossible, and how often time goes back between the others."""
    keys = [order.key(one) for one in written if order.fits(one)]
    return len(written) - len(keys), sum(later < earlier for earlier, later in pairwise(keys))
