"""The page on which a person votes, asked over HTTP as a browser would, and as others would."""

import http.client
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import pytest

from egregora_dag.settings import Home
from egregora_dag_tests.conftest import execute, query

VOTES = "SELECT post_a, winner, feedback FROM comparisons WHERE judge = 'human' ORDER BY sequence"
HOSTILE = "<script>alert(1)</script> [x](javascript:alert(1)) ![i](https://example.org/i.png)"


@dataclass
class Page:
    """A page that is being served."""

    home: Home
    process: subprocess.Popen[str]
    port: int
    path: str

    def ask(
        self,
        method: str = "GET",
        path: str | None = None,
        host: str | None = None,
        origin: str | None = None,
        **form: str,
    ) -> tuple[int, dict[str, str], str]:
        """Status, headers and text of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {"Host": host or f"127.0.0.1:{self.port}"} | ({"Origin": origin} if origin else {})
        body = urlencode(form) if form else None
        connection.request(method, path or self.path, body, sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, text

    def pair(self) -> dict[str, str]:
        """The hidden fields that name the pair which is up."""
        return dict(re.findall(r'name="(post_[ab])" value="([^"]+)"', self.ask()[2]))


@pytest.fixture(scope="module")
def page(published: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page on a home in which every post holds what could harm a reader."""
    home = Home(tmp_path_factory.mktemp("voting"))
    shutil.copy(published.database, home.database)
    execute(home.database, f"UPDATE documents SET title = '{HOSTILE}', summary = title")
    execute(home.database, f"UPDATE documents SET summary = title, content = '> {HOSTILE}'")
    command = [sys.executable, "-c", "from egregora_dag.cli import main; main()", "vote"]
    process = subprocess.Popen(
        [*command, "--browser", "--home", str(home.root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    address = urlsplit(process.stderr.readline().strip())
    assert address.hostname == "127.0.0.1"
    yield Page(home, process, address.port or 0, address.path)
    process.kill()
    process.communicate()


def test_what_a_chat_says_is_shown_and_does_nothing(page: Page) -> None:
    status, headers, text = page.ask()
    assert status == 200
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert" not in text
    assert "<img" not in text
    assert not re.search(r'href="(?!https?:)', text)
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert headers["referrer-policy"] == "no-referrer"
    assert not re.findall(r'(?:src|@import|url\()=?"?https?:', text)


def test_a_vote_is_stored_and_another_pair_comes_up(page: Page) -> None:
    before, pair = len(query(page.home.database, VOTES)), page.pair()
    status, headers, _ = page.ask("POST", verdict="b", feedback="better <b>end</b>", **pair)
    assert (status, headers["location"]) == (303, page.path)
    votes = query(page.home.database, VOTES)
    assert len(votes) == before + 1
    assert votes[-1] == (pair["post_b"], "a", '"better <b>end</b>"')
    assert page.pair() != pair
    assert "→" in page.ask()[2]


def test_a_page_that_was_left_open_votes_on_nothing_else(page: Page) -> None:
    stale = page.pair()
    page.ask("POST", verdict="tie", **stale)
    before = query(page.home.database, VOTES)
    assert before[-1][1:] == ("tie", None)
    assert page.ask("POST", verdict="a", **stale)[0] == 303
    assert query(page.home.database, VOTES) == before


def test_skipping_brings_another_pair_and_stores_nothing(page: Page) -> None:
    before, pair = query(page.home.database, VOTES), page.pair()
    assert page.ask("POST", verdict="skip", **pair)[0] == 303
    assert page.pair() != pair
    assert query(page.home.database, VOTES) == before


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"host": "evil.example"}, 403),
        ({"host": "evil.example", "method": "POST"}, 403),
        ({"origin": "http://evil.example", "method": "POST", "verdict": "a"}, 403),
        ({"path": "/"}, 404),
        ({"path": "/guess", "method": "POST"}, 404),
        ({"path": "/docs"}, 404),
        ({"method": "PUT"}, 405),
        ({"method": "DELETE"}, 405),
        ({"method": "POST", "verdict": "c"}, 400),
        ({"method": "POST", "verdict": "a", "feedback": "x" * 40_000}, 413),
    ],
)
def test_what_is_no_vote_of_this_page_is_refused_and_stores_nothing(
    page: Page, request_: dict[str, str], status: int
) -> None:
    before = query(page.home.database, VOTES)
    pair = page.pair() if "verdict" in request_ else {}
    answered, _, text = page.ask(**request_, **pair)
    assert answered == status
    assert "post_a" not in text
    assert query(page.home.database, VOTES) == before


def test_a_vote_by_get_is_none(page: Page) -> None:
    before, pair = query(page.home.database, VOTES), page.pair()
    assert page.ask(path=f"{page.path}?{urlencode({'verdict': 'a', **pair})}")[0] == 200
    assert query(page.home.database, VOTES) == before


def test_the_end_of_the_sitting_brings_strengths_up_to_date(page: Page) -> None:
    page.ask("POST", verdict="a", **page.pair())
    before = query(page.home.database, "FROM bradley_terry ORDER BY post_id")
    page.process.send_signal(signal.SIGINT)
    printed, _ = page.process.communicate(timeout=120)
    assert page.process.returncode == 0
    assert "recorded" in printed
    assert query(page.home.database, "FROM bradley_terry ORDER BY post_id") != before


def test_without_a_web_server_the_extra_is_named(published: Home) -> None:
    script = (
        "import importlib.util as u; found = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'uvicorn' else found(name, *a)\n"
        "import sys; from egregora_dag.cli import main; main(sys.argv[1:])"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script, "vote", "--browser", "--home", str(published.root)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert "egregora-dag[ui]" in finished.stderr
