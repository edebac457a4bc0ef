"""The first Transformer (Vaswani 2017): 6 + 6 layers, norms after each branch, fixed sines, ReLU, one table for all.

No class of transformers is it, so it is written in our own layout.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hanlin.model.families import own

PRESET: dict[str, Any] = {
    "arch": "encoder_decoder",
    "hidden_size": 512,
    "num_layers": 6,
    "num_heads": 8,
    "ffn_size": 2048,
    "dropout": 0.1,
    "norm": {"kind": "layer", "place": "post", "final": False},
    "positions": {"kind": "sinusoidal"},
    "attention": {"out_bias": True, "qkv_bias": True},
    "mlp": {"activation": "relu", "gated": False, "bias": True},
    "embeddings": {"scale": 512**0.5},
}

FAMILY = replace(own.FAMILY, name="transformer", preset=PRESET)
