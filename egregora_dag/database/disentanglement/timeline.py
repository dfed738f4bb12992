"""What went before and after each message of a block: turns, calls and what was said of late."""

from typing import Final

import numpy as np

from egregora_dag.database.disentanglement.naming import HISTORY, NOBODY, Ints
from egregora_dag.database.disentanglement.text import Reading

# How far back the messages are that one may answer, in rows.
CANDIDATES: Final = 100
# How many links a conversation is followed back.
HOPS: Final = 4
# A row before all and a row after all others.
BEFORE: Final = -(1 << 40)
AFTER: Final = 1 << 40
# What "whom did the message before name" says where there is no such message.
NO_MESSAGE: Final = -2

# A word more frequent than this within HISTORY says nothing of what belongs together.
_FREQUENT = 8

# By name, what is known of each message: int64[rows].
Facts = dict[str, Ints]


def facts(reading: Reading) -> Facts:
    """Collect what is known of each message of a block.

    Facts on the past go HISTORY rows back. Facts on the future (`after…`, `called_after…`) are rows
    to be compared with that of the message under consideration, so as not to look beyond it.

    Args:
        reading: The block.

    Returns:
        By name: `before1` to `before3` and `after1` to `after3` are rows of the author's messages
        before and after; `target1` and `target2` whom the author's previous ones named;
        `called_before` the last row that named the author first, `caller` by whom; `called_after1`
        and `called_after2` the next ones; `ordinal` numbers messages without the system lines;
        the others as in `Reading`.
    """
    author, target = reading.author, reading.named[:, 0]
    rows = np.arange(len(author))
    out = {
        "row": rows,
        "author": author,
        "spoken": (author != NOBODY).astype(np.int64),
        "ordinal": np.cumsum(author != NOBODY),
        "minute": reading.minute,
        "manner": reading.manner,
        "size": np.digitize(reading.size, [2, 4, 8, 16, 30]),
        "bot": reading.bot.astype(np.int64),
        **{f"named{nth}": whom for nth, whom in enumerate(reading.named.T, 1)},
        **{cue: held.astype(np.int64) for cue, held in reading.cues.items()},
    }
    for nth in (1, 2, 3):
        out[f"before{nth}"] = _recent(_occurrence(author, author, -nth))
        out[f"after{nth}"] = _occurrence(author, author, nth)
    for nth in (1, 2):
        out[f"target{nth}"] = _at(target, out[f"before{nth}"], NO_MESSAGE)
        out[f"called_after{nth}"] = _occurrence(target, author, nth)
    out["called_before"] = _recent(_occurrence(target, author, -1))
    out["caller"] = _at(author, out["called_before"], NO_MESSAGE)
    return out


def link_facts(known: Facts, links: Ints) -> Facts:
    """Collect what is known of each message once it is known what each one answers.

    Args:
        known: The facts so far.
        links: int64[rows], the row that each message answers, its own if none.

    Returns:
        `link` and `answered`, the row and its author, who is NOBODY at a start; `root`, where HOPS
        links lead; and the same of the author's message before: `link_before` and so on.
    """
    author, before = known["author"], known["before1"]
    root = links
    for _ in range(HOPS - 1):
        root = root[links]
    answered = np.where(links == known["row"], NOBODY, author[links])
    return {
        "link": links,
        "answered": answered,
        "root": root,
        "link_before": _at(links, before, BEFORE),
        "answered_before": _at(answered, before, NO_MESSAGE),
        "root_before": _at(root, before, BEFORE),
    }


def _occurrence(values: Ints, wanted: Ints, nth: int) -> Ints:
    """The nth row after (if negative, before) each row that has the value wanted there."""
    rows = np.arange(len(values))
    stride = len(values) + 1
    found = np.flatnonzero(values != NOBODY)
    events = np.sort(values[found] * stride + found)
    here = wanted * stride + rows
    at = np.searchsorted(events, here, side="right" if nth > 0 else "left")
    at += nth - 1 if nth > 0 else nth
    missing = np.full(len(values), AFTER if nth > 0 else BEFORE)
    inside = np.flatnonzero((at >= 0) & (at < len(events)) & (wanted != NOBODY))
    event = events[at[inside]]
    same = event // stride == wanted[inside]
    missing[inside[same]] = event[same] % stride
    return missing


def _recent(rows: Ints) -> Ints:
    return np.where(np.arange(len(rows)) - rows <= HISTORY, rows, BEFORE)


def _at(values: Ints, rows: Ints, missing: int) -> Ints:
    return np.where(rows >= 0, values[np.maximum(rows, 0)], missing) if len(rows) else rows


def words_in_common(reading: Reading) -> Ints:
    """How much two messages have in common by the words that are rare of late.

    Each word in common adds log((HISTORY + 1) / (n + 1)), its inverse document frequency where n of
    the HISTORY rows before the later message have it.

    Args:
        reading: The block.

    Returns:
        int64[rows, CANDIDATES] thousandths, whole so that sums do not depend on their order; the
        last column stands for the row before.
    """
    rows = len(reading.author)
    stride = rows + 1
    said = np.unique(reading.word * stride + reading.word_row)
    row = said % stride
    since = np.searchsorted(said, said - np.minimum(row, HISTORY))
    count = np.arange(len(said)) - since
    weight = np.round(1000 * np.log((HISTORY + 1) / (count + 1)))
    total = np.zeros(rows * CANDIDATES)
    for step in range(1, _FREQUENT + 1):
        at = np.flatnonzero((count >= step) & (count <= _FREQUENT))
        distance = row[at] - row[at - step]
        at, distance = at[distance <= CANDIDATES], distance[distance <= CANDIDATES]
        place = row[at] * CANDIDATES + CANDIDATES - distance
        total += np.bincount(place, weight[at], minlength=len(total))
    return total.reshape(rows, CANDIDATES).astype(np.int64)
