"""Turns scheduled work into tensors and asks the model.

Legend: B rows, T tokens read at once, N rows that sample, V vocabulary.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from hanlin.infer.blocks import BlockCache, BlockStore, BlockTables
from hanlin.infer.native import NativeRunner, supports
from hanlin.infer.scheduler import Work
from hanlin.model.transformer import Transformer


class Runner(Protocol):
    """What the engine asks of whoever computes."""

    def run(self, work: Sequence[Work]) -> Tensor:
        """Logits (N, V) float32 after the last token of each work that samples, in the order of `work`."""

    def refresh(self) -> None:
        """The model's weights have changed."""


def make_runner(model: Transformer, store: BlockStore, tables: BlockTables, *, native: bool) -> Runner:
    """The compiled decoder where it is wanted and can be, else torch."""
    if native and supports(model):
        return NativeRunner(model, store, tables)
    return TorchRunner(model, store, tables)


class TorchRunner:
    """Runs rows that read equally many tokens together: no padding, so a row's numbers are its own."""

    def __init__(self, model: Transformer, store: BlockStore, tables: BlockTables) -> None:
        self._source, self._store, self._tables = model, store, tables
        self._device, dtypes = model.head.weight.device, {p.dtype for p in model.parameters()}
        # Masters in another dtype than the computation would be cast in every step: 5 ms per token at 26M parameters.
        self._model = model if dtypes == {model.compute_dtype} else copy.deepcopy(model).to(model.compute_dtype)

    def refresh(self) -> None:
        """Copy the weights, unless the live model itself is run."""
        if self._model is self._source:
            return
        with torch.no_grad():
            for mine, theirs in zip(self._model.parameters(), self._source.parameters(), strict=True):
                mine.copy_(theirs)

    # Not inference_mode: tables that the live model keeps from its first pass could then not be trained with.
    @torch.no_grad()
    def run(self, work: Sequence[Work]) -> Tensor:
        """See Runner."""
        was_training = self._model.training
        if was_training:
            self._model.eval()
        try:
            ends = dict(end for group in _groups(work) for end in self._run_group(group))
            return self._logits([ends[id(item)] for item in work if item.samples])
        finally:
            if was_training:
                self._model.train()

    def _logits(self, rows: Sequence[Tensor]) -> Tensor:
        if not rows:
            return torch.empty(0, self._model.config.vocab_size, device=self._device)
        return self._model.head(torch.stack(list(rows))).float()

    def _run_group(self, group: Sequence[Work]) -> list[tuple[int, Tensor]]:
        """The stream (D) behind the last token of every work of a group."""
        sequences = [item.sequence for item in group]
        tokens = torch.tensor([item.token_ids for item in group], device=self._device)  # (B, T)
        tables = torch.from_numpy(self._tables.tables[[s.slot for s in sequences]]).long().to(self._device)
        cache = BlockCache(self._store, tables, [s.num_read for s in sequences])
        hidden = self._model.hidden(tokens, cache=cache)[:, -1]  # (B, D)
        return [(id(item), row) for item, row in zip(group, hidden, strict=True)]


def _groups(work: Sequence[Work]) -> list[list[Work]]:
    """Work by the number of tokens it reads."""
    groups: dict[int, list[Work]] = {}
    for item in work:
        groups.setdefault(item.count, []).append(item)
    return list(groups.values())


def weights_stamp(model: nn.Module) -> tuple[tuple[int, int], ...]:
    """Where every weight lies and how often it has been written to: equal stamps, equal weights.

    Writes through `.data` or foreign pointers are not seen; Engine.refresh is for them.
    """
    return tuple((p.data_ptr(), p._version) for p in model.parameters())
