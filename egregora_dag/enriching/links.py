"""Titles and descriptions of the pages that links lead to; needs the extra `links`.

A link comes from a stranger, so it must not reach what only this machine can: each host is resolved
first, every address it has must be a public one, and the connection goes to the very address that
was looked at, so that a name cannot stand for another address a moment later. Each hop of a
redirect is a new link.
"""

import asyncio
import ipaddress
import socket
import zlib
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html.parser import HTMLParser
from importlib.metadata import version
from typing import Final, TypeAlias

import httpx2
import webencodings

from egregora_dag.exceptions import EgregoraError
from egregora_dag.writers import Page

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_HTML: Final = frozenset({"text/html", "application/xhtml+xml"})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
# Public by their number only: protocol assignments, and what a cloud's machines are served by.
_LOCAL: Final = (
    ipaddress.ip_network("192.0.0.0/24"),
    ipaddress.ip_network("168.63.129.16/32"),
)
# Characters that are kept of a title and of a description.
_TITLE: Final = 200
_DESCRIPTION: Final = 500
_TITLES: Final = ("og:title", "twitter:title")
_DESCRIPTIONS: Final = ("og:description", "description", "twitter:description")


class FetchError(EgregoraError):
    """A page was not read.

    Attributes:
        reason: Why, as a type that names neither the link nor what the page says.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"The page was not read: {reason}. Ask for the link again to try again.")
        self.reason = reason


@dataclass(frozen=True)
class Fetcher:
    """Reads pages, within limits.

    Attributes:
        allow: Networks that may be reached though they are not public; none but in tests.
        ports: Ports that may be reached.
        most_bytes: How much of a page is read, unpacked.
        most_hops: Redirects that are followed.
        connect_seconds: How long connecting may take.
        read_seconds: How long each wait for more of an answer may take.
        total_seconds: How long all hops of a link may take together.
        at_a_time: Links that are fetched at a time.
    """

    allow: tuple[Network, ...] = ()
    ports: frozenset[int] = frozenset({80, 443})
    most_bytes: int = 1 << 20
    most_hops: int = 5
    connect_seconds: float = 5.0
    read_seconds: float = 5.0
    total_seconds: float = 15.0
    at_a_time: int = 4

    def fetch(self, urls: Iterable[str]) -> dict[str, Page]:
        """What the pages of links say of themselves.

        Args:
            urls: The links.

        Returns:
            Link → its page; one that could not be read has an error and no title.
        """
        # In a thread of its own, as the caller's may be running an event loop already.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(self._fetch_all(list(urls)))).result()

    async def _fetch_all(self, urls: list[str]) -> dict[str, Page]:
        turns = asyncio.Semaphore(self.at_a_time)
        # One connection a request: a connection that is kept was opened for one host's name.
        limits = httpx2.Limits(max_connections=self.at_a_time, max_keepalive_connections=0)
        async with httpx2.AsyncHTTPTransport(trust_env=False, limits=limits) as transport:

            async def page(url: str) -> Page:
                async with turns:
                    return await self._page(transport, url)

            pages = await asyncio.gather(*map(page, urls))
        return dict(zip(urls, pages, strict=True))

    async def _page(self, transport: httpx2.AsyncHTTPTransport, url: str) -> Page:
        try:
            async with asyncio.timeout(self.total_seconds):
                return await self._followed(transport, httpx2.URL(url))
        except FetchError as error:
            return Page(error=error.reason)
        except TimeoutError:
            return Page(error="TotalTimeout")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            return Page(error=type(error).__name__)
        except (ValueError, zlib.error) as error:
            # What parsers raise for links and answers that are not as they should be.
            return Page(error=type(error).__name__)

    async def _followed(self, transport: httpx2.AsyncHTTPTransport, url: httpx2.URL) -> Page:
        for _ in range(self.most_hops + 1):
            response = await transport.handle_async_request(await self._request(url))
            try:
                location = response.headers.get("location")
                if response.status_code not in _REDIRECTS or not location:
                    return await self._read(response)
                url = url.join(location)
            finally:
                await response.aclose()
        raise FetchError("TooManyRedirects")

    async def _request(self, url: httpx2.URL) -> httpx2.Request:
        """A request to the very address that was checked, for the host that the link names."""
        host = url.raw_host.decode("ascii")
        if url.scheme not in _DEFAULT_PORTS or not host or url.userinfo:
            raise FetchError("RefusedLink")
        port = url.port or _DEFAULT_PORTS[url.scheme]
        if port not in self.ports:
            raise FetchError("RefusedPort")
        address = await self._address(host, port)
        timeout = httpx2.Timeout(self.read_seconds, connect=self.connect_seconds)
        return httpx2.Request(
            "GET",
            url.copy_with(host=str(address), fragment=None),
            headers={
                "Host": url.netloc.decode("ascii"),
                "User-Agent": f"egregora-dag/{version('egregora-dag')} (titles of links)",
                "Accept": "text/html, application/xhtml+xml",
                "Accept-Encoding": "gzip, identity",
            },
            extensions={"timeout": timeout.as_dict(), "sni_hostname": host},
        )

    async def _address(self, host: str, port: int) -> Address:
        """The address to connect to: the first of a host all of whose addresses are public."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise FetchError("UnknownHost") from None
        addresses = [ipaddress.ip_address(str(info[4][0]).partition("%")[0]) for info in found]
        if not addresses or not all(map(self._may_reach, addresses)):
            raise FetchError("RefusedAddress")
        return addresses[0]

    def _may_reach(self, address: Address) -> bool:
        if any(address in network for network in self.allow):
            return True
        return all(map(_is_public, _meant(address)))

    async def _read(self, response: httpx2.Response) -> Page:
        if response.status_code != httpx2.codes.OK:
            raise FetchError(f"Status{response.status_code}")
        kind, _, charset = response.headers.get("content-type", "").partition(";")
        if kind.strip().lower() not in _HTML:
            raise FetchError("NotHtml")
        packing = response.headers.get("content-encoding", "identity").strip().lower()
        if packing not in {"gzip", "identity"}:
            raise FetchError("UnknownEncoding")
        content = await _bounded(response.aiter_raw(), self.most_bytes, packed=packing == "gzip")
        return page_of(content, charset.partition("=")[2])


def page_of(content: bytes, charset: str = "") -> Page:
    """What a page says of itself.

    Args:
        content: Its HTML, or the beginning of it.
        charset: The encoding that came with it, if one did.

    Returns:
        Its title and description, each on one line and cut where it is too long.
    """
    text, _ = webencodings.decode(content, _encoding(content, charset), errors="replace")
    head = _Head(text)
    title = head.title or next(filter(None, map(head.told.get, _TITLES)), "")
    description = next(filter(None, map(head.told.get, _DESCRIPTIONS)), "")
    return Page(_cut(title, _TITLE), _cut(description, _DESCRIPTION))


class _Head(HTMLParser):
    """What a page says in its tags `title` and `meta`.

    Python's parser reads tag by tag, in a time that grows with the length of the page. Parsers that
    build the page's tree take minutes for a megabyte of tags that are never closed.

    Args:
        text: The page.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.told: dict[str, str] = {}
        self.charset = ""
        self._title: list[str] | None = None
        self._in_title = False
        # It is not closed: what is unfinished at the end would be read again and again.
        self.feed(text)

    @property
    def title(self) -> str:
        """Its first title, on one line."""
        return " ".join("".join(self._title or ()).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title" and self._title is None:
            self._title, self._in_title = [], True
        elif tag == "meta":
            told = {name: value or "" for name, value in attrs}
            name = (told.get("property") or told.get("name", "")).strip().lower()
            content = " ".join(told.get("content", "").split())
            if content:
                self.told.setdefault(name, content)
            if told.get("http-equiv", "").lower() == "content-type":
                self.charset = self.charset or content.lower().partition("charset=")[2]
            self.charset = self.charset or told.get("charset", "")

    def handle_endtag(self, tag: str) -> None:
        self._in_title = self._in_title and tag != "title"

    def handle_data(self, data: str) -> None:
        if self._in_title and self._title is not None:
            self._title.append(data)


def _is_public(address: Address) -> bool:
    odd = address.is_multicast or address.is_reserved or getattr(address, "is_site_local", False)
    return address.is_global and not odd and not any(address in local for local in _LOCAL)


def _meant(address: Address) -> list[Address]:
    """An address with the one that it carries within, if it is a form of an older address."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    carried: list[Address | None] = [address.ipv4_mapped, address.sixtofour]
    carried += address.teredo or ()
    if address in _NAT64:
        carried.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    within = [one for one in carried if one is not None]
    # What only stands for an older address is as public as that one is.
    return within if within else [address]


async def _bounded(parts: AsyncIterator[bytes], most: int, *, packed: bool) -> bytes:
    """The first bytes of an answer, unpacked; what is beyond is not asked for."""
    unpack = zlib.decompressobj(wbits=31)
    content = bytearray()
    async for part in parts:
        room = most - len(content)
        content += unpack.decompress(part, room) if packed else part[:room]
        if len(content) >= most:
            break
    return bytes(content)


def _encoding(content: bytes, charset: str) -> webencodings.Encoding:
    """The encoding that the answer, or else the page, names; UTF-8 if it is none that there is.

    HTML asks for a page's own word of it to stand within its first 1,024 bytes.
    """
    for name in (charset, _Head(content[:1024].decode("latin-1")).charset):
        encoding = webencodings.lookup(name.strip("\"' ")) if name else None
        if encoding is not None:
            return encoding
    return webencodings.UTF8


def _cut(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"
