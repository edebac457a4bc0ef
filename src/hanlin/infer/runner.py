"""Turns scheduled work into tensors and asks the model.

Legend: B rows, T tokens read at once, N rows that sample, V vocabulary.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from hanlin.infer import scheduler
from hanlin.infer.blocks import BlockCache, BlockStore, BlockTables, Table, TokenCache
from hanlin.infer.packed import CastLinear, PackedLinear, make_linear, matrices
from hanlin.infer.scheduler import Work
from hanlin.infer.tokenwise import TokenDecoder, reads_tokenwise
from hanlin.model.heads import LmHead
from hanlin.model.linear import Linear
from hanlin.model.transformer import Transformer

MakeLinear = Callable[[Linear | LmHead], CastLinear | PackedLinear]


class Runner(Protocol):
    """What the engine asks of whoever computes."""

    def run(self, work: Sequence[Work]) -> Tensor:
        """Logits (N, V) float32 after the last token of each work that samples, in the order of `work`."""

    def refresh(self) -> None:
        """The model's weights have changed."""


class TorchRunner:
    """Runs rows that read equally many tokens together: no padding, so a row's numbers are its own."""

    def __init__(self, model: Transformer, tables: BlockTables) -> None:
        config, self._device = model.config, model.head.weight.device
        self._tables, self._vocab_size = tables, config.vocab_size
        self._model, self._matrices = prepared(model)
        self._decoder = TokenDecoder(self._model) if reads_tokenwise(self._model) else None
        self._store = BlockStore(
            num_layers=config.num_layers,
            num_blocks=tables.num_blocks,
            num_kv_heads=config.num_kv_heads,
            head_dim=config.head_dim,
            dtype=model.compute_dtype,
            device=self._device,
        )

    def refresh(self) -> None:
        """Copy the matrices again; all else is shared."""
        for matrix in self._matrices:
            matrix.refresh()

    # Not inference_mode: tables that the live model keeps from its first pass could then not be trained with.
    @torch.no_grad()
    def run(self, work: Sequence[Work]) -> Tensor:
        """See Runner."""
        ends = dict(end for group in self._groups(work) for end in self._run_group(group))
        return self._logits([ends[id(item)] for item in work if item.samples])

    def _groups(self, work: Sequence[Work]) -> list[list[Work]]:
        """Work that is done together."""
        groups: dict[object, list[Work]] = {}
        for item in work:
            groups.setdefault(self._kind(item), []).append(item)
        return list(groups.values())

    def _kind(self, item: Work) -> object:
        """What work that is done together has in common: the number of tokens it reads."""
        return item.count

    def _logits(self, rows: Sequence[Tensor]) -> Tensor:
        if not rows:
            return torch.empty(0, self._vocab_size, device=self._device)
        logits: Tensor = self._model.head(torch.stack(list(rows)))
        return logits.float()

    def _run_group(self, group: Sequence[Work]) -> list[tuple[int, Tensor]]:
        """The stream (D) behind the last token of every work of a group."""
        tokens = torch.tensor([item.token_ids for item in group], device=self._device)  # (B, T)
        hidden = self._hidden(tokens, [item.sequence for item in group])
        return [(id(item), row) for item, row in zip(group, hidden, strict=True)]

    def _hidden(self, tokens: Tensor, sequences: Sequence[scheduler.Sequence]) -> Tensor:
        """(B, T) -> (B, D) behind the last token of each row."""
        if tokens.shape[1] > 1 or self._decoder is None:
            return self._model.hidden(tokens, cache=self._cache(sequences))[:, -1]
        tables, lengths = self._places(sequences)
        places = torch.tensor(lengths, device=self._device)
        return self._decoder.hidden(tokens[:, 0], places, TokenCache(self._store, tables, lengths))

    def _cache(self, sequences: Sequence[scheduler.Sequence]) -> BlockCache:
        return BlockCache(self._store, *self._places(sequences))

    def _places(self, sequences: Sequence[scheduler.Sequence]) -> tuple[Table, list[int]]:
        """Their blocks, and how many tokens of each are held."""
        return self._tables.tables[[one.slot for one in sequences]], [one.num_read for one in sequences]


def prepared(model: Transformer, make: MakeLinear | None = None) -> tuple[Transformer, list[CastLinear | PackedLinear]]:
    """The model for generating, never in training, and its matrices: copies that only `refresh` brings up to date.

    All other weights are the model's own. make: what copies a matrix, unless as generating wants it.
    """
    mine = copy.deepcopy(model, {id(p): p for p in model.parameters()}).eval()
    make = make or make_linear(model, model.compute_dtype)
    copies = {name: make(part) for name, part in matrices(model).items()}
    for name, part in copies.items():
        mine.set_submodule(name, part)
    return mine, list(copies.values())


def weights_stamp(model: nn.Module) -> tuple[tuple[int, int], ...]:
    """Where every weight lies and how often it has been written to: equal stamps, equal weights.

    Writes through `.data` or foreign pointers are not seen; Engine.refresh is for them.
    """
    return tuple((p.data_ptr(), p._version) for p in model.parameters())
