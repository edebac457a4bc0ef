"""Measuring a model that is no decoder: how well it fills what its own objective hides, language by language.

Such a model gives no probability of a whole text, so it has no perplexity and no bits per byte; these figures are of
the hidden tokens alone, hidden at the same places each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hanlin.bundle.bundle import Bundle
from hanlin.data.forms.parts import Parts
from hanlin.data.sources import Ids, digest
from hanlin.life.measure import HeldOut, document_ids
from hanlin.text.purposes import SENTENCE_MASK
from hanlin.train.config import Objective, PretrainConfig
from hanlin.train.kinds import KINDS, check_shape, check_tokenizer, form_of, row_length
from hanlin.train.validation import validation_loss

ROWS = 8
USUAL: Mapping[str, Objective] = {
    "encoder": "masked", "encoder_decoder": "span_corruption", "prefix": "blank_infilling"
}  # fmt: skip
"""What a foreign model of a shape is measured by; a bundle of ours says what it learned."""


class Documents:
    """Documents in memory as a source, each from bos to eos."""

    num_truncated = 0

    def __init__(self, name: str, documents: Sequence[Sequence[int]]) -> None:
        self.name = name
        self.documents = [np.array(ids, np.int64) for ids in documents]
        self.fingerprint = digest(ids.tobytes() for ids in self.documents)
        self.lengths = np.array([len(ids) - 1 for ids in self.documents], np.int64)

    def slice(self, document: int, start: int, length: int) -> tuple[Ids, Ids]:
        """See Source."""
        ids = self.documents[document]
        return ids[start : start + length], ids[start + 1 : start + length + 1]


def objective_of(bundle: Bundle) -> PretrainConfig:
    """The objective that a bundle was trained by, with what it hides; rows as long as the model reads, up to 512.

    A vocabulary without a mask for sentences has not learned them.
    """
    said = bundle.info.resolved
    name = said.get("objective", USUAL.get(bundle.config.arch, "causal"))
    corruption = said.get("corruption", {}) if "objective" in said else {}
    if name == "blank_infilling" and bundle.tokenizer is not None and bundle.tokenizer.control(SENTENCE_MASK) is None:
        corruption = {**corruption, "sentences": 0.0}
    return PretrainConfig(objective=name, corruption=corruption, seq_len=min(512, bundle.config.max_seq_len))


def score_objective(bundle: Bundle, text: Mapping[str, HeldOut]) -> dict[str, dict[str, Any]]:
    """{language: {"objective", "loss": nats per hidden token, "accuracy", "num_documents"}}.

    Raises InputError E507 where the vocabulary lacks what the objective needs, ConfigError for a shape it cannot train.
    """
    assert bundle.tokenizer is not None
    config = objective_of(bundle)
    kind = KINDS[config.objective]
    check_tokenizer(config, bundle.tokenizer)
    check_shape(config, bundle.config)
    form, scores = form_of(config, bundle.tokenizer, bundle.config), {}
    for lang, part in text.items():
        source: Any = Documents(lang, document_ids(bundle.tokenizer, part.texts))
        parts = source if form is None else Parts(source, form, seq_len=row_length(config))
        measure = validation_loss(
            kind.loss, [parts], rows=ROWS, seq_len=row_length(config), form=form, accuracy="accuracy"
        )
        told = measure(bundle.model)
        scores[lang] = {
            "objective": config.objective,
            "loss": told["validation_loss"],
            "accuracy": told["accuracy"],
            "num_documents": len(part.texts),
        }
    return scores
