"""Rotary angles: how far each pair of a head turns per token, plain or stretched beyond what a model was trained on.

A pair that turns by s radians per token makes L s / 2 pi turns in a context of L tokens. Fast pairs tell neighbours
apart and must stay; slow pairs never finish a turn while training and must not be led to angles never seen.

    linear    every pair turns `factor` times as slowly (Chen 2023, arXiv:2306.15595)
    dynamic   the base grows with the text, fast pairs hardly change (NTK, 2023); see DynamicRotary
    llama3    pairs of many turns stay, of few are divided, between the two blended (LLaMA 3.1, 2024)
    yarn      the same by a ramp over the dimensions, and scores are sharpened (Peng 2023, arXiv:2309.00071)
    longrope  a divisor of each pair, searched for; others past the first context (Ding 2024, arXiv:2402.13753)

Worked out in float32 and in the order of transformers: another order moves the last bit, and angles grow with place.

Legend: E head width, F angles of a head (E / 2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hanlin.model.parts_config import turning_size


@dataclass(frozen=True)
class Steps:
    """radians (F,): turn per token of each pair, the fastest first. amplitude: what cosines and sines are times."""

    radians: Tensor
    amplitude: float = 1.0


Scaling = Callable[[Tensor], Steps]
"""Plain radians (F,) to stretched ones."""


def plain_radians(size: int, theta: float | Tensor, *, divisors: float | Tensor = 1.0) -> Tensor:
    """theta^(-2i / size) for i < size / 2 (Su 2021), each over its divisor, of which there is one or size / 2.

    -> (size / 2,), float32; theta (*, 1) gives (*, size / 2).
    """
    device = theta.device if isinstance(theta, Tensor) else None
    exponents = torch.arange(0, size, 2, dtype=torch.int64, device=device).float() / size
    return 1.0 / (divisors * theta**exponents)


def rope_steps(
    head_dim: int, theta: float, *, fraction: float = 1.0, scaling: Scaling = Steps, divisors: Sequence[float] = (1.0,)
) -> Steps:
    """Steps of a head of which `fraction` turns: the pairs beyond it turn by nothing, and stay as they are."""
    turning = turning_size(head_dim, fraction)
    steps = scaling(plain_radians(turning, theta, divisors=torch.tensor(divisors, dtype=torch.float32)))
    still = torch.zeros((head_dim - turning) // 2)
    return Steps(torch.cat((steps.radians, still)), steps.amplitude) if len(still) else steps


def linear(*, factor: float) -> Scaling:
    """Every pair turns `factor` times as slowly."""
    return lambda radians: Steps(radians / factor)


def llama3(*, factor: float, original: int, low: float, high: float) -> Scaling:
    """Pairs of more than `high` turns in `original` tokens stay, of fewer than `low` are divided by `factor`."""

    def scale(radians: Tensor) -> Steps:
        wavelength = 2 * math.pi / radians
        divided = torch.where(wavelength > original / low, radians / factor, radians)
        share = (original / wavelength - low) / (high - low)
        blended = (1 - share) * divided / factor + share * divided
        between = (wavelength >= original / high) & (wavelength <= original / low)
        return Steps(torch.where(between, blended, divided))

    return scale


def yarn(
    *, factor: float, original: int, theta: float, fast: float, slow: float, whole: bool, amplitude: float
) -> Scaling:
    """Pairs of more than `fast` turns stay, of fewer than `slow` are divided, a ramp between; `whole`: at integers."""

    def pair_of(turns: float, size: int) -> float:
        return size * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(theta))

    def scale(radians: Tensor) -> Steps:
        size = 2 * len(radians)
        first, last = pair_of(fast, size), pair_of(slow, size)
        first, last = (math.floor(first), math.ceil(last)) if whole else (first, last)
        first, last = max(first, 0), min(last, size - 1)
        width = last - first or 0.001
        ramp = ((torch.arange(len(radians), dtype=torch.float32) - first) / width).clamp(0, 1)
        kept = 1 - ramp
        stretched = radians / factor * (1 - kept) + radians * kept
        return Steps(stretched, amplitude or 0.1 * math.log(factor) + 1)

    return scale


def louder(*, factor: float, original: int, amplitude: float) -> Scaling:
    """Angles as they are, cosines and sines times `amplitude`; 0: root of 1 + ln(factor) / ln(original) (longrope)."""
    return lambda radians: Steps(radians, amplitude or math.sqrt(1 + math.log(factor) / math.log(original)))


def grown_theta(theta: float, size: int, *, factor: float, original: int, lengths: Tensor) -> Tensor:
    """Base of the angles in texts of `lengths` tokens, dynamic NTK: theta (f l / L - (f - 1))^(d / (d - 2)), l >= L."""
    length = lengths.clamp(min=original)
    return theta * ((factor * length / original) - (factor - 1)) ** (size / (size - 2))
