"""GPT-NeoX and Pythia (Black 2022, Biderman 2023): attention and MLP side by side, each behind a norm of its own.

A quarter of each head rotates, in halves; query, key and value of a head stand together. `use_parallel_residual` false
is GPT-2's order.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hanlin.model.config import ModelConfig
from hanlin.model.families import llama
from hanlin.model.families.family import Family, HfConfig, TaskClass
from hanlin.model.families.rope import rope_fields, rope_settings
from hanlin.model.families.rules import Rule, both, halved_qkv_rows

_LAYER, _OURS = "gpt_neox.layers.{n}.", "stack.blocks.{n}."
_PARTS = {
    "attention_norm": "input_layernorm",
    "attention.out": "attention.dense",
    "mlp_norm": "post_attention_layernorm",
    "mlp.up": "mlp.dense_h_to_4h",
    "mlp.down": "mlp.dense_4h_to_h",
}


def _rows(config: ModelConfig) -> tuple[Tensor, ...]:
    """Our row for each of theirs: queries, keys and values of a head one below the other."""
    heads = config.num_heads
    parts = (rows + number * len(rows) for number, rows in enumerate(halved_qkv_rows(config)))
    return (torch.stack([part.view(heads, -1) for part in parts], dim=1).flatten(),)


RULES = (
    Rule("embeddings.tokens.weight", ("gpt_neox.embed_in.weight",)),
    *(
        Rule(f"{_OURS}attention.qkv.{kind}", (f"{_LAYER}attention.query_key_value.{kind}",), orders=_rows)
        for kind in ("weight", "bias")
    ),
    *(rule for ours, theirs in _PARTS.items() for rule in both(f"{_OURS}{ours}", f"{_LAYER}{theirs}")),
    *both("stack.final_norm", "gpt_neox.final_layer_norm"),
    Rule("head.weight", ("embed_out.weight",)),
)

PRESET: dict[str, Any] = {
    "norm": {"kind": "layer", "place": "beside"},
    "positions": {"fraction": 0.25},
    "attention": {"qkv_bias": True, "out_bias": True},
    "mlp": {"activation": "gelu", "gated": False, "bias": True},
    "embeddings": {"tied": False},
}


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of GPTNeoXConfig, with the two of older versions."""
    settings = llama.to_hf(config)
    same = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "hidden_act")
    return {
        **{name: settings[name] for name in (*same, "tie_word_embeddings", "attention_bias", "attention_dropout")},
        **rope_settings(config),
        "rotary_pct": config.positions.fraction,
        "rotary_emb_base": config.positions.theta,
        "hidden_dropout": config.dropout,
        "layer_norm_eps": config.norm.eps,
        "use_parallel_residual": config.norm.place == "beside",
    }


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig; what a file leaves out takes GPTNeoXConfig's default."""
    said = {"max_position_embeddings": 2048, "hidden_act": "gelu", "rms_norm_eps": hf.get("layer_norm_eps", 1e-5), **hf}
    fields, biased = (
        llama.from_hf({**said, "head_dim": None, "num_key_value_heads": None}),
        hf.get("attention_bias", True),
    )
    place = "beside" if hf.get("use_parallel_residual", True) else "pre"
    return {
        **fields,
        **rope_fields(said, theta=hf.get("rotary_emb_base", 10000.0), fraction=hf.get("rotary_pct", 0.25)),
        "norm": {**fields["norm"], "kind": "layer", "place": place},
        "attention": {"qkv_bias": biased, "out_bias": biased},
        "mlp": {**PRESET["mlp"], "activation": fields["mlp"]["activation"]},
    }


FAMILY = Family(
    name="gpt_neox",
    architecture="GPTNeoXForCausalLM",
    prefix="gpt_neox.",
    rules=RULES,
    preset=PRESET,
    sized=lambda sizes: {"num_kv_heads": sizes["num_heads"], "head_dim": sizes["hidden_size"] // sizes["num_heads"]},
    to_hf=to_hf,
    from_hf=from_hf,
    harmless=frozenset({"is_decoder", "classifier_dropout", "num_key_value_heads"}),
    skipped=(r"gpt_neox\.layers\.\d+\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)",),
    outside=("embed_out.",),
    renamed={r"^lm_head\.": "embed_out."},
    tasks={
        "sequence": TaskClass("GPTNeoXForSequenceClassification", (Rule("task.score.weight", ("score.weight",)),)),
        "tokens": TaskClass("GPTNeoXForTokenClassification", both("task.score", "classifier")),
        "spans": TaskClass("GPTNeoXForQuestionAnswering", both("task.score", "qa_outputs")),
    },
)
