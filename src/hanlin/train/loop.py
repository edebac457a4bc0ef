"""The one loop: every training of every kind goes through `train`."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, Self

import torch
from torch import nn

from hanlin.base.errors import Interrupted, TrainingStopped
from hanlin.base.log import Run
from hanlin.base.progress import Progress
from hanlin.train.display import Display
from hanlin.train.objectives import Objective
from hanlin.train.optimizers import Optimizer
from hanlin.train.saves import Resumable, Saves
from hanlin.train.schedules import Schedule
from hanlin.train.signals import Signals
from hanlin.train.state import LoopSettings, State

ROLLBACK_SCALE = 0.5
"""The learning rate after a rollback, as a share of the one that led astray."""


class Batch(Protocol):
    """What the loop asks of a batch, whatever is in it."""

    @property
    def num_positions(self) -> int: ...
    @property
    def num_targets(self) -> int: ...
    def to(self, device: torch.device | str) -> Self: ...


class BatchSource(Resumable, Protocol):
    """Batches until None."""

    def next_batch(self) -> Any: ...


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """What others do while a model trains; `train` knows neither evaluation nor the engine.

    evaluate(model) -> numbers for the log; "validation_loss" among them decides on the best checkpoint and early stop.
    sample(model) -> (prompt, text) pairs.
    """

    evaluate: Callable[[Any], Mapping[str, float]] | None = None
    sample: Callable[[Any], Iterable[tuple[str, str]]] | None = None


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a training came to. `best` is the best checkpoint by validation loss, None without evaluations; `bundle` is
    where the stage around the loop saved the model."""

    path: Path
    steps: int
    tokens: int
    best: Path | None
    bundle: Path | None = None
    report: Mapping[str, Any] = field(default_factory=dict)


def train(
    model: nn.Module,
    *,
    optimizer: Optimizer,
    schedule: Schedule,
    objective: Objective,
    loader: BatchSource,
    config: LoopSettings,
    run: Run,
    hooks: Hooks | None = None,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> RunResult:
    """Train to the horizon, the end of the data or of patience; from the run's last checkpoint where it has one.

    Raises Interrupted after a checkpoint on SIGINT or SIGTERM, TrainingStopped when loss or gradient are not finite
    even after one rollback, DiskFull with the earlier checkpoints intact.
    """
    hooks, device = hooks or Hooks(), next(model.parameters()).device
    saves = Saves(run, model=model, optimizer=optimizer, loader=loader, settings=config)
    state = saves.begin()
    began = clock() - state.elapsed
    display = Display(run, progress or Progress("none"), config, state)
    with Signals() as signals, contextlib.closing(display):
        while True:
            state = replace(state, elapsed=clock() - began)

            # Once in a while, and always between two steps.
            evaluating = hooks.evaluate is not None and config.evaluation_due(state)
            if saves.due(state) or evaluating or config.finished(state) or signals.caught:
                saves.save(state)
            if signals.caught:
                raise Interrupted("train.interrupted", signum=signals.caught, step=state.step, path=run.folder)
            if evaluating:
                state = evaluate(model, hooks, state, config, display)
                if state.best_step == state.step:
                    saves.mark_best(state)
            if hooks.sample is not None and config.sample_due(state):
                state = sample(model, hooks, state, display)
            if config.finished(state):
                break

            # One step.
            started = clock()
            batches = take(loader, config.micro_batches, device)
            if not batches:
                state = replace(state, data_ended=True)
                continue
            rate = config.learning_rate * state.rate_scale * schedule(config.horizon.progress(state, ahead=0.5))
            loss, metrics = accumulate(model, objective, batches)
            norm = clip(optimizer.parameters(), config.clip_norm)
            if not (math.isfinite(loss) and math.isfinite(norm)):
                state = roll_back(saves, state, display, loss=loss, norm=norm, rate=rate)
                optimizer.zero_grad()
                continue
            optimizer.step(rate)
            optimizer.zero_grad()

            # What it came to.
            num_tokens = sum(batch.num_positions for batch in batches)
            state = state.stepped(tokens=num_tokens, seconds=clock() - started)
            display.step(state, loss=loss, norm=norm, rate=rate, tokens=num_tokens, **metrics)
    return RunResult(
        path=run.folder, steps=state.step, tokens=state.tokens, best=saves.load_best(), report=display.report(state)
    )


def take(loader: BatchSource, number: int, device: torch.device) -> list[Any]:
    """The micro-batches of one step; fewer, or none, at the end of the data."""
    batches = (loader.next_batch() for _ in range(number))
    return [batch.to(device) for batch in batches if batch is not None]


def accumulate(model: nn.Module, objective: Objective, batches: Sequence[Any]) -> tuple[float, dict[str, float]]:
    """Add up the gradients of the mean loss over all targets of all micro-batches; return that mean and the metrics.

    Dividing by the whole step's targets makes the step independent of how it is split.
    """
    model.train()
    total = max(1, sum(batch.num_targets for batch in batches))
    loss, metrics = 0.0, dict[str, float]()
    for batch in batches:
        part = objective.loss(model, batch)  # type: ignore[arg-type]
        (part.value / total).backward()
        loss += float(part.value.detach()) / total
        for name, value in part.metrics.items():
            metrics[name] = metrics.get(name, 0.0) + value / len(batches)
    return loss, metrics


def clip(parameters: Sequence[nn.Parameter], longest: float | None) -> float:
    """Shorten the gradient to `longest`; return the L2 norm it had."""
    return float(torch.nn.utils.clip_grad_norm_(parameters, math.inf if longest is None else longest, foreach=False))


def evaluate(model: nn.Module, hooks: Hooks, state: State, config: LoopSettings, display: Display) -> State:
    """Measure, without a trace in the random numbers that training draws next."""
    assert hooks.evaluate is not None
    model.eval()
    with torch.no_grad(), torch.random.fork_rng():
        numbers = dict(hooks.evaluate(model))
    state = state.evaluated(numbers.get("validation_loss"), config.horizon.progress(state))
    display.evaluation(state, numbers)
    return state


def sample(model: nn.Module, hooks: Hooks, state: State, display: Display) -> State:
    """Let the model speak, likewise without a trace."""
    assert hooks.sample is not None
    model.eval()
    with torch.no_grad(), torch.random.fork_rng():
        for prompt, text in hooks.sample(model):
            display.sample(state, prompt, text)
    return replace(state, sampled_step=state.step)


def roll_back(saves: Saves, state: State, display: Display, *, loss: float, norm: float, rate: float) -> State:
    """Return to the last checkpoint with a smaller rate; the second time, give up and say what to do.

    The checkpoint is written again with the new rate, so that a run killed after this does not walk into it again.
    """
    values = {"step": state.step + 1, "loss": loss, "norm": norm, "rate": rate}
    if state.rollbacks:
        raise TrainingStopped("train.not_finite", **values)
    back = saves.restore()
    assert back is not None, "begin() saves step 0"
    back = replace(back, rollbacks=1, rate_scale=back.rate_scale * ROLLBACK_SCALE)
    saves.save(back)
    display.rollback(back, **values)
    return back
