"""Numbers of many texts as a histogram: bins in equal steps, or in powers of two where they span several sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NUM_BINS = 24


@dataclass(frozen=True)
class Bins:
    """`counts[n]` values lie from `edges[n]` up to below `edges[n + 1]`; the last bin holds its upper edge too."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    def figures(self) -> dict[str, Any]:
        """The histogram for JSON, its edges to six digits."""
        return {"edges": [float(f"{edge:.6g}") for edge in self.edges], "counts": list(self.counts)}


def size_bins(values: Sequence[float]) -> Bins:
    """Return sizes in bins of powers of two: 1, 2 to 3, 4 to 7 ... Values below 1 stand in a bin from 0."""
    sizes = np.asarray(values, np.float64)
    last = int(np.floor(np.log2(max(1.0, sizes.max(initial=1.0))))) + 1
    return _counted(sizes, np.concatenate(([0.0], 2.0 ** np.arange(last + 1))))


def even_bins(values: Sequence[float], most: int = NUM_BINS, edges: Sequence[float] = ()) -> Bins:
    """Return values in bins of one width, from the smallest value to the 99th percentile; larger ones in the last.

    `edges` of other values make the two comparable.
    """
    sample = np.asarray(values, np.float64)
    if edges:
        return _counted(np.clip(sample, edges[0], edges[-1]), np.asarray(edges))
    if not len(sample):
        return Bins((0.0, 1.0), (0,))
    low, high = float(sample.min()), float(np.percentile(sample, 99))
    if high <= low:
        low, high = float(sample.min()), float(max(sample.max(), sample.min() + 1e-6))
    return _counted(np.minimum(sample, high), np.linspace(low, high, most + 1))


def _counted(values: np.ndarray, edges: np.ndarray) -> Bins:
    counts, _ = np.histogram(values, edges)
    return Bins(tuple(float(edge) for edge in edges), tuple(int(count) for count in counts))
