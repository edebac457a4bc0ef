"""One polite request: to a checked address, at the host's pace, with every size and time bounded."""

from __future__ import annotations

import email.utils
import importlib.metadata
import time
import urllib.request
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2

from hanlin.base.files import disk_errors
from hanlin.text.collect.addresses import places_of, site_of
from hanlin.text.collect.config import WebConfig
from hanlin.text.collect.outcome import Refused, Trouble

PRODUCT = "hanlin"
"""The name by which robots.txt knows us (RFC 9309, 2.2.1)."""
MOVED = frozenset({301, 302, 303, 307, 308})
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_CHUNK = 1 << 16
_LONGEST_TIMEOUTS = 10  # a body may trickle in for so many timeouts, whatever its size


@dataclass(frozen=True)
class Answer:
    """What one request brought: `head` are all header lines as they came, `body` is unpacked."""

    address: str
    status: int
    head: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """The lines of one header, joined by commas; "" where there is none."""
        return ", ".join(value for key, value in self.head if key.lower() == name)

    @property
    def kind(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.header("content-type").partition(";")[0].strip().lower()


def user_agent(contact: str) -> str:
    """Return who we say we are: the product, its version, and where its user can be reached."""
    try:
        version = importlib.metadata.version("hanlin")
    except importlib.metadata.PackageNotFoundError:  # run from a checkout that was never installed
        version = "0"
    return f"Hanlin/{version} ({f'+{contact}; ' if contact else ''}{PRODUCT} data collect)"


class Pace:
    """When each site may be asked again."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._delays: dict[str, float] = {}
        self._free_at: dict[str, float] = {}

    def slow_down(self, site: str, delay: float) -> None:
        """Keep at least so many seconds between requests to a site."""
        self._delays[site] = max(self._delay, delay)

    def hold(self, site: str, seconds: float) -> None:
        """Ask a site nothing for so long."""
        self._free_at[site] = max(self._free_at.get(site, 0.0), time.monotonic() + seconds)

    def wait_of(self, site: str) -> float:
        """Seconds until a site may be asked."""
        return max(0.0, self._free_at.get(site, 0.0) - time.monotonic())

    def take_turn(self, site: str) -> None:
        """Wait until a site may be asked, and count the request that follows."""
        time.sleep(self.wait_of(site))
        self.hold(site, self._delays.get(site, self._delay))


class Fetcher:
    """A client without cookies, without redirects of its own, that connects only to numbers that were checked."""

    def __init__(self, web: WebConfig, contact: str, pace: Pace) -> None:
        self.web, self.pace, self.num_answers = web, pace, 0
        headers = {
            "User-Agent": user_agent(contact),
            "Accept-Encoding": "gzip",
            "Accept": "text/html, text/*, */*;q=0.5",
        }
        self._client = httpx2.Client(headers=headers, timeout=web.timeout, follow_redirects=False)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def get(self, address: str, *, kinds: Iterable[str] = (), conditions: Mapping[str, str] | None = None) -> Answer:
        """Ask once and return the answer, be it a page, a redirect, or "not changed".

        `kinds` are the content types whose body is read at all; none: any. Raises Refused for what will not change
        (another type, too large, 4xx) and Trouble for what may (no connection, 429, 5xx).
        """
        url = httpx2.URL(address)
        places = self._places(url)
        self.pace.take_turn(site_of(address))
        trouble = Trouble("unreachable", address)
        for place in places:
            try:
                return self._ask(url, place, tuple(kinds), conditions or {})
            except httpx2.ConnectError as error:
                trouble = Trouble("unreachable", f"{address}: {error}")
            except httpx2.TimeoutException:
                trouble = Trouble("too_slow", address)
            except httpx2.HTTPError as error:
                raise Trouble("cut", f"{address}: {error}") from None
        raise trouble

    def save(self, address: str, path: Path, size: int) -> None:
        """Fetch a file of `size` bytes to `path`, in pieces. Raises Refused, and Trouble for another size too."""
        url = httpx2.URL(address)
        self.pace.take_turn(site_of(address))
        try:
            with self._client.stream(
                "GET", url, follow_redirects=True, headers={"Accept-Encoding": "identity"}
            ) as response:
                self.num_answers += 1
                if response.status_code != 200:
                    raise Refused("status", f"HTTP {response.status_code}")
                with disk_errors(path), path.open("wb") as file:
                    for chunk in response.iter_bytes(_CHUNK):
                        file.write(chunk)
        except httpx2.HTTPError as error:
            raise Trouble("cut", f"{address}: {error}") from None
        if path.stat().st_size != size:
            raise Trouble("cut", f"{path.stat().st_size:,} / {size:,} B")

    def _places(self, url: httpx2.URL) -> list[str]:
        """Where to connect to; behind a proxy, which looks names up by itself, the name."""
        proxies = urllib.request.getproxies()
        if (url.scheme in proxies or "all" in proxies) and not urllib.request.proxy_bypass(url.host):
            return [url.host]
        port = url.port or {"http": 80, "https": 443}[url.scheme]
        return places_of(url.host, port, private_too=self.web.private_addresses)

    def _ask(self, url: httpx2.URL, place: str, kinds: tuple[str, ...], conditions: Mapping[str, str]) -> Answer:
        self._client.cookies.clear()
        headers = {**conditions, "Host": url.netloc.decode("ascii")}
        request = self._client.build_request("GET", url.copy_with(host=place), headers=headers)
        request.extensions["sni_hostname"] = url.host  # the certificate is that of the name, not of the number
        response = self._client.send(request, stream=True)
        try:
            self.num_answers += 1
            return self._answer(str(url), response, kinds)
        finally:
            response.close()

    def _answer(self, address: str, response: httpx2.Response, kinds: tuple[str, ...]) -> Answer:
        head = tuple((key.decode("latin-1"), value.decode("latin-1")) for key, value in response.headers.raw)
        answer = Answer(address, response.status_code, head, b"")
        if response.status_code in _BUSY:
            reason = "busy" if response.status_code in (429, 503) else "server_error"
            raise Trouble(reason, f"HTTP {response.status_code}", seconds_of(answer.header("retry-after")))
        if response.status_code in MOVED or response.status_code == 304:
            return answer
        if response.status_code != 200:
            raise Refused("status", f"HTTP {response.status_code}")
        if kinds and answer.kind and not is_wanted(answer.kind, kinds):
            raise Refused("type", answer.kind)
        return Answer(address, 200, head, self._body(answer, response))

    def _body(self, answer: Answer, response: httpx2.Response) -> bytes:
        most = self.web.max_bytes
        length = answer.header("content-length")
        if length.isdigit() and int(length) > most:
            raise Refused("too_large", f"{int(length):,} B")
        packing = answer.header("content-encoding").lower()
        if packing not in ("", "identity", "gzip", "x-gzip"):
            raise Refused("packing", packing)
        chunks = self._in_time(response.iter_raw(_CHUNK))
        return unpacked(chunks, most) if "gzip" in packing else joined(chunks, most)

    def _in_time(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same chunks, as long as they do not trickle in without end."""
        end = time.monotonic() + self.web.timeout * _LONGEST_TIMEOUTS
        for chunk in chunks:
            if time.monotonic() > end:
                raise Trouble("too_slow", f"{self.web.timeout * _LONGEST_TIMEOUTS:g} s")
            yield chunk


def is_wanted(kind: str, kinds: Iterable[str]) -> bool:
    """Return whether a content type is among some, of which one may end in `*`."""
    return any(kind == one or (one.endswith("*") and kind.startswith(one[:-1])) for one in kinds)


def joined(chunks: Iterable[bytes], most: int) -> bytes:
    """Return the bytes of all chunks. Raises Refused beyond `most`."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        if len(held) > most:
            raise Refused("too_large", f"> {most:,} B")
    return bytes(held)


def unpacked(chunks: Iterable[bytes], most: int) -> bytes:
    """Return gzip unpacked, several members included, never holding more than `most` bytes and one.

    Raises Refused where there would be more, or where it is no gzip, Trouble where its end is missing.
    """
    held, engine = bytearray(), zlib.decompressobj(wbits=31)
    for chunk in chunks:
        while chunk:
            try:
                held += engine.decompress(chunk, most - len(held) + 1)
            except zlib.error as error:
                raise Refused("damaged", str(error)) from None
            if len(held) > most:
                raise Refused("bomb", f"> {most:,} B")
            chunk = engine.unused_data if engine.eof else engine.unconsumed_tail
            engine = zlib.decompressobj(wbits=31) if engine.eof and chunk else engine
    if not engine.eof:
        raise Trouble("cut", "gzip")
    return bytes(held)


def seconds_of(retry_after: str) -> float | None:
    """Return what Retry-After asks for, seconds or a date (RFC 9110, 10.2.3); None where it says nothing readable."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        then = email.utils.parsedate_to_datetime(retry_after)
    except (ValueError, TypeError):
        return None
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())
