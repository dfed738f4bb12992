"""People's votes, in the terminal and on the page."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from egregora_dag.ballots import Ballot
from egregora_dag.checks import run_checks
from egregora_dag.cli import cli
from egregora_dag.database.schemas import ELO_RATINGS
from egregora_dag.resources import Warehouse
from egregora_dag.settings import Home
from egregora_dag_tests.conftest import query

VOTES = "SELECT winner, judge, feedback FROM comparisons WHERE judge IN ('human', 'Ann') "


@pytest.fixture
def home(published: Home, tmp_path: Path) -> Home:
    """A home whose posts a person may vote on."""
    copy = Home(tmp_path / "home")
    copy.root.mkdir()
    shutil.copy(published.database, copy.database)
    return copy


def vote(home: Home, lines: str, *options: str, code: int = 0) -> str:
    """Run `egregora-dag vote`, with these lines in place of a terminal."""
    finished = CliRunner().invoke(cli, ["vote", "--home", str(home.root), *options], input=lines)
    assert (finished.exit_code, bool(finished.exception)) == (code, bool(code))
    return finished.output + str(finished.exception or "")


def test_votes_in_lines_are_recorded_with_what_is_said_and_rated_at_once(home: Home) -> None:
    before = query(home.database, "FROM elo_ratings ORDER BY post_id")
    strengths = query(home.database, "FROM bradley_terry ORDER BY post_id")
    printed = vote(home, "a it made me laugh\nwhat?\nS\nb\nt\n")
    assert "3 votes recorded" in printed
    assert "rating before" in printed
    assert query(home.database, VOTES + "ORDER BY sequence") == [
        ("a", "human", '"it made me laugh"'),
        ("a", "human", None),
        ("tie", "human", None),
    ]
    assert query(home.database, "FROM elo_ratings ORDER BY post_id") != before
    assert query(home.database, "FROM bradley_terry ORDER BY post_id") != strengths
    checks = run_checks(Warehouse(database=str(home.database)), ELO_RATINGS)
    assert {name: found for name, found in checks.items() if found} == {}


def test_quitting_records_nothing_more(home: Home) -> None:
    assert "1 vote recorded" in vote(home, "t\nq\na\na\n", "--as", "Ann")
    assert query(home.database, VOTES) == [("tie", "Ann", None)]


@pytest.mark.parametrize("name", ["offline", ""])
def test_a_person_does_not_vote_in_an_automatic_judges_name(home: Home, name: str) -> None:
    assert "--as" in vote(home, "a\n", "--as", name, code=1)
    assert query(home.database, VOTES) == []


def test_a_pair_comes_once_whether_it_was_voted_on_or_skipped(home: Home) -> None:
    ballot = Ballot(Warehouse(database=str(home.database)))
    seen = set()
    for turn in range(12):
        pair = ballot.pair
        assert pair is not None
        assert ballot.pair == pair
        seen.add(frozenset(post.document_id for post in pair))
        if turn % 2:
            ballot.skip()
        else:
            ballot.vote("b")
    assert len(seen) == 12
    voted = Ballot(Warehouse(database=str(home.database)))
    assert ballot.votes == 6
    assert len(query(home.database, VOTES)) == 6
    assert voted.pair is not None


def test_of_two_posts_the_winner_is_stored_first_and_then_nothing_is_left(home: Home) -> None:
    keep = "(SELECT document_id FROM documents WHERE doc_type = 'post' ORDER BY 1 LIMIT 2)"
    warehouse = Warehouse(database=str(home.database))
    with warehouse.transaction() as connection:
        connection.execute(
            f"DELETE FROM documents WHERE doc_type = 'post' AND document_id NOT IN {keep}"
        )
    ballot = Ballot(warehouse)
    a, b = (post.document_id for post in ballot.pair or ())
    record = ballot.vote("b", "because")
    assert (record.post_a, record.post_b, record.winner, record.feedback) == (b, a, "a", "because")
    assert [ballot.pair, Ballot(warehouse).pair] == [None, None]
    assert "no pair left" in vote(home, "a\n")
