"""Feed-forward layers.

Legend: * any leading dimensions, D width, F ffn width.
"""

from __future__ import annotations

from collections.abc import Callable

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
    first, second = gate_up.chunk(2, dim=-1)
    return activation(first) * second


class GatedMLP(nn.Module):
    """down(activation(gate(x)) * up(x)), gate and up fused in one weight."""

    def __init__(self, *, gate_up: Linear, down: Linear, activation: Activation, compute: Gate = gate) -> None:
        super().__init__()
        self.gate_up, self.down = gate_up, down
        self.activation, self.compute = activation, compute

    def forward(self, x: Tensor) -> Tensor:
        """(*, D) -> (*, D)."""
        return self.down(self.compute(self.gate_up(x), self.activation))


class PlainMLP(nn.Module):
    """down(activation(up(x))), the layer of 2017."""

    def __init__(self, *, up: Linear, down: Linear, activation: Activation) -> None:
        super().__init__()
        self.up, self.down, self.activation = up, down, activation

    def forward(self, x: Tensor) -> Tensor:
        """(*, D) -> (*, D)."""
        return self.down(self.activation(self.up(x)))
