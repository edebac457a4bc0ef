"""Histograms against numpy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.text.pages.bins import even_bins, size_bins


def test_sizes_double() -> None:
    bins = size_bins([0, 1, 2, 3, 4, 7, 8, 1000])
    assert bins.edges[:5] == (0, 1, 2, 4, 8) and bins.edges[-1] == 1024
    assert bins.counts == (1, 1, 2, 2, 1, 0, 0, 0, 0, 0, 1)


@given(st.lists(st.floats(0, 1e9), max_size=50))
def test_nothing_falls_out(values: list[float]) -> None:
    assert sum(size_bins(values).counts) == len(values)
    assert sum(even_bins(values).counts) == len(values)
    assert list(even_bins(values).edges) == sorted(even_bins(values).edges)


def test_even_bins_are_numpys() -> None:
    values = np.random.default_rng(1).random(1000).tolist()
    high = np.percentile(values, 99)
    counts, edges = np.histogram(np.minimum(values, high), np.linspace(min(values), high, 25))
    assert even_bins(values).counts == tuple(counts)
    assert even_bins(values).edges == pytest.approx(edges, rel=1e-4)


def test_one_value_and_none() -> None:
    assert sum(even_bins([0.5] * 7).counts) == 7
    assert even_bins([]).counts == (0,) and size_bins([]).counts == (0, 0)
