"""Linear layer with float32 master weights that computes in the dtype of what flows through it.

Legend: * any leading dimensions, I in, O out.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Linear(nn.Module):
    """y = x W^T + b. The weight is cast to the activations' dtype at each use: no autocast decides behind our back.

    `parts` are the row counts of projections fused into one weight (query, key, value; gate, up): export splits there,
    and an optimizer that treats matrices as wholes (Muon) may want to.
    """

    def __init__(self, in_size: int, out_size: int, *, bias: bool, parts: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_size, in_size))  # (O, I)
        self.bias = nn.Parameter(torch.empty(out_size)) if bias else None
        self.parts = parts or (out_size,)
        assert sum(self.parts) == out_size, "the parts of a fused weight are its rows"

    def forward(self, x: Tensor) -> Tensor:
        """(*, I) -> (*, O) in the dtype of x."""
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.linear(x, self.weight.to(x.dtype), bias)

    def extra_repr(self) -> str:
        """Sizes, for print(model)."""
        out_size, in_size = self.weight.shape
        return f"{in_size} -> {' + '.join(map(str, self.parts)) or out_size}"
