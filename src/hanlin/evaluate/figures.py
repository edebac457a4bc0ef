"""A figure with what it has to be seen beside: its error bar and what chance would reach."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000


@dataclass(frozen=True)
class Figure:
    """value with its 95 % interval, and the value of guessing; None where guessing has none."""

    value: float
    low: float
    high: float
    chance: float | None = None


def resampled(
    measure: Callable[[NDArray[np.intp]], float], num_rows: int, *, seed: int = 1, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """The 95 % percentile interval of `measure` over rows drawn with replacement (Efron 1979), by their numbers; from
    -inf to inf, since nothing is known, without rows or resamples."""
    if not num_rows or not resamples:
        return -math.inf, math.inf
    drawn = np.random.default_rng(seed)
    found = [measure(drawn.integers(num_rows, size=num_rows)) for _ in range(resamples)]
    low, high = np.percentile(found, (2.5, 97.5))
    return float(low), float(high)


def figure(
    measure: Callable[[NDArray[np.intp]], float],
    num_rows: int,
    chance: float | None = None,
    *,
    seed: int = 1,
    resamples: int = RESAMPLES,
) -> Figure:
    """`measure` of all rows, with its interval."""
    value = measure(np.arange(num_rows)) if num_rows else 0.0
    return Figure(float(value), *resampled(measure, num_rows, seed=seed, resamples=resamples), chance)
