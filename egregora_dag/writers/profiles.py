"""The profile of a person, out of what is known of them."""

from collections.abc import Callable, Sequence
from typing import Final

from egregora_dag.writers import tokens
from egregora_dag.writers.languages import Language, wording
from egregora_dag.writers.lines import body
from egregora_dag.writers.markdown import escape, plain
from egregora_dag.writers.phrases import clip
from egregora_dag.writers.protocol import Message, Person
from egregora_dag.writers.summaries import capital

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_COLUMNS: Final = 36  # Months that a chart shows one by one; longer times are shown by years.
_ANSWERED: Final = 5
_QUOTED: Final = 400
# What a role is called; two of them would read as another label.
_ROLE_LABELS: Final = {"links": "posts_links", "replies": "draws"}


def summary(person: Person) -> str:
    """How much, when and about what a person wrote.

    Args:
        person: What is known of them.

    Returns:
        One to four sentences of plain text.
    """
    language = wording(person.language)
    wrote = language.say(
        "profile_wrote",
        who=language.isolated(plain(person.author)),
        n=f"{person.messages:,}",
        total=f"{person.thread_messages:,}",
        chat=language.isolated(plain(person.thread_title)),
        first=f"{person.first:%Y-%m-%d}",
        last=f"{person.last:%Y-%m-%d}",
    )
    sentences = [wrote]
    if person.words:
        sentences.append(language.say("uses", words=_listed(language, person.words[:3], plain)))
    if person.answers:
        most = "answers_most" if person.answers_known else "after_most"
        people = _listed(language, list(person.answers)[:2], plain)
        sentences.append(language.say(most, people=people))
    if person.roles:
        sentences.append(language.say("stands_out", roles=_roles(language, person)))
    return (" " if language.spaced else "").join(sentences)


def content(person: Person) -> str:
    """The content of a profile.

    Args:
        person: What is known of them.

    Returns:
        Markdown; sections without content are left out.
    """
    language = wording(person.language)
    answers = [
        f"- {language.isolated(escape(who))} ({n:,})"
        for who, n in list(person.answers.items())[:_ANSWERED]
    ]
    quotes = [_quote(quote) for quote in person.quotes if tokens.words(quote.content)]
    sections = (
        ("h_when", _numbers(language, person)),
        ("h_topics", _listed(language, person.words, escape, last="comma")),
        ("h_answers" if person.answers_known else "h_after", "\n".join(answers)),
        ("h_known", _known_for(language, person)),
        ("h_words", "\n\n".join(quotes)),
    )
    told = [f"## {language.sentences[name]}\n\n{text}" for name, text in sections if text]
    return "\n\n".join(told) + "\n"


def _listed(
    language: Language, words: Sequence[str], shown: Callable[[str], str], *, last: str = "and"
) -> str:
    if last == "comma":
        return language.sentences["comma"].join(language.isolated(shown(word)) for word in words)
    return language.listed([shown(word) for word in words])


def _roles(language: Language, person: Person) -> str:
    named = [language.sentences[_ROLE_LABELS.get(role, role)] for role in person.roles]
    return language.listed(
        [f"{name} ({n:,})" for name, n in zip(named, person.roles.values(), strict=True)]
    )


def _numbers(language: Language, person: Person) -> str:
    label = language.sentences.__getitem__
    share = 100 * person.messages / max(person.thread_messages, 1)
    counts = (
        ("days", person.days),
        ("files", person.media),
        ("links", person.links),
        ("replies", person.replies),
        ("reactions", person.reactions),
    )
    lines = [f"- {label('messages')}: {person.messages:,} ({share:.0f} %)"]
    lines += [f"- {label(name)}: {count:,}" for name, count in counts if count]
    by_month = person.months.values()
    span = {"first": f"{person.first:%Y-%m}", "last": f"{person.last:%Y-%m}"}
    charts = (
        (language.say("by_month", **span), _fitted(list(by_month)) if len(by_month) > 1 else []),
        (label("by_weekday"), person.weekdays),
        (label("by_hour"), person.hours),
    )
    drawn = [f"`{_chart(counts)}` {name}" for name, counts in charts if any(counts)]
    return "\n\n".join(["\n".join(lines), *drawn])


def _fitted(counts: Sequence[int]) -> list[int]:
    """Counts in so few columns that a line holds them, each of as many months as the others."""
    step = -(-len(counts) // _COLUMNS)
    return [sum(counts[at : at + step]) for at in range(0, len(counts), step)]


def _chart(counts: Sequence[int]) -> str:
    most = max(counts)
    return "".join(_BLOCKS[-(-count * 7 // most)] for count in counts)


def _known_for(language: Language, person: Person) -> str:
    """What they do more than the others, and what others took up."""
    roles = [f"{capital(_roles(language, person))}."] if person.roles else []
    label = language.sentences.__getitem__
    quotes = []
    for one in person.known_for:
        if not tokens.words(one.message.content):
            continue
        counts = (("replies", one.replies), ("reactions", one.reactions))
        drawn = language.sentences["comma"].join(f"{label(name)}: {n:,}" for name, n in counts if n)
        quotes.append(f"{_quote(one.message)} ({drawn})")
    return "\n\n".join([*roles, *quotes])


def _quote(quote: Message) -> str:
    return f"> {escape(clip(body(quote), _QUOTED))}\n>\n> — {quote.time:%Y-%m-%d %H:%M}"
