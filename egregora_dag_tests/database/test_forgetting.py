"""Forgetting a chat and a person: what goes from the tables, and what stays."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from egregora_dag.database import connections
from egregora_dag.database.forgetting import forget_author, forget_thread
from egregora_dag.database.identifiers import make_id
from egregora_dag.database.schemas import MESSAGES, TASK_QUEUE
from egregora_dag.database.threads import get_thread, merge_threads, threads_of_author
from egregora_dag.naming import Names
from egregora_dag.resources import Warehouse
from egregora_dag_tests.conftest import insert, query
from egregora_dag_tests.database.test_threads import (
    START,
    add_annotation,
    add_comparison,
    add_document,
    add_generation,
    add_import,
    counts,
    fill,
    message_id,
    numbered,
)

NAME = "Ada"


@pytest.fixture(autouse=True)
def stays_open(warehouse: Warehouse) -> Iterator[None]:
    """One connection throughout, as opening the file takes longer than what is done to it."""
    with connections.connect(warehouse.path):
        yield


def execute_in(warehouse: Warehouse, sql: str, *values: object) -> None:
    query(warehouse.path, sql, *values)


def add_task(warehouse: Warehouse, number: int, subject: str) -> None:
    row = {
        "task_id": str(make_id("task", number)),
        "task_type": "write_window",
        "subject": subject,
        "payload": "{}",
        "status": "pending",
        "attempt": 0,
        "created_at": START,
    }
    insert(warehouse.path, TASK_QUEUE, row)


def forget(warehouse: Warehouse, name: str, *keys: str) -> dict[str, int]:
    with warehouse.transaction() as connection:
        return forget_author(connection, [name], Names.of([name], ["Bo", "Cy"]), keys)


def populated(warehouse: Warehouse) -> dict[str, str]:
    """Two chats with something in every table; ids of documents by what they are."""
    documents = {}
    for sequence, key in enumerate("ab"):
        fill(warehouse, key)
        add_import(warehouse, key, range(8))
        query(
            warehouse.path,
            "INSERT INTO reply_links SELECT message_id, thread_id, message_id, message_id, 1, "
            "false FROM messages WHERE thread_id = ?",
            key,
        )
        documents[f"{key} about Ada"] = add_document(warehouse, key, content="said Ada there")
        documents[f"{key} about Bo"] = add_document(warehouse, key, authors=["Bo"])
        add_generation(warehouse, key, output='{"content": "said Ada there"}')
        add_generation(warehouse, key, subject="Bo")
        pair = documents[f"{key} about Ada"], documents[f"{key} about Bo"]
        add_comparison(warehouse, sequence, *pair)
        add_annotation(warehouse, documents[f"{key} about Ada"], "document")
        add_annotation(warehouse, message_id(key, 0), "message")
        add_annotation(warehouse, message_id(key, 1), "message")
    return documents


def test_a_forgotten_chat_is_gone_from_every_table_and_others_stay(warehouse: Warehouse) -> None:
    documents = populated(warehouse)
    with warehouse.transaction() as connection:
        removed = forget_thread(connection, "a")
    expected = {"generations": 2, "documents": 2, "thumbnails": 0, "windows": 2, "reply_links": 8}
    assert removed.pop("task_queue") == 0
    assert removed == {**expected, "imports": 1, "messages": 8, "threads": 1}
    assert counts(warehouse, *removed, where="thread_id = 'a'") == [0] * 8
    assert counts(warehouse, *removed, where="thread_id = 'b'") == [*removed.values()]
    assert counts(warehouse, "annotations", "comparisons") == [3, 2]
    remarks = query(warehouse.path, "SELECT post_a, feedback FROM comparisons ORDER BY sequence")
    assert remarks == [
        (documents["a about Ada"], None),
        (documents["b about Ada"], '"Ada is funnier"'),
    ]
    kept = query(warehouse.path, "SELECT parent_id FROM annotations")
    assert {id_ for (id_,) in kept} == {
        documents["b about Ada"],
        message_id("b", 0),
        message_id("b", 1),
    }


def test_what_was_asked_for_about_a_forgotten_chat_is_asked_for_no_more(
    warehouse: Warehouse,
) -> None:
    fill(warehouse, "a")
    fill(warehouse, "b", after=1)
    [(window,)] = query(
        warehouse.path, "SELECT window_id::VARCHAR FROM windows WHERE thread_id = 'a' LIMIT 1"
    )
    execute_in(warehouse, "UPDATE messages SET author = 'Dee' WHERE content = 'a 0'")
    for number, subject in enumerate((window, "Dee", "Ada", "https://b.example")):
        add_task(warehouse, number, subject)
    with warehouse.transaction() as connection:
        assert forget_thread(connection, "a")["task_queue"] == 2
    left = query(warehouse.path, "SELECT subject FROM task_queue ORDER BY 1")
    assert left == [("Ada",), ("https://b.example",)]


def test_a_forgotten_person_is_named_nowhere_in_their_chats(warehouse: Warehouse) -> None:
    populated(warehouse)
    with warehouse.transaction() as connection:
        assert threads_of_author(connection, NAME) == ["a", "b"]
    removed = forget(warehouse, NAME, "a", "b")
    assert (removed["messages"], removed["renamed"], removed["generations"]) == (4, 0, 4)
    with warehouse.transaction() as connection:
        assert threads_of_author(connection, NAME) == []
    for table in ("messages", "documents", "generations", "imports", "comparisons", "annotations"):
        assert NAME not in str(query(warehouse.path, f"FROM {table}"))
    for key in "ab":
        left = [f"{key} {n}" for n in (1, 2, 3, 5, 6, 7)]
        assert numbered(warehouse, key) == list(enumerate(left))
    assert counts(warehouse, "windows", "reply_links") == [0, 0]
    lengths = "SELECT len(message_ids), list_contains(message_ids, ?::UUID) FROM imports"
    assert query(warehouse.path, lengths, message_id("a", 0)) == [(6, False)] * 2
    annotated = query(warehouse.path, "SELECT parent_id FROM annotations ORDER BY ALL")
    assert annotated == sorted((message_id(key, 1),) for key in "ab")


def test_others_name_a_forgotten_person_no_more_and_their_messages_stay(
    warehouse: Warehouse,
) -> None:
    fill(warehouse, "a")
    texts = {
        1: "Ada: thanks, ADA! Adam says so too, https://x.example/ada/1",
        2: "Bo added Ada",
        3: "> a 0\n> not hers\nI agree",
    }
    for number, text in texts.items():
        execute_in(
            warehouse,
            "UPDATE messages SET content = ? WHERE message_id = ?",
            text,
            message_id("a", number),
        )
    execute_in(
        warehouse,
        """
        UPDATE messages SET media_path = 'Ada CV.pdf', metadata = struct_update(metadata,
          mentions := ['Ada', 'Bo'], urls := ['https://x.example/ada/1'],
          extra := '{"quote": "a 0", "poll": ["Ada", "Cy"]}'::JSON, file := 'With Ada.txt')
        WHERE message_id = ?
        """,
        message_id("a", 1),
    )
    before = query(warehouse.path, "SELECT message_id, timestamp FROM messages ORDER BY position")
    assert forget(warehouse, NAME, "a")["renamed"] == 3
    after = query(warehouse.path, "SELECT message_id, timestamp FROM messages ORDER BY position")
    assert after == [row for place, row in enumerate(before) if place % 4]
    assert numbered(warehouse, "a")[:3] == [
        (0, "[name]: thanks, [name]! Adam says so too, https://x.example/[name]/1"),
        (1, "Bo added [name]"),
        (2, "> not hers\nI agree"),
    ]
    [row] = query(
        warehouse.path,
        "SELECT media_path, metadata.mentions, metadata.urls, metadata.extra, metadata.file "
        "FROM messages WHERE position = 0",
    )
    assert row == (
        "[name] CV.pdf",
        ["[name]", "Bo"],
        ["https://x.example/[name]/1"],
        '{"poll": ["[name]", "Cy"]}',
        "With [name].txt",
    )


def test_what_was_written_with_a_persons_words_goes_and_what_comes_back_keeps_its_id(
    warehouse: Warehouse,
) -> None:
    fill(warehouse, "a", 12)
    # The first window loses a message, the second names the person, the third does neither.
    execute_in(warehouse, "UPDATE messages SET author = 'Bo' WHERE position IN (4, 8)")
    execute_in(warehouse, "UPDATE messages SET content = 'Ada?' WHERE position = 5")
    link = "UPDATE messages SET metadata = struct_update(metadata, urls := [?]) WHERE position = ?"
    execute_in(warehouse, link, "https://hers.example", 0)
    execute_in(warehouse, link, "https://his.example", 9)
    windows = [
        str(id_)
        for (id_,) in query(warehouse.path, "SELECT window_id FROM windows ORDER BY window_index")
    ]
    told: list[dict[str, Any]] = [{"window_id": window} for window in windows]
    told += [{"doc_type": "profile", "subject": name} for name in ("Ada", "Bo")]
    links = ("https://hers.example", "https://his.example")
    told += [{"doc_type": "enrichment", "subject": link} for link in links]
    ids = [add_document(warehouse, "a", status="published", **values) for values in told]
    ids.append(add_document(warehouse, "a", writer="user", title="To Ada", slug="to-ada-1"))
    for place, values in enumerate(told):
        output = json.dumps({"content": "x", "facts": {"title": "Ada's page"} if place > 4 else {}})
        add_generation(warehouse, "a", output=output, **values)
    add_annotation(warehouse, ids[0], "document")
    add_annotation(warehouse, ids[4], "document")
    add_comparison(warehouse, 0, ids[1], ids[2])
    forget(warehouse, NAME, "a")
    left = query(warehouse.path, "SELECT document_id, status, content, title FROM documents")
    assert {str(id_): tuple(values) for id_, *values in left} == {
        ids[1]: ("superseded", "", ""),
        ids[2]: ("published", "x", "x"),
        ids[4]: ("superseded", "", ""),
        ids[6]: ("superseded", "", ""),
        ids[7]: ("draft", "x", "To [name]"),
    }
    assert query(warehouse.path, "SELECT slug FROM documents WHERE writer = 'user'") == [
        ("to-name-1",)
    ]
    assert query(warehouse.path, "SELECT parent_id FROM annotations") == [(ids[4],)]
    kept = query(warehouse.path, "SELECT window_id, subject, output FROM generations ORDER BY ALL")
    assert [(window and str(window), subject) for window, subject, _ in kept] == [
        (windows[2], None),
        (None, "https://his.example"),
    ]
    assert json.loads(kept[1][2]) == {"facts": {"title": "[name]'s page"}}
    assert query(warehouse.path, "SELECT feedback FROM comparisons") == [(None,)]


def test_remarks_and_tasks_of_and_about_a_forgotten_person_go(warehouse: Warehouse) -> None:
    fill(warehouse, "a")
    add_annotation(warehouse, message_id("a", 1), "message")
    execute_in(warehouse, "UPDATE annotations SET content = 'ask Ada'")
    add_annotation(warehouse, message_id("a", 1), "message")
    execute_in(warehouse, "UPDATE annotations SET author = 'Ada' WHERE content = 'hm'")
    add_task(warehouse, 0, "Ada")
    add_task(warehouse, 1, "Bo")
    removed = forget(warehouse, NAME, "a")
    assert (removed["annotations"], removed["task_queue"]) == (1, 1)
    assert query(warehouse.path, "SELECT content FROM annotations") == [("ask [name]",)]


def test_a_person_forgotten_in_one_chat_stays_in_another(warehouse: Warehouse) -> None:
    populated(warehouse)
    tables = ("messages", "documents", "generations", "windows", "imports")
    before = {
        table: query(warehouse.path, f"FROM {table} WHERE thread_id = 'b'") for table in tables
    }
    forget(warehouse, NAME, "a")
    with warehouse.transaction() as connection:
        assert threads_of_author(connection, NAME) == ["b"]
    for table in tables:
        assert query(warehouse.path, f"FROM {table} WHERE thread_id = 'b'") == before[table]


@pytest.mark.parametrize("name", ['Ann "Nan" Lee', "back\\slash", "Zoë", "tab\there", "O'Brien"])
def test_a_generation_that_names_a_forgotten_person_is_removed_however_json_writes_the_name(
    warehouse: Warehouse, name: str
) -> None:
    fill(warehouse, "a", 12)
    [(window,)] = query(warehouse.path, "SELECT window_id FROM windows WHERE window_index = 2")
    for ascii_ in (True, False):
        output = json.dumps({"content": f"said {name}."}, ensure_ascii=ascii_)
        add_generation(warehouse, "a", output=output, window_id=str(window))
    add_generation(warehouse, "a", window_id=str(window))
    assert forget(warehouse, name, "a")["generations"] == 2


def test_references_hold_after_every_change(warehouse: Warehouse) -> None:
    populated(warehouse)
    with warehouse.transaction() as connection:
        forget_author(connection, [NAME], Names.of([NAME]), ["a"])
        merge_threads(connection, *(get_thread(connection, key) for key in "ab"))
        forget_thread(connection, "nothing")
    # A write verifies what it touches; this one touches the whole chat.
    table = MESSAGES.table()
    assert warehouse.write(MESSAGES, table).changed == 0
    assert [n for n, _ in numbered(warehouse, "b")] == list(range(14))
