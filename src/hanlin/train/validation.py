"""Loss on data kept out of training, by the objective that is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch

from hanlin.data.loader import Loader
from hanlin.data.mixture import WeightedSource
from hanlin.data.sources import Source
from hanlin.model.transformer import Transformer
from hanlin.train.objectives import Objective

LEAST, MOST = 1 << 13, 1 << 16


def measured_positions(num_positions: int) -> int:
    """How many positions to measure where training has `num_positions`: a hundredth, so that ten evaluations cost some
    per cent of one epoch, but enough to tell two models apart, and never more than that takes."""
    return max(LEAST, min(MOST, num_positions // 100))


def validation_loss(
    objective: Objective, sources: Sequence[Source], *, rows: int, seq_len: int, most: int = MOST
) -> Callable[[Transformer], Mapping[str, float]]:
    """A hook that returns {"validation_loss": nats per target} over about `most` positions of `sources`,
    the same documents each time."""

    @torch.no_grad()
    def evaluate(model: Transformer) -> Mapping[str, float]:
        device = next(model.parameters()).device
        parts = [WeightedSource(source=source, max_epochs=1) for source in sources]
        loader = Loader(parts, rows=rows, seq_len=seq_len, seed=0, window=most)
        nats, num_tokens, num_positions = 0.0, 0, 0
        while num_positions < most and (batch := loader.next_batch()) is not None:
            loss = objective.loss(model, batch.to(device))
            nats += float(loss.value)
            num_tokens, num_positions = num_tokens + loss.num_tokens, num_positions + batch.num_positions
        return {"validation_loss": nats / max(1, num_tokens)}

    return evaluate
