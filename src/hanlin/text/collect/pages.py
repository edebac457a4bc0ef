"""What a fetched page holds: its text, its links, its title, date and licence, and what it reserves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from hanlin.text.collect.addresses import normalised
from hanlin.text.collect.dates import day_of
from hanlin.text.collect.fetch import Answer
from hanlin.text.collect.licences import UNKNOWN, page_licence
from hanlin.text.collect.markup import Markup
from hanlin.text.encodings import HEAD_BYTES, encoding_of
from hanlin.text.html import main_text

HTML = ("text/html", "application/xhtml+xml")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_DATES = (
    "article:published_time",
    "date",
    "dc.date",
    "dcterms.date",
    "dcterms.created",
    "pubdate",
    "article:modified_time",
)


@dataclass(frozen=True)
class Page:
    """A page that was fetched, HTML or plain text."""

    answer: Answer

    @cached_property
    def is_html(self) -> bool:
        """By the content type; where there is none, by its looks."""
        kind = self.answer.kind
        return kind in HTML or (not kind and b"<html" in self.answer.body[:1000].lower())

    @cached_property
    def source(self) -> str:
        """The page as text, "" where it is none. What its bytes prove counts more than what its header says."""
        body = self.answer.body
        encoding = encoding_of(body[:HEAD_BYTES])
        said = _CHARSET.search(self.answer.header("content-type")) or _CHARSET.search(body[:2000].decode("latin-1"))
        if encoding is None or (encoding.startswith("cp") and said):
            encoding = said[1] if said and encoding is not None else encoding
        try:
            return body.decode(encoding, errors="replace") if encoding else ""
        except LookupError:  # a charset that nobody knows
            return body.decode("utf-8", errors="replace")

    @cached_property
    def _markup(self) -> Markup:
        return Markup(self.source)

    def text(self) -> str:
        """The main text."""
        return main_text(self.source) if self.is_html else self.source

    def title(self) -> str:
        """The title, "" where there is none."""
        return " ".join(self._markup.title.split())[:500] if self.is_html else ""

    def date(self) -> str:
        """The day the page says it was written, else the day its server says it was changed, "" where neither does."""
        said = (day_of(value) for value in [*self._metadata(), self.answer.header("last-modified")])
        return next(filter(None, said), "")

    def _metadata(self) -> Iterator[str]:
        if self.is_html:
            found = dict(self._meta())
            yield from (found[name] for name in _DATES if name in found)
            yield from (time["datetime"] for time in self._markup.all("time"))

    def _meta(self) -> Iterator[tuple[str, str]]:
        for meta in self._markup.all("meta[content]"):
            yield (meta["name"] or meta["property"]).lower(), meta["content"]

    def licence(self) -> str:
        """The licence in the names of SPDX, "unknown" where the page does not say."""
        return page_licence(self._markup, self.answer.header("link")) if self.is_html else UNKNOWN

    def reserved(self) -> str:
        """The words by which the page keeps itself from text and data mining, "" where it does not.

        TDMRep (W3C community group, 2024): `tdm-reservation: 1`; robots metadata: noai.
        """
        said = [
            ("tdm-reservation", self.answer.header("tdm-reservation")),
            ("robots", self.answer.header("x-robots-tag")),
        ]
        for name, content in [*said, *(self._meta() if self.is_html else ())]:
            words = re.split(r"[\s,;:]+", content.lower())
            if (name == "tdm-reservation" and "1" in words) or (name in ("robots", "hanlin") and "noai" in words):
                return f"{name}: {content.strip()}"
        return ""

    def links(self) -> Iterator[str]:
        """Addresses the page links to and lets us follow, each once, in order."""
        if not self.is_html or any("nofollow" in content.lower() for name, content in self._meta() if name == "robots"):
            return
        base = self._markup.first("base[href]")
        root = normalised(base["href"], self.answer.address) if base else None
        seen = set()
        for link in self._markup.all("a[href]"):
            if "nofollow" in link["rel"].lower().split():
                continue
            target = normalised(link["href"], root or self.answer.address)
            if target and target not in seen:
                seen.add(target)
                yield target
