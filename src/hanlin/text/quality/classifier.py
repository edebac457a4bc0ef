"""A linear classifier over hashed n-grams: one number for a text, calibrated to be a probability.

    text -> passages -> n-grams (`grams.py`) -> weight of each, rare ones more -> one sum -> probability -> their mean

Training (`train.py`) needs scikit-learn; this file, which every build of a corpus uses, needs numpy. A text in a
language that the examples lacked gets no number: a guess about it would look like knowledge.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hanlin.base.errors import InputError
from hanlin.text.arrays import read_arrays, write_arrays
from hanlin.text.config import Measure
from hanlin.text.quality.grams import Hashing
from hanlin.text.quality.passages import passages_of

KIND = "hanlin classifier"
FORMAT = 1
LEAST_ROWS = 20
"""Examples of either sort from which on a classifier speaks of a language."""


@dataclass(frozen=True)
class Calibration:
    """From the sum of weights to a probability: 1 / (1 + exp(-(slope x sum + offset))) (Platt 1999)."""

    slope: float
    offset: float

    def probability(self, sum: float) -> float:
        """Return the probability for a sum of weights."""
        return 1 / (1 + math.exp(min(500.0, max(-500.0, -(self.slope * sum + self.offset)))))


@dataclass(frozen=True)
class Classifier:
    """`weights` and `rarities` (num_buckets,) of the n-grams; the probability is that of a bad text, which for the
    measure "quality" is turned round: there 1 is good. `languages` counts good and bad examples of each; `passage` is
    the most characters that are judged at once."""

    measure: Measure
    hashing: Hashing
    weights: NDArray[np.float16]
    rarities: NDArray[np.float16]
    calibration: Calibration
    languages: Mapping[str, tuple[int, int]]
    passage: int
    figures: Mapping[str, Any] = field(default_factory=dict)

    def knows(self, lang: str) -> bool:
        """Whether there were examples enough, of both sorts, in a language."""
        return min(self.languages.get(lang, (0, 0))) >= LEAST_ROWS

    def bad(self, text: str) -> float:
        """Return the probability that a text is bad, 0 to 1: the mean of its passages, each by its length."""
        passages = passages_of(text, self.passage)
        total = sum(len(passage) * self._bad(passage) for passage in passages)
        return total / max(1, sum(map(len, passages)))

    def _bad(self, passage: str) -> float:
        buckets, values = self.hashing.features(passage)
        rare = values * self.rarities[buckets].astype(np.float32)
        length = float(np.sqrt(rare @ rare)) or 1.0
        return self.calibration.probability(float(rare @ self.weights[buckets].astype(np.float32)) / length)

    def value(self, text: str) -> float:
        """Return the measure of a text: how likely it is good for "quality", else how likely it is bad."""
        return 1 - self.bad(text) if self.measure == "quality" else self.bad(text)

    def setting(self, threshold: float) -> str:
        """The rule that drops what is bad with at least this probability."""
        return f"min_quality={1 - threshold:g}" if self.measure == "quality" else f"max_{self.measure}={threshold:g}"

    def save(self, path: Path) -> None:
        """Write the classifier to one file. Raises DiskFull."""
        about = {
            "kind": KIND,
            "format": FORMAT,
            "measure": self.measure,
            "hashing": vars(self.hashing),
            "calibration": vars(self.calibration),
            "languages": dict(self.languages),
            "passage": self.passage,
            "figures": dict(self.figures),
        }
        write_arrays(path, {"weights": self.weights, "rarities": self.rarities}, about)

    @classmethod
    def load(cls, path: Path) -> Classifier:
        """Open a classifier. Raises InputError (E255, E256)."""
        arrays, about = read_arrays(path, KIND)
        if about["format"] != FORMAT:
            raise InputError("text.model_damaged", path=path, reason=f"format {about['format']}")
        hashing = about["hashing"]
        return cls(
            about["measure"],
            Hashing(hashing["bits"], tuple(hashing["words"]), tuple(hashing["characters"])),
            arrays["weights"],
            arrays["rarities"],
            Calibration(**about["calibration"]),
            {lang: (good, bad) for lang, (good, bad) in about["languages"].items()},
            about["passage"],
            about["figures"],
        )
