"""Which attributes of a message and what it may answer are weighed together."""

from typing import Final

from egregora_dag.database.disentanglement.features import Template

# Of a candidate.
LINK: Final[tuple[Template, ...]] = (
    ("distance", "same_author"),
    ("gap", "same_author"),
    ("common", "same_author"),
    ("common", "names"),
    ("names", "distance"),
    ("names", "more_since"),
    ("names", "named_by", "same_author"),
    ("named_by", "own_since"),
    ("calls_since", "named_by"),
    ("caller", "names"),
    ("partner", "more_since", "same_author"),
    ("partner_of", "same_author"),
    ("others_since", "partner_of2"),
    ("silence", "more_since"),
    ("begins_turn", "same_author"),
    ("size", "same_author"),
    ("size", "apart"),
    ("its_size", "same_author"),
    ("its_new", "same_author"),
    ("its_asks", "asks", "same_author"),
    ("its_asks", "answers", "same_author"),
    ("its_links", "its_new", "asks"),
    ("its_greets", "greets", "its_new"),
    ("its_goes_on", "goes_on", "same_author"),
    ("its_me", "me", "same_author"),
    ("its_commands", "bot", "named_by"),
    ("its_bot", "bot"),
)
# Of the start of a conversation; of the reply alone, as all are.
START: Final[tuple[Template, ...]] = (
    ("manner", "new"),
    ("called", "manner"),
    ("everyone", "asks"),
    ("silence",),
    ("size",),
    ("thanks",),
)
# Of a candidate, once it is known roughly what each message answers.
THREAD: Final[tuple[Template, ...]] = (
    ("its_answer", "own_since"),
    ("its_answer", "names"),
    ("continues", "more_since"),
    ("conversation", "names"),
)
