"""What the messages of a chat say about those who wrote them."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from egregora_dag.database.schemas import REPLY_LINKS
from egregora_dag.database.threads import Thread
from egregora_dag.messages import messages_of, read_messages
from egregora_dag.resources import Warehouse
from egregora_dag.writers import Message, Person, Remembered, tokens

# What a person may do more often than the others, each a column of `_facts`.
ROLES: Final = ("asks", "answers", "starts", "links", "pictures", "replies", "mornings", "nights")

_WORDS: Final = 12
_CANDIDATES: Final = 80  # Words looked at, as stop words of any language are among them.
_QUOTES: Final = 3
_LOOKED_AT: Final = 300  # Messages of each third of an author's time that may be quoted.
_KNOWN_FOR: Final = 3
_SHORTEST_WORD: Final = 3
_FEWEST_USES: Final = 3
_QUOTABLE: Final = (40, 220)
_SILENCE: Final = 6 * 3600  # Seconds after which somebody starts the talk again.
_MORNING: Final = (5, 8)
_NIGHT: Final = (0, 4)
# A role is what somebody does so many times, and so much more often than the others.
_ROLE_TIMES: Final = 5
_ROLE_SHARE: Final = 1.5
_ROLES_TOLD: Final = 3
# Scripts that put no spaces between words: pairs of their characters stand for words.
_UNSPACED: Final = r"[\x{30a0}-\x{30ff}\x{3400}-\x{9fff}]"
_NO_WORD: Final = r"[^\p{L}\p{M}\p{N}']+"


def signatures_of_authors(messages: ir.Table, thread_id: str) -> ir.Table:
    """Each author of a chat with a hash of the ids of their messages, by name."""
    own = messages.filter((messages.thread_id == thread_id) & messages.author.notnull())
    ids = own.message_id.cast("string").group_concat("", order_by=own.position)
    return own.group_by("author").aggregate(signature=ids.hexdigest("sha256")).order_by("author")


def people_of(
    warehouse: Warehouse, thread: Thread, authors: Sequence[str], *, language: str
) -> Iterator[Person]:
    """What is known of some authors of a chat.

    Args:
        warehouse: Where messages are read.
        thread: The chat.
        authors: Their names.
        language: Code of the chat's language.

    Yields:
        A person for each author, in the order given.
    """
    if not authors:
        return
    local = messages_of(thread)
    local = local.filter(local.author.notnull())
    replies = _replies(local, thread)
    facts = {row["author"]: _whole(row) for row in warehouse.rows(_facts(local, replies))}
    named = {part for author in facts for part in tokens.words(author)}
    words = _telling_words(warehouse, local, authors, named)
    known = bool(warehouse.rows(replies.limit(1).select("author")))
    answers = _counted(warehouse, _answered(replies) if known else _before(local), "answered")
    months = _counted(warehouse, _by(local, local.time.truncate("M").date()), "key")
    weekdays = _counted(warehouse, _by(local, local.time.day_of_week.index()), "key")
    hours = _counted(warehouse, _by(local, local.time.hour()), "key")
    weighed = _weighed(local, replies, authors)
    remembered = _remembered(warehouse, weighed)
    quotes = _quotes(warehouse, weighed, words)
    for author in authors:
        fact = facts[author]
        yield Person(
            author=author,
            thread_id=thread.thread_id,
            thread_title=thread.title,
            messages=fact["messages"],
            thread_messages=sum(one["messages"] for one in facts.values()),
            first=fact["first"],
            last=fact["last"],
            days=fact["days"],
            months=_every_month(months[author]),
            weekdays=[weekdays[author].get(day, 0) for day in range(7)],
            hours=[hours[author].get(hour, 0) for hour in range(24)],
            media=fact["media"],
            links=fact["links"],
            replies=fact["replies"],
            reactions=fact["reactions"],
            answers=answers[author],
            answers_known=known,
            roles=_roles(author, facts),
            words=words[author],
            known_for=remembered[author],
            quotes=quotes[author],
            language=language,
        )


def _replies(local: ir.Table, thread: Thread) -> ir.Table:
    """Which message answers which: who wrote it, and the message and author it answers."""
    links = REPLY_LINKS.table()
    own = links.filter(links.thread_id == thread.thread_id).select("message_id", "antecedent_id")
    linked = local.left_join(own, "message_id")
    # A message that starts a conversation is its own antecedent, and answers nobody.
    pairs = linked.select(
        "author", answered_id=ibis.coalesce(linked.reply_to, linked.antecedent_id)
    )
    asked = local.select(answered_id="message_id", answered="author")
    found = pairs.view().inner_join(asked, "answered_id")
    return found.filter(found.author != found.answered)


def _facts(local: ir.Table, replies: ir.Table) -> ir.Table:
    """What can be counted of each author."""
    order = ibis.window(order_by=local.position)
    hour = local.time.hour()
    asks = (local.kind == "message") & local.content.re_search("[?？؟](?:\\s|$)")
    silence = local.timestamp.epoch_seconds() - local.timestamp.epoch_seconds().lag().over(order)
    noted = local.mutate(asks=asks, starts=silence >= _SILENCE, hour=hour)
    counts = noted.group_by("author").aggregate(
        messages=noted.count(),
        first=noted.time.min(),
        last=noted.time.max(),
        days=noted.time.date().nunique(),
        media=noted.media_type.count(),
        links=noted.metadata["urls"].length().sum().fill_null(0),
        reactions=noted.metadata["reactions"].values().sums().sum().fill_null(0),
        asks=noted.author.count(where=noted.asks),
        starts=noted.author.count(where=noted.starts),
        pictures=noted.author.count(where=noted.media_type == "image"),
        mornings=noted.author.count(where=noted.hour.between(*_MORNING)),
        nights=noted.author.count(where=noted.hour.between(*_NIGHT)),
    )
    made = replies.group_by("author").aggregate(answers=replies.count())
    drawn = replies.group_by(author=replies.answered).aggregate(replies=replies.count())
    both = counts.left_join(made, "author").drop("author_right").left_join(drawn, "author")
    return both.drop("author_right").mutate(
        answers=both.answers.fill_null(0), replies=both.replies.fill_null(0)
    )


def _whole(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose sums, which DuckDB gives as decimals, are whole numbers."""
    return {
        name: int(value) if isinstance(value, Decimal) else value for name, value in row.items()
    }


def _roles(author: str, facts: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """What an author does more often, for each of their messages, than the others do."""
    own = facts[author]
    others = [fact for name, fact in facts.items() if name != author]
    theirs = sum(fact["messages"] for fact in others)
    strength = {}
    for role in ROLES:
        share = own[role] / own["messages"]
        usual = sum(fact[role] for fact in others) / max(theirs, 1)
        if others and own[role] >= _ROLE_TIMES and share >= _ROLE_SHARE * usual:
            strength[role] = share / max(usual, 1 / max(theirs, 1))
    best = sorted(strength, key=lambda role: (-strength[role], role))[:_ROLES_TOLD]
    return {role: own[role] for role in best}


def _counted(warehouse: Warehouse, counts: ir.Table, key: str) -> defaultdict[str, dict[Any, int]]:
    """Author → key → n, in the rows' order."""
    grouped = defaultdict[str, dict[Any, int]](dict)
    for row in warehouse.rows(counts):
        grouped[row["author"]][row[key]] = row["n"]
    return grouped


def _by(local: ir.Table, key: ir.Value) -> ir.Table:
    keyed = local.select("author", key=key)
    counts = keyed.group_by("author", "key").aggregate(n=keyed.count())
    return counts.order_by("author", "key")


def _answered(replies: ir.Table) -> ir.Table:
    """Whom each author answers, with how often."""
    counts = replies.group_by("author", "answered").aggregate(n=replies.count())
    return counts.order_by("author", ibis.desc("n"), "answered")


def _before(local: ir.Table) -> ir.Table:
    """Whom each author wrote right after, with how often."""
    order = ibis.window(order_by=local.position)
    pairs = local.select("author", answered=local.author.lag().over(order))
    return _answered(pairs.filter(pairs.answered != pairs.author))


def _every_month(counts: Mapping[dt.date, int]) -> dict[dt.date, int]:
    """The counts with the months between that have none."""
    month, last = min(counts), max(counts)
    found = {}
    while month <= last:
        found[month] = counts.get(month, 0)
        month = (month + dt.timedelta(days=31)).replace(day=1)
    return found


def _words(said: ir.Table) -> ir.Table:
    """The words of messages, a row each; of scripts without spaces, all pairs of characters."""
    spaced = said.content.lower().replace("’", "'").re_split(_NO_WORD).unnest()
    split = said.select("author", "message_id", word=spaced)
    unspaced = split.word.re_search(_UNSPACED)
    words = split.filter(~unspaced & (split.word.length() >= _SHORTEST_WORD))
    runs = split.filter(unspaced)
    runs = runs.mutate(word=runs.word.re_split(_UNSPACED.replace("[", "[^") + "+").unnest())
    runs = runs.filter(runs.word.length() >= 2)
    pairs = ibis.range(0, runs.word.length() - 1).unnest()
    placed = runs.mutate(at=pairs)
    return words.union(placed.mutate(word=placed.word.substr(placed.at, 2)).drop("at"))


def _telling_words(
    warehouse: Warehouse, local: ir.Table, authors: Sequence[str], named: set[str]
) -> defaultdict[str, list[str]]:
    """Words that an author uses more than everybody does, strongest first.

    The strength is n · log(share of the author's words / share of all words), the author's part of
    the Kullback–Leibler divergence between the two distributions. Stop words of whatever language,
    small talk and the names of those who write do not count.
    """
    words = _words(local.filter(local.kind == "message"))
    counts = words.group_by("author", "word").aggregate(n=words.count())
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
    chosen = ranked.filter((ranked.rank < _CANDIDATES) & ranked.author.isin(authors))
    found = defaultdict[str, list[str]](list)
    for row in warehouse.rows(chosen.order_by("author", "rank").select("author", "word")):
        own, term = found[row["author"]], tokens.TERMS[row["word"].strip("'")]
        if term and len(own) < _WORDS and term not in own and term not in named:
            own.append(term)
    return found


def _weighed(local: ir.Table, replies: ir.Table, authors: Sequence[str]) -> ir.Table:
    """Messages of some authors with `drawn`, the replies, and `liked`, the reactions they drew."""
    drawn = replies.group_by(message_id=replies.answered_id).aggregate(drawn=replies.count())
    said = local.filter(
        (local.kind == "message") & local.author.isin(authors) & (local.content != "")
    )
    both = said.left_join(drawn, "message_id").drop("message_id_right")
    return both.mutate(
        drawn=both.drawn.fill_null(0),
        liked=both.metadata["reactions"].values().sums().fill_null(0),
    )


def _remembered(warehouse: Warehouse, weighed: ir.Table) -> defaultdict[str, list[Remembered]]:
    """The messages of each author that drew most, if they drew more than one answer or sign."""
    order = ibis.window(
        group_by="author",
        order_by=[ibis.desc(weighed.drawn + weighed.liked), ibis.desc("drawn"), "position"],
    )
    ranked = weighed.mutate(rank=ibis.row_number().over(order))
    chosen = ranked.filter((ranked.rank < _KNOWN_FOR) & (ranked.drawn + ranked.liked > 1))
    messages, more = read_messages(warehouse, chosen.order_by("author", "rank"), "drawn", "liked")
    found = defaultdict[str, list[Remembered]](list)
    for message, drawn, liked in zip(
        messages, more["drawn"].to_pylist(), more["liked"].to_pylist(), strict=True
    ):
        found[message.author or ""].append(Remembered(message, drawn, liked))
    return found


def _quotes(
    warehouse: Warehouse, weighed: ir.Table, words: Mapping[str, Sequence[str]]
) -> defaultdict[str, list[Message]]:
    """The message that tells most in each third of an author's time.

    What counts is how many of the author's own words it holds, and what it drew.
    """
    shortest, longest = _QUOTABLE
    said = weighed.filter(
        weighed.content.length().between(shortest, longest)
        & ~weighed.content.contains("://")
        & ~weighed.content.contains("\n")
    )
    third = ibis.ntile(_QUOTES).over(ibis.window(group_by="author", order_by="position"))
    thirds = said.mutate(third=third, drew=2 * said.drawn + said.liked)
    # Cutting all of a long chat into words once more would take longer than all else here.
    order = [ibis.desc("drew"), ibis.desc(thirds.content.length()), "position"]
    placed = ibis.row_number().over(ibis.window(group_by=["author", "third"], order_by=order))
    likely = thirds.mutate(place=placed)
    likely = likely.filter(likely.place < _LOOKED_AT).drop("place")
    pairs = [(author, word) for author, own in words.items() for word in own]
    columns = [pa.array(list(column), pa.string()) for column in zip(*pairs, strict=True)]
    own = ibis.memtable(pa.table(columns or [pa.array([], pa.string())] * 2, ["author", "word"]))
    telling = _words(likely).semi_join(own, ["author", "word"])
    held = telling.group_by("message_id").aggregate(telling=telling.word.nunique())
    scored = likely.left_join(held, "message_id").drop("message_id_right")
    scored = scored.mutate(score=scored.drew + scored.telling.fill_null(0))
    by_score = ibis.window(group_by=["author", "third"], order_by=[ibis.desc("score"), "position"])
    best = scored.mutate(rank=ibis.row_number().over(by_score))
    messages, _ = read_messages(warehouse, best.filter(best.rank == 0).order_by("position"))
    found = defaultdict[str, list[Message]](list)
    for message in messages:
        found[message.author or ""].append(message)
    return found
