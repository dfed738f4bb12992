"""What is written again when a chat changes."""

from egregora_dag.database.schemas import MESSAGES, THREADS, WINDOWS
from egregora_dag.publishing import publish
from egregora_dag.resources import Warehouse
from egregora_dag.windowing import WindowConfig, windows_of
from egregora_dag.writers import get_writer
from egregora_dag_tests.conftest import execute, query
from egregora_dag_tests.writers.chatting import chat_of, save

STANDING = """
SELECT window_id, doc_type, title, content FROM documents
WHERE status = 'published' AND window_id IS NOT NULL
"""
CHANGED = """
UPDATE messages SET message_id = '00000000-0000-4000-8000-000000000000',
  content = 'Glass from the chapel, put up in 1981' WHERE position = 8
"""


def test_a_changed_message_rewrites_its_windows_documents_and_its_authors_profile_alone(
    warehouse: Warehouse,
) -> None:
    thread = chat_of(warehouse, 3)
    writer = get_writer("offline")
    first = publish(warehouse, thread, writer, run_id="first")
    save(warehouse, first)
    before = set(query(warehouse.path, STANDING))
    unchanged = publish(warehouse, thread, writer, run_id="unchanged")
    assert (first.generated, unchanged.generated, unchanged.reused) == (6, 0, 6)

    execute(warehouse.path, CHANGED)
    warehouse.write(WINDOWS, windows_of(MESSAGES.table(), THREADS.table(), WindowConfig()))
    changed = publish(warehouse, thread, writer, run_id="changed")
    save(warehouse, changed)
    after = set(query(warehouse.path, STANDING))
    assert (changed.generated, changed.reused) == (2, 4)
    assert len(before) == len(after) == 6
    assert {window for window, *_ in before - after}.isdisjoint(w for w, *_ in before & after)
    assert (len(before - after), len(after - before)) == (2, 2)
    written = "SELECT doc_type, subject FROM generations WHERE run_id = 'changed' ORDER BY ALL"
    assert query(warehouse.path, written) == [("journal", None), ("post", None), ("profile", "Cy")]
