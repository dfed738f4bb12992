"""Names kept out of what is stored, and addresses and numbers masked, while a chat is imported.

It happens between `parsed` and `imported`, so it is the same for every source. Ids are made from
what the file says; what an id is made from cannot be found by trying, since a key goes into it.
"""

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
from duckdb import DuckDBPyConnection

from egregora_dag.adapters import masking
from egregora_dag.exceptions import EgregoraError

PSEUDONYM: Final = "person-"
_PSEUDONYM_LENGTH: Final = 12
_TOKEN_LENGTH: Final = 8
# What is written after `@` where nobody by name is meant.
_EVERYBODY: Final = frozenset({"all", "channel", "everyone", "here"})
_MOST_NAMES: Final = 1_000

# Letters of scripts that put spaces between words: a name does not begin or end beside one.
_INSIDE: Final = (
    r"\p{Latin}\p{Greek}\p{Cyrillic}\p{Arabic}\p{Hebrew}\p{Armenian}\p{Georgian}\p{Ethiopic}"
    r"\p{Devanagari}\p{Bengali}\p{Gurmukhi}\p{Gujarati}\p{Tamil}\p{Telugu}\p{Kannada}\p{Malayalam}"
    r"\p{Sinhala}\p{M}\p{N}_"
)
_WORD: Final = rf"[{_INSIDE}][{_INSIDE}\-]*"
_SPECIAL: Final = re.compile(r"[\\.+*?()|\[\]{}^$]")

_AUTHORS: Final = "SELECT DISTINCT author FROM ({chosen}) WHERE author IS NOT NULL"
_MENTIONS: Final = "SELECT DISTINCT unnest(mentions) FROM ({chosen}) WHERE len(mentions) > 0"

# Only rows whose text may change are looked at.
_TOLD: Final = """
CREATE OR REPLACE TABLE told AS
SELECT row, kind, content FROM ({chosen}) WHERE {touched}
"""
_RENAMED: Final = """
CREATE OR REPLACE TEMP TABLE renamed AS
WITH marked AS (
  SELECT row, string_split(translate(replace(regexp_replace(translate(content, $marks, ''),
    $names, $found, 'g'), $empty, ''), $closing, $opening), $opening) AS pieces
  FROM told WHERE {where}
), split AS (
  SELECT row, unnest(pieces) AS piece, generate_subscripts(pieces, 1) AS place
  FROM marked WHERE len(pieces) > 1
)
SELECT row, string_agg(if(place % 2 = 0, coalesce(same.shown, folded.shown, '[name]'), piece), ''
  ORDER BY place) AS content
FROM split
LEFT JOIN names same ON place % 2 = 0 AND same.name = piece
LEFT JOIN names folded ON place % 2 = 0 AND folded.name = lower(piece)
GROUP BY row
"""
_RENAME: Final = """
UPDATE told SET content = renamed.content FROM renamed WHERE told.row = renamed.row;
DROP TABLE renamed
"""
_SAID: Final = """
CREATE OR REPLACE TABLE said AS
SELECT row, content AS said FROM ({told})
"""
_NAMED: Final = """
CREATE OR REPLACE TABLE named AS
SELECT row, list(coalesce(shown, '[name]') ORDER BY place) AS named
FROM (SELECT row, unnest(mentions) AS name, generate_subscripts(mentions, 1) AS place
  FROM ({chosen}) WHERE len(mentions) > 0)
LEFT JOIN names USING (name) GROUP BY row
"""


@dataclass(frozen=True)
class Privacy:
    """What of a chat is kept out of what is stored.

    Attributes:
        pseudonymize: Authors are stored as pseudonyms.
        mask_pii: E-mail addresses, phone numbers and card numbers are masked.
        key: What pseudonyms and ids are made with; needed with either of the two.

    Raises:
        EgregoraError: There is no key though one is needed.
    """

    pseudonymize: bool = False
    mask_pii: bool = False
    key: str | bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.is_on and not self.key:
            raise EgregoraError(
                "Pseudonyms and masks are made with a key, and there is none. Give one, such as "
                "key=secrets.token_hex(32), and keep it: the same key gives the same pseudonyms."
            )

    @property
    def is_on(self) -> bool:
        """Whether anything is kept out, so that ids are made with the key."""
        return self.pseudonymize or self.mask_pii

    @property
    def id_key(self) -> str:
        """The key of ids: the same whichever of the two settings is on."""
        return self._digest("ids").hex()

    def pseudonym(self, author: str) -> str:
        """What stands for an author; the same wherever the key is the same."""
        return PSEUDONYM + self._code(author, _PSEUDONYM_LENGTH)

    def token(self, author: str, masked: str) -> str:
        """The masked name of an author, with a code that keeps people apart.

        Args:
            author: The name.
            masked: The same, its addresses and numbers masked.

        Returns:
            Such as `[phone 3f9ak2mx]`; the name where nothing in it was masked.
        """
        if masked == author:
            return author
        return masked.replace("]", f" {self._code(author, _TOKEN_LENGTH)}]")

    def _code(self, author: str, length: int) -> str:
        digest = self._digest(f"author\x1f{unicodedata.normalize('NFC', author)}")
        return base64.b32encode(digest).decode().lower()[:length]

    def _digest(self, text: str) -> bytes:
        key = self.key.encode() if isinstance(self.key, str) else self.key or b""
        return hmac.new(key, text.encode(), hashlib.sha256).digest()


# How `imported` comes by its columns: as they stand, or from the tables that `hide` leaves.
AS_GIVEN: Final[Mapping[str, str]] = {
    "make_id": "make_id",
    "author": "author",
    "content": "content",
    "mentions": "mentions",
    "media_path": "media_path",
    "extra": "coalesce(extra, '{}'::JSON)",
    "hidden": "",
}
_MASKED: Final[Mapping[str, str]] = {
    "make_id": "make_keyed_id",
    "author": "shown",
    "content": "coalesce(said, content)",
    "mentions": "if(mentions IS NULL, NULL, coalesce(named, []))",
    "media_path": "if(kind = 'contact', 'contact' || regexp_extract(media_path, '\\.\\w+$'), "
    "media_path)",
    "extra": "'{}'::JSON",
    "hidden": "LEFT JOIN people USING (author) LEFT JOIN said USING (row) "
    "LEFT JOIN named USING (row)",
}
# A contact's card says nothing but a name and numbers.
_PSEUDONYMIZED: Final = {**_MASKED, "content": "if(kind = 'contact', '', coalesce(said, content))"}


def columns(privacy: Privacy) -> Mapping[str, str]:
    """How the columns of `imported` are made under these settings."""
    if not privacy.is_on:
        return AS_GIVEN
    return _PSEUDONYMIZED if privacy.pseudonymize else _MASKED


def hide(
    scratch: DuckDBPyConnection,
    privacy: Privacy,
    chosen: str,
    values: Mapping[str, Any],
    known: Collection[str] = (),
) -> dict[str, str]:
    """Find what is stored in place of names and texts; leaves `people`, `said` and `named`.

    Args:
        scratch: A scratch database.
        privacy: What is kept out.
        chosen: A query for the rows of `parsed` that are imported, with their `row`.
        values: What it takes.
        known: People who may be named though they write nothing in this file.

    Returns:
        Pseudonym → author, for those who write in it.
    """
    authors = _column(scratch, _AUTHORS.format(chosen=chosen), values)
    mentioned = _column(scratch, _MENTIONS.format(chosen=chosen), values)
    shown = _shown(scratch, privacy, {*authors, *known})
    _store(scratch, "people", "author", {author: shown[author] for author in authors})
    notices = dict(_forms({name: to for name, to in shown.items() if name != to}))
    names = _names(scratch, privacy, {**dict(_digits(shown)), **notices}, mentioned)
    _store(scratch, "names", "name", names)
    if mentioned:
        scratch.execute(_NAMED.format(chosen=chosen), values)
    else:
        scratch.execute("CREATE OR REPLACE TABLE named (row BIGINT, named VARCHAR[])")
    touched = ["kind = 'system'", "contains(content, '@')"] if notices or names else []
    patterns = masking.PATTERNS if privacy.mask_pii else {}
    if privacy.mask_pii:
        touched.append(masking.MAY_HOLD.format(text="content"))
    digits = {"digits": patterns["digits"]} if patterns else {}
    scratch.execute(
        _TOLD.format(chosen=chosen, touched=" OR ".join(touched) or "false"), {**values, **digits}
    )
    _rename(scratch, notices, _in_notices, "kind = 'system'")
    meant = [name for name, to in names.items() if name != to]
    _rename(scratch, meant, _mentioned, "kind <> 'system' AND contains(content, '@')")
    told = masking.masked("FROM told") if privacy.mask_pii else "FROM told"
    scratch.execute(_SAID.format(told=told), patterns)
    scratch.execute("DROP TABLE told; DROP TABLE names")
    return {shown[author]: author for author in authors} if privacy.pseudonymize else {}


def done(scratch: DuckDBPyConnection) -> None:
    """Drop what `hide` has left."""
    scratch.execute("DROP TABLE people; DROP TABLE said; DROP TABLE named")


def masked_texts(scratch: DuckDBPyConnection, texts: Iterable[str]) -> dict[str, str]:
    """Each text with its addresses and numbers masked."""
    table = pa.table({"content": pa.array(list(texts), pa.string())})
    scratch.register("texts", table.append_column("text", table["content"]))
    try:
        query = masking.masked("SELECT text, content FROM texts")
        return dict(scratch.execute(query, masking.PATTERNS).fetchall())
    finally:
        scratch.unregister("texts")


def _column(scratch: DuckDBPyConnection, query: str, values: Mapping[str, Any]) -> list[str]:
    """The values of a query's one column, nulls left out."""
    return [value for (value,) in scratch.execute(query, values).fetchall() if value is not None]


def _shown(scratch: DuckDBPyConnection, privacy: Privacy, names: Collection[str]) -> dict[str, str]:
    """Name → what is stored for it."""
    if privacy.pseudonymize:
        return {name: privacy.pseudonym(name) for name in names}
    masked = masked_texts(scratch, names)
    return {name: privacy.token(name, masked[name]) for name in names}


def _names(
    scratch: DuckDBPyConnection,
    privacy: Privacy,
    people: Mapping[str, str],
    mentioned: Collection[str],
) -> dict[str, str]:
    """Whatever may stand after `@` → what is stored for it; also in lower case.

    Args:
        scratch: A scratch database.
        privacy: What is kept out.
        people: The names that are known already.
        mentioned: The names that the source says are mentioned.
    """
    folded = {name.lower(): to for name, to in people.items()}
    names = {**folded, **people}
    strangers = [name for name in mentioned if name.lower() not in folded]
    if privacy.pseudonymize:
        shown = {name: privacy.pseudonym(name) for name in strangers}
    else:
        # A number is recognized by its `@`.
        masked = masked_texts(scratch, [f"@{name}" for name in strangers])
        shown = {name: privacy.token(f"@{name}", masked[f"@{name}"])[1:] for name in strangers}
    names |= {name: folded.get(name.lower(), shown.get(name, name)) for name in mentioned}
    return names | {name: name for name in mentioned if name.lower() in _EVERYBODY - folded.keys()}


def _forms(shown: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each name as it may be written in another place, with what is stored for it."""
    for name, to in shown.items():
        # A `~` marks a name that its owner chose.
        if (bare := name.lstrip("~ \xa0\u202f")) and bare != name and bare not in shown:
            yield bare, to
            yield f"~{bare}", to
    for name, to in shown.items():
        for form in ("NFC", "NFD"):
            yield unicodedata.normalize(form, name), to
        yield name, to


def _digits(shown: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The digits of names that are phone numbers: how WhatsApp mentions them."""
    for name, to in shown.items():
        digits = re.sub(r"\D", "", name)
        if name != to and len(digits) >= 8 and not any(character.isalpha() for character in name):
            yield digits, to


def _store(scratch: DuckDBPyConnection, table: str, column: str, shown: Mapping[str, str]) -> None:
    """A scratch table of names, and what is stored for them."""
    rows = {column: list(shown), "shown": list(shown.values())}
    scratch.register("pairs", pa.table(rows, pa.schema(dict.fromkeys(rows, pa.string()))))
    scratch.execute(f'CREATE OR REPLACE TABLE "{table}" AS FROM pairs')
    scratch.unregister("pairs")


def _rename(
    scratch: DuckDBPyConnection, names: Iterable[str], pattern: Callable[[str], str], where: str
) -> None:
    """Replace names in the texts of `told`, the longest first."""
    ordered = sorted({name for name in names if name.strip()}, key=lambda name: (-len(name), name))
    for chunk in _chunks(ordered):
        alternatives = "|".join(_SPECIAL.sub(r"\\\g<0>", name) for name in chunk)
        scratch.execute(
            _RENAMED.format(where=where),
            {
                "names": pattern(alternatives),
                "found": "\\1\\4\\2\x01\\3\x02",
                "marks": "\x01\x02",
                "empty": "\x01\x02",
                "opening": "\x01",
                "closing": "\x02",
            },
        )
        scratch.execute(_RENAME)


def _in_notices(names: str) -> str:
    """A pattern that reads a text word by word; a name that goes on begins a longer word."""
    return rf"((?:{names})\-*{_WORD})|()({names})|({_WORD})"


def _mentioned(names: str) -> str:
    """The same for names after `@`."""
    return rf"(?i)(@\x{{2068}}?(?:{names})\-*{_WORD})|(@\x{{2068}}?)({names})|([{_INSIDE}.\-]+@?)"


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many names at a time as a pattern can hold."""
    for start in range(0, len(names), _MOST_NAMES):
        yield names[start : start + _MOST_NAMES]
