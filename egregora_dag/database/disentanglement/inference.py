"""From a chat's messages to links between them, block by block."""

from typing import Final

import numpy as np
import pyarrow as pa

from egregora_dag.database.disentanglement.features import Pairs
from egregora_dag.database.disentanglement.model import Floats, Model, Passes
from egregora_dag.database.disentanglement.naming import HISTORY, Ints
from egregora_dag.database.disentanglement.text import read
from egregora_dag.database.disentanglement.timeline import (
    CANDIDATES,
    HOPS,
    Facts,
    facts,
    link_facts,
    words_in_common,
)

# The first pass looks at the candidates, at what their authors said before, and at whom that named.
_FIRST_BACK = CANDIDATES + 2 * HISTORY
# The second looks at links that lead on from what the author said before.
_SECOND_BACK = HISTORY + (HOPS - 1) * CANDIDATES
LOOK_BACK: Final = _FIRST_BACK + _SECOND_BACK

_SCHEMA = pa.schema([("antecedent", pa.int64()), ("score", pa.float64())])
# Rows read at once, and rows of which all pairs are held at once.
_BLOCK = 8_192
_CHUNK = 512


def infer(messages: pa.Table, passes: Passes) -> pa.Table:
    """Which earlier message each message answers, as `infer_links`, by given models."""
    parts = [
        _block(messages, start, min(start + _BLOCK, messages.num_rows), passes)
        for start in range(0, messages.num_rows, _BLOCK)
    ]
    return pa.concat_tables(parts) if parts else _SCHEMA.empty_table()


def _block(messages: pa.Table, start: int, stop: int, passes: Passes) -> pa.Table:
    """The links of rows start..stop."""
    context = max(start - LOOK_BACK, 0)
    reading = read(messages.slice(context, stop - context))
    known, common = facts(reading), words_in_common(reading)
    first = links(known, common, max(start - context - _SECOND_BACK, 0), passes.first)[0]
    known |= link_facts(known, first)
    link, score = links(known, common, start - context, passes.second)
    antecedent = link[start - context :] + context
    return pa.table({"antecedent": antecedent, "score": score}, schema=_SCHEMA)


def links(known: Facts, common: Ints, first: int, model: Model) -> tuple[Ints, Floats]:
    """What each row from `first` on answers, by one model.

    Args:
        known: Facts on each row of a block.
        common: int64[rows, CANDIDATES], from `words_in_common`.
        first: The first row of interest.
        model: The model.

    Returns:
        int64[rows], the row answered, its own for a start and for those before `first`; and
        float64[rows - first], the probability of each link of interest among its alternatives.
    """
    rows = len(known["row"])
    link, score = np.arange(rows), np.empty(rows - first)
    for start in range(first, rows, _CHUNK):
        chunk = slice(start, min(start + _CHUNK, rows))
        scores = model.scores(Pairs(known, common, chunk))
        best = scores.argmax(axis=1)
        link[chunk] -= CANDIDATES - best
        score[chunk.start - first : chunk.stop - first] = 1 / np.exp(
            scores - scores.max(axis=1, keepdims=True)
        ).sum(axis=1)
    return link, score
