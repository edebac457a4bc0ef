"""Gemma 3, its text model (2025): Gemma 2 without caps, with normed queries and keys and two rotary bases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hanlin.model.config import ModelConfig
from hanlin.model.families import gemma, gemma2
from hanlin.model.families.family import Family, HfConfig, decoder_tasks
from hanlin.model.families.layers import NO_WINDOW
from hanlin.model.families.rope import scaling_fields, scaling_settings
from hanlin.model.families.rules import Rule

RULES = (
    *gemma2.RULES,
    Rule("stack.blocks.{n}.attention.q_norm.weight", ("model.layers.{n}.self_attn.q_norm.weight",)),
    Rule("stack.blocks.{n}.attention.k_norm.weight", ("model.layers.{n}.self_attn.k_norm.weight",)),
)

PRESET: dict[str, Any] = {
    **gemma2.PRESET,
    "positions": {"theta": 1e6, "sliding_theta": 1e4},
    "attention": {"qk_norm": True, "window": 512, "pattern": [*["sliding"] * 5, "full"]},
    "head": {},
}


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of Gemma3TextConfig, in both spellings."""
    positions = config.positions
    settings = gemma2.to_hf(config)
    full = {"rope_theta": positions.theta, **scaling_settings(positions.scaling)}
    near = {"rope_theta": positions.sliding_theta or positions.theta, "rope_type": "default"}
    settings |= {"max_position_embeddings": config.max_seq_len, "rope_local_base_freq": near["rope_theta"]}
    return {**settings, "rope_parameters": {"full_attention": full, "sliding_attention": near}}


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig; what a file leaves out takes Gemma3TextConfig's default."""
    number, every = hf["num_hidden_layers"], hf.get("sliding_window_pattern") or 6
    usual = ["full_attention" if (n + 1) % every == 0 else "sliding_attention" for n in range(number)]
    reach = hf.get("max_position_embeddings", 131072)
    plain = {**hf, "rope_parameters": None, "rope_scaling": None, "max_position_embeddings": reach}
    fields = gemma2.gemma2_fields(plain, hf.get("layer_types") or usual)
    return {**fields, "attention": {**fields["attention"], "qk_norm": True}, "positions": _positions(hf)}


def _positions(hf: HfConfig) -> dict[str, Any]:
    """The base of far layers, scaled or not, and that of near ones."""
    said = hf.get("rope_parameters") or {}
    old = hf.get("rope_scaling") or {}
    full, near = said.get("full_attention") or old, said.get("sliding_attention") or {}
    return {
        "kind": "rope",
        "theta": float(full.get("rope_theta") or hf.get("rope_theta") or 1e6),
        "sliding_theta": float(near.get("rope_theta") or hf.get("rope_local_base_freq") or 1e4),
        "scaling": scaling_fields(full, hf),
    }


def sized(sizes: Mapping[str, int]) -> dict[str, Any]:
    """Of five near layers and a far one, as many as there are, the last one far."""
    number = min(6, sizes.get("num_layers", 6))
    pattern = [*["sliding"] * (number - 1), "full"]
    return {**gemma.sized(sizes), "attention": {"pattern": pattern} if number > 1 else NO_WINDOW}


FAMILY = Family(
    name="gemma3_text",
    architecture="Gemma3ForCausalLM",
    prefix="model.",
    rules=RULES,
    preset=PRESET,
    sized=sized,
    to_hf=to_hf,
    from_hf=from_hf,
    harmless=gemma2.FAMILY.harmless | {"sliding_window_pattern", "_sliding_window_pattern"},
    skipped=gemma2.FAMILY.skipped,
    tasks=decoder_tasks("Gemma3Text", "sequence"),
)
