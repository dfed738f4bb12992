"""The same work done to many things at a time."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(work: Callable[[T], R], things: Iterable[T], limit: int) -> Iterator[R]:
    """What work makes of each thing, in the order in which it is done.

    Args:
        work: Called in a thread of its own when more than one may be at work.
        things: Taken one by one as there is room, in the caller's thread.
        limit: How many are worked on at a time.

    Yields:
        The results.
    """
    if limit == 1:
        yield from map(work, things)
        return
    with ThreadPoolExecutor(limit) as pool:
        running: set[Future[R]] = set()
        for thing in things:
            running.add(pool.submit(work, thing))
            if len(running) == limit:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        yield from (future.result() for future in as_completed(running))
