"""One request: who is asked, by which number, under which name, and for how long."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from typing import IO

import httpx2
import pytest
from tests.text.collect.site import Asked, Reply, Site

from hanlin.text.collect import addresses
from hanlin.text.collect.config import WebConfig
from hanlin.text.collect.fetch import Fetcher, Pace, joined, user_agent
from hanlin.text.collect.outcome import Refused, Trouble


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    made = Fetcher(WebConfig(private_addresses=True, timeout=2.0, max_bytes=10_000), "", Pace(0))
    yield made
    made.close()


def test_an_answer_has_its_header_as_it_came(site: Site, fetcher: Fetcher) -> None:
    site.routes["/a"] = Reply("<p>x", headers={"X-One": "1", "x-one": "2", "ETag": '"7"'})
    answer = fetcher.get(f"{site.root}/a")
    assert (answer.status, answer.body, answer.kind) == (200, b"<p>x", "text/html")
    assert answer.header("x-one") in ("1, 2", "1", "2")
    assert answer.header("etag") == '"7"'
    assert answer.header("none") == ""
    assert fetcher.num_answers == 1


def test_conditions_go_out_and_not_changed_comes_back(site: Site, fetcher: Fetcher) -> None:
    site.routes["/a"] = lambda asked: Reply(status=304 if asked.headers.get("if-none-match") == '"7"' else 200)
    assert fetcher.get(f"{site.root}/a", conditions={"If-None-Match": '"7"'}).status == 304
    assert fetcher.get(f"{site.root}/a").status == 200


def test_cookies_are_not_kept(site: Site, fetcher: Fetcher) -> None:
    site.routes["/a"] = Reply("x", headers={"Set-Cookie": "who=you; Path=/"})
    for _ in range(2):
        fetcher.get(f"{site.root}/a")
    assert [asked.headers.get("cookie") for asked in site.asked] == [None, None]


def test_the_second_number_of_a_name_is_tried(site: Site, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without IPv6 whose name server names an IPv6 address first."""
    port = int(site.root.rpartition(":")[2])
    monkeypatch.setattr(
        addresses.socket, "getaddrinfo",
        lambda host, port, *more, **named: [(2, 1, 6, "", (place, port)) for place in (host,) if host[0].isdigit()]
        or [(2, 1, 6, "", (place, port)) for place in ("127.0.0.2", "127.0.0.1")],
    )  # fmt: skip
    site.routes["/a"] = Reply("found")
    real = fetcher._client.send

    def only_the_last(request: httpx2.Request, **named: object) -> httpx2.Response:
        if request.url.host == "127.0.0.2":
            raise httpx2.ConnectError("no route")
        return real(request, **named)

    monkeypatch.setattr(fetcher._client, "send", only_the_last)
    assert fetcher.get(f"http://two.example:{port}/a").body == b"found"
    assert site.asked[-1].headers["host"] == f"two.example:{port}"


def test_a_body_that_trickles_is_left(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def trickle(file: IO[bytes]) -> None:
        for _ in range(200):
            file.write(b"x")
            file.flush()
            time.sleep(0.02)

    monkeypatch.setattr("hanlin.text.collect.fetch._LONGEST_TIMEOUTS", 1)
    site.routes["/a"] = Reply(stream=trickle)
    slow = Fetcher(WebConfig(private_addresses=True, timeout=0.3), "", Pace(0))
    with pytest.raises(Trouble) as caught:
        slow.get(f"{site.root}/a")
    assert caught.value.reason == "too_slow"
    slow.close()


def test_a_site_that_says_nothing_is_too_slow(site: Site) -> None:
    def silent(asked: Asked) -> Reply:
        time.sleep(1.0)
        return Reply("late")

    site.routes["/a"] = silent
    hasty = Fetcher(WebConfig(private_addresses=True, timeout=0.2), "", Pace(0))
    with pytest.raises(Trouble) as caught:
        hasty.get(f"{site.root}/a")
    assert caught.value.reason == "too_slow"
    hasty.close()


@pytest.mark.parametrize(("status", "reason"), [(404, "status"), (451, "status"), (206, "status"), (204, "status")])
def test_what_will_not_change_is_refused(site: Site, fetcher: Fetcher, status: int, reason: str) -> None:
    site.routes["/a"] = Reply("" if status == 204 else "x", status)
    with pytest.raises(Refused) as caught:
        fetcher.get(f"{site.root}/a")
    assert caught.value.reason == reason
    assert not isinstance(caught.value, Trouble)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_change_is_trouble(site: Site, fetcher: Fetcher, status: int) -> None:
    site.routes["/a"] = Reply("x", status, {"Retry-After": "7"})
    with pytest.raises(Trouble) as caught:
        fetcher.get(f"{site.root}/a")
    assert caught.value.wait == 7


def test_a_number_must_be_public_unless_told(site: Site) -> None:
    careful = Fetcher(WebConfig(), "", Pace(0))
    with pytest.raises(Refused) as caught:
        careful.get(f"{site.root}/a")
    assert caught.value.reason == "private_address"
    assert site.asked == []
    careful.close()


def test_behind_a_proxy_the_proxy_is_asked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy looks names up; the request names the page in full (RFC 9112, 3.2.2)."""
    asked: list[str] = []

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *values: object) -> None: ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.handle_request, daemon=True)
    thread.start()
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    proxied = Fetcher(WebConfig(), "", Pace(0))
    assert proxied.get("http://nowhere.invalid/page").body == b"ok"
    assert asked == ["http://nowhere.invalid/page"]
    proxied.close()
    thread.join()
    server.server_close()


def test_the_name_we_go_by() -> None:
    assert user_agent("").endswith("(hanlin data collect)")
    assert "+https://example.org/bot; hanlin" in user_agent("https://example.org/bot")


def test_joining_stops_at_the_limit() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(1000)

    assert joined([b"ab", b"c"], 3) == b"abc"
    with pytest.raises(Refused):
        joined(endless(), 10_000)
