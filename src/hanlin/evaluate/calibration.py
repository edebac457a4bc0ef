"""Whether probabilities mean what they say, and the one number that makes them (Guo 2017).

Legend: N rows, L labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NUM_BINS = 15
_LOW, _HIGH = np.log(0.05), np.log(20.0)


@dataclass(frozen=True)
class Calibration:
    """temperature: what scores are divided by. Expected calibration error before, and after as rows show that were not
    fitted on: each half of the rows by the temperature of the other."""

    temperature: float
    error_before: float
    error_after: float
    num_rows: int


def calibrate(scores: Floats, true: NDArray[np.int64] | NDArray[np.bool_]) -> Calibration:
    """The temperature with the least negative log-likelihood of what is true: (N,) labels of scores (N, L), or where
    texts may have several (N, L) bool."""
    halves = [np.arange(len(scores)) % 2 == side for side in (0, 1)]
    softened = scores.astype(np.float64).copy()
    for side, other in (halves, halves[::-1]):
        softened[side] /= fit_temperature(scores[other], true[other])
    return Calibration(
        fit_temperature(scores, true),
        calibration_error(*_judged(scores, true)),
        calibration_error(*_judged(softened, true)),
        len(scores),
    )


def fit_temperature(scores: Floats, true: NDArray[np.int64] | NDArray[np.bool_]) -> float:
    """By golden section over its logarithm, between 1/20 and 20; 1 for no rows. (The loss is convex in 1 / T.)"""
    if not len(scores):
        return 1.0
    low, high, ratio = _LOW, _HIGH, (np.sqrt(5) - 1) / 2
    for _ in range(60):
        one, other = high - ratio * (high - low), low + ratio * (high - low)
        if _loss(scores / np.exp(one), true) < _loss(scores / np.exp(other), true):
            high = other
        else:
            low = one
    return float(np.exp((low + high) / 2))


def _loss(scores: Floats, true: NDArray[np.int64] | NDArray[np.bool_]) -> float:
    if true.ndim == 2:
        return float(np.logaddexp(0, np.where(true, -scores, scores)).mean())
    top = scores.max(axis=1, keepdims=True)
    logs = scores - top - np.log(np.exp(scores - top).sum(axis=1, keepdims=True))
    return float(-logs[np.arange(len(true)), true].mean())


def _judged(scores: Floats, true: NDArray[np.int64] | NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_]]:
    """How sure the model was of what it said, and whether that was right; of several labels each counts alone."""
    if true.ndim == 2:
        shares = 1 / (1 + np.exp(-scores.astype(np.float64)))
        said = shares >= 0.5
        return np.where(said, shares, 1 - shares).ravel(), (said == true).ravel()
    top = scores.max(axis=1, keepdims=True)
    return 1 / np.exp(scores - top).sum(axis=1), scores.argmax(axis=1) == true


def calibration_error(confidence: Floats, right: NDArray[np.bool_], *, num_bins: int = NUM_BINS) -> float:
    """Distance between how sure and how right, by bins of equal width, weighted by rows (Naeini 2015)."""
    bins = np.minimum((confidence * num_bins).astype(np.int64), num_bins - 1)
    error = 0.0
    for number in np.unique(bins):
        inside = bins == number
        error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return float(error)
