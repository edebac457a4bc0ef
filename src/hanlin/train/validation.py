"""Loss on data kept out of training, by the objective that is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch

from hanlin.data.forms.parts import Form
from hanlin.data.loader import Loader
from hanlin.data.mixture import WeightedSource
from hanlin.data.sources import Source
from hanlin.model.transformer import Transformer
from hanlin.train.objectives import TokenPrediction

LEAST, MOST = 1 << 13, 1 << 16


def measured_positions(num_positions: int) -> int:
    """How many positions to measure where training has `num_positions`: a hundredth, so that ten evaluations cost some
    per cent of one epoch, but enough to tell two models apart, and never more than that takes."""
    return max(LEAST, min(MOST, num_positions // 100))


def validation_loss(
    objective: TokenPrediction,
    sources: Sequence[Source],
    *,
    rows: int,
    seq_len: int,
    most: int = MOST,
    form: Form | None = None,
    accuracy: str = "",
) -> Callable[[Transformer], Mapping[str, float]]:
    """A hook that returns {"validation_loss": nats per target} over about `most` positions of `sources`,
    the same documents each time, hidden by `form` at the same places.

    accuracy: the name under which the share of targets that were the first choice stands beside it; "": left out.
    """

    @torch.no_grad()
    def evaluate(model: Transformer) -> Mapping[str, float]:
        device = next(model.parameters()).device
        parts = [WeightedSource(source=source, max_epochs=1) for source in sources]
        loader = Loader(parts, rows=rows, seq_len=seq_len, seed=0, window=most, form=form)
        nats, num_tokens, num_positions, correct = 0.0, 0, 0, 0
        while num_positions < most and (batch := loader.next_batch()) is not None:
            batch = batch.to(device)
            loss = objective.loss(model, batch)
            correct += objective.correct(model, batch) if accuracy else 0
            nats += float(loss.value)
            num_tokens, num_positions = num_tokens + loss.num_tokens, num_positions + batch.num_positions
        told = {accuracy: correct / max(1, num_tokens)} if accuracy else {}
        return {"validation_loss": nats / max(1, num_tokens), **told}

    return evaluate
