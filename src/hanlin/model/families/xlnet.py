"""XLNet (Yang 2019): an encoder that attends to distances and kinds, and guesses tokens from any others.

Read at once: its memory of earlier pieces of a text (`mem_len`, `reuse_len`) changes nothing in a text's first piece
and is not built, nor are reading in one direction (`attn_type` "uni") and clamped distances.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hanlin.model.config import ModelConfig
from hanlin.model.families import bert
from hanlin.model.families.family import Family, HfConfig, Told
from hanlin.model.families.rules import Rule, both, qkv_parts

_OURS, _LAYER = "stack.blocks.{n}.", "transformer.layer.{n}."
_BIASES = {"content_bias": "r_w_bias", "distance_bias": "r_r_bias", "kind_bias": "r_s_bias"}
_LONGEST = 65536
"""Tokens of a file that names no length: sines of distances have no table that could end."""


def _heads(config: ModelConfig) -> tuple[int, ...]:
    return (config.num_heads, config.head_dim)


def _wide_heads(config: ModelConfig) -> tuple[int, ...]:
    return (config.hidden_size, *_heads(config))


def _kind_heads(config: ModelConfig) -> tuple[int, ...]:
    return (2, *_heads(config))


def _attention_rules() -> Iterator[Rule]:
    ours, theirs = f"{_OURS}attention.", f"{_LAYER}rel_attn."
    fused = tuple(f"{theirs}{part}" for part in "qkv")
    yield Rule(f"{ours}qkv.weight", fused, qkv_parts, transposed=True, shape=_wide_heads)
    yield Rule(f"{ours}distance.weight", (f"{theirs}r",), transposed=True, shape=_wide_heads)
    yield Rule(f"{ours}out.weight", (f"{theirs}o",), shape=_wide_heads)
    for name, their_name in _BIASES.items():
        yield Rule(f"{ours}{name}", (f"{theirs}{their_name}",), shape=_heads)
    yield Rule(f"{ours}kinds", (f"{theirs}seg_embed",), shape=_kind_heads)


RULES = (
    Rule("blank", ("transformer.mask_emb",), shape=lambda config: (1, 1, config.hidden_size)),
    Rule("embeddings.tokens.weight", ("transformer.word_embedding.weight",)),
    *_attention_rules(),
    *both(f"{_OURS}attention_norm", f"{_LAYER}rel_attn.layer_norm"),
    *both(f"{_OURS}mlp.up", f"{_LAYER}ff.layer_1"),
    *both(f"{_OURS}mlp.down", f"{_LAYER}ff.layer_2"),
    *both(f"{_OURS}mlp_norm", f"{_LAYER}ff.layer_norm"),
    *both("head", "lm_loss"),
)

PRESET: dict[str, Any] = {
    "arch": "encoder",
    "norm": {"kind": "layer", "place": "post", "eps": 1e-12, "final": False},
    "positions": {"kind": "distance"},
    "mlp": {"activation": "gelu", "gated": False, "bias": True},
    "head": {"bias": True},
}


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of XLNetConfig."""
    return {
        "architectures": ["XLNetModel" if config.head.kind == "none" else "XLNetLMHeadModel"],
        "vocab_size": config.vocab_size,
        "d_model": config.hidden_size,
        "n_layer": config.num_layers,
        "n_head": config.num_heads,
        "d_head": config.hidden_size // config.num_heads,
        "d_inner": config.ffn_size,
        "ff_activation": bert.ACTIVATIONS[config.mlp.activation],
        "dropout": config.dropout,
        "layer_norm_eps": config.norm.eps,
        "n_positions": config.max_seq_len,
        "tie_word_embeddings": config.embeddings.tied,
    }


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig; what a file leaves out takes XLNetConfig's default."""
    width, heads, theirs = hf.get("d_model", 1024), hf.get("n_head", 16), hf.get("ff_activation", "gelu")
    return {
        **PRESET,
        "vocab_size": hf.get("vocab_size") or hf.get("n_token", 32000),
        "hidden_size": width,
        "num_layers": hf.get("n_layer", 24),
        "num_heads": heads,
        "head_dim": hf.get("d_head") or width // heads,
        "ffn_size": hf.get("d_inner", 4096),
        "max_seq_len": hf.get("n_positions", _LONGEST),
        "dropout": hf.get("dropout", 0.1),
        "norm": {**PRESET["norm"], "eps": hf.get("layer_norm_eps", 1e-12)},
        "mlp": {**PRESET["mlp"], "activation": bert.THEIR_ACTIVATIONS.get(theirs, theirs)},
        "embeddings": {"tied": hf.get("tie_word_embeddings", True)},
    }


FAMILY = Family(
    name="xlnet",
    architecture="XLNetLMHeadModel",
    prefix="transformer.",
    outside=("lm_loss.",),
    rules=RULES,
    preset=PRESET,
    to_hf=to_hf,
    from_hf=from_hf,
    fixed={"attn_type": "bi", "bi_data": False, "clamp_len": -1},
    harmless=frozenset({"mem_len", "reuse_len", "use_mems_eval", "use_mems_train", "same_length", "n_token", "untie_r"}
                       | {"start_n_top", "end_n_top"}
                       | {f"summary_{part}" for part in ("type", "use_proj", "activation", "last_dropout")}),
    told=(Told("head.kind", "lm_loss.bias", present="tokens", absent="none"),),
)  # fmt: skip
