"""Learning rate over a run, as a share of its peak: pure functions of progress, 0 at the start and 1 at the end.

Progress, not steps: a run that is given minutes does not know its number of steps, and a schedule that reaches its end
when the run does needs no second clock.

    1 |   /-----------\\            wsd      warm-up, stable, decay over the last part (Hu et al. 2024)
      |  /             \\
      | /               \\         cosine   warm-up, then half a cosine (Loshchilov & Hutter 2016)
    f |/                 \\____    linear   warm-up, then a straight line
      0 warmup    1-decay   1
"""

from __future__ import annotations

import math
from collections.abc import Callable

from hanlin.train.config import ScheduleConfig

Schedule = Callable[[float], float]
"""Progress in [0, 1] -> share of the peak rate."""


def build_schedule(config: ScheduleConfig) -> Schedule:
    """The schedule that `config` names."""
    return {"wsd": _wsd, "cosine": _cosine, "linear": _linear, "constant": _constant}[config.kind](config)


def warming_up(progress: float, warmup: float) -> float:
    """Share of the peak during warm-up; 1 behind it. The first step is not wasted at rate 0, as long as progress > 0
    or there is no warm-up: the loop asks for the progress at the end of a step."""
    return min(1.0, progress / warmup) if warmup > 0 else 1.0


def _wsd(config: ScheduleConfig) -> Schedule:
    def rate(progress: float) -> float:
        left = (1.0 - progress) / config.decay if config.decay > 0 else 1.0
        return warming_up(progress, config.warmup) * _between(config.final, min(1.0, left))

    return rate


def _cosine(config: ScheduleConfig) -> Schedule:
    def rate(progress: float) -> float:
        place = _after(progress, config.warmup)
        return warming_up(progress, config.warmup) * _between(config.final, (1 + math.cos(math.pi * place)) / 2)

    return rate


def _linear(config: ScheduleConfig) -> Schedule:
    def rate(progress: float) -> float:
        return warming_up(progress, config.warmup) * _between(config.final, 1.0 - _after(progress, config.warmup))

    return rate


def _constant(config: ScheduleConfig) -> Schedule:
    def rate(progress: float) -> float:
        return warming_up(progress, config.warmup)

    return rate


def _after(progress: float, warmup: float) -> float:
    """Progress on the way from the end of warm-up to the end of the run."""
    return max(0.0, progress - warmup) / (1.0 - warmup)


def _between(final: float, share: float) -> float:
    return final + (1.0 - final) * max(0.0, share)
