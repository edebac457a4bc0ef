"""Addresses on networks: e-mail, IPv4 and IPv6."""

from __future__ import annotations

import ipaddress
import re
import string
from collections.abc import Iterator

from hanlin.text.privacy.context import before
from hanlin.text.privacy.span import Span

_LOCAL = string.ascii_letters + string.digits + "._%+-'"
_AT = ("@", "[at]", "(at)", "[AT]", "(AT)", "{at}")
_DOT, _REACH = re.compile(r"[\[({ ]dot[\])} ]", re.IGNORECASE), 160
# Written out for people alone: "maria at example dot com", "maria [at] example [dot] com".
_SPELT = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63} ?(?:[\[({]at[\])}]|\bat\b) ?"
    r"(?!(?:an?|the|th[ai][st]|some|any|every|each|another|one|m[ey]|our|your|his|her|its|their)\b)"
    r"[A-Za-z0-9][A-Za-z0-9-]{0,62}(?: ?(?:[\[({]dot[\])}]|\bdot\b|\.) ?[A-Za-z0-9-]{1,63}){0,3} ?"
    r"(?:[\[({]dot[\])}]|\bdot\b) ?(?P<ending>[A-Za-z]{2,24})\b",
    re.IGNORECASE,
)
_MAIL_WORD = re.compile(r"mail|contact|write to|reach|邮箱|邮件|郵箱|郵件", re.IGNORECASE)
# Chinese boards forbid @, so people write name#qq.com: a house of mail follows, or a word of what to put instead.
_HASHED = re.compile(
    r"(?<![A-Za-z0-9._%+#/&-])[A-Za-z0-9][A-Za-z0-9._-]{1,63}#(?P<house>[A-Za-z0-9][A-Za-z0-9.-]{1,62}\.[A-Za-z]{2,8})"
    r"(?![A-Za-z0-9_])"
)
_HOUSES = frozenset([
    "qq.com", "vip.qq.com", "foxmail.com", "163.com", "126.com", "yeah.net", "139.com", "189.cn", "sina.com", "sina.cn",
    "sohu.com", "aliyun.com", "gmail.com", "hotmail.com", "outlook.com", "live.com", "yahoo.com", "icloud.com",
])  # fmt: skip
_INSTEAD = re.compile(r"\s?[(（,，]?\s?(?:请|把|将)?\s?#\s?(?:号|號)?(?:换|改|替|換|=|→)")
_DOMAIN = re.compile(r"((?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.){1,8})([A-Za-z]{2,24})(?![A-Za-z0-9_])")
# Beside the two-letter countries: the general endings in wide use. `weights@values.transpose` is a product of matrices.
_ENDINGS = frozenset([
    "academy", "aero", "agency", "app", "arpa", "art", "asia", "bank", "biz", "blog", "cat", "center", "chat",
    "cloud", "club", "com", "company", "coop", "design", "dev", "digital", "edu", "email", "example", "fun",
    "games", "global", "gov", "group", "health", "host", "info", "ink", "int", "invalid", "jobs", "law", "life",
    "link", "live", "localhost", "ltd", "media", "mil", "mobi", "museum", "name", "net", "network", "news",
    "onion", "online", "org", "plus", "post", "press", "pro", "red", "run", "sale", "school", "science", "shop",
    "site", "social", "software", "space", "store", "studio", "team", "tech", "tel", "test", "today", "tools",
    "top", "travel", "video", "vip", "wang", "website", "wiki", "work", "world", "xyz", "zone",
])  # fmt: skip
_PLAIN_ENDINGS = frozenset(["com", "net", "org", "edu", "gov", "cn"])  # no method is called so
# A two-letter "ending" after which code goes on, and the account of version control that everybody shares.
_NOBODY = frozenset(["git", "hg", "svn"])
_CODE_ENDINGS = frozenset(["js", "py", "rs", "ts", "sh", "md", "go", "mm", "pl", "cc", "db"])
_IPV4 = re.compile(r"[0-9][0-9]?[0-9]?(?:\.[0-9]{1,3}){3}(?![0-9A-Za-z_])(?!\.[0-9])(?!/[0-9])")
_IPV6 = re.compile(r"[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{3,34}")  # every address with a public route begins with 2 or 3
_ANY_IPV6 = re.compile(r"[0-9A-Fa-f:][0-9A-Fa-f:]{4,38}(?:[0-9.]{7,15})?")
_VERSION = re.compile(
    r"(?:(?<![A-Za-z])(?:v|ver|version|release|build|section|chapter|figure|table|oid)|版本号?|版|第|节|章|图|表|内核|固件|驱动|kernel|firmware|driver|[A-Za-z]/|§)[\s.:：]{0,3}$",
    re.IGNORECASE,
)
_IP_WORD = re.compile(r"ip|addr|地址|host|from|来自|主机|服务器|server|ping|dns", re.IGNORECASE)
_HEADING = re.compile(r"(?:^|\n)[#\s*-]*$")
_LARGEST_VERSION = 31  # four numbers no larger are a version or a section, unless a word says address


def find_network(text: str, kinds: frozenset[str], private_addresses: bool = False) -> Iterator[Span]:
    """Yield e-mail and network addresses, those of private networks only where asked for."""
    if "email" in kinds:
        yield from _emails(text)
        yield from _spelt_emails(text)
    if "ip" in kinds:
        yield from _addresses(text, private_addresses)


def _emails(text: str) -> Iterator[Span]:
    for sign in _AT:
        at = text.find(sign)
        while at >= 0:
            left, right = (at, at + 1) if sign == "@" else _without_spaces(text, at, at + len(sign))
            chunk = before(text, left, 64)
            local = chunk[len(chunk.rstrip(_LOCAL)) :].lstrip("._%+-'")
            domain = _DOMAIN.match(text, right, right + 256)
            if local and local[-1] not in ".'" and domain and _is_domain(domain) and local not in _NOBODY:
                yield Span("email", left - len(local), domain.end(), text[left - len(local) : domain.end()])
            at = text.find(sign, at + 1)


def _spelt_emails(text: str) -> Iterator[Span]:
    """Addresses whose @ or dots are words or another sign; the cheap look comes first."""
    for dot in _DOT.finditer(text):
        for match in _SPELT.finditer(text, max(0, dot.start() - _REACH), dot.end() + _REACH):
            if match["ending"].lower() in _ENDINGS | _PLAIN_ENDINGS and _is_spelt(text, match):
                yield Span("email", match.start(), match.end(), match.group())
    if "#" in text:
        for match in _HASHED.finditer(text):
            if match["house"].lower() in _HOUSES or _INSTEAD.match(text, match.end(), match.end() + 8):
                yield Span("email", match.start(), match.end(), match.group())


def _is_spelt(text: str, match: re.Match[str]) -> bool:
    """ "Look at amazon dot com" is no address: a plain word before a plain "at" needs a word of mail before it."""
    local = match.group().partition(" ")[0]
    plain = re.search(r"\bat\b", match.group(), re.IGNORECASE) and not re.search(
        r"[\[({]at", match.group(), re.IGNORECASE
    )
    return (
        not plain
        or re.search(r"[0-9._+-]", local) is not None
        or _MAIL_WORD.search(before(text, match.start(), 24)) is not None
    )


def _without_spaces(text: str, start: int, end: int) -> tuple[int, int]:
    """A sign in brackets may have one space on either side."""
    return start - (text[start - 1 : start] == " "), end + (text[end : end + 1] == " ")


def _is_domain(match: re.Match[str]) -> bool:
    ending = match[2].lower()
    calls = match.string[match.end() : match.end() + 1] in ("(", "[") and ending not in _PLAIN_ENDINGS
    if "-." in match[1] or calls:
        return False
    return ending in _ENDINGS or (len(ending) == 2 and ending not in _CODE_ENDINGS)


def _addresses(text: str, private: bool) -> Iterator[Span]:
    for match in _IPV4.finditer(text):
        if not _adjoins(text, match.start()) and _counts(match.group(), private) and not _is_version(text, match):
            yield Span("ip", match.start(), match.end(), match.group())
    if "::" in text or text.count(":") >= 7:
        yield from _long_addresses(text, private)


def _long_addresses(text: str, private: bool) -> Iterator[Span]:
    for match in (_ANY_IPV6 if private else _IPV6).finditer(text):
        shown = match.group().rstrip(":.") if not match.group().endswith("::") else match.group()
        end = match.start() + len(shown)
        is_cut = _adjoins(text, match.start()) or re.match(r"[0-9A-Za-z_]", text[end : end + 1])
        if shown.count(":") >= 2 and not is_cut and _counts(shown, private):
            yield Span("ip", match.start(), end, shown)


def _adjoins(text: str, start: int) -> bool:
    sign = text[max(0, start - 1) : start]
    return bool(sign) and (sign in "._:" or (sign.isascii() and sign.isalnum()))


def _counts(shown: str, private: bool) -> bool:
    """Whether a text is an address, and one that can lead to somebody: reached from everywhere, or any where asked."""
    try:
        address = ipaddress.ip_address(shown)
    except ValueError:
        return False
    if shown.endswith((".0", ".255")):  # a network or all of one, nobody's machine
        return False
    if private:
        return not (address.is_unspecified or address.is_loopback)
    return address.is_global and not address.is_multicast


def _is_version(text: str, match: re.Match[str]) -> bool:
    """Versions and numbers of sections have the form of an address, and mostly small numbers."""
    head = before(text, match.start(), 16)
    if _VERSION.search(head):
        return True
    is_small = all(int(part) <= _LARGEST_VERSION for part in match.group().split("."))
    return is_small and (not _IP_WORD.search(head) or _HEADING.search(head) is not None)
