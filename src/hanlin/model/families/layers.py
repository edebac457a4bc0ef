"""Layers with a window in config.json: `layer_types` (transformers 5) and Qwen's older settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hanlin.base.errors import BundleError
from hanlin.model.config import ModelConfig

_KINDS = {"sliding_attention": "sliding", "full_attention": "full"}


def layer_settings(config: ModelConfig) -> dict[str, Any]:
    """Window and layers as Qwen's classes write them."""
    sliding = config.sliding_layers()
    first = next((number for number, narrow in enumerate(sliding) if narrow), len(sliding))
    return {
        "use_sliding_window": any(sliding),
        "sliding_window": config.attention.window or None,
        "max_window_layers": first,
        "layer_types": layer_types(config),
    }


def layer_types(config: ModelConfig) -> list[str]:
    """One word per layer."""
    return ["sliding_attention" if narrow else "full_attention" for narrow in config.sliding_layers()]


def sliding_fields(hf: Mapping[str, Any], num_layers: int) -> dict[str, Any]:
    """`window` and `pattern` of AttentionConfig from Qwen's settings: without `layer_types` the upper layers slide."""
    if not hf.get("use_sliding_window", False) or not hf.get("sliding_window", 4096):
        types = hf.get("layer_types") or []
        return window_fields(hf, types, 0)
    first = hf.get("max_window_layers", 28)
    types = ["full_attention"] * min(first, num_layers) + ["sliding_attention"] * max(0, num_layers - first)
    return window_fields(hf, hf.get("layer_types") or types, hf.get("sliding_window", 4096))


NO_WINDOW: Mapping[str, Any] = {"window": 0, "pattern": ["sliding"]}
"""Attention fields of a model none of whose layers has one."""


def window_fields(hf: Mapping[str, Any], types: Sequence[str], window: int | None) -> dict[str, Any]:
    """`window` and `pattern` from one word per layer. Raises BundleError E321 for a kind of layer that is not built."""
    strange = sorted(set(types) - set(_KINDS))
    if strange or ("sliding_attention" in types and not window):
        told = ", ".join(strange or ["sliding_attention"])
        raise BundleError("model.setting_unbuilt", family=hf.get("model_type", ""), settings=f"layer_types: {told}")
    kinds = [_KINDS[kind] for kind in types]
    if "sliding" not in kinds:
        return {}
    return {"window": window, "pattern": pattern_of(kinds)}


def pattern_of(kinds: list[str]) -> list[str]:
    """The shortest beginning whose repetition gives all."""
    sizes = range(1, len(kinds) + 1)
    size = next(n for n in sizes if all(kind == kinds[at % n] for at, kind in enumerate(kinds)))
    return kinds[:size]
