"""Asking for one address: only what robots.txt and the bounds of the source allow, through all its redirects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from hanlin.text.collect.addresses import are_neighbours, normalised, origin_of, site_of
from hanlin.text.collect.archive import Archive, Row
from hanlin.text.collect.config import WebConfig
from hanlin.text.collect.fetch import MOVED, Answer, Fetcher
from hanlin.text.collect.listings import KINDS
from hanlin.text.collect.outcome import Errand, Refused, Trouble
from hanlin.text.collect.robots import MOST_BYTES, RobotsFile, Rules

_DAY = 24 * 3600.0
"""A robots.txt is not used for longer (RFC 9309, 2.4)."""
_MOST_MOVES = 5  # redirects of a robots.txt that are followed (RFC 9309, 2.3.1.2)


def now() -> str:
    """The moment as WARC and ISO 8601 write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def age_of(at: str) -> float:
    """Seconds since a moment that `now` wrote."""
    return (datetime.now(UTC) - datetime.strptime(at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)).total_seconds()


class Asker:
    """Asks sites, and remembers what their robots.txt said, in the archive too."""

    def __init__(self, web: WebConfig, fetcher: Fetcher, archive: Archive) -> None:
        self.web, self.fetcher, self.archive = web, fetcher, archive
        self._rules: dict[str, Rules] = {}

    def ask(self, errand: Errand, knows: Callable[[str], bool]) -> Answer:
        """Return the answer at the end of all redirects. `knows` tells which addresses are asked for anyway.

        Raises Refused or Trouble.
        """
        address, passed = errand.address, [errand.address]
        while True:
            self._permit(address, errand)
            kinds = (*self.web.types, *KINDS)
            answer = self.fetcher.get(address, kinds=kinds, conditions=self._conditions(errand, address))
            if answer.status not in MOVED:
                return answer
            target = normalised(answer.header("location"), address)
            if target is None:
                raise Refused("bad_address", answer.header("location"))
            if target in passed or len(passed) > self.web.max_redirects:
                raise Refused("redirects", " > ".join([*passed[1:], target]))
            if knows(target):
                raise Refused("duplicate", target)
            passed.append(target)
            address = target

    def _conditions(self, errand: Errand, address: str) -> dict[str, str]:
        """Ask only for what changed since it was kept (RFC 9110, 13.1)."""
        row = self.archive.rows.get(errand.address)
        if row is None or errand.is_whole or address != row.final:
            return {}
        names = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
        return {names[name]: value for name, value in row.mark.items() if name in names}

    def _permit(self, address: str, errand: Errand) -> None:
        """Raises Refused for another site than the source's and for what robots.txt forbids."""
        if self.web.same_site and not are_neighbours(address, errand.source):
            raise Refused("other_site", site_of(address))
        rules = self.rules_of(address)
        if rules.file.is_unreachable:
            raise Trouble("robots_unreachable", origin_of(address))
        if rules.delay > self.web.max_wait:
            raise Refused("crawl_delay", f"{rules.delay:g} s")
        if not rules.allow(address):
            raise Refused("robots")

    def rules_of(self, address: str) -> Rules:
        """Return what the robots.txt of an address's origin says, asked for at most once a day."""
        origin = origin_of(address)
        if origin not in self._rules:
            row = self.archive.rows.get(f"{origin}/robots.txt")
            file = _robots_of(row.note) if row and row.fate == "robots" and age_of(row.at) < _DAY else None
            if file is None or file.is_unreachable:
                file = self._robots_file(f"{origin}/robots.txt")
                self.archive.add(Row(f"{origin}/robots.txt", "robots", at=now(), note=vars(file)))
            self._rules[origin] = Rules(file)
            self.fetcher.pace.slow_down(site_of(address), self._rules[origin].delay)
        return self._rules[origin]

    def _robots_file(self, address: str, num_tries: int = 0, num_moves: int = 0) -> RobotsFile:
        """RFC 9309, 2.3.1: 4xx allows everything; 5xx and silence forbid everything. Raises Trouble where the site
        itself cannot be reached, Refused where it must not be: that is what the user has to hear."""
        try:
            answer = self.fetcher.get(address)
        except Trouble as trouble:
            if trouble.reason == "unreachable":
                raise
            wait = trouble.wait if trouble.wait is not None else self.web.backoff * 2**num_tries
            if num_tries >= self.web.retries or wait > self.web.max_wait:
                return RobotsFile(is_unreachable=True)
            self.fetcher.pace.hold(site_of(address), wait)
            return self._robots_file(address, num_tries + 1, num_moves)
        except Refused as refused:
            if refused.reason == "private_address":
                raise
            return RobotsFile(is_unreachable=refused.reason != "status")
        target = normalised(answer.header("location"), address) if answer.status in MOVED else None
        if target and num_moves < _MOST_MOVES:
            return self._robots_file(target, num_tries, num_moves + 1)
        return RobotsFile(answer.body[:MOST_BYTES].decode("utf-8", errors="replace"))


def _robots_of(note: Mapping[str, str | bool]) -> RobotsFile:
    return RobotsFile(str(note["text"]), bool(note["is_unreachable"]))
