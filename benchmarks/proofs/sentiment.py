"""A small BERT on Chinese reviews, beside TF-IDF with logistic regression and beside the same encoder untrained.

With and without next-sentence prediction; a learning curve on the set with three labels; and the encoder tuned on the
other reviews first, beside a linear model that is given what those reviews teach a linear one.

    HANLIN_TEST_DATA=/path/to/data python -m benchmarks.proofs.sentiment [--minutes 15] [--room FOLDER]
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.proofs.baselines import linear, linear_with_others
from benchmarks.proofs.measured import Measured, options, with_interval
from benchmarks.proofs.rows import Review, Split, reviews
from benchmarks.proofs.trained import Recipe, Room, pretrained, untrained
from benchmarks.proofs.tuned import TuneRecipe, classified

from hanlin.evaluate.embedding import macro_f1

WHOLE = 15.0
SETS = ("amazon3", "waimai_10k", "chnsenticorp_htl", "online_shopping_10_cats")
THREE = "amazon3"
SIZES = (100, 300, 1000)
RECIPE = Recipe(
    vocabulary=6000,
    shape={"family": "bert", "hidden_size": 256, "num_layers": 3, "num_heads": 8, "max_seq_len": 128},
)
TUNING = TuneRecipe(epochs=6)


def main() -> None:
    """Measure all methods, set by set and along the curve."""
    given = options("sentiment", minutes=WHOLE, description=(__doc__ or "").split("\n")[0])
    result = Measured("sentiment", given.minutes, WHOLE)
    with tempfile.TemporaryDirectory() as temporary:
        room = Room(given.room or Path(temporary))
        splits = {name: reviews((name,)) for name in SETS}
        counted(result, splits)
        encoders = encoders_of(result, room, splits, given.minutes, given.seed)
        for method, bundle in encoders.items():
            tune_all(result, method, bundle, splits, short=given.minutes < WHOLE / 3)
        if given.minutes >= WHOLE / 3:
            after_others(result, encoders["bert"], splits)
    result.finish(given.keep)


def encoders_of(
    result: Measured, room: Room, splits: dict[str, Split[Review]], minutes: float, seed: int
) -> dict[str, Path]:
    """Bundles by method."""
    own = [row.text for split in splits.values() for row in split.train]
    found: dict[str, Path] = {}
    for method, objective in (("bert", "masked"), ("bert_nsp", "masked_next_sentence")):
        found[method], figures = pretrained(room, method, objective, RECIPE, minutes=minutes, own=own, seed=seed)
        result.note(**{f"{method}_tokens": figures["tokens"], f"{method}_steps": figures["steps"]})
    result.note(parameters=figures["parameters"], shape=figures["shape"])
    return {"untrained": untrained(room, found["bert"], seed=seed), **found}


# ---------------------------------------------------------------- counting


def counted(result: Measured, splits: dict[str, Split[Review]]) -> None:
    """The commonest label, and TF-IDF with logistic regression."""
    for name, split in splits.items():
        commonest = Counter(row.label for row in split.train).most_common(1)[0][0]
        score(result, "sets", "chance", name, [commonest] * len(split.test), split)
        score(result, "sets", "tfidf", name, by_counting(split.train, split), split)
    others = [row for name, split in splits.items() if name != THREE for row in split.train]
    train, test = splits[THREE].train, splits[THREE].test
    said = linear_with_others(*columns(train), *columns(others), [row.text for row in test])
    score(result, "sets", "tfidf_reviews", THREE, said, splits[THREE])
    for size in SIZES:
        score(result, "curve", "tfidf", str(size), by_counting(train[:size], splits[THREE]), splits[THREE])
    score(result, "curve", "tfidf", str(len(train)), by_counting(train, splits[THREE]), splits[THREE])


def by_counting(rows: Sequence[Review], split: Split[Review]) -> Any:
    """The labels of the test rows by TF-IDF."""
    return linear(*columns(rows), [row.text for row in split.test])


def columns(rows: Sequence[Review]) -> tuple[list[str], list[str]]:
    """Texts and labels."""
    return [row.text for row in rows], [row.label for row in rows]


# ---------------------------------------------------------------- encoders


def tune_all(result: Measured, method: str, bundle: Path, splits: dict[str, Split[Review]], *, short: bool) -> None:
    """One encoder on every set, and along the curve; of a try only the set with three labels and one size."""
    for size in SIZES[:1] if short else SIZES:
        score(
            result, "curve", method, str(size), tuned(bundle, splits[THREE].train[:size], splits[THREE]), splits[THREE]
        )
    for name in (THREE,) if short else SETS:
        said = tuned(bundle, splits[name].train, splits[name])
        score(result, "sets", method, name, said, splits[name])
        if name == THREE:
            score(result, "curve", method, str(len(splits[name].train)), said, splits[name])


def after_others(result: Measured, bundle: Path, splits: dict[str, Split[Review]]) -> None:
    """Tuned on the reviews with two labels, then on those with three."""
    others = [row for name, split in splits.items() if name != THREE for row in split.train]
    _, model = classified(bundle, *columns(others), [], TUNING)
    split = splits[THREE]
    said, _ = classified(bundle, *columns(split.train), [row.text for row in split.test], TUNING, start=model)
    score(result, "sets", "bert_reviews", THREE, said, split)


def tuned(bundle: Path, rows: Sequence[Review], split: Split[Review]) -> list[str]:
    """The labels of the test rows."""
    said, _ = classified(bundle, *columns(rows), [row.text for row in split.test], TUNING)
    return said


def score(result: Measured, table: str, method: str, column: str, said: Sequence[str], split: Split[Review]) -> None:
    """Macro F1 with its interval."""
    found, wanted = np.array(list(said)), np.array([row.label for row in split.test])
    value = with_interval(lambda rows: macro_f1(found[rows], wanted[rows]), len(wanted))
    result.add(table, method, column, *value)


if __name__ == "__main__":
    main()
