"""Beam search: the best of many continuations kept at every step, instead of one.

The rules of transformers: a score is the sum of log-probabilities over the length to the power of `length_penalty`; a
text that ends takes its place among the finished ones; the search ends when none of those that still grow is better,
at its present length, than the worst of them.

An encoder's states are projected once per layer; every new token costs one token.

Legend: B rows (beams of all texts that are still searched), V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from hanlin.base.errors import InputError, RequestTooLong, UsageError
from hanlin.infer.config import BeamParams
from hanlin.model.transformer import EncoderDecoder, Transformer


@dataclass(frozen=True)
class Beam:
    """A text found: its ids, the end token included, and its score, a log-probability weighed by length."""

    ids: tuple[int, ...]
    score: float


class Reader:
    """What rows have read, and the logits of their next tokens.

    start: the token every answer of an encoder-decoder begins with. room: most tokens that will be written.
    Raises RequestTooLong, InputError E601 for an empty row, UsageError E614 for an encoder.
    """

    def __init__(self, model: Transformer, rows: Sequence[Sequence[int]], *, start: int, room: int) -> None:
        if model.config.arch == "encoder":
            raise UsageError("infer.no_decoder", arch=model.config.arch)
        if not rows or not all(rows):
            raise InputError("infer.prompt_empty")
        self._model, self._device, self.memory = model, model.embeddings.tokens.weight.device, None
        lengths = torch.tensor([len(row) for row in rows])
        longest = int(lengths.max())
        tokens = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], device=self._device)
        segments = (torch.arange(longest) < lengths[:, None]).long().to(self._device)
        if isinstance(model, EncoderDecoder):
            self.memory = model.encode(tokens, segments=None if bool(segments.all()) else segments)
            self.cache = model.new_cache(len(rows), room + 1)
            self.logits = self.read([start] * len(rows))
        else:
            if longest >= model.config.max_seq_len:
                raise RequestTooLong("infer.too_long", num_tokens=longest, max_seq_len=model.config.max_seq_len)
            self.cache = model.new_cache(len(rows), longest + room)
            told = model.config.positions.tell_prefix
            prefix = segments != 0 if model.config.arch == "prefix" and not told else None
            states = model.hidden(tokens, segments=segments, cache=self.cache, prefix=prefix)
            self.logits = model.head(states[torch.arange(len(rows)), lengths - 1]).float()

    def read(self, tokens: Sequence[int]) -> Tensor:
        """One more token of each row -> logits (B, V) float32 of what follows."""
        column = torch.tensor(tokens, device=self._device)[:, None]
        self.logits = self._model(column, cache=self.cache, memory=self.memory)[:, -1].float()
        return self.logits

    def select(self, rows: Sequence[int]) -> None:
        """Go on with these rows, in this order; one named twice is copied."""
        if list(rows) == list(range(len(self.cache.lengths))):
            return
        self.cache.select(rows)
        self.memory = None if self.memory is None else self.memory.select(rows)


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
    """For each prompt the texts found, best first, begun by `start`, ended by `end`.

    Raises RequestTooLong, InputError E601 for an empty prompt, UsageError E614 for an encoder.
    """
    params = params or BeamParams()
    room = _room_for(model, prompts, params.max_tokens)
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


def _room_for(model: Transformer, prompts: Sequence[Sequence[int]], max_tokens: int) -> int:
    """Tokens that may be written before the model's own end."""
    taken = 1 if isinstance(model, EncoderDecoder) else max(map(len, prompts), default=0)
    return max(1, min(max_tokens, model.config.max_seq_len - taken))
