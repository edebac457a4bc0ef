"""Which document comes next: shuffled by epoch, mixed by share of tokens, resumable from a few integers.

The order of a source is a pure function of (seed, source name, epoch), so a cursor (epoch, documents drawn in it,
positions drawn ever) says all there is to say about where a run stands.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from hanlin.base.seeds import Seeds
from hanlin.data.sources import Concatenation, Source


@dataclass(frozen=True, kw_only=True)
class WeightedSource:
    """A source, its share of the tokens (on any positive scale) and how often its documents may be seen.

    Without weights every document of every source is seen once per epoch. A source that has reached `max_epochs` leaves
    the mixture; the stream ends when all sources with such a limit have reached it, and never where none has one.
    """

    source: Source
    weight: float | None = None
    max_epochs: float | None = None


@dataclass
class Cursor:
    """Where a source stands."""

    epoch: int = 0
    drawn: int = 0  # documents of this epoch
    positions: int = 0  # of all epochs


class Mixture:
    """A stream of (source, document) numbers.

    The next document comes from the source that is furthest behind its share of the positions drawn so far, so the
    shares are exact to within one document at any moment, whatever the lengths.
    """

    def __init__(self, sources: Sequence[WeightedSource], *, seed: int) -> None:
        weighted = _unweighted_as_one(sources)
        self.sources: tuple[Source, ...] = tuple(part.source for part in weighted)
        self.weights = [1.0 if part.weight is None else part.weight for part in weighted]
        self.limits = [_document_limit(part) for part in weighted]
        self.leading = self.weights.index(max(self.weights))
        self.cursors = [Cursor() for _ in weighted]
        self._seeds = Seeds(seed)
        self._orders: dict[int, tuple[int, npt.NDArray[np.int64]]] = {}

    def draw(self, window: int) -> list[tuple[int, int]]:
        """The next documents: at least `window` positions, fewer where the stream or the leading source's epoch ends.

        Stopping at the end of an epoch keeps a corpus smaller than the window from being shuffled with its own repeats.
        """
        drawn: list[tuple[int, int]] = []
        positions = 0
        while positions < window and (source := self._furthest_behind()) is not None:
            document, length = self._advance(source)
            drawn.append((source, document))
            positions += length
            if source == self.leading and self.cursors[source].drawn == 0:
                break
        return drawn

    def num_positions(self) -> int | None:
        """Positions of the whole stream: exact for one source (or several without weights), within a document for the
        sources of a mixture; None for an endless one."""
        limited = [which for which, limit in enumerate(self.limits) if limit is not None]
        if not limited:
            return None
        wanted = {which: self._positions_until(which, self.limits[which] or 0) for which in limited}
        if len(limited) == len(self.sources):
            return sum(wanted.values())
        last = max(limited, key=lambda which: wanted[which] / self.weights[which])
        endless = sum(weight for which, weight in enumerate(self.weights) if which not in wanted)
        return sum(wanted.values()) + round(wanted[last] / self.weights[last] * endless)

    def state(self) -> list[dict[str, int]]:
        return [asdict(cursor) for cursor in self.cursors]

    def load_state(self, state: Sequence[dict[str, int]]) -> None:
        self.cursors = [Cursor(**cursor) for cursor in state]

    def _furthest_behind(self) -> int | None:
        open_sources = [which for which in range(len(self.sources)) if not self._is_exhausted(which)]
        if all(self.limits[which] is None for which in open_sources) and any(self.limits):
            return None
        return min(open_sources, key=lambda which: self.cursors[which].positions / self.weights[which], default=None)

    def _is_exhausted(self, which: int) -> bool:
        limit, cursor = self.limits[which], self.cursors[which]
        return limit is not None and cursor.epoch * len(self.sources[which].lengths) + cursor.drawn >= limit

    def _advance(self, which: int) -> tuple[int, int]:
        source, cursor = self.sources[which], self.cursors[which]
        document = int(self._order(which, cursor.epoch)[cursor.drawn])
        length = int(source.lengths[document])
        cursor.positions += length
        cursor.drawn += 1
        if cursor.drawn == len(source.lengths):
            cursor.epoch, cursor.drawn = cursor.epoch + 1, 0
        return document, length

    def _order(self, which: int, epoch: int) -> npt.NDArray[np.int64]:
        known = self._orders.get(which)
        if known is None or known[0] != epoch:
            # By number, never by name: names hold paths, and the same data must train alike wherever they lie.
            key = self._seeds.derive(f"order of source {which}, epoch {epoch}")
            known = self._orders[which] = (epoch, shuffled(len(self.sources[which].lengths), key=key))
        return known[1]

    def _positions_until(self, which: int, num_documents: int) -> int:
        lengths = self.sources[which].lengths
        epochs, rest = divmod(num_documents, len(lengths))
        return epochs * int(lengths.sum()) + int(lengths[self._order(which, epochs)[:rest]].sum())


def shuffled(num: int, *, key: int) -> npt.NDArray[np.int64]:
    """A permutation of 0 .. num - 1: the numbers sorted by SplitMix64 of (key, number) (Steele et al. 2014).

    Not numpy's generator: its streams may change between releases, and a run may outlive a release.
    """
    golden, first, second = (np.uint64(c) for c in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
    mixed = np.uint64(key) + golden * np.arange(1, num + 1, dtype=np.uint64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * first
    mixed = (mixed ^ (mixed >> np.uint64(27))) * second
    return np.argsort(mixed ^ (mixed >> np.uint64(31)), kind="stable")


def _unweighted_as_one(sources: Sequence[WeightedSource]) -> Sequence[WeightedSource]:
    assert sources, "a mixture of nothing"
    assert len({part.weight is None for part in sources}) == 1, "weights for all sources or for none"
    if len(sources) == 1 or sources[0].weight is not None:
        return sources
    assert len({part.max_epochs for part in sources}) == 1, "without weights all sources share one max_epochs"
    whole = Concatenation([part.source for part in sources])
    return [WeightedSource(source=whole, max_epochs=sources[0].max_epochs)]


def _document_limit(part: WeightedSource) -> int | None:
    return None if part.max_epochs is None else math.ceil(part.max_epochs * len(part.source.lengths))
