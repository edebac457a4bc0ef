"""Optimizers by name, as one object with flat, named state.

    muon    matrices of the layers by Muon (`muon.py`); tables, scores of tokens, norms and biases by AdamW
    adamw, adam, sgd    everything by torch's own

The matrices of the layers decay; tables, scores of tokens, norms and biases do not. At the rate embeddings learn
here, a decay would halve the vector of a rare token between two of its occurrences.

torch's implementations are told which kernel to run (fused where there is one, never foreach): left to itself the
choice depends on the machine and the release, and a resumed run would not be the same run. Fused AdamW takes a third of
the plain loop's time (25.8M parameters, one thread: 17 against 54 ms).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hanlin.model.linear import Linear
from hanlin.train.config import OptimizerConfig
from hanlin.train.muon import Muon

MUON_EMBEDDING_RATE = 7.0
"""Rate of embeddings and head beside Muon. Bits per byte (zh, en) after 0.8M tokens at 2.4M parameters and a rate of
0.007: 2.5 gave 2.849 2.603, 7 gave 2.790 2.509, 16 gave 2.813 2.534. At half the rate for the matrices 14 was as good
as 7, at twice the rate 3 was worse (2.889 2.640): what counts is 0.05 for the embeddings."""

TOKEN_TABLES = frozenset({"embeddings.tokens.weight", "head.weight"})
"""What learns at that rate. Tables of positions, types and distances do not, nor do the layers of a head: with them a
BERT of 2 x 64 that sees one token repeated needs 150 updates to tell a hidden one (0.005 nats), without them 50 (0.030;
Muon, 0.004)."""

FUSED = ("cpu", "cuda")
"""Devices for which torch has fused kernels of all three."""


@dataclass(frozen=True)
class Slice:
    """A parameter, or some of its rows, as one optimizer sees it. `tensor` shares memory with `whole`."""

    name: str
    whole: nn.Parameter
    tensor: nn.Parameter
    start: int = 0

    def take_gradient(self) -> None:
        """Let the slice's gradient be the rows of the whole's."""
        grad = self.whole.grad
        if self.tensor is not self.whole:
            self.tensor.grad = None if grad is None else grad[self.start : self.start + len(self.tensor)]


@dataclass(frozen=True)
class Part:
    """Slices that share a rule, a peak learning rate (as a multiple of the run's) and a weight decay."""

    slices: tuple[Slice, ...]
    rate: float
    weight_decay: float
    by_muon: bool = False


class Optimizer:
    """One or two of torch's optimizers, driven as one.

    The learning rate is handed to each step, because it belongs to the schedule; nothing about it is state.
    """

    def __init__(self, parts: list[Part], config: OptimizerConfig) -> None:
        self.parts = [part for part in parts if part.slices]
        self._rules = [_rule(part, config) for part in self.parts]

    def step(self, learning_rate: float) -> None:
        """Move every parameter that has a gradient."""
        for part, rule in zip(self.parts, self._rules, strict=True):
            for one in part.slices:
                one.take_gradient()
            for group in rule.param_groups:
                group["lr"] = learning_rate * part.rate
            rule.step()
        for parameter in self.parameters():  # fused kernels and slices write where autograd does not look
            torch.autograd.graph.increment_version(parameter)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for one in self._slices():
            one.whole.grad = one.tensor.grad = None

    def parameters(self) -> list[nn.Parameter]:
        """Every parameter that is trained, once."""
        return list({id(one.whole): one.whole for one in self._slices()}.values())

    def state_tensors(self) -> dict[str, Tensor]:
        """Flat state: "<parameter name>.<slot>", "<parameter name>[<first row>].<slot>" for a slice."""
        return {
            f"{one.name}.{slot}": torch.as_tensor(value)
            for part, rule in zip(self.parts, self._rules, strict=True)
            for one in part.slices
            for slot, value in rule.state.get(one.tensor, {}).items()
            if value is not None
        }

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Take a state that `state_tensors` gave; slots that are not in it start afresh."""
        for part, rule in zip(self.parts, self._rules, strict=True):
            for one in part.slices:
                prefix = f"{one.name}."
                found = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
                rule.state.pop(one.tensor, None)
                if found:
                    rule.state[one.tensor] = {
                        slot: value.detach().clone().to(one.tensor.device) for slot, value in found.items()
                    }

    def _slices(self) -> Iterator[Slice]:
        for part in self.parts:
            yield from part.slices


def build_optimizer(model: nn.Module, config: OptimizerConfig) -> Optimizer:
    """The optimizer that `config` names over every parameter of `model` that requires a gradient."""
    named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    inner = set(_matrices(model)) & named.keys()
    tokens = named.keys() & TOKEN_TABLES
    small = named.keys() - inner - tokens
    whole = {name: Slice(name, parameter, parameter) for name, parameter in named.items()}
    by_muon = config.name == "muon"
    sliced = list(_fused_parts(model, inner)) if by_muon else [whole[name] for name in named if name in inner]
    rate = config.embedding_rate or (MUON_EMBEDDING_RATE if by_muon else 1.0)
    parts = [
        Part(tuple(sliced), 1.0, config.weight_decay, by_muon),
        Part(tuple(whole[name] for name in named if name in tokens), rate, 0.0),
        Part(tuple(whole[name] for name in named if name in small), 1.0, 0.0),
    ]
    return Optimizer(parts, config)


def _matrices(model: nn.Module) -> Iterator[str]:
    """Names of the weights that states are multiplied with, a head's own layers among them, not its scores."""
    for name, module in model.named_modules():
        if isinstance(module, Linear):
            yield f"{name}.weight"


def _fused_parts(model: nn.Module, inner: set[str]) -> Iterator[Slice]:
    """The matrices of the blocks, fused projections taken apart: queries, keys and values are three matrices that share
    an input, and orthogonalising them as one would tie their scales together."""
    for module_name, module in model.named_modules():
        for name, parameter in module.named_parameters(prefix=module_name, recurse=False):
            if name not in inner:
                continue
            rows = module.parts if isinstance(module, Linear) else (len(parameter),)
            if len(rows) == 1:
                yield Slice(name, parameter, parameter)
                continue
            start = 0
            for num_rows in rows:
                view = nn.Parameter(parameter.data[start : start + num_rows])
                yield Slice(f"{name}[{start}]", parameter, view, start)
                start += num_rows


def _rule(part: Part, config: OptimizerConfig) -> torch.optim.Optimizer:
    tensors = [one.tensor for one in part.slices]
    fused = tensors[0].device.type in FUSED
    plain: dict[str, Any] = {"lr": 0.0, "weight_decay": part.weight_decay, "foreach": False, "fused": fused}
    if part.by_muon:
        return Muon(tensors, lr=0.0, weight_decay=part.weight_decay, momentum=config.momentum)
    if config.name == "sgd":
        return torch.optim.SGD(tensors, momentum=config.momentum, **plain)
    kind = torch.optim.Adam if config.name == "adam" else torch.optim.AdamW
    return kind(tensors, betas=(config.beta1, config.beta2), eps=config.eps, **plain)
