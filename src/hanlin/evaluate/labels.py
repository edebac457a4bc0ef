"""How well texts are labelled: accuracy, precision, recall, F1, confusion matrix, each beside chance.

Legend: N texts, L labels.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hanlin.base.intervals import wilson
from hanlin.evaluate.figures import RESAMPLES, Figure, figure

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class LabelScores:
    """figures by name; confusion (L, L), rows what is true, columns what was said; by_label: precision, recall, F1 and
    number of texts of each."""

    figures: dict[str, Figure]
    confusion: tuple[tuple[int, ...], ...]
    by_label: dict[str, tuple[float, float, float, int]]


def score_labels(
    true: Sequence[int], said: Sequence[int], labels: Sequence[str], *, seed: int = 1, resamples: int = RESAMPLES
) -> LabelScores:
    """One label of each text. Chance of accuracy is saying the commonest label, of all else guessing by the shares of
    the labels, which is right as often as a label is common: 1 / L on the mean over labels.

    Means over labels are over those that occur, in the truth or in what was said, as scikit-learn takes them.
    """
    wanted, found, size = np.asarray(true, np.int64), np.asarray(said, np.int64), len(labels)
    table = confusion(wanted, found, size)
    chance = 1 / max(1, len(np.unique(wanted)))
    right = int((wanted == found).sum())
    commonest = table.sum(axis=1).max() / max(1, len(wanted))
    figures = {"accuracy": Figure(right / max(1, len(wanted)), *wilson(right, len(wanted)), float(commonest))}
    for place, name in enumerate(("macro_precision", "macro_recall", "macro_f1")):
        figures[name] = figure(
            functools.partial(_drawn_macro, wanted, found, size, place),
            len(wanted),
            chance,
            seed=seed,
            resamples=resamples,
        )
    each = zip(labels, *parts_of(table), table.sum(axis=1), strict=True)
    by_label = {label: (float(p), float(r), float(f), int(num)) for label, p, r, f, num in each}
    return LabelScores(figures, tuple(tuple(map(int, row)) for row in table), by_label)


def confusion(true: Ints, said: Ints, size: int) -> Ints:
    """(L, L): texts by what is true and by what was said."""
    return np.bincount(true * size + said, minlength=size * size).reshape(size, size).astype(np.int64)


def parts_of(table: Ints) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Precision, recall and F1 (L,) of each label; 0 where nothing was said, or nothing is true."""
    hits, true, said = np.diag(table).astype(np.float64), table.sum(axis=1), table.sum(axis=0)
    return hits / np.maximum(said, 1), hits / np.maximum(true, 1), 2 * hits / np.maximum(true + said, 1)


def macro(table: Ints) -> tuple[float, float, float]:
    """Means of precision, recall and F1 over the labels that occur."""
    occur = (table.sum(axis=0) + table.sum(axis=1)) > 0
    precision, recall, f1 = (part[occur] for part in parts_of(table))
    return (float(precision.mean()), float(recall.mean()), float(f1.mean())) if occur.any() else (0.0, 0.0, 0.0)


def _drawn_macro(true: Ints, said: Ints, size: int, place: int, drawn: NDArray[np.intp]) -> float:
    return macro(confusion(true[drawn], said[drawn], size))[place]


def score_many(
    true: NDArray[np.bool_],
    said: NDArray[np.bool_],
    labels: Sequence[str],
    *,
    seed: int = 1,
    resamples: int = RESAMPLES,
) -> LabelScores:
    """Any number of labels of each text, (N, L) each. Chance guesses each label by its share."""
    shares = true.mean(axis=0)
    exact = (true == said).all(axis=1)
    lucky = float(np.prod(shares**2 + (1 - shares) ** 2))
    figures = {
        "accuracy": Figure(float(exact.mean()), *wilson(int(exact.sum()), len(exact)), lucky),
        "macro_f1": figure(
            lambda rows: float(_f1(true[rows], said[rows]).mean()),
            len(true),
            float(shares.mean()),
            seed=seed,
            resamples=resamples,
        ),
        "micro_f1": figure(
            lambda rows: _micro(true[rows], said[rows]),
            len(true),
            _micro_chance(shares),
            seed=seed,
            resamples=resamples,
        ),
    }
    hits = (true & said).sum(axis=0)
    precision, recall = hits / np.maximum(said.sum(axis=0), 1), hits / np.maximum(true.sum(axis=0), 1)
    each = zip(labels, precision, recall, _f1(true, said), true.sum(axis=0), strict=True)
    return LabelScores(figures, (), {name: (float(p), float(r), float(f), int(num)) for name, p, r, f, num in each})


def _f1(true: NDArray[np.bool_], said: NDArray[np.bool_]) -> NDArray[np.float64]:
    both = (true & said).sum(axis=0)
    return np.asarray(2 * both / np.maximum(true.sum(axis=0) + said.sum(axis=0), 1), np.float64)


def _micro(true: NDArray[np.bool_], said: NDArray[np.bool_]) -> float:
    return float(2 * (true & said).sum() / max(1, true.sum() + said.sum()))


def _micro_chance(shares: NDArray[np.float64]) -> float:
    return float((shares**2).sum() / shares.sum()) if shares.sum() else 0.0
