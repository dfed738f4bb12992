"""Scores the inferred reply links against human annotation, and fits their weights.

`python -m egregora_dag_tests.evaluations.reply_links score DIR`, `fit DIR`, `cross-validate DIR`:
DIR holds NAME.raw.txt and NAME.annotation.txt as in Kummerfeld et al., "A Large-Scale Corpus for
Conversation Disentanglement" (ACL 2019). Scores are, as there, precision, recall and F1 of the
pairs of a line and its antecedent, over all files together.
"""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pyarrow as pa

from egregora_dag.database import disentanglement
from egregora_dag.database.disentanglement.inference import infer
from egregora_dag.database.disentanglement.model import WEIGHTS, passes
from egregora_dag_tests.evaluations.fitting import fit
from egregora_dag_tests.evaluations.stretches import Stretch, read_stretches

Linking = Callable[[pa.Table], Sequence[int]]

# Which three files are held out, by their places in the order of names: each file as often.
_HELD_OUT = tuple((at, (at + 1) % 10, (at + 3) % 10) for at in range(10))
_SHIPPED = Path(disentanglement.__file__).with_name(WEIGHTS)


@dataclass(frozen=True)
class Agreement:
    """How inferred links agree with annotated ones.

    Attributes:
        right: Links in both.
        inferred: Links inferred.
        annotated: Links annotated.
    """

    right: int
    inferred: int
    annotated: int

    @property
    def precision(self) -> float:
        """Share of the inferred links that are annotated."""
        return self.right / self.inferred

    @property
    def recall(self) -> float:
        """Share of the annotated links that are inferred."""
        return self.right / self.annotated

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.right / (self.inferred + self.annotated)

    def __str__(self) -> str:
        return f"precision {self.precision:.3f}  recall {self.recall:.3f}  F1 {self.f1:.4f}"


def agreement(stretch: Stretch, linking: Linking) -> Agreement:
    """How a way to link messages agrees with a stretch's annotation."""
    antecedents = linking(stretch.messages)
    inferred = set(enumerate(antecedents[stretch.first :], stretch.first))
    return Agreement(len(inferred & stretch.links), len(inferred), len(stretch.links))


def together(parts: Iterable[Agreement]) -> Agreement:
    """The agreement over all links of several stretches."""
    counts = [(part.right, part.inferred, part.annotated) for part in parts]
    return Agreement(*(sum(column) for column in zip(*counts, strict=True)))


def shipped_weights(messages: pa.Table) -> list[int]:
    """Links by the weights of the package."""
    return list(disentanglement.infer_links(messages)["antecedent"].to_pylist())


def fitted_weights(stretches: Sequence[Stretch]) -> Linking:
    """Links by weights fitted to the stretches."""
    models = passes(*fit(stretches))
    return lambda messages: list(infer(messages, models)["antecedent"].to_pylist())


def previous_line(messages: pa.Table) -> list[int]:
    """Every line answers the one before."""
    return [max(row - 1, 0) for row in range(messages.num_rows)]


def previous_message(messages: pa.Table) -> list[int]:
    """Every message answers the message before; a system line starts a conversation."""
    spoken = np.array(messages["kind"].to_pylist()) != "system"
    rows = np.arange(len(spoken))
    last = np.maximum.accumulate(np.where(spoken, rows, 0))
    return list(np.where(spoken, np.concatenate(([0], last[:-1])), rows).tolist())


def held_out(stretches: Sequence[Stretch], numbers: Sequence[int]) -> list[Agreement]:
    """The agreement on each of the stretches numbered, by weights fitted to the others."""
    linking = fitted_weights([one for at, one in enumerate(stretches) if at not in numbers])
    return [agreement(stretches[at], linking) for at in numbers]


_folder = click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))


@click.group()
def main() -> None:
    """How well inferred reply links agree with human annotation."""


@main.command()
@_folder
def score(folder: Path) -> None:
    """Score the package's weights and two simple baselines on the files of FOLDER."""
    stretches = read_stretches(folder)
    each = [agreement(stretch, shipped_weights) for stretch in stretches]
    for stretch, result in zip(stretches, each, strict=True):
        click.echo(f"{stretch.name:20}{result}")
    click.echo(f"{'all':20}{together(each)}")
    for name, linking in (
        ("previous line", previous_line),
        ("previous message", previous_message),
    ):
        click.echo(f"{name:20}{together(agreement(one, linking) for one in stretches)}")


@main.command(name="fit")
@_folder
@click.option("--out", type=click.Path(path_type=Path), default=_SHIPPED, show_default=True)
def fit_command(folder: Path, out: Path) -> None:
    """Fit the weights to all files of FOLDER; the same files give the same table."""
    with out.open("w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(("pass", "feature", "weight"))
        for number, weights in enumerate(fit(read_stretches(folder)), 1):
            writer.writerows((number, feature, weight) for feature, weight in weights.items())
    click.echo(f"Wrote {out}.")


@main.command()
@_folder
def cross_validate(folder: Path) -> None:
    """Fit to seven files of FOLDER and score on the three others, for several choices of three."""
    stretches = read_stretches(folder)
    results = []
    for numbers in _HELD_OUT:
        results.append(together(held_out(stretches, numbers)))
        names = ", ".join(stretches[at].name for at in numbers)
        click.echo(f"{results[-1]}  {names}")
    click.echo(f"{together(results)}  all held out")
    click.echo(f"mean F1 {np.mean([result.f1 for result in results]):.4f}")


if __name__ == "__main__":
    main()
