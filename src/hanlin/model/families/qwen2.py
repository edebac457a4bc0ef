"""Qwen2 and Qwen2.5 (2024): LLaMA's layer with biases on queries, keys and values alone."""

from __future__ import annotations

from typing import Any

from hanlin.model.config import ModelConfig
from hanlin.model.families import llama
from hanlin.model.families.family import Family, HfConfig, decoder_tasks
from hanlin.model.families.layers import layer_settings, sliding_fields


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of Qwen2Config; its class has the biases built in and works out head_dim itself."""
    settings = llama.to_hf(config)
    for absent in ("attention_bias", "mlp_bias", "head_dim"):
        del settings[absent]
    return {**settings, **layer_settings(config)}


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig; what a file leaves out takes Qwen2Config's default."""
    fields = llama.from_hf({"num_key_value_heads": 32, "max_position_embeddings": 32768, **hf, "head_dim": None})
    return {**fields, "attention": {"qkv_bias": True, **sliding_fields(hf, fields["num_layers"])}}


FAMILY = Family(
    name="qwen2",
    architecture="Qwen2ForCausalLM",
    prefix="model.",
    rules=llama.RULES,
    preset={"attention": {"qkv_bias": True}, "norm": {"eps": 1e-6}, "positions": {"theta": 1_000_000.0}},
    to_hf=to_hf,
    from_hf=from_hf,
    skipped=llama.FAMILY.skipped,
    tasks=decoder_tasks("Qwen2", spans_prefix="transformer."),
)
