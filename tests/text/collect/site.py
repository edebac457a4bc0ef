"""A web site on this machine that does what real ones do: answers by a table, counts what was asked, and misbehaves."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO


@dataclass
class Reply:
    """What the site says to one request."""

    body: bytes | str = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = "text/html; charset=utf-8"
    stream: Callable[[IO[bytes]], None] | None = None


Route = Reply | Callable[["Asked"], Reply]


@dataclass(frozen=True)
class Asked:
    """One request as the site saw it."""

    path: str
    headers: Mapping[str, str]
    number: int


class Site:
    """The table of routes, and what was asked in order."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.asked: list[Asked] = []
        self.root = ""

    @property
    def paths(self) -> list[str]:
        """The paths that were asked for, in order."""
        return [one.path for one in self.asked]

    def count(self, path: str) -> int:
        """How often a path was asked for."""
        return self.paths.count(path)

    def reply(self, path: str, headers: Mapping[str, str]) -> Reply:
        """Note a request and look up its answer; what is not in the table is 404."""
        asked = Asked(path, headers, Counter(self.paths)[path] + 1)
        self.asked.append(asked)
        route = self.routes.get(path, Reply("nothing here", 404))
        return route if isinstance(route, Reply) else route(asked)


@contextmanager
def serving() -> Iterator[Site]:
    """A site at `site.root` until the block ends."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            reply = site.reply(self.path, {name.lower(): value for name, value in self.headers.items()})
            body = reply.body.encode() if isinstance(reply.body, str) else reply.body
            self.send_response(reply.status)
            headers = {"Content-Type": reply.kind, **reply.headers}
            if reply.stream is None and "Content-Length" not in headers:
                headers["Content-Length"] = str(len(body))
            for name, value in headers.items():
                if value:
                    self.send_header(name, value)
            if reply.stream is not None:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            try:
                if reply.stream is not None:
                    reply.stream(self.wfile)
                elif self.command == "GET":
                    self.wfile.write(body)
            except OSError:  # the client has heard enough
                self.close_connection = True

        do_HEAD = do_GET

        def log_message(self, format: str, *values: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    site.root = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


SENTENCE = "The old lighthouse keeper counted the ships that passed at night, and wrote each of them into his book. "


def page(title: str, *, text: str = SENTENCE * 4, links: tuple[str, ...] = (), head: str = "", foot: str = "") -> str:
    """An ordinary article."""
    anchors = "".join(f'<p>See also <a href="{link}">this page</a> of the same author.</p>' for link in links)
    return (
        f"<!doctype html><html><head><title>{title}</title>{head}</head><body><main><article><h1>{title}</h1>"
        f"<p>{title}. {text}</p><p>{text}</p>{anchors}</article></main><footer>{foot}</footer></body></html>"
    )
