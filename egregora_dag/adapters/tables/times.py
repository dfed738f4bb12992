"""Times as tables write them: timestamps, seconds since 1970 and smaller units, and text."""

from collections.abc import Mapping
from typing import Final

from duckdb import DuckDBPyConnection

from egregora_dag.adapters.protocol import DateOrder, Reading
from egregora_dag.adapters.tables.files import Cell

_DAY_FIRST: Final = "day month year"
_MONTH_FIRST: Final = "month day year"
# Which parts of a date are its month and its day.
_PARTS: Final = {
    _DAY_FIRST: {"month": "n.b", "day": "n.a"},
    _MONTH_FIRST: {"month": "n.a", "day": "n.b"},
}

_ZONE: Final = r"(?: ?([Zz]|UTC|GMT|[+-][01]\d:?(?:\d{2})?))?"
_CLOCK: Final = rf"(\d{{1,2}}[:.]\d{{2}})([:.]\d{{2}})?([.,]\d+)? ?(?:([AaPp])\.? ?[Mm]\.?)?{_ZONE}"
_TIMES: Final = {
    "iso": rf"^(\d{{4}}-\d{{1,2}}-\d{{1,2}})(?:[T ]{_CLOCK})?$",
    # Day and month in either order, or the year first.
    "numeric": rf"^(\d{{1,4}})[./-](\d{{1,2}})[./-](\d{{2,4}})\.?(?:(?:, ?|[T ]){_CLOCK})?$",
    "epoch": r"^\d{9,19}(?:\.\d+)?$",
    "iso_parts": ["date", "clock", "second", "fraction", "half", "zone"],
    "numeric_parts": ["a", "b", "c", "clock", "second", "fraction", "half", "zone"],
    "worded": [
        f"{date}{time}"
        for date in ("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%a, %d %b %Y")
        for time in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M")
    ],
    "worded_zoned": ["%a, %d %b %Y %H:%M:%S %z", "%d %b %Y %H:%M:%S %z"],
}

_SHAPES: Final = """
SELECT *, CASE WHEN shape = 'iso' THEN regexp_extract(t, $iso, $iso_parts) END AS i,
  CASE WHEN shape = 'numeric' THEN regexp_extract(t, $numeric, $numeric_parts) END AS n
FROM (
  SELECT *, CASE WHEN regexp_matches(t, $iso) THEN 'iso' WHEN regexp_matches(t, $epoch) THEN 'epoch'
    WHEN regexp_matches(t, $numeric) THEN 'numeric'
    WHEN regexp_matches(t, '\\d') THEN 'worded' END AS shape
  FROM (SELECT *, trim(replace(timestamp, chr(8239), ' ')) AS t FROM {source})
)
"""

# A clock of twelve hours, as one of twenty-four; a leap second counts as the one before it.
_HOURS: Final = """
CASE WHEN {p}.clock = '' THEN '00:00' WHEN {p}.half = '' THEN replace({p}.clock, '.', ':')
  ELSE (try_cast(regexp_extract({p}.clock, '\\d+') AS INTEGER) % 12
    + if(lower({p}.half) = 'p', 12, 0)) || ':' || right({p}.clock, 2) END
|| if({p}.second = '', ':00', replace(replace({p}.second, '.', ':'), ':60', ':59'))
  || replace({p}.fraction, ',', '.')
"""
_DATE: Final = """if(length(n.a) = 4, n.a || '-' || n.b || '-' || n.c,
  if(length(n.c) = 2, '20', '') || n.c || '-' || {month} || '-' || {day})"""
_NUMERIC: Final = f"{_DATE} || ' ' || {_HOURS.format(p='n')}"

# The size of a number tells whether it counts seconds, or thousandths, millionths or billionths.
_INSTANTS: Final = """
SELECT *, CASE
    WHEN shape IN ('iso', 'numeric') AND zone = '' THEN try_cast(spelled AS TIMESTAMP)
    WHEN shape IN ('iso', 'numeric') THEN timezone('UTC', try_cast(spelled || zone AS TIMESTAMPTZ))
    WHEN shape = 'epoch' THEN make_timestamp(CASE WHEN e < 1e11 THEN e * 1000000
      WHEN e < 1e14 THEN e * 1000 WHEN e < 1e17 THEN e ELSE e / 1000 END::BIGINT)
    WHEN shape = 'worded' THEN coalesce(timezone('UTC', instant), try_strptime(t, $worded)) END
    AS local_time,
  coalesce(zone <> '', false) OR coalesce(shape = 'epoch', false) OR instant IS NOT NULL AS utc
FROM (
  SELECT *,
    CASE shape WHEN 'iso' THEN i.date || ' ' || {hours}
      WHEN 'numeric' THEN {numeric} END AS spelled,
    CASE coalesce(i.zone, n.zone) WHEN 'z' THEN 'Z' WHEN 'UTC' THEN 'Z' WHEN 'GMT' THEN 'Z'
      ELSE coalesce(i.zone, n.zone) END AS zone,
    CASE WHEN shape = 'epoch' THEN try_cast(t AS DECIMAL(38, 9)) END AS e,
    CASE WHEN shape = 'worded' THEN try_strptime(t, $worded_zoned) END AS instant
  FROM ({shapes})
)
"""

# Each date where another one stands before it; clocks are alike in both orders.
_DATES: Final = """
CREATE OR REPLACE TABLE dates AS
SELECT regexp_extract(date, '(\\d+).(\\d+).(\\d+)', ['a', 'b', 'c']) AS n FROM (
  SELECT date, lag(date) OVER () AS before FROM (
    SELECT regexp_extract(timestamp, '^\\s*\\d{{1,2}}[./-]\\d{{1,2}}[./-]\\d{{2,4}}') AS date
    FROM {source}))
WHERE date <> '' AND date IS DISTINCT FROM before
"""
# Dates that do not exist, and steps back in time; fewer forward where the newest stands first.
_FAULTS: Final = """
SELECT count(*) FILTER (date IS NULL),
  least(count(*) FILTER (date < before), count(*) FILTER (date > before)),
  count(*) FILTER (date < before)
FROM (
  SELECT date, lag(date) OVER () AS before
  FROM (SELECT try_cast({date} AS DATE) AS date FROM dates))
"""


def timestamp_text(cell: Cell) -> str:
    """Expression for a column of times as text; numbers as plain digits."""
    if cell.type in {"FLOAT", "DOUBLE"}:
        return f"try_cast({cell.sql} AS DECIMAL(38, 6))::VARCHAR"
    return f"{cell.sql}::VARCHAR"


def is_native(cell: Cell) -> bool:
    """Whether a column holds timestamps or dates, not text or numbers that stand for them."""
    return cell.type.startswith("TIMESTAMP") or cell.type == "DATE"


def native_times(cell: Cell, source: str) -> str:
    """Query for the rows of `source` with `local_time` and `utc`, from timestamps or dates.

    One with a zone is an instant; one without is the chat's own clock.
    """
    zoned = cell.type in {"TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"}
    time = "timezone('UTC', timestamp)" if zoned else "timestamp::TIMESTAMP"
    return f"SELECT *, {time} AS local_time, {zoned} AS utc FROM {source}"  # noqa: S608


def text_times(source: str, order: DateOrder | None) -> tuple[str, Mapping[str, object]]:
    """Query for the rows of `source` with `local_time` and `utc`, from a text `timestamp`.

    Args:
        source: A table or part of a query.
        order: As `date_order` found it.

    Returns:
        The query, and its parameters.
    """
    parts = _PARTS[order.order if order else _DAY_FIRST]
    query = _INSTANTS.format(
        hours=_HOURS.format(p="i"),
        numeric=_NUMERIC.format(**parts),
        shapes=_SHAPES.format(source=source),
    )
    return query, _TIMES


def date_order(scratch: DuckDBPyConnection, source: str, reading: Reading) -> DateOrder | None:
    """How dates are written: in the order under which they exist and time runs one way.

    Args:
        scratch: The database.
        source: A table with a text column `timestamp`.
        reading: What the user says of it.

    Returns:
        The order; None where no date stands in it.
    """
    scratch.execute(_DATES.format(source=source))
    faults = {
        order: scratch.execute(_FAULTS.format(date=_DATE.format(**parts))).fetchone() or (0, 0, 0)
        for order, parts in _PARTS.items()
    }
    there = scratch.execute("SELECT 1 FROM dates LIMIT 1").fetchone()
    scratch.execute("DROP TABLE dates")
    if there is None:
        return None
    if reading.day_first is not None:
        return DateOrder(_DAY_FIRST if reading.day_first else _MONTH_FIRST, "as told")
    if faults[_DAY_FIRST] == faults[_MONTH_FIRST]:
        told = f"dates fit {_DAY_FIRST} and {_MONTH_FIRST}; the first was taken"
        return DateOrder(_DAY_FIRST, told, is_guess=True)
    exist = faults[_DAY_FIRST][0] != faults[_MONTH_FIRST][0]
    told = "the dates exist" if exist else "time runs one way"
    return DateOrder(min(faults, key=lambda order: faults[order]), f"{told} in this order only")
