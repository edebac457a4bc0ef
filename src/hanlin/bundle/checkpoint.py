"""Where a run stands, saved so that it goes on bit for bit: weights, optimizer, random numbers, position.

    step-000500/
      model.safetensors       parameters under our own names, as they are trained (float32)
      optimizer.safetensors   flat "<parameter name>.<slot>" tensors
      rng.safetensors         state of each generator, uint8
      state.json              what the loop wants to know again, and the checksum of every other file: written last

A folder without a sound state.json is no checkpoint. The folder takes its place by one rename, so a process killed at
any moment leaves the earlier checkpoints as they were.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from hanlin.base import files
from hanlin.base.errors import BundleError
from hanlin.base.messages import say
from hanlin.bundle.manifest import Manifest, read_manifest, verify_files, write_manifest
from hanlin.bundle.tensors import check_match, read_tensors, write_tensors

FOLDER = "checkpoints"
BEST = "best.txt"
_MODEL, _OPTIMIZER, _RNG, _STATE = "model.safetensors", "optimizer.safetensors", "rng.safetensors", "state.json"
_DOOMED = ".pruned-"


class Stateful(Protocol):
    """What a checkpoint asks of an optimizer: its state as flat "<parameter name>.<slot>" tensors, and back."""

    def state_tensors(self) -> Mapping[str, Tensor]:
        """Every tensor of the state; scalars as 0-d tensors."""

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Take a state that `state_tensors` gave."""


def save_checkpoint(folder: Path | str, *, model: nn.Module, optimizer: Stateful, state: Mapping[str, Any]) -> Path:
    """Write a checkpoint whole or not at all; `state` is JSON. Raises DiskFull with the earlier ones untouched."""
    folder = Path(folder)
    with files.building_folder(folder) as temporary:
        tensors = {_MODEL: _parameters(model), _OPTIMIZER: optimizer.state_tensors(), _RNG: generator_states()}
        checksums = {name: write_tensors(temporary / name, held) for name, held in tensors.items()}
        write_manifest(temporary / _STATE, {"state": dict(state)}, checksums)
    return folder


def load_checkpoint(
    folder: Path | str, *, model: nn.Module, optimizer: Stateful | None = None, generators: bool = True
) -> dict[str, Any]:
    """Put model, optimizer and random generators back where `save_checkpoint` found them; return its `state`.

    Everything is checked before anything is changed. Raises BundleError (E450 to E456) naming file and remedy.
    """
    folder = Path(folder)
    state = verify_checkpoint(folder)
    weights, slots, rng = (read_tensors(folder / name) for name in (_MODEL, _OPTIMIZER, _RNG))
    parameters = _parameters(model)
    check_match(folder / _MODEL, weights, {name: parameter.shape for name, parameter in parameters.items()})
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(weights[name])
    if optimizer is not None:
        optimizer.load_state_tensors(slots)
    if generators:
        restore_generators(rng)
    return state


def verify_checkpoint(folder: Path | str) -> dict[str, Any]:
    """Check every file against its checksum and return the saved state. Raises BundleError naming file and remedy."""
    folder = Path(folder)
    manifest = _manifest(folder)
    verify_files(folder, manifest.checksums)
    return dict(manifest.content["state"])


def read_state(folder: Path | str) -> dict[str, Any]:
    """The saved state alone, without reading the weights. Raises BundleError E450 or E453."""
    return dict(_manifest(Path(folder)).content["state"])


def _manifest(folder: Path) -> Manifest:
    files.recover(folder)
    if not folder.is_dir():
        raise BundleError("bundle.no_checkpoint", path=folder)
    return read_manifest(folder / _STATE)


def _parameters(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


# Random generators ---------------------------------------------------------------------------------------------------


def generator_states() -> dict[str, Tensor]:
    """State of torch's generators, uint8: "cpu", and "cuda.N" of every device where CUDA is in use."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_initialized():
        states |= {f"cuda.{index}": state for index, state in enumerate(torch.cuda.get_rng_state_all())}
    return states


def restore_generators(states: Mapping[str, Tensor]) -> None:
    """Put the states back; those of devices that this machine lacks have nobody to take them."""
    torch.set_rng_state(states["cpu"].clone())
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            if (state := states.get(f"cuda.{index}")) is not None:
                torch.cuda.set_rng_state(state.clone(), index)


# The checkpoints of a run --------------------------------------------------------------------------------------------


def step_folder(run_folder: Path | str, step: int) -> Path:
    """Where the checkpoint of `step` stands."""
    return Path(run_folder) / FOLDER / f"step-{step:06d}"


def list_checkpoints(run_folder: Path | str) -> list[Path]:
    """Checkpoints of a run by step, whole or damaged, after clearing up behind killed saves."""
    home = Path(run_folder) / FOLDER
    if not home.is_dir():
        return []
    for name in {path.name.split(".")[1] for path in home.glob(".step-*.*")}:
        files.recover(home / name)
    return sorted((path for path in home.glob("step-*") if path.name[5:].isdigit()), key=_step)


def latest_checkpoint(run_folder: Path | str, *, note: Callable[[str], None] | None = None) -> Path | None:
    """The newest sound checkpoint, or None. `note` is told, in a sentence, of each damaged one passed over
    (by default on stderr)."""
    for folder in reversed(list_checkpoints(run_folder)):
        try:
            verify_checkpoint(folder)
        except BundleError as error:
            (note or _complain)(say("bundle.checkpoint_skipped", name=folder.name, reason=error))
            continue
        return folder
    return None


def mark_best(run_folder: Path | str, checkpoint: Path) -> None:
    """Remember the best checkpoint, which pruning keeps."""
    files.write_atomic(Path(run_folder) / FOLDER / BEST, checkpoint.name + "\n")


def best_checkpoint(run_folder: Path | str) -> Path | None:
    """The checkpoint last marked best, or None where none was or it is gone."""
    marker = Path(run_folder) / FOLDER / BEST
    if not marker.is_file():
        return None
    folder = marker.parent / files.read_text(marker).strip()
    return folder if folder.is_dir() and folder != marker.parent else None


def prune_checkpoints(run_folder: Path | str, *, keep: int) -> list[Path]:
    """Remove all but the newest `keep` (at least one) checkpoints and the best; return what went.

    A folder is renamed before its files go, so that a half-removed one is never taken for a checkpoint.
    """
    assert keep >= 1, "a run keeps at least its newest checkpoint"
    best = best_checkpoint(run_folder)
    gone = [folder for folder in list_checkpoints(run_folder)[:-keep] if folder != best]
    for folder in gone:
        doomed = folder.with_name(f"{_DOOMED}{folder.name}")
        files.rename(folder, doomed)
    for doomed in (Path(run_folder) / FOLDER).glob(f"{_DOOMED}*"):
        shutil.rmtree(doomed, ignore_errors=True)
    return gone


def _step(folder: Path) -> int:
    return int(folder.name.removeprefix("step-"))


def _complain(sentence: str) -> None:
    print(sentence, file=sys.stderr)
