import itertools
from dataclasses import replace

import pytest

from egregora_dag.judges import (
    JUDGES,
    Judge,
    OfflineJudge,
    Post,
    SettingError,
    UnknownNameError,
    get_judge,
)
from egregora_dag.judges.offline import score
from egregora_dag.writers import OfflineWriter
from egregora_dag_tests.writers.chats import ROOF

RICH = Post(
    "1",
    "How old is the greenhouse roof?",
    "Mara, João and 4 others talked about the greenhouse. They put a tarp over it.",
    "## Moments\n\n> The roof leaks\n>\n> — João, 16:53\n\n"
    "> It is from 1978\n>\n> — Priya, 16:55\n\n"
    "## Links\n\n- <https://example.org/glass>\n",
    ("Mara", "João", "Priya", "Dougie"),
    ("greenhouse",),
)
POOR = Post("2", "Hm", "", "> ok\n", ["Ann"], [])
POSTS = (
    RICH,
    POOR,
    replace(RICH, document_id="3", content=RICH.content * 40),
    replace(RICH, document_id="4", authors=["Mara"]),
    replace(POOR, document_id="5", content=""),
)


def test_a_rich_post_beats_a_poor_one() -> None:
    assert OfflineJudge().compare(RICH, POOR) == "a"


@pytest.mark.parametrize(("a", "b"), list(itertools.product(POSTS, repeat=2)))
def test_swapping_the_posts_swaps_the_winner(a: Post, b: Post) -> None:
    mirrored = {"a": "b", "b": "a", "tie": "tie"}
    judge = OfflineJudge()
    assert judge.compare(b, a) == mirrored[judge.compare(a, b)]


def test_scores_within_the_margin_are_a_tie() -> None:
    one_less = replace(RICH, authors=RICH.authors[:3])
    gap = score(RICH) - score(one_less)
    assert gap > 0
    assert OfflineJudge(margin=gap + 0.01).compare(RICH, one_less) == "tie"
    assert OfflineJudge(margin=gap - 0.01).compare(RICH, one_less) == "a"
    assert OfflineJudge(margin=0).compare(RICH, replace(RICH, document_id="9")) == "tie"


@pytest.mark.parametrize("post", POSTS)
def test_a_score_lies_between_0_and_100(post: Post) -> None:
    assert 0 <= score(post) <= 100


def test_every_quote_counts_once() -> None:
    credit = "> One\n>\n> — João, 16:53\n"
    assert score(replace(POOR, content=credit)) < score(replace(POOR, content=credit + "\n> Two\n"))


def test_a_changed_post_is_scored_anew() -> None:
    assert score(replace(RICH, content="> ok\n")) != score(RICH)


def test_it_judges_what_the_offline_writer_writes() -> None:
    (draft,) = OfflineWriter().write(ROOF)
    written = Post("6", draft.title, draft.summary, draft.content, draft.authors, draft.tags)
    assert OfflineJudge().compare(written, POOR) == "a"


def test_the_registry_makes_a_judge_by_name() -> None:
    judge: Judge = get_judge("offline", margin=2.5)
    assert judge == OfflineJudge(margin=2.5)
    assert set(JUDGES) >= {"offline"}


def test_an_unknown_judge_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"no judge 'coin'; use one of: llm, off") as caught:
        get_judge("coin")
    assert caught.value.name == "coin"


@pytest.mark.parametrize(
    ("setting", "value"), [("margin", -1.0), ("margin", float("nan")), ("x", 1)]
)
def test_a_wrong_setting_is_named(setting: str, value: float) -> None:
    with pytest.raises(SettingError, match=setting) as caught:
        get_judge("offline", **{setting: value})
    assert caught.value.setting == setting
