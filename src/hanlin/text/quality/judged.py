"""How well probabilities tell bad texts from good ones: precision and recall with their error, against chance.

N texts; bad (N,) whether each is bad, probabilities (N,) how likely the classifier finds that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hanlin.base.intervals import wilson

THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_NUM_BINS = 10

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class AtThreshold:
    """What a threshold finds. Intervals are those of Wilson at 95 %; `lost` is the share of good texts it takes.
    Without anything flagged there is no precision."""

    threshold: float
    flagged: int
    found: int
    precision: float | None
    precision_interval: tuple[float, float]
    recall: float
    recall_interval: tuple[float, float]
    lost: float
    lost_interval: tuple[float, float]


@dataclass(frozen=True)
class Judged:
    """One set of rows. `chance` is the share of bad ones: the precision of flagging blindly, and the average precision
    of guessing; the area under the ROC curve of guessing is one half."""

    good: int
    bad: int
    chance: float
    average_precision: float
    area: float
    brier: float
    calibration_error: float
    thresholds: tuple[AtThreshold, ...]

    def figures(self) -> dict[str, Any]:
        """The same as JSON takes it."""
        return asdict(self)


def judge(bad: Sequence[bool], probabilities: Sequence[float], *, thresholds: Sequence[float] = THRESHOLDS) -> Judged:
    """Return how good probabilities are. Both sorts must be there."""
    flags, scores = np.asarray(bad, bool), np.asarray(probabilities, np.float64)
    assert 0 < flags.sum() < len(flags)
    return Judged(
        int((~flags).sum()),
        int(flags.sum()),
        float(flags.mean()),
        average_precision(flags, scores),
        area(flags, scores),
        float(((scores - flags) ** 2).mean()),
        _calibration_error(flags, scores),
        tuple(_at(threshold, flags, scores) for threshold in thresholds),
    )


def average_precision(bad: Flags, scores: Floats) -> float:
    """The precision at each threshold, weighed by the recall it adds; rows of equal score come in together."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    found = np.cumsum(bad[order])[ends]
    return float((np.diff(found, prepend=0) / bad.sum() * found / (ends + 1)).sum())


def area(bad: Flags, scores: Floats) -> float:
    """The chance that a bad row scores above a good one, an equal score counting half (Mann and Whitney 1947)."""
    good = np.sort(scores[~bad])
    below, upto = np.searchsorted(good, scores[bad], "left"), np.searchsorted(good, scores[bad], "right")
    return float((below + upto).mean() / 2 / len(good))


def _calibration_error(bad: Flags, scores: Floats) -> float:
    """How far probabilities lie from what happens, over ten bins of equal width (Naeini et al. 2015)."""
    bins = np.minimum((scores * _NUM_BINS).astype(int), _NUM_BINS - 1)
    gaps = np.bincount(bins, scores - bad, minlength=_NUM_BINS)
    return float(np.abs(gaps).sum() / len(scores))


def _at(threshold: float, bad: Flags, scores: Floats) -> AtThreshold:
    flagged = scores > threshold
    found, num_flagged, num_lost = int((flagged & bad).sum()), int(flagged.sum()), int((flagged & ~bad).sum())
    num_bad, num_good = int(bad.sum()), int((~bad).sum())
    return AtThreshold(
        threshold,
        num_flagged,
        found,
        found / num_flagged if num_flagged else None,
        wilson(found, num_flagged),
        found / num_bad,
        wilson(found, num_bad),
        num_lost / num_good,
        wilson(num_lost, num_good),
    )


def threshold_for(bad: Sequence[bool], probabilities: Sequence[float], most_lost: float) -> float:
    """Return the lowest threshold, to three digits, beyond which at most a share `most_lost` of the good rows lie."""
    good = np.sort(np.asarray(probabilities)[~np.asarray(bad, bool)])
    allowed = int(most_lost * len(good))
    limit = good[len(good) - 1 - allowed] if allowed < len(good) else 0.0
    return float(min(1.0, np.ceil(limit * 1000) / 1000))
