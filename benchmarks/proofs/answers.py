"""Answers that stand in Chinese passages, found by a small BERT, beside the part of the nearest sentence.

HANLIN_TEST_DATA=/path/to/data python -m benchmarks.proofs.answers [--minutes 8] [--room FOLDER]
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.proofs.baselines import nearest_part
from benchmarks.proofs.measured import Measured, mean_with_interval, options
from benchmarks.proofs.rows import Question, questions
from benchmarks.proofs.trained import Recipe, Room, encoder, pretrained, untrained
from benchmarks.proofs.tuned import TuneRecipe, answered

from hanlin.evaluate.overlap import rouge_units

WHOLE = 8.0
RECIPE = Recipe(
    shape=encoder("rotary", "masked", max_seq_len=384),
    megabytes={"zh": 9.0, "en": 0.5},
)


def main() -> None:
    """Measure the nearest sentence, its part, the untrained encoder and the pre-trained one."""
    given = options("answers", minutes=WHOLE, description=(__doc__ or "").split("\n")[0])
    result, split = Measured("answers", given.minutes, WHOLE), questions()
    test = split.test if given.minutes >= WHOLE else split.test[:50]
    train = split.train if given.minutes >= WHOLE else split.train[:200]
    result.note(train=len(train), test=len(test))
    told(result, "whole sentence", [nearest_part(row, is_whole_sentence=True) for row in test], test)
    told(result, "sentence", [nearest_part(row) for row in test], test)
    with tempfile.TemporaryDirectory() as temporary:
        room = Room(given.room or Path(temporary))
        own = list(dict.fromkeys(row.context for row in split.train))
        bundle, figures = pretrained(room, "bert", "masked", RECIPE, minutes=given.minutes, own=own, seed=given.seed)
        result.note(parameters=figures["parameters"])
        tuning = TuneRecipe(minutes=given.minutes)
        for method, start in (("untrained", untrained(room, bundle, seed=given.seed)), ("bert", bundle)):
            told(result, method, answered(start, train, test, tuning), test)
    result.finish(given.keep)


def told(result: Measured, method: str, said: Sequence[str], wanted: Sequence[Question]) -> None:
    """Exact match and F1 over characters, the better of several right answers."""
    pairs = [
        (rouge_units(one), [rouge_units(known) for known in row.answers]) for one, row in zip(said, wanted, strict=True)
    ]
    result.add("questions", method, "em", *mean_with_interval([float(one in known) for one, known in pairs]))
    result.add(
        "questions", method, "f1", *mean_with_interval([max(f1(one, other) for other in known) for one, known in pairs])
    )


def f1(one: Sequence[str], other: Sequence[str]) -> float:
    """Of the units in common."""
    both = (Counter(one) & Counter(other)).total()
    return 2 * both / (len(one) + len(other)) if both else 0.0


if __name__ == "__main__":
    main()
