"""What a fine-tune forgot: the model before and after it, on the same frozen slice of the pre-training validation."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hanlin.evaluate.metrics import LmScore, known


@dataclass(frozen=True)
class Forgetting:
    """One language: scores before and after. ``ratio`` above 1 means that something was forgotten."""

    lang: str
    before: LmScore
    after: LmScore

    @property
    def ratio(self) -> float:
        """Perplexity after over perplexity before."""
        return self.after.perplexity / self.before.perplexity

    def as_dict(self) -> dict[str, Any]:
        return {
            "lang": self.lang,
            "perplexity_before": known(self.before.perplexity),
            "perplexity_after": known(self.after.perplexity),
            "ratio": known(self.ratio),
            "bits_per_byte_before": known(self.before.bits_per_byte),
            "bits_per_byte_after": known(self.after.bits_per_byte),
        }


def forgetting(before: Mapping[str, LmScore], after: Mapping[str, LmScore]) -> list[Forgetting]:
    """Compare two scorings of the same slice, language by language."""
    return [Forgetting(lang, before[lang], after[lang]) for lang in sorted(before)]


def frozen_slice(texts: Iterable[str], max_bytes: int) -> list[str]:
    """Whole documents up to about ``max_bytes``, in the order of their SHA-256.

    The choice depends on the texts alone, so that every model of a corpus is asked about the same documents. A
    document that would go over is passed over, unless it is the only one.
    """
    ordered = sorted(texts, key=lambda text: hashlib.sha256(text.encode()).digest())
    chosen, size = [], 0
    for text in ordered:
        num_bytes = len(text.encode())
        if size + num_bytes <= max_bytes:
            chosen.append(text)
            size += num_bytes
    return chosen or ordered[:1]
