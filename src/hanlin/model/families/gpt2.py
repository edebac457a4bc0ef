"""GPT-2 (Radford 2019): LayerNorm before each branch, learned positions, biases everywhere, tanh GELU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hanlin.model.config import ModelConfig
from hanlin.model.families.family import Family, HfConfig, TaskClass
from hanlin.model.families.rules import Rule, both

_ACTIVATIONS = {"gelu_tanh": "gelu_new", "gelu": "gelu", "relu": "relu", "silu": "silu", "relu2": "relu2"}
_THEIR_ACTIVATIONS = {theirs: ours for ours, theirs in _ACTIVATIONS.items()} | {"gelu_pytorch_tanh": "gelu_tanh"}
_LAYER = "transformer.h.{n}."
_PRODUCTS = {
    "attention.qkv": "attn.c_attn",
    "attention.out": "attn.c_proj",
    "mlp.up": "mlp.c_fc",
    "mlp.down": "mlp.c_proj",
}
_NORMS = {"attention_norm": "ln_1", "mlp_norm": "ln_2"}


def _layer_rules() -> Iterator[Rule]:
    for ours, theirs in _PRODUCTS.items():  # its Conv1D stores (in, out)
        yield Rule(f"stack.blocks.{{n}}.{ours}.weight", (f"{_LAYER}{theirs}.weight",), transposed=True)
        yield Rule(f"stack.blocks.{{n}}.{ours}.bias", (f"{_LAYER}{theirs}.bias",))
    for ours, theirs in _NORMS.items():
        for part in ("weight", "bias"):
            yield Rule(f"stack.blocks.{{n}}.{ours}.{part}", (f"{_LAYER}{theirs}.{part}",))


RULES = (
    Rule("embeddings.tokens.weight", ("transformer.wte.weight",)),
    Rule("embeddings.positions.weight", ("transformer.wpe.weight",)),
    *_layer_rules(),
    Rule("stack.final_norm.weight", ("transformer.ln_f.weight",)),
    Rule("stack.final_norm.bias", ("transformer.ln_f.bias",)),
    Rule("head.weight", ("lm_head.weight",)),
)

PRESET: dict[str, Any] = {
    "norm": {"kind": "layer"},
    "positions": {"kind": "learned"},
    "attention": {"qkv_bias": True, "out_bias": True},
    "mlp": {"activation": "gelu_tanh", "gated": False, "bias": True},
}


TASKS = {
    "sequence": TaskClass("GPT2ForSequenceClassification", (Rule("task.score.weight", ("score.weight",)),)),
    "tokens": TaskClass("GPT2ForTokenClassification", both("task.score", "classifier")),
    "spans": TaskClass("GPT2ForQuestionAnswering", both("task.score", "qa_outputs")),
}


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of GPT2Config."""
    return {
        "vocab_size": config.vocab_size,
        "n_positions": config.max_seq_len,
        "n_embd": config.hidden_size,
        "n_layer": config.num_layers,
        "n_head": config.num_heads,
        "n_inner": config.ffn_size,
        "activation_function": _ACTIVATIONS[config.mlp.activation],
        "resid_pdrop": config.dropout,
        "embd_pdrop": config.dropout,
        "attn_pdrop": config.dropout,
        "layer_norm_epsilon": config.norm.eps,
        "tie_word_embeddings": config.embeddings.tied,
    }


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig; what a file leaves out takes GPT2Config's default."""
    width, heads = hf.get("n_embd", 768), hf.get("n_head", 12)
    theirs = hf.get("activation_function", "gelu_new")
    return {
        **PRESET,
        "vocab_size": hf.get("vocab_size", 50257),
        "hidden_size": width,
        "num_layers": hf.get("n_layer", 12),
        "num_heads": heads,
        "ffn_size": hf.get("n_inner") or 4 * width,
        "max_seq_len": hf.get("n_positions", 1024),
        "dropout": hf.get("resid_pdrop", 0.1),
        "norm": {"kind": "layer", "eps": hf.get("layer_norm_epsilon", 1e-5)},
        "mlp": {**PRESET["mlp"], "activation": _THEIR_ACTIVATIONS.get(theirs, theirs)},
        "embeddings": {"tied": hf.get("tie_word_embeddings", True)},
    }


FAMILY = Family(
    name="gpt2",
    architecture="GPT2LMHeadModel",
    prefix="transformer.",
    rules=RULES,
    preset=PRESET,
    to_hf=to_hf,
    from_hf=from_hf,
    fixed={
        "scale_attn_weights": True,
        "scale_attn_by_inverse_layer_idx": False,
        "reorder_and_upcast_attn": False,
        "add_cross_attention": False,
    },
    harmless=frozenset(
        {"n_ctx"}
        | {f"summary_{part}" for part in ("type", "use_proj", "activation", "proj_to_labels", "first_dropout")}
    ),
    skipped=(r"transformer\.h\.\d+\.attn\.(bias|masked_bias)",),
    tasks=TASKS,
)
