"""LLaMA 1 to 3 (Touvron 2023): RMS norm, rotary positions, grouped queries, SwiGLU."""

from __future__ import annotations

from typing import Any

from hanlin.model.config import ModelConfig
from hanlin.model.families.family import Family, HfConfig, decoder_tasks
from hanlin.model.families.rope import rope_fields, rope_settings
from hanlin.model.families.rules import Rule, gate_up_parts, qkv_parts

_ACTIVATIONS = {"silu": "silu", "gelu": "gelu", "gelu_tanh": "gelu_pytorch_tanh", "relu": "relu", "relu2": "relu2"}
_THEIR_ACTIVATIONS = {theirs: ours for ours, theirs in _ACTIVATIONS.items()} | {"gelu_new": "gelu_tanh"}

_LAYER = "model.layers.{n}."
_QKV = tuple(f"{_LAYER}self_attn.{part}_proj" for part in "qkv")
_GATE_UP = (f"{_LAYER}mlp.gate_proj", f"{_LAYER}mlp.up_proj")


def _with(suffix: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name}.{suffix}" for name in names)


RULES = (
    Rule("embeddings.tokens.weight", ("model.embed_tokens.weight",)),
    Rule("stack.blocks.{n}.attention_norm.weight", (f"{_LAYER}input_layernorm.weight",)),
    Rule("stack.blocks.{n}.attention.qkv.weight", _with("weight", _QKV), qkv_parts),
    Rule("stack.blocks.{n}.attention.qkv.bias", _with("bias", _QKV), qkv_parts),
    Rule("stack.blocks.{n}.attention.out.weight", (f"{_LAYER}self_attn.o_proj.weight",)),
    Rule("stack.blocks.{n}.attention.out.bias", (f"{_LAYER}self_attn.o_proj.bias",)),
    Rule("stack.blocks.{n}.mlp_norm.weight", (f"{_LAYER}post_attention_layernorm.weight",)),
    Rule("stack.blocks.{n}.mlp.gate_up.weight", _with("weight", _GATE_UP), gate_up_parts),
    Rule("stack.blocks.{n}.mlp.gate_up.bias", _with("bias", _GATE_UP), gate_up_parts),
    Rule("stack.blocks.{n}.mlp.down.weight", (f"{_LAYER}mlp.down_proj.weight",)),
    Rule("stack.blocks.{n}.mlp.down.bias", (f"{_LAYER}mlp.down_proj.bias",)),
    Rule("stack.final_norm.weight", ("model.norm.weight",)),
    Rule("head.weight", ("lm_head.weight",)),
)


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of LlamaConfig."""
    return {
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.ffn_size,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "num_key_value_heads": config.num_kv_heads,
        "head_dim": config.head_dim,
        "hidden_act": _ACTIVATIONS[config.mlp.activation],
        "rms_norm_eps": config.norm.eps,
        "tie_word_embeddings": config.embeddings.tied,
        "attention_bias": config.attention.qkv_bias,
        "attention_dropout": config.dropout,
        "mlp_bias": config.mlp.bias,
        **rope_settings(config),
    }


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig; what an old file leaves out takes LlamaConfig's default."""
    heads = hf["num_attention_heads"]
    biased = hf.get("attention_bias", False)
    return {
        "vocab_size": hf["vocab_size"],
        "hidden_size": hf["hidden_size"],
        "num_layers": hf["num_hidden_layers"],
        "num_heads": heads,
        "num_kv_heads": hf.get("num_key_value_heads") or heads,
        "head_dim": hf.get("head_dim") or hf["hidden_size"] // heads,
        "ffn_size": hf["intermediate_size"],
        "dropout": hf.get("attention_dropout", 0.0),
        "norm": {"kind": "rms", "eps": hf.get("rms_norm_eps", 1e-6)},
        **rope_fields(hf),
        "attention": {"qkv_bias": biased, "out_bias": biased},
        "mlp": {"activation": activation(hf.get("hidden_act", "silu")), "bias": hf.get("mlp_bias", False)},
        "embeddings": {"tied": hf.get("tie_word_embeddings", False)},
    }


def activation(theirs: str) -> str:
    """Our name of an activation; an unknown one stays as it is, for ModelConfig to refuse by name."""
    return _THEIR_ACTIVATIONS.get(theirs, theirs)


FAMILY = Family(
    name="llama",
    architecture="LlamaForCausalLM",
    prefix="model.",
    rules=RULES,
    preset={},
    to_hf=to_hf,
    from_hf=from_hf,
    skipped=(r"model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq",),
    tasks=decoder_tasks("Llama", spans_prefix="transformer."),
)
