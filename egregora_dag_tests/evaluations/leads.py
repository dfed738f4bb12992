"""How close the offline writer's leads come to summaries by people, by ROUGE.

    python -m egregora_dag_tests.evaluations.leads FILE.jsonl [--list 30] [--half second]

A line of the file is a JSON object with `dialogue` and `summary` or `summary1`, `summary2`, ….
A dialogue has one turn a line, `#Person1#: text` or `Name: text`. A dialogue becomes a window, and
its lead is the summary of the post that the writer makes of it: nothing here is not as in the
pipeline but the writer's `min_messages`, as dialogues are short.

ROUGE (Lin, 2004) is Google's `rouge-score`, stemmed, F-measure, averaged over a dialogue's
references and then over the dialogues. A dialogue without a post counts 0.
"""

import datetime as dt
import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Final

import click

from egregora_dag.writers import Message, OfflineWriter, Window

MEASURES: Final = ("rouge1", "rouge2", "rougeL")

_TURN: Final = re.compile(r"([^:\n]{1,60}): ?(.*)")
_START: Final = dt.datetime(2025, 1, 6, 12, 0)
_SEED: Final = 7


@dataclass(frozen=True)
class Dialogue:
    """A dialogue and what people say it was about.

    Attributes:
        window: Its turns as messages, a minute apart.
        references: Summaries by people.
    """

    window: Window
    references: tuple[str, ...]


def dialogues(path: Path) -> Iterator[Dialogue]:
    """The dialogues of a file.

    Args:
        path: JSON lines as this module's page says.

    Yields:
        Each dialogue.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file):
            record = json.loads(line)
            keys = sorted(key for key in record if re.fullmatch(r"summary\d*", key))
            messages = list(_messages(record["dialogue"]))
            window = Window(str(number), "dialogue", "Dialogue", number, messages)
            yield Dialogue(window, tuple(record[key] for key in keys))


def _messages(dialogue: str) -> Iterator[Message]:
    for number, line in enumerate(filter(str.strip, dialogue.splitlines())):
        turn = _TURN.fullmatch(line.strip())
        author, text = (turn[1].strip(), turn[2]) if turn else ("", line)
        time = _START + dt.timedelta(minutes=number)
        yield Message(
            str(number), time, author or "Someone", text, "message", None, None, None, (), ()
        )


def lead(writer: OfflineWriter, dialogue: Dialogue) -> str:
    """The lead that the writer gives a dialogue.

    Args:
        writer: The writer.
        dialogue: The dialogue.

    Returns:
        The summary of its post; empty if it makes none.
    """
    return " ".join(document.summary for document in writer.write(dialogue.window))


def scores(leads: Sequence[str], all_: Sequence[Dialogue]) -> list[dict[str, float]]:
    """ROUGE of leads.

    Args:
        leads: One for each dialogue.
        all_: The dialogues.

    Returns:
        For each, F-measure by name of the measure, averaged over its references.
    """
    # It sets up a logging of its own, which closes stderr under whoever configures logging later.
    from rouge_score.rouge_scorer import RougeScorer  # noqa: PLC0415

    scorer = RougeScorer(list(MEASURES), use_stemmer=True)
    results = []
    for text, dialogue in zip(leads, all_, strict=True):
        of_each = [scorer.score(reference, text) for reference in dialogue.references]
        results.append({name: mean(one[name].fmeasure for one in of_each) for name in MEASURES})
    return results


def first_turns(dialogue: Dialogue) -> str:
    """The first three turns with their speakers, to compare leads with.

    Args:
        dialogue: The dialogue.

    Returns:
        What a lead would be that only cuts.
    """
    return " ".join(f"{one.author}: {one.content}" for one in dialogue.window.messages[:3])


def half(all_: Sequence[Dialogue], which: str) -> list[Dialogue]:
    """A random half of dialogues, the same each time.

    Args:
        all_: The dialogues.
        which: `first`, the one that weights were chosen on, or `second`.

    Returns:
        Half of them.
    """
    order = list(range(len(all_)))
    random.Random(_SEED).shuffle(order)
    middle = len(order) // 2
    return [all_[at] for at in (order[:middle] if which == "first" else order[middle:])]


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--list", "listed", default=30, show_default=True, help="How many to show.")
@click.option(
    "--half", "which", type=click.Choice(["first", "second"]), help="Only a half of them."
)
def main(file: Path, listed: int, which: str | None) -> None:
    """Print the scores of a file's leads, and some dialogues with theirs."""
    writer = OfflineWriter(min_messages=1)
    all_ = list(dialogues(file))
    all_ = half(all_, which) if which else all_
    leads = [lead(writer, dialogue) for dialogue in all_]
    shown = sorted(random.Random(_SEED).sample(range(len(all_)), min(listed, len(all_))))
    for at in shown:
        click.echo(f"— {at} —")
        for message in all_[at].window.messages:
            click.echo(f"{message.author}: {message.content}")
        click.echo(f"Lead: {leads[at]}\n")
    click.echo(f"{len(all_)} dialogues, {sum(not text for text in leads)} of them without a lead")
    click.echo(f"{'':22}{'  '.join(MEASURES)}")
    for name, texts in (("leads", leads), ("first three turns", [*map(first_turns, all_)])):
        results = scores(texts, all_)
        figures = (f"{mean(one[measure] for one in results):.3f}" for measure in MEASURES)
        click.echo(f"{name:22}{'   '.join(figures)}")


if __name__ == "__main__":
    main()
