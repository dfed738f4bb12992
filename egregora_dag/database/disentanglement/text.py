"""What single messages say: who writes them, whom they name, what sort of utterance they are."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from egregora_dag.database.disentanglement import naming
from egregora_dag.database.disentanglement.naming import NOBODY, Bools, Ints, Tokens

# As much of a message as is looked at, in characters.
LONGEST: Final = 2_000

# Words that begin with the same so many letters are taken for forms of one.
STEM: Final = 5

_PUNCTUATION = r"[^\p{L}\p{N}]+"
_EDGES = f"^{_PUNCTUATION}|{_PUNCTUATION}$"
_SALUTATION = r"^@?[^\s:,]+[:,]+\s+"
_SALUTING = r"^@|[:,]+$"
_BOT = r"(?i)^u?bot|bot[^\p{L}]*$"
# Cues in the text after the salutation; other languages than these lack them, and no more.
_CUES = {
    "asks": r"\?|(?i:^(how|what|why|where|which|who|when|can|could|does|do|is|are|has|any)\b)",
    "greets": r"(?i)^(hi|hello|hey|hiya|heya|yo|howdy|greetings|sup|hallo|hola|olá|oi|bonjour|"
    r"salut|ciao|good (morning|evening|afternoon|day)|bom dia|boa (tarde|noite))\b",
    "thanks": r"(?i)\b(thanks?|thx|thanx|ty|tnx|cheers|obrigad[oa]|gracias|danke|merci)\b",
    "answers": r"(?i)^(yes|no|yeah|yea|yep|yup|nope|nah|ok|okay|sure|right|true|correct|exactly|"
    r"well|oh|ah|ahh|hmm+|i see|sim|não|sí|si|ja|nein|oui|non)\b",
    "everyone": r"(?i)\b(anyone|anybody|any ?one|someone|somebody|everyone|everybody|guys|all|"
    r"folks|people|alguém|pessoal|alguien|jemand|quelqu)\b",
    "links": r"https?://|www\.",
    "goes_on": r"(?i)^(and|but|or|so|because|cause|cuz|coz|then|also|plus|unless|if|with|which|"
    r"though|although|anyway|btw|maybe|e|mas|ou|y|pero|und|aber|et|mais)\b|^\W*(\.\.|\*|\()",
    "me": r"(?i)\b(i|my|me|im|ive|mine|we|our|eu|meu|minha|nós|yo|mi|ich|mein|wir|je|mon|nous)\b",
}
_COMMAND = r"^\s*!|^\S+\s+!\w"
CUES: Final = (*_CUES, "commands")


@dataclass(frozen=True)
class Reading:
    """A block of messages as arrays; the first axis is the row within the block.

    Attributes:
        author: int64[rows], a number for each author, NOBODY for system lines.
        minute: int64[rows], whole minutes since the epoch.
        named: int64[rows, 3], the authors named, the addressee first; NOBODY fills up.
        manner: int64[rows], how the addressee is named, as in `naming.Names`.
        size: int64[rows], words.
        bot: bool[rows], whether the author is called a bot.
        cues: bool[rows] for each cue, such as `asks` or `greets`.
        word: int64[words], a number for each word that was said, row by row; words that begin with
            the same STEM letters count as one.
        word_row: int64[words], the word's row.
    """

    author: Ints
    minute: Ints
    named: Ints
    manner: Ints
    size: Ints
    bot: Bools
    cues: dict[str, Bools]
    word: Ints
    word_row: Ints


def read(messages: pa.Table) -> Reading:
    """Read a block of messages.

    Args:
        messages: Columns `timestamp`, `author`, `kind` and `content`, in order.

    Returns:
        Its reading. What it says of a row rests on that row and the naming.HISTORY rows before,
        except that which number an author or a word gets depends on the block.
    """
    names = _texts(messages, "author").dictionary_encode()
    spoken = _bools(pc.not_equal(_texts(messages, "kind"), "system"))
    author = np.where(spoken, _ints(names.indices, NOBODY), NOBODY)
    content = pc.utf8_slice_codeunits(pc.fill_null(_texts(messages, "content"), ""), 0, LONGEST)
    body = pc.replace_substring_regex(content, _SALUTATION, "", max_replacements=1)
    cues = {cue: _bools(pc.match_substring_regex(body, pattern)) for cue, pattern in _CUES.items()}
    cues["commands"] = _bools(pc.match_substring_regex(content, _COMMAND))
    tokens, words = _tokens(content)
    called = naming.names(author, _bare(names.dictionary), tokens, words)
    stem, stem_row = _stems(content)
    said = author[stem_row] != NOBODY
    bots = np.append(_bools(pc.match_substring_regex(names.dictionary, _BOT)), False)
    return Reading(
        author=author,
        minute=_minutes(messages),
        named=called.named,
        manner=called.manner,
        size=tokens.size,
        bot=bots[author],
        cues=cues,
        word=stem[said],
        word_row=stem_row[said],
    )


def _tokens(content: Any) -> tuple[Tokens, Any]:
    """The words of each message, and how the words are spelled."""
    split = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(pc.utf8_lower(content)))
    raw = split.flatten().dictionary_encode()
    spelled = _bare(raw.dictionary).dictionary_encode()
    index = _ints(raw.indices)
    size = _ints(pc.list_value_length(split))
    row = np.repeat(np.arange(len(size)), size)
    tokens = Tokens(
        word=_ints(spelled.indices)[index],
        row=row,
        place=np.arange(len(row)) - (np.cumsum(size) - size)[row],
        size=size,
        salutes=_bools(pc.match_substring_regex(raw.dictionary, _SALUTING))[index],
    )
    return tokens, spelled.dictionary


def _stems(content: Any) -> tuple[Ints, Ints]:
    """The beginnings of words and of their parts, by number, and the row of each."""
    split = pc.split_pattern_regex(pc.utf8_lower(content), _PUNCTUATION)
    parts = pc.utf8_slice_codeunits(split.flatten(), 0, STEM).dictionary_encode()
    row = _ints(pc.list_parent_indices(split))
    stem = _ints(parts.indices)
    filled = _bools(pc.not_equal(parts.dictionary, ""))[stem]
    return stem[filled], row[filled]


def _bare(texts: Any) -> Any:
    """In lower case and without punctuation around, as names are both written and mentioned."""
    return pc.replace_substring_regex(pc.utf8_lower(texts), _EDGES, "")


def _texts(messages: pa.Table, column: str) -> Any:
    return messages[column].cast(pa.string()).combine_chunks()


def _minutes(messages: pa.Table) -> Ints:
    microseconds = messages["timestamp"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    return _ints(microseconds.combine_chunks()) // 60_000_000


def _ints(array: Any, null: int = 0) -> Ints:
    filled = pc.fill_null(array.cast(pa.int64()), null)
    return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=np.int64)


def _bools(array: Any) -> Bools:
    filled = pc.fill_null(array, False)
    return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=np.bool_)
