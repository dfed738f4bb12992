"""A chat in a warehouse, ready to be written about."""

from datetime import datetime, timedelta

from egregora_dag.database.schemas import DOCUMENTS, MESSAGES, THREADS, WINDOWS
from egregora_dag.database.threads import Thread
from egregora_dag.publishing import Published
from egregora_dag.resources import Warehouse
from egregora_dag.windowing import WindowConfig, windows_of
from egregora_dag_tests.conftest import add_thread, at, insert, message_rows

TURNS = (
    ("Ana", "The greenhouse roof leaks above plot {n} since the storm"),
    ("Bo", "How old is that greenhouse roof, does anybody know?"),
    ("Cy", "Glass from the nursery, put up in 1978, plot {n} paid for it"),
    ("Ana", "I can get a price for polycarbonate at the shop in Mill Road"),
    ("Bo", "So a tarp over the roof on Sunday, and Ana asks for the price. Agreed?"),
    ("Cy", "Agreed, tarp on Sunday"),
)


def talk(start: datetime, number: int) -> list[tuple[datetime, str | None, str]]:
    """Six messages that are worth a post."""
    return [
        (start + timedelta(minutes=minute), author, text.format(n=number))
        for minute, (author, text) in enumerate(TURNS)
    ]


def chat_of(warehouse: Warehouse, windows: int) -> Thread:
    """A chat of so many days, a window each, stored with its windows."""
    thread = add_thread(warehouse, "shed")
    start = at("2025-01-01 12:00")
    messages = [
        said for day in range(windows) for said in talk(start + timedelta(days=day), day + 1)
    ]
    insert(warehouse.path, MESSAGES, *message_rows(thread.thread_id, messages))
    cut = windows_of(MESSAGES.table(), THREADS.table(), WindowConfig())
    warehouse.write(WINDOWS, cut)
    return thread


def save(warehouse: Warehouse, published: Published) -> None:
    """The documents stored as the asset's IO manager does."""
    warehouse.write(DOCUMENTS, published.rows)
