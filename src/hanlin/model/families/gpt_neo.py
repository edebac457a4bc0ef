"""GPT-Neo (Black 2021), the open model in the shape of GPT-3: every second layer sees a window, scores are unscaled."""

from __future__ import annotations

from typing import Any

from hanlin.model.config import ModelConfig
from hanlin.model.families import gpt2
from hanlin.model.families.family import Family, HfConfig
from hanlin.model.families.layers import NO_WINDOW, pattern_of
from hanlin.model.families.rules import Rule, both, qkv_parts

_LAYER, _OURS = "transformer.h.{n}.", "stack.blocks.{n}."
_KINDS = {"local": "sliding", "global": "full"}

RULES = (
    Rule(f"{_OURS}attention.qkv.weight", tuple(f"{_LAYER}attn.attention.{p}_proj.weight" for p in "qkv"), qkv_parts),
    *both(f"{_OURS}attention.out", f"{_LAYER}attn.attention.out_proj"),
    *both(f"{_OURS}mlp.up", f"{_LAYER}mlp.c_fc"),
    *both(f"{_OURS}mlp.down", f"{_LAYER}mlp.c_proj"),
    *gpt2.RULES,
)

PRESET: dict[str, Any] = {
    **gpt2.PRESET,
    "attention": {"out_bias": True, "scale": 1.0, "window": 256, "pattern": ["full", "sliding"]},
}


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of GPTNeoConfig."""
    kinds = ["local" if narrow else "global" for narrow in config.sliding_layers()]
    return {
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.max_seq_len,
        "hidden_size": config.hidden_size,
        "num_layers": config.num_layers,
        "num_heads": config.num_heads,
        "intermediate_size": config.ffn_size,
        "activation_function": gpt2.to_hf(config)["activation_function"],
        "resid_dropout": config.dropout,
        "embed_dropout": config.dropout,
        "attention_dropout": config.dropout,
        "layer_norm_epsilon": config.norm.eps,
        "tie_word_embeddings": config.embeddings.tied,
        "window_size": config.attention.window or 256,
        "attention_types": [[kinds, 1]],
    }


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig; what a file leaves out takes GPTNeoConfig's default."""
    names = {"n_positions": "max_position_embeddings", "n_embd": "hidden_size", "n_layer": "num_layers"}
    names |= {"n_head": "num_heads", "n_inner": "intermediate_size", "resid_pdrop": "resid_dropout"}
    usual = {"n_positions": 2048, "n_embd": 2048, "n_layer": 24, "n_head": 16, "resid_pdrop": 0.0}
    fields = gpt2.from_hf({**usual, **hf, **{ours: hf[theirs] for ours, theirs in names.items() if theirs in hf}})
    types = hf.get("attention_types") or [[["global", "local"], fields["num_layers"]]]
    kinds = [_KINDS[kind] for pattern, times in types for _ in range(times) for kind in pattern]
    window = {"window": hf.get("window_size", 256), "pattern": pattern_of(kinds[: fields["num_layers"]])}
    return {**fields, "attention": {"out_bias": True, "scale": 1.0, **(window if "sliding" in kinds else {})}}


FAMILY = Family(
    name="gpt_neo",
    architecture="GPTNeoForCausalLM",
    prefix="transformer.",
    rules=RULES,
    preset=PRESET,
    sized=lambda sizes: {
        "num_kv_heads": sizes["num_heads"],
        **({"attention": NO_WINDOW} if sizes.get("num_layers") == 1 else {}),
    },
    to_hf=to_hf,
    from_hf=from_hf,
    harmless=gpt2.FAMILY.harmless | {"classifier_dropout", "gradient_checkpointing", "attention_layers"},
    skipped=(r"transformer\.h\.\d+\.attn\.attention\.(bias|masked_bias)",),
)
