"""The shape of GPT-3 (Brown 2020): GPT-2's layer, every second one in a band, in the sizes that its paper prints.

Weights were never published, so it is written in our own layout; without a window it is GPT-2, and saved as such.
The paper says "alternating dense and locally banded sparse attention patterns" like those of the Sparse Transformer and
gives no width: the band of 256 here is ours, and a band is all we take of that model (Child 2019), not its strides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hanlin.model.families import gpt2, own

PRESET: dict[str, Any] = {
    **gpt2.PRESET,
    "max_seq_len": 2048,
    "attention": {**gpt2.PRESET["attention"], "window": 256, "pattern": ["full", "sliding"]},
}


def _size(num_layers: int, num_heads: int, head_dim: int) -> dict[str, int]:
    width = num_heads * head_dim
    sizes = {"num_layers": num_layers, "hidden_size": width, "ffn_size": 4 * width}
    return {**sizes, "num_heads": num_heads, "num_kv_heads": num_heads, "head_dim": head_dim}


# Table 2.1. It prints 24 heads of 128 for 1.3b and a width of 5140 for 13b, which fit neither width nor the number of
# parameters beside them: 16 heads and 5120 do.
PUBLISHED: dict[str, dict[str, int]] = {
    "125m": _size(12, 12, 64),
    "350m": _size(24, 16, 64),
    "760m": _size(24, 16, 96),
    "1.3b": _size(24, 16, 128),
    "2.7b": _size(32, 32, 80),
    "6.7b": _size(32, 32, 128),
    "13b": _size(40, 40, 128),
    "175b": _size(96, 96, 128),
}

FAMILY = replace(own.FAMILY, name="gpt3", preset=PRESET, published=PUBLISHED)
