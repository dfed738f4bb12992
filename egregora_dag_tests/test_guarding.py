"""What a server of this computer refuses: what other sites and other names ask of it."""

import pytest

from egregora_dag.guarding import refusal

OURS = "127.0.0.1:8000"
IMAGE = {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
LINK = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
FRAME = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}


@pytest.mark.parametrize(
    "headers",
    [
        {"host": OURS},
        {"host": "localhost"},
        {"host": "LocalHost:8000", "origin": "http://localhost:8000"},
        {"host": "[::1]:8000", "origin": "http://[::1]:8000"},
        {"host": "192.168.1.7:8000"},
        {"host": "chats.example.org", "origin": "https://chats.example.org"},
        {"host": OURS, "sec-fetch-site": "same-origin", **IMAGE},
        {"host": OURS, "sec-fetch-site": "none", **LINK},
        {"host": OURS, "sec-fetch-site": "cross-site", **LINK},
    ],
)
def test_what_its_own_pages_ask_is_answered(headers: dict[str, str]) -> None:
    assert refusal(headers, {"chats.example.org"}) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": ""},
        {"host": "evil.example:8000"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "localhost.evil.example"},
        {"host": "evil.example", "origin": "http://evil.example"},
        {"host": "[::1"},
        {"host": "127.0.0.1@evil.example"},
        {"host": "sub.chats.example.org"},
    ],
)
def test_a_name_that_it_does_not_go_by_is_refused(headers: dict[str, str]) -> None:
    assert refusal(headers, {"chats.example.org"}) == "The server does not go by this name."


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://127.0.0.1:9000"},
        {"origin": "http://localhost:8000"},
        {"sec-fetch-site": "cross-site", **IMAGE},
        {"sec-fetch-site": "same-site", **IMAGE},
        {"sec-fetch-site": "cross-site", **FRAME},
        {"sec-fetch-site": "cross-site", "origin": "http://evil.example", **LINK},
        {"sec-fetch-site": "cross-site", "origin": f"http://{OURS}", **LINK},
    ],
)
def test_what_another_site_asks_is_refused(headers: dict[str, str]) -> None:
    assert refusal({"host": OURS, **headers}) == "Another site asks for this."
