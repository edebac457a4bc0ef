"""A small T5 on short Chinese and English sentences, both ways in one model, beside looking up the nearest sentence.

HANLIN_TEST_DATA=/path/to/data python -m benchmarks.proofs.translation [--minutes 12] [--room FOLDER]
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from benchmarks.proofs.baselines import lookup
from benchmarks.proofs.measured import Measured, interval, options
from benchmarks.proofs.rows import Translation, translations
from benchmarks.proofs.trained import Recipe, Room, fresh
from benchmarks.proofs.tuned import written

from hanlin.bundle.bundle import read_info
from hanlin.evaluate.overlap import Cut, bleu, chrf

WHOLE = 12.0
WAYS: dict[str, Cut] = {"zh-en": "13a", "en-zh": "zh"}
PREFIXES = {"zh-en": "译成英文：", "en-zh": "Translate into Chinese: "}
RECIPE = Recipe(
    vocabulary=6000,
    shape={"family": "t5", "hidden_size": 128, "num_layers": 3, "num_encoder_layers": 3, "num_heads": 4,
           "max_seq_len": 128},
    megabytes={"zh": 5.0, "en": 5.0},
)  # fmt: skip
ASKED = 1000


def main() -> None:
    """Measure lookup and the model, which learns from random weights; 25 minutes with pre-training were worse."""
    given = options("translation", minutes=WHOLE, description=(__doc__ or "").split("\n")[0])
    result, split = Measured("translation", given.minutes, WHOLE), translations()
    asked = split.test[: ASKED if given.minutes >= WHOLE else 50]
    result.note(train=len(split.train), test=len(asked))
    for way in WAYS:
        known, answers = sides(split.train, way)
        told(result, "lookup", way, lookup(known, answers, sides(asked, way)[0]), asked)
    with tempfile.TemporaryDirectory() as temporary:
        room = Room(given.room or Path(temporary))
        own = [text for row in split.train for text in (row.zh, row.en)]
        bundle = fresh(room, "t5", RECIPE, "span_corruption", own=own, seed=given.seed)
        result.note(parameters=read_info(bundle).config.num_parameters())
        for way, said in translated(bundle, split.train, asked, given.minutes, room.folder / "written").items():
            told(result, "t5", way, said, asked)
    result.finish(given.keep)


def translated(
    bundle: Path, train: Sequence[Translation], asked: Sequence[Translation], minutes: float, folder: Path
) -> dict[str, list[str]]:
    """Both ways by one model."""
    prompts, answers = [], []
    for way, prefix in PREFIXES.items():
        known, wanted = sides(train, way)
        prompts += [prefix + text for text in known]
        answers += wanted
    wanted_prompts = [PREFIXES[way] + text for way in WAYS for text in sides(asked, way)[0]]
    settings = {"learning_rate": 0.008, "dropout": 0.1, "max_target_tokens": 48, "budget": 60 * minutes}
    said = written(bundle, prompts, answers, wanted_prompts, folder, **settings)
    return {way: said[place * len(asked) : (place + 1) * len(asked)] for place, way in enumerate(WAYS)}


def sides(rows: Sequence[Translation], way: str) -> tuple[list[str], list[str]]:
    """What is read and what is to be written."""
    read, write = way.split("-")
    return [getattr(row, read) for row in rows], [getattr(row, write) for row in rows]


def told(result: Measured, method: str, way: str, said: Sequence[str], asked: Sequence[Translation]) -> None:
    """chrF and BLEU with their intervals."""
    known = [[text] for text in sides(asked, way)[1]]

    def scored(rows: np.ndarray, name: str) -> float:
        texts, references = [said[place] for place in rows], [known[place] for place in rows]
        return chrf(texts, references) if name == "chrF" else bleu(texts, references, cut=WAYS[way]).score

    for name in ("chrF", "BLEU"):
        value = scored(np.arange(len(asked)), name)
        low, high = interval(lambda rows, name=name: scored(rows, name), len(asked), resamples=100)
        result.add(name, method, way, value, low, high)


if __name__ == "__main__":
    main()
