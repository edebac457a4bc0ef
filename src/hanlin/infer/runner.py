"""Turns scheduled work into tensors and asks the model.

Legend: B rows, T tokens read at once, N rows that sample, V vocabulary.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from hanlin.infer.blocks import BlockCache, BlockStore, BlockTables
from hanlin.infer.memory import LargePages, aligned
from hanlin.infer.native import NativeRunner, supports
from hanlin.infer.scheduler import Work
from hanlin.model.heads import LmHead
from hanlin.model.linear import Linear
from hanlin.model.transformer import Transformer


class Runner(Protocol):
    """What the engine asks of whoever computes."""

    def run(self, work: Sequence[Work]) -> Tensor:
        """Logits (N, V) float32 after the last token of each work that samples, in the order of `work`."""

    def refresh(self) -> None:
        """The model's weights have changed."""


def make_runner(model: Transformer, tables: BlockTables, *, native: bool) -> Runner:
    """The compiled decoder where it is wanted and can be, else torch."""
    if native and supports(model):
        return NativeRunner(model, tables)
    return TorchRunner(model, tables)


class TorchRunner:
    """Runs rows that read equally many tokens together: no padding, so a row's numbers are its own."""

    def __init__(self, model: Transformer, tables: BlockTables) -> None:
        config, self._device = model.config, model.head.weight.device
        self._source, self._model, self._tables = model, prepared(model), tables
        self._store = BlockStore(
            num_layers=config.num_layers,
            num_blocks=tables.num_blocks,
            num_kv_heads=config.num_kv_heads,
            head_dim=config.head_dim,
            dtype=model.compute_dtype,
            device=self._device,
        )

    @torch.no_grad()
    def refresh(self) -> None:
        """Copy the matrices again; all else is shared."""
        theirs = dict(self._source.named_parameters(remove_duplicate=False))
        for name, mine in self._model.named_parameters(remove_duplicate=False):
            if mine is not theirs[name]:
                mine.copy_(theirs[name])

    # Not inference_mode: tables that the live model keeps from its first pass could then not be trained with.
    @torch.no_grad()
    def run(self, work: Sequence[Work]) -> Tensor:
        """See Runner."""
        ends = dict(end for group in _groups(work) for end in self._run_group(group))
        return self._logits([ends[id(item)] for item in work if item.samples])

    def _logits(self, rows: Sequence[Tensor]) -> Tensor:
        if not rows:
            return torch.empty(0, self._model.config.vocab_size, device=self._device)
        return self._model.head(torch.stack(list(rows))).float()

    def _run_group(self, group: Sequence[Work]) -> list[tuple[int, Tensor]]:
        """The stream (D) behind the last token of every work of a group."""
        sequences = [item.sequence for item in group]
        tokens = torch.tensor([item.token_ids for item in group], device=self._device)  # (B, T)
        tables = self._tables.tables[[s.slot for s in sequences]]
        cache = BlockCache(self._store, tables, [s.num_read for s in sequences])
        hidden = self._model.hidden(tokens, cache=cache)[:, -1]  # (B, D)
        return [(id(item), row) for item, row in zip(group, hidden, strict=True)]


def _groups(work: Sequence[Work]) -> list[list[Work]]:
    """Work by the number of tokens it reads."""
    groups: dict[int, list[Work]] = {}
    for item in work:
        groups.setdefault(item.count, []).append(item)
    return list(groups.values())


@torch.no_grad()
def prepared(model: Transformer) -> Transformer:
    """The model for generating: its parts anew, never in training, sharing all weights but those of the matrices.

    These are cast once: in every step it would cost 5 ms per token at 26M parameters. On a CPU they are also stored by
    columns: a product with one row then reads float32 almost twice as fast (92 MB in 4.7 instead of 8.7 ms).
    """
    mine, dtype = copy.deepcopy(model, {id(p): p for p in model.parameters()}).eval(), model.compute_dtype
    parts: list[Any] = [part for part in mine.modules() if type(part) in (Linear, LmHead)]
    if model.head.weight.device.type == "cpu":
        memory = LargePages(sum(aligned(part.weight.numel() * dtype.itemsize) for part in parts))
        copies = [memory.take(*part.weight.T.shape, dtype=dtype).copy_(part.weight.T).T for part in parts]
    else:
        copies = [part.weight.to(dtype) for part in parts]
    for part, weight in zip(parts, copies, strict=True):
        part.weight = nn.Parameter(weight, requires_grad=False)
    return mine


def weights_stamp(model: nn.Module) -> tuple[tuple[int, int], ...]:
    """Where every weight lies and how often it has been written to: equal stamps, equal weights.

    Writes through `.data` or foreign pointers are not seen; Engine.refresh is for them.
    """
    return tuple((p.data_ptr(), p._version) for p in model.parameters())
