"""Muon (Jordan et al. 2024): momentum, made orthogonal; matrices of one shape are made so together.

torch.optim.Muon takes one matrix after the other. In a small model that is a third of a training step, most of it the
cost of calling: 28 matrices of 192 x 192 to 512 x 192 take 54 ms one by one and 30 ms in two stacks (two threads,
bfloat16). Large matrices fill the machine alone and are left as they are. Formulas and defaults are torch's.

Legend: N matrices of a stack, R rows, C columns, R <= C.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic polynomial, steepest at zero
NUM_STEPS = 5
LARGE = 1 << 19
"""Elements from which a matrix is not stacked with others."""
_EPS = 1e-7


class Muon(torch.optim.Optimizer):
    """Moves matrices by their orthogonalised momentum (Nesterov's), with decoupled weight decay.

    The rate is scaled as Moonshot does (Liu et al. 2025), to an update as large as AdamW's.
    """

    def __init__(self, matrices: Iterable[nn.Parameter], *, lr: float, weight_decay: float, momentum: float) -> None:
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move every matrix that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            moved = [matrix for matrix in group["params"] if matrix.grad is not None]
            updates = [self._momentum(matrix, group["momentum"]) for matrix in moved]
            for places in _alike(updates):
                made = orthogonal([updates[place] for place in places])
                for place, update in zip(places, made, strict=True):
                    matrix = moved[place]
                    matrix.mul_(1 - group["lr"] * group["weight_decay"])
                    matrix.add_(update, alpha=-group["lr"] * 0.2 * max(matrix.shape) ** 0.5)

    def _momentum(self, matrix: nn.Parameter, share: float) -> Tensor:
        """Look ahead along the momentum, which takes the gradient in."""
        assert matrix.grad is not None
        state = self.state[matrix]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(matrix.grad)
        buffer: Tensor = state["momentum_buffer"]
        buffer.lerp_(matrix.grad, 1 - share)
        return matrix.grad.lerp(buffer, share)


def orthogonal(matrices: Sequence[Tensor]) -> list[Tensor]:
    """Matrices of one shape, lying or standing, with all singular values near one.

    Newton-Schulz iteration in bfloat16; what comes out has singular values between 0.7 and 1.2 or so.
    """
    wide = [matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T for matrix in matrices]
    stack = torch.stack([matrix.bfloat16() for matrix in wide])  # (N, R, C)
    stack = stack / stack.norm(dim=(1, 2), keepdim=True).clamp(min=_EPS)
    a, b, c = COEFFICIENTS
    for _ in range(NUM_STEPS):
        gram = torch.bmm(stack, stack.mT)
        stack = torch.baddbmm(stack, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), stack, beta=a)
    return [made if made.shape == like.shape else made.T for made, like in zip(stack, matrices, strict=True)]


def _alike(matrices: Sequence[Tensor]) -> Iterator[list[int]]:
    """Places of matrices that go into one stack: those of one shape, whichever way they lie; large ones alone."""
    stacks: dict[tuple[int, ...], list[int]] = {}
    for place, matrix in enumerate(matrices):
        if matrix.numel() >= LARGE:
            yield [place]
        else:
            stacks.setdefault(tuple(sorted(matrix.shape)), []).append(place)
    yield from stacks.values()
