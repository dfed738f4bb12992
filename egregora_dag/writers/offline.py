"""A writer that needs no network: it chooses the sentences that matter and quotes them.

How a window is read: a word weighs by how many messages and people use it and by how much it looks
like the name of something; a message weighs by its words, by the answers it drew and by whether it
asks. Quotes are then taken one by one, each for the words that the ones before it did not cover.
Ties go to the earlier message, so the same window always gives the same post.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log2, sqrt
from typing import ClassVar, Final

from egregora_dag.exceptions import EgregoraError
from egregora_dag.writers import stopwords
from egregora_dag.writers.protocol import Draft, Message, Person, Window

VERSION: Final = 1

_SPOKEN: Final = frozenset({"message", "media", "poll"})
_PROMPT: Final = 900.0  # Seconds within which the next message may answer a question.
_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_URL: Final = re.compile(r"https?://[^\s<>\"'`\\\x00-\x1f\x7f\u200e-\u202e\u2066-\u2069]+", re.I)
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
_ADDRESS: Final = re.compile(r"@?([^\s:,!]{1,32}(?: [^\s:,!]{1,32})?)[:,!]\s+(?=\S)")
_MENTION: Final = re.compile(r"@((\S+) \S+|\S+)\s+(?=\S)")
_BULLET: Final = re.compile(r"(?:[-*•–]|OPTION:)\s+")
_SENTENCE: Final = re.compile(r"(?<=[.!?…؟。！？।])\s+|\s+[/·]\s+")
_EMOJI: Final = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d]+")
_CLAUSE: Final = re.compile(r"[,;:،؛、]\s+|\s+[-–—(]\s*|\s+(?=(?:and|but|because|which|so|if)\s)")
_EDGE: Final = re.compile(r"^[^\w¿¡“(£$€]+|[^\w?؟？)”%+]+$")
_LEAD_IN: Final = re.compile(
    r"^(?:(?:and|but|so|ok|okay|oh|well|hmm|hum|yes|no|right)\b,?\s+)+", re.I
)
_RIGHT_TO_LEFT: Final = re.compile(r"[\u0590-\u08ff]")
_CODE: Final = re.compile(r"[<>{}\[\]|\\`$=/~]|\w[_.]\w|^[!*]|\.\.")
_LINE_START: Final = re.compile(r"^([#+\-=:])|^(\d+)(?=[.)])")
_ESCAPES: Final = str.maketrans(
    {char: "\\" + char for char in "\\`*_{}[]|~$^"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
)
_LOOKALIKES: Final = str.maketrans({"<": "‹", ">": "›", "`": "ʼ"})
_QUESTION_MARKS: Final = ("?", "؟", "？")


class WriterSettingError(EgregoraError):
    """A setting that a writer cannot work with.

    Attributes:
        setting: Name of the setting.
        value: Its value.
    """

    def __init__(self, setting: str, value: object, wanted: str) -> None:
        super().__init__(f"The writer's setting {setting} is {value!r}; give {wanted}.")
        self.setting = setting
        self.value = value


@dataclass(slots=True, eq=False)
class _Line:
    """A message with words, read once."""

    index: int
    message: Message
    author: str
    text: str
    marked: list[str]
    tokens: list[str]
    terms: tuple[str, ...]
    to: str | None
    asks: bool
    parent: "_Line | None" = None
    answer: "_Line | None" = None
    replies: int = 0
    weight: float = 0.0
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a window holds, ready to be told."""

    window: Window
    lines: list[_Line]
    addressed: bool
    weights: dict[str, float]
    topics: list[str]
    decisions: list[_Line]
    activity: dict[str, int]
    called: dict[str, str]


@dataclass(frozen=True)
class OfflineWriter:
    """Writes posts and profiles out of the chat's own sentences.

    Attributes:
        min_messages: A window with fewer messages that hold words gets no post.
        max_quotes: How many messages a post's moments quote at most.

    Raises:
        WriterSettingError: A setting is below 1.
    """

    min_messages: int = 5
    max_quotes: int = 6
    name: ClassVar[str] = "offline"
    model: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        for setting in ("min_messages", "max_quotes"):
            if getattr(self, setting) < 1:
                raise WriterSettingError(setting, getattr(self, setting), "a whole number from 1")

    @property
    def fingerprint(self) -> str:
        """Version and settings, which alone decide what is written."""
        return f"offline-{VERSION}-{self.min_messages}-{self.max_quotes}"

    def write(self, window: Window) -> list[Draft]:
        """The post about a window.

        Args:
            window: The window.

        Returns:
            One post; none when too few messages hold words, or none says more than a greeting.
        """
        activity = _activity(window)
        called = _called(activity)
        lines = _lines(window, called)
        if len(lines) < self.min_messages or sum(bool(line.terms) for line in lines) < 2:
            return []
        reading = _read(window, lines, activity, called)
        moments = _moments(reading, self.max_quotes)
        title, titled = _title(reading)
        return [
            Draft(
                doc_type="post",
                title=title,
                summary=_summary(reading, titled),
                content=_content(reading, moments),
                authors=tuple(reading.activity),
                tags=_tags(reading),
                date=window.messages[0].time.date(),
            )
        ]

    def profile(self, person: Person) -> Draft:
        """The profile of a person.

        Args:
            person: What is known of them.

        Returns:
            Their profile, under their name.
        """
        return Draft(
            doc_type="profile",
            title=plain(person.author),
            summary=_profile_summary(person),
            content=_profile_content(person),
            authors=(person.author,),
            tags=tuple(person.words[:5]),
            date=person.last.date(),
            subject=person.author,
        )


def plain(text: str) -> str:
    """One line of plain text that stays inert even where a template forgets to escape it.

    Args:
        text: Any text.

    Returns:
        The text on one line without control characters; angle brackets and backticks replaced by
        look-alikes, Markdown links broken.
    """
    line = " ".join(_INVISIBLE.sub("", text).split())
    return line.translate(_LOOKALIKES).replace("](", "] (")


def escape(text: str) -> str:
    """Markdown that shows a text as it is; http and https links become autolinks.

    Args:
        text: Any text; it is put on one line.

    Returns:
        One line of Markdown with no markup and no HTML of the text's own.
    """
    line = " ".join(_INVISIBLE.sub("", text).split())
    parts, end = [], 0
    for url, start in _urls(line):
        parts += [line[end:start].translate(_ESCAPES), f"<{url}>"]
        end = start + len(url)
    parts.append(line[end:].translate(_ESCAPES))
    return _LINE_START.sub(lambda m: f"\\{m[1]}" if m[1] else f"{m[2]}\\", "".join(parts))


def _urls(text: str) -> Iterable[tuple[str, int]]:
    if "://" in text:
        for match in _URL.finditer(text):
            url = match[0].rstrip(".,;:!?)]}*_~|’”")
            if len(url) > len("https://"):
                yield url, match.start()


# Reading


def _body(message: Message) -> str:
    """What the author typed, on one line: no name of a file, no list marks."""
    text = message.content
    if message.media_path and message.media_path in text:
        text = re.sub(rf"{re.escape(message.media_path)}(?: *\([^()\n]*\))?", "", text)
    if message.kind == "poll":
        text = text.removeprefix("POLL:")
    if "\n" not in text:
        return text.strip()
    rows = [row.strip() for row in text.splitlines() if row.strip()]
    joined = rows[0] if rows else ""
    for row in rows[1:]:
        bullet = _BULLET.match(row)
        item = row[bullet.end() :] if bullet else row
        mark = " · " if item != row else " " if joined[-1] in ".!?…:;,؟。！？" else " / "
        joined += mark + item
    return joined


def _activity(window: Window) -> dict[str, int]:
    """Messages of each author, most active first."""
    counts = Counter(m.author for m in window.messages if m.author is not None)
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


@lru_cache(maxsize=10_000)
def _name_words(name: str) -> tuple[str, ...]:
    return tuple(stopwords.words(name))


def _called(authors: Iterable[str]) -> dict[str, str]:
    """Author by how they are called: the whole name, or a first name that only one bears."""
    whole: dict[str, str] = {}
    bearers: dict[str, list[str]] = {}
    for author in authors:
        parts = _name_words(author)
        whole[author.lower()] = whole[" ".join(parts)] = author
        bearers.setdefault(parts[0] if parts else "", []).append(author)
    return {name: who[0] for name, who in bearers.items() if len(who) == 1} | whole


def _unaddressed(text: str, called: dict[str, str]) -> tuple[str, str | None]:
    """A message without the name that it opens with, and whose name that is."""
    match = _ADDRESS.match(text)
    if match and (to := called.get(match[1].lower())):
        return text[match.end() :], to
    match = _MENTION.match(text) if text[:1] == "@" else None
    for group in (1, 2) if match else ():
        if match and (to := called.get((match[group] or "").lower())):
            return text[match.end(group) :].strip(), to
    return text, None


def _lines(window: Window, called: dict[str, str]) -> list[_Line]:
    """The messages that hold words, in order."""
    own = {part for name in called for part in _name_words(name)} | {""}
    lines: list[_Line] = []
    for message in window.messages:
        if message.author is None or message.kind not in _SPOKEN or not message.content:
            continue
        text, to = _unaddressed(_body(message), called)
        marked = stopwords.tokens(_URL.sub(" ", text) if "://" in text else text)
        tokens = [token for token in marked if token not in stopwords.PAUSES]
        terms = dict.fromkeys(map(stopwords.term, tokens))
        for word in own.intersection(terms):
            del terms[word]
        asks = text.endswith(_QUESTION_MARKS) or "? " in text or "؟ " in text
        if tokens:
            at, who = len(lines), message.author
            to = None if to == who else to
            lines.append(_Line(at, message, who, text, marked, tokens, tuple(terms), to, asks))
    return lines


def _read(
    window: Window, lines: list[_Line], activity: dict[str, int], called: dict[str, str]
) -> _Reading:
    # Where people name whom they answer (IRC), a message that names nobody answers nobody.
    addressed = sum(line.to is not None for line in lines) * 5 >= len(lines)
    _link(lines, addressed)
    weights, topics = _weigh(lines)
    for line, before in zip(lines, [None, *lines], strict=False):
        line.score = _score(line, weights)
        # What follows a command such as `!mint | ziggi` comes from a bot.
        line.score *= 0.2 if before and before.text[0] == "!" else 1.0
    decisions = _decisions(lines, addressed)
    return _Reading(window, lines, addressed, weights, topics, decisions, activity, called)


def _link(lines: list[_Line], addressed: bool) -> None:
    """Find what each line answers."""
    by_id = {line.message.message_id: line for line in lines}
    latest: dict[str, _Line] = {}
    before: _Line | None = None
    for line in lines:
        parent = by_id.get(line.message.reply_to or "") or latest.get(line.to or "")
        if parent is None and before and before.asks and not addressed:
            seconds = (line.message.time - before.message.time).total_seconds()
            parent = before if seconds <= _PROMPT else None
        if parent and parent.author != line.author:
            line.parent = parent
            parent.replies += 1
            if parent.asks and parent.answer is None and not line.asks:
                parent.answer = line
        known = latest.get(line.author)
        # Thanks and asides do not hide the question that is still to be answered.
        if line.terms and not (known and known.asks and not known.answer and not line.asks):
            latest[line.author] = line
        before = line


def _weigh(lines: Sequence[_Line]) -> tuple[dict[str, float], list[str]]:
    """Weight of each word, and what the window is about, heaviest first."""
    spread = Counter(term for line in lines for term in line.terms)
    people = Counter(term for term, _ in {(t, line.author) for line in lines for t in line.terms})
    named, phrases = _usage(lines)
    weights = {}
    for word, count in spread.items():
        weight = log2(count) * (3 + people[word]) / 4 + 0.5
        shape = 0.4 + min(len(word), 8) / 10 if word.isascii() else 1.0
        weights[word] = weight * shape * (1.6 if named[word] else 1.0)
    return weights, _topics(lines, weights, named, phrases)


def _usage(lines: Sequence[_Line]) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    """How often words end a phrase that a determiner opens, and which pairs of words recur."""
    named: Counter[str] = Counter()
    phrases: Counter[tuple[str, str]] = Counter()
    for line in lines:
        previous = last = noun = ""
        for token, word in zip(line.marked, map(stopwords.term, line.marked), strict=True):
            if word:
                if last:
                    phrases[last, word] += 1
                noun = word if noun or previous in stopwords.DETERMINERS else ""
            elif noun:
                named[noun] += 1
                noun = ""
            previous, last = token, word
        if noun:
            named[noun] += 1
    return named, phrases


def _score(line: _Line, weights: dict[str, float]) -> float:
    line.weight = sum(weights[term] for term in line.terms)
    weight = line.weight / sqrt(len(line.tokens) + 6)
    weight *= (1 + 0.2 * min(line.replies, 4)) * (1.2 if line.asks else 1.0)
    if len(line.tokens) < 3 or line.text[0] in "!*":
        return weight * 0.1  # Bot commands and corrections of the line before.
    return weight * (0.6 if len(line.tokens) > 90 else 1.0)


def _decisions(lines: Sequence[_Line], addressed: bool) -> list[_Line]:
    """Lines that state a decision, or that two others agreed to one after another."""
    votes: dict[int, set[str]] = {}
    proposal: _Line | None = None
    found = []
    for line in lines:
        if line.tokens[0] in stopwords.AGREEMENT and not line.asks and len(line.tokens) < 20:
            if proposal and proposal.author != line.author and line.index - proposal.index < 8:
                votes.setdefault(proposal.index, set()).add(line.author)
        elif len(line.terms) > 2:
            proposal = line
        if len(line.terms) > 2 and not stopwords.DECISION_TRIGGERS.isdisjoint(line.tokens):
            found += [line] if stopwords.DECISION_CUES.search(line.text.lower()) else []
    # Two who say yes answer a question; to agree to a statement takes three.
    voted = {at for at, who in votes.items() if len(who) + lines[at].asks > 2 and not addressed}
    stated = {line.index for line in found}
    return [line for line in lines if line.index in stated or line.index in voted]


def _topics(
    lines: Sequence[_Line],
    weights: dict[str, float],
    named: Counter[str],
    phrases: Counter[tuple[str, str]],
) -> list[str]:
    """Up to three names of things, as the chat writes them."""
    shared = Counter(term for line in lines for term in line.terms)
    again = {word: weight for word, weight in weights.items() if shared[word] > 1}
    ranked = _heaviest(again or weights, 12)
    # A verb form says little by itself, unless an article makes it the name of something.
    things = [word for word in ranked if named[word] or not word.endswith(("ing", "ed"))]
    recurring = [(count, pair) for pair, count in phrases.items() if count > 1]
    chosen: list[str] = []
    for word in things:
        pairs = [(n, pair) for n, pair in recurring if word in pair]
        count, pair = max(pairs, key=lambda p: (p[0], p[1]), default=(0, ("", "")))
        topic = " ".join(pair) if count * 2 >= shared[word] else word
        if not any(topic in other or other in topic for other in chosen):
            chosen.append(topic)
        if len(chosen) == 3:
            break
    return [_as_written(topic, lines) for topic in chosen]


def _heaviest(weights: dict[str, float], count: int) -> list[str]:
    """The heaviest words, of a singular and its plural the heavier alone."""
    chosen: list[str] = []
    for word in sorted(weights, key=lambda word: (-weights[word], word))[: 2 * count]:
        if word + "s" not in chosen and (word[-1] != "s" or word[:-1] not in chosen):
            chosen.append(word)
    return chosen[:count]


def _as_written(topic: str, lines: Sequence[_Line]) -> str:
    """The topic with the capitals and the article that the chat mostly gives it."""
    forms = Counter(dict.fromkeys((topic, topic.capitalize(), topic.title(), topic.upper()), 0))
    article = 0
    last = topic.rpartition(" ")[2]
    for line in lines:
        if last not in line.terms:
            continue
        for form in forms:
            forms[form] += f" {form}" in line.text
        article += f"the {topic}" in line.text.lower()
    form = max(forms, key=lambda form: forms[form])
    return f"the {form}" if form == topic and article * 2 >= max(1, forms[form]) else form


# Choosing


def _moments(reading: _Reading, limit: int) -> list[_Line]:
    """The messages to quote, in order: questions with their answers, and what adds to them."""
    ranked = sorted(reading.lines, key=lambda line: (-line.score, line.index))
    pool = [line for line in ranked[: 2 * limit + 12] if line not in reading.decisions]
    units = list(dict.fromkeys(_unit(line, reading.decisions) for line in pool))
    chosen: dict[int, _Line] = {}
    covered: set[str] = set()
    while units and len(chosen) < limit:
        gains = [_gain(unit, chosen, covered, reading.weights) for unit in units]
        best = max(range(len(units)), key=lambda at: gains[at])
        fresh = [line for line in units.pop(best) if line.index not in chosen]
        if gains[best] <= 0:
            break
        if len(chosen) + len(fresh) <= limit:
            chosen.update({line.index: line for line in fresh})
            covered.update(term for line in fresh for term in line.terms)
    return [chosen[index] for index in sorted(chosen)]


def _unit(line: _Line, taken: list[_Line]) -> tuple[_Line, ...]:
    if line.asks and line.answer and line.answer not in taken:
        return (line, line.answer)
    if line.parent and line.parent.asks and line.parent not in taken:
        return (line.parent, line)
    return (line,)


def _gain(
    unit: tuple[_Line, ...], chosen: dict[int, _Line], covered: set[str], weights: dict[str, float]
) -> float:
    gain, fresh = 0.0, 0
    for line in unit:
        if line.index in chosen or not line.terms:
            continue
        new = sum(weights[term] for term in line.terms if term not in covered)
        share = new / line.weight
        gain += line.score * (0.1 + 0.9 * share) if share > 0 else 0.0
        fresh += 1
    return gain / sqrt(fresh) if fresh else 0.0


def _title(reading: _Reading) -> tuple[str, _Line | None]:
    """The phrase that tells best what the window is about, and where it stands."""
    ranked = sorted(reading.lines, key=lambda line: (-line.score, line.index))[:16]
    best: tuple[float, str, _Line | None] = (0.0, "", None)
    for line in dict.fromkeys(reading.lines[:6] + ranked):
        opening = 1.25 if line.index * 5 <= len(reading.lines) else 1.0
        of_poll = line.message.kind == "poll"  # Its question comes first, then the options.
        for phrase in _phrases(line.text)[: 1 if of_poll else None]:
            value = _phrase_value(phrase, reading.weights) * opening
            value *= 1 + 0.15 * min(line.replies, 4)
            if value > best[0]:
                best = (value, phrase, line)
    if best[0] < 0.3:
        topic = reading.topics[0] if reading.topics else "talk"
        return plain(f"{_capital(topic)}: {_listed(list(reading.activity)[:3])}"), None
    return _capital(plain(re.sub(r"([?？؟])[?？؟]+$", r"\1", best[1]))), best[2]


def _phrases(text: str) -> list[str]:
    """The sentences of a message that could be a title, cut to length."""
    if "://" in text:
        text = _URL.sub("…", text)
    found = (
        _trim(part) for part in _SENTENCE.split(text if text.isascii() else _EMOJI.sub(" · ", text))
    )
    return [_clip(part, 72) for part in found if part]


def _trim(phrase: str) -> str:
    trimmed = _EDGE.sub("", _LEAD_IN.sub("", phrase.strip()))
    return trimmed.replace('"', "") if trimmed.count('"') % 2 else trimmed


def _phrase_value(phrase: str, weights: dict[str, float]) -> float:
    tokens = stopwords.words(phrase)
    terms = dict.fromkeys(map(stopwords.term, tokens))
    known = [weights[term] for term in terms if term in weights]
    if not known or len(tokens) < 2:
        return 0.0
    value: float = sum(known) / (len(tokens) + 4) ** 0.7 * (1.0 if len(known) > 1 else 0.6)
    value *= 1.25 if phrase[-1] in "?؟？" else 1.0
    value *= 0.6 if tokens[0] in stopwords.WEAK_OPENERS else 1.0
    value *= 0.4 if _CODE.search(phrase) else 1.0
    return value * (0.6 if len(tokens) < 4 or phrase[-1] == "…" else 1.0)


def _clip(text: str, limit: int) -> str:
    """At most about `limit` characters of a text, ended where a clause or a word ends."""
    if len(text) <= limit or _RIGHT_TO_LEFT.search(text):
        return text
    ends = [m.start() for m in _CLAUSE.finditer(text) if limit * 0.4 <= m.start() < limit]
    if ends:
        return _trim(text[: ends[-1]]) + "…"
    space = text.rfind(" ", 0, limit)
    return _trim(text[: space if space > 0 else limit]) + "…"


def _telling(line: _Line, weights: dict[str, float], limit: int) -> str:
    """The part of a message to quote in a sentence: all of it, or its heaviest sentence."""
    if len(line.text) <= limit:
        return plain(line.text)
    parts = [part for part in map(str.strip, _SENTENCE.split(line.text)) if part]
    if line.asks:
        parts = [part for part in parts if part.endswith(_QUESTION_MARKS)] or parts
    best = max(parts, key=lambda part: _phrase_value(part, weights), default=line.text)
    return plain(_clip(best, limit))


# Telling


def _summary(reading: _Reading, titled: _Line | None) -> str:
    """Who talked about what, what mattered most beside the title, and how it ended."""
    people = _listed(list(reading.activity), limit=3)
    verb = "talked" if len(reading.activity) > 1 else "wrote"
    topics = plain(_listed(reading.topics))
    sentences = [f"{people} {verb} about {topics}." if topics else f"{people} {verb}."]
    last = _ending(reading, titled)
    rest = (line for line in reading.lines if line is not titled and line is not last)
    heart = max(rest, key=lambda line: (line.score, -line.index), default=None)
    if titled and titled.asks and titled.answer and titled.answer.terms:
        heart = titled  # A title that asks wants to be answered.
    if heart and heart.score > 0:
        sentences.append(_heart_sentence(reading, heart))
    if last and not (heart and heart.answer is last):
        sentences.append(_end_sentence(reading, last))
    return " ".join(sentences)


def _ending(reading: _Reading, titled: _Line | None) -> _Line | None:
    """What was decided, else the last line of substance."""
    late = reading.lines[-max(3, len(reading.lines) // 5) :]
    told = [line for line in late if len(line.terms) > 1 and len(line.tokens) > 3]
    if reading.decisions:
        return reading.decisions[-1]
    return next((line for line in reversed(told) if line is not titled), None)


def _heart_sentence(reading: _Reading, line: _Line) -> str:
    quote = _telling(line, reading.weights, 150)
    author = plain(line.author)
    if not quote.endswith(_QUESTION_MARKS):
        to = f"told {plain(line.to)}" if line.to else "wrote"
        return _said(author, to, quote)
    if line.answer is None:
        return _said(author, "asked", quote)
    # Only what the export marks as a reply is called an answer.
    verb = f"told {author}" if line.answer.to else "wrote next"
    verb = "answered" if line.answer.message.reply_to == line.message.message_id else verb
    answer = _telling(line.answer, reading.weights, 150)
    return f"{author} asked: “{quote}”; {_said(plain(line.answer.author), verb, answer)}"


def _end_sentence(reading: _Reading, line: _Line) -> str:
    quote = _telling(line, reading.weights, 150)
    author = plain(line.author)
    if line in reading.decisions:
        return _said(f"The outcome, in the words of {author}", "", quote)
    if line.asks and line.replies == 0 and line is reading.lines[-1]:
        return _said(f"It ended with a question from {author}", "", quote)
    if line is reading.lines[-1]:
        return _said(author, "had the last word", quote)
    return _said("Towards the end,", f"{author} wrote", quote)


def _said(who: str, verb: str, quote: str) -> str:
    stop = "" if quote.endswith((*_QUESTION_MARKS, ".", "!", "…", "。", "！")) else "."
    return f"{who}{' ' if verb else ''}{verb}: “{quote}”{stop}"


def _listed(names: Sequence[str], limit: int = 0) -> str:
    """`A`, `A and B`, `A, B and C`, or `A, B and 3 others`."""
    shown = [plain(name) for name in names]
    if limit and len(shown) > limit:
        shown = [*shown[: limit - 1], f"{len(shown) - limit + 1} others"]
    ends = (", ".join(shown[:-1]), shown[-1]) if shown else ()
    return " and ".join(part for part in ends if part)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _content(reading: _Reading, moments: Sequence[_Line]) -> str:
    outcomes = reading.decisions[-4:]
    shown = {line.index for line in (*moments, *outcomes)}
    sections = (
        ("Moments", [_blockquote(reading, line) for line in moments], "\n\n"),
        ("Decided", [_blockquote(reading, line) for line in outcomes], "\n\n"),
        ("Open questions", _open_questions(reading, shown), "\n"),
        ("Links", _links(reading), "\n"),
        ("Media", _media(reading), "\n"),
        ("People", [_people(reading)], "\n"),
    )
    parts = [f"## {name}\n\n{mark.join(items)}" for name, items, mark in sections if items]
    return "\n\n".join(parts) + "\n"


def _blockquote(reading: _Reading, line: _Line) -> str:
    text = line.text
    if len(text) > 600 and not _RIGHT_TO_LEFT.search(text):
        text = _clip(text, 600)
    to = f", to {escape(line.to)}" if line.to else ""
    return f"> {escape(text)}\n>\n> — {escape(line.author)}, {_clock(reading, line.message)}{to}"


def _clock(reading: _Reading, message: Message) -> str:
    messages = reading.window.messages
    one_day = messages[0].time.date() == messages[-1].time.date()
    return f"{message.time:%H:%M}" if one_day else f"{message.time:%Y-%m-%d %H:%M}"


def _open_questions(reading: _Reading, shown: set[int]) -> list[str]:
    """Questions that nobody took up, the telling ones, at most three."""
    asked = {term for line in reading.lines if line.asks and line.answer for term in line.terms}
    least = 0.4 * max(line.score for line in reading.lines)
    found = [
        line
        for line in reading.lines
        if line.asks and line.index not in shown and _is_open(reading, line)
        if line.score >= least and not asked.issuperset(line.terms)
    ]
    best = sorted(found, key=lambda line: (-line.score, line.index))[:3]
    return [
        f"- {escape(_telling(line, reading.weights, 300))} "
        f"({escape(line.author)}, {_clock(reading, line.message)})"
        for line in sorted(best, key=lambda line: line.index)
    ]


def _is_open(reading: _Reading, line: _Line) -> bool:
    if line.replies or not line.text.endswith(_QUESTION_MARKS) or len(line.terms) < 2:
        return False
    rest = reading.lines[line.index + 1 :]
    # Without names, only the end of a talk is sure to have been left unanswered.
    return reading.addressed or all(other.author == line.author for other in rest)


def _links(reading: _Reading) -> list[str]:
    found: dict[str, str] = {}
    for message in reading.window.messages:
        if message.author is None or "://" not in message.content + "".join(message.urls):
            continue
        text = _unaddressed(_body(message), reading.called)[0]
        urls = [url for url, _ in _urls(text)]
        urls += [url for given in message.urls for url, _ in _urls(given) if url not in urls]
        said = _trim(_URL.sub("", text)) if urls else ""
        credit = f"{escape(message.author)}, {_clock(reading, message)}"
        for url in urls:
            words = f"{escape(_clip(said, 200))} — " if stopwords.words(said) else ""
            found.setdefault(url, f"- {words}<{url}> ({credit})")
    return _capped(list(found.values()), 10)


def _media(reading: _Reading) -> list[str]:
    items = []
    for message in reading.window.messages:
        if message.author is None or not (message.media_path or message.media_type):
            continue
        if message.media_type == "sticker":
            continue
        name = f" {escape(message.media_path)}" if message.media_path else ""
        caption = _body(message) if message.media_path else ""
        said = f": {escape(_clip(caption, 200))}" if stopwords.words(caption) else ""
        credit = f"{escape(message.author)}, {_clock(reading, message)}"
        items.append(f"- {_capital(message.media_type or 'file')}{name} ({credit}){said}")
    return _capped(items, 10)


def _capped(items: list[str], limit: int) -> list[str]:
    return items[:limit] + ([f"- and {len(items) - limit} more"] if len(items) > limit else [])


def _people(reading: _Reading) -> str:
    counts = [f"{escape(author)} ({count})" for author, count in reading.activity.items()]
    more = f" and {len(counts) - 20} more" if len(counts) > 20 else ""
    return ", ".join(counts[:20]) + more


def _tags(reading: _Reading) -> tuple[str, ...]:
    return tuple(_heaviest(reading.weights, 5))


def _profile_summary(person: Person) -> str:
    name, title = plain(person.author), plain(person.thread_title)
    wrote = (
        f"{name} wrote {person.messages:,} of the {person.thread_messages:,} messages in {title}, "
        f"on {_counted(person.days, 'day')} from {person.first:%Y-%m-%d} to {person.last:%Y-%m-%d}."
    )
    words = _listed(person.words[:3])
    answers = _listed(list(person.answers)[:2])
    about = [f"uses the words {words} more than the others do"] if words else []
    about += [f"most often writes right after {answers}"] if answers else []
    return f"{wrote} {name} {' and '.join(about)}." if about else wrote


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _profile_content(person: Person) -> str:
    words = [escape(word) for word in person.words]
    answers = [f"- {escape(who)}: {n:,} times" for who, n in list(person.answers.items())[:5]]
    quotes = [
        f"> {escape(_body(quote))}\n>\n> — {quote.time:%Y-%m-%d %H:%M}"
        for quote in person.quotes
        if stopwords.words(quote.content)
    ]
    sections = (
        ("When and how much", _profile_numbers(person)),
        ("What they talk about", ", ".join(words)),
        ("Whom they write right after", "\n".join(answers)),
        ("In their own words", "\n\n".join(quotes)),
    )
    return "\n\n".join(f"## {name}\n\n{text}" for name, text in sections if text) + "\n"


def _profile_numbers(person: Person) -> str:
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
