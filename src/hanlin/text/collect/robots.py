"""What robots.txt allows (RFC 9309), asked once for each origin and kept in the journal.

Read by protego, because the standard library takes the first rule that fits where the RFC wants the longest, and
knows neither `*` nor `$` in paths.
"""

from __future__ import annotations

from dataclasses import dataclass

from protego import Protego

from hanlin.text.collect.fetch import PRODUCT

MOST_BYTES = 500 << 10
"""A robots.txt is read up to here (RFC 9309, 2.5)."""


@dataclass(frozen=True)
class RobotsFile:
    """One robots.txt as it was found: its text, and whether nothing may be asked because it could not be had."""

    text: str = ""
    is_unreachable: bool = False


class Rules:
    """The rules of one origin for us."""

    def __init__(self, file: RobotsFile) -> None:
        self.file = file
        self._rules = Protego.parse(file.text)

    def allow(self, address: str) -> bool:
        """Whether an address may be asked for; nothing may while robots.txt is unreachable (2.3.1.4)."""
        return not self.file.is_unreachable and bool(self._rules.can_fetch(address, PRODUCT))

    @property
    def delay(self) -> float:
        """Seconds that the site wants between requests: Crawl-delay, or what Request-rate comes to."""
        rate = self._rules.request_rate(PRODUCT)
        by_rate = rate.seconds / rate.requests if rate and rate.requests else 0.0
        return max(float(self._rules.crawl_delay(PRODUCT) or 0.0), by_rate)

    @property
    def sitemaps(self) -> list[str]:
        """Addresses of sitemaps that the file names."""
        return list(self._rules.sitemaps)
