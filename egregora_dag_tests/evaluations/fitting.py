"""Fits the weights of the models that infer reply links."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, vstack

from egregora_dag.database.disentanglement.features import Pairs, Template
from egregora_dag.database.disentanglement.inference import links
from egregora_dag.database.disentanglement.model import (
    Floats,
    combinations,
    model,
    size,
)
from egregora_dag.database.disentanglement.naming import Bools
from egregora_dag.database.disentanglement.templates import LINK, START, THREAD
from egregora_dag.database.disentanglement.text import read
from egregora_dag.database.disentanglement.timeline import (
    CANDIDATES,
    facts,
    link_facts,
    words_in_common,
)
from egregora_dag_tests.evaluations.stretches import Stretch

Weights = dict[str, float]

# Strength of the L2 penalty: half of this times the sum of the squared weights.
_PENALTY = 2.0
_DIGITS = 6


@dataclass(frozen=True)
class Sample:
    """Annotated messages with all that each may answer.

    Attributes:
        design: float64[messages * (CANDIDATES + 1), weights], which weights count for what.
        possible: bool[messages, CANDIDATES + 1], what may be answered; the start comes last.
        right: bool[messages, CANDIDATES + 1], what is, after the annotation.
    """

    design: csr_matrix
    possible: Bools
    right: Bools


def fit(stretches: Sequence[Stretch]) -> tuple[Weights, Weights]:
    """Fit both passes; the second sees the links that the first makes of the same messages.

    Args:
        stretches: Annotated messages.

    Returns:
        Weights of the first and of the second pass by feature, rounded, without zeros.
    """
    pairs = [_pairs(one) for one in stretches]
    first = _weights(stretches, pairs, LINK)
    ranker = model(first, LINK, START)
    for one in pairs:
        one.facts.update(link_facts(one.facts, links(one.facts, one.common, 0, ranker)[0]))
    return first, _weights(stretches, pairs, LINK + THREAD)


def _pairs(stretch: Stretch) -> Pairs:
    """The annotated messages and what they may answer."""
    reading = read(stretch.messages)
    rows = slice(stretch.first, stretch.messages.num_rows)
    return Pairs(facts(reading), words_in_common(reading), rows)


def _weights(
    stretches: Sequence[Stretch], pairs: Sequence[Pairs], templates: Sequence[Template]
) -> Weights:
    samples = [_sample(*both, templates) for both in zip(stretches, pairs, strict=True)]
    found = _likeliest(
        vstack([one.design for one in samples]).tocsr(),
        np.concatenate([one.possible for one in samples]),
        np.concatenate([one.right for one in samples]),
    )
    names = [name for template in (*templates, *START) for name in combinations(template)]
    rounded = zip(names, np.round(found, _DIGITS).tolist(), strict=True)
    return {name: weight for name, weight in rounded if weight}


def _sample(stretch: Stretch, pairs: Pairs, templates: Sequence[Template]) -> Sample:
    """The messages of a stretch that have a choice, the right one among it."""
    replies = stretch.messages.num_rows - stretch.first
    possible = np.column_stack([pairs.is_candidate, np.ones(replies, np.bool_)])
    right = np.zeros_like(possible)
    for later, earlier in stretch.links:
        if later - earlier <= CANDIDATES:
            right[later - stretch.first, CANDIDATES - (later - earlier)] = True
    right &= possible
    telling = right.any(axis=1) & (possible.sum(axis=1) > 1)
    shape = (replies, CANDIDATES + 1)
    numbers, offset = [], 0
    for template in (*templates, *START):
        number = np.full(shape, -1)
        place = slice(-1, None) if template in START else slice(0, -1)
        number[:, place] = pairs.combined(template) + offset
        numbers.append(np.where(possible, number, -1)[telling].ravel())
        offset += size(template)
    table = np.stack(numbers, axis=1)
    counts = table >= 0
    starts = np.concatenate(([0], np.cumsum(counts.sum(axis=1))))
    design = csr_matrix((np.ones(starts[-1]), table[counts], starts), (len(table), offset))
    return Sample(design, possible[telling], right[telling])


def _likeliest(design: csr_matrix, possible: Bools, right: Bools) -> Floats:
    """Weights that make the annotation likeliest, less the penalty.

    A message's likelihood is the probability of all its annotated antecedents together, under a
    softmax over what it may answer.
    """
    transposed = design.T.tocsr()

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = np.where(possible, (design @ weights).reshape(possible.shape), -np.inf)
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        of_all, of_right = odds.sum(axis=1), (odds * right).sum(axis=1)
        slope = odds / of_all[:, None] - odds * right / of_right[:, None]
        value = (np.log(of_all) - np.log(of_right)).sum() + _PENALTY / 2 * weights @ weights
        return value, transposed @ slope.ravel() + _PENALTY * weights

    start = np.zeros(design.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return np.asarray(found.x)
