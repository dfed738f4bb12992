"""A server on this machine that speaks OpenAI's protocol for chat completions, as it is told to."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

READ, WRITTEN = 1_000, 100  # Tokens of every answer.


@dataclass(frozen=True)
class Reply:
    """What the server sends back.

    Attributes:
        content: The model's text; what is no text is sent as JSON.
        refusal: Why the model refuses, if it does.
        status: The HTTP status.
        headers: Headers besides the usual.
        seconds: How long the server takes.
        drops: Whether it closes the connection instead.
    """

    content: object = None
    refusal: str | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    drops: bool = False


@dataclass
class Asked:
    """A request that came in."""

    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def instructions(self) -> str:
        """The system's message."""
        return "\n".join(m["content"] for m in self.body["messages"] if m["role"] == "system")

    @property
    def data(self) -> str:
        """The first message of the user."""
        return next(str(m["content"]) for m in self.body["messages"] if m["role"] == "user")

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The chat's messages in the data."""
        return [json.loads(line) for line in self.data.splitlines()[1:-1]]


@dataclass
class ModelServer:
    """The server.

    Attributes:
        base_url: Its address.
        asked: What was asked of it, in order.
    """

    base_url: str
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def serving(answer: Callable[[Asked, int], Reply]) -> Iterator[ModelServer]:
    """A server as long as the block lasts.

    Args:
        answer: Takes what is asked and its number, from 1; called in a thread of its own.
    """
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked = Asked({name.lower(): value for name, value in self.headers.items()}, body)
            with lock:
                server.asked.append(asked)
                number = len(server.asked)
            reply = answer(asked, number)
            time.sleep(reply.seconds)
            if reply.drops:
                self.close_connection = True
                return
            content = json.dumps(_completion(body["model"], reply)).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that went away is none."""

    with Server(("127.0.0.1", 0), Handler) as http:
        server = ModelServer(f"http://127.0.0.1:{http.server_port}/v1")
        thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def _completion(model: str, reply: Reply) -> dict[str, Any]:
    if reply.status != 200:
        return {"error": {"message": "no", "type": "error"}}
    text = reply.content if isinstance(reply.content, str) else json.dumps(reply.content)
    message = {"role": "assistant", "content": None if reply.refusal else text}
    usage = {
        "prompt_tokens": READ,
        "completion_tokens": WRITTEN,
        "total_tokens": READ + WRITTEN,
    }
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [
            {"index": 0, "message": message | {"refusal": reply.refusal}, "finish_reason": "stop"}
        ],
        "usage": usage,
    }


def post(title: str = "The roof gets a tarp", quotes: tuple[int, ...] = (1,)) -> dict[str, Any]:
    """What a model answers that tells something."""
    return {
        "post": {
            "title": title,
            "summary": "They talked about the roof. It gets a tarp.",
            "sections": [{"heading": "The leak", "text": "It leaks.", "quotes": list(quotes)}],
            "decisions": [{"text": "A tarp goes over the roof.", "message": quotes[0]}],
            "questions": [],
            "tags": ["Roof", "tarp"],
        }
    }


NOTHING: dict[str, None] = {"post": None}
