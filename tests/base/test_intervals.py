"""Intervals against published values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.intervals import wilson


def test_wilson_against_published_values() -> None:
    """Newcombe 1998, table I: 81 of 263, and 0 of 20."""
    low, high = wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    low, high = wilson(0, 20)
    assert (low, round(high, 4)) == (0.0, 0.1611)


@given(n=st.integers(1, 500), data=st.data())
def test_wilson_holds_the_share_and_stays_between_0_and_1(n: int, data: st.DataObject) -> None:
    correct = data.draw(st.integers(0, n))
    low, high = wilson(correct, n)
    assert 0 <= low <= correct / n + 1e-12 and correct / n - 1e-12 <= high <= 1


def test_nothing_counted_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
