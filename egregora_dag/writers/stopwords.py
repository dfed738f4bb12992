"""Words that say little, of all languages together.

A word that one language's file lists is left out whatever the language of the chat.
"""

from typing import Final

from egregora_dag.writers.languages import every

STOP_WORDS: Final = every("stop")
AGREEMENT: Final = every("agreement")
SMALL_TALK: Final = every("small_talk")
WEAK_OPENERS: Final = every("weak_openers")
DETERMINERS: Final = every("determiners")
