"""First weights that can copy: what followed last time?

    ... Anna has a goat ... Anna has a -> goat

Every model that learns from its context grows such "induction heads" (Olsson et al. 2022), but only after millions of
tokens, and only then can it repeat, look up or quote. Here they are set by hand, as Trockman & Kolter (2023) do with
what vision models grow, and are trained like all other weights from then on. The shape stays what it was: nothing but
the numbers a model starts from is different.

    block 0       head 0 looks at the token before, head 1 at the one before that; each writes what it sees into a
                  part of the stream of its own
    blocks 1, 2   two heads look for a place whose two earlier tokens are this token and the one before it, and write
                  what stands there into the stream, where the tied head reads it as a prediction

Legend: D width, E head width, F angles of a head (E / 2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from hanlin.base.errors import Problem
from hanlin.base.messages import say
from hanlin.model.attention import Attention
from hanlin.model.config import ModelConfig
from hanlin.model.embeddings import Embeddings
from hanlin.model.init import BASE_STD, named_generator
from hanlin.model.norms import RMSNorm
from hanlin.model.stack import Stack

STREAM_STD = 0.3
"""Of the embeddings, 15 times the usual: a circuit needs a stream whose content outweighs what untrained blocks add.
The final norm starts as much smaller, so that the first predictions are as even as ever."""

CONSTANT = 3 * STREAM_STD
"""Number 0 of every embedding: what a head that looks at places, not at tokens, asks for and finds."""

SHARPNESS = (5.0, 5.0, 3.0, 3.0, 3.0)
"""Share of five angles, from a full radian per token down, in the score of a head that looks back: it falls by 3 nats
from the right place to the next, and does not rise again within 2,000 tokens."""

FASTEST = 0.3
"""Share of the angles, the fastest, that those five are taken from."""

SLOW = 0.08
"""Radians per token below which angles compare contents: over a few dozen tokens they hardly turn."""

SECOND = 1.0
"""Weight of the agreement two tokens back against that of one token back."""

COPY = 1.2 * STREAM_STD
"""How strongly what is found is written into the stream."""


@torch.no_grad()
def install_copying(embeddings: Embeddings, stack: Stack, config: ModelConfig, *, seed: int) -> None:
    """Write the circuit over the first weights of a model that `copying_problems` has nothing against."""
    width, head_width = config.hidden_size, config.head_dim
    embeddings.tokens.weight.mul_(STREAM_STD / BASE_STD)[:, 0] = CONSTANT
    cast(RMSNorm, stack.final_norm).weight.fill_(BASE_STD / STREAM_STD)
    own, before, earlier = _orthogonal(width, seed, "places")[: 3 * head_width].split(head_width)  # (E, D) each
    blocks = [cast(Attention, block.attention) for block in stack.blocks[:3]]
    for number, (place, distance) in enumerate(((before, 1), (earlier, 2))):
        _look_back(_head(blocks[0], number), config, distance, seen=own, written=place)
    for layer, attention in enumerate(blocks[1:], start=1):
        places = _orthogonal(width, seed, f"copies/{layer}")
        for number in range(2):
            copied = places[number * head_width : (number + 1) * head_width]
            match = (_orthogonal(head_width, seed, f"match/{number}/{tokens}") for tokens in (1, 2))
            _look_up(_head(attention, number), config, tuple(match), (own, before, earlier), copied)


def copying_problems(config: ModelConfig) -> Iterator[Problem]:
    """What a shape lacks for it: rotary positions, a tied head, RMS norms before the blocks, and room."""
    needs = (
        ("positions.kind", config.positions.kind, config.positions.kind == "rope", "rope"),
        ("positions.fraction", config.positions.fraction, config.positions.fraction == 1, "1"),
        ("positions.scaling.kind", config.positions.scaling.kind, config.positions.scaling.kind == "none", "none"),
        ("embeddings.tied", config.embeddings.tied, config.embeddings.tied, "true"),
        ("norm.place", config.norm.place, config.norm.place == "pre" and config.norm.final, "pre"),
        ("norm.kind", config.norm.kind, config.norm.kind == "rms", "rms"),
        ("norm.unit_offset", config.norm.unit_offset, not config.norm.unit_offset, "false"),
        ("attention.scale", config.attention.scale, not config.attention.scale, "0"),
        ("attention.qk_norm", config.attention.qk_norm, not config.attention.qk_norm, "false"),
        ("num_layers", config.num_layers, config.num_layers >= 2, ">= 2"),
        ("num_kv_heads", config.num_kv_heads, config.num_kv_heads >= 2, ">= 2"),
        ("head_dim", config.head_dim, 32 <= config.head_dim <= config.hidden_size // 3, "32 .. hidden_size / 3"),
    )
    for name, value, fits, needed in needs:
        if not fits:
            rule = say("model.rule_copying", needed=needed)
            yield Problem(f"model.{name}", value, rule, say("model.remedy_copying"))


@dataclass(frozen=True)
class _Head:
    """The weights of one head with keys and values of its own, as views: query, key, value (E, D), out (D, E)."""

    query: Tensor
    key: Tensor
    value: Tensor
    out: Tensor


def _head(attention: Attention, number: int) -> _Head:
    """The first query head of the key head `number`."""
    heads, kv_heads, size = attention.num_heads, attention.num_kv_heads, attention.head_dim
    query = number * (heads // kv_heads)
    rows = attention.qkv.weight.unflatten(0, (heads + 2 * kv_heads, size))
    out = attention.out.weight.unflatten(1, (heads, size))
    return _Head(rows[query], rows[heads + number], rows[heads + kv_heads + number], out[:, query])


def _look_back(head: _Head, config: ModelConfig, distance: int, *, seen: Tensor, written: Tensor) -> None:
    """Attend `distance` tokens back, whatever stands there. A score is sum_i w_i cos(angle_i (d - distance)) at d
    tokens back: queries and keys are the same everywhere, and rope turns them against each other."""
    angles = _angles(config)
    chosen = torch.linspace(0, FASTEST * len(angles), len(SHARPNESS)).round().long()
    constant = CONSTANT**2 / (STREAM_STD**2 + CONSTANT**2 / config.hidden_size)  # number 0 behind the norm, squared
    amplitude = (torch.tensor(SHARPNESS) * config.head_dim**0.5 / constant).sqrt()
    head.query.zero_()[chosen, 0] = amplitude
    turned = angles[chosen] * distance
    head.key.zero_()[chosen, 0] = amplitude * turned.cos()
    head.key[chosen + len(angles), 0] = amplitude * turned.sin()
    head.value.copy_(seen)
    head.out.copy_(STREAM_STD * written.T)


def _look_up(
    head: _Head, config: ModelConfig, match: tuple[Tensor, ...], places: tuple[Tensor, Tensor, Tensor], copied: Tensor
) -> None:
    """Attend where the two tokens before are this one and the one before it; write the token that stands there."""
    own, before, earlier = places
    slow = (_angles(config) < SLOW).repeat(2)  # of both halves of a head, (E,)
    first, second = (basis * slow[:, None] for basis in match)
    head.query.copy_(first @ own + SECOND * second @ before)
    head.key.copy_(first @ before + SECOND * second @ earlier)
    head.value.copy_(copied)
    head.out.copy_(COPY * copied.T)


def _angles(config: ModelConfig) -> Tensor:
    """Radians per token of the F pairs of a head, the fastest first."""
    return config.positions.theta ** -(torch.arange(0, config.head_dim, 2) / config.head_dim)


def _orthogonal(size: int, seed: int, name: str) -> Tensor:
    """A random rotation (size, size), drawn from `seed` and a name."""
    return torch.linalg.qr(torch.randn(size, size, generator=named_generator(seed, f"copying/{name}")))[0]
