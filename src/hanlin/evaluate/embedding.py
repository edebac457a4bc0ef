"""How good vectors of texts are: similarity against people's judgement, and what a linear classifier makes of them.

N texts, D numbers of a vector, K classes. Whatever turns texts into vectors (means of word vectors, hidden states of a
model, counts of characters) is measured the same way on the same rows, each figure with its interval.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hanlin.base.errors import InputError, MissingExtra
from hanlin.base.intervals import Z_95
from hanlin.text.encodings import decoded_stream
from hanlin.text.files import chunks_of
from hanlin.text.formats.lines import lines_of

Floats = NDArray[np.float64]
Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to vectors (N, D); a zero vector for a text of which nothing is known."""

_LONGEST = 1 << 24
_RESAMPLES = 1000
_TEST_SHARE = 0.2


@dataclass(frozen=True)
class Pair:
    """Two sentences and how alike people find them."""

    first: str
    second: str
    score: float


@dataclass(frozen=True)
class Labelled:
    """A text and its class; `is_test` where the row says on which side it stands."""

    text: str
    label: str
    is_test: bool


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation with a 95 % interval; `num_blank` pairs had a text without a vector."""

    value: float
    low: float
    high: float
    num_pairs: int
    num_blank: int = 0


@dataclass(frozen=True)
class Classified:
    """Macro F1 and accuracy on held-out rows; `chance` is the macro F1 of guessing by the shares of the classes."""

    macro_f1: float
    low: float
    high: float
    accuracy: float
    chance: float
    num_train: int
    num_test: int


# ---------------------------------------------------------------- rows


def read_pairs(path: Path) -> list[Pair]:
    """Read rows of `sentence1`, `sentence2`, `score`. Raises InputError E720 naming the line of one that is none."""
    return [_pair(row, f"{path}:{number}") for number, row in _rows(path)]


def _pair(row: Mapping[str, Any], place: str) -> Pair:
    first, second, score = row.get("sentence1"), row.get("sentence2"), row.get("score")
    if not (isinstance(first, str) and isinstance(second, str) and isinstance(score, int | float)):
        raise InputError("evaluate.bad_row", place=place, fields="sentence1, sentence2, score")
    return Pair(first, second, float(score))


def read_labelled(path: Path) -> list[Labelled]:
    """Read rows of `text` and `label`; rows whose label is null are left out. Equal texts come once, at their first.

    The side is that of a field `split`, else chosen by the hash of the text, a fifth for the test. Raises InputError.
    """
    found: dict[str, Labelled] = {}
    for number, row in _rows(path):
        text, label = row.get("text"), row.get("label")
        if not isinstance(text, str) or not isinstance(label, str | int | None):
            raise InputError("evaluate.bad_row", place=f"{path}:{number}", fields="text, label")
        if label is not None and text not in found:
            found[text] = Labelled(text, str(label), _is_test(row.get("split"), text))
    return list(found.values())


def _is_test(split: object, text: str) -> bool:
    if isinstance(split, str):
        return split in ("test", "validation", "dev")
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) < _TEST_SHARE * 2**64


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if not path.is_file():
        raise InputError("evaluate.no_rows", path=path)
    for number, line in enumerate(lines_of(decoded_stream(chunks_of(path), "utf-8-sig"), _LONGEST), start=1):
        try:
            row = json.loads(line or "null")
        except ValueError:
            row = None
        if isinstance(row, dict):
            yield number, row
        elif line is None or line.strip():
            raise InputError("evaluate.bad_row", place=f"{path}:{number}", fields="{…}")


# ---------------------------------------------------------------- similarity


def score_similarity(pairs: Sequence[Pair], embed: Embed, *, is_centred: bool = False) -> Correlation:
    """Return how well the cosines of pairs follow people's scores.

    `is_centred` takes the mean of all vectors away first: hidden states share one large direction that says nothing
    (Ethayarajh 2019).
    """
    vectors = embed([text for pair in pairs for text in (pair.first, pair.second)]).astype(np.float64)
    is_blank = np.abs(vectors).sum(axis=1) == 0
    if is_centred:
        vectors = np.where(is_blank[:, None], 0.0, vectors - vectors[~is_blank].mean(axis=0))
    units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    cosines = (units[::2] * units[1::2]).sum(axis=1)
    num_blank = int((is_blank[::2] | is_blank[1::2]).sum())
    return rank_correlation(cosines, [pair.score for pair in pairs], num_blank=num_blank)


def rank_correlation(found: Sequence[float] | Floats, wanted: Sequence[float], *, num_blank: int = 0) -> Correlation:
    """Return Spearman's correlation, ties at their mean rank; interval by Fisher's z with the error of Bonett and
    Wright 2000, sqrt((1 + r²/2) / (n - 3))."""
    first, second = _ranks(np.asarray(found, np.float64)), _ranks(np.asarray(wanted, np.float64))
    first, second = first - first.mean(), second - second.mean()
    scale = math.sqrt(float(first @ first) * float(second @ second))
    value, number = (float(first @ second) / scale if scale else 0.0), len(first)
    if number <= 3:
        return Correlation(value, -1.0, 1.0, number, num_blank)
    middle = math.atanh(max(-0.999999, min(0.999999, value)))
    error = Z_95 * math.sqrt((1 + value * value / 2) / (number - 3))
    return Correlation(value, math.tanh(middle - error), math.tanh(middle + error), number, num_blank)


def _ranks(values: Floats) -> Floats:
    """The rank of each value from 1 on; equal values share the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: Floats = (ends - (counts - 1) / 2.0)[places]
    return ranks


def character_overlap(pairs: Sequence[Pair]) -> Correlation:
    """The simplest judge: the Jaccard similarity of the character pairs of two sentences."""
    return rank_correlation([_jaccard(_grams(p.first), _grams(p.second)) for p in pairs], [p.score for p in pairs])


def _grams(text: str) -> list[str]:
    """Characters and pairs of them, in lower case, without spaces."""
    plain = "".join(text.lower().split())
    return [*plain, *(plain[at : at + 2] for at in range(len(plain) - 1))]


def _jaccard(one: Sequence[str], other: Sequence[str]) -> float:
    first, second = set(one), set(other)
    return len(first & second) / len(first | second) if first | second else 0.0


def tfidf(texts: Sequence[str]) -> list[dict[str, float]]:
    """Return each text as weights of its characters and pairs of them, of length 1: (1 + ln tf) · ln(N / df)."""
    grams = [Counter(_grams(text)) for text in texts]
    known = Counter(gram for found in grams for gram in found)
    rows = []
    for found in grams:
        row = {gram: (1 + math.log(number)) * math.log(len(texts) / known[gram]) for gram, number in found.items()}
        length = math.sqrt(sum(weight * weight for weight in row.values())) or 1.0
        rows.append({gram: weight / length for gram, weight in row.items()})
    return rows


def tfidf_similarity(pairs: Sequence[Pair]) -> Correlation:
    """The cosine of the counted characters of two sentences."""
    rows = tfidf([text for pair in pairs for text in (pair.first, pair.second)])
    cosines = [
        sum(weight * other.get(gram, 0.0) for gram, weight in one.items())
        for one, other in zip(rows[::2], rows[1::2], strict=True)
    ]
    return rank_correlation(cosines, [pair.score for pair in pairs])


# ---------------------------------------------------------------- classes


def score_classes(rows: Sequence[Labelled], embed: Embed, *, seed: int = 1) -> Classified:
    """Return what logistic regression on the vectors reaches on held-out rows.

    The strength of the penalty is chosen by cross-validation within the training rows. Raises MissingExtra E723
    without scikit-learn, InputError E722 where a side has not two classes.
    """
    train, test = _sides(rows)
    vectors = embed([row.text for row in (*train, *test)])
    labels = np.array([row.label for row in (*train, *test)])
    found = _classified(vectors[: len(train)], labels[: len(train)], vectors[len(train) :], seed, is_text=False)
    return _score(found, labels[len(train) :], seed, len(train))


def score_counting(rows: Sequence[Labelled], *, seed: int = 1) -> Classified:
    """The same with TF-IDF of characters and pairs of them instead of vectors: what has to be beaten."""
    train, test = _sides(rows)
    labels = np.array([row.label for row in train])
    texts = np.array([row.text for row in train], object), np.array([row.text for row in test], object)
    found = _classified(texts[0], labels, texts[1], seed, is_text=True)
    return _score(found, np.array([row.label for row in test]), seed, len(train))


def _sides(rows: Sequence[Labelled]) -> tuple[list[Labelled], list[Labelled]]:
    train, test = ([row for row in rows if row.is_test is is_test] for is_test in (False, True))
    if any(len({row.label for row in side}) < 2 for side in (train, test)):
        raise InputError("evaluate.one_class", train=len(train), test=len(test))
    return train, test


def _classified(
    train: NDArray[Any], labels: NDArray[Any], test: NDArray[Any], seed: int, *, is_text: bool
) -> NDArray[Any]:
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError:
        raise MissingExtra("evaluate.no_sklearn", package="scikit-learn", extra="vectors") from None
    features = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True) if is_text else StandardScaler()
    model = make_pipeline(features, LogisticRegression(max_iter=2000, random_state=seed))
    folds = min(3, min(Counter(labels.tolist()).values()))
    strengths = {"logisticregression__C": [1.0, 10.0, 100.0] if is_text else [0.001, 0.01, 0.1, 1.0]}
    search = GridSearchCV(model, strengths, cv=folds, scoring="f1_macro") if folds > 1 else model
    predicted: NDArray[Any] = search.fit(train, labels).predict(test)
    return predicted


def _score(found: NDArray[Any], wanted: NDArray[Any], seed: int, num_train: int) -> Classified:
    """Macro F1 with a percentile interval over resampled rows (Efron 1979)."""
    random = np.random.default_rng(seed)
    draws = (random.integers(0, len(wanted), len(wanted)) for _ in range(_RESAMPLES))
    spread = [macro_f1(found[rows], wanted[rows]) for rows in draws]
    low, high = np.percentile(spread, [2.5, 97.5])
    accuracy, chance = float((found == wanted).mean()), 1 / len(np.unique(wanted))
    return Classified(macro_f1(found, wanted), float(low), float(high), accuracy, chance, num_train, len(wanted))


def macro_f1(found: NDArray[Any], wanted: NDArray[Any]) -> float:
    """Return the mean of the F1 of every class that occurs among the wanted."""
    scores = []
    for label in np.unique(wanted):
        both = int(((found == label) & (wanted == label)).sum())
        scores.append(2 * both / int((found == label).sum() + (wanted == label).sum()))
    return float(np.mean(scores))
