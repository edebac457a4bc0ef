"""Qwen3-MoE (2025): Qwen3's layer with many narrow MLPs, of which every token takes a few."""

from __future__ import annotations

from typing import Any

from hanlin.model.config import ModelConfig
from hanlin.model.families import qwen3
from hanlin.model.families.family import Family, HfConfig, decoder_tasks
from hanlin.model.families.rules import expert_rules

RULES = (
    *expert_rules("model.layers.{n}.mlp.", gate="gate_proj", up="up_proj", down="down_proj"),
    *qwen3.RULES,
)


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of Qwen3MoeConfig. `intermediate_size` is that of layers without experts, of which there are none."""
    experts = config.mlp.experts
    return {
        **qwen3.to_hf(config),
        "moe_intermediate_size": config.ffn_size,
        "num_experts": experts.number,
        "num_experts_per_tok": experts.chosen,
        "norm_topk_prob": experts.renormalised,
    }


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig; what a file leaves out takes Qwen3MoeConfig's default."""
    usual = {"num_key_value_heads": 4, "max_position_embeddings": 32768, "head_dim": None}
    fields = qwen3.from_hf({**usual, **hf, "intermediate_size": hf.get("moe_intermediate_size", 768)})
    experts = {
        "number": hf.get("num_experts") or hf.get("num_local_experts") or 128,
        "chosen": hf.get("num_experts_per_tok", 8),
        "renormalised": hf.get("norm_topk_prob", False),
    }
    return {**fields, "mlp": {**fields["mlp"], "experts": experts}}


FAMILY = Family(
    name="qwen3_moe",
    architecture="Qwen3MoeForCausalLM",
    prefix="model.",
    rules=RULES,
    preset={**qwen3.FAMILY.preset, "mlp": {"experts": {"number": 128, "chosen": 8}}},
    to_hf=to_hf,
    from_hf=from_hf,
    fixed={"decoder_sparse_step": 1, "mlp_only_layers": []},
    harmless=frozenset({"output_router_logits", "router_aux_loss_coef", "intermediate_size", "num_local_experts"}),
    skipped=qwen3.FAMILY.skipped,
    tasks=decoder_tasks("Qwen3Moe", spans_prefix="transformer."),
)
