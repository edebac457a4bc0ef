"""RoBERTa (Liu 2019): BERT without next-sentence prediction; its positions begin behind the padding token's number."""

from __future__ import annotations

from typing import Any

from hanlin.model.config import ModelConfig
from hanlin.model.families import bert
from hanlin.model.families.family import Family, HfConfig, TaskClass, Told
from hanlin.model.families.rules import Rule, both

RULES = (
    *bert.encoder_rules("roberta."),
    *both("head.transform.dense", "lm_head.dense"),
    *both("head.transform.norm", "lm_head.layer_norm"),
    Rule("head.bias", ("lm_head.bias",)),
    Rule("head.weight", ("lm_head.decoder.weight",)),
)

PRESET: dict[str, Any] = {
    **bert.PRESET,
    "norm": {**bert.PRESET["norm"], "eps": 1e-5},
    "positions": {"kind": "learned", "offset": 2},
    "embeddings": {"types": 1},
    "head": {"transform": True, "activation": "gelu", "bias": True},
}


TASKS = {
    "sequence": TaskClass(
        "RobertaForSequenceClassification",
        (*both("task.score.dense", "classifier.dense"), *both("task.score.out", "classifier.out_proj")),
    ),
    "tokens": TaskClass("RobertaForTokenClassification", both("task.score", "classifier")),
    "spans": TaskClass("RobertaForQuestionAnswering", both("task.score", "qa_outputs")),
}


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of RobertaConfig: the first position stands behind the padding token's number."""
    architecture = "RobertaModel" if config.head.kind == "none" else "RobertaForMaskedLM"
    pad = config.positions.offset - 1
    return {"architectures": [architecture], **bert.encoder_to_hf(config), "pad_token_id": pad}


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig; what a file leaves out takes RobertaConfig's default."""
    defaults = {"vocab_size": 50265, "layer_norm_eps": 1e-12, "type_vocab_size": 2}
    fields = bert.encoder_from_hf({**defaults, **hf}, PRESET)
    offset = hf.get("pad_token_id", 1) + 1
    length = fields["max_seq_len"] - offset
    return {**fields, "max_seq_len": length, "positions": {"kind": "learned", "offset": offset}}


FAMILY = Family(
    name="roberta",
    architecture="RobertaForMaskedLM",
    prefix="roberta.",
    outside=("lm_head.", "classifier."),
    rules=RULES,
    preset=PRESET,
    to_hf=to_hf,
    from_hf=from_hf,
    fixed=bert.FAMILY.fixed,
    harmless=bert.FAMILY.harmless,
    refused=bert.FAMILY.refused,
    skipped=(r"roberta\.embeddings\.(position_ids|token_type_ids)",),
    renamed=bert.FAMILY.renamed,
    copies={"lm_head.decoder.bias": "lm_head.bias"},
    told=(
        Told("head.kind", "lm_head.bias", present="tokens", absent="none"),
        Told("head.pooler", "roberta.pooler.dense.weight"),
    ),
    tasks=TASKS,
)
