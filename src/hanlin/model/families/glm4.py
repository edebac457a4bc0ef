"""GLM-4-0414 (2025): GLM-4's layer with a norm behind each branch as well."""

from __future__ import annotations

from typing import Any

from hanlin.model.families import glm
from hanlin.model.families.family import Family, HfConfig, decoder_tasks
from hanlin.model.families.rules import Rule

_NORMS = {"attention_out_norm": "post_self_attn_layernorm", "mlp_out_norm": "post_mlp_layernorm"}


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig; what a file leaves out takes Glm4Config's default."""
    fields = glm.from_hf(hf)
    return {**fields, "norm": {**fields["norm"], "place": "sandwich"}}


FAMILY = Family(
    name="glm4",
    architecture="Glm4ForCausalLM",
    prefix="model.",
    rules=(
        *(Rule(f"stack.blocks.{{n}}.{o}.weight", (f"model.layers.{{n}}.{t}.weight",)) for o, t in _NORMS.items()),
        *glm.RULES,
    ),
    preset={**glm.PRESET, "norm": {**glm.PRESET["norm"], "place": "sandwich"}},
    to_hf=glm.to_hf,
    from_hf=from_hf,
    skipped=glm.FAMILY.skipped,
    tasks=decoder_tasks("Glm4", "sequence", "tokens"),
)
