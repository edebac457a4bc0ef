"""The states of many texts: rows padded to their longest, or, where attention allows it, no padding at all.

    padded    a a a a      packed    a a a a b b c c d      every matrix product sees real tokens only, and attention
              b b . .                                       runs over texts of one length at a time
              c c . .
              d . . .

Legend: B texts of a batch, T tokens, N tokens of all texts of a batch, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Protocol

import torch
from torch import Tensor

from hanlin.infer.packed import many_rows_linear
from hanlin.infer.runner import prepared, weights_stamp
from hanlin.model.attention import Attention, attend
from hanlin.model.masks import Layout, full_layout
from hanlin.model.transformer import EncoderDecoder, Transformer

Rows = Sequence[Sequence[int]]


class Reader(Protocol):
    """What gives the states of texts. batch_tokens: positions of a batch that it is fastest with."""

    batch_tokens: int

    def means(self, rows: Rows) -> Tensor:
        """The mean state of each text (B, D) float32."""

    def firsts(self, rows: Rows) -> Tensor:
        """The first state of each text (B, D) float32."""


def make_reader(model: Transformer) -> Reader:
    """The packed one for an encoder on a CPU whose layers let every token see its whole text and nothing else."""
    plain = type(model) is Transformer and model.layout is full_layout
    packed = plain and model.stack.relative is None and _on_cpu(model) and _attends(model)
    return PackedReader(model) if packed else PaddedReader(model)


class PaddedReader:
    """Texts of a batch under one another: any model."""

    batch_tokens = 4096  # 2 to 8 thousand are equally fast on two cores, more only take memory

    def __init__(self, model: Transformer) -> None:
        self._model, self._device = model, model.embeddings.tokens.weight.device

    def means(self, rows: Rows) -> Tensor:
        """See Reader."""
        states, real = self._states(rows)
        if real is None:
            return states.mean(dim=1)
        return (states * real[:, :, None]).sum(dim=1) / real.sum(dim=1, keepdim=True)

    def firsts(self, rows: Rows) -> Tensor:
        """See Reader."""
        return self._states(rows)[0][:, 0]

    def _states(self, rows: Rows) -> tuple[Tensor, Tensor | None]:
        """(B, T, D) float32 of whatever reads, and (B, T), 0 for padding."""
        tokens, real = padded(rows)
        tokens, real = tokens.to(self._device), None if real is None else real.to(self._device)
        if isinstance(self._model, EncoderDecoder):
            return self._model.encode(tokens, segments=real).states.float(), real
        return self._model.hidden(tokens, segments=real).float(), real


class PackedReader:
    """Texts of a batch one behind the other, matrices in the layout that is fastest for many rows."""

    batch_tokens = 1024  # what a layer makes of them stays in the caches: a fifth faster than 4096

    def __init__(self, model: Transformer) -> None:
        self._live, self._stamp = model, weights_stamp(model)
        self._model, self._matrices = prepared(model, many_rows_linear(model, model.compute_dtype))

    def means(self, rows: Rows) -> Tensor:
        """See Reader. Rows of one length must stand side by side."""
        states, runs = self._states(rows)
        parts = states.split([number * length for number, length in runs])
        return torch.cat([p.view(*run, -1).mean(dim=1) for p, run in zip(parts, runs, strict=True)])

    def firsts(self, rows: Rows) -> Tensor:
        """See Reader. Rows of one length must stand side by side."""
        states, runs = self._states(rows)
        parts = states.split([number * length for number, length in runs])
        return torch.cat([p.view(*run, -1)[:, 0] for p, run in zip(parts, runs, strict=True)])

    def _states(self, rows: Rows) -> tuple[Tensor, tuple[tuple[int, int], ...]]:
        """(N, D) float32, and how many texts of which length."""
        self._refresh()
        runs = tuple((len(list(same)), length) for length, same in groupby(map(len, rows)))
        tokens = torch.tensor([[id for row in rows for id in row]])
        places = torch.cat([torch.arange(length).repeat(number) for number, length in runs])[None]
        layout, model = Layout(places, causal=False, runs=runs), self._model
        if model.rotary is not None:
            texts = torch.tensor([[number for number, ids in enumerate(rows) for _ in ids]])
            layout = replace(layout, rotation=model.rotary(places, model.compute_dtype, segments=texts))
        states = model.stack(model.embeddings(tokens, places, model.compute_dtype), layout)
        return states[0].float(), runs

    def _refresh(self) -> None:
        """Weights may have been trained since."""
        if (stamp := weights_stamp(self._live)) != self._stamp:
            self._stamp = stamp
            for matrix in self._matrices:
                matrix.refresh()


def padded(rows: Rows) -> tuple[Tensor, Tensor | None]:
    """Tokens (B, T), and segments (B, T), 0 for padding; None where all rows are of one length."""
    longest = max(map(len, rows))
    tokens = torch.tensor([[*ids, *[0] * (longest - len(ids))] for ids in rows])
    if all(len(ids) == longest for ids in rows):
        return tokens, None
    lengths = torch.tensor([len(ids) for ids in rows])
    return tokens, (torch.arange(longest) < lengths[:, None]).long()


def _on_cpu(model: Transformer) -> bool:
    return model.embeddings.tokens.weight.device.type == "cpu"


def _attends(model: Transformer) -> bool:
    parts = [part for part in model.stack.modules() if isinstance(part, Attention)]
    return len(parts) == len(model.stack.blocks) and all(part.compute is attend for part in parts)
