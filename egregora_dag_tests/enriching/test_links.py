"""Pages are read over real HTTP on loopback, and nothing but public addresses is reached."""

import gzip
import ipaddress
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from egregora_dag.enriching.links import Fetcher, page_of
from egregora_dag.writers import Page

PAGE = (
    '<html><head><title>Tides &amp;\n times</title><meta name="Description" content=" Of  the'
    ' bay "></head><body><script>document.title = "no"</script></body></html>'
)
HTML = {"Content-Type": "text/html; charset=utf-8"}


@dataclass
class Site:
    """A web server, and the requests it got."""

    port: int
    answers: dict[str, tuple[int, dict[str, str], bytes | Callable[[], Iterator[bytes]]]]
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def serve(
        self,
        path: str,
        body: bytes | str | Callable[[], Iterator[bytes]] = b"",
        *,
        status: int = 200,
        **headers: str,
    ) -> str:
        """Answer so at a path; returns its link."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body.encode() if isinstance(body, str) else body
        self.answers[path] = (status, HTML | named, content)
        return f"http://127.0.0.1:{self.port}{path}"


@pytest.fixture
def site() -> Iterator[Site]:
    """A server on 127.0.0.1 and 127.0.0.2, which stands for all that must not be reached."""
    served = Site(0, {})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append((self.path, dict(self.headers.items())))
            status, headers, body = served.answers[self.path]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                for part in [body] if isinstance(body, bytes) else body():
                    self.wfile.write(part)
            except OSError:
                pass  # The other side had enough.

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("0.0.0.0", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    served.port = server.server_port
    yield served
    server.shutdown()
    server.server_close()


@pytest.fixture
def fetcher(site: Site) -> Fetcher:
    """One that may reach 127.0.0.1 at the server's port, and nothing else that is not public."""
    here = ipaddress.ip_network("127.0.0.1/32")
    return Fetcher(allow=(here,), ports=frozenset({80, 443, site.port}), total_seconds=5)


def fetched(fetcher: Fetcher, url: str) -> Page:
    return fetcher.fetch([url])[url]


def test_a_page_gives_its_title_and_description_on_one_line(site: Site, fetcher: Fetcher) -> None:
    url = site.serve("/", PAGE)
    assert fetched(fetcher, url) == Page("Tides & times", "Of the bay")


def test_a_request_is_polite_and_carries_nothing_of_the_one_before(
    site: Site, fetcher: Fetcher
) -> None:
    url = site.serve("/first", status=302, Location="/second", Set_Cookie="id=1; Path=/")
    site.serve("/second", PAGE)
    assert fetched(fetcher, url).title == "Tides & times"
    assert [path for path, _ in site.asked] == ["/first", "/second"]
    for _, headers in site.asked:
        assert headers["User-Agent"].startswith("egregora-dag/")
        assert headers["Host"] == f"127.0.0.1:{site.port}"
        assert not {"Cookie", "Authorization", "Referer"} & headers.keys()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.2",
        "2130706434",
        "0x7f.0.0.2",
        "[::1]",
        "[::ffff:127.0.0.2]",
        "[::ffff:7f00:2]",
        "[64:ff9b::7f00:2]",
        "[2002:7f00:2::]",
        "[fe80::1]",
        "[fec0::1]",
        "[fd00::1]",
        "0.0.0.0",
        "169.254.169.254",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "192.0.0.8",
        "100.64.0.1",
        "168.63.129.16",
        "224.0.0.1",
        "255.255.255.255",
    ],
)
def test_what_is_not_public_is_reached_neither_at_first_nor_by_a_redirect(
    site: Site, fetcher: Fetcher, host: str
) -> None:
    secret = f"http://{host}:{site.port}/secret"
    site.serve("/secret", PAGE)
    url = site.serve("/", status=302, Location=secret)
    found = fetcher.fetch([secret, url])
    assert [page.error for page in found.values()] == ["RefusedAddress"] * 2
    assert [path for path, _ in site.asked] == ["/"]


def test_a_name_that_stands_for_a_private_address_is_refused(site: Site) -> None:
    site.serve("/", PAGE)
    careful = Fetcher(ports=frozenset({site.port}))
    assert fetched(careful, f"http://localhost:{site.port}/").error == "RefusedAddress"
    assert site.asked == []


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("ftp://127.0.0.1/", "RefusedLink"),
        ("file:///etc/passwd", "RefusedLink"),
        ("javascript:alert(1)", "RefusedLink"),
        ("http://user:secret@127.0.0.1/", "RefusedLink"),
        ("http:///nothing", "RefusedLink"),
        ("http://127.0.0.1:22/", "RefusedPort"),
        ("http://no-such-host.invalid/", "UnknownHost"),
        ("http://[::1/", "InvalidURL"),
        ("http://0177.0.0.2/", "InvalidURL"),
        (f"http://{'a' * 300}.example/", "UnknownHost"),
    ],
)
def test_a_link_that_is_no_page_of_the_web_is_told_by_type(
    fetcher: Fetcher, url: str, error: str
) -> None:
    found = fetched(fetcher, url)
    assert (found.title, found.error) == ("", error)


def test_redirects_are_followed_five_times_and_no_further(site: Site, fetcher: Fetcher) -> None:
    for hop in range(6):
        site.serve(f"/{hop}", status=301, Location=f"/{hop + 1}")
    site.serve("/6", PAGE)
    base = f"http://127.0.0.1:{site.port}"
    assert fetched(fetcher, f"{base}/1").title == "Tides & times"
    assert fetched(fetcher, f"{base}/0").error == "TooManyRedirects"


@pytest.mark.parametrize("status", [204, 401, 404, 500])
def test_an_answer_other_than_a_page_is_told_by_its_status(
    site: Site, fetcher: Fetcher, status: int
) -> None:
    url = site.serve("/", status=status)
    assert fetched(fetcher, url) == Page(error=f"Status{status}")


@pytest.mark.parametrize("kind", ["application/pdf", "text/plain", "image/svg+xml", ""])
def test_what_is_no_html_is_not_read(site: Site, fetcher: Fetcher, kind: str) -> None:
    url = site.serve("/", PAGE, Content_Type=kind)
    assert fetched(fetcher, url).error == "NotHtml"


def test_of_an_endless_page_only_the_beginning_is_read(site: Site, fetcher: Fetcher) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield PAGE.encode()
        while True:
            sent += 1 << 16
            yield b"<p>" + b"x" * (1 << 16)

    url = site.serve("/", endless)
    assert fetched(fetcher, url).title == "Tides & times"
    assert sent < 64 << 20


def test_a_page_that_unpacks_to_far_more_than_was_sent_is_read_to_the_limit(
    site: Site, fetcher: Fetcher
) -> None:
    bomb = gzip.compress(PAGE.encode() + b" " * (200 << 20))
    url = site.serve("/", bomb, Content_Encoding="gzip")
    late = gzip.compress(b" " * (2 << 20) + PAGE.encode())
    beyond = site.serve("/late", late, Content_Encoding="gzip")
    assert fetched(fetcher, url).title == "Tides & times"
    assert fetched(fetcher, beyond) == Page()


@pytest.mark.parametrize(
    ("packing", "error"), [("br", "UnknownEncoding"), ("gzip", "error")], ids=["unknown", "false"]
)
def test_a_page_packed_otherwise_than_it_says_is_told_by_type(
    site: Site, fetcher: Fetcher, packing: str, error: str
) -> None:
    url = site.serve("/", PAGE, Content_Encoding=packing)
    assert fetched(fetcher, url).error == error


def test_a_server_that_is_slow_to_answer_or_drips_is_left(site: Site, fetcher: Fetcher) -> None:
    over = threading.Event()

    def silent() -> Iterator[bytes]:
        over.wait(20)
        yield PAGE.encode()

    def dripping() -> Iterator[bytes]:
        for _ in range(400):
            yield b" "
            time.sleep(0.05)

    hasty = replace(fetcher, read_seconds=0.3, total_seconds=1)
    silent_url, dripping_url = site.serve("/silent", silent), site.serve("/drip", dripping)
    found = hasty.fetch([silent_url, dripping_url])
    over.set()
    assert found[silent_url].error == "ReadTimeout"
    assert found[dripping_url].error == "TotalTimeout"


@pytest.mark.parametrize(
    ("content", "charset", "title"),
    [
        ("<title>café</title>".encode(), "", "café"),
        ("<title>café</title>".encode("latin-1"), "iso-8859-1", "café"),
        ('<meta charset="windows-1251"><title>Чай</title>'.encode("cp1251"), "", "Чай"),
        (
            b'<meta http-equiv="Content-Type" content="text/html; charset=Shift_JIS"><title>'
            + "お茶</title>".encode("shift_jis"),
            "",
            "お茶",
        ),
        ("<title>café</title>".encode(), "idna", "café"),
        ("<title>café</title>".encode(), "zlib", "café"),
        ("<title>café</title>".encode("latin-1"), "utf-8", "caf\ufffd"),
        ("<title>café</title>".encode("utf-16"), "", "café"),
        (b"<title>cut</title", "", "cut"),
        (b'<meta property="og:title" content="Card"><p>', "", "Card"),
        (b'<title> </title><meta name="twitter:title" content="Card">', "", "Card"),
        (b"<body><svg><title>drawing</title></svg></body><title>page</title>", "", "drawing"),
        (b"", "", ""),
        (b"\x00\xff" * 50, "", ""),
        (b"<title>" + b"a" * 5000, "", "a" * 199 + "…"),
        (b"<div>" * 100_000 + b"<title>deep</title>", "", "deep"),
        (b"<title>t</title><a x='" + b"<a x='" * 100_000, "", "t"),
        (b"<title>t</title><!--" + b"<!--" * 100_000, "", "t"),
    ],
)
def test_a_title_is_found_whatever_the_encoding_and_the_markup(
    content: bytes, charset: str, title: str
) -> None:
    assert page_of(content, charset).title == title
