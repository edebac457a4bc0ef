"""Pages from the web: what an address leads to is asked for, politely, until nothing within bounds is left.

address -> robots.txt -> request, redirects -> sitemap or feed: more addresses
                                            -> page: a document, and its links where the depth allows
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from hanlin.base.progress import Progress
from hanlin.text.collect.addresses import are_neighbours, normalised, site_of
from hanlin.text.collect.archive import Archive, Row
from hanlin.text.collect.asking import Asker, age_of, now
from hanlin.text.collect.config import CollectConfig, WebConfig
from hanlin.text.collect.fetch import Answer, Fetcher, Pace
from hanlin.text.collect.frontier import Frontier
from hanlin.text.collect.licences import UNKNOWN
from hanlin.text.collect.listings import KINDS, listing_of
from hanlin.text.collect.outcome import BOUND, PASSING, Errand, Piece, Refused, Trouble
from hanlin.text.collect.packing import as_json, as_response
from hanlin.text.collect.pages import Page


class Web:
    """One run over all sources of the web, on top of what earlier runs left in the archive."""

    def __init__(self, config: CollectConfig, archive: Archive, progress: Progress) -> None:
        self.config, self.archive, self.progress = config, archive, progress
        self.pace = Pace(config.web.delay)
        self.fetcher = Fetcher(config.web, config.contact, self.pace)
        self.asker = Asker(config.web, self.fetcher, archive)
        self.frontier = Frontier(self.pace)
        self.unreachable = ""
        self._num_pages = sum(row.fate == "kept" and row.place.startswith("http") for row in archive.rows.values())

    def collect(self, addresses: Iterable[str]) -> None:
        """Ask for all addresses and for what they lead to."""
        for address in addresses:
            seed = Errand(normalised(address) or address, normalised(address) or address, self.config.web.depth)
            self._take([seed])
        while errand := self.frontier.pop():
            self._visit(errand)
            self.progress.update(len(self.archive.rows), waiting=len(self.frontier))

    @property
    def is_offline(self) -> bool:
        """Whether somebody was asked and nobody at all has answered."""
        return bool(self.unreachable) and self.fetcher.num_answers == 0

    def _take(self, errands: Iterable[Errand]) -> None:
        """Take addresses in: to be asked for, or, where the journal has them, what they led to."""
        waiting = list(errands)
        for errand in waiting:
            if normalised(errand.address) is None:
                self._tell(errand, Refused("bad_address"))
            elif self.frontier.is_new(errand.address):
                row = self.archive.rows.get(errand.address)
                if row is None or not self._is_done(row):
                    self.frontier.add(errand)
                elif not self._says_enough(row, errand):
                    self.frontier.add(replace(errand, is_whole=True))
                else:
                    self.frontier.is_new(row.final)
                    waiting += _leads_of(row, less=max(0, row.note.get("depth", 0) - errand.depth))

    def _is_done(self, row: Row) -> bool:
        refresh = self.config.refresh
        return row.is_settled and (refresh is None or age_of(row.at) < refresh * 24 * 3600)

    def _says_enough(self, row: Row, errand: Errand) -> bool:
        """Whether what is known of an address was asked under settings as wide as these."""
        web, then = self.config.web, row.note
        if row.fate == "refused":
            return row.reason not in BOUND or then.get("bounds") == _bounds_of(web)
        has_left = errand.depth > then.get("depth", 0) or (not web.same_site and "other_site" in row.lost)
        return not has_left and (bool(then.get("sitemaps")) or not self._wants_sitemaps(errand))

    def _wants_sitemaps(self, errand: Errand) -> bool:
        return self.config.web.sitemaps and errand.address == errand.source

    def _visit(self, errand: Errand) -> None:
        """Ask for one address and write down what came of it."""
        try:
            if self._num_pages >= self.config.web.max_pages:
                raise Refused("enough", f"{self.config.web.max_pages:,}")
            answer = self.asker.ask(errand, self.frontier.knows)
            row, records = self._read(errand, answer)
        except Trouble as trouble:
            self._ask_again(errand, trouble)
        except Refused as refused:
            self._tell(errand, refused)
        else:
            self.frontier.answered(errand)
            self._num_pages += bool(records) and errand.address not in self.archive.rows
            self.archive.add(row, records) if answer.status == 200 else self.archive.confirm(row)
            self.frontier.is_new(answer.address)
            self._take(_leads_of(row))

    def _ask_again(self, errand: Errand, trouble: Trouble) -> None:
        """After a pause that doubles, or as long as the site asks for; not beyond the patience of the settings."""
        web = self.config.web
        wait = trouble.wait if trouble.wait is not None else web.backoff * 2**errand.num_tries
        if trouble.reason == "unreachable":
            self.unreachable = site_of(errand.address)
        if errand.num_tries < web.retries and wait <= web.max_wait and not self.is_offline:
            self.frontier.again(errand, wait)
            return
        for left in [errand, *(self.frontier.rest() if self.is_offline else self.frontier.failed(errand))]:
            self._tell(left, trouble)

    def _tell(self, errand: Errand, refused: Refused) -> None:
        """Write down why an address is not collected; what was kept of it before stays."""
        known = self.archive.rows.get(errand.address)
        if known is not None and known.fate in ("kept", "followed"):
            self.archive.confirm(replace(known, at=now(), reason=refused.reason, detail=refused.detail[:200]))
            return
        fate: Any = "failed" if refused.reason in PASSING else "refused"
        note = {"bounds": _bounds_of(self.config.web)} if refused.reason in BOUND else {}
        row = Row(errand.address, fate, errand.source, refused.reason, refused.detail[:200], now(), note=note)
        self.archive.add(row)

    # ------------------------------------------------------------ what an answer holds

    def _read(self, errand: Errand, answer: Answer) -> tuple[Row, tuple[bytes, ...]]:
        """The row of the journal and the records of the archive. Raises Refused."""
        if answer.status == 304:
            return replace(self.archive.rows[errand.address], at=now(), reason="", detail=""), ()
        mark = {name: answer.header(name) for name in ("etag", "last-modified") if answer.header(name)}
        asked = {"depth": errand.depth, "sitemaps": self._wants_sitemaps(errand)}
        note = {name: value for name, value in asked.items() if value}
        row = Row(errand.address, "followed", errand.source, at=now(), final=answer.address, mark=mark, note=note)
        listing = listing_of(answer, self.config.web.max_bytes)
        if listing is not None:
            leads = [Errand(one.address, errand.source, errand.depth, one.hints) for one in listing.entries]
            return self._with_leads(row, leads), ()
        if answer.kind in KINDS:
            raise Refused("type", answer.kind)
        return self._page(row, errand, Page(answer))

    def _page(self, row: Row, errand: Errand, page: Page) -> tuple[Row, tuple[bytes, ...]]:
        if reserved := page.reserved():
            raise Refused("reserved", reserved)
        is_text = self.config.kept_as == "jsonl"
        text = page.text() if is_text else ""
        if is_text and not text.strip():
            raise Refused("no_text")
        meta = self._meta(errand, page)
        records = [as_json(Piece(row.place, text, meta))] if is_text else list(as_response(page.answer, meta, row.at))
        row = replace(row, fate="kept", licences={str(meta["licence"]): 1}, num_documents=1)
        row = replace(row, num_bytes=len(page.answer.body))
        return self._with_leads(row, self._leads(errand, page)), tuple(records)

    def _leads(self, errand: Errand, page: Page) -> Iterator[Errand]:
        """What a page leads to: its links where the depth allows, from the first page the site's sitemaps too."""
        if errand.depth:
            yield from (Errand(link, errand.source, errand.depth - 1) for link in page.links())
        if self._wants_sitemaps(errand):
            sitemaps = (normalised(one, errand.source) for one in self.asker.rules_of(errand.address).sitemaps)
            yield from (Errand(one, errand.source, errand.depth) for one in sitemaps if one)

    def _meta(self, errand: Errand, page: Page) -> Mapping[str, str]:
        """What is known of a page: said by itself, else by the listing that led to it, else by the settings."""
        said = page.licence()
        licence = said if said != UNKNOWN else errand.hints.get("licence") or self.config.licence or UNKNOWN
        known = {"url": page.answer.address, "title": page.title(), "date": page.date() or errand.hints.get("date", "")}
        known |= {"licence": licence, "site": site_of(page.answer.address), "collected": now()}
        return {name: value for name, value in known.items() if value}

    def _with_leads(self, row: Row, leads: Iterable[Errand]) -> Row:
        """The row with the addresses it leads to; those of other sites are only counted."""
        stays = self.config.web.same_site
        found, num_others = [], 0
        for lead in leads:
            if stays and not are_neighbours(lead.address, lead.source):
                num_others += 1
            else:
                found.append({"to": lead.address, "depth": lead.depth, **({"hints": lead.hints} if lead.hints else {})})
        return replace(row, found=tuple(found), lost={"other_site": num_others} if num_others else {})


def _bounds_of(web: WebConfig) -> str:
    """The settings that decide whether an address is refused for good, as a word to compare by."""
    names = ("same_site", "max_redirects", "max_bytes", "max_wait", "types", "private_addresses")
    return hashlib.sha256(repr([getattr(web, name) for name in names]).encode()).hexdigest()[:16]


def _leads_of(row: Row, less: int = 0) -> Iterator[Errand]:
    """What an address led to, so many links less far than when it was asked."""
    for lead in row.found:
        if lead["depth"] >= less:
            yield Errand(lead["to"], row.source, lead["depth"] - less, lead.get("hints", {}))
