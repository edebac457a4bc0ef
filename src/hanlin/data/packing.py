"""Rows of documents: best fit, and not one token lost.

Everything here counts *positions*: a position is one (input token, target token) pair, so a document of n tokens has
n - 1 of them. A document longer than a row is cut into pieces; in tokens the pieces overlap by one (the last target of
one piece is the first input of the next), in positions they do not overlap at all. Every token but a document's first
is therefore a target exactly once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Piece(NamedTuple):
    """Positions `start` .. `start + length - 1` of one item."""

    item: int
    start: int
    length: int


def cut(lengths: Sequence[int], capacity: int) -> list[Piece]:
    """Cut every item into full pieces and one remainder; an item of length 0 yields none."""
    assert capacity > 0, capacity
    return [
        Piece(item, start, min(capacity, length - start))
        for item, length in enumerate(lengths)
        for start in range(0, length, capacity)
    ]


def best_fit(lengths: Sequence[int], capacity: int) -> list[list[Piece]]:
    """Pack items into rows of `capacity` positions, best fit decreasing: long pieces first, each into the fullest row
    that still has room (Johnson 1973; at most 11/9 of the best number of rows plus a constant, in practice 1.00x).

    The rows that have s free positions wait in `waiting[s]`; bit s of `spaces` says that some do, so the tightest
    space that fits is the lowest bit set at or above the piece's length: one shift instead of a search tree.
    """
    rows: list[list[Piece]] = []
    waiting: defaultdict[int, list[int]] = defaultdict(list)
    spaces = 0
    for piece in sorted(cut(lengths, capacity), key=_longest_first):
        fitting = spaces >> piece.length
        if fitting:
            space = piece.length + (fitting & -fitting).bit_length() - 1
            row = waiting[space].pop()
            if not waiting[space]:
                spaces ^= 1 << space
        else:
            space, row = capacity, len(rows)
            rows.append([])
        rows[row].append(piece)
        if left := space - piece.length:
            waiting[left].append(row)
            spaces |= 1 << left
    return rows


def fill_ratio(rows: Sequence[Sequence[Piece]], capacity: int) -> float:
    """Share of the rows' positions that hold a token; 1.0 for no rows, which waste nothing."""
    if not rows:
        return 1.0
    return sum(piece.length for row in rows for piece in row) / (len(rows) * capacity)


def _longest_first(piece: Piece) -> int:
    return -piece.length


def by_length(items: Iterable[T], length: Callable[[T], int], positions: int) -> Iterator[list[T]]:
    """Items of like length together, so that little is padding; the longest first, so that memory fails early.

    Padded to its longest a group has at most `positions`, unless it is one item alone.
    """
    group: list[T] = []
    for item in sorted(items, key=length, reverse=True):
        if group and (len(group) + 1) * length(group[0]) > positions:
            yield group
            group = []
        group.append(item)
    if group:
        yield group
