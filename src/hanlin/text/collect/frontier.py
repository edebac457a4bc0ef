"""Addresses still to be asked for: each once, and next the site that may be asked soonest."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from hanlin.text.collect.addresses import site_of
from hanlin.text.collect.fetch import Pace
from hanlin.text.collect.outcome import Errand

MOST_FAILURES = 8
"""A site that fails so often in a row is left to the next run."""


class Frontier:
    """A queue for each site. An address is taken in once, however many pages link to it."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._queues: dict[str, deque[Errand]] = {}
        self._known: set[str] = set()
        self._failures: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def knows(self, address: str) -> bool:
        """Whether an address was seen before."""
        return address in self._known

    def is_new(self, address: str) -> bool:
        """Whether an address was never seen before; from now on it was."""
        is_new = address not in self._known
        self._known.add(address)
        return is_new

    def add(self, errand: Errand) -> None:
        """Put an address at the end of its site's queue."""
        self._queues.setdefault(site_of(errand.address), deque()).append(errand)

    def pop(self) -> Errand | None:
        """Return what to ask for next, or None at the end."""
        waiting = [site for site, queue in self._queues.items() if queue]
        if not waiting:
            return None
        site = min(waiting, key=self._pace.wait_of)
        queue = self._queues.pop(site)
        self._queues[site] = queue  # to the end: sites that are equally ready take turns
        return queue.popleft()

    def again(self, errand: Errand, wait: float) -> None:
        """Ask once more after a pause in which its site is asked nothing."""
        site = site_of(errand.address)
        self._pace.hold(site, wait)
        self._queues.setdefault(site, deque()).appendleft(replace(errand, num_tries=errand.num_tries + 1))

    def failed(self, errand: Errand) -> list[Errand]:
        """Count a failure of a site; where there were too many in a row, return all that waits for it and forget it."""
        site = site_of(errand.address)
        self._failures[site] = self._failures.get(site, 0) + 1
        if self._failures[site] < MOST_FAILURES:
            return []
        return list(self._queues.pop(site, ()))

    def answered(self, errand: Errand) -> None:
        """Forget the failures of a site."""
        self._failures.pop(site_of(errand.address), None)

    def rest(self) -> list[Errand]:
        """Give up and return all that waits."""
        left = [errand for queue in self._queues.values() for errand in queue]
        self._queues.clear()
        return left
