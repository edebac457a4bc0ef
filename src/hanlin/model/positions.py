"""How the order of tokens enters: rotary angles, a trained table, the fixed table of 2017.

Legend: B batch (1 where rows share positions), T tokens, H heads, E head width, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hanlin.model import kernels
from hanlin.model.rope import Steps, grown_theta, plain_radians


@dataclass(frozen=True)
class Rotation:
    """Cosines and sines; those of a forward pass, shared by all its layers, are (B, T, 1, E/2) each."""

    cos: Tensor
    sin: Tensor

    @cached_property
    def whole(self) -> tuple[Tensor, Tensor]:
        """Factors (B, T, 1, E) of a head and of the head with its halves exchanged, whose sum is the head turned."""
        return torch.cat((self.cos, self.cos), dim=-1), torch.cat((-self.sin, self.sin), dim=-1)


class Rotary:
    """RoPE (Su 2021), half-split pairing: number i of a head turns with number i + E/2.

    Not a module: its table is a formula, must stay float32 when a model is cast, and is no weight to save.
    """

    def __init__(self, *, steps: Steps, max_seq_len: int) -> None:
        self.steps, self.max_seq_len = steps, max_seq_len
        self._table: Rotation | None = None

    def __call__(self, positions: Tensor, dtype: torch.dtype, *, segments: Tensor | None = None) -> Rotation:
        """Angles of `positions` (B, T), computed in float32 as published models were trained, cast to `dtype`."""
        table = self.table(positions.device)
        cos, sin = table.cos[positions], table.sin[positions]
        return Rotation(cos.to(dtype)[:, :, None], sin.to(dtype)[:, :, None])

    def table(self, device: torch.device) -> Rotation:
        """Every position's angles, float32 (max_seq_len, E/2) each, made once per device."""
        if self._table is None or self._table.cos.device != device:
            # Made while evaluating, it must still serve training: a tensor born in inference mode cannot.
            with torch.inference_mode(False):
                self._table = self._build(device)
        return self._table

    def _build(self, device: torch.device) -> Rotation:
        radians = self.steps.radians.to(device)
        angles = torch.arange(self.max_seq_len, device=device).to(radians.dtype)[:, None] * radians
        return Rotation(angles.cos() * self.steps.amplitude, angles.sin() * self.steps.amplitude)


class DynamicRotary:
    """RoPE whose base grows with the text, dynamic NTK: every angle depends on how long its document has become.

    As in transformers a key keeps the angles of the moment it was read. What a token says past the original context
    thus depends on the pieces the text came in; a document's neighbours in a batch make no difference here, there they
    do.
    """

    def __init__(self, *, turning: int, head_dim: int, theta: float, factor: float, original: int) -> None:
        self.turning, self.head_dim, self.theta, self.factor, self.original = turning, head_dim, theta, factor, original

    def __call__(self, positions: Tensor, dtype: torch.dtype, *, segments: Tensor | None = None) -> Rotation:
        """Angles of `positions` (B, T) in documents told apart by `segments`."""
        lengths = _lengths(positions, segments)[..., None].float()
        theta = grown_theta(self.theta, self.turning, factor=self.factor, original=self.original, lengths=lengths)
        radians = F.pad(plain_radians(self.turning, theta), (0, (self.head_dim - self.turning) // 2))
        angles = positions[..., None].float() * radians
        return Rotation(angles.cos().to(dtype)[:, :, None], angles.sin().to(dtype)[:, :, None])


class LongRotary:
    """RoPE with two sets of angles, longrope: documents of more than `original` tokens turn by the far ones.

    As in DynamicRotary a key keeps the angles of the moment it was read.
    """

    def __init__(self, *, near: Rotary, far: Rotary, original: int) -> None:
        self.near, self.far, self.original = near, far, original

    def __call__(self, positions: Tensor, dtype: torch.dtype, *, segments: Tensor | None = None) -> Rotation:
        """Angles of `positions` (B, T) in documents told apart by `segments`."""
        is_long = (_lengths(positions, segments) > self.original)[..., None, None]
        near, far = (one(positions, dtype) for one in (self.near, self.far))
        return Rotation(torch.where(is_long, far.cos, near.cos), torch.where(is_long, far.sin, near.sin))


def _lengths(positions: Tensor, segments: Tensor | None) -> Tensor:
    """Tokens of each token's document so far, (B, T) or (B, 1)."""
    if segments is None:
        return positions.amax(dim=1, keepdim=True) + 1
    same = segments[:, :, None] == segments[:, None, :]
    return torch.where(same, positions[:, None], 0).amax(dim=2) + 1


def rotate(x: Tensor, rotation: Rotation) -> Tensor:
    """Turn every head of x (B, T, H, E) by its position's angles."""
    if kernels.usable(x):
        return kernels.rotate(x, rotation.cos, rotation.sin)
    straight, crossed = rotation.whole
    return torch.addcmul(x * straight, x.roll(x.shape[-1] // 2, dims=-1), crossed)


class Rotary2d(Rotary):
    """RoPE of positions in two dimensions (GLM, Du 2022): half of the pairs turn by the first, half by the second.

    Its angles are float64 until they are cast: what was published rounds steps to float16 in one program and to
    float32 in others, so that the formula is all they have in common.
    """

    def __init__(self, *, head_dim: int, theta: float, max_seq_len: int) -> None:
        size = head_dim // 2
        super().__init__(steps=Steps(theta ** -(torch.arange(0, size, 2).double() / size)), max_seq_len=max_seq_len)

    def __call__(self, positions: Tensor, dtype: torch.dtype, *, segments: Tensor | None = None) -> Rotation:
        """Angles of `positions` (B, T, 2), or (B, T) where the second is 0."""
        if positions.dim() == 2:
            positions = torch.stack((positions, torch.zeros_like(positions)), dim=-1)
        table = self.table(positions.device)
        cos, sin = (one[positions].flatten(-2).to(dtype)[:, :, None] for one in (table.cos, table.sin))
        return Rotation(cos, sin)


AnyRotary = Rotary | DynamicRotary | LongRotary


class LearnedPositions(nn.Module):
    """A trained vector per position; the first `offset` rows of the table stand for none (RoBERTa)."""

    def __init__(self, *, max_seq_len: int, size: int, offset: int = 0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(offset + max_seq_len, size))
        self.offset = offset

    def forward(self, positions: Tensor) -> Tensor:
        """(B, T) -> (B, T, D)."""
        return F.embedding(positions + self.offset, self.weight)


class SinusoidalPositions(nn.Module):
    """sin and cos of position / theta^(2i/D), interleaved (Vaswani 2017, 3.5)."""

    def __init__(self, *, size: int, theta: float) -> None:
        super().__init__()
        self.size, self.theta = size, theta

    def forward(self, positions: Tensor) -> Tensor:
        """(B, T) -> (B, T, D) float64: whoever adds it rounds once."""
        exponents = torch.arange(0, self.size, 2, device=positions.device).double() / self.size
        angles = positions[..., None].double() / self.theta**exponents
        return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)
