"""How many comparisons a ranking takes, by the choice of pairs, and what its intervals hold.

`python -m egregora_dag_tests.evaluations.pairs` simulates judges who follow Bradley and Terry on
posts of known strength, prints how many comparisons a post takes until the rank correlation
(Spearman's) of fitted and true strengths is 0.9, and how often the 95 % intervals hold the truth.
`--plot FILE.svg` also draws the correlation.
"""

import itertools
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean

import click
import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.special import expit
from scipy.stats import spearmanr

from egregora_dag import bradley_terry
from egregora_dag.bradley_terry import POINTS, Floats, Strengths
from egregora_dag.database.elo import Winner
from egregora_dag.pairing import Standings, next_pairs

POSTS = 200
GOAL = 0.9
SPREADS = (200, 350, 500)
SEEDS = 6
ROUNDS = 30
Choice = Callable[[Sequence[str], Standings, random.Random], list[tuple[str, str]]]


def adaptive(posts: Sequence[str], standings: Standings, _: random.Random) -> list[tuple[str, str]]:
    """The pairs that the product chooses."""
    return list(next_pairs(posts, standings))


def random_pairs(
    posts: Sequence[str], standings: Standings, rng: random.Random
) -> list[tuple[str, str]]:
    """As many pairs drawn from all that were not compared yet."""
    pairs: dict[tuple[str, str], None] = {}
    while len(pairs) < len(posts) // 2:
        a, b = sorted(rng.sample(posts, 2))
        if b not in standings.compared[a]:
            pairs[a, b] = None
    return list(pairs)


def random_rounds(
    posts: Sequence[str], standings: Standings, rng: random.Random
) -> list[tuple[str, str]]:
    """Random pairs in which each post occurs once."""
    order = rng.sample(posts, len(posts))
    pairs = zip(order[::2], order[1::2], strict=True)
    return [(a, b) for a, b in pairs if b not in standings.compared[a]]


CHOICES: dict[str, Choice] = {
    "random pairs": random_pairs,
    "random, each post as often": random_rounds,
    "adaptive": adaptive,
}


class World:
    """Posts of known strength, their judge, and what was judged.

    Args:
        spread: Standard deviation of the strengths, points of Elo.
        seed: Makes the same world.
    """

    def __init__(self, spread: float, seed: int) -> None:
        self.random = random.Random(seed)
        drawn = np.array([self.random.gauss(0, spread / POINTS) for _ in range(POSTS)])
        self.truth: Floats = drawn - drawn.mean()
        # Names that tell nothing of the strength.
        self.posts = [f"{n:03}" for n in range(POSTS)]
        self.standings = Standings()
        self.verdicts: list[tuple[int, int, float]] = []

    def judge(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Have pairs judged."""
        for a, b in pairs:
            chance = expit(self.truth[int(a)] - self.truth[int(b)])
            winner: Winner = "a" if self.random.random() < chance else "b"
            self.standings.note(a, b, winner)
            self.standings.meet(a, b)
            self.verdicts.append((int(a), int(b), float(winner == "a")))

    def fitted(self) -> Strengths:
        """The strengths that the verdicts so far give."""
        a, b, score = (np.array(column) for column in zip(*self.verdicts, strict=True))
        return bradley_terry.fit(a, b, score, np.ones(len(a)), POSTS)


def correlations(choice: Choice, spread: float, seed: int, rounds: int) -> list[float]:
    """The rank correlation after 1, 2, … comparisons of each post, on average."""
    world, found = World(spread, seed), []
    for _ in range(rounds):
        world.judge(choice(world.posts, world.standings, world.random))
        found.append(float(spearmanr(world.fitted().values, world.truth).statistic))
    return found


def needed(found: Sequence[float]) -> float:
    """Comparisons of a post until the goal is reached, between two rounds in proportion."""
    for number, (before, after) in enumerate(itertools.pairwise([0.0, *found])):
        if after >= GOAL:
            return number + (GOAL - before) / (after - before)
    return float("inf")


def coverage(spread: float, rounds: int) -> float:
    """Share of posts whose 95 % interval holds the true strength, with adaptive pairs."""
    held = []
    for seed in range(SEEDS):
        world = World(spread, seed)
        for _ in range(rounds):
            world.judge(adaptive(world.posts, world.standings, world.random))
        fitted = world.fitted()
        held.append(np.mean(np.abs(fitted.values - world.truth) <= 1.96 * fitted.errors))
    return float(np.mean(held))


def averaged(choice: Choice, spread: float) -> list[float]:
    """The rank correlation by comparisons of a post, averaged over the seeds."""
    runs = (correlations(choice, spread, seed, ROUNDS) for seed in range(SEEDS))
    return [mean(values) for values in zip(*runs, strict=True)]


def draw(curves: dict[int, dict[str, list[float]]], path: Path) -> None:
    """Draw the correlations, one picture a spread; the same file for the same numbers."""
    import matplotlib as mpl  # noqa: PLC0415 - takes long, and only the drawing needs it

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    mpl.rcParams.update({"svg.hashsalt": "pairs", "svg.fonttype": "none"})
    figure, axes = plt.subplots(1, len(curves), figsize=(10, 3.6), sharey=True)
    for axis, (spread, lines) in zip(axes, curves.items(), strict=True):
        for (name, values), style in zip(lines.items(), ("C7:", "C0--", "C1-"), strict=True):
            axis.plot(range(1, len(values) + 1), values, style, label=name)
        axis.axhline(GOAL, color="0.8", linewidth=1, zorder=0)
        axis.set(title=f"strengths spread by {spread} points", xlabel="comparisons a post")
        axis.set_ylim(0.4, 1)
    axes[0].set_ylabel("rank correlation with the truth")
    axes[-1].legend(loc="lower right", frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None})


@click.command()
@click.option("--plot", type=click.Path(path_type=Path), help="Also draw the correlations.")
def main(plot: Path | None) -> None:
    """Compare ways to choose pairs, and count what the intervals hold."""
    console = Console(width=100)
    curves = {
        spread: {name: averaged(choice, spread) for name, choice in CHOICES.items()}
        for spread in SPREADS
    }
    table = Table(title=f"Comparisons a post until the rank correlation is {GOAL}; {POSTS} posts")
    for name in ("spread of strengths", *CHOICES, "adaptive / random pairs"):
        table.add_column(name, justify="right")
    for spread, lines in curves.items():
        counts = {name: needed(values) for name, values in lines.items()}
        ratio = counts["adaptive"] / counts["random pairs"]
        table.add_row(str(spread), *(f"{n:.1f}" for n in counts.values()), f"{ratio:.2f}")
    console.print(table)
    table = Table(title="Share of 95 % intervals that hold the truth")
    rounds = (4, 8, 24)
    for name in ("spread of strengths", *(f"after {n} comparisons" for n in rounds)):
        table.add_column(name, justify="right")
    for spread in (100, *SPREADS):
        table.add_row(str(spread), *(f"{coverage(spread, n):.3f}" for n in rounds))
    console.print(table)
    if plot is not None:
        draw(curves, plot)


if __name__ == "__main__":
    main()
