"""First values of every weight, in one place."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn

from hanlin.model.norms import OffsetRMSNorm

BASE_STD = 0.02


@torch.no_grad()
def initialise(model: nn.Module, *, seed: int, num_layers: int, hidden_size: int) -> None:
    """Fill every parameter from `seed`.

    | parameter                                   | values                                                           |
    |---------------------------------------------|------------------------------------------------------------------|
    | embeddings of tokens, types, blanks; head   | normal, std 0.02 (GPT-2)                                         |
    | heads of tasks                              | the same (BERT)                                                  |
    | learned positions                           | normal, std 0.01 (GPT-2)                                         |
    | qkv, gate, up (from the stream)             | normal, std 1 / sqrt(hidden_size), cut to 0.02 .. 0.05           |
    | relative positions, distances, kinds        | as from the stream                                               |
    | pooler, next sentence                       | as from the stream                                               |
    | attention, cross.out, mlp.down (into it)    | the same / sqrt(2 num_layers): the sum of branches stays level   |
    | norm weights                                | 1 (0 where kept as the distance from 1)                          |
    | biases                                      | 0                                                                |

    Each parameter draws from a generator of its own, seeded by `seed` and its name: adding or reordering modules
    changes no other weight. Drawn on the CPU in float32, so that a seed means the same numbers on every device.
    """
    offsets = {f"{name}.weight" for name, part in model.named_modules() if isinstance(part, OffsetRMSNorm)}
    inner = min(0.05, max(BASE_STD, hidden_size**-0.5))
    for name, parameter in model.named_parameters():
        if name in offsets:
            parameter.zero_()
            continue
        parameter.copy_(_values(name, parameter, seed=seed, inner=inner, num_layers=num_layers))


@torch.no_grad()
def initialise_task(model: nn.Module, *, seed: int) -> None:
    """Fill the head of a task alone, its pooler too where `model` has one, as `initialise` would."""
    for name, parameter in model.named_parameters():
        if name.startswith(("task.", "pooler.")):
            parameter.copy_(_values(name, parameter, seed=seed, inner=BASE_STD, num_layers=1))


def _values(name: str, like: Tensor, *, seed: int, inner: float, num_layers: int) -> Tensor:
    """The row of the table that `name` falls under."""
    if name.endswith("bias"):
        return torch.zeros(like.shape)
    if "norm" in name:
        return torch.ones(like.shape)
    std = inner
    if name.startswith("embeddings.positions"):
        std = BASE_STD / 2
    elif name.startswith(("embeddings", "head", "blank", "task")):
        std = BASE_STD
    elif name.endswith(("attention.out.weight", "cross.out.weight", "mlp.down.weight")):
        std = inner / (2 * num_layers) ** 0.5
    return torch.randn(like.shape, generator=named_generator(seed, name)) * std


def named_generator(seed: int, name: str) -> torch.Generator:
    """A stream of numbers of its own for every name."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
