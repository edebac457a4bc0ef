"""The rotary positions that a config asks for."""

from __future__ import annotations

from collections.abc import Sequence

from hanlin.model.config import ModelConfig
from hanlin.model.parts_config import turning_size
from hanlin.model.positions import AnyRotary, DynamicRotary, LongRotary, Rotary, Rotary2d
from hanlin.model.rope import Scaling, Steps, linear, llama3, louder, rope_steps, yarn


def near_rotary(config: ModelConfig) -> Rotary | None:
    """The angles of layers with a window, where they are not those of all."""
    theta = config.positions.sliding_theta
    return _plain_rotary(config, theta) if theta else None


def rotary(config: ModelConfig) -> AnyRotary | None:
    """The angles of all layers, or of those without a window; None where positions do not rotate."""
    positions, scaling = config.positions, config.positions.scaling
    if positions.kind == "rope2d":
        return Rotary2d(head_dim=config.head_dim, theta=positions.theta, max_seq_len=config.max_seq_len)
    if positions.kind != "rope":
        return None
    if scaling.kind == "dynamic":
        return DynamicRotary(
            turning=turning_size(config.head_dim, positions.fraction),
            head_dim=config.head_dim,
            theta=positions.theta,
            factor=scaling.factor,
            original=scaling.original,
        )
    if scaling.kind == "longrope":
        near, far = (
            _plain_rotary(config, positions.theta, _scaling(config), divisors)
            for divisors in (scaling.near_divisors, scaling.far_divisors)
        )
        return LongRotary(near=near, far=far, original=scaling.original)
    return _plain_rotary(config, positions.theta, _scaling(config))


def _plain_rotary(
    config: ModelConfig, theta: float, scaling: Scaling = Steps, divisors: Sequence[float] = (1.0,)
) -> Rotary:
    steps = rope_steps(config.head_dim, theta, fraction=config.positions.fraction, scaling=scaling, divisors=divisors)
    return Rotary(steps=steps, max_seq_len=config.max_seq_len)


def _scaling(config: ModelConfig) -> Scaling:
    """What stretches the angles, with its settings."""
    said = config.positions.scaling
    if said.kind == "linear":
        return linear(factor=said.factor)
    if said.kind == "llama3":
        return llama3(factor=said.factor, original=said.original, low=said.low, high=said.high)
    if said.kind == "yarn":
        return yarn(
            factor=said.factor,
            original=said.original,
            theta=config.positions.theta,
            fast=said.fast,
            slow=said.slow,
            whole=said.whole,
            amplitude=said.amplitude,
        )
    if said.kind == "longrope":
        return louder(factor=said.factor, original=said.original, amplitude=said.amplitude)
    return Steps
