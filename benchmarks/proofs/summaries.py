"""Summaries of Chinese meetings and English abstracts by a small T5, beside the first sentences.

HANLIN_TEST_DATA=/path/to/data python -m benchmarks.proofs.summaries [--minutes 6] [--room FOLDER]
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.proofs.baselines import lead, lead_length
from benchmarks.proofs.measured import Measured, mean_with_interval, options
from benchmarks.proofs.rows import Summary, summaries
from benchmarks.proofs.trained import Recipe, Room, pretrained
from benchmarks.proofs.tuned import written

from hanlin.evaluate.overlap import rouge

WHOLE, PRETRAINING = 6.0, 0.5
READ = 384
RECIPE = Recipe(
    vocabulary=6000,
    shape={"family": "t5", "hidden_size": 192, "num_layers": 3, "num_encoder_layers": 3, "num_heads": 6,
           "max_seq_len": 512},
    megabytes={"zh": 5.0, "en": 5.0},
    own_share=0.3,
)  # fmt: skip
PREFIXES = {"zh": "摘要：", "en": "Summarise: "}


def main() -> None:
    """Measure the first sentences and the model, tuned for the given minutes after half as many of pre-training."""
    given = options("summaries", minutes=WHOLE, description=(__doc__ or "").split("\n")[0])
    result = Measured("summaries", given.minutes, WHOLE)
    splits = {lang: summaries(lang) for lang in PREFIXES}
    tests = {lang: split.test if given.minutes >= WHOLE else split.test[:10] for lang, split in splits.items()}
    result.note(read=READ, **{f"train_{lang}": len(split.train) for lang, split in splits.items()})
    for lang, split in splits.items():
        length = lead_length(split.train)
        told(result, "lead", lang, [lead(row.document, length) for row in tests[lang]], tests[lang])
    with tempfile.TemporaryDirectory() as temporary:
        room = Room(given.room or Path(temporary))
        own = [row.document for split in splits.values() for row in split.train]
        bundle, figures = pretrained(
            room, "t5", "span_corruption", RECIPE, minutes=PRETRAINING * given.minutes, own=own, seed=given.seed
        )
        result.note(parameters=figures["parameters"])
        prompts = [PREFIXES[lang] + row.document for lang, split in splits.items() for row in split.train]
        answers = [row.summaries[0] for split in splits.values() for row in split.train]
        asked = [PREFIXES[lang] + row.document for lang, rows in tests.items() for row in rows]
        settings = {"learning_rate": 0.006, "batch_size": 16, "max_tokens": READ, "max_target_tokens": 128}
        settings |= {"dropout": 0.1, "budget": 60 * given.minutes}
        said = iter(written(bundle, prompts, answers, asked, room.folder / "written", **settings))
        for lang, rows in tests.items():
            told(result, "t5", lang, [next(said) for _ in rows], rows)
    result.finish(given.keep)


def told(result: Measured, method: str, lang: str, said: Sequence[str], wanted: Sequence[Summary]) -> None:
    """ROUGE-1, -2 and -L with their intervals."""
    each = [rouge([one], [row.summaries]) for one, row in zip(said, wanted, strict=True)]
    for column, name in (("ROUGE-1", "rouge1"), ("ROUGE-2", "rouge2"), ("ROUGE-L", "rouge_l")):
        result.add(lang, method, column, *mean_with_interval([getattr(one, name) for one in each]))


if __name__ == "__main__":
    main()
