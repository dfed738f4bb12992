"""Whom messages name: a word is a name if somebody who goes by it has spoken lately."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# How far back what an author said or was called is remembered, in rows.
HISTORY: Final = 200
NOBODY: Final = -1
# As many people named in one message as are kept.
_MOST = 3


@dataclass(frozen=True)
class Tokens:
    """The words of a block of messages, row by row.

    Attributes:
        word: int64[tokens], number of its spelling.
        row: int64[tokens], the message it stands in.
        place: int64[tokens], its place in the message, from 0.
        size: int64[rows], words of each message.
        salutes: bool[tokens], whether it is written like a salutation: `name:`, `name,`, `@name`.
    """

    word: Ints
    row: Ints
    place: Ints
    size: Ints
    salutes: Bools


@dataclass(frozen=True)
class Names:
    """Whom each message of a block names.

    Attributes:
        named: int64[rows, 3], authors, the likeliest addressee first; NOBODY fills up.
        manner: int64[rows], how the first one is named: 0 nobody is, 1 saluted at the beginning, 2
            the first word or saluted later, 3 the last word, 4 elsewhere, 5 an unknown is saluted.
    """

    named: Ints
    manner: Ints


def names(author: Ints, called: Any, tokens: Tokens, words: Any) -> Names:
    """Find whom each message names.

    Where several go by a name, who spoke last is meant.

    Args:
        author: int64[rows], who wrote each message, NOBODY for system lines.
        called: Names of the authors by number, in lower case without punctuation around.
        tokens: What was said.
        words: Spellings of the words by number, written like the names.

    Returns:
        Who is named, of those who spoke in the HISTORY rows before and are not the author.
    """
    rows = len(author)
    keys_of, keys = _keys(called.to_pylist())
    key = _numbers(pc.index_in(words, pa.array(keys, pa.string())))[tokens.word]
    meant = _last_speaker(author, keys_of, key, tokens.row)
    salutes = tokens.salutes & (author[tokens.row] != NOBODY)
    manner = np.select(
        [
            salutes & (tokens.place == 0),
            salutes | (tokens.place == 0),
            tokens.place == tokens.size[tokens.row] - 1,
        ],
        [1, 2, 3],
        default=4,
    )
    at = np.flatnonzero((meant != NOBODY) & (meant != author[tokens.row]))
    at = at[np.lexsort((tokens.place[at], manner[at], tokens.row[at]))]
    at = at[_is_first(tokens.row[at] * (rows + 1) + meant[at])]
    row = tokens.row[at]
    nth = np.arange(len(at)) - np.searchsorted(row, row)
    named = np.full((rows, _MOST), NOBODY)
    few = nth < _MOST
    named[row[few], nth[few]] = meant[at[few]]
    manners = np.zeros(rows, np.int64)
    manners[tokens.row[salutes & (tokens.place == 0)]] = 5
    manners[row[nth == 0]] = manner[at[nth == 0]]
    return Names(named, manners)


def _last_speaker(author: Ints, keys_of: Ints, key: Ints, row: Ints) -> Ints:
    """Who spoke last before each row of those with the key there, NOBODY if too long ago."""
    if len(author) == 0 or len(key) == 0:
        return np.full(len(key), NOBODY)
    stride = len(author) + 1
    speaker = np.flatnonzero(author != NOBODY)
    event, which = np.nonzero(keys_of[author[speaker]] != NOBODY)
    events = np.sort(keys_of[author[speaker[event]], which] * stride + speaker[event])
    events = np.concatenate(([-1], events))
    found = events[np.searchsorted(events, np.maximum(key, 0) * stride + row) - 1]
    before = found % stride
    known = (key != NOBODY) & (found // stride == key) & (row - before <= HISTORY)
    return np.where(known & (author[row] != NOBODY), author[np.where(known, before, 0)], NOBODY)


def _keys(called: list[str]) -> tuple[Ints, list[str]]:
    """What authors are called by others: the first and the last word of their name.

    Returns:
        int64[authors, 2], numbers of the keys of each author, NOBODY fills up; and the keys.
    """
    numbers: dict[str, int] = {}
    keys_of = np.full((len(called), 2), NOBODY)
    for author, name in enumerate(called):
        is_number = not any(letter.isalpha() for letter in name)
        parts = ["".join(filter(str.isdigit, name))] if is_number else name.split()
        usable = [part for part in parts if len(part) > 1]
        for which, part in enumerate(dict.fromkeys(usable[:1] + usable[-1:])):
            keys_of[author, which] = numbers.setdefault(part, len(numbers))
    return keys_of, list(numbers)


def _is_first(values: Ints) -> Bools:
    """Where a value occurs for the first time."""
    first = np.zeros(len(values), np.bool_)
    first[np.unique(values, return_index=True)[1]] = True
    return first


def _numbers(found: Any) -> Ints:
    filled = pc.fill_null(found.cast(pa.int64()), NOBODY)
    return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=np.int64)
