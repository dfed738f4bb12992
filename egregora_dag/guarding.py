"""What a server for this computer's browser refuses: what other sites and other names ask of it.

A page of any site can ask a server on this computer for things, with the browser as its messenger;
and a name of that site can be made to lead here, so that the browser takes the two for one.
"""

import ipaddress
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

STATUS: Final = 403
_OWN: Final = {"same-origin", "none"}


def refusal(headers: Mapping[str, str], hosts: Collection[str] = ()) -> str | None:
    """Why a request is not answered.

    Args:
        headers: The request's headers; their names in lower case.
        hosts: Names besides localhost under which the server is asked. Addresses are always
            allowed, as nobody can make one lead elsewhere.

    Returns:
        What is told instead; None if the request may be answered.
    """
    host = headers.get("host", "")
    name = _name(host)
    if not (name == "localhost" or name in hosts or _is_address(name)):
        return "The server does not go by this name."
    # A link to a page may stand anywhere; it shows the page to nobody else.
    followed = headers.get("sec-fetch-mode") == "navigate" and (
        headers.get("sec-fetch-dest") == "document" and "origin" not in headers
    )
    if headers.get("sec-fetch-site", "none") not in _OWN and not followed:
        return "Another site asks for this."
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        return "Another site asks for this."
    return None


def _name(host: str) -> str:
    """The name in a Host header, without port and brackets."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """Answers nothing that `refusal` refuses, in front of an ASGI application.

    Args:
        app: The application.
        hosts: Names besides localhost under which it is asked.
    """

    def __init__(self, app: "ASGIApp", hosts: Collection[str] = ()) -> None:
        self.app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass on a request, or refuse it."""
        if scope["type"] in {"http", "websocket"}:
            raw = scope["headers"]
            headers = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw
            }
            reason = refusal(headers, self._hosts)
            if reason is not None:
                await _refuse(scope, reason, send)
                return
        await self.app(scope, receive, send)


async def _refuse(scope: "Scope", reason: str, send: "Send") -> None:
    if scope["type"] == "websocket":
        # Before it was accepted: the server answers the handshake with status 403.
        await send({"type": "websocket.close", "code": 1008})
        return
    body = f"{reason}\n".encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": STATUS, "headers": headers})
    await send({"type": "http.response.body", "body": body})
