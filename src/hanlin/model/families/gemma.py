"""Gemma (2024): LLaMA's layer with norms of 1 + w, GELU gates, wide heads and embeddings times root of hidden_size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hanlin.model.config import ModelConfig
from hanlin.model.families import llama
from hanlin.model.families.family import Family, HfConfig, decoder_tasks

_CLASS: dict[str, Any] = {"head_dim": 256, "max_position_embeddings": 8192, "tie_word_embeddings": True}

PRESET: dict[str, Any] = {
    "norm": {"eps": 1e-6, "unit_offset": True},
    "mlp": {"activation": "gelu_tanh"},
}


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of GemmaConfig, which has no biases in its MLP."""
    settings = llama.to_hf(config)
    del settings["mlp_bias"]
    return settings


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig. Whatever GELU a file names, the models were trained with the one by tanh."""
    fields = llama.from_hf({**_CLASS, **hf, "hidden_act": "gelu_pytorch_tanh"})
    return {
        **fields,
        "norm": {**fields["norm"], "unit_offset": True},
        "embeddings": {**fields["embeddings"], "scale": hf["hidden_size"] ** 0.5},
    }


def sized(sizes: Mapping[str, int]) -> dict[str, Any]:
    """Embeddings are as loud as the stream is wide."""
    return {"embeddings": {"scale": sizes["hidden_size"] ** 0.5}}


FAMILY = Family(
    name="gemma",
    architecture="GemmaForCausalLM",
    prefix="model.",
    rules=llama.RULES,
    preset=PRESET,
    sized=sized,
    to_hf=to_hf,
    from_hf=from_hf,
    harmless=frozenset({"hidden_activation", "use_bidirectional_attention"}),
    skipped=llama.FAMILY.skipped,
    tasks=decoder_tasks("Gemma", "sequence", "tokens"),
)
