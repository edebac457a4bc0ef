"""Under which licence a page or a data set stands, as far as it says so itself, in the names of SPDX."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from hanlin.text.collect.markup import Markup

UNKNOWN = "unknown"
_CC = re.compile(
    r"creativecommons\.org/(licenses|publicdomain)/(by(?:-nc)?(?:-nd|-sa)?|zero|mark)(?:/(\d\.\d))?(?:/([a-z]{2})(?![a-z.]))?",
    re.IGNORECASE,
)
_CC_TEXT = re.compile(r"\bCC[ -]?(BY(?:-NC)?(?:-ND|-SA)?)[ -](\d\.\d)\b|\bCC0\b", re.IGNORECASE)
# Addresses of other licences that pages link to, and words of `license:` in data cards.
_LINKS = (
    (re.compile(r"apache\.org/licenses/LICENSE-2\.0", re.I), "Apache-2.0"),
    (re.compile(r"opensource\.org/licen[cs]es?/(?:MIT|mit-license)", re.I), "MIT"),
    (re.compile(r"opensource\.org/licen[cs]es?/BSD-([23])-Clause", re.I), "BSD-{}-Clause"),
    (re.compile(r"gnu\.org/(?:copyleft|licenses)/fdl(?:-(\d\.\d))?", re.I), "GFDL-{}"),
    (re.compile(r"gnu\.org/licenses/(a?gpl|lgpl)-(\d\.\d)", re.I), "{}-{}"),
    (re.compile(r"opendatacommons\.org/licenses/(odbl|by|pddl)", re.I), "{}"),
)
_CARDS = {
    "mit": "MIT", "apache-2.0": "Apache-2.0", "cc0-1.0": "CC0-1.0", "odbl": "ODbL-1.0", "pddl": "PDDL-1.0",
    "odc-by": "ODC-By-1.0", "gfdl": "GFDL-1.3", "bsd-3-clause": "BSD-3-Clause", "bsd-2-clause": "BSD-2-Clause",
    "unlicense": "Unlicense", "unknown": UNKNOWN, "other": UNKNOWN, "": UNKNOWN,
}  # fmt: skip
_OPEN_DATA = {"odbl": "ODbL-1.0", "by": "ODC-By-1.0", "pddl": "PDDL-1.0"}
_RIGHTS = ("dc.rights", "dcterms.rights", "dcterms.license", "dc.rights.license", "license", "licence")


def licence_of_address(address: str) -> str:
    """Return the licence that stands at an address, "" where it is none that we know."""
    if found := _CC.search(address):
        return _creative_commons(found[2].lower(), found[3], found[4])
    for pattern, name in _LINKS:
        if found := pattern.search(address):
            words = [word or "1.3" for word in found.groups()]
            named = _OPEN_DATA.get(words[0].lower()) if name == "{}" else name.format(*(w.upper() for w in words))
            return named or ""
    return ""


def _creative_commons(kind: str, version: str | None, country: str | None) -> str:
    if kind == "zero":
        return "CC0-1.0"
    if kind == "mark":
        return "CC-PDM-1.0"
    # A link without a version names a family of licences, and is told as it is.
    return "-".join(["CC", kind.upper(), *filter(None, [version, country.upper() if country else None])])


def licence_of_words(words: str) -> str:
    """Return the licence that a line of text names: one of SPDX where we know it, else the line itself, shortened."""
    text = " ".join(words.split())
    if known := licence_of_address(text):
        return known
    if found := _CC_TEXT.search(text):
        return "-".join(["CC", found[1].upper(), found[2]]) if found[1] else "CC0-1.0"
    return text[:100]


def licence_of_card(name: object) -> str:
    """Return the licence of a data card, whose names are those of SPDX in lower case; several are joined."""
    if isinstance(name, list | tuple):
        return " AND ".join(dict.fromkeys(map(licence_of_card, name))) or UNKNOWN
    word = str(name or "").strip().strip("'\"").lower()
    if found := re.fullmatch(r"cc-(by[a-z-]*?)(?:-(\d\.\d))?", word):
        return "-".join(filter(None, ["CC", found[1].upper(), found[2]]))
    return _CARDS.get(word, word)


def page_licence(page: Markup, link_header: str = "") -> str:
    """Return the licence of a page: said by rel=license, else by its metadata, else by its only link to a licence.

    A page that links to several without saying which is its own has none that we could tell: "unknown".
    """
    for said in (_by_relation(page, link_header), _by_metadata(page)):
        if found := next(said, ""):
            return found
    linked = {licence_of_address(link["href"]) for link in page.all("a[href]")}
    linked.discard("")
    return linked.pop() if len(linked) == 1 else UNKNOWN


def _by_relation(page: Markup, link_header: str) -> Iterator[str]:
    for target in re.findall(r'<([^>]+)>[^,]*;\s*rel="?[^",]*\blicense\b', link_header):
        yield licence_of_address(target) or target[:100]
    for link in page.all("a[rel], link[rel]"):
        if "license" in link["rel"].lower().split() and (target := link["href"]):
            yield licence_of_address(target) or licence_of_words(link.text) or target[:100]


def _by_metadata(page: Markup) -> Iterator[str]:
    for meta in page.all("meta[content]"):
        name = (meta["name"] or meta["property"]).lower()
        if name in _RIGHTS and meta["content"]:
            yield licence_of_words(meta["content"])
    for script in page.all('script[type="application/ld+json"]'):
        yield from map(licence_of_words, _json_licences(script.text))


def _json_licences(text: str) -> Iterable[str]:
    """The values of `license` at the top of schema.org data; where the data is broken, none."""
    try:
        data: Any = json.loads(text)
    except ValueError:
        return []
    rows = data if isinstance(data, list) else data.get("@graph", [data]) if isinstance(data, dict) else []
    values = [row.get("license") for row in rows if isinstance(row, dict)]
    return [value for value in values if isinstance(value, str) and value]
