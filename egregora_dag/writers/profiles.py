"""The profile of a person, out of what is known of them."""

from typing import Final

from egregora_dag.writers import tokens
from egregora_dag.writers.lines import body
from egregora_dag.writers.markdown import escape, plain
from egregora_dag.writers.protocol import Person
from egregora_dag.writers.summaries import listed

_BLOCKS: Final = "▁▂▃▄▅▆▇█"


def summary(person: Person) -> str:
    """How much, when and about what a person wrote.

    Args:
        person: What is known of them.

    Returns:
        One or two sentences of plain text.
    """
    name, title = plain(person.author), plain(person.thread_title)
    wrote = (
        f"{name} wrote {person.messages:,} of the {person.thread_messages:,} messages in {title}, "
        f"on {_counted(person.days, 'day')} from {person.first:%Y-%m-%d} to {person.last:%Y-%m-%d}."
    )
    words = listed(person.words[:3])
    answers = listed(list(person.answers)[:2])
    about = [f"uses the words {words} more than the others do"] if words else []
    about += [f"most often writes right after {answers}"] if answers else []
    return f"{wrote} {name} {' and '.join(about)}." if about else wrote


def content(person: Person) -> str:
    """The content of a profile.

    Args:
        person: What is known of them.

    Returns:
        Markdown; sections without content are left out.
    """
    words = [escape(word) for word in person.words]
    answers = [f"- {escape(who)}: {n:,} times" for who, n in list(person.answers.items())[:5]]
    quotes = [
        f"> {escape(body(quote))}\n>\n> — {quote.time:%Y-%m-%d %H:%M}"
        for quote in person.quotes
        if tokens.words(quote.content)
    ]
    sections = (
        ("When and how much", _numbers(person)),
        ("What they talk about", ", ".join(words)),
        ("Whom they write right after", "\n".join(answers)),
        ("In their own words", "\n\n".join(quotes)),
    )
    return "\n\n".join(f"## {name}\n\n{text}" for name, text in sections if text) + "\n"


def _numbers(person: Person) -> str:
    share = 100 * person.messages / max(person.thread_messages, 1)
    most = max(person.hours, default=0)
    numbers = (
        f"{_counted(person.messages, 'message')} ({share:.0f} %) "
        f"on {_counted(person.days, 'day')}, {_counted(person.media, 'file')}, "
        f"{_counted(person.links, 'link')}."
    )
    if not most:
        return numbers
    chart = "".join(_BLOCKS[-(-hour * 7 // most)] for hour in person.hours)
    busiest = list(person.hours).index(most)
    return f"{numbers}\n\n`{chart}` from 0 to 23 o'clock; busiest from {busiest}:00."


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
