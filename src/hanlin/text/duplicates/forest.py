"""Groups of numbers that are joined pair by pair (union-find)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


class Forest:
    """Numbers 0 to n - 1, each at first a group of its own; 8 bytes each.

    A group is named by its smallest number, so the outcome does not depend on the order of the joins.
    """

    def __init__(self, num_numbers: int) -> None:
        self._parents = np.arange(num_numbers, dtype=np.int64)

    def root(self, number: int) -> int:
        """Return the smallest number of a group."""
        parents = self._parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return int(number)

    def join(self, one: int, other: int) -> None:
        """Make one group of two."""
        low, high = sorted((self.root(one), self.root(other)))
        self._parents[high] = low

    def groups(self) -> Iterator[list[int]]:
        """Yield the groups of two or more, sorted, in order of their smallest number."""
        members: dict[int, list[int]] = {}
        for number in np.flatnonzero(self._parents != np.arange(len(self._parents))).tolist():
            root = self.root(number)
            members.setdefault(root, [root]).append(number)
        yield from (members[root] for root in sorted(members))
