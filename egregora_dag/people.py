"""What the messages of a chat say about those who wrote them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import ibis
import ibis.expr.types as ir

from egregora_dag.database.functions import to_local
from egregora_dag.database.schemas import MESSAGES
from egregora_dag.database.threads import Thread
from egregora_dag.resources import Warehouse
from egregora_dag.writers import Message, Person

_WORDS: Final = 12
_QUOTES: Final = 3
_SHORTEST_WORD: Final = 4
_FEWEST_USES: Final = 3
_QUOTABLE: Final = (40, 220)


def signatures_of_authors(messages: ir.Table, thread_id: str) -> ir.Table:
    """Each author of a chat with a hash of the ids of their messages, by name."""
    own = messages.filter((messages.thread_id == thread_id) & messages.author.notnull())
    ids = own.message_id.cast("string").group_concat("", order_by=own.position)
    return own.group_by("author").aggregate(signature=ids.hexdigest("sha256")).order_by("author")


def people_of(warehouse: Warehouse, thread: Thread, authors: Sequence[str]) -> Iterator[Person]:
    """What is known of some authors of a chat.

    Args:
        warehouse: Where messages are read.
        thread: The chat.
        authors: Their names.

    Yields:
        A person for each author, in the order given.
    """
    if not authors:
        return
    messages = MESSAGES.table()
    own = messages.filter((messages.thread_id == thread.thread_id) & messages.author.notnull())
    local = own.mutate(time=to_local(ibis.literal(thread.timezone), own.timestamp))
    [total] = [row["messages"] for row in warehouse.rows(own.aggregate(messages=own.count()))]
    facts = {row["author"]: row for row in warehouse.rows(_facts(local))}
    hours = _grouped(warehouse.rows(_hours(local)), "hour")
    answers = _grouped(warehouse.rows(_answers(own)), "answered")
    words = _grouped(warehouse.rows(_telling_words(own)), "word")
    quotes = defaultdict[str, list[Message]](list)
    for row in warehouse.rows(_quotes(local)):
        quotes[row["author"]].append(message_of(row))
    for author in authors:
        fact = facts[author]
        yield Person(
            author=author,
            thread_id=thread.thread_id,
            thread_title=thread.title,
            messages=fact["messages"],
            thread_messages=total,
            first=fact["first"],
            last=fact["last"],
            days=fact["days"],
            hours=[hours[author].get(hour, 0) for hour in range(24)],
            media=fact["media"],
            links=fact["links"] or 0,
            answers=answers[author],
            words=list(words[author]),
            quotes=quotes[author],
        )


def _grouped(rows: Sequence[dict[str, Any]], key: str) -> defaultdict[str, dict[Any, int]]:
    """Author → key → n, in the rows' order."""
    grouped = defaultdict[str, dict[Any, int]](dict)
    for row in rows:
        grouped[row["author"]][row[key]] = row["n"]
    return grouped


def _facts(local: ir.Table) -> ir.Table:
    return local.group_by("author").aggregate(
        messages=local.count(),
        first=local.time.min(),
        last=local.time.max(),
        days=local.time.date().nunique(),
        media=local.media_type.count(),
        links=local.metadata["urls"].length().sum(),
    )


def _hours(local: ir.Table) -> ir.Table:
    counted = local.group_by("author", hour=local.time.hour())
    return counted.aggregate(n=local.count()).order_by("author", "hour")


def _answers(own: ir.Table) -> ir.Table:
    """Whom each author wrote right after, with how often."""
    order = ibis.window(order_by=own.position)
    pairs = own.select("author", answered=own.author.lag().over(order))
    pairs = pairs.filter(pairs.answered != pairs.author)
    counted = pairs.group_by("author", "answered").aggregate(n=pairs.count())
    return counted.order_by("author", ibis.desc("n"), "answered")


def _telling_words(own: ir.Table) -> ir.Table:
    """Words that an author uses more than everybody does, strongest first.

    The strength is n · log(share of the author's words / share of all words), the author's part of
    the Kullback–Leibler divergence between the two distributions.
    """
    said = own.filter(own.kind == "message")
    tokens = said.select("author", word=said.content.lower().re_split(r"[^\p{L}\p{N}]+").unnest())
    tokens = tokens.filter(tokens.word.length() >= _SHORTEST_WORD)
    counts = tokens.group_by("author", "word").aggregate(n=tokens.count())
    by_author = ibis.window(group_by=counts.author)
    by_word = ibis.window(group_by=counts.word)
    shares = counts.mutate(
        own_share=counts.n / counts.n.sum().over(by_author),
        all_share=counts.n.sum().over(by_word) / counts.n.sum().over(ibis.window()),
    )
    strong = shares.mutate(strength=shares.n * (shares.own_share / shares.all_share).ln())
    frequent = strong.filter((strong.n >= _FEWEST_USES) & (strong.strength > 0))
    order = ibis.window(group_by="author", order_by=[ibis.desc("strength"), "word"])
    ranked = frequent.mutate(rank=ibis.row_number().over(order))
    return (
        ranked.filter(ranked.rank < _WORDS).order_by("author", "rank").select("author", "word", "n")
    )


def _quotes(local: ir.Table) -> ir.Table:
    """The longest quotable message of each third of an author's time."""
    shortest, longest = _QUOTABLE
    said = local.filter(
        (local.kind == "message")
        & local.content.length().between(shortest, longest)
        & ~local.content.contains("://")
        & ~local.content.contains("\n")
    )
    thirds = said.mutate(
        third=ibis.ntile(_QUOTES).over(ibis.window(group_by="author", order_by="position"))
    )
    order = ibis.window(
        group_by=["author", "third"], order_by=[ibis.desc(thirds.content.length()), "position"]
    )
    ranked = thirds.mutate(rank=ibis.row_number().over(order))
    return ranked.filter(ranked.rank == 0).order_by("author", "position")


def message_of(row: Mapping[str, Any]) -> Message:
    """A row of `messages`, with its local `time`, as writers see it."""
    return Message(
        message_id=row["message_id"],
        time=row["time"],
        author=row["author"],
        content=row["content"],
        kind=row["kind"],
        media_path=row["media_path"],
        media_type=row["media_type"],
        reply_to=row["reply_to"],
        mentions=tuple(row["metadata"]["mentions"]),
        urls=tuple(row["metadata"]["urls"]),
    )
