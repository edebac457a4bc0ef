"""Mistral (Jiang 2023): LLaMA's layer; the first version sees no further back than a window."""

from __future__ import annotations

from typing import Any

from hanlin.model.config import ModelConfig
from hanlin.model.families import llama
from hanlin.model.families.family import Family, HfConfig, decoder_tasks

PRESET: dict[str, Any] = {"attention": {"window": 4096}}


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of MistralConfig, which has no biases."""
    settings = llama.to_hf(config)
    del settings["attention_bias"], settings["mlp_bias"]
    return {**settings, "sliding_window": config.attention.window or None}


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig; what a file leaves out takes MistralConfig's default."""
    fields = llama.from_hf({"num_key_value_heads": 8, "max_position_embeddings": 131072, **hf})
    return {**fields, "attention": {"window": hf.get("sliding_window", 4096) or 0}}


FAMILY = Family(
    name="mistral",
    architecture="MistralForCausalLM",
    prefix="model.",
    rules=llama.RULES,
    preset=PRESET,
    to_hf=to_hf,
    from_hf=from_hf,
    skipped=llama.FAMILY.skipped,
    tasks=decoder_tasks("Mistral"),
)
