"""Matrices laid out for generating with torch alone: cast once, in the order in which its fastest operators read them.

One row is bound by memory. y = W x is the sum of W's columns, each times a number of x: an embedding bag over a table
of columns. torch's bag runs through memory in order, sums in float32 and shares bags among threads; its products of one
row do less well. Several rows are bound by arithmetic: oneDNN, with the matrix in its own packed layout.

    all matrices of 26M parameters, two cores (ms)      float32   bfloat16
    one row:   torch's product, best layout                 6.3        4.3
               oneDNN, packed                               4.7        2.5
               a bag over columns                           3.3        1.6
               reading the memory and nothing else          2.3        0.9
    16 rows:   torch's product, best layout                16.1        6.2
               oneDNN, packed                               6.0        3.3
               bags                                        13.1        9.3

Legend: * any leading dimensions, I in, O out, P panels of outputs, W width of a panel.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hanlin.model.heads import LmHead
from hanlin.model.linear import Linear
from hanlin.model.pages import LargePages, aligned

PANELS = 8  # bags per row, to be shared among threads; 4 to 16 are close
_LANES = 16
_SUM = 0  # torch.embedding_bag's number for it
_ROWS = 16  # oneDNN packs for a number of rows; for 16 is good for 2 to 512
_MANY_ROWS = 1024


class CastLinear(nn.Module):
    """y = x W^T + b with a weight cast once: in every step it would cost 5 ms per token at 26M parameters."""

    def __init__(self, source: Linear | LmHead, dtype: torch.dtype) -> None:
        super().__init__()
        self._source, self._dtype = (source,), dtype  # in a tuple, or it would count as a part of this one
        self._scale = _scale(source)
        self.refresh()

    def refresh(self) -> None:
        """The source has changed."""
        self._weight, self._bias = _cast(self._source[0], self._dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(*, I) -> (*, O)."""
        return F.linear(x if self._scale == 1 else x * self._scale, self._weight, self._bias)


class ManyRowsLinear(CastLinear):
    """y = x W^T + b by oneDNN, with the matrix in its own layout: 1.2 times torch's product over a thousand rows."""

    def refresh(self) -> None:
        """The source has changed."""
        super().refresh()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(self._weight, _MANY_ROWS)

    def forward(self, x: Tensor) -> Tensor:
        """(*, I) -> (*, O)."""
        x = x if self._scale == 1 else x * self._scale
        y: Tensor = torch.ops.mkldnn._linear_pointwise.default(x, self._weight, self._bias, "none", [], "")
        return y


class PackedLinear(nn.Module):
    """y = x W^T + b by a bag for one row, by oneDNN for several. Costs two copies of the matrix."""

    def __init__(self, source: Linear | LmHead, dtype: torch.dtype, memory: LargePages) -> None:
        super().__init__()
        self._source, self._dtype, self._scale = (source,), dtype, _scale(source)
        self._out_size, self._in_size = source.weight.shape
        self._panels, self._width = _panels(self._out_size)
        self._columns = memory.take(self._panels * self._in_size, self._width, dtype=dtype)  # (P * I, W)
        self._places, self._starts = _places(self._panels, self._in_size)
        self._factors = torch.empty(self._panels * self._in_size, dtype=dtype)  # x, once per panel
        self._by_panel = self._factors.view(self._panels, self._in_size)
        self.refresh()

    def refresh(self) -> None:
        """The source has changed."""
        weight, self._bias = _cast(self._source[0], self._dtype)
        padded = F.pad(weight, (0, 0, 0, self._panels * self._width - self._out_size))
        panels = padded.view(self._panels, self._width, self._in_size)
        self._columns.view(self._panels, self._in_size, self._width).copy_(panels.transpose(1, 2))
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)

    def forward(self, x: Tensor) -> Tensor:
        """(*, I) -> (*, O)."""
        if self._scale != 1:
            x = x * self._scale
        if x.numel() == self._in_size:
            return self._sum_columns(x) if x.dim() == 2 else self._sum_columns(x.view(1, -1)).view(*x.shape[:-1], -1)
        product: Tensor = torch.ops.mkldnn._linear_pointwise.default(x, self._packed, self._bias, "none", [], "")
        return product

    def _sum_columns(self, x: Tensor) -> Tensor:
        """(1, I) -> (1, O): every panel is a bag of all its columns, x their weights."""
        self._by_panel.copy_(x)
        y = torch.embedding_bag(self._columns, self._places, self._starts, False, _SUM, False, self._factors)[0]
        y = y.view(1, -1)
        if y.shape[1] != self._out_size:
            y = y[:, : self._out_size]
        return y if self._bias is None else y + self._bias


def matrices(model: nn.Module) -> dict[str, Linear | LmHead]:
    """The parts to copy, by name; not what adapters or quantisation have put in their place, nor a head of layers."""
    plain = {n: part for n, part in model.named_modules() if type(part) is Linear or type(part) is LmHead}
    return {n: part for n, part in plain.items() if not isinstance(part, LmHead) or part.transform is None}


def make_linear(model: nn.Module, dtype: torch.dtype) -> Callable[[Linear | LmHead], CastLinear | PackedLinear]:
    """What turns each Linear and LmHead of `model` into its copy for generating in `dtype`."""
    weights = [part.weight for part in matrices(model).values()]
    on_cpu = all(weight.device.type == "cpu" for weight in weights)
    if not (on_cpu and dtype in (torch.float32, torch.bfloat16) and _has_operators()):
        return functools.partial(CastLinear, dtype=dtype)
    memory = LargePages(sum(aligned(_columns_numel(weight) * dtype.itemsize) for weight in weights))
    return functools.partial(PackedLinear, dtype=dtype, memory=memory)


def many_rows_linear(model: nn.Module, dtype: torch.dtype) -> Callable[[Linear | LmHead], CastLinear]:
    """What turns each Linear of `model` into its copy for reading many tokens at once in `dtype`."""
    on_cpu = all(part.weight.device.type == "cpu" for part in matrices(model).values())
    fits = on_cpu and dtype in (torch.float32, torch.bfloat16) and _has_operators()
    return functools.partial(ManyRowsLinear if fits else CastLinear, dtype=dtype)


def _has_operators() -> bool:
    """oneDNN, and bags with fbgemm's kernels, which need AVX2."""
    return torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability().startswith("AVX")


def _panels(out_size: int) -> tuple[int, int]:
    """Number of panels and outputs of each, whole vectors, for `out_size` outputs or a few more."""
    width = -(-out_size // (PANELS * _LANES)) * _LANES
    return -(-out_size // width), width


def _columns_numel(weight: Tensor) -> int:
    return math.prod(_panels(weight.shape[0])) * weight.shape[1]


@functools.cache
def _places(panels: int, in_size: int) -> tuple[Tensor, Tensor]:
    """The rows (P * I) of a table of columns in order, and where each panel's begin (P)."""
    rows = torch.arange(panels * in_size, dtype=torch.int32)
    return rows, rows[::in_size].contiguous()


def _scale(source: Linear | LmHead) -> float:
    return source.scale if isinstance(source, LmHead) else 1.0


def _cast(source: Linear | LmHead, dtype: torch.dtype) -> tuple[Tensor, Tensor | None]:
    """Weight and bias in `dtype`, no longer the source's own."""
    bias: Tensor | None = getattr(source, "bias", None)
    copied = None if bias is None else bias.detach().to(dtype, copy=True)
    return source.weight.detach().to(dtype, copy=True), copied
