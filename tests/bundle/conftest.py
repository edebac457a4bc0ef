"""A tiny model in training, and ways to kill or starve a save."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import torch

from hanlin.base import files
from hanlin.model.config import ModelConfig
from hanlin.model.transformer import Transformer, build_model
from hanlin.text.tokenizer import CONTROL, Tokenizer

POINTS = ("write_bytes", "fsync", "rename")


class Momentum:
    """The least optimizer that has a state."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.slots = {f"{name}.momentum": torch.zeros_like(p) for name, p in model.named_parameters()}
        self.slots["step"] = torch.tensor(0)

    def state_tensors(self) -> dict[str, torch.Tensor]:
        return self.slots

    def load_state_tensors(self, tensors: dict[str, torch.Tensor]) -> None:
        assert tensors.keys() == self.slots.keys()
        self.slots = {name: tensor.clone() for name, tensor in tensors.items()}


def tiny(**fields: Any) -> ModelConfig:
    sizes = {"vocab_size": 300, "hidden_size": 16, "num_layers": 1, "num_heads": 2, "ffn_size": 24, "max_seq_len": 16}
    return ModelConfig(**{**sizes, **fields})


@pytest.fixture
def make_training() -> Callable[..., tuple[torch.nn.Module, Momentum]]:
    """The least model and its optimizer; `value` fills both, so that a load can be told from what was there.

    Few tensors make few moments at which a save can die, of every kind all the same.
    """

    def make(seed: int = 0, value: float | None = None) -> tuple[torch.nn.Module, Momentum]:
        torch.manual_seed(seed)
        model = torch.nn.ModuleDict({"head": torch.nn.Linear(4, 3)})
        optimizer = Momentum(model)
        if value is not None:
            with torch.no_grad():
                for tensor in [*model.parameters(), *optimizer.slots.values()]:
                    tensor.fill_(value)
        return model, optimizer

    return make


@pytest.fixture
def build_tiny() -> Callable[..., Transformer]:
    """A whole model, as small as they come."""
    return lambda seed=0, **fields: build_model(tiny(**fields), seed=seed)


class Kill:
    """Runs actions that die half-way."""

    points = POINTS

    @staticmethod
    def count_points(action: Callable[[], object]) -> int:
        """How many writes, fsyncs and renames an action makes."""
        calls: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            for name in POINTS:
                patch.setattr(files, name, _counting(getattr(files, name), calls))
            action()
        return len(calls)

    @staticmethod
    def killed_at(number: int, action: Callable[[], object], *, half: bool) -> None:
        """Run an action in a child that is killed with -9 at its write, fsync or rename of that number: before it,
        or, with `half`, when a write is half done or a rename is done."""
        child = os.fork()
        if child == 0:
            left = [number]
            for name in POINTS:
                setattr(files, name, _dying(name, getattr(files, name), left, half))
            try:
                action()
            finally:
                os._exit(3)  # the point was never reached
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL

    @staticmethod
    def snapshot(folder: Path) -> dict[str, bytes]:
        """Every file below a folder with its content."""
        return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    remove = staticmethod(shutil.rmtree)


@pytest.fixture
def kill() -> Kill:
    """Ways to kill a save."""
    return Kill()


def _counting(original: Callable[..., None], calls: list[str]) -> Callable[..., None]:
    def run(*args: Any) -> None:
        calls.append(original.__name__)
        original(*args)

    return run


def _dying(name: str, original: Callable[..., None], left: list[int], half: bool) -> Callable[..., None]:
    def run(*args: Any) -> None:
        left[0] -= 1
        if left[0] >= 0:
            return original(*args)
        if half and name == "write_bytes":
            original(args[0], args[1][: len(args[1]) // 2])
        elif half:
            original(*args)
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    return run


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """The least tokenizer: control tokens and bytes, 261 ids, no merges."""
    pieces = [*CONTROL.values(), *sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())]
    core = tokenizers.Tokenizer(tokenizers.models.BPE({piece: id for id, piece in enumerate(pieces)}, []))
    core.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = tokenizers.decoders.ByteLevel()
    core.add_special_tokens(list(CONTROL.values()))
    return Tokenizer(core)


@pytest.fixture
def damage() -> Callable[[Path, str], None]:
    """Ways in which a file goes bad."""

    def damage(path: Path, kind: str) -> None:
        data = bytearray(path.read_bytes())
        if kind == "flipped":
            data[len(data) // 2] ^= 0x10
        path.write_bytes(data[: {"truncated": len(data) // 2, "empty": 0}.get(kind, len(data))])
        if kind == "gone":
            path.unlink()

    return damage
