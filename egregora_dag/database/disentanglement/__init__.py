"""Which earlier message each message of a chat answers: conversation disentanglement.

A log-linear model ranks the messages before and the start of a new conversation, by what a reader
uses: who is named, who just spoke and how long ago, who talks with whom, what is asked, which rare
words come back. A second pass weighs the same again, knowing roughly what each message before
answers.

The weights in `weights.csv` are fitted on the development split of Kummerfeld et al., "A
Large-Scale Corpus for Conversation Disentanglement" (ACL 2019), which is published under CC BY 4.0;
`python -m egregora_dag_tests.evaluations.reply_links` fits and scores them.
"""

from typing import Final

import pyarrow as pa

from egregora_dag.database.disentanglement import inference
from egregora_dag.database.disentanglement.model import shipped

# The link of a row depends on this many rows before it and on nothing else.
LOOK_BACK: Final[int] = inference.LOOK_BACK


def infer_links(messages: pa.Table) -> pa.Table:
    """Infer which earlier message each message answers.

    The link of row i depends on rows i - LOOK_BACK to i alone, so that a long chat may be given
    piece by piece, each with the LOOK_BACK rows before it.

    Args:
        messages: A chat's messages in order, with columns `timestamp` (timestamp with time zone),
            `author` (string, null for system lines), `kind` (string; "system" for system lines)
            and `content` (string).

    Returns:
        A row for each message: `antecedent` (int64), the row it answers or its own row where it
        starts a conversation, as a system line always does; and `score` (float64), the probability
        of this link among the alternatives, between 0 and 1.

    Raises:
        KeyError: A column is missing.
    """
    return inference.infer(messages, shipped())
