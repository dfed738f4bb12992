"""A window as numbered lines of data, in parts that a request can hold."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from egregora_dag.llm import prompting
from egregora_dag.writers.lines import body
from egregora_dag.writers.protocol import Message, Window


@dataclass(frozen=True)
class Numbered:
    """A message as a model is given it.

    Attributes:
        number: Its number, from 1; a post names it by that.
        time: When it was sent.
        line: The line of data.
        tokens: About how many tokens the line takes.
    """

    number: int
    time: dt.datetime
    line: str
    tokens: int


def numbered(messages: Mapping[int, Message], longest: int) -> list[Numbered]:
    """Messages as lines of data.

    Args:
        messages: The messages by number, in order.
        longest: Characters of a message that are told.

    Returns:
        A line for each.
    """
    by_id = {message.message_id: number for number, message in messages.items()}
    lines = []
    for number, message in messages.items():
        text = prompting.line(
            {
                "n": number,
                "at": f"{message.time:%Y-%m-%d %H:%M}",
                "by": message.author,
                "says": body(message)[:longest] or None,
                "answers": by_id.get(message.reply_to or ""),
                "file": message.media_type,
            }
        )
        lines.append(Numbered(number, message.time, text, prompting.tokens(text)))
    return lines


def spoken(window: Window) -> dict[int, Message]:
    """The messages of a window that say or show something, numbered from 1.

    Args:
        window: The window.

    Returns:
        Number → message, in order.
    """
    said = (
        message
        for message in window.messages
        if message.author is not None
        and message.kind != "deleted"
        and (message.content or message.media_type)
    )
    return dict(enumerate(said, 1))


def parts(lines: Sequence[Numbered], limit: int) -> list[Sequence[Numbered]]:
    """Lines in parts, cut at the longest silences.

    A cut keeps clear of both ends, so that no part is a crumb.

    Args:
        lines: The lines, in order.
        limit: Tokens a part may take; a single line may take more.

    Returns:
        The parts, in order.
    """
    if len(lines) < 2 or sum(line.tokens for line in lines) <= limit:
        return [lines]
    margin = len(lines) // 4
    silences = [after.time - before.time for before, after in pairwise(lines)]
    inner = range(margin, len(silences) - margin)
    middle = len(silences) / 2
    # Of equal silences, the one nearest the middle.
    cut = max(inner, key=lambda at: (silences[at], -abs(at - middle))) + 1
    return [*parts(lines[:cut], limit), *parts(lines[cut:], limit)]
