"""English as it is typed, brought into the form that the rules read."""

import re
from typing import Final

from egregora_dag.writers.english.vocabulary import BEFORE_IS

_IRREGULAR: Final = {
    "can't": "cannot",
    "cant": "cannot",
    "won't": "will not",
    "wont": "will not",
    "shan't": "shall not",
    "let's": "let us",
    "dont": "do not",
    "doesnt": "does not",
    "didnt": "did not",
    "isnt": "is not",
    "arent": "are not",
    "wasnt": "was not",
    "werent": "were not",
    "havent": "have not",
    "hasnt": "has not",
    "couldnt": "could not",
    "wouldnt": "would not",
    "shouldnt": "should not",
    "im": "I am",
    "ive": "I have",
    "youre": "you are",
    "youve": "you have",
    "theyre": "they are",
    "thats": "that is",
    "whats": "what is",
    "theres": "there is",
    "gonna": "going to",
    "wanna": "want to",
    "gotta": "have to",
    "c'mon": "come on",
    "y'all": "you",
    "u": "you",
    "ur": "your",
    "pls": "please",
    "plz": "please",
}
_WORD: Final = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?")
_SPACED_APOSTROPHE: Final = re.compile(r"(?<=\w) ?' ?(t|s|m|d|ll|re|ve)\b", re.I)
_SPACE_BEFORE: Final = re.compile(r"\s+(?=[,;:!?.](?:\s|$))")
_HAS: Final = re.compile(r"(?<=\w)'s (?=(?:got|been|had|become|taken|happened)\b)", re.I)
_ENDINGS: Final = {"n't": " not", "'m": " am", "'re": " are", "'ve": " have", "'ll": " will"}


def cleaned(text: str) -> str:
    """A sentence with its contractions expanded and its spaces in place.

    Args:
        text: A sentence as it was typed or, in a corpus, tokenized: `I ' Ve`, `haven ' t`.

    Returns:
        The sentence: `I have`, `have not`.
    """
    text = " ".join(text.replace("’", "'").replace("‘", "'").split())
    text = _SPACED_APOSTROPHE.sub(lambda match: f"'{match[1].lower()}", text)
    text = _SPACE_BEFORE.sub("", text)
    text = _HAS.sub(" has ", text)
    text = _WORD.sub(_expanded, text)
    return text.replace("would better", "had better").strip()


def _expanded(match: re.Match[str]) -> str:
    word = match[0]
    lower = word.lower()
    if lower in _IRREGULAR:
        full = _IRREGULAR[lower]
        return full[0].upper() + full[1:] if word[0].isupper() else full
    if "'" not in lower:
        return "I" if word == "i" else word
    for ending, full in _ENDINGS.items():
        if lower.endswith(ending):
            return word[: -len(ending)] + full
    stem, _, ending = lower.partition("'")
    if ending == "s" and stem in BEFORE_IS:
        return word[:-2] + " is"
    if ending == "d":
        return word[:-2] + " would"
    return word
