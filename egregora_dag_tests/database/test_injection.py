"""What comes from outside is a name or a value, never a part of a statement."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest

from egregora_dag.database.duckdb_manager import DuckDBStorageManager
from egregora_dag.database.elo_record import EloRating
from egregora_dag.database.elo_store import EloStore
from egregora_dag.database.exceptions import (
    DatabaseOperationError,
    DocumentNotFoundError,
    InvalidOperationError,
    InvalidTableNameError,
    SequenceNotFoundError,
    TableCreationError,
    UnsupportedDocumentTypeError,
)
from egregora_dag.database.message_repository import MessageRepository
from egregora_dag.database.repository import ContentRepository, Document, slug_of
from egregora_dag.database.utils import quote_identifier
from egregora_dag.database.views import get_view_builder
from egregora_dag.settings import Home

HOSTILE = [
    "",
    " ",
    "'",
    '"',
    "''",
    '""',
    "`messages`",
    "[messages]",
    ";",
    "--",
    "/*",
    "*/",
    "messages; DROP TABLE messages",
    "messages; DROP TABLE messages; --",
    "x'; DROP TABLE messages; --",
    'x"; DROP TABLE messages; --',
    'x" FROM duckdb_settings() --',
    "messages\"; ATTACH 'evil.duckdb' AS evil; --",
    "x'; COPY messages TO 'stolen.csv'; --",
    "x'); DELETE FROM elo_ratings; SELECT ('",
    "' OR 'a' = 'a",
    "' OR TRUE --",
    '" OR TRUE --',
    "1 OR 1=1",
    "' UNION SELECT content FROM messages --",
    "main.messages",
    '"main"."messages"',
    "pipeline.main.messages",
    "temp.main.messages",
    "information_schema.tables",
    "messages m",
    "messages, windows",
    "messages\n",
    "\nDROP TABLE messages",
    "messages\t",
    "messages\r\n; DROP TABLE messages",
    "messages\0",
    "\0",
    "a\0'; DROP TABLE messages; --",
    "messages\\",
    "\\'; DROP TABLE messages; --",
    "E'\\x27'",
    "$$; DROP TABLE messages; $$",
    "$name",
    "?",
    "$1",
    "%s",
    "%(name)s",
    "{}",
    "{0.__class__}",
    "{name!r}",
    "’; DROP TABLE messages; --",
    "＇ OR ＇a＇ = ＇a",
    "“messages”",
    "ʼ OR 1=1",
    "messages\u200b",
    "\u202egnissecorp",
    "ｍessages",
    "mеssages",  # The second letter is Cyrillic.
    "😀",
    "../../outside",
    "..\\..\\outside",
    "/etc/passwd",
    "/tmp/outside.parquet",
    "file:///etc/passwd",
    "stolen.csv",
    "~/outside",
    "*",
    "COLUMNS(*)",
    "read_csv('/etc/passwd')",
    "read_text('/etc/passwd')",
    "nextval('numbers')",
    "(SELECT 1)",
    "1",
    "-1",
    "1messages",
    "NULL::VARCHAR",
    "' || version() || '",
    "x" * 20_000 + ";",
    "'" * 999,
]
ONE = pa.table({"a": [1]})


@dataclass(frozen=True)
class Site:
    """A copy of the published database deep in a folder of its own, and what is in both."""

    root: Path
    storage: DuckDBStorageManager
    before: dict[str, Any]

    def check(self) -> None:
        assert fingerprint(self.storage) == self.before
        assert files(self.root) == ["a", "a/b", "a/b/pipeline.duckdb", "a/cwd"]


def files(root: Path) -> list[str]:
    """Every file and folder, but what DuckDB itself keeps beside its file."""
    found = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    return [name for name in found if not name.startswith("a/b/pipeline.duckdb.")]


def fingerprint(storage: DuckDBStorageManager) -> dict[str, Any]:
    """Names of everything there is, and the content of every table."""
    found: dict[str, Any] = {
        "objects": storage.execute_query(
            "SELECT 'table', table_name, sql FROM duckdb_tables() WHERE NOT temporary "
            "UNION ALL SELECT 'view', view_name, sql FROM duckdb_views() "
            "WHERE NOT internal AND NOT temporary "
            "UNION ALL SELECT 'sequence', sequence_name, last_value::VARCHAR "
            "FROM duckdb_sequences() "
            "UNION ALL SELECT 'index', index_name, sql FROM duckdb_indexes() "
            "UNION ALL SELECT 'database', database_name, path FROM duckdb_databases() ORDER BY ALL"
        )
    }
    for kind, name, _ in found["objects"]:
        if kind == "table":
            found[name] = storage.execute_query_single(
                f"SELECT count(*), bit_xor(md5_number(t::VARCHAR)) FROM {quote_identifier(name)} t"
            )
    return found


@pytest.fixture(scope="module")
def site(published: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("site")
    path = root / "a" / "b" / "pipeline.duckdb"
    (root / "a" / "cwd").mkdir(parents=True)
    path.parent.mkdir()
    shutil.copy(published.database, path)
    with DuckDBStorageManager(path, checkpoint_dir=root / "a" / "b" / "parquet") as storage:
        storage.ensure_sequence("numbers")
        site = Site(root, storage, fingerprint(storage))
        assert site.before["messages"][0] > 1000
        yield site


@pytest.fixture(autouse=True)
def elsewhere(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(site.root / "a" / "cwd")


def everything(table: ibis.expr.types.Table) -> ibis.expr.types.Table:
    return table


# Ten at a time, as the fingerprint takes longer than what is tried.
TENS = [HOSTILE[start : start + 10] for start in range(0, len(HOSTILE), 10)]
each_ten = pytest.mark.parametrize("strings", TENS, ids=lambda strings: ascii(strings[0])[:30])


def with_a_name(storage: DuckDBStorageManager, name: str) -> list[Callable[[], Any]]:
    """Whatever takes the name of a table or view, or makes a sequence."""
    return [
        lambda: storage.write_table(ONE, name),
        lambda: storage.write_table(ONE, name, mode="append"),
        lambda: storage.persist_atomic(ONE, name, ibis.schema({"a": "int64"})),
        lambda: storage.replace_rows(name, ONE, by_keys=["a"]),
        lambda: storage.replace_rows(name, ONE, by_keys={"a": 1}),
        lambda: storage.execute_view(name, everything, "messages"),
        lambda: storage.execute_view("fine", everything, name),
        lambda: storage.read_table(name),
        lambda: storage.row_count(name),
        lambda: storage.get_table_columns(name),
        lambda: storage.drop_table(name),
        lambda: storage.drop_table(name, checkpoint_too=True),
        lambda: storage.ensure_sequence(name),
        lambda: storage.sync_sequence_with_table("numbers", table=name, column="position"),
        lambda: storage.ensure_sequence_default(name, "position", "numbers"),
    ]


def with_a_sequence(storage: DuckDBStorageManager, name: str) -> list[Callable[[], Any]]:
    return [
        lambda: storage.get_sequence_state(name),
        lambda: storage.next_sequence_value(name),
        lambda: storage.next_sequence_values(name, count=3),
        lambda: storage.sync_sequence_with_table(name, table="messages", column="position"),
        lambda: storage.ensure_sequence_default("messages", "position", name),
    ]


def with_a_column(
    storage: DuckDBStorageManager, column: str, rows: pa.Table
) -> list[Callable[[], Any]]:
    return [
        lambda: storage.replace_rows("threads", rows, by_keys=[column]),
        lambda: storage.replace_rows("threads", rows, by_keys={column: column}),
        lambda: storage.replace_rows("threads", rows, by_keys={"thread_id": 1, column: 1}),
        lambda: storage.sync_sequence_with_table("numbers", table="messages", column=column),
        lambda: storage.ensure_sequence_default("messages", column, "numbers"),
    ]


@each_ten
def test_what_is_no_name_names_nothing(site: Site, strings: list[str]) -> None:
    for name in strings:
        for attempt in with_a_name(site.storage, name):
            with pytest.raises(InvalidTableNameError) as caught:
                attempt()
            assert caught.value.name == name
        for attempt in with_a_sequence(site.storage, name):
            with pytest.raises(SequenceNotFoundError) as missing:
                attempt()
            assert missing.value.name == name
        with pytest.raises(InvalidOperationError) as index:
            site.storage.drop_index(name)
        assert index.value.name == name
        with pytest.raises(KeyError):
            get_view_builder(name)
        assert not site.storage.table_exists(name)
    site.check()


@each_ten
def test_what_is_no_column_of_a_table_is_refused(site: Site, strings: list[str]) -> None:
    none = site.storage.read_table("threads").limit(0).to_pyarrow()
    for column in strings:
        for attempt in with_a_column(site.storage, column, none):
            with pytest.raises(InvalidOperationError):
                attempt()
    site.check()


@each_ten
def test_a_column_may_have_any_name_that_the_database_can_hold(
    site: Site, strings: list[str]
) -> None:
    storage = site.storage
    names = [name for name in strings if name and "\0" not in name]
    for unnamed in set(strings) - set(names):
        with pytest.raises(TableCreationError) as caught:
            storage.write_table(pa.table({unnamed: [1], "a": [2]}), "odd")
        assert caught.value.name == "odd"
    given = pa.table({name: [number] for number, name in enumerate(names)})
    storage.write_table(given, "odd", checkpoint=False)
    storage.write_table(given.select(names[::-1]), "odd", mode="append", checkpoint=False)
    storage.replace_rows("odd", given, by_keys=names)
    storage.replace_rows("odd", given, by_keys={names[0]: 0})
    storage.write_table(storage.read_table("odd").select(names), "odd")
    assert storage.get_table_columns("odd") == set(names)
    assert storage.execute_query("FROM odd") == [tuple(range(len(names)))]
    with pytest.raises(InvalidOperationError):
        storage.write_table(pa.table({f"{names[0]}'": [1]}), "odd", mode="append")
    storage.ensure_sequence("odd_numbers")
    for name in names:
        storage.sync_sequence_with_table("odd_numbers", table="odd", column=name)
        storage.ensure_sequence_default("odd", name, "odd_numbers")
    assert storage.next_sequence_value("odd_numbers") == len(names)
    storage.drop_table("odd", checkpoint_too=True)
    storage.execute_sql("DROP SEQUENCE odd_numbers")
    (site.root / "a" / "b" / "parquet").rmdir()
    site.check()


@each_ten
def test_a_value_finds_nothing_or_is_kept_as_it_is(site: Site, strings: list[str]) -> None:
    storage = site.storage
    messages, store = MessageRepository(storage), EloStore(storage)
    none = storage.read_table("threads").limit(0).to_pyarrow()
    for value in strings:
        assert storage.execute_query("SELECT $1, $2", [value, [value]]) == [(value, [value])]
        assert storage.execute_query("FROM messages WHERE author = $a", {"a": value}) == []
        assert messages.get_messages_by_author(value).to_pyarrow().num_rows == 0
        assert messages.get_thread(value).to_pyarrow().num_rows == 0
        assert store.get_rating(value) == EloRating(value, 1500.0)
        assert store.get_comparison_history(value) == []
        if value:
            store.initialize_post(value, 1600)
            record = store.record_comparison(value, "injected", judge=value, feedback=[value])
            assert (record.post_a, record.judge, record.feedback) == (value, value, [value])
            assert store.get_comparison_history(value) == [record]
            assert store.get_all_ratings()[value] == record.rating_a_after
            storage.execute_sql("DELETE FROM elo_ratings WHERE post_id = ?", [value])
    storage.replace_rows("threads", none, by_keys={"thread_id": strings[-1]})
    shutil.rmtree(site.root / "a" / "b" / "parquet")
    storage.execute_sql("DELETE FROM comparisons WHERE post_b = 'injected'")
    storage.execute_sql("DELETE FROM elo_ratings WHERE post_id = 'injected'")
    site.check()


def document(value: str) -> Document:
    """A document that says the same everywhere."""
    return Document(
        "post",
        title=value,
        content=value,
        thread_id=value,
        summary=value,
        slug=value,
        writer=value,
        authors=[value],
        tags=[value, value],
        date=date(2025, 3, 1),
        model=value,
        signature=value,
    )


@each_ten
def test_a_document_may_say_anything(site: Site, strings: list[str]) -> None:
    repository = ContentRepository(site.storage)
    for value in strings:
        with pytest.raises(DocumentNotFoundError):
            repository.get("post", value)
        with pytest.raises(DocumentNotFoundError):
            repository.delete(value)
        with pytest.raises(UnsupportedDocumentTypeError):
            repository.list(value)
        with pytest.raises(UnsupportedDocumentTypeError):
            repository.save(Document(value, "x", "x"))
    with pytest.raises(DatabaseOperationError):
        repository.save(Document("post", "x", "x", status=strings[-1]))
    batch = repository.save_batch([document(value) for value in strings])
    for value, saved in zip(strings, batch, strict=True):
        assert saved.document_id
        assert saved.slug == (value or slug_of(value))
        found = repository.get("post", saved.document_id)
        assert found == saved
        assert repository.get("post", saved.slug) == saved
        assert (found.title, found.content, found.authors) == (value, value, [value])
        repository.delete(saved.document_id)
    site.check()


ODD = ["select", "table", "_", "__", "main", "temp", "memory", "rowid", "given", "stored", "rows_1"]


@pytest.mark.parametrize("name", [*ODD, "x" * 200])
def test_a_name_that_means_something_else_is_a_name_too(site: Site, name: str) -> None:
    storage = site.storage
    storage.write_table(pa.table({name: [1, 2], "a": [3, 4]}), name)
    storage.write_table(storage.read_table(name).filter(ibis._[name] > 1), name)
    storage.replace_rows(name, pa.table({name: [2], "a": [5]}), by_keys=[name])
    storage.persist_atomic(storage.read_table(name), name, ibis.schema({name: "int8"}))
    storage.write_table(pa.table({name: [7]}), name, mode="append")
    found = storage.read_table(name).order_by(name).to_pyarrow()
    assert found[name].to_pylist() == [2, 7]
    storage.ensure_sequence(f"{name}_seq")
    storage.ensure_sequence_default(name, name, f"{name}_seq")
    storage.sync_sequence_with_table(f"{name}_seq", table=name, column=name)
    assert storage.next_sequence_value(f"{name}_seq") == 8
    storage.drop_table(name, checkpoint_too=True)
    storage.execute_sql(f"DROP SEQUENCE {quote_identifier(f'{name}_seq')}")
    # Which is empty by now.
    (site.root / "a" / "b" / "parquet").rmdir()
    site.check()
