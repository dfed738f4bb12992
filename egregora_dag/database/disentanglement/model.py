"""A log-linear model of which earlier message each message answers, and its weights."""

import csv
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from egregora_dag.database.disentanglement.features import ATTRIBUTES, Pairs, Template
from egregora_dag.database.disentanglement.templates import LINK, START, THREAD
from egregora_dag.database.disentanglement.timeline import CANDIDATES

Floats = NDArray[np.float64]

WEIGHTS: Final = "weights.csv"


@dataclass(frozen=True)
class Model:
    """Weights for each combination of values of the attributes that belong together.

    Attributes:
        links: By template, float64[combinations], what speaks for a candidate.
        starts: By template, float64[combinations], what speaks for a conversation's start.
    """

    links: Mapping[Template, Floats]
    starts: Mapping[Template, Floats]

    def scores(self, pairs: Pairs) -> Floats:
        """What speaks for each candidate.

        Args:
            pairs: The replies and their candidates.

        Returns:
            float64[replies, CANDIDATES + 1], logarithms of odds; the last column stands for the
            start of a conversation, and -inf for what cannot be answered.
        """
        replies = pairs.rows.stop - pairs.rows.start
        candidates, start = np.zeros((replies, CANDIDATES)), np.zeros((replies, 1))
        for template, weights in self.links.items():
            candidates += weights.take(pairs.combined(template))
        for template, weights in self.starts.items():
            start += weights.take(pairs.combined(template))
        return np.hstack((np.where(pairs.is_candidate, candidates, -np.inf), start))


@dataclass(frozen=True)
class Passes:
    """The model that sees the messages alone, and the one that sees what the first made of them.

    Attributes:
        first: Of the templates LINK and START.
        second: Of the templates LINK, THREAD and START.
    """

    first: Model
    second: Model


def size(template: Template) -> int:
    """How many combinations of values there are."""
    return int(np.prod([ATTRIBUTES[name].levels for name in template]))


def combinations(template: Template) -> Iterator[str]:
    """Name each combination of values, in the order of their numbers."""
    for values in itertools.product(*(range(ATTRIBUTES[name].levels) for name in template)):
        yield " ".join(f"{name}={value}" for name, value in zip(template, values, strict=True))


def model(
    weights: Mapping[str, float], links: Iterable[Template], starts: Iterable[Template]
) -> Model:
    """A model of the templates with weights by the combinations' names, 0 where there is none."""
    tables = [
        {
            template: np.array([weights.get(name, 0.0) for name in combinations(template)])
            for template in templates
        }
        for templates in (links, starts)
    ]
    return Model(*tables)


def passes(first: Mapping[str, float], second: Mapping[str, float]) -> Passes:
    """The two models, from the weights of each."""
    return Passes(model(first, LINK, START), model(second, LINK + THREAD, START))


@cache
def shipped() -> Passes:
    """The models that come with the package."""
    weights: tuple[dict[str, float], dict[str, float]] = ({}, {})
    table = (files(__package__) / WEIGHTS).read_text(encoding="utf-8")
    for row in csv.DictReader(table.splitlines()):
        weights[int(row["pass"]) - 1][row["feature"]] = float(row["weight"])
    return passes(*weights)
