"""One order for the messages of several exports of a chat.

What is stored and what a file says are two lists with messages in common. The common ones cut both
lists into stretches; within a stretch the two are interleaved by time. So the order of each list
stays as it is, and the newer and the older export of a phone unite to exactly their union.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyarrow as pa
from duckdb import DuckDBPyConnection

from egregora_dag.database.schemas import MESSAGES_SCHEMA

_BEGIN = """
CREATE OR REPLACE TABLE timeline AS SELECT * FROM stored;
CREATE OR REPLACE TABLE fresh AS SELECT * FROM imported LIMIT 0;
"""

# A message in common cuts the lists only if both have it behind the one that cut them before;
# where two files contradict each other, the order that is stored stays.
# (A sum, since DuckDB takes quadratic time for a filtered count over a growing window.)
# The clock of a stretch never goes back: a message with a time before its predecessor's stays
# behind it.
_UNITE = """
CREATE OR REPLACE TABLE united AS
WITH incoming AS (
  SELECT i.message_id, i.position, i.timestamp, t.position AS known
  FROM imported i LEFT JOIN timeline t USING (message_id)
), cut AS (
  SELECT *, known IS NOT NULL AND known > coalesce(max(known) OVER (
    ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), -1) AS cuts
  FROM incoming
), stretches AS (
  SELECT t.message_id, t.timestamp, t.position, 0 AS side, c.message_id IS NOT NULL AS cuts,
    count(c.message_id) OVER (ORDER BY t.position) AS stretch
  FROM timeline t LEFT JOIN (FROM cut WHERE cuts) c USING (message_id)
  UNION ALL
  SELECT message_id, timestamp, position, 1, false, stretch
  FROM (SELECT *, sum(cuts::BIGINT) OVER (ORDER BY position) AS stretch FROM cut)
  WHERE known IS NULL
), clocked AS (
  SELECT *, max(timestamp) OVER (
    PARTITION BY stretch, side ORDER BY cuts DESC, position ROWS UNBOUNDED PRECEDING) AS clock
  FROM stretches
)
SELECT message_id, timestamp,
  row_number() OVER (ORDER BY stretch, cuts DESC, clock, side, position) - 1 AS position
FROM clocked;

INSERT INTO fresh SELECT * FROM imported ANTI JOIN timeline USING (message_id);
DROP TABLE timeline;
ALTER TABLE united RENAME TO timeline;
"""

_MOVED = """
SELECT count(*) FROM timeline JOIN stored USING (message_id)
WHERE timeline.position <> stored.position
"""

_CHANGES = """
CREATE OR REPLACE TABLE "{name}" AS
SELECT {columns} FROM fresh JOIN timeline USING (message_id)
"""

_MOVES = """
INSERT INTO "{name}"
SELECT {columns} FROM stored_rows AS fresh JOIN timeline USING (message_id)
WHERE timeline.position <> fresh.position
"""

_END = "DROP TABLE imported; DROP TABLE fresh; DROP TABLE timeline; DROP TABLE stored"

_COLUMNS = ", ".join(
    f'timeline."{name}"' if name == "position" else f'fresh."{name}"' for name in MESSAGES_SCHEMA
)


class Timeline:
    """The order of one chat's messages, to which files are added one after another.

    Args:
        scratch: A scratch database, in which `import_file` leaves the table `imported`.
        stored: The messages that are stored: message_id, position, timestamp.
    """

    def __init__(self, scratch: DuckDBPyConnection, stored: pa.Table) -> None:
        self._scratch = scratch
        self._any = False
        with _registered(scratch, stored):
            scratch.execute(
                "CREATE OR REPLACE TABLE stored AS SELECT message_id::UUID AS message_id, "
                "position, timestamp FROM stored_rows"
            )

    def add(self) -> None:
        """Place the messages of the table `imported`."""
        if not self._any:
            self._scratch.execute(_BEGIN)
            self._any = True
        self._scratch.execute(_UNITE)

    def changes(self, name: str, stored_rows: Callable[[], pa.Table]) -> int:
        """Leave a table with the rows of `messages` that are new or have moved.

        Args:
            name: The table's name.
            stored_rows: Gives the stored rows whole; called only if any of them moved.

        Returns:
            How many rows the table has; there is no table if nothing was added.
        """
        if not self._any:
            return 0
        names = {"name": name, "columns": _COLUMNS}
        self._scratch.execute(_CHANGES.format(**names))
        if self._count(_MOVED):
            with _registered(self._scratch, stored_rows()):
                self._scratch.execute(_MOVES.format(**names))
        self._scratch.execute(_END)
        return self._count(f'SELECT count(*) FROM "{name}"')  # noqa: S608

    def _count(self, query: str) -> int:
        [count] = self._scratch.execute(query).fetchone() or (0,)
        return int(count)


@contextmanager
def _registered(scratch: DuckDBPyConnection, rows: pa.Table) -> Iterator[None]:
    scratch.register("stored_rows", rows)
    try:
        yield
    finally:
        scratch.unregister("stored_rows")
