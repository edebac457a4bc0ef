"""Beam search: the best of many continuations kept at every step, instead of one.

The rules of transformers: a score is the sum of log-probabilities over the length to the power of `length_penalty`; a
text that ends takes its place among the finished ones; the search ends when none of those that still grow is better,
at its present length, than the worst of them.

Legend: B rows (beams of all texts that are still searched), V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from hanlin.infer.config import BeamParams
from hanlin.infer.writing import Reader, room_for
from hanlin.model.transformer import Transformer


@dataclass(frozen=True)
class Beam:
    """A text found: its ids, the end token included, and its score, a log-probability weighed by length."""

    ids: tuple[int, ...]
    score: float


@dataclass(eq=False)
class _Search:
    """The beams of one text. growing: best first, scores not yet weighed."""

    params: BeamParams
    room: int
    growing: list[Beam] = field(default_factory=lambda: [Beam((), 0.0)])
    finished: list[Beam] = field(default_factory=list)
    closed: bool = False

    def step(self, logprobs: Tensor, end: int) -> list[int]:
        """Read log-probabilities (beams, V); return which beam each that now grows came from."""
        width, length = self.params.num_beams, len(self.growing[0].ids) + 1
        scores = logprobs + torch.tensor([beam.score for beam in self.growing], device=logprobs.device)[:, None]
        best = scores.flatten().topk(min(2 * width, scores.numel()))
        weight = length**self.params.length_penalty
        parents: list[int] = []
        grown: list[Beam] = []
        for rank, (score, at) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
            parent, token = divmod(at, logprobs.shape[1])
            beam = Beam((*self.growing[parent].ids, token), score)
            if token != end and length < self.room:
                grown.append(beam)
                parents.append(parent)
            elif rank < width:  # an end among the runners-up is only what keeps the row full
                self.finished.append(Beam(beam.ids, score / weight))
        self.finished = sorted(self.finished, key=lambda beam: -beam.score)[:width]
        self.growing = grown[:width]
        self._close(weight)
        return parents[:width]

    def _close(self, weight: float) -> None:
        full = len(self.finished) == self.params.num_beams
        self.closed = not self.growing or (full and self.growing[0].score / weight <= self.finished[-1].score)


@torch.no_grad()
def search(
    model: Transformer, prompts: Sequence[Sequence[int]], params: BeamParams | None = None, *, start: int, end: int
) -> list[list[Beam]]:
    """For each prompt of framed ids the texts found, best first, begun by `start`, ended by `end`. Raises as Reader."""
    params = params or BeamParams()
    room = room_for(model, prompts, params.max_tokens)
    reader = Reader(model, prompts, start=start, room=room)
    searches = [_Search(params, room) for _ in prompts]
    going, logits = list(searches), reader.logits
    while going:
        rows: list[int] = []
        first, still = 0, []
        for one, part in zip(going, logits.log_softmax(dim=-1).split([len(s.growing) for s in going]), strict=True):
            parents = one.step(part, end)
            if not one.closed:
                rows += [first + parent for parent in parents]
                still.append(one)
            first += len(part)
        going = still
        if going:
            reader.select(rows)
            logits = reader.read([beam.ids[-1] for one in going for beam in one.growing])
    return [one.finished for one in searches]
