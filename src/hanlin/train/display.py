"""What a run tells while it trains: rows for metrics.jsonl, a heartbeat, a line or a bar for the person watching."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from hanlin.base.log import Run
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.train.state import LoopSettings, State

SMOOTHING = 0.9
"""Memory of the shown loss and speed, so that they can be read while they run."""

_BLANK_LINES = re.compile(r"\n\s*\n")


class Display:
    """Tells the run folder everything and the person what matters."""

    def __init__(self, run: Run, progress: Progress, settings: LoopSettings, state: State) -> None:
        self.run, self.progress, self.settings = run, progress, settings
        self._loss: float | None = None
        self._speed: float | None = None
        self._last: dict[str, float] = {}
        self._by_clock = settings.horizon.seconds is not None
        total = round(settings.horizon.seconds or 0) if self._by_clock else settings.horizon.steps_in_all(state)
        progress.start(say("train.title_seconds" if self._by_clock else "train.title_steps"), total)

    def step(self, state: State, *, loss: float, norm: float, rate: float, tokens: int, **metrics: float) -> None:
        """One update was made."""
        speed = tokens / max(state.step_seconds, 1e-9)
        self._last = {"loss": loss, "tokens_per_second": speed}
        self._loss, self._speed = _smooth(self._loss, loss), _smooth(self._speed, speed)
        row = {"loss": loss, "norm": norm, "rate": rate, "tokens_per_second": speed, "elapsed": state.elapsed}
        self.run.metrics(state.step, state.tokens, **row, **metrics)
        self._beat(state)
        shown = {"loss": round(self._loss, 4), "tokens/s": round(self._speed), "rate": rate}
        if self._by_clock:
            self.progress.update(round(state.elapsed), steps=state.step, **shown)
        else:
            self.progress.update(state.step, **shown)

    def evaluation(self, state: State, numbers: Mapping[str, float]) -> None:
        """The model was measured."""
        self.run.metrics(state.step, state.tokens, elapsed=state.elapsed, **numbers)
        text = "  ".join(f"{name}={value:.4f}" for name, value in numbers.items())
        mark = say("train.best_so_far") if state.best_step == state.step else ""
        self.progress.note(say("train.evaluated", step=state.step, numbers=text, mark=mark).rstrip())

    def sample(self, state: State, prompt: str, text: str) -> None:
        """The model wrote something."""
        self.run.sample(state.step, prompt, text)
        shown = _BLANK_LINES.sub("\n", text).rstrip()  # a weak model writes dozens of them
        self.progress.note(say("train.sampled", step=state.step, prompt=prompt, text=shown))

    def rollback(self, back: State, **values: Any) -> None:
        """The run went back to `back` and goes on with a smaller rate."""
        sentence = say("train.rolled_back", back=back.step, scale=back.rate_scale, **values)
        self.run.event("rollback", back=back.step, rate_scale=back.rate_scale, **values)
        self.run.log(sentence)
        self.progress.note(sentence)

    def close(self) -> None:
        """The loop has ended, well or not."""
        self.progress.done()

    def report(self, state: State) -> dict[str, float | int | str | None]:
        """The run in numbers."""
        return {
            "steps": state.step,
            "tokens": state.tokens,
            "seconds": round(state.elapsed, 3),
            "loss": self._last.get("loss"),
            "tokens_per_second": round(state.tokens / state.elapsed) if state.elapsed > 0 else None,
            "validation_loss": state.best_loss,
            "best_step": state.best_step if state.best_step >= 0 else None,
            "rollbacks": state.rollbacks,
            "ended_by": _reason(state, self.settings),
        }

    def _beat(self, state: State) -> None:
        horizon = self.settings.horizon
        progress = horizon.progress(state)
        eta = state.elapsed * (1 - progress) / progress if progress > 0 else None
        self.run.status("training", state.step, horizon.steps_in_all(state), eta)


def _smooth(before: float | None, now: float) -> float:
    if before is None or not math.isfinite(now):
        return now
    return SMOOTHING * before + (1 - SMOOTHING) * now


def _reason(state: State, settings: LoopSettings) -> str:
    if settings.early_stop is not None and state.waited >= settings.early_stop:
        return "early_stop"
    return "data" if state.data_ended else "horizon"
