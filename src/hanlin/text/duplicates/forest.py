"""Groups of numbers that are joined pair by pair."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def roots_of(pairs: Ints, num_numbers: int) -> Ints:
    """Return for each of the numbers 0 to n - 1 the smallest one of its group, the pairs (m, 2) joining them.

    All pairs at once: every root takes the smallest root it is joined with, then paths are cut short, until nothing
    changes. The rounds grow with the logarithm of the longest chain.
    """
    roots = np.arange(num_numbers, dtype=np.int64)
    while True:
        one, other = roots[pairs[:, 0]], roots[pairs[:, 1]]
        apart = one != other
        if not apart.any():
            return roots
        low, high = np.minimum(one, other)[apart], np.maximum(one, other)[apart]
        np.minimum.at(roots, high, low)
        while not np.array_equal(shorter := roots[roots], roots):
            roots = shorter


def groups_of(pairs: Ints) -> Iterator[list[int]]:
    """Yield the groups that pairs of any numbers make, sorted, in order of their smallest number."""
    numbers, places = np.unique(pairs, return_inverse=True)
    if len(numbers):
        roots = roots_of(places.reshape(pairs.shape), len(numbers))
        order = np.argsort(roots, kind="stable")
        borders = np.flatnonzero(np.diff(roots[order])) + 1
        yield from (group.tolist() for group in np.split(numbers[order], borders))
