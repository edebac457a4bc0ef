"""When and what a run saves: weights, optimizer, random generators, the loop's state and the loader's position."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from hanlin.base.log import Run
from hanlin.bundle.checkpoint import (
    Stateful,
    best_checkpoint,
    latest_checkpoint,
    load_checkpoint,
    mark_best,
    prune_checkpoints,
    save_checkpoint,
    step_folder,
)
from hanlin.train.state import LoopSettings, State


class Resumable(Protocol):
    """A source of batches that can say where it stands."""

    def state(self) -> dict[str, Any]: ...
    def load_state(self, state: dict[str, Any]) -> None: ...


class Saves:
    """The checkpoints of one run."""

    def __init__(
        self, run: Run, *, model: nn.Module, optimizer: Stateful, loader: Resumable, settings: LoopSettings
    ) -> None:
        self.run, self.model, self.optimizer, self.loader, self.settings = run, model, optimizer, loader, settings
        self._saved: State | None = None

    def begin(self) -> State:
        """Go on from the newest sound checkpoint, else start: step 0 is saved too, so that a full or read-only disk
        shows before hours of training, and a rollback always has a place to go."""
        state = self.restore()
        if state is None:
            state = State()
            self.save(state)
        return state

    def restore(self) -> State | None:
        """Put everything back as the newest sound checkpoint has it; None where there is none."""
        folder = latest_checkpoint(self.run.folder, note=self.run.log)
        if folder is None:
            return None
        saved = load_checkpoint(folder, model=self.model, optimizer=self.optimizer)
        self.loader.load_state(saved["loader"])
        self._saved = replace(State(**saved["loop"]), data_ended=False)  # more epochs may have been given since
        self.run.rewind(self._saved.step)
        return self._saved

    def due(self, state: State) -> bool:
        """Every `save_steps`, and every `save_minutes` of training."""
        last = self._saved or State()
        if state.step == last.step:
            return False
        by_steps = self.settings.save_steps is not None and state.step % self.settings.save_steps == 0
        return by_steps or state.elapsed - last.elapsed >= 60 * self.settings.save_minutes

    def save(self, state: State) -> None:
        """Save unless this very state is on disk. Raises DiskFull, with the earlier checkpoints untouched."""
        if state == self._saved:
            return
        folder = step_folder(self.run.folder, state.step)
        record = {"loop": state.as_json(), "loader": self.loader.state()}
        save_checkpoint(folder, model=self.model, optimizer=self.optimizer, state=record)
        prune_checkpoints(self.run.folder, keep=self.settings.keep_checkpoints)
        self.run.event("checkpoint", step=state.step)
        self._saved = state

    def mark_best(self, state: State) -> None:
        """Let best.txt name the checkpoint of this step, which the loop has just saved."""
        mark_best(self.run.folder, step_folder(self.run.folder, state.step))
        prune_checkpoints(self.run.folder, keep=self.settings.keep_checkpoints)

    def load_best(self) -> Path | None:
        """Put the weights of the best checkpoint into the model; None where no evaluation has marked one."""
        folder = best_checkpoint(self.run.folder)
        if folder is not None:
            load_checkpoint(folder, model=self.model, generators=False)
        return folder
