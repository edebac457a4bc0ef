"""T5 (Raffel 2020) and its v1.1: encoder-decoders with scores by distance, RMS norms, no biases, unscaled attention."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hanlin.model.config import ModelConfig
from hanlin.model.families.family import Family, HfConfig, TaskClass, Told
from hanlin.model.families.rules import Rule, both, gate_up_parts, qkv_parts

_ACTIVATIONS = {"relu": "relu", "gelu": "gelu", "gelu_tanh": "gelu_new", "silu": "silu", "relu2": "relu2"}
_THEIR_ACTIVATIONS = {theirs: ours for ours, theirs in _ACTIVATIONS.items()}
_LONGEST = 65536
"""Tokens of a file that names no length: relative positions have no table that could end."""


def _kv_parts(config: ModelConfig) -> tuple[int, ...]:
    return qkv_parts(config)[1:]


def _stack_rules(ours: str, theirs: str, *, crossed: bool) -> Iterator[Rule]:
    """One stack: its layers count their branches 0, 1 (and 2)."""
    block, layer, last = f"{ours}.blocks.{{n}}.", f"{theirs}.block.{{n}}.layer.", 2 if crossed else 1
    own = f"{layer}0.SelfAttention."
    yield Rule(f"{block}attention.qkv.weight", tuple(f"{own}{part}.weight" for part in "qkv"), qkv_parts)
    yield Rule(f"{block}attention.out.weight", (f"{own}o.weight",))
    yield Rule(f"{block}attention_norm.weight", (f"{layer}0.layer_norm.weight",))
    if crossed:
        cross = f"{layer}1.EncDecAttention."
        yield Rule(f"{block}cross.q.weight", (f"{cross}q.weight",))
        yield Rule(f"{block}cross.kv.weight", (f"{cross}k.weight", f"{cross}v.weight"), _kv_parts)
        yield Rule(f"{block}cross.out.weight", (f"{cross}o.weight",))
        yield Rule(f"{block}cross_norm.weight", (f"{layer}1.layer_norm.weight",))
    mlp = f"{layer}{last}.DenseReluDense."
    yield Rule(f"{block}mlp.gate_up.weight", (f"{mlp}wi_0.weight", f"{mlp}wi_1.weight"), gate_up_parts)
    yield Rule(f"{block}mlp.up.weight", (f"{mlp}wi.weight",))
    yield Rule(f"{block}mlp.down.weight", (f"{mlp}wo.weight",))
    yield Rule(f"{block}mlp_norm.weight", (f"{layer}{last}.layer_norm.weight",))
    yield Rule(f"{ours}.relative.weight", (f"{theirs}.block.0.layer.0.SelfAttention.relative_attention_bias.weight",))
    yield Rule(f"{ours}.final_norm.weight", (f"{theirs}.final_layer_norm.weight",))


RULES = (
    Rule("embeddings.tokens.weight", ("shared.weight",)),
    *_stack_rules("encoder", "encoder", crossed=False),
    *_stack_rules("stack", "decoder", crossed=True),
    Rule("head.weight", ("lm_head.weight",)),
)

PRESET: dict[str, Any] = {
    "arch": "encoder_decoder",
    "norm": {"kind": "rms", "eps": 1e-6},
    "positions": {"kind": "relative"},
    "attention": {"scale": 1.0},
    "mlp": {"activation": "gelu_tanh", "gated": True},
    "embeddings": {"tied": False},
}


_HEAD = (
    *both("task.score.dense", "classification_head.dense"),
    *both("task.score.out", "classification_head.out_proj"),
)
TASKS = {
    "sequence": TaskClass("T5ForSequenceClassification", _HEAD, prefix="transformer."),
    "tokens": TaskClass(
        "T5ForTokenClassification",
        both("task.score", "classifier"),
        prefix="transformer.",
        encoder=(RULES[0], *_stack_rules("stack", "encoder", crossed=False), RULES[-1]),
    ),
    "spans": TaskClass("T5ForQuestionAnswering", both("task.score", "qa_outputs")),
}


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of T5Config, of an encoder alone too; that states are scaled before the head is said by the tie, as in
    published files."""
    activation = _ACTIVATIONS[config.mlp.activation]
    return {
        "vocab_size": config.vocab_size,
        "d_model": config.hidden_size,
        "d_kv": config.head_dim,
        "d_ff": config.ffn_size,
        "num_layers": config.num_encoder_layers or config.num_layers,
        "num_decoder_layers": config.num_layers,
        "num_heads": config.num_heads,
        "n_positions": config.max_seq_len,
        "relative_attention_num_buckets": config.positions.buckets,
        "relative_attention_max_distance": config.positions.distance,
        "dropout_rate": config.dropout,
        "layer_norm_epsilon": config.norm.eps,
        "feed_forward_proj": f"gated-{activation}" if config.mlp.gated else activation,
        "is_encoder_decoder": True,
        "tie_word_embeddings": config.head.scale != 1,
        "scale_decoder_outputs": config.head.scale != 1,
    }


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig; what a file leaves out takes T5Config's default."""
    width, layers = hf.get("d_model", 512), hf.get("num_layers", 6)
    gated, _, theirs = hf.get("feed_forward_proj", "relu").rpartition("-")
    theirs = "gelu_new" if (gated, theirs) == ("gated", "gelu") else theirs
    scaled = hf.get("scale_decoder_outputs", hf.get("tie_word_embeddings") is not False)
    return {
        **PRESET,
        "vocab_size": hf.get("vocab_size", 32128),
        "hidden_size": width,
        "num_encoder_layers": layers,
        "num_layers": hf.get("num_decoder_layers") or layers,
        "num_heads": hf.get("num_heads", 8),
        "head_dim": hf.get("d_kv", 64),
        "ffn_size": hf.get("d_ff", 2048),
        "max_seq_len": hf.get("n_positions", _LONGEST),
        "dropout": hf.get("dropout_rate", 0.1),
        "norm": {"kind": "rms", "eps": hf.get("layer_norm_epsilon", 1e-6)},
        "positions": {
            "kind": "relative",
            "buckets": hf.get("relative_attention_num_buckets", 32),
            "distance": hf.get("relative_attention_max_distance", 128),
        },
        "mlp": {"activation": _THEIR_ACTIVATIONS.get(theirs, theirs), "gated": gated == "gated"},
        "head": {"scale": width**-0.5 if scaled else 1.0},
    }


FAMILY = Family(
    name="t5",
    architecture="T5ForConditionalGeneration",
    prefix="",
    rules=RULES,
    preset=PRESET,
    to_hf=to_hf,
    from_hf=from_hf,
    harmless=frozenset({"is_gated_act", "dense_act_fn", "output_past", "n_positions", "decoder_start_token_id",
                        "initializer_factor", "tokenizer_class", "classifier_dropout", "is_decoder",
                        "num_hidden_layers"}),
    skipped=(
        r"(encoder|decoder)\.embed_tokens\.weight",
        r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight",
    ),
    tasks=TASKS,
    told=(Told("embeddings.tied", "lm_head.weight", present=False, absent=True),),
)  # fmt: skip
