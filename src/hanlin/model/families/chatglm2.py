"""ChatGLM2, ChatGLM3 and GLM-4-9B as published (2023, 2024): GLM's layer under the names of Megatron."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hanlin.model.config import ModelConfig
from hanlin.model.families.family import Family, HfConfig
from hanlin.model.families.rules import Rule, qkv_rows

_LAYER = "transformer.encoder.layers.{n}."
_OURS = "stack.blocks.{n}."


def _fused_rows(config: ModelConfig) -> tuple[Tensor, ...]:
    """Queries, keys and values below each other, each in interleaved order."""
    rows, start = [], 0
    for part in qkv_rows(config):
        rows.append(part + start)
        start += len(part)
    return (torch.cat(rows),)


RULES = (
    Rule("embeddings.tokens.weight", ("transformer.embedding.word_embeddings.weight",)),
    Rule(f"{_OURS}attention_norm.weight", (f"{_LAYER}input_layernorm.weight",)),
    *(
        Rule(f"{_OURS}attention.qkv.{kind}", (f"{_LAYER}self_attention.query_key_value.{kind}",), orders=_fused_rows)
        for kind in ("weight", "bias")
    ),
    Rule(f"{_OURS}attention.out.{{name}}", (f"{_LAYER}self_attention.dense.{{name}}",)),
    Rule(f"{_OURS}mlp_norm.weight", (f"{_LAYER}post_attention_layernorm.weight",)),
    Rule(f"{_OURS}mlp.gate_up.{{name}}", (f"{_LAYER}mlp.dense_h_to_4h.{{name}}",)),
    Rule(f"{_OURS}mlp.down.{{name}}", (f"{_LAYER}mlp.dense_4h_to_h.{{name}}",)),
    Rule("stack.final_norm.weight", ("transformer.encoder.final_layernorm.weight",)),
    Rule("head.weight", ("transformer.output_layer.weight",)),
)

PRESET: dict[str, Any] = {
    "attention": {"qkv_bias": True},
    "positions": {"fraction": 0.5},
    "embeddings": {"tied": False},
}


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of ChatGLMConfig."""
    return {
        "padded_vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "num_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "multi_query_attention": config.num_kv_heads < config.num_heads,
        "multi_query_group_num": config.num_kv_heads,
        "kv_channels": config.head_dim,
        "ffn_hidden_size": config.ffn_size,
        "seq_length": config.max_seq_len,
        "attention_dropout": config.dropout,
        "layernorm_epsilon": config.norm.eps,
        "add_qkv_bias": config.attention.qkv_bias,
        "add_bias_linear": config.mlp.bias,
        "rope_ratio": config.positions.theta / 10000.0,
    }


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig."""
    heads, biased = hf["num_attention_heads"], hf.get("add_bias_linear", False)
    return {
        "vocab_size": hf["padded_vocab_size"],
        "hidden_size": hf["hidden_size"],
        "num_layers": hf["num_layers"],
        "num_heads": heads,
        "num_kv_heads": hf["multi_query_group_num"] if hf.get("multi_query_attention", False) else heads,
        "head_dim": hf.get("kv_channels") or hf["hidden_size"] // heads,
        "ffn_size": hf["ffn_hidden_size"],
        "max_seq_len": hf["seq_length"],
        "dropout": hf.get("attention_dropout", 0.0),
        "norm": {"kind": "rms", "eps": hf.get("layernorm_epsilon", 1e-5)},
        "positions": {"kind": "rope", "theta": 10000.0 * hf.get("rope_ratio", 1), "fraction": 0.5},
        "attention": {"qkv_bias": hf.get("add_qkv_bias", False) or biased, "out_bias": biased},
        "mlp": {"bias": biased},
        "embeddings": {"tied": False},
    }


FAMILY = Family(
    name="chatglm2",
    model_type="chatglm",
    architecture="ChatGLMModel",
    prefix="transformer.",
    rules=RULES,
    preset=PRESET,
    to_hf=to_hf,
    from_hf=from_hf,
    fixed={
        "rmsnorm": True,
        "apply_residual_connection_post_layernorm": False,
        "post_layer_norm": True,
        "fp32_residual_connection": False,
        "original_rope": True,
        "tie_word_embeddings": False,
        "pre_seq_len": None,
    },
    harmless=frozenset(
        {"vocab_size", "apply_query_key_layer_scaling", "attention_softmax_in_fp32", "bias_dropout_fusion"}
        | {"hidden_dropout", "interleaved_qkv", "prefix_projection", "quantization_bit", "classifier_dropout"}
    ),
    skipped=(r"transformer\.rotary_pos_emb\.inv_freq",),
    marks=("padded_vocab_size",),
)
