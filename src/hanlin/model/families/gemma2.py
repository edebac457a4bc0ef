"""Gemma 2 (2024): Gemma with norms on both sides of each branch, every second layer in a window, and capped scores."""

from __future__ import annotations

from typing import Any

from hanlin.model.config import ModelConfig
from hanlin.model.families import gemma, llama
from hanlin.model.families.family import Family, HfConfig, decoder_tasks
from hanlin.model.families.layers import layer_types, window_fields
from hanlin.model.families.rules import Rule

_NORMS = {
    "attention_norm": "input_layernorm",
    "attention_out_norm": "post_attention_layernorm",
    "mlp_norm": "pre_feedforward_layernorm",
    "mlp_out_norm": "post_feedforward_layernorm",
}

RULES = (
    *(Rule(f"stack.blocks.{{n}}.{o}.weight", (f"model.layers.{{n}}.{t}.weight",)) for o, t in _NORMS.items()),
    *llama.RULES,
)

PRESET: dict[str, Any] = {
    **gemma.PRESET,
    "norm": {**gemma.PRESET["norm"], "place": "sandwich"},
    "attention": {"cap": 50.0, "window": 4096, "pattern": ["sliding", "full"]},
    "head": {"cap": 30.0},
}


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of Gemma2Config."""
    settings = gemma.to_hf(config)
    return {
        **settings,
        "hidden_activation": settings.pop("hidden_act"),
        "query_pre_attn_scalar": scalar(config),
        "sliding_window": config.attention.window,
        "layer_types": layer_types(config),
        "attn_logit_softcapping": config.attention.cap or None,
        "final_logit_softcapping": config.head.cap or None,
    }


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig; what a file leaves out takes Gemma2Config's default."""
    number = hf["num_hidden_layers"]
    types = hf.get("layer_types") or ["full_attention" if n % 2 else "sliding_attention" for n in range(number)]
    return gemma2_fields({"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, **hf}, types)


def gemma2_fields(hf: HfConfig, types: list[str]) -> dict[str, Any]:
    """Fields that Gemma 2 and 3 share."""
    fields = gemma.from_hf({"num_key_value_heads": 4, **hf})
    return {
        **fields,
        "norm": {**fields["norm"], "place": "sandwich"},
        "attention": {
            **fields["attention"],
            **window_fields(hf, types, hf.get("sliding_window", 4096)),
            "scale": score_scale(hf.get("query_pre_attn_scalar", 256), fields["head_dim"]),
            "cap": hf.get("attn_logit_softcapping") or 0.0,
        },
        "head": {"cap": hf.get("final_logit_softcapping") or 0.0},
    }


def scalar(config: ModelConfig) -> float:
    """The number whose root scores are divided by."""
    wide = config.attention.scale**-2 if config.attention.scale else config.head_dim
    return round(wide) if abs(wide - round(wide)) < 1e-6 * wide else wide


def score_scale(number: float, head_dim: int) -> float:
    """`attention.scale`; 0, the usual one, where the number is the width of a head."""
    return 0.0 if number == head_dim else number**-0.5


FAMILY = Family(
    name="gemma2",
    architecture="Gemma2ForCausalLM",
    prefix="model.",
    rules=RULES,
    preset=PRESET,
    sized=lambda sizes: {
        **gemma.sized(sizes),
        "attention": {"pattern": ["sliding", "full"][: sizes.get("num_layers", 2)]},
    },
    to_hf=to_hf,
    from_hf=from_hf,
    harmless=frozenset({"hidden_act", "use_bidirectional_attention", "cache_implementation"}),
    skipped=llama.FAMILY.skipped,
    tasks=decoder_tasks("Gemma2", "sequence", "tokens"),
)
