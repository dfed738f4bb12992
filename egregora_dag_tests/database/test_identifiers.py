"""Ids are the same wherever they are made."""

from collections.abc import Iterator
from uuid import RFC_4122, UUID

import duckdb
import ibis
import pyarrow as pa
import pytest
from duckdb import DuckDBPyConnection
from hypothesis import given, settings
from hypothesis import strategies as st

from egregora_dag.database.identifiers import MACROS, SEPARATOR, id_column, make_id

PARTS = st.lists(st.text(max_size=30), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        yield connection


@given(PARTS)
@settings(deadline=None, max_examples=150)
def test_python_and_the_sql_macro_make_the_same_id(
    engine: DuckDBPyConnection, parts: list[str]
) -> None:
    found = engine.execute("SELECT make_id(?)", [SEPARATOR.join(parts)]).fetchone()
    assert found == (make_id(*parts),)


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), min_size=1, max_size=30))
@settings(deadline=None, max_examples=25)
def test_python_and_an_ibis_column_make_the_same_ids(
    engine: DuckDBPyConnection, pairs: list[tuple[str, str]]
) -> None:
    rows = pa.table(
        {"n": range(len(pairs)), "a": [a for a, _ in pairs], "b": [b for _, b in pairs]}
    )
    backend = ibis.duckdb.from_connection(engine)
    table = ibis.memtable(rows)
    ids = backend.execute(table.select("n", id=id_column("kind", table.a, table.b)).order_by("n"))
    assert list(ids["id"]) == [make_id("kind", a, b) for a, b in pairs]


@pytest.mark.parametrize(
    "text", ["", "é", "e\u0301", "日本語", "👩‍👩‍👧", "مرحبا", "\u200e", "'\"\\", "\x1f"]
)
def test_the_three_agree_on_any_script(engine: DuckDBPyConnection, text: str) -> None:
    expected = make_id("thing", text)
    [macro] = engine.execute("SELECT make_id(?)", [f"thing{SEPARATOR}{text}"]).fetchone() or ()
    backend = ibis.duckdb.from_connection(engine)
    table = ibis.memtable(pa.table({"t": [text]}))
    column = backend.execute(table.select(id=id_column("thing", table.t)))
    assert [macro, *column["id"]] == [expected, expected]


def test_an_id_is_a_version_five_uuid_that_depends_on_every_part_and_their_order() -> None:
    id_ = make_id("window", "chat", 7)
    assert (id_.version, id_.variant) == (5, RFC_4122)
    assert id_ == make_id("window", "chat", "7")
    others = [make_id("window", "chat"), make_id("chat", "window", 7), make_id("window", "chat7")]
    assert len({id_, *others}) == 4


def test_ids_are_what_they_were_in_the_first_release() -> None:
    assert make_id("window", "lisbon-trip", "abc") == UUID("cdc3e939-6a46-5536-9107-36fbf17cfd4a")
