"""Tiny models of every kind."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from hanlin.model.config import ModelConfig

CLASSIC: dict[str, Any] = {
    "norm": {"kind": "layer"},
    "positions": {"kind": "learned"},
    "attention": {"qkv_bias": True, "out_bias": True},
    "mlp": {"activation": "gelu_tanh", "gated": False, "bias": True},
}
KINDS: dict[str, dict[str, Any]] = {
    "modern": {"num_kv_heads": 2},
    "modern untied": {"num_kv_heads": 1, "embeddings": {"tied": False}, "mlp": {"activation": "gelu"}},
    "query-key norm": {"num_kv_heads": 2, "head_dim": 16, "attention": {"qk_norm": True}},
    "window": {"attention": {"window": 4, "pattern": ["sliding", "full"]}, "num_kv_heads": 2},
    "window everywhere": {"attention": {"window": 7}, "positions": {"kind": "learned"}},
    "Gemma": {
        "norm": {"place": "sandwich", "unit_offset": True},
        "attention": {"qk_norm": True, "window": 5, "pattern": ["sliding", "full"], "cap": 3.0, "scale": 0.3},
        "positions": {"sliding_theta": 50.0},
        "head": {"cap": 2.0},
    },
    "parallel": {
        **CLASSIC,
        "norm": {"kind": "layer", "place": "parallel"},
        "positions": {"fraction": 0.25},
        "embeddings": {"tied": False},
        "head": {"bias": True},
    },
    "alibi": {"positions": {"kind": "alibi"}, "head": {"normalised": True}},
    "deep": {"norm": {"place": "deep"}},
    "llama3": {
        "positions": {"fraction": 0.5, "theta": 100.0, "scaling": {"kind": "llama3", "factor": 4.0, "original": 16}}
    },
    "yarn": {"positions": {"theta": 100.0, "scaling": {"kind": "yarn", "factor": 4.0, "original": 16}}},
    "squared relu": {"mlp": {"activation": "relu2", "gated": False}},
    "classic": CLASSIC,
    "2017": {
        **CLASSIC,
        "norm": {"kind": "layer", "place": "post", "final": False},
        "positions": {"kind": "sinusoidal"},
        "mlp": {"activation": "relu", "gated": False, "bias": True},
        "embeddings": {"scale": 32**0.5},
    },
    "no positions": {"positions": {"kind": "none"}},
}


def tiny(**fields: Any) -> ModelConfig:
    """A model small enough to run in a millisecond."""
    sizes = {"vocab_size": 61, "hidden_size": 32, "num_layers": 2, "num_heads": 4, "ffn_size": 48, "max_seq_len": 64}
    return ModelConfig(**{**sizes, **fields})


@pytest.fixture(params=KINDS, ids=lambda kind: kind.replace(" ", "-"))
def config(request: pytest.FixtureRequest) -> ModelConfig:
    """Each kind of decoder in turn."""
    return tiny(**KINDS[request.param])


@pytest.fixture(params=["kernels", "torch"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With our compiled kernels, where this machine has them, and without."""
    if request.param == "torch":
        monkeypatch.setattr("hanlin.model.kernels.usable", lambda *tensors: False)
    return str(request.param)


@pytest.fixture
def tokens() -> torch.Tensor:
    """Two rows of eleven ids."""
    return torch.randint(0, 61, (2, 11), generator=torch.Generator().manual_seed(7))


@pytest.fixture
def build_config() -> Any:
    """The maker of tiny configs itself."""
    return tiny
