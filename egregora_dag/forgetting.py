"""Forgetting a chat or a person in a whole home, and one person's two names made one.

What is to go is written down first, and stands in the home until all of it is gone: the exports,
the site and the copy for readers, the rows, what Dagster keeps, and the freed pages of the database
file. Each of these steps can be taken twice, so the next command ends what a crash cut off.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from dagster import DagsterInstance
from duckdb import DuckDBPyConnection

from egregora_dag import inbox, site
from egregora_dag.adapters import Privacy, masked_texts, scratch_database
from egregora_dag.database import (
    authors,
    compacting,
    copies,
    dagster_forgetting,
    forgetting,
    mirror,
    pseudonyms,
)
from egregora_dag.database import threads as chats
from egregora_dag.database.dagster_forgetting import Forgotten
from egregora_dag.database.threads import Thread, ThreadNotFoundError
from egregora_dag.exceptions import EgregoraError
from egregora_dag.messages import language_of_chat
from egregora_dag.naming import Codes, Names, renamer
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home
from egregora_dag.writers.languages import wording


@dataclass
class Removed:
    """What was forgotten.

    Attributes:
        rows: Rows removed by table.
        keys: Keys of the chats.
        files: Exports that other chats have lost, and files that could not be read and stay.
        named: Keys of chats that are themselves called by the name that was to go.
    """

    rows: Counter[str] = field(default_factory=Counter)
    keys: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    named: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Request:
    """What is to be forgotten.

    Attributes:
        keys: Keys of the chats that go, or in which the person wrote.
        origins: Keys of the chats whose exports go.
        goes_by: The person's names; none if the chats go as a whole.
        names: What is to stand nowhere.
        order: All partitions in their order.
    """

    keys: tuple[str, ...]
    origins: tuple[str, ...]
    goes_by: tuple[str, ...]
    names: Names
    order: tuple[str, ...]

    def store(self, path: Path) -> None:
        """Write it down for whoever comes after a crash."""
        part = path.with_name(f"{path.name}.part")
        part.touch(mode=0o600)
        part.write_text(json.dumps(asdict(self), default=sorted), "utf-8")
        part.replace(path)

    @classmethod
    def stored(cls, path: Path) -> "Request":
        """What was written down."""
        told = json.loads(path.read_text("utf-8"))
        names = Names(**{kind: frozenset(names) for kind, names in told.pop("names").items()})
        return cls(names=names, **{name: tuple(values) for name, values in told.items()})


class Forgetter:
    """Forgets in one home.

    Args:
        home: The home.
        instance: Dagster's instance of that home.
        warehouse: The home's database.
    """

    def __init__(self, home: Home, instance: DagsterInstance, warehouse: Warehouse) -> None:
        self._home = home
        self._instance = instance
        self._warehouse = warehouse

    def thread(self, key: str) -> Removed:
        """Forget a chat.

        Raises:
            ThreadNotFoundError: There is no such chat.
            EgregoraError: A run works on it.
        """
        order = tuple(self._instance.get_dynamic_partitions("threads"))
        with self._warehouse.transaction() as connection:
            thread = chats.all_threads(connection).get(key)
            if thread is None and key not in order:
                raise ThreadNotFoundError(key, list(chats.all_threads(connection)))
            files = connection.execute(
                "SELECT DISTINCT file FROM imports WHERE thread_id = ?", [key]
            ).fetchall()
        self._refuse_under_way([key])
        origins = tuple(thread.origins if thread else [key])
        told = [*origins, *(thread.title for thread in [thread] if thread)]
        names = Names(
            folded=frozenset(one.lower() for one in [*told, *(file for (file,) in files)])
        )
        return self._forget(Request((key,), origins, (), names, order))

    def author(self, author: str, keys: Sequence[str] | None) -> Removed:
        """Forget a person.

        Args:
            author: The person's name as the chat has it, or as it stands in the messages.
            keys: Keys of the chats; all in which the person wrote if None.

        Raises:
            ThreadNotFoundError: There is no such chat.
            EgregoraError: A run works on one of them.
        """
        with self._warehouse.transaction() as connection:
            known = chats.all_threads(connection)
            wanted = [chats.get_thread(connection, key) for key in keys or known]
            stored = authors.names_of_threads(connection)
            goes_by = self.names_of(connection, author)
        goes_by += [old for one in wanted for old, new in one.aliases.items() if new in goes_by]
        coded = Codes.of(self._home.key(), goes_by, Names()).codes
        wrote = [
            one
            for one in wanted
            if stored.get(one.thread_id, set()) & set(goes_by) or one.forgotten & coded
        ]
        if not wrote:
            return Removed()
        chosen = [one.thread_id for one in wrote]
        self._refuse_under_way(chosen)
        everybody = set().union(*(stored.get(key, set()) for key in chosen))
        names = self._names(wrote, goes_by, everybody - set(goes_by))
        origins = tuple(origin for one in wrote for origin in one.origins)
        removed = self._forget(Request(tuple(chosen), origins, tuple(goes_by), names, ()))
        removed.named = [key for key in origins if names.are_in(key.replace("-", " "))]
        return removed

    def readmit(self, author: str, keys: Sequence[str] | None) -> list[str]:
        """Let a person who was forgotten come again with later exports.

        Returns:
            Keys of the chats in which the person was forgotten.
        """
        with self._warehouse.transaction() as connection:
            known = chats.all_threads(connection)
            goes_by = self.names_of(connection, author)
            codes = Codes.of(self._home.key(), goes_by, Names.of(goes_by)).codes
            # A word that is common in the chat's language was remembered as it is capitalised.
            words = {word for name in goes_by for word in name.lower().split()}
            codes |= Codes.of(self._home.key(), goes_by, Names.of(goes_by, (), words)).codes
            found = []
            for key in keys or known:
                thread = chats.get_thread(connection, key)
                left = sorted(thread.forgotten - codes)
                if len(left) < len(thread.forgotten):
                    settings = {**thread.settings, "forgotten": left}
                    chats.save_thread(connection, replace(thread, settings=settings))
                    found.append(key)
        return found

    def merge_authors(
        self, old: str, new: str, keys: Sequence[str] | None
    ) -> tuple[list[str], int]:
        """Let one of two names of a person stand for both.

        Args:
            old: The name that is given up.
            new: The name that stands.
            keys: Keys of the chats; all in which somebody wrote under the former if None.

        Returns:
            Keys of the chats, and how many messages changed their author.

        Raises:
            ThreadNotFoundError: There is no such chat.
            EgregoraError: Both names are one, or nobody wrote under the former, or a run works on
                one of the chats.
        """
        with self._warehouse.transaction() as connection:
            known = chats.all_threads(connection)
            wanted = [chats.get_thread(connection, key).thread_id for key in keys or known]
            stored = authors.names_of_threads(connection)
            everybody = set().union(*stored.values())
            former = [one for one in self.names_of(connection, old) if one in everybody]
            stands = next((n for n in self.names_of(connection, new) if n in everybody), new)
        chosen = [key for key in wanted if stored.get(key, set()) & set(former)]
        if not chosen:
            raise EgregoraError(f"Nobody called {old!r} wrote anything in these chats.")
        if stands in former:
            raise EgregoraError(f"{old!r} and {new!r} are one name already. Name two.")
        if (
            stands == new
            and any(known[key].settings.get("privacy", {}).get("pseudonymize") for key in chosen)
            and new not in everybody
        ):
            raise EgregoraError(
                f"Nobody is called {new!r}, and the chat is stored with pseudonyms. Name somebody "
                "who wrote in it."
            )
        self._refuse_under_way(chosen)
        changed = 0
        with self._warehouse.transaction() as connection:
            for one in former:
                renamed = renamer(one, stands)
                changed += authors.merge_authors(connection, one, stands, chosen, renamed)
            pseudonyms.forget_unused(connection)
        return chosen, changed

    def names_of(self, connection: DuckDBPyConnection, name: str) -> list[str]:
        """All names under which somebody may be stored."""
        names = dict.fromkeys([name, *pseudonyms.names_of(connection, name)])
        if self._home.secret.is_file():
            privacy = Privacy(pseudonymize=True, key=self._home.key())
            names |= dict.fromkeys(map(privacy.pseudonym, list(names)))
            with scratch_database() as scratch:
                masked = masked_texts(scratch, list(names))
            names |= dict.fromkeys(privacy.token(one, text) for one, text in masked.items())
        return list(names)

    def finish(self) -> None:
        """Forget the rest of what an earlier try began to forget, unless a run works on it."""
        if self._home.unfinished.exists():
            request = Request.stored(self._home.unfinished)
            if not dagster_forgetting.runs_under_way(self._instance, set(request.keys)):
                self._forget(request)

    def _forget(self, request: Request) -> Removed:
        request.store(self._home.unfinished)
        files = inbox.remove_chats(self._home.inbox, request.origins)
        removed = Removed(keys=list(request.keys), files=files)
        site.clear(self._home.site)
        copies.withdraw(self._home)
        with self._warehouse.transaction() as connection:
            if request.goes_by:
                removed.rows.update(self._forget_author(connection, request))
            for key in () if request.goes_by else request.keys:
                removed.rows.update(forgetting.forget_thread(connection, key))
            removed.rows["pseudonyms"] = pseudonyms.forget_unused(connection)
        gone = frozenset() if request.goes_by else frozenset(request.keys)
        dagster_forgetting.forget(
            self._instance,
            Forgotten(request.names, gone, frozenset(request.origins), request.order),
        )
        mirror.pull(self._warehouse, self._instance)
        # All of them: which tell less now, an earlier try may have known.
        mirror.pull_runs(self._warehouse, self._instance, self._instance.get_run_ids())
        compacting.rewrite(self._home.database)
        copies.publish(self._home)
        self._home.unfinished.unlink()
        return removed

    def _forget_author(self, connection: DuckDBPyConnection, request: Request) -> Counter[str]:
        codes = Codes.of(self._home.key(), request.goes_by, request.names).codes
        threads = [chats.get_thread(connection, key) for key in request.keys]
        rows = forgetting.forget_author(connection, request.goes_by, request.names, request.keys)
        for thread in threads:
            chats.save_thread(connection, _without(thread, request.goes_by, request.names, codes))
        return Counter(rows)

    def _names(
        self, threads: Sequence[Thread], goes_by: Sequence[str], others: Collection[str]
    ) -> Names:
        """The ways in which a person may be named in chats."""
        languages = {language_of_chat(self._warehouse, thread) for thread in threads}
        everyday = frozenset[str]().union(*(wording(code).words["stop"] for code in languages))
        return Names.of(goes_by, others, everyday)

    def _refuse_under_way(self, keys: Iterable[str]) -> None:
        if running := dagster_forgetting.runs_under_way(self._instance, set(keys)):
            raise EgregoraError(
                f"Run {running[0]} works on what is to change. Wait for its end, or cancel it, and "
                "try again; nothing was changed."
            )


def _without(
    thread: Thread, goes_by: Sequence[str], names: Names, codes: Collection[str]
) -> Thread:
    """A chat that knows a person no more, but by codes."""
    aliases = {old: new for old, new in thread.aliases.items() if not {old, new} & set(goes_by)}
    told = {"forgotten": sorted(thread.forgotten | set(codes)), "authors": aliases}
    settings = {**thread.settings, **told}
    title = names.masked(thread.title)
    return replace(thread, title=title, settings={k: v for k, v in settings.items() if v})
