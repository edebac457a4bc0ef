"""Addresses of the web: one spelling for each, the host it names, and whether that host is a public one."""

from __future__ import annotations

import ipaddress
import re
import socket

import httpx2

from hanlin.text.collect.outcome import Refused, Trouble

MOST_CHARACTERS = 2000
"""Longer addresses are traps (a calendar that links to itself) rather than pages; sitemaps allow 2048."""
_HOST = re.compile(r"(?:[\w.-]*\w\.?|\[[0-9a-f:.]+\])(?::\d+)?", re.ASCII)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def normalised(address: str, base: str = "") -> str | None:
    """Return the one spelling of an http address, joined to `base`: host in lower case, no fragment, no default port.

    None for what no page stands at: other schemes, names and passwords in the address, unreadable or endless ones.
    """
    try:
        url = httpx2.URL(base).join(address.strip()) if base else httpx2.URL(address.strip())
        url = url.copy_with(fragment=None, path=url.path or "/")
    except (httpx2.InvalidURL, ValueError, UnicodeError):
        return None
    text, is_host = str(url), _HOST.fullmatch(url.netloc.decode("ascii"))
    is_page = url.scheme in ("http", "https") and is_host and not url.userinfo
    return text if is_page and len(text) <= MOST_CHARACTERS else None


def site_of(address: str) -> str:
    """Return the host and port that requests to an address are counted for."""
    return httpx2.URL(address).netloc.decode("ascii")


def origin_of(address: str) -> str:
    """Return scheme, host and port: what one robots.txt speaks for (RFC 9309, 2.3)."""
    url = httpx2.URL(address)
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def are_neighbours(one: str, other: str) -> bool:
    """Return whether two addresses belong to one site; `www.` and the scheme make no difference."""
    return site_of(one).removeprefix("www.") == site_of(other).removeprefix("www.")


def places_of(host: str, port: int, *, private_too: bool) -> list[str]:
    """Return the numbers a host name stands for, best first.

    Raises Trouble where the name is unknown now. Unless `private_too`, raises Refused where one number is no public
    one: a page of the web must not make this machine ask its router, its neighbours or a cloud's metadata service.
    The caller connects to these very numbers, so that a second look-up cannot give others.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Trouble("unreachable", f"{host}: {error}") from None
    places = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for place in places:
        if not (private_too or is_public(place)):
            raise Refused("private_address", host if host == place else f"{host} = {place}")
    return places


def is_public(place: str) -> bool:
    """Return whether an IP address is reached over the public internet, an IPv4 address inside it included."""
    ip = ipaddress.ip_address(place.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast
