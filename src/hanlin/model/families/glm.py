"""GLM-4-9B as transformers keeps it (2024): half of each head rotates, in interleaved pairs; gate and up are one."""

from __future__ import annotations

from typing import Any

from hanlin.model.config import ModelConfig
from hanlin.model.families import llama
from hanlin.model.families.family import Family, HfConfig, decoder_tasks
from hanlin.model.families.rules import Rule, qkv_parts, qkv_rows

_LAYER = "model.layers.{n}."

RULES = (
    *(
        Rule(
            f"stack.blocks.{{n}}.attention.qkv.{kind}",
            tuple(f"{_LAYER}self_attn.{part}_proj.{kind}" for part in "qkv"),
            qkv_parts,
            orders=qkv_rows,
        )
        for kind in ("weight", "bias")
    ),
    Rule("stack.blocks.{n}.mlp.gate_up.weight", (f"{_LAYER}mlp.gate_up_proj.weight",)),
    *llama.RULES,
)

PRESET: dict[str, Any] = {"attention": {"qkv_bias": True}, "positions": {"fraction": 0.5}, "norm": {"eps": 1.5625e-7}}


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of GlmConfig."""
    settings = llama.to_hf(config)
    del settings["mlp_bias"]
    return {**settings, "partial_rotary_factor": config.positions.fraction}


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig; what a file leaves out takes GlmConfig's default."""
    usual = {"attention_bias": True, "num_key_value_heads": 2, "head_dim": 128, "partial_rotary_factor": 0.5}
    fields = llama.from_hf({**usual, "max_position_embeddings": 131072, "rms_norm_eps": 1.5625e-7, **hf})
    return {**fields, "attention": {**fields["attention"], "out_bias": False}}


FAMILY = Family(
    name="glm",
    architecture="GlmForCausalLM",
    prefix="model.",
    rules=RULES,
    preset=PRESET,
    to_hf=to_hf,
    from_hf=from_hf,
    skipped=llama.FAMILY.skipped,
    tasks=decoder_tasks("Glm", "sequence", "tokens"),
)
