"""Groups of numbers that are joined pair by pair."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def roots_of(pairs: Ints, num_numbers: int) -> Ints:
    """Return for each of the numbers 0 to n - 1 the smallest one of its group, the pairs (m, 2) joining them."""
    roots = np.arange(num_numbers, dtype=np.int64)
    join(roots, pairs)
    return ends_of(roots, roots)


def join(roots: Ints, pairs: Ints) -> None:
    """Join groups by pairs (m, 2), in place: each number names another of its group that is smaller, or itself.

    All pairs at once: every root takes the smallest root it is joined with, until nothing changes. The rounds grow with
    the logarithm of the longest chain, the memory with the pairs alone.
    """
    while True:
        ends = ends_of(roots, pairs)
        roots[pairs] = ends  # the next one who asks has a shorter way
        ends = ends[ends[:, 0] != ends[:, 1]]
        if not len(ends):
            return
        np.minimum.at(roots, ends.max(axis=1), ends.min(axis=1))


def ends_of(roots: Ints, numbers: Ints) -> Ints:
    """Return for each number the smallest one of its group."""
    ends = roots[numbers]
    while not np.array_equal(further := roots[ends], ends):
        ends = further
    return ends


def groups_of(pairs: Ints) -> Iterator[list[int]]:
    """Yield the groups that pairs of any numbers make, sorted, in order of their smallest number."""
    numbers, places = np.unique(pairs, return_inverse=True)
    if len(numbers):
        roots = roots_of(places.reshape(pairs.shape), len(numbers))
        order = np.argsort(roots, kind="stable")
        borders = np.flatnonzero(np.diff(roots[order])) + 1
        yield from (group.tolist() for group in np.split(numbers[order], borders))
