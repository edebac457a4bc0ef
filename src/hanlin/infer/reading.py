"""Runners of models that read a whole prompt before they write: prefix models and encoder-decoders.

A prefix model reads its prompt in one pass in which every token sees all of it, then goes on as any decoder. An encoder
reads the prompt once; what the decoder's layers want of it is worked out once and kept with the sequence, and joined
for those that write together, anew only when one comes or goes.

Legend: B rows, T tokens read at once, M tokens of the encoder, D width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hanlin.infer import scheduler
from hanlin.infer.blocks import BlockCache, BlockTables
from hanlin.infer.runner import TorchRunner
from hanlin.infer.scheduler import Work
from hanlin.model.memory import Memory, joined
from hanlin.model.transformer import EncoderDecoder, Transformer


class PrefixRunner(TorchRunner):
    """Prompts are seen both ways, answers from the left. What a layout notes of a prompt is kept with its sequence."""

    def __init__(self, model: Transformer, tables: BlockTables) -> None:
        super().__init__(model, tables)
        self._is_told = model.config.positions.tell_prefix
        self._notes: dict[scheduler.Sequence, Tensor] = {}

    def _kind(self, item: Work) -> object:
        return item.count, item.sequence.num_read == 0

    def _hidden(self, tokens: Tensor, sequences: Sequence[scheduler.Sequence]) -> Tensor:
        is_prompt, fills = sequences[0].num_read == 0, any(one.request.blank >= 0 for one in sequences)
        if not is_prompt and not self._is_told and not fills:
            return super()._hidden(tokens, sequences)
        cache, places = self._cache(sequences), _places(sequences, tokens) if fills and not self._is_told else None
        if not is_prompt:
            cache.notes = torch.stack([self._notes[one] for one in sequences]) if self._is_told else None
            return self._model.hidden(tokens, cache=cache, positions=places)[:, -1]
        seen = None if self._is_told else _prefix(sequences, tokens)
        states = self._model.hidden(tokens, cache=cache, prefix=seen, positions=places)[:, -1]
        if cache.notes is not None:
            self._notes = {one: note for one, note in self._notes.items() if one.slot >= 0}
            self._notes |= dict(zip(sequences, cache.notes, strict=True))
        return states


def _places(sequences: Sequence[scheduler.Sequence], tokens: Tensor) -> Tensor:
    """(B, T): what fills a blank stands right behind it, whatever follows the blank."""
    rows = []
    for one in sequences:
        last, blank = len(one.start) - 1, one.request.blank
        places = range(one.num_read, one.num_read + tokens.shape[1])
        rows.append([place - last + blank + 1 if blank >= 0 and place >= last else place for place in places])
    return torch.tensor(rows, device=tokens.device)


def _prefix(sequences: Sequence[scheduler.Sequence], tokens: Tensor) -> Tensor:
    """(B, T) bool: all of a prompt, but for the token that begins what fills a blank."""
    seen = torch.ones_like(tokens, dtype=torch.bool)
    seen[[row for row, one in enumerate(sequences) if one.request.blank >= 0], -1] = False
    return seen


class EncodingRunner(TorchRunner):
    """An encoder's states beside the decoder's cache."""

    def __init__(self, model: Transformer, tables: BlockTables) -> None:
        super().__init__(model, tables)
        assert isinstance(self._model, EncoderDecoder), "make_runner knows"
        self._reader: EncoderDecoder = self._model
        self._memories: dict[scheduler.Sequence, Memory] = {}
        self._joined: tuple[list[scheduler.Sequence], Memory] | None = None

    def refresh(self) -> None:
        """See Runner; nothing runs, so nothing is remembered."""
        super().refresh()
        self._memories.clear()
        self._joined = None

    def run(self, work: Sequence[Work]) -> Tensor:
        """See Runner."""
        self._forget()
        self._encode([item.sequence for item in work if item.sequence not in self._memories])
        return super().run(work)

    def _forget(self) -> None:
        """What belongs to sequences that have left."""
        for sequence in [one for one in self._memories if one.slot < 0]:
            del self._memories[sequence]
        if self._joined is not None and any(one.slot < 0 for one in self._joined[0]):
            self._joined = None

    @torch.no_grad()
    def _encode(self, sequences: Sequence[scheduler.Sequence]) -> None:
        """Prompts of one length together, so that none is padded."""
        for length in sorted({len(one.source) for one in sequences}):
            group = [one for one in sequences if len(one.source) == length]
            memory = self._reader.encode(torch.tensor([one.source for one in group], device=self._device))
            self._reader.remember(memory)
            for row, sequence in enumerate(group):
                self._memories[sequence] = memory.select([row]) if len(group) > 1 else memory

    def _hidden(self, tokens: Tensor, sequences: Sequence[scheduler.Sequence]) -> Tensor:
        if self._joined is None or self._joined[0] != sequences:
            self._joined = list(sequences), joined([self._memories[one] for one in sequences])
        cache: BlockCache = self._cache(sequences)
        return self._reader.hidden(tokens, cache=cache, memory=self._joined[1])[:, -1]
