"""What a model at the API can do beside chatting and continuing texts; None for what it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from hanlin.infer.embed import Embedder
from hanlin.infer.infill import Filler
from hanlin.infer.predict import Predictor
from hanlin.infer.score import Scorer

Ability = Literal["chat", "completions", "embeddings", "infilling", "scoring", "classification"]


@dataclass(frozen=True)
class Abilities:
    """embedder: vectors. filler: completions with a suffix. scorer: echo with logprobs, for models that read from the
    left. predictor: labels of texts. writes: whether it writes at all. reads_first: whether a prompt is read whole,
    framed, before it writes."""

    embedder: Embedder | None = None
    filler: Filler | None = None
    scorer: Scorer | None = None
    predictor: Predictor | None = None
    writes: bool = True
    reads_first: bool = False

    def names(self, *, chats: bool) -> Iterator[Ability]:
        """As /v1/models tells them."""
        if self.writes and chats:
            yield "chat"
        if self.writes:
            yield "completions"
        if self.writes and self.filler is not None:
            yield "infilling"
        if self.scorer is not None:
            yield "scoring"
        if self.embedder is not None:
            yield "embeddings"
        if self.predictor is not None:
            yield "classification"
