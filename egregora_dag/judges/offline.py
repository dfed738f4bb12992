"""A judge that needs no network: it scores each post by features that can be counted.

A post's score is the sum of these parts, 100 at most, each saturating so that more of the same
stops paying:

- people, 20: how many took part, full at six;
- quotes, 20: how many paragraphs are quoted, full at five;
- length, 20: full between 600 and 4,000 characters, falling off to either side;
- substance, 15: links (up to 5), and sections under headings (up to 10, full at four);
- variety, 15: different words among all words, over the root of their number (Guiraud's index,
  R = V / sqrt(N)), full at 10;
- heading, 10: a title of 15 to 80 characters (5) and a summary of 60 to 500 (5).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from typing import ClassVar, Final

from egregora_dag.database.elo import Winner
from egregora_dag.judges.protocol import Post
from egregora_dag.registry import SettingError
from egregora_dag.writers.protocol import Usage

_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_QUOTE: Final = re.compile(r"^>[ \t]*[^\s>—–-]", re.MULTILINE)
_LINK: Final = re.compile(r"https?://", re.IGNORECASE)
_HEADING: Final = re.compile(r"^#{1,6} ", re.MULTILINE)


@dataclass(frozen=True)
class OfflineJudge:
    """Prefers the post with the higher score.

    Attributes:
        margin: Points by which scores must differ; closer ones are a tie.

    Raises:
        SettingError: The margin is no number from 0.
    """

    margin: float = 1.0
    name: ClassVar[str] = "offline"
    usage: ClassVar[Usage] = Usage()

    def __post_init__(self) -> None:
        if not self.margin >= 0:
            raise SettingError("judge", "margin", self.margin, "a number of points from 0 to 100")

    def compare(self, a: Post, b: Post) -> Winner:
        """Which post is better.

        Args:
            a: A post.
            b: Another post.

        Returns:
            The post with the higher score; `tie` when the scores differ by no more than `margin`.
        """
        difference = score(a) - score(b)
        if abs(difference) <= self.margin:
            return "tie"
        return "a" if difference > 0 else "b"


def score(post: Post) -> float:
    """How good a read a post is.

    Args:
        post: The post.

    Returns:
        From 0 to 100; the module says what counts.
    """
    return _score(post.title, post.summary, post.content, len(set(post.authors)))


# A post is compared several times in a row of comparisons; its text is read once.
@lru_cache(maxsize=16_384)
def _score(title: str, summary: str, content: str, people: int) -> float:
    return (
        20 * min(people / 6, 1.0)
        + 20 * min(len(_QUOTE.findall(content)) / 5, 1.0)
        + 20 * _length(len(content.strip()))
        + _substance(content)
        + 15 * min(_variety(content) / 10, 1.0)
        + 5 * (15 <= len(title) <= 80)
        + 5 * (60 <= len(summary) <= 500)
    )


def _length(characters: int) -> float:
    return min(characters / 600, 1.0, 4000 / max(characters, 1))


def _substance(content: str) -> float:
    links = 5 if _LINK.search(content) else 0
    return links + 10 * min(len(_HEADING.findall(content)) / 4, 1.0)


def _variety(content: str) -> float:
    words = _WORD.findall(content.lower())
    return len(set(words)) / sqrt(len(words)) if words else 0.0
