"""What stands before every route: who asks under which name, with which key, how much, how slowly.

The order: request id, Host, headers that smuggle, Origin, key, then the route; the body is counted while it is read.
Decisions are made on `scope["path"]`, which no Host header can bend, and a path that is not known to be open needs
the key, whether it exists or not.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
import secrets
import time
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hanlin.serve.config import ServeConfig, is_loopback
from hanlin.serve.faults import Refusal, fault_of
from hanlin.serve.sse import ClientGone

_log = logging.getLogger("hanlin.serve")

MAX_HEADERS = 100
OPEN_PATHS = frozenset(("/live", "/ready", "/health"))
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
SECURITY = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(?::\d{1,5})?")
_ORIGIN = re.compile(rf"https?://{_HOST.pattern}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CLIENT_GONE = 499  # what nginx writes into its log; nobody is there to receive it


class Guard:
    """The outermost layer: refuses, counts, marks every response, and turns what went wrong below into an answer."""

    def __init__(self, app: ASGIApp, *, config: ServeConfig, assets: Iterable[str] = ()) -> None:
        self._app, self._config = app, config
        self._open_paths = OPEN_PATHS | frozenset(assets)
        self._key = _digest(config.api_key) if config.api_key is not None else None
        self._hosts = frozenset(name.lower() for name in (config.host, *config.allowed_hosts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer why not."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        try:
            self._admit(scope, Headers(scope=scope))
            await self._app(scope, self._measured(Headers(scope=scope), receive), exchange.send)
        except ClientGone:
            exchange.status = _CLIENT_GONE
        except Exception as error:
            await self._answer(error, exchange, scope, receive)
        finally:
            exchange.log()

    async def _answer(self, error: Exception, exchange: _Exchange, scope: Scope, receive: Receive) -> None:
        fault = fault_of(error, exchange.request_id)
        if fault.status == 500:
            _log.error("%s failed", exchange.request_id, exc_info=error)
        if exchange.status:  # half an answer is out: only cutting the connection tells the client
            raise error
        await fault.response()(scope, receive, exchange.send)

    # Who asks -------------------------------------------------------------------------------------------------------

    def _admit(self, scope: Scope, headers: Headers) -> None:
        self._check_headers(headers)
        self._check_origin(headers)
        if self._key is not None and scope["path"] not in self._open_paths:
            self._check_key(headers.getlist("authorization"))

    def _check_headers(self, headers: Headers) -> None:
        if len(headers) > MAX_HEADERS:
            raise Refusal("serve.many_headers", status=431, count=len(headers), most=MAX_HEADERS)
        named = headers.getlist("host")
        host = _HOST.fullmatch(named[0]) if len(named) == 1 else None
        lengths, codings = headers.getlist("content-length"), headers.getlist("transfer-encoding")
        if host is None or len(lengths) + len(codings) > 1:
            raise Refusal("serve.bad_http", status=400, headers={"connection": "close"})
        if not self._is_ours(host[1]):
            raise Refusal("serve.foreign_host", status=421, host=host[1])

    def _is_ours(self, name: str) -> bool:
        """On loopback only names of this machine are ours: a web page whose name was bound to 127.0.0.1 is not."""
        name = name.lower().strip("[]")
        if name in self._hosts or is_loopback(name):
            return True
        return not is_loopback(self._config.host) and not self._config.allowed_hosts

    def _check_origin(self, headers: Headers) -> None:
        """A browser says from which page a request comes; pages of strangers may not talk to the model."""
        origin = headers.get("origin")
        if origin is None:
            return
        page, host = _ORIGIN.fullmatch(origin), _HOST.fullmatch(headers["host"])
        name = page[1].lower().strip("[]") if page else ""
        same = host is not None and name == host[1].lower().strip("[]")
        if not name or not (same or name in self._hosts or is_loopback(name)):
            raise Refusal("serve.foreign_origin", status=403, origin=origin[:200])

    def _check_key(self, given: list[str]) -> None:
        kind, _, key = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        assert self._key is not None
        # Digests have one length and give nothing away by the time a comparison takes.
        if kind.lower() != "bearer" or not hmac.compare_digest(_digest(key), self._key):
            headers = {"www-authenticate": "Bearer"}
            raise Refusal("serve.no_key", status=401, word="invalid_api_key", headers=headers)

    # How much, how slowly -------------------------------------------------------------------------------------------

    def _measured(self, headers: Headers, receive: Receive) -> Receive:
        """`receive` that counts bytes and seconds of the body."""
        limit, deadline = self._config.max_body_bytes, time.monotonic() + self._config.body_seconds
        announced, received, complete = headers.get("content-length", ""), 0, False

        async def measured() -> Message:
            nonlocal received, complete
            if complete:
                return await receive()
            if announced.isdigit() and int(announced) > limit:
                raise _too_large(limit)
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    message = await receive()
            except TimeoutError:
                raise Refusal("serve.slow_body", status=408, headers={"connection": "close"}) from None
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if received > limit:
                raise _too_large(limit)
            return message

        return measured


def _too_large(limit: int) -> Refusal:
    return Refusal("serve.body_too_large", status=413, limit=limit)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


class _Exchange:
    """One request and its response: the id both carry, the headers every response has, the line in the log."""

    def __init__(self, scope: Scope, send: Send) -> None:
        given = Headers(scope=scope).get("x-request-id", "")
        self.request_id = given if _REQUEST_ID.fullmatch(given) else f"req-{secrets.token_hex(16)}"
        scope.setdefault("state", {})["request_id"] = self.request_id
        self._scope, self._send, self._begun = scope, send, time.monotonic()
        self.status = 0

    async def send(self, message: Message) -> None:
        """Pass a message on, marked."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self.request_id
            headers.setdefault("cache-control", "no-store")
            for name, value in SECURITY.items():
                headers[name] = value
        await self._send(message)

    def log(self) -> None:
        """One line without anything a user wrote but the path, and that in ASCII."""
        milliseconds = 1000 * (time.monotonic() - self._begun)
        path = ascii(self._scope["path"])[:200]
        _log.info("%s %s %s %d %.0f ms", self.request_id, self._scope["method"], path, self.status, milliseconds)
