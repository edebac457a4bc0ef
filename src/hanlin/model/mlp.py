"""Feed-forward layers.

Legend: * any leading dimensions, D width, F ffn width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hanlin.model import kernels
from hanlin.model.linear import Linear

Activation = Callable[[Tensor], Tensor]
Gate = Callable[[Tensor, Activation], Tensor]


def _gelu_tanh(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


def _relu_squared(x: Tensor) -> Tensor:
    return F.relu(x).square()


ACTIVATIONS: dict[str, Activation] = {
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_tanh": _gelu_tanh,
    "relu": F.relu,
    "relu2": _relu_squared,
}


def gate(gate_up: Tensor, activation: Activation) -> Tensor:
    """activation(first half) * second half of the last dimension (Shazeer 2020). (*, 2F) -> (*, F)."""
    if activation is F.silu and kernels.usable(gate_up):
        return kernels.swiglu(gate_up)
    if activation is F.silu:
        out: Tensor = _PlainSwiglu.apply(gate_up)
        return out
    first, second = gate_up.chunk(2, dim=-1)
    return activation(first) * second


class _PlainSwiglu(torch.autograd.Function):
    """silu(a) b that writes both gradients where they belong, instead of joining them."""

    @staticmethod
    def forward(ctx: Any, halves: Tensor) -> Tensor:
        first, second = halves.chunk(2, dim=-1)
        opened = F.silu(first)
        ctx.save_for_backward(halves, opened)
        return opened * second

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Tensor:
        """With y the gradient of the product: db = y silu(a), da = y b silu'(a)."""
        halves, opened = ctx.saved_tensors
        slopes = torch.empty_like(halves)
        (first, second), (d_first, d_second) = halves.chunk(2, dim=-1), slopes.chunk(2, dim=-1)
        torch.mul(upstream[0], opened, out=d_second)
        torch.ops.aten.silu_backward.grad_input(upstream[0] * second, first, grad_input=d_first)
        return slopes


class GatedMLP(nn.Module):
    """down(activation(gate(x)) * up(x)), gate and up fused in one weight."""

    def __init__(self, *, gate_up: Linear, down: Linear, activation: Activation, compute: Gate = gate) -> None:
        super().__init__()
        self.gate_up, self.down = gate_up, down
        self.activation, self.compute = activation, compute

    def forward(self, x: Tensor) -> Tensor:
        """(*, D) -> (*, D)."""
        return self.down(self.compute(self.gate_up(x), self.activation))


class RoutedMLP(nn.Module):
    """Many MLPs, of which every token takes the `num_chosen` that its router scores highest (Shazeer 2017).

    Their outputs are weighted by a softmax over all of them, with `renormalised` over the chosen alone. Tokens that
    take the same one are worked out together.
    """

    def __init__(self, *, router: Linear, experts: Sequence[nn.Module], num_chosen: int, renormalised: bool) -> None:
        super().__init__()
        self.router, self.experts = router, nn.ModuleList(experts)
        self.num_chosen, self.renormalised = num_chosen, renormalised

    def forward(self, x: Tensor) -> Tensor:
        """(*, D) -> (*, D)."""
        tokens = x.flatten(0, -2)
        wide = torch.promote_types(x.dtype, torch.float32)
        weights, chosen = self.router(tokens).to(wide).softmax(dim=-1).topk(self.num_chosen, dim=-1)
        if self.renormalised:
            weights = weights / weights.sum(dim=-1, keepdim=True)
        out = torch.zeros_like(tokens)
        for number, expert in enumerate(self.experts):
            rows, places = (chosen == number).nonzero(as_tuple=True)
            out = out.index_add(0, rows, expert(tokens[rows]) * weights[rows, places, None].to(x.dtype))
        return out.view_as(x)


class PlainMLP(nn.Module):
    """down(activation(up(x))), the layer of 2017."""

    def __init__(self, *, up: Linear, down: Linear, activation: Activation) -> None:
        super().__init__()
        self.up, self.down, self.activation = up, down, activation

    def forward(self, x: Tensor) -> Tensor:
        """(*, D) -> (*, D)."""
        return self.down(self.activation(self.up(x)))
