"""GPT (Radford 2018): the decoder of 2017 with learned positions; norms stand behind each branch, none at the end."""

from __future__ import annotations

from typing import Any

from hanlin.model.config import ModelConfig
from hanlin.model.families import gpt2
from hanlin.model.families.family import Family, HfConfig
from hanlin.model.families.rules import Rule

# Its "gelu" is the one by tanh, "swish" another word for silu.
_ACTIVATIONS = {"gelu_tanh": "gelu", "relu": "relu", "silu": "silu"}
_THEIRS = {theirs: ours for ours, theirs in _ACTIVATIONS.items()} | {"swish": "silu"}

PRESET: dict[str, Any] = {**gpt2.PRESET, "norm": {"kind": "layer", "place": "post", "final": False}}


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of OpenAIGPTConfig, whose MLP is always four times as wide."""
    settings = gpt2.to_hf(config)
    del settings["n_inner"], settings["activation_function"]
    return {**settings, "afn": _ACTIVATIONS.get(config.mlp.activation, config.mlp.activation)}


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig; what a file leaves out takes OpenAIGPTConfig's default."""
    theirs = hf.get("afn", "gelu")
    fields = gpt2.from_hf({"vocab_size": 40478, "n_positions": 512, **hf, "n_inner": None})
    return {
        **fields,
        "norm": {**fields["norm"], "place": "post", "final": False},
        "mlp": {**fields["mlp"], "activation": _THEIRS.get(theirs, theirs)},
    }


FAMILY = Family(
    name="openai-gpt",
    architecture="OpenAIGPTLMHeadModel",
    prefix="transformer.",
    rules=(
        Rule("embeddings.tokens.weight", ("transformer.tokens_embed.weight",)),
        Rule("embeddings.positions.weight", ("transformer.positions_embed.weight",)),
        *gpt2.RULES,
    ),
    preset=PRESET,
    to_hf=to_hf,
    from_hf=from_hf,
    harmless=gpt2.FAMILY.harmless | {"predict_special_tokens"},
    skipped=(r"transformer\.h\.\d+\.attn\.bias", r"transformer\.position_ids"),
)
