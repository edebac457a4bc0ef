"""Qwen3 (2025): LLaMA's layer with a norm on every query and key head before rotation."""

from __future__ import annotations

from typing import Any

from hanlin.model.config import ModelConfig
from hanlin.model.families import llama
from hanlin.model.families.family import Family, HfConfig, decoder_tasks
from hanlin.model.families.layers import layer_settings, sliding_fields
from hanlin.model.families.rules import Rule

RULES = (
    *llama.RULES,
    Rule("stack.blocks.{n}.attention.q_norm.weight", ("model.layers.{n}.self_attn.q_norm.weight",)),
    Rule("stack.blocks.{n}.attention.k_norm.weight", ("model.layers.{n}.self_attn.k_norm.weight",)),
)


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of Qwen3Config, which has no `mlp_bias`."""
    settings = llama.to_hf(config)
    del settings["mlp_bias"]
    return {**settings, **layer_settings(config)}


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig; what a file leaves out takes Qwen3Config's default."""
    fields = llama.from_hf({"head_dim": 128, "num_key_value_heads": 32, **hf})
    return {**fields, "attention": {**fields["attention"], "qk_norm": True, **sliding_fields(hf, fields["num_layers"])}}


FAMILY = Family(
    name="qwen3",
    architecture="Qwen3ForCausalLM",
    prefix="model.",
    rules=RULES,
    preset={"attention": {"qk_norm": True}, "norm": {"eps": 1e-6}, "positions": {"theta": 1_000_000.0}},
    to_hf=to_hf,
    from_hf=from_hf,
    skipped=llama.FAMILY.skipped,
    tasks=decoder_tasks("Qwen3", spans_prefix="transformer."),
)
