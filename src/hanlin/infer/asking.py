"""A runner of models that guess by a second stream (XLNet): the place behind a text asks what stands there.

Its first stream sees both ways, so every token that is written changes what all tokens before it are: there is nothing
to keep. Each token is one reading of the whole text, and a text of T tokens costs T readings. transformers may keep the
states of earlier steps as a memory; those were worked out without what came after them, and say something else.

Legend: B rows, T tokens, D width, N rows that sample, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hanlin.infer.runner import prepared
from hanlin.infer.scheduler import Work
from hanlin.model.transformer import TwoStream


class AskingRunner:
    """Texts of one length are read together: no padding, so a row's numbers are its own."""

    def __init__(self, model: TwoStream) -> None:
        self._device, self._vocab_size = model.head.weight.device, model.config.vocab_size
        copied, self._matrices = prepared(model)
        assert isinstance(copied, TwoStream), "a copy is what it is a copy of"
        self._model = copied

    def refresh(self) -> None:
        """See Runner."""
        for matrix in self._matrices:
            matrix.refresh()

    @torch.no_grad()
    def run(self, work: Sequence[Work]) -> Tensor:
        """See Runner."""
        texts = [item.sequence.ids for item in work if item.samples]
        logits = torch.empty(len(texts), self._vocab_size, device=self._device)
        for length in sorted({len(ids) for ids in texts}):
            rows = [row for row, ids in enumerate(texts) if len(ids) == length]
            states = self._model.asked(torch.tensor([texts[row] for row in rows], device=self._device))  # (B, D)
            logits[rows] = self._model.head(states).float()
        return logits
