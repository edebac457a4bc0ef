"""Attention rollout: how much of each token read has arrived at each place, all layers together (Abnar, Zuidema 2020).

A layer passes on half of its own stream and half of what its heads take, on average: (A + I) / 2. The product of all
layers is the share of every token read in every place of the top. Norms, MLPs and values are left out: it is a picture
of the paths, not of what was sent along them.

Legend: B batch, T tokens, M tokens of an encoder, H heads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hanlin.model.inspection.attention import record
from hanlin.model.inspection.reading import Reading
from hanlin.model.transformer import EncoderDecoder, Transformer


@dataclass(frozen=True)
class Rollout:
    """own (B, T, T): shares of the tokens of the stack itself; source (B, T, M): of the encoder's, None without one.

    The shares of a place add up to 1, own and source together.
    """

    own: Tensor
    source: Tensor | None = None


def rollout(model: Transformer, reading: Reading) -> Rollout:
    """The rollout of all layers. Raises InputError E343, and as Reading.hidden."""
    means = record(model, reading, lambda weights: weights.mean(dim=1))
    own = _start(reading.tokens)
    if not isinstance(model, EncoderDecoder) or reading.source is None:
        for layer in range(1, len(model.stack.blocks) + 1):
            own = _step(means["self", layer], own)
        return Rollout(own)
    read = _start(reading.source)
    for layer in range(1, len(model.encoder.blocks) + 1):
        read = _step(means["encoder", layer], read)
    source = read.new_zeros(len(own), own.shape[1], read.shape[1])
    for layer in range(1, len(model.stack.blocks) + 1):
        own, source = _step(means["self", layer], own), _step(means["self", layer], source)
        own, source = own / 2, (source + means["cross", layer] @ read) / 2
    return Rollout(own, source)


def _start(tokens: Tensor) -> Tensor:
    """Before the first layer every place holds its own token."""
    return torch.eye(tokens.shape[1]).expand(len(tokens), -1, -1)


def _step(weights: Tensor, shares: Tensor) -> Tensor:
    """(B, T, T), (B, T, *) -> (B, T, *)."""
    return (shares + weights @ shares) / 2
