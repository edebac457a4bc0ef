"""Sitemaps and feeds: files that list addresses (sitemaps.org 0.9; RSS 0.9 to 2.0, RDF, Atom).

sitemap   urlset/url/loc, sitemapindex/sitemap/loc, or lines of addresses; also packed by gzip
feed      item or entry: link, date, licence; the licence of the channel stands for entries without one
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hanlin.text.collect.addresses import normalised
from hanlin.text.collect.dates import day_of
from hanlin.text.collect.fetch import Answer, unpacked
from hanlin.text.collect.licences import licence_of_address, licence_of_words
from hanlin.text.collect.outcome import Refused
from hanlin.text.encodings import HEAD_BYTES, encoding_of

KINDS = ("text/xml", "application/xml", "application/rss+xml", "application/atom+xml", "application/rdf+xml",
         "application/gzip", "application/x-gzip", "application/octet-stream", "binary/octet-stream")  # fmt: skip
"""Content types under which sitemaps and feeds come, besides text/html and text/plain."""
_ROOT = re.compile(r"<(?:\w+:)?(urlset|sitemapindex|rss|feed|RDF)[\s>]")
_LINE = re.compile(r"https?://\S+")


@dataclass(frozen=True)
class Entry:
    """One address of a listing, and what the listing says of it (date, licence)."""

    address: str
    hints: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Listing:
    """A sitemap, an index of sitemaps or a feed."""

    kind: str
    entries: tuple[Entry, ...]


def listing_of(answer: Answer, most: int) -> Listing | None:
    """Return what an answer lists, or None where it is no listing but a page.

    Raises Refused for XML that is broken or defines entities of its own (a bomb), and beyond `most` unpacked bytes.
    """
    is_packed = answer.body[:2] == b"\x1f\x8b"
    body = unpacked([answer.body], most) if is_packed else answer.body
    encoding = encoding_of(body[:HEAD_BYTES])
    if encoding is None:
        return None
    text = body.decode(encoding, errors="replace").removeprefix("\ufeff")
    found = _ROOT.search(text[:4096])
    if found and "<html" not in text[: found.start()].lower():
        return _of_xml(text, answer.address)
    is_plain = is_packed or answer.kind in ("", "text/plain", "application/octet-stream")
    return _of_lines(text, answer.address) if is_plain else None


def _of_lines(text: str, base: str) -> Listing | None:
    lines = text.split()
    if not lines or not all(_LINE.fullmatch(line) for line in lines):
        return None
    return Listing("sitemap", tuple(_entries(((line, {}) for line in lines), base)))


def _of_xml(text: str, base: str) -> Listing:
    # Expat of 2.4.1 and later bounds what entities unfold to; a listing has no use for any.
    if "<!ENTITY" in text[: 1 << 16]:
        raise Refused("bad_xml", "ENTITY")
    try:
        root = ET.fromstring(text)  # as text, because Expat itself reads no Chinese encoding
    except (ET.ParseError, ValueError, LookupError) as error:
        raise Refused("bad_xml", str(error)) from None
    kind = "sitemap" if _name(root) in ("urlset", "sitemapindex") else "feed"
    said = _of_sitemap(root) if kind == "sitemap" else _of_feed(root)
    return Listing(kind, tuple(_entries(said, base)))


def _entries(said: Iterator[tuple[str, Mapping[str, str]]], base: str) -> Iterator[Entry]:
    for address, hints in said:
        target = normalised(address, base) if address else None
        if target:
            yield Entry(target, {name: value for name, value in hints.items() if value})


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _of_sitemap(root: ET.Element) -> Iterator[tuple[str, Mapping[str, str]]]:
    for element in root:
        fields = {_name(child): (child.text or "").strip() for child in element}
        if fields.get("loc"):
            yield fields["loc"], {"date": day_of(fields.get("lastmod", ""))}


def _of_feed(root: ET.Element) -> Iterator[tuple[str, Mapping[str, str]]]:
    channel = next((child for child in root if _name(child) == "channel"), root)
    of_all = _licence(channel)
    for item in root.iter():
        if _name(item) in ("item", "entry"):
            yield _link(item), {"date": _date(item), "licence": _licence(item) or of_all}


def _link(item: ET.Element) -> str:
    """RSS writes the address as text, Atom as an attribute; RSS may have it in guid alone."""
    links = [child for child in item if _name(child) == "link"]
    for link in links:
        if link.get("href") and link.get("rel", "alternate") == "alternate":
            return str(link.get("href"))
    texts = [link.text for link in links if link.text]
    guids = [c.text for c in item if _name(c) == "guid" and c.get("isPermaLink", "true") == "true" and c.text]
    return next(iter([*texts, *guids]), "")


def _date(item: ET.Element) -> str:
    fields = {_name(child): child.text or "" for child in item}
    days = (day_of(fields.get(name, "")) for name in ("pubDate", "published", "date", "updated"))
    return next(filter(None, days), "")


def _licence(element: ET.Element) -> str:
    """`cc:license`, `creativeCommons:license`, Atom's link rel=license; of free words only a licence that we know."""
    for child in element:
        resource = next((value for key, value in child.attrib.items() if key.endswith("resource")), "")
        if _name(child) == "license":
            return licence_of_words(resource or child.text or "")
        if _name(child) == "link" and child.get("rel") == "license":
            return licence_of_address(child.get("href", ""))
        if _name(child) in ("rights", "copyright") and (known := licence_of_address(child.text or "")):
            return known
    return ""
