"""Which document comes next: shuffled by epoch, mixed by share of tokens, resumable from a few integers.

The order of a source is a pure function of (seed, number of the source, epoch), so a cursor (epoch, documents drawn in
it, positions drawn) says all there is to say about where a run stands. Shares may change with the positions drawn:
each phase counts from its own beginning.
"""

from __future__ import annotations

import bisect
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
    levels: npt.NDArray[np.uint8] | None = None  # (num_documents,): an epoch goes from low levels to high ones


@dataclass(frozen=True)
class Phase:
    """Shares of the sources, on any positive scale, until so many positions are drawn (None: to the end). A source of
    share 0 is not drawn from."""

    weights: tuple[float, ...]
    until: int | None = None


@dataclass
class Cursor:
    """Where a source stands."""

    epoch: int = 0
    drawn: int = 0  # documents of this epoch
    positions: int = 0  # of all epochs
    began: int = 0  # positions before this phase


class Mixture:
    """A stream of (source, document) numbers.

    The next document comes from the source that is furthest behind its share of the positions drawn so far, so the
    shares are exact to within one document at any moment, whatever the lengths.
    """

    def __init__(
        self,
        sources: Sequence[WeightedSource],
        *,
        seed: int,
        phases: Sequence[Phase] = (),
        ends_with_limited: bool = True,
    ) -> None:
        """`phases` take the place of the sources' own shares. Where `ends_with_limited` is False, a source that has
        reached its limit only leaves, and the stream ends when none is left to draw from."""
        weighted = _unweighted_as_one(sources)
        self.sources: tuple[Source, ...] = tuple(part.source for part in weighted)
        self.weights = [1.0 if part.weight is None else part.weight for part in weighted]
        self.phases = tuple(phases) or (Phase(tuple(self.weights)),)
        self.limits = [_document_limit(part) for part in weighted]
        self.cursors = [Cursor() for _ in weighted]
        self._levels = [part.levels for part in weighted]
        self.ends_with_limited = ends_with_limited
        self._seeds = Seeds(seed)
        self._borders = [phase.until for phase in self.phases if phase.until is not None]
        self._phase = self.phases[0]
        self._orders: dict[int, tuple[int, npt.NDArray[np.int64]]] = {}

    def draw(self, window: int) -> list[tuple[int, int]]:
        """The next documents: at least `window` positions, fewer where the stream, a phase, or an epoch or a level of
        the leading source ends.

        What is drawn at once is shuffled together. Stopping at these ends keeps a corpus smaller than the window from
        being shuffled with its own repeats, and easy documents from being shuffled with hard ones.
        """
        drawn: list[tuple[int, int]] = []
        positions = 0
        while positions < window and (source := self._furthest_behind()) is not None:
            leading = self._phase.weights.index(max(self._phase.weights))
            document, length = self._advance(source)
            drawn.append((source, document))
            positions += length
            if self._enter_phase() or (source == leading and self._has_ended(source, document)):
                break
        return drawn

    def num_positions(self) -> int | None:
        """Positions of the whole stream: exact for one source (or several without weights), within a document for the
        sources of a mixture; None for an endless one."""
        limited = [which for which, limit in enumerate(self.limits) if limit is not None]
        if not limited or (len(limited) < len(self.sources) and not self.ends_with_limited):
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
        self._phase = self._phase_here()

    def _phase_here(self) -> Phase:
        drawn = sum(cursor.positions for cursor in self.cursors)
        return self.phases[min(bisect.bisect_right(self._borders, drawn), len(self.phases) - 1)]

    def _enter_phase(self) -> bool:
        """Whether another phase begins with the next document; then all sources count from here."""
        phase = self._phase_here()
        if phase is self._phase:
            return False
        self._phase = phase
        for cursor in self.cursors:
            cursor.began = cursor.positions
        return True

    def _has_ended(self, which: int, document: int) -> bool:
        """Whether `document` was the last of its epoch or of its level."""
        drawn, levels = self.cursors[which].drawn, self._levels[which]
        if drawn == 0 or levels is None:
            return drawn == 0
        return bool(levels[self._order(which, self.cursors[which].epoch)[drawn]] != levels[document])

    def _furthest_behind(self) -> int | None:
        weights = self._phase.weights
        open_sources = [which for which in range(len(self.sources)) if not self._is_exhausted(which)]
        only_endless = any(self.limits) and all(self.limits[which] is None for which in open_sources)
        if self.ends_with_limited and only_endless:
            return None
        drawable = [which for which in open_sources if weights[which] > 0]
        return min(drawable, key=lambda which: self._phase_positions(which) / weights[which], default=None)

    def _phase_positions(self, which: int) -> int:
        return self.cursors[which].positions - self.cursors[which].began

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
            order = shuffled(len(self.sources[which].lengths), key=key)
            levels = self._levels[which]
            known = self._orders[which] = (epoch, order if levels is None else _by_level(order, levels))
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


def _by_level(order: npt.NDArray[np.int64], levels: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    return order[np.argsort(levels[order], kind="stable")]


def _unweighted_as_one(sources: Sequence[WeightedSource]) -> Sequence[WeightedSource]:
    assert sources, "a mixture of nothing"
    assert len({part.weight is None for part in sources}) == 1, "weights for all sources or for none"
    if len(sources) == 1 or sources[0].weight is not None:
        return sources
    assert len({part.max_epochs for part in sources}) == 1, "without weights all sources share one max_epochs"
    whole = Concatenation([part.source for part in sources])
    levels = [part.levels for part in sources if part.levels is not None]
    assert len(levels) in (0, len(sources)), "levels for all sources or for none"
    return [
        WeightedSource(
            source=whole, max_epochs=sources[0].max_epochs, levels=np.concatenate(levels) if levels else None
        )
    ]


def _document_limit(part: WeightedSource) -> int | None:
    return None if part.max_epochs is None else math.ceil(part.max_epochs * len(part.source.lengths))
