"""Tiny models, a tokenizer of bytes, and the two ways of computing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from hanlin.infer.config import EngineConfig
from hanlin.infer.engine import Engine
from hanlin.model.compiled import library
from hanlin.model.config import ModelConfig
from hanlin.model.transformer import Transformer, build_model


@dataclass(frozen=True)
class Special:
    pad: int = 256
    bos: int = 257
    eos: int = 258
    im_start: int = 259
    im_end: int = 260


class ByteTokenizer:
    """Ids 0..255 are bytes, then the control tokens: what the engine asks of a tokenizer, and no more."""

    vocab_size = 261
    special = Special()

    def piece_bytes(self, id: int) -> bytes:
        return bytes([id]) if id < 256 else b""

    def encode(self, text: str) -> list[int]:
        return list(text.encode())


def shape(**fields: Any) -> ModelConfig:
    """A decoder that the compiled path takes: heads of 16."""
    sizes = {
        "vocab_size": 261, "hidden_size": 64, "num_layers": 2, "num_heads": 4, "num_kv_heads": 2, "head_dim": 16,
        "ffn_size": 96, "max_seq_len": 96,
    }  # fmt: skip
    return ModelConfig(**{**sizes, **fields})


def make_model(config: ModelConfig | None = None, *, dtype: torch.dtype = torch.float32) -> Transformer:
    """Weights five times their usual size: a tiny model with opinions, whose top two tokens are rarely close."""
    model = build_model(config or shape(), seed=1, compute_dtype=dtype).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(5)
    return model


def engine_for(model: Transformer, tokenizer: Any, **settings: Any) -> Engine:
    """An engine without compiled parts over any model that writes; answers of an encoder-decoder begin with 0."""
    return Engine(model, tokenizer, config=EngineConfig(native=False, **settings), start=0)


@pytest.fixture(params=[False, True], ids=["torch", "native"])
def native(request: pytest.FixtureRequest) -> bool:
    """Each way of computing in turn."""
    if request.param and library() is None:
        pytest.skip("no compiled kernels on this machine")
    return bool(request.param)


@pytest.fixture
def tokenizer() -> Any:
    return ByteTokenizer()


@pytest.fixture
def make_engine(native: bool, tokenizer: Any) -> Callable[..., Engine]:
    """Engines over a fresh tiny model, or a given one, that compute the way under test."""

    def make(model: Transformer | None = None, **settings: Any) -> Engine:
        return Engine(model or make_model(), tokenizer, config=EngineConfig(native=native, **settings))

    return make
