"""Best fit: nothing lost, nothing over the edge, little wasted."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.data.packing import Piece, best_fit, by_length, cut, fill_ratio

LENGTHS = st.lists(st.integers(0, 50), max_size=60)
CAPACITY = st.integers(1, 24)


def positions(pieces: list[Piece]) -> list[tuple[int, int]]:
    return [(piece.item, at) for piece in pieces for at in range(piece.start, piece.start + piece.length)]


@given(LENGTHS, CAPACITY)
def test_every_position_is_in_exactly_one_row(lengths: list[int], capacity: int) -> None:
    rows = best_fit(lengths, capacity)
    packed = sorted(positions([piece for row in rows for piece in row]))
    assert packed == [(item, at) for item, length in enumerate(lengths) for at in range(length)]


@given(LENGTHS, CAPACITY)
def test_no_row_is_over_capacity_or_empty(lengths: list[int], capacity: int) -> None:
    for row in best_fit(lengths, capacity):
        assert 0 < sum(piece.length for piece in row) <= capacity


@given(LENGTHS, CAPACITY)
def test_only_documents_longer_than_a_row_are_cut(lengths: list[int], capacity: int) -> None:
    for item, length in enumerate(lengths):
        pieces = [piece for piece in cut(lengths, capacity) if piece.item == item]
        assert len(pieces) == -(-length // capacity)
        assert all(piece.length == capacity for piece in pieces[:-1])


@given(LENGTHS, CAPACITY)
def test_no_two_rows_could_be_one(lengths: list[int], capacity: int) -> None:
    """Best fit never opens a row while another has room, so at most one row is half empty."""
    half_empty = [row for row in best_fit(lengths, capacity) if sum(p.length for p in row) * 2 <= capacity]
    assert len(half_empty) <= 1


def test_the_tightest_row_is_taken() -> None:
    rows = best_fit([7, 6, 3, 4], 10)
    assert sorted(sorted(piece.item for piece in row) for row in rows) == [[0, 2], [1, 3]]


def test_real_lengths_waste_less_than_one_percent() -> None:
    """Chapters of novels among short pages, in rows of 512, the shape of the first real corpus."""
    draw = random.Random(0)
    lengths = [int(draw.lognormvariate(5.5, 1.5)) + 1 for _ in range(4000)]
    assert fill_ratio(best_fit(lengths, 512), 512) > 0.99


def test_fill_ratio_counts_what_is_held() -> None:
    assert fill_ratio([[Piece(0, 0, 3)], [Piece(1, 0, 1)]], 4) == 0.5
    assert fill_ratio([], 4) == 1.0


def test_a_row_must_hold_something() -> None:
    with pytest.raises(AssertionError):
        best_fit([1], 0)


@given(lengths=st.lists(st.integers(1, 40), max_size=60), positions=st.integers(1, 200))
def test_groups_of_like_length_hold_everything_once_and_fit(lengths: list[int], positions: int) -> None:
    items = list(enumerate(lengths))
    groups = list(by_length(items, lambda item: item[1], positions))
    assert sorted(item for group in groups for item in group) == items
    assert all(len(group) == 1 or len(group) * group[0][1] <= positions for group in groups)
    flat = [item[1] for group in groups for item in group]
    assert flat == sorted(flat, reverse=True)
