"""Messages of Discord as DiscordChatExporter writes them as CSV, in all of its versions."""

import csv
import io
from collections.abc import Iterator
from typing import IO, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv
from duckdb import DuckDBPyConnection

from egregora_dag.adapters.dates import ORDERS, Order, Written, order_of
from egregora_dag.adapters.day_periods import hour_of_day
from egregora_dag.adapters.files import ExportError, ExportFile
from egregora_dag.adapters.lines import utf8
from egregora_dag.adapters.protocol import DateOrder

_NAMES: Final = ("AuthorID", "Author", "Date", "Content", "Attachments", "Reactions")
# Until 2019 there was a semicolon after each field; at first there were no ids and no reactions.
_HEADERS: Final = (",".join(_NAMES), ";".join(_NAMES) + ";", ";".join(_NAMES[1:5]) + ";")
# No message is as long.
_BLOCK: Final = 1 << 24
_CHUNK: Final = 1 << 22
_BATCH_ROWS: Final = 1 << 15


def is_csv(text: str) -> bool:
    """Whether a text begins with one of the exporter's headers, and nothing else."""
    return _header(text) in _HEADERS


def _header(text: str) -> str:
    return text.partition("\n")[0].replace('"', "").strip()


class CsvLoader:
    """Collects rows as the table `csv_rows (chat, line, AuthorID, Author, ...)`, all text.

    Args:
        scratch: The database that gets the table; rows that cannot be cut go to its `rejected`.
        file: The export, for errors.
    """

    def __init__(self, scratch: DuckDBPyConnection, file: ExportFile) -> None:
        self._scratch = scratch
        self._file = file
        self._recoded = 0
        self.lines: dict[str, int] = {}
        columns = ", ".join(f"{name} VARCHAR" for name in _NAMES)
        scratch.execute(f"CREATE OR REPLACE TABLE csv_rows (chat VARCHAR, line BIGINT, {columns})")

    def add(self, content: IO[bytes], head: str, chat: str, *, place: str = "") -> None:
        """Read one file; its rows come after those read before for the chat.

        Args:
            content: The file.
            head: How it begins, for its header.
            chat: The chat that its rows belong to.
            place: What errors call it, such as the member of an archive.

        Raises:
            ExportError: It is no CSV.
        """
        start, count = self.lines.get(chat, 0), 0
        malformed: list[int] = []
        text = _Utf8(content)
        try:
            for batch in _rows(text, head, malformed):
                self._insert(batch, chat, start + _numbers(count, len(batch), malformed))
                count += len(batch)
        except pa.ArrowInvalid:
            raise ExportError(
                self._file.path,
                "its text cannot be cut into rows.",
                "Export it again, and do not edit it.",
                place=place or f"after row {count}",
            ) from None
        self._recoded += text.recoded
        self.lines[chat] = start + count + len(malformed)
        self._scratch.execute(
            "INSERT INTO rejected SELECT $chat, unnest($lines)",
            {"chat": chat, "lines": [start + number for number in malformed]},
        )

    def notes(self) -> Iterator[str]:
        """What was not plain text."""
        if self._recoded:
            lines = "line" if self._recoded == 1 else "lines"
            yield f"{self._recoded:,} {lines} not UTF-8; read as Windows-1252."

    def _insert(self, batch: pa.RecordBatch, chat: str, numbers: npt.NDArray[np.int64]) -> None:
        columns = {
            name: batch.column(name)
            if name in batch.schema.names
            else pa.nulls(len(batch), pa.string())
            for name in _NAMES
        }
        rows = pa.table({"line": pa.array(numbers), **columns})
        self._scratch.register("batch", pa.Table.from_batches(rows.to_batches(_BATCH_ROWS)))
        self._scratch.execute("INSERT INTO csv_rows SELECT ?, * FROM batch", [chat])
        self._scratch.unregister("batch")


class _Utf8(io.RawIOBase):
    """A text in UTF-8, whatever the bytes of its lines are; as many bytes at once as asked for.

    Attributes:
        recoded: How many lines were read as Windows-1252 so far.
    """

    def __init__(self, content: IO[bytes]) -> None:
        self._content = content
        self._ready = b""
        self._rest = b""
        self.recoded = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """So many bytes, unless the text ends before; all that is left if negative."""
        parts, wanted = [], size
        while wanted and (self._ready or self._fill()):
            part = self._ready if size < 0 else self._ready[:wanted]
            self._ready = self._ready[len(part) :]
            wanted -= len(part) if size > 0 else 0
            parts.append(part)
        return b"".join(parts)

    def _fill(self) -> bool:
        """Make some more of the text ready, if there is more."""
        while data := self._content.read(_CHUNK):
            block = self._rest + data
            # A sign may be cut in two anywhere but at the end of a line.
            end = block.rfind(b"\n") + 1 if len(block) <= _BLOCK else len(block)
            self._rest = block[end:]
            if end:
                return self._recode(block[:end])
        block, self._rest = self._rest, b""
        return self._recode(block)

    def _recode(self, block: bytes) -> bool:
        self._ready, recoded = utf8(block)
        self.recoded += recoded
        return bool(block)


def _rows(content: _Utf8, head: str, malformed: list[int]) -> Iterator[pa.RecordBatch]:
    """Rows with as many fields as the first; the numbers of the others, from 1."""
    header = _header(head)
    delimiter = ";" if ";" in header else ","
    names = [name for name in header.split(delimiter) if name]
    rows = csv.reader(head.splitlines(keepends=True)[1:], delimiter=delimiter)
    try:
        width = len(next(rows, names))
    except csv.Error:
        width = len(names)
    # Some versions end each row with one delimiter more.
    columns = [*names, ""] if width == len(names) + 1 else names

    def skip(row: pa_csv.InvalidRow) -> str:
        # The header counts as a row.
        malformed.append(row.number - 1)
        return "skip"

    if width == 0 or not head.partition("\n")[1]:
        return
    yield from pa_csv.open_csv(
        content,
        # One thread, as only then rows know their numbers.
        pa_csv.ReadOptions(use_threads=False, block_size=_BLOCK, skip_rows=1, column_names=columns),
        pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip),
        pa_csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.string()), include_columns=names
        ),
    )


def _numbers(first: int, count: int, malformed: list[int]) -> npt.NDArray[np.int64]:
    """The numbers of well-formed rows, the `first`-th of them and those after it, among all."""
    well_formed = np.arange(first, first + count)
    before = np.asarray(malformed, np.int64) - np.arange(len(malformed)) - 1
    return well_formed + 1 + np.searchsorted(before, well_formed, side="right")


# Clocks of machines: `01-Apr-19 12:34 PM` in old versions, and each country's short form since.
_SPACES: Final = r"[\x{00a0}\x{202f}\x{2009}\x{200e}\x{200f}]"
_WORD: Final = r"([^\d\s:.,/-][^\d:]*?)?"
_TIME: Final = rf",? +{_WORD} ?(\d{{1,2}})[:.h](\d{{2}})(?:[:.](\d{{2}}))? ?{_WORD}$"
_NUMBERED: Final = rf"^(\d{{1,4}})[./-] ?(\d{{1,2}})[./-] ?(\d{{1,4}})\.?{_TIME}"
_NAMED: Final = rf"^(\d{{1,2}})[-. ]([A-Za-z]{{3}})[a-z]*[-. ]+(\d{{2,4}}){_TIME}"
_PARTS: Final = ["a", "b", "c", "before", "hour", "minute", "second", "after"]
_MONTHS: Final = "janfebmaraprmayjunjulaugsepoctnovdec"

_CLOCKS: Final = r"""
CREATE OR REPLACE TABLE csv_clocks AS
WITH spaced AS (
  SELECT chat, line, trim(regexp_replace(Date, $spaces, ' ', 'g')) AS date FROM csv_rows
  WHERE NOT regexp_matches(Date, '^\d{4}-\d{2}-\d{2}T')
), matched AS (
  SELECT chat, line, regexp_extract(date, $numbered, $parts) AS n,
    regexp_extract(date, $named, $parts) AS m
  FROM spaced
), cut AS (
  SELECT chat, line, m.a <> '' AS named, if(m.a <> '', m, n) AS p,
    (strpos($months, lower(m.b)) + 2) // 3 AS month
  FROM matched WHERE m.a <> '' OR n.a <> ''
)
SELECT chat, line, named, p.a AS a, if(named, month::VARCHAR, p.b) AS b, p.c AS c,
  p.hour::INTEGER AS hour, p.before || p.after AS word,
  p.minute::INTEGER AS minute, coalesce(try_cast(p.second AS INTEGER), 0) AS second
FROM cut
"""
_DATES: Final = """
SELECT a, b, c FROM (
  SELECT chat, line, a, b, c,
    lag(a || '.' || b || '.' || c, 1, '') OVER (PARTITION BY chat ORDER BY line) AS before
  FROM csv_clocks WHERE named = $named
) WHERE before <> a || '.' || b || '.' || c ORDER BY chat, line
"""
_DAY_FIRST: Final = ORDERS[0]


def find_times(
    scratch: DuckDBPyConnection, file: ExportFile, day_first: bool | None
) -> DateOrder | None:
    """Make of the dates in `csv_rows` the table `csv_times (chat, line, local_time, utc)`.

    Args:
        scratch: The database.
        file: The export, for errors.
        day_first: What the user says of the order of day and month.

    Returns:
        How dates are written; None where none leaves it open, such as those with an offset.

    Raises:
        ExportError: The dates follow no single order.
    """
    patterns = {"spaces": _SPACES, "numbered": _NUMBERED, "named": _NAMED}
    scratch.execute(_CLOCKS, {**patterns, "parts": _PARTS, "months": _MONTHS})
    numbered = _dates(scratch, named=False)
    order, date_order = _order(scratch, file, numbered, day_first)
    days = [(False, one, order.date(one)) for one in numbered]
    days += [(True, one, _DAY_FIRST.date(one)) for one in _dates(scratch, named=True)]
    # The width tells `0019` from `19`.
    scratch.execute(
        "CREATE OR REPLACE TABLE csv_days AS SELECT DISTINCT unnest($named) AS named, "
        "unnest($numbers) AS numbers, unnest($days)::DATE AS day",
        {
            "named": [named for named, _, _ in days],
            "numbers": [_text_of(one) for _, one, _ in days],
            "days": [day for _, _, day in days],
        },
    )
    clocks = scratch.execute("SELECT DISTINCT hour, word FROM csv_clocks").fetchall()
    scratch.execute(
        "CREATE OR REPLACE TABLE csv_hours AS SELECT unnest($hours)::INTEGER AS hour, "
        "unnest($words)::VARCHAR AS word, unnest($values)::INTEGER AS value",
        {
            "hours": [hour for hour, _ in clocks],
            "words": [word for _, word in clocks],
            "values": [hour_of_day(hour, word) if word else hour for hour, word in clocks],
        },
    )
    scratch.execute(_TIMES)
    return date_order


# A date with an offset, or a clock put together from its parts.
_TIMES: Final = r"""
CREATE OR REPLACE TABLE csv_times AS
SELECT chat, line, discord_clock(Date) AS local_time, discord_in_utc(Date) AS utc
FROM csv_rows WHERE regexp_matches(Date, '^\d{4}-\d{2}-\d{2}T')
UNION ALL
SELECT chat, line, day + to_hours(value) + to_minutes(minute) + to_seconds(least(second, 59)), false
FROM csv_clocks JOIN csv_hours USING (hour, word)
  JOIN csv_days ON csv_days.named = csv_clocks.named AND numbers = a || '.' || b || '.' || c
WHERE value < 24 AND minute < 60 AND second <= 60
"""


def _dates(scratch: DuckDBPyConnection, *, named: bool) -> list[Written]:
    """The dates as they follow each other, months numbered if `named`."""
    found = scratch.execute(_DATES, {"named": named}).fetchall()
    return [Written((int(a), int(b), int(c)), (len(a), len(b), len(c))) for a, b, c in found]


def _text_of(one: Written) -> str:
    pairs = zip(one.numbers, one.widths, strict=True)
    return ".".join(f"{number:0{width}d}" for number, width in pairs)


def _order(
    scratch: DuckDBPyConnection, file: ExportFile, dates: list[Written], day_first: bool | None
) -> tuple[Order, DateOrder | None]:
    """The order that dates are in; where several fit, what their clock suggests."""
    if not dates:
        return _DAY_FIRST, None
    found = order_of(dates, day_first)
    if found is None:
        raise ExportError(
            file.path,
            "its dates follow no single order of day and month.",
            "Export the channel again, as JSON.",
        )
    order, told = found
    halves = scratch.execute("SELECT count(*) FROM csv_clocks WHERE word ILIKE '%m%'").fetchone()
    if told.is_guess and order.day_first and halves and halves[0]:
        american = order_of(dates, day_first=False)
        if american is not None:
            name = american[0].name
            return american[0], DateOrder(name, "several fit; AM and PM suggest it", is_guess=True)
    return order, told


# What the exporter says of a message that is none.
_EVENT: Final = (
    r"^(?:Added .+ to the group|Added a recipient|Left the group|Removed .+ from the group|"
    r"Removed a recipient|Changed the channel icon|Changed the channel name|Pinned a message|"
    r"Joined the server|Started a thread)\.$|^Changed the channel name: .+$"
)
_CALL: Final = r"^Started a call that lasted [\d,]+ minutes\.$"

# Attachments are joined by commas, which may stand in names as well: they are told apart by what
# each begins with.
_PARSE: Final = r"""
INSERT INTO parsed BY NAME
WITH timed AS (
  SELECT csv_rows.*, local_time, utc, replace(Content, chr(13) || chr(10), chr(10)) AS text,
    regexp_replace(nullif(trim(Author), ''), '#0{1,4}$', '') AS who,
    regexp_extract(Attachments, '^(?:https?://|.*?_(?:Files|files|media)[\\/])') AS lead
  FROM csv_rows JOIN csv_times USING (chat, line)
  WHERE discord_in_range(local_time)
), listed AS (
  SELECT *, discord_filled(string_split(CASE
      WHEN lead ILIKE 'http%' THEN replace(Attachments, ',http', chr(31) || 'http')
      WHEN lead <> '' THEN replace(Attachments, ',' || lead, chr(31) || lead)
      ELSE replace(Attachments, ',', chr(31)) END, chr(31))) AS links,
    regexp_matches(text, $event) AS is_event, regexp_matches(text, $call) AS is_call
  FROM timed WHERE who <> ''
), told AS (
  SELECT *, list_transform(links, lambda p: discord_path(p)) AS paths,
    CASE WHEN is_call THEN 'call' WHEN is_event THEN 'system'
      WHEN len(links) > 0 THEN 'media' ELSE 'message' END AS kind
  FROM listed
)
SELECT chat, line, local_time, utc, CASE WHEN kind <> 'system' THEN who END AS author,
  if(kind = 'system', discord_told(who, text), text) AS content, kind,
  CASE WHEN kind = 'media' THEN paths[1] END AS media_path,
  CASE WHEN kind = 'media' THEN discord_media_type(paths[1]) END AS media_type,
  false AS edited, false AS forwarded,
  CASE WHEN Reactions <> '' THEN discord_counted(list_transform(
    regexp_extract_all(Reactions, '(?:^|,).+? \(\d+\)'),
    lambda t: {'k': regexp_extract(t, '^,?(.+) \(', 1),
      'v': coalesce(try_cast(regexp_extract(t, '(\d+)\)$', 1) AS BIGINT), 1)})) END AS reactions,
  json_merge_patch('{}', to_json({'author_id': nullif(AuthorID, ''),
    'attachments': nullif(if(kind = 'media', paths[2:], paths), [])})) AS extra
FROM told
"""


def parse_rows(scratch: DuckDBPyConnection) -> None:
    """Add to `parsed` what `csv_rows` and `csv_times` tell, and to `rejected` what they do not.

    Args:
        scratch: The database, with the macros of the JSON reader in it.
    """
    scratch.execute(_PARSE, {"event": _EVENT, "call": _CALL})
    scratch.execute(
        "INSERT INTO rejected SELECT chat, line FROM csv_rows ANTI JOIN parsed USING (chat, line)"
    )
