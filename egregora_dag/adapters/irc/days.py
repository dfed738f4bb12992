"""The days of a log's lines, most of which have a clock alone: counted from those with a date."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from duckdb import DuckDBPyConnection

from egregora_dag.adapters.irc.months import MONTHS

_Numbers = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]
_HOUR: Final = 3_600_000_000
_UNKNOWN: Final = int(np.iinfo(np.int64).min)
_EPOCH: Final = date(1970, 1, 1)

_TIMES: Final = """
SELECT line, day, clock, coalesce(begins, false) AS begins, utc::BIGINT AS utc,
  month, month_day
FROM read WHERE form IS NOT NULL AND (day IS NOT NULL OR month IS NOT NULL OR NOT is_dated)
ORDER BY line
"""


def store_days(scratch: DuckDBPyConnection, logs: Mapping[int, date | None]) -> int | None:
    """Make of `read` the table `days (line, day, clock, utc)`; days are counted from 1970 on.

    A line without a clock has that of the line before. Lines with a date that does not exist are
    left out.

    Args:
        scratch: The database with `read`.
        logs: Number of each log's first line → the day that it begins, if its name says so.

    Returns:
        The number of a line whose day nothing states, if there is one.
    """
    table = scratch.execute(_TIMES).to_arrow_table()
    lines, days = _numbers(table["line"]), _numbers(table["day"])
    parts = np.searchsorted(list(logs), lines, side="right") - 1
    named = logs.values()
    if table["month"].null_count < len(table):
        years = [name.year if name else _UNKNOWN for name in named]
        days, is_known, is_real = _yearless(_Rows(parts), table, days, years)
        if not is_known.all():
            return int(lines[~is_known][0])
        table, days = table.filter(pa.array(is_real)), days[is_real]
        lines, parts = lines[is_real], parts[is_real]
    rows = _Rows(parts)
    clocks = rows.filled(_numbers(table["clock"]), otherwise=0)
    # A clock that goes back by more than an hour has passed midnight; by less, it was set.
    midnights = table["begins"].to_numpy() | (np.diff(clocks, prepend=clocks[:1]) < -_HOUR)
    days = rows.counted(
        days, midnights, [(name - _EPOCH).days if name else _UNKNOWN for name in named]
    )
    if (days == _UNKNOWN).any():
        return int(lines[days == _UNKNOWN][0])
    utc = rows.filled(_numbers(table["utc"]), otherwise=0) == 1
    stored = pa.table({"line": lines, "day": days, "clock": clocks, "utc": utc})
    scratch.register("stored", stored)
    scratch.execute("CREATE OR REPLACE TABLE days AS FROM stored")
    scratch.unregister("stored")
    return None


class _Rows:
    """Rows of one log after another."""

    def __init__(self, parts: _Numbers) -> None:
        self._parts = parts
        self._rows = np.arange(len(parts))
        self._first = np.searchsorted(parts, parts)
        self._end = np.searchsorted(parts, parts, side="right")

    def filled(self, values: _Numbers, otherwise: int = _UNKNOWN) -> _Numbers:
        """Each value; where unknown the last before in its log, or else the first after."""
        is_known = values != _UNKNOWN
        if is_known.all():
            return values
        before = np.maximum.accumulate(np.where(is_known, self._rows, -1))
        after = np.minimum.accumulate(np.where(is_known, self._rows, len(values))[::-1])[::-1]
        place = np.where(before >= self._first, before, after)
        return np.where(place < self._end, values.take(place, mode="clip"), otherwise)

    def counted(self, values: _Numbers, steps: _Flags, named: Sequence[int]) -> _Numbers:
        """Each value; where unknown the nearest known one and the steps from there to here.

        Args:
            values: Such as days.
            steps: Whether a row is a step after the one before, such as midnight.
            named: What the first row of each log has, if none of its rows has a value.
        """
        if (values != _UNKNOWN).all():
            return values
        passed = np.cumsum(steps, dtype=np.int64)
        bases = self.filled(np.where(values == _UNKNOWN, _UNKNOWN, values - passed))
        first = np.array(named, np.int64)[self._parts]
        named_bases = np.where(first == _UNKNOWN, _UNKNOWN, first - passed[self._first])
        bases = np.where(bases == _UNKNOWN, named_bases, bases)
        return np.where(bases == _UNKNOWN, _UNKNOWN, bases + passed)


def _yearless(
    rows: _Rows, table: pa.Table, days: _Numbers, named: Sequence[int]
) -> tuple[_Numbers, _Flags, _Flags]:
    """Days of dates without a year: January follows December of the year before.

    Returns:
        The days; whether the year of each is known; whether each is a day that exists.
    """
    words = table["month"].combine_chunks().dictionary_encode()
    numbers = [MONTHS[word.casefold()] for word in words.dictionary.to_pylist()]
    months = np.array([*numbers, _UNKNOWN])[_numbers(words.indices, otherwise=-1)]
    is_yearless = months != _UNKNOWN
    is_dated = days != _UNKNOWN
    dates = np.where(is_dated, days, 0).astype("datetime64[D]")
    month_of_dates = dates.astype("datetime64[M]").astype(np.int64) % 12 + 1
    near = rows.filled(np.where(is_dated, month_of_dates, months))
    # By one month a clock may be set back, at its end.
    turns = np.diff(near, prepend=near[:1]) < -1
    year_of_dates = dates.astype("datetime64[Y]").astype(np.int64) + 1970
    years = rows.counted(np.where(is_dated, year_of_dates, _UNKNOWN), turns, named)
    is_known = ~is_yearless | (years != _UNKNOWN)
    wanted = np.where(is_yearless & is_known, (years - 1970) * 12 + months - 1, 0)
    firsts = wanted.astype("datetime64[M]").astype("datetime64[D]")
    found = firsts + (np.where(is_yearless, _numbers(table["month_day"]), 1) - 1)
    is_real = ~is_yearless | (found.astype("datetime64[M]").astype(np.int64) == wanted)
    return np.where(is_yearless, found.astype(np.int64), days), is_known, is_real


def _numbers(column: Any, otherwise: int = _UNKNOWN) -> _Numbers:
    """A column of whole numbers, with one of them for null."""
    numbers: _Numbers = column.cast(pa.int64()).fill_null(otherwise).to_numpy()
    return numbers
