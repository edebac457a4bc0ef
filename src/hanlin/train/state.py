"""Where a run stands and how far it has to go: plain numbers, saved with every checkpoint, so that a resumed run makes
the decisions the uninterrupted one would have made."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Self


@dataclass(frozen=True)
class State:
    """What the loop knows between two steps."""

    step: int = 0  # updates made
    tokens: int = 0  # positions trained on
    elapsed: float = 0.0  # seconds of training, over all sessions of the run
    step_seconds: float = 0.0  # of the last step
    rate_scale: float = 1.0  # lowered by a rollback
    rollbacks: int = 0
    data_ended: bool = False
    evaluated_step: int = -1
    evaluated_progress: float = 0.0
    sampled_step: int = -1
    best_step: int = -1
    best_loss: float | None = None
    waited: int = 0  # evaluations since the best

    def stepped(self, *, tokens: int, seconds: float) -> Self:
        """The state after one more update on `tokens` positions."""
        return replace(self, step=self.step + 1, tokens=self.tokens + tokens, step_seconds=seconds)

    def evaluated(self, loss: float | None, progress: float) -> Self:
        """The state after an evaluation; `loss` is None where it gave no validation loss."""
        seen = replace(self, evaluated_step=self.step, evaluated_progress=progress)
        if loss is None:
            return seen
        if not math.isfinite(loss):
            return replace(seen, waited=self.waited + 1)
        if self.best_loss is None or loss < self.best_loss:
            return replace(seen, best_step=self.step, best_loss=loss, waited=0)
        return replace(seen, waited=self.waited + 1)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Horizon:
    """Where a run ends: after so many steps, tokens or seconds, whichever comes first."""

    tokens_per_step: int
    steps: int | None = None
    tokens: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        assert self.steps or self.tokens or self.seconds, "a run needs an end"

    @property
    def updates(self) -> float | None:
        """Updates until the first end that is one of steps or tokens; None where only the clock ends the run."""
        ends = [float(self.steps)] if self.steps else []
        ends += [self.tokens / self.tokens_per_step] if self.tokens else []
        return min(ends, default=None)

    def progress(self, state: State, *, ahead: float = 0.0) -> float:
        """Share of the run behind `state` plus `ahead` steps, at most 1.

        Half a step ahead is the middle of the step to come: there a warm-up does not begin with a step at rate 0, and a
        decay does not end with one.
        """
        shares = [0.0]
        if self.steps:
            shares.append((state.step + ahead) / self.steps)
        if self.tokens:
            shares.append((state.tokens + ahead * self.tokens_per_step) / self.tokens)
        if self.seconds:
            shares.append((state.elapsed + ahead * state.step_seconds) / self.seconds)
        return min(1.0, max(shares))

    def reached(self, state: State) -> bool:
        """Whether to stop here. By the clock: when stopping now is nearer to the end than stopping a step later."""
        by_clock = (
            self.seconds is not None and state.elapsed + state.step_seconds / 2 >= self.seconds and state.step > 0
        )
        return state.data_ended or by_clock or self.progress(state) >= 1.0

    def _clock_says_stop(self, state: State) -> bool:
        return self.seconds is not None and state.elapsed + state.step_seconds / 2 >= self.seconds

    def steps_in_all(self, state: State) -> int | None:
        """The run's number of steps as far as it can be told; None while only the clock will say."""
        if self.seconds and state.step == 0:
            return None
        progress = self.progress(state)
        if self.steps and progress == state.step / self.steps:
            return self.steps
        return round(state.step / progress) if progress > 0 else -(-(self.tokens or 0) // self.tokens_per_step)


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """What the loop is told, all of it settled (`TrainingConfig` documents each)."""

    horizon: Horizon
    learning_rate: float
    micro_batches: int
    clip_norm: float | None = 1.0
    save_steps: int | None = None
    save_minutes: float = 5.0
    keep_checkpoints: int = 2
    eval_steps: int | None = None
    sample_steps: int | None = None
    early_stop: int | None = None

    def finished(self, state: State) -> bool:
        """Whether the run ends at `state`."""
        tired = self.early_stop is not None and state.waited >= self.early_stop
        return tired or self.horizon.reached(state)

    def evaluation_due(self, state: State) -> bool:
        """Every `eval_steps`, else at every tenth of the run; and at its end. Never twice at one step."""
        if state.step == state.evaluated_step:
            return False
        if self.finished(state):
            return True
        if self.eval_steps is not None:
            return state.step > 0 and state.step % self.eval_steps == 0
        return int(10 * self.horizon.progress(state)) > int(10 * state.evaluated_progress)

    def sample_due(self, state: State) -> bool:
        """Every `sample_steps`, else after every evaluation; and at the end of the run."""
        if state.step == state.sampled_step:
            return False
        if self.finished(state):
            return True
        if self.sample_steps is None:
            return state.step == state.evaluated_step
        return state.step > 0 and state.step % self.sample_steps == 0
