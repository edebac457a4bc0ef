"""A small BERT on Chinese reviews, beside TF-IDF with logistic regression and beside the same encoder untrained.

With and without next-sentence prediction; a learning curve on the set with three labels; and the encoder tuned on the
other reviews first, beside a linear model that is given what those reviews teach a linear one.

    HANLIN_TEST_DATA=/path/to/data python -m benchmarks.proofs.sentiment [--minutes 15] [--room FOLDER]
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.proofs.baselines import linear, linear_with_others, probe
from benchmarks.proofs.measured import Measured, options, with_interval
from benchmarks.proofs.rows import Review, Split, reviews
from benchmarks.proofs.trained import ENCODERS, Recipe, Room, encoder, pretrained, untrained
from benchmarks.proofs.tuned import TuneRecipe, classified, features

from hanlin.evaluate.embedding import macro_f1

WHOLE = 15.0
SETS = ("amazon3", "waimai_10k", "chnsenticorp_htl", "online_shopping_10_cats")
THREE = "amazon3"
SIZES = (100, 300, 1000)
METHODS = {"bert": "masked", "bert_nsp": "masked_next_sentence"}
PASSES = 6.0


def main() -> None:
    """Measure all methods, set by set and along the curve."""
    more = {"--layout": {"choices": sorted(ENCODERS), "default": "rotary", "help": "how the encoder is built"}}
    given = options("sentiment", minutes=WHOLE, description=(__doc__ or "").split("\n")[0], more=more)
    result = Measured("sentiment", given.minutes, WHOLE)
    with tempfile.TemporaryDirectory() as temporary:
        room = Room(given.room or Path(temporary))
        splits = {name: reviews((name,)) for name in SETS}
        counted(result, splits)
        encoders = encoders_of(result, room, splits, given)
        tuning = TuneRecipe(epochs=PASSES, minutes=given.minutes, seed=given.seed)
        for method, bundle in encoders.items():
            frozen(result, method, bundle, splits[THREE])
            tune_all(result, method, bundle, splits, tuning, short=given.minutes < WHOLE / 3)
        if given.minutes >= WHOLE / 3:
            after_others(result, encoders["bert"], splits, tuning)
    result.finish(given.keep)


def encoders_of(
    result: Measured, room: Room, splits: dict[str, Split[Review]], given: argparse.Namespace
) -> dict[str, Path]:
    """Bundles by method."""
    own = [row.text for split in splits.values() for row in split.train]
    found: dict[str, Path] = {}
    for method, objective in METHODS.items():
        recipe = Recipe(shape=encoder(given.layout, objective))
        name = f"{method}-{given.layout}"
        found[method], figures = pretrained(
            room, name, objective, recipe, minutes=given.minutes, own=own, seed=given.seed
        )
        result.note(**{f"{method}_{key}": figures[key] for key in ("tokens", "steps", "validation_loss")})
    result.note(parameters=figures["parameters"], shape=figures["shape"], layout=given.layout)
    return {"untrained": untrained(room, found["bert"], seed=given.seed), **found}


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


def tune_all(
    result: Measured,
    method: str,
    bundle: Path,
    splits: dict[str, Split[Review]],
    tuning: TuneRecipe,
    *,
    short: bool,
) -> None:
    """One encoder on every set, and along the curve; of a try only the set with three labels and one size."""
    three = splits[THREE]
    for size in SIZES[:1] if short else SIZES:
        score(result, "curve", method, str(size), tuned(bundle, three.train[:size], three, tuning), three)
    for name in (THREE,) if short else SETS:
        said = tuned(bundle, splits[name].train, splits[name], tuning)
        score(result, "sets", method, name, said, splits[name])
        if name == THREE:
            score(result, "curve", method, str(len(three.train)), said, three)


def frozen(result: Measured, method: str, bundle: Path, split: Split[Review]) -> None:
    """What reading alone brought: a linear model on the encoder's states, which stay as they are."""
    texts, labels = columns(split.train)
    said = probe(features(bundle, texts), labels, features(bundle, [row.text for row in split.test]))
    score(result, "sets", f"{method}_frozen", THREE, said, split)


def after_others(result: Measured, bundle: Path, splits: dict[str, Split[Review]], tuning: TuneRecipe) -> None:
    """Tuned on the reviews with two labels, then on those with three."""
    others = [row for name, split in splits.items() if name != THREE for row in split.train]
    _, model = classified(bundle, *columns(others), [], tuning)
    split = splits[THREE]
    said, _ = classified(bundle, *columns(split.train), [row.text for row in split.test], tuning, start=model)
    score(result, "sets", "bert_reviews", THREE, said, split)


def tuned(bundle: Path, rows: Sequence[Review], split: Split[Review], tuning: TuneRecipe) -> list[str]:
    """The labels of the test rows."""
    said, _ = classified(bundle, *columns(rows), [row.text for row in split.test], tuning)
    return said


def score(result: Measured, table: str, method: str, column: str, said: Sequence[str], split: Split[Review]) -> None:
    """Macro F1 with its interval."""
    found, wanted = np.array(list(said)), np.array([row.label for row in split.test])
    value = with_interval(lambda rows: macro_f1(found[rows], wanted[rows]), len(wanted))
    result.add(table, method, column, *value)


if __name__ == "__main__":
    main()
