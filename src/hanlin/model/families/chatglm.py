"""ChatGLM-6B (2023): GLM's prefix model with positions in two dimensions; the stream itself is normed and kept loud.

It shares `model_type` with ChatGLM2, but not one setting of its sizes. No class of transformers reads it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hanlin.model.config import ModelConfig
from hanlin.model.families.family import Family, HfConfig
from hanlin.model.families.rules import Rule, both

_LAYER, _OURS = "transformer.layers.{n}.", "stack.blocks.{n}."
_PARTS = {
    "attention_norm": "input_layernorm",
    "attention.out": "attention.dense",
    "mlp_norm": "post_attention_layernorm",
    "mlp.up": "mlp.dense_h_to_4h",
    "mlp.down": "mlp.dense_4h_to_h",
}


def _fused_rows(config: ModelConfig) -> tuple[Tensor, ...]:
    """Our row for each of theirs: they keep query, key and value of a head together, and its halves turn apart.

    theirs   a b | c d     a turns with b by the place, c with d by the place in the blank, all of a quarter's width
    ours     a c | b d     number i turns with number i + E/2
    """
    heads, size = config.num_heads, config.head_dim
    head = torch.arange(size).view(4, -1)[[0, 2, 1, 3]].flatten()
    parts = torch.arange(3)[None, :, None] * heads * size  # queries, keys, values
    rows = parts + torch.arange(heads)[:, None, None] * size + torch.stack((head, head, torch.arange(size)))
    return (rows.flatten(),)


RULES = (
    Rule("embeddings.tokens.weight", ("transformer.word_embeddings.weight",)),
    *(
        Rule(f"{_OURS}attention.qkv.{kind}", (f"{_LAYER}attention.query_key_value.{kind}",), orders=_fused_rows)
        for kind in ("weight", "bias")
    ),
    *(rule for ours, theirs in _PARTS.items() for rule in both(f"{_OURS}{ours}", f"{_LAYER}{theirs}")),
    *both("stack.final_norm", "transformer.final_layernorm"),
    Rule("head.weight", ("lm_head.weight",)),
)

PRESET: dict[str, Any] = {
    "arch": "prefix",
    "norm": {"kind": "layer", "place": "deep"},
    "positions": {"kind": "rope2d", "start_token": 130004, "blank_token": 130001, "short_blank_token": 130000},
    "attention": {"qkv_bias": True, "out_bias": True},
    "mlp": {"activation": "gelu_tanh", "gated": False, "bias": True},
    "embeddings": {"tied": False},
}
_TOKENS = {"start_token": "bos_token_id", "blank_token": "gmask_token_id", "short_blank_token": "mask_token_id"}


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of ChatGLMConfig."""
    return {
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "num_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "inner_hidden_size": config.ffn_size,
        "max_sequence_length": config.max_seq_len,
        "layernorm_epsilon": config.norm.eps,
        "tie_word_embeddings": config.embeddings.tied,
        **{theirs: getattr(config.positions, ours) for ours, theirs in _TOKENS.items()},
    }


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig; what a file leaves out takes ChatGLMConfig's default."""
    tokens = {ours: hf.get(theirs, PRESET["positions"][ours]) for ours, theirs in _TOKENS.items()}
    return {
        **PRESET,
        "vocab_size": hf["vocab_size"],
        "hidden_size": hf["hidden_size"],
        "num_layers": hf["num_layers"],
        "num_heads": hf["num_attention_heads"],
        "ffn_size": hf["inner_hidden_size"],
        "max_seq_len": hf.get("max_sequence_length", 2048),
        "norm": {**PRESET["norm"], "eps": hf.get("layernorm_epsilon", 1e-5)},
        "positions": {**PRESET["positions"], **tokens},
        "embeddings": {"tied": hf.get("tie_word_embeddings", False)},
    }


FAMILY = Family(
    name="chatglm",
    architecture="ChatGLMModel",
    prefix="transformer.",
    rules=RULES,
    preset=PRESET,
    to_hf=to_hf,
    from_hf=from_hf,
    fixed={"position_encoding_2d": True, "pre_seq_len": None, "quantization_bit": 0},
    harmless=frozenset({"prefix_projection"}),
    skipped=(r"transformer\.layers\.\d+\.attention\.rotary_emb\.inv_freq",),
    marks=("inner_hidden_size",),
)
