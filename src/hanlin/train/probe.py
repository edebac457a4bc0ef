"""How fast does this machine train a given shape: a few real steps on random tokens, forward and backward."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from hanlin.data.batches import TokenBatch
from hanlin.model.config import ModelConfig
from hanlin.model.transformer import Transformer, build_model
from hanlin.train.objectives import CausalLM, Objective


@dataclass(frozen=True)
class Speed:
    """What was measured, optimizer steps not counted."""

    tokens_per_second: float
    flops_per_second: float


def measure_speed(
    config: ModelConfig,
    *,
    batch_size: int,
    seq_len: int,
    compute_dtype: torch.dtype,
    device: torch.device | str = "cpu",
    seconds: float = 2.0,
    clock: Callable[[], float] = time.perf_counter,
) -> Speed:
    """Train for about `seconds` after one step of warming up; the fastest step counts.

    The fastest, not the mean: other work on the machine only ever slows a step down.
    """
    with torch.random.fork_rng():
        model = build_model(config, seed=0, device=device, compute_dtype=compute_dtype)
        batch = _random_batch(config.vocab_size, batch_size, seq_len).to(device)
        best = fastest_step(model, CausalLM(), batch, seconds=seconds, clock=clock)
    tokens_per_second = batch_size * seq_len / max(best, 1e-9)
    return Speed(tokens_per_second, tokens_per_second * config.flops_per_token(seq_len))


def fastest_step(
    model: Transformer,
    objective: Objective,
    batch: TokenBatch,
    *,
    seconds: float = 2.0,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Seconds of a micro-batch forward and backward; the first of them, which allocates and builds, does not count."""
    best, spent, steps = float("inf"), 0.0, 0
    while spent < seconds or steps < 2:
        started = clock()
        loss = objective.loss(model, batch)
        (loss.value / max(1, loss.num_tokens)).backward()
        float(loss.value.detach())  # waits for a device that works on its own time
        taken = clock() - started
        if steps:
            best = min(best, taken)
        spent, steps = spent + taken, steps + 1
        model.zero_grad(set_to_none=True)
    return best


def _random_batch(vocab_size: int, batch_size: int, seq_len: int) -> TokenBatch:
    """Rows of three documents each: packed rows are what training sees."""
    tokens = torch.randint(vocab_size, (batch_size, seq_len + 1))
    segments = 1 + torch.arange(seq_len).mul(3).div(seq_len, rounding_mode="floor").expand(batch_size, seq_len)
    return TokenBatch(tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous(), segments.contiguous())
