"""Baichuan 1 and 2 (2023): LLaMA's layer with one projection for queries, keys and values.

The 7B models rotate, the 13B ones know distance by ALiBi; version 2 scores tokens by the direction of its head's rows
alone. No class of transformers reads them; ModelConfig is told apart by what their own code reads.
"""

from __future__ import annotations

from typing import Any

from hanlin.model.config import ModelConfig
from hanlin.model.families import llama
from hanlin.model.families.family import Family, HfConfig
from hanlin.model.families.rules import Rule

# Version 2 has one of these: its vocabulary, or the weight of a loss that only it was trained with.
_VOCAB_2, _MARK_2 = 125696, "z_loss_weight"

RULES = (
    Rule("stack.blocks.{n}.attention.qkv.weight", ("model.layers.{n}.self_attn.W_pack.weight",)),
    *llama.RULES,
)


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of BaichuanConfig: the 13B models have no `max_position_embeddings`."""
    settings = llama.to_hf(config)
    kept = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "hidden_act")
    said = {name: settings[name] for name in (*kept, "rms_norm_eps", "tie_word_embeddings")}
    said["model_max_length"] = config.max_seq_len
    if config.positions.kind == "rope":
        said["max_position_embeddings"] = config.max_seq_len
    return said | ({_MARK_2: 0} if config.head.normalised else {})


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig."""
    length = hf.get("max_position_embeddings") or hf["model_max_length"]
    fields = llama.from_hf({**hf, "max_position_embeddings": length})
    second = _MARK_2 in hf or hf["vocab_size"] == _VOCAB_2
    return {
        **fields,
        "positions": {"kind": "rope" if hf.get("max_position_embeddings") else "alibi"},
        "head": {"normalised": second},
    }


FAMILY = Family(
    name="baichuan",
    architecture="BaichuanForCausalLM",
    prefix="model.",
    rules=RULES,
    preset={"embeddings": {"tied": False}, "norm": {"eps": 1e-6}},
    sized=lambda sizes: {"num_kv_heads": sizes["num_heads"]},
    to_hf=to_hf,
    from_hf=from_hf,
    harmless=frozenset({"gradient_checkpointing", "_from_model_config", "tokenizer_class"}),
    skipped=llama.FAMILY.skipped,
)
