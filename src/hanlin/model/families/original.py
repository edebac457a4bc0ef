"""The first Transformer (Vaswani 2017): 6 + 6 layers, norms after each branch, fixed sines, ReLU, one table for all.

No class of transformers is it, so it is written in our own layout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hanlin.model.families import own

PRESET: dict[str, Any] = {
    "arch": "encoder_decoder",
    "dropout": 0.1,
    "norm": {"kind": "layer", "place": "post", "final": False},
    "positions": {"kind": "sinusoidal"},
    "attention": {"out_bias": True, "qkv_bias": True},
    "mlp": {"activation": "relu", "gated": False, "bias": True},
    "embeddings": {"scale": 512**0.5},
}
PUBLISHED: dict[str, dict[str, int]] = {
    "65m": {"hidden_size": 512, "num_layers": 6, "num_heads": 8, "ffn_size": 2048},
    "213m": {"hidden_size": 1024, "num_layers": 6, "num_heads": 16, "ffn_size": 4096},
}
"""Base and big, by their parameters (table 3)."""


def sized(sizes: Mapping[str, int]) -> dict[str, Any]:
    """Embeddings times the root of the width (3.4)."""
    return {"embeddings": {"scale": sizes["hidden_size"] ** 0.5}}


FAMILY = replace(own.FAMILY, name="transformer", preset=PRESET, published=PUBLISHED, sized=sized)
