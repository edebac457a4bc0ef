"""Training a classifier from examples: logistic regression by scikit-learn over our hashed n-grams.

    examples -> passages -> features -> five rounds, each leaving a fifth of the groups out -> sums for what was not
             learned -> calibration (two numbers), and the threshold that loses few good examples
    examples -> passages -> features -> the weights that are kept

The solver is L-BFGS from a fixed start: the same rows give the same weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hanlin.base.errors import InputError, MissingExtra
from hanlin.text.config import Measure
from hanlin.text.dedup import text_digest
from hanlin.text.quality.classifier import LEAST_ROWS, Calibration, Classifier
from hanlin.text.quality.grams import Hashing, Rows
from hanlin.text.quality.judged import threshold_for
from hanlin.text.quality.labelled import Example
from hanlin.text.quality.passages import passages_of, spread

_NUM_FOLDS = 5
_MOST_STEPS = 1000
_MOST_PASSAGES = 8

Floats = NDArray[np.float64]


def train_classifier(
    examples: Sequence[Example],
    measure: Measure,
    *,
    hashing: Hashing | None = None,
    passage: int = 500,
    strength: float = 10.0,
    most_lost: float = 0.01,
) -> Classifier:
    """Learn to tell bad texts from good ones; `strength` is the inverse of how much weights are held back (C).

    Raises InputError (E258) for fewer than twenty examples of either sort, MissingExtra (E259) without scikit-learn.
    """
    _check_installed()
    _check_number(examples)
    hashing = hashing or Hashing()
    cut = _Passages.of(examples, passage)
    rows = Rows.of(cut.texts, hashing)
    rarities = rows.rarities(hashing.num_buckets)
    matrix = _matrix(rows.weighed(rarities), hashing)
    bad = np.array([example.is_bad for example in examples], bool)
    left_out = _sums_left_out(matrix, bad[cut.owners], _folds(examples)[cut.owners], strength)
    calibration = _calibrated(left_out, bad[cut.owners])
    probabilities = cut.means([calibration.probability(value) for value in left_out.tolist()])
    weights, offset = _fitted(matrix, bad[cut.owners], strength)
    return Classifier(
        measure,
        hashing,
        weights.astype(np.float16),
        rarities.astype(np.float16),
        Calibration(calibration.slope, calibration.offset + calibration.slope * offset),
        _languages(examples),
        passage,
        {"threshold": threshold_for(bad.tolist(), probabilities, most_lost), "most_lost": most_lost},
    )


def _check_number(examples: Sequence[Example]) -> None:
    num_bad = sum(example.is_bad for example in examples)
    for number, sort in ((num_bad, "bad"), (len(examples) - num_bad, "good")):
        if number < LEAST_ROWS:
            raise InputError("text.few_examples", number=number, sort=sort, least=LEAST_ROWS)


@dataclass(frozen=True)
class _Passages:
    """P passages of the examples: their texts, and owners (P,) the example of each. A book gives no more than eight,
    or it would outweigh a hundred messages."""

    texts: Sequence[str]
    owners: NDArray[np.int64]

    @classmethod
    def of(cls, examples: Sequence[Example], size: int) -> _Passages:
        parts = [spread(passages_of(example.text, size), _MOST_PASSAGES) for example in examples]
        owners = np.repeat(np.arange(len(parts)), [len(passages) for passages in parts])
        return cls([passage for passages in parts for passage in passages], owners)

    def means(self, values: Sequence[float]) -> list[float]:
        """The mean of each example's passages, each by its length."""
        lengths = np.array([len(text) for text in self.texts], float)
        found: list[float] = (
            np.bincount(self.owners, lengths * values) / np.maximum(1, np.bincount(self.owners, lengths))
        ).tolist()
        return found


def _check_installed() -> None:
    try:
        import sklearn  # noqa: F401 - an extra; scoring does without
    except ImportError:
        raise MissingExtra("text.no_sklearn", package="scikit-learn", extra="quality") from None


def _matrix(rows: Rows, hashing: Hashing) -> Any:
    from scipy.sparse import csr_matrix

    return csr_matrix((rows.values, rows.buckets, rows.places), (len(rows.places) - 1, hashing.num_buckets))


def _fitted(matrix: Any, bad: NDArray[np.bool_], strength: float) -> tuple[NDArray[np.float32], float]:
    """The weight of each bucket, and what is added to every sum."""
    from sklearn.linear_model import LogisticRegression

    found = LogisticRegression(C=strength, max_iter=_MOST_STEPS).fit(matrix, bad)
    return found.coef_[0].astype(np.float32), float(found.intercept_[0])


def _folds(examples: Sequence[Example]) -> NDArray[np.int64]:
    """Which fifth each row is in: by its group, so that their order changes nothing and near copies stay together."""
    return np.array([text_digest(example.group or example.text)[0] % _NUM_FOLDS for example in examples])


def _sums_left_out(matrix: Any, bad: NDArray[np.bool_], folds: NDArray[np.int64], strength: float) -> Floats:
    """The sum of each row by weights that were learned without it."""
    sums = np.zeros(len(bad))
    for fold in range(_NUM_FOLDS):
        out = folds == fold
        if out.any() and 0 < bad[~out].sum() < (~out).sum():
            weights, offset = _fitted(matrix[~out], bad[~out], strength)
            sums[out] = matrix[out] @ weights + offset
    return sums


def _calibrated(sums: Floats, bad: NDArray[np.bool_]) -> Calibration:
    """Platt's two numbers, by logistic regression on the sums alone."""
    from sklearn.linear_model import LogisticRegression

    found = LogisticRegression(C=1e6, max_iter=_MOST_STEPS).fit(sums[:, None], bad)
    return Calibration(float(found.coef_[0, 0]), float(found.intercept_[0]))


def _languages(examples: Sequence[Example]) -> dict[str, tuple[int, int]]:
    """Good and bad examples of each language."""
    counts = Counter((example.lang, example.is_bad) for example in examples)
    return {lang: (counts[lang, False], counts[lang, True]) for lang in sorted({lang for lang, _ in counts})}
