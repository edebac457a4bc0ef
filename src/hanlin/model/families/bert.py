"""BERT (Devlin 2018): an encoder with norms after each branch, learned positions, two types of token, several heads.

Files of sentence-transformers (MiniLM) hold the encoder alone, without the prefix; old files say gamma and beta.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hanlin.model.config import ModelConfig
from hanlin.model.families.family import Family, HfConfig, TaskClass, Told
from hanlin.model.families.rules import Rule, both, qkv_parts

ACTIVATIONS = {"gelu": "gelu", "gelu_tanh": "gelu_new", "relu": "relu", "silu": "silu", "relu2": "relu2"}
THEIR_ACTIVATIONS = {theirs: ours for ours, theirs in ACTIVATIONS.items()} | {
    "gelu_pytorch_tanh": "gelu_tanh",
    "swish": "silu",
}
_LAYER_PARTS = {
    "attention.out": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "mlp.up": "intermediate.dense",
    "mlp.down": "output.dense",
    "mlp_norm": "output.LayerNorm",
}


def encoder_rules(prefix: str) -> Iterator[Rule]:
    """Everything below the heads."""
    layer = f"{prefix}encoder.layer.{{n}}."
    for ours, theirs in {"tokens": "word", "positions": "position", "types": "token_type"}.items():
        yield Rule(f"embeddings.{ours}.weight", (f"{prefix}embeddings.{theirs}_embeddings.weight",))
    yield from both("embeddings.norm", f"{prefix}embeddings.LayerNorm")
    for part in ("weight", "bias"):
        fused = tuple(f"{layer}attention.self.{name}.{part}" for name in ("query", "key", "value"))
        yield Rule(f"stack.blocks.{{n}}.attention.qkv.{part}", fused, qkv_parts)
    for ours, theirs in _LAYER_PARTS.items():
        yield from both(f"stack.blocks.{{n}}.{ours}", f"{layer}{theirs}")
    yield from both("pooler.dense", f"{prefix}pooler.dense")


RULES = (
    *encoder_rules("bert."),
    *both("head.transform.dense", "cls.predictions.transform.dense"),
    *both("head.transform.norm", "cls.predictions.transform.LayerNorm"),
    Rule("head.bias", ("cls.predictions.bias",)),
    Rule("head.weight", ("cls.predictions.decoder.weight",)),
    *both("next_sentence", "cls.seq_relationship"),
)

PRESET: dict[str, Any] = {
    "arch": "encoder",
    "norm": {"kind": "layer", "place": "post", "eps": 1e-12, "final": False, "embeddings": True},
    "positions": {"kind": "learned"},
    "attention": {"qkv_bias": True, "out_bias": True},
    "mlp": {"activation": "gelu", "gated": False, "bias": True},
    "embeddings": {"types": 2},
    "head": {"transform": True, "bias": True, "pooler": True, "next_sentence": True},
}


TASKS = {
    "sequence": TaskClass("BertForSequenceClassification", both("task.score", "classifier"), pooler=True),
    "tokens": TaskClass("BertForTokenClassification", both("task.score", "classifier")),
    "spans": TaskClass("BertForQuestionAnswering", both("task.score", "qa_outputs")),
}


def encoder_to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings that BERT and RoBERTa share."""
    return {
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "intermediate_size": config.ffn_size,
        "hidden_act": ACTIVATIONS[config.mlp.activation],
        "hidden_dropout_prob": config.dropout,
        "attention_probs_dropout_prob": config.dropout,
        "max_position_embeddings": config.max_seq_len + config.positions.offset,
        "type_vocab_size": config.embeddings.types,
        "layer_norm_eps": config.norm.eps,
        "tie_word_embeddings": config.embeddings.tied,
    }


def encoder_from_hf(hf: HfConfig, preset: Mapping[str, Any] = PRESET) -> dict[str, Any]:
    """Fields of ModelConfig that BERT and RoBERTa share; what a file leaves out takes BertConfig's default."""
    theirs = hf.get("hidden_act", "gelu")
    return {
        **preset,
        "vocab_size": hf.get("vocab_size", 30522),
        "hidden_size": hf.get("hidden_size", 768),
        "num_layers": hf.get("num_hidden_layers", 12),
        "num_heads": hf.get("num_attention_heads", 12),
        "ffn_size": hf.get("intermediate_size", 3072),
        "max_seq_len": hf.get("max_position_embeddings", 512),
        "dropout": hf.get("hidden_dropout_prob", 0.1),
        "norm": {**preset["norm"], "eps": hf.get("layer_norm_eps", 1e-12)},
        "mlp": {**preset["mlp"], "activation": THEIR_ACTIVATIONS.get(theirs, theirs)},
        "embeddings": {"types": hf.get("type_vocab_size", 2), "tied": hf.get("tie_word_embeddings", True)},
    }


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of BertConfig, and the class that has a place for the heads there are."""
    name = "BertForPreTraining" if config.head.next_sentence else "BertForMaskedLM"
    return {"architectures": ["BertModel" if config.head.kind == "none" else name], **encoder_to_hf(config)}


FAMILY = Family(
    name="bert",
    architecture="BertForPreTraining",
    prefix="bert.",
    rules=RULES,
    preset=PRESET,
    to_hf=to_hf,
    from_hf=encoder_from_hf,
    fixed={"is_decoder": False, "add_cross_attention": False},
    harmless=frozenset({"position_embedding_type", "gradient_checkpointing", "classifier_dropout", "directionality"}),
    refused={"position_embedding_type": ("relative_key", "relative_key_query")},
    skipped=(r"bert\.embeddings\.(position_ids|token_type_ids)",),
    renamed={r"LayerNorm\.gamma$": "LayerNorm.weight", r"LayerNorm\.beta$": "LayerNorm.bias"},
    copies={"cls.predictions.decoder.bias": "cls.predictions.bias"},
    told=(
        Told("head.kind", "cls.predictions.bias", present="tokens", absent="none"),
        Told("head.pooler", "bert.pooler.dense.weight"),
        Told("head.next_sentence", "cls.seq_relationship.weight"),
    ),
    tasks=TASKS,
)
