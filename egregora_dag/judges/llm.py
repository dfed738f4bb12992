"""A judge that asks a language model; the posts go to the model's address."""

from pathlib import Path
from typing import ClassVar, Final, Literal

from pydantic import BaseModel

from egregora_dag.database.elo import Winner
from egregora_dag.judges.protocol import JudgingError, Post
from egregora_dag.llm import prompting
from egregora_dag.llm.asking import Asker, AskingError, Question
from egregora_dag.llm.settings import LlmSettings
from egregora_dag.writers.protocol import Usage

_PLACES: Final = ("first", "second")


class Verdict(BaseModel):
    """Which of two posts is the better read."""

    better: Literal["first", "second", "tie"]


class LlmJudge:
    """Asks a language model about each pair twice, in both orders.

    Args:
        settings: The model, and the limits it is asked under.
        folder: Where a prompt is that takes the place of the package's.

    Raises:
        SettingError: There is no such model.
        EgregoraError: What the model needs is not installed, or its key is not set.

    Attributes:
        usage: What all comparisons so far took.
    """

    name: ClassVar[str] = "llm"

    def __init__(self, settings: LlmSettings, folder: Path | None = None) -> None:
        self._limit = settings.max_input_tokens // 2
        self._question = Question(Asker(settings), prompting.prompt("judge", folder), Verdict)
        self.usage = Usage()

    def compare(self, a: Post, b: Post) -> Winner:
        """Which post is better.

        Args:
            a: A post.
            b: Another post.

        Returns:
            The post that the model prefers in both orders; `tie` when it prefers neither, or
            another one in the other order.

        Raises:
            JudgingError: The model gave no answer that can be used.
        """
        try:
            # A verdict on the other order is worth asking for only where there is one to confirm.
            first = self._better(a, b)
            agreed = first == "tie" or first == _turned(self._better(b, a))
        except AskingError as error:
            self.usage += error.usage
            raise JudgingError(error.reason, final=error.final) from None
        return first if agreed else "tie"

    def _better(self, first: Post, second: Post) -> Winner:
        """The verdict on two posts in this order: `a` is the first."""
        lines = [
            prompting.line(
                {
                    "place": place,
                    "title": post.title,
                    "summary": post.summary,
                    "content": prompting.cut(post.content, self._limit),
                }
            )
            for place, post in zip(_PLACES, (first, second), strict=True)
        ]
        answer = self._question.ask(prompting.block("posts", lines))
        self.usage += answer.usage
        winners: dict[str, Winner] = {"first": "a", "second": "b", "tie": "tie"}
        return winners[answer.output.better]


def _turned(winner: Winner) -> Winner:
    turned: dict[Winner, Winner] = {"a": "b", "b": "a", "tie": "tie"}
    return turned[winner]
