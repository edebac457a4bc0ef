"""Runs that are killed with -9 at chosen moments, and resumed. Started as a process of its own:

    kill_lab.py FOLDER SETTINGS KILL...     KILL = none | step:N | save:N    SETTINGS = {"steps": 30, …}

It loads torch once, with what an optimizer loads late, and forks a child for every run, because starting torch costs
more than the run. `step:N` kills in the middle of the N-th step, `save:N` at the N-th write, fsync or rename of the
second save. After a kill the run is resumed in another child. Prints one JSON line per KILL: what was compared with the
uninterrupted run.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch._dynamo  # 1.4 s of the first optimizer

from hanlin.base import files
from hanlin.base.log import Run, read_metrics
from hanlin.data.loader import Loader
from hanlin.data.mixture import Phase, WeightedSource
from hanlin.model.config import ModelConfig
from hanlin.model.transformer import build_model
from hanlin.train.config import OptimizerConfig, ScheduleConfig
from hanlin.train.loop import train
from hanlin.train.objectives import CausalLM, Loss
from hanlin.train.optimizers import build_optimizer
from hanlin.train.schedules import build_schedule
from hanlin.train.state import Horizon, LoopSettings

sys.path.insert(0, str(Path(__file__).parent))
from language import MarkovSource

STEPS, SAVE_STEPS = 30, 6  # the second save is that of step 6; 20 steps and more follow
ROWS: dict[str, int] = {"rows": 2, "seq_len": 33, "seed": 0, "window": 300}


class WorkClock:
    """Time that passes only in a forward pass, so that an interruption costs none of it and a schedule that follows the
    clock can be compared bit for bit."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Ticking(CausalLM):
    """The objective that moves the clock, and dies in the middle of a step when told."""

    def __init__(self, clock: WorkClock, killed_at: int) -> None:
        self.clock, self.killed_at, self.calls = clock, killed_at, 0

    def loss(self, model: Any, batch: Any) -> Loss:
        self.calls += 1
        if self.calls == self.killed_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.clock.now += 0.5
        return super().loss(model, batch)


def run_once(folder: Path, settings: dict[str, Any], kill: str) -> None:
    """One session of the run, from its start or its last checkpoint, until its end or its death."""
    torch.manual_seed(7)
    torch.set_num_threads(1)
    clock, (kind, _, number) = WorkClock(), kill.partition(":")
    shape = ModelConfig(
        vocab_size=16, hidden_size=16, num_layers=1, num_heads=2, ffn_size=32, max_seq_len=64, dropout=0.1
    )
    fresh = not (folder / "origin.json").exists()
    model = build_model(shape, seed=0 if fresh else 99, compute_dtype=torch.bfloat16)
    if settings.get("compile"):
        model.stack.compile(dynamic=False)
    if kind == "save":
        kill_in_save(folder, int(number))
    run = Run.open(folder) if not fresh else create(folder)
    horizon = Horizon(tokens_per_step=4 * 33, seconds=float(settings.get("steps", STEPS)))
    loader = mixing() if settings.get("mix") else Loader(only(MarkovSource(documents=40)), **ROWS)
    with run:
        train(
            model,
            optimizer=build_optimizer(model, OptimizerConfig(name=settings.get("optimizer", "muon"))),
            schedule=build_schedule(ScheduleConfig(warmup=0.1)),
            objective=Ticking(clock, 2 * int(number) if kind == "step" else -1),
            loader=loader,
            config=LoopSettings(
                horizon=horizon,
                learning_rate=1e-2,
                micro_batches=2,
                save_steps=settings.get("save_steps", SAVE_STEPS),
                keep_checkpoints=99,
            ),
            run=run,
            clock=clock,
        )


def only(source: MarkovSource) -> list[WeightedSource]:
    return [WeightedSource(source=source)]


def mixing() -> Loader:
    """Three sources of different lengths, one of them easy to hard, one that leaves after two passes, three phases."""
    levels = np.arange(30, dtype=np.uint8) // 8
    sources = [
        WeightedSource(source=MarkovSource(documents=30, seed=1), weight=1.0, levels=levels),
        WeightedSource(source=MarkovSource(documents=9, length=50, seed=2), weight=1.0, max_epochs=2),
        WeightedSource(source=MarkovSource(documents=50, length=20, seed=3), weight=1.0),
    ]
    phases = [Phase((1.0, 2.0, 0.0), 1000), Phase((3.0, 1.0, 1.0), 2500), Phase((0.0, 1.0, 2.0))]
    return Loader(sources, **ROWS, phases=phases, ends_with_limited=False)


def create(folder: Path) -> Run:
    made = Run.create(folder.parent, "pretrain", "lab", "", {})
    made.finish("interrupted")
    os.rename(made.folder, folder)
    return Run.open(folder)


def kill_in_save(folder: Path, number: int) -> None:
    """Die at the `number`-th write, fsync or rename after the first checkpoint stands."""
    done = iter(range(1, 10**9))

    def dying(work: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*values: Any) -> Any:
            saving = (folder / "checkpoints" / "step-000000").is_dir() and any(
                "building" in path.name for path in (folder / "checkpoints").iterdir()
            )
            if saving and next(done) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return work(*values)

        return wrapped

    for name in ("write_bytes", "fsync", "rename"):
        setattr(files, name, dying(getattr(files, name)))


def in_child(work: Callable[[], None]) -> int:
    """Run `work` in a forked child; return its exit status, 9 for SIGKILL."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def picture(folder: Path) -> dict[str, Any]:
    """Every byte that matters: the last checkpoint's tensors and state, and every loss on the way."""
    last = max((folder / "checkpoints").glob("step-*"))
    tensors = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(last.glob("*.safetensors"))}
    rows = {row["step"]: row for row in read_metrics(folder) if "loss" in row}
    return {
        "last": last.name,
        "tensors": tensors,
        "state": json.loads((last / "state.json").read_text())["state"],
        "losses": [(step, rows[step]["loss"].hex(), rows[step]["rate"].hex()) for step in sorted(rows)],
    }


def main() -> None:
    home, settings = Path(sys.argv[1]), json.loads(sys.argv[2])
    if settings.get("compile"):
        importlib.import_module("torch._inductor.compile_fx")  # once, not in every child
    whole = home / "whole"
    assert in_child(lambda: run_once(whole, settings, "none")) == 0
    expected = picture(whole)
    for kill in sys.argv[3:]:
        folder = home / kill.replace(":", "-")
        died = in_child(lambda folder=folder, kill=kill: run_once(folder, settings, kill))  # type: ignore[misc]
        resumed = in_child(lambda folder=folder: run_once(folder, settings, "none"))  # type: ignore[misc]
        found = picture(folder) if resumed == 0 else {}
        equal = {name: found.get(name) == value for name, value in expected.items()}
        print(json.dumps({"kill": kill, "died": died, "resumed": resumed, "steps": len(expected["losses"]), **equal}))


if __name__ == "__main__":
    main()
