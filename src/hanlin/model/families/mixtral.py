"""Mixtral (Jiang 2024): Mistral's layer with eight MLPs, of which every token takes two."""

from __future__ import annotations

from typing import Any

from hanlin.model.config import ModelConfig
from hanlin.model.families import mistral
from hanlin.model.families.family import Family, HfConfig, decoder_tasks
from hanlin.model.families.rules import expert_rules

RULES = (
    *expert_rules("model.layers.{n}.block_sparse_moe.", gate="w1", up="w3", down="w2"),
    *mistral.FAMILY.rules,
)


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of MixtralConfig."""
    experts = config.mlp.experts
    return {**mistral.to_hf(config), "num_local_experts": experts.number, "num_experts_per_tok": experts.chosen}


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig; what a file leaves out takes MixtralConfig's default."""
    usual = {"rope_theta": 1e6, "rms_norm_eps": 1e-5, "sliding_window": None}
    fields = mistral.from_hf({**usual, **hf})
    number = hf.get("num_local_experts") or hf.get("num_experts") or 8
    return {
        **fields,
        "mlp": {**fields["mlp"], "experts": {"number": number, "chosen": hf.get("num_experts_per_tok", 2)}},
    }


FAMILY = Family(
    name="mixtral",
    architecture="MixtralForCausalLM",
    prefix="model.",
    rules=RULES,
    preset={"mlp": {"experts": {"number": 8}}, "positions": {"theta": 1e6}},
    to_hf=to_hf,
    from_hf=from_hf,
    harmless=frozenset({"output_router_logits", "router_aux_loss_coef", "router_jitter_noise", "num_experts"}),
    skipped=mistral.FAMILY.skipped,
    tasks=decoder_tasks("Mixtral"),
)
