"""A tiny model, and a training put together from it and a tiny language."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hanlin.base.log import Run
from hanlin.base.progress import Progress
from hanlin.data.loader import Loader
from hanlin.data.mixture import WeightedSource
from hanlin.model.config import ModelConfig
from hanlin.model.transformer import Transformer, build_model
from hanlin.train.config import OptimizerConfig, ScheduleConfig
from hanlin.train.loop import Hooks, RunResult, train
from hanlin.train.objectives import CausalLM
from hanlin.train.optimizers import Optimizer, build_optimizer
from hanlin.train.schedules import build_schedule
from hanlin.train.state import Horizon, LoopSettings

from .language import MarkovSource


def tiny_config(**changes: Any) -> ModelConfig:
    sizes = {"vocab_size": 16, "hidden_size": 32, "num_layers": 2, "num_heads": 2, "ffn_size": 64, "max_seq_len": 64}
    return ModelConfig(**{**sizes, **changes})


def tiny_model(*, seed: int = 0, compute_dtype: torch.dtype = torch.float32, **changes: Any) -> Transformer:
    return build_model(tiny_config(**changes), seed=seed, compute_dtype=compute_dtype)


class Listening(Progress):
    """Progress that remembers what it was told."""

    def __init__(self) -> None:
        super().__init__("none")
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


class FakeClock:
    """Every look costs `seconds`: time passes the same way in every run."""

    def __init__(self, seconds: float = 0.125) -> None:
        self.now, self.seconds = 0.0, seconds

    def __call__(self) -> float:
        self.now += self.seconds
        return self.now


class Training:
    """Everything `train` needs, with a handle on each part."""

    def __init__(
        self,
        folder: Path,
        *,
        steps: int | None = 10,
        tokens: int | None = None,
        seconds: float | None = None,
        epochs: float | None = None,
        rows: int = 2,
        micro_batches: int = 1,
        learning_rate: float = 3e-3,
        optimizer: str = "adamw",
        schedule: ScheduleConfig | None = None,
        source: Any = None,
        model: Transformer | None = None,
        clock: Callable[[], float] | None = None,
        **settings: Any,
    ) -> None:
        torch.manual_seed(7)
        self.folder = folder
        self.model = model or tiny_model()
        self.optimizer: Optimizer = build_optimizer(self.model, OptimizerConfig(name=optimizer))
        source = WeightedSource(source=source or MarkovSource(), max_epochs=epochs)
        self.loader = Loader([source], rows=rows, seq_len=33, seed=0)
        self.objective: Any = CausalLM()
        self.schedule = build_schedule(schedule or ScheduleConfig())
        self.clock = clock or FakeClock()
        horizon = Horizon(tokens_per_step=rows * 33 * micro_batches, steps=steps, tokens=tokens, seconds=seconds)
        self.settings = LoopSettings(
            horizon=horizon, learning_rate=learning_rate, micro_batches=micro_batches, **settings
        )

    def start(self, hooks: Hooks | None = None) -> RunResult:
        new = not (self.folder / "origin.json").exists()
        run = Run.create(self.folder.parent, "pretrain", "test", "", {}) if new else Run.open(self.folder)
        if new:
            self.folder = run.folder
        with run:
            return train(
                self.model,
                optimizer=self.optimizer,
                schedule=self.schedule,
                objective=self.objective,
                loader=self.loader,
                config=self.settings,
                run=run,
                hooks=hooks,
                clock=self.clock,
            )


@pytest.fixture
def make_training(tmp_path: Path) -> Callable[..., Training]:
    def make(folder: Path | None = None, **settings: Any) -> Training:
        return Training(folder or tmp_path / "run", **settings)

    return make
