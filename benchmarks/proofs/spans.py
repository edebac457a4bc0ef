"""Entities in English sentences by a small BERT, beside rules and a list of known names.

The set is synthetic (158 frames); there is no openly licensed Chinese one in the shared data.

    HANLIN_TEST_DATA=/path/to/data python -m benchmarks.proofs.spans [--minutes 8] [--room FOLDER]
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.proofs.baselines import dictionary, marked
from benchmarks.proofs.measured import Measured, options, with_interval
from benchmarks.proofs.rows import Places, places
from benchmarks.proofs.trained import Recipe, Room, encoder, pretrained, untrained

import hanlin

WHOLE = 8.0
RECIPE = Recipe(
    shape=encoder("rotary", "masked", max_seq_len=256),
    megabytes={"zh": 0.5, "en": 16.0},
    own_share=0.02,  # 870 short sentences, else read a hundred times over
)
PASSES = 20.0
"""Most passes; the best are kept, by the loss on a tenth of the frames."""

Spans = Sequence[tuple[int, int, str]]


def main() -> None:
    """Measure rules, the untrained encoder and the pre-trained one."""
    given = options("spans", minutes=WHOLE, description=(__doc__ or "").split("\n")[0])
    result, split = Measured("spans", given.minutes, WHOLE), places()
    result.note(train=len(split.train), test=len(split.test))
    words = dictionary(split.train)
    told(result, "rules", [marked(row.text, words) for row in split.test], split.test)
    with tempfile.TemporaryDirectory() as temporary:
        room = Room(given.room or Path(temporary))
        own = [row.text for row in split.train]
        bundle, figures = pretrained(room, "bert", "masked", RECIPE, minutes=given.minutes, own=own, seed=given.seed)
        result.note(parameters=figures["parameters"])
        asked = [row.text for row in split.test]
        for method, start in (("untrained", untrained(room, bundle, seed=given.seed)), ("bert", bundle)):
            told(result, method, labelled(start, split.train, asked, room.folder / method), split.test)
    result.finish(given.keep)


def labelled(
    bundle: Path, known: Sequence[Places], asked: Sequence[str], folder: Path, **settings: Any
) -> list[list[tuple[int, int, str]]]:
    """What `hanlin task train` makes of a bundle, asked for the places in texts."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = folder / "places.jsonl"
    with rows.open("w", encoding="utf-8") as file:
        for row in known:
            spans = [{"start": start, "end": end, "label": kind} for start, end, kind in row.spans]
            told = {"text": row.text, "spans": spans, "frame": row.frame}
            file.write(json.dumps(told, ensure_ascii=False) + "\n")
    usual = {"epochs": PASSES, "learning_rate": 4e-4, "batch_size": 32, "dropout": 0.1, "head_dropout": 0.1}
    usual |= {"group": "frame", "eval_steps": 50, **settings}
    report = hanlin.train_task(bundle, data=(str(rows),), task="tokens", overflow="cut", runs=folder, **usual)
    tagger = hanlin.TokenClassifier(str(report.path))
    return [[(one.start, one.end, one.label) for one in found] for found in tagger.predict(asked, overflow="cut")]


def told(result: Measured, method: str, said: Sequence[Spans], wanted: Sequence[Places]) -> None:
    """F1 over exact places and kinds, of all and of those kinds that rules know no form of."""
    named = {"PERSON", "GPE", "ORGANIZATION", "STREET_ADDRESS", "TITLE", "NRP"}
    for column, kinds in (("all", None), ("names", named)):
        counts = np.array([counted(one, row.spans, kinds) for one, row in zip(said, wanted, strict=True)])
        value = with_interval(lambda rows, counts=counts: f1(counts[rows].sum(axis=0)), len(wanted))
        result.add("places", method, column, *value)


def counted(said: Spans, wanted: Spans, kinds: set[str] | None) -> tuple[int, int, int]:
    """Found rightly, found, to be found."""
    found, known = ({span for span in spans if kinds is None or span[2] in kinds} for spans in (said, wanted))
    return len(found & known), len(found), len(known)


def f1(counts: np.ndarray) -> float:
    """From sums over sentences."""
    right, found, known = counts.tolist()
    return 2 * right / max(1, found + known)


if __name__ == "__main__":
    main()
