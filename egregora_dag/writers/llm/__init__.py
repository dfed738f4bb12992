"""A writer that asks a language model; what it is told of a chat goes to the model's address."""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar, Final

from egregora_dag.llm import prompting
from egregora_dag.llm.asking import Asker, AskingError, Question
from egregora_dag.llm.settings import LlmSettings
from egregora_dag.writers.llm.rendering import document
from egregora_dag.writers.llm.schema import Post, Told, check
from egregora_dag.writers.llm.splitting import Numbered, numbered, parts, spoken
from egregora_dag.writers.offline import OfflineWriter
from egregora_dag.writers.protocol import Document, Person, Posted, Usage, Window, WritingError
from egregora_dag.writers.reading import read

VERSION: Final = 1

# Characters of one message that are told, so that one alone fits a request.
_LONGEST: Final = 2_000


class LlmWriter:
    """Writes posts with a language model; profiles and enrichments as the offline writer does.

    Args:
        settings: The model, and the limits it is asked under.
        offline: Writes what the model does not, and says which windows hold too little to ask.
        folder: Where prompts are that take the place of the package's.

    Raises:
        SettingError: There is no such model.
        EgregoraError: What the model needs is not installed, or its key is not set.
    """

    name: ClassVar[str] = "llm"

    def __init__(
        self, settings: LlmSettings, offline: OfflineWriter, folder: Path | None = None
    ) -> None:
        self._settings = settings
        self._offline = offline
        self._prompts = {name: prompting.prompt(name, folder) for name in ("post", "merge")}
        asker = Asker(settings)
        self._post, self._merge = (Question(asker, text, Told) for text in self._prompts.values())

    @property
    def model(self) -> str:
        """The model's name as the settings have it."""
        return self._settings.model

    @property
    def concurrency(self) -> int:
        """How many windows may be asked about at a time."""
        return self._settings.concurrency

    @cached_property
    def fingerprint(self) -> str:
        """Version, prompts, and the settings that change what is written."""
        told = (
            *self._prompts.values(),
            str(Told.model_json_schema()),
            str(self._settings.max_input_tokens),
            self._offline.fingerprint,
        )
        return f"llm-{VERSION}-{hashlib.sha256(repr(told).encode()).hexdigest()[:16]}"

    def write(self, window: Window) -> list[Document]:
        """The post about a window, as the model tells it.

        Args:
            window: The window.

        Returns:
            One post; a journal entry that bears the costs when the model finds nothing to tell;
            none when too few messages hold words, which is found without asking.

        Raises:
            WritingError: The model gave no answer that can be used.
        """
        reading = read(window, self._offline.min_messages)
        if reading is None:
            return []
        messages = spoken(window)
        usage = Usage()
        drafts: list[Post | None] = []
        try:
            for part in parts(numbered(messages, _LONGEST), self._settings.max_input_tokens):
                post, used = self._about(part)
                drafts.append(post)
                usage += used
            while len(drafts) > 1:
                drafts, used = self._merged(drafts)
                usage += used
        except AskingError as error:
            raise WritingError(error.reason, usage + error.usage, final=error.final) from None
        [post] = drafts
        if post is None:
            return [_nothing(window.messages[0].time.date(), usage)]
        return [replace(document(post, reading, messages), usage=usage)]

    def _about(self, part: Sequence[Numbered]) -> tuple[Post | None, Usage]:
        """The post about a part of a window, if there is something to tell."""
        numbers = {line.number for line in part}
        data = prompting.block("chat", [line.line for line in part])
        answer = self._post.ask(data, partial(check, numbers=numbers))
        return answer.output.post, answer.usage

    def _merged(self, drafts: Sequence[Post | None]) -> tuple[list[Post | None], Usage]:
        """Fewer drafts: as many as a request can hold are made one."""
        merged: list[Post | None] = []
        usage = Usage()
        for group in self._groups(drafts):
            told = [draft for draft in group if draft is not None]
            if len(told) < 2:
                merged += told or [None]
                continue
            numbers = {number for draft in told for number in draft.numbers}
            data = prompting.block("drafts", [prompting.line(one.model_dump()) for one in told])
            answer = self._merge.ask(data, partial(check, numbers=numbers))
            merged.append(answer.output.post)
            usage += answer.usage
        return merged, usage

    def _groups(self, drafts: Sequence[Post | None]) -> list[list[Post | None]]:
        """Drafts next to each other, at least two a group, as many as fit a request."""
        groups: list[list[Post | None]] = [[]]
        size = 0
        for draft in drafts:
            length = prompting.tokens(draft.model_dump_json()) if draft else 0
            if len(groups[-1]) > 1 and size + length > self._settings.max_input_tokens:
                groups.append([])
                size = 0
            groups[-1].append(draft)
            size += length
        return groups

    def profile(self, person: Person) -> Document:
        """The profile of a person, as the offline writer has it.

        Args:
            person: What is known of them.

        Returns:
            Their profile, under their name.
        """
        return self._offline.profile(person)

    def enrich(self, posted: Posted) -> Document:
        """What the chat says of a link or a file, as the offline writer has it.

        Args:
            posted: The link or file, and the messages that brought it.

        Returns:
            An enrichment, or a media document, under its name.
        """
        return self._offline.enrich(posted)


def _nothing(day: dt.date, usage: Usage) -> Document:
    """Bears what it took to find that there is nothing to tell."""
    return Document("journal", "", "", "", (), (), day, usage=usage)
