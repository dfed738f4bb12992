"""A page of this computer alone on which a person votes, for one sitting.

What a chat says is data there: titles are escaped, Markdown is rendered without HTML, images and
scripts of its own, and the page may load nothing from anywhere. The address holds a random token,
which is asked for with each request, and what other sites and names ask for is refused, so that no
other page and no other user of the computer can read posts or vote.
"""

import asyncio
import secrets
import socket
from collections.abc import Callable
from importlib.resources import files
from typing import Final
from urllib.parse import parse_qs

import uvicorn
from jinja2 import Environment, select_autoescape
from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from egregora_dag.ballots import Ballot
from egregora_dag.database.elo import Winner
from egregora_dag.database.elo_record import ComparisonRecord
from egregora_dag.guarding import Guard

_HOST: Final = "127.0.0.1"
_VERDICTS: Final[dict[str, Winner]] = {"a": "a", "b": "b", "tie": "tie"}
# A remark of 2,000 characters, each of which may take 12 bytes in a form.
_LARGEST: Final = 32_768


class VotingPage:
    """The pages of one ballot.

    Args:
        ballot: The pairs, and where votes go.
        token: What the address must hold.
    """

    def __init__(self, ballot: Ballot, token: str) -> None:
        self._ballot = ballot
        self._turn = asyncio.Lock()
        self._rated: list[tuple[str, int, int]] = []
        page = files(__package__).joinpath("voting_page.html").read_text("utf-8")
        self._template = Environment(autoescape=select_autoescape(default=True)).from_string(page)
        self._markdown = MarkdownIt("commonmark", {"html": False}).disable("image")
        self.path = f"/{token}"
        self.app = Starlette(
            routes=[
                Route(self.path, self.show, methods=["GET"]),
                Route(self.path, self.vote, methods=["POST"]),
            ],
            middleware=[Middleware(Guard)],
        )

    async def show(self, _request: Request) -> Response:
        """The pair to vote on, and what the last vote did."""
        async with self._turn:
            pair = await run_in_threadpool(lambda: self._ballot.pair)
            nonce = secrets.token_urlsafe()
            html = self._template.render(
                nonce=nonce,
                rated=self._rated,
                votes=self._ballot.votes,
                pair=[
                    (key, post, Markup(self._markdown.render(post.content)))  # noqa: S704 - escaped by the renderer
                    for key, post in zip("ab", pair or (), strict=False)
                ],
            )
        return HTMLResponse(html, headers=_headers(nonce))

    async def vote(self, request: Request) -> Response:
        """Record a verdict, unless it is on another pair than the one that is up."""
        if int(request.headers.get("content-length", _LARGEST + 1)) > _LARGEST:
            return PlainTextResponse("The remark is too long.", 413)
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        said = {name: values[-1] for name, values in form.items()}
        async with self._turn:
            pair = await run_in_threadpool(lambda: self._ballot.pair)
            up = [post.document_id for post in pair or ()]
            # A button pressed twice, or a page that was left open, votes on nothing else.
            if pair and up == [said.get("post_a"), said.get("post_b")]:
                verdict = said.get("verdict", "")
                if verdict == "skip":
                    self._ballot.skip()
                    self._rated = []
                elif verdict in _VERDICTS:
                    record = await run_in_threadpool(
                        self._ballot.vote, _VERDICTS[verdict], said.get("feedback")
                    )
                    self._rated = _rated(record, {post.document_id: post.title for post in pair})
                else:
                    return PlainTextResponse("Vote a, b, tie or skip.", 400)
        return RedirectResponse(self.path, 303)


def _rated(record: ComparisonRecord, titles: dict[str, str]) -> list[tuple[str, int, int]]:
    """Title, and rating before and after, of both posts."""
    return [
        (titles[record.post_a], round(record.rating_a_before), round(record.rating_a_after)),
        (titles[record.post_b], round(record.rating_b_before), round(record.rating_b_after)),
    ]


def _headers(nonce: str) -> dict[str, str]:
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }


def serve(ballot: Ballot, port: int, told: Callable[[str], object]) -> None:
    """Serve the page on this computer until it is interrupted.

    Args:
        ballot: The pairs, and where votes go.
        port: Port to listen on; one that is free if 0.
        told: Given the page's address once it can be opened.
    """
    page = VotingPage(ballot, secrets.token_urlsafe())
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((_HOST, port))
        listening.listen()
        told(f"http://{_HOST}:{listening.getsockname()[1]}{page.path}")
        config = uvicorn.Config(page.app, log_level="warning", access_log=False)
        try:
            uvicorn.Server(config).run(sockets=[listening])
        except KeyboardInterrupt:
            return
