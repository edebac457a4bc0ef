"""CodeGen (Nijkamp 2022): attention and MLP side by side behind one norm; part of each head rotates in pairs.

Its queries, values and keys, in this order, come in four groups of heads: the cores of the machine that trained it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hanlin.base.errors import BundleError
from hanlin.model.config import ModelConfig
from hanlin.model.families import gpt2
from hanlin.model.families.family import Family, HfConfig
from hanlin.model.families.rules import Rule, qkv_rows

_GROUPS = 4
_LAYER, _OURS = "transformer.h.{n}.", "stack.blocks.{n}."


def _grouped_rows(config: ModelConfig) -> tuple[Tensor, ...]:
    """Our row for each of theirs."""
    width = config.num_heads * config.head_dim
    q, k, v = (part + number * width for number, part in enumerate(qkv_rows(config)))
    return (torch.stack([part.view(_GROUPS, -1) for part in (q, v, k)], dim=1).flatten(),)


RULES = (
    Rule(f"{_OURS}attention.qkv.weight", (f"{_LAYER}attn.qkv_proj.weight",), orders=_grouped_rows),
    Rule(f"{_OURS}attention.out.weight", (f"{_LAYER}attn.out_proj.weight",)),
    Rule(f"{_OURS}mlp.up.{{name}}", (f"{_LAYER}mlp.fc_in.{{name}}",)),
    Rule(f"{_OURS}mlp.down.{{name}}", (f"{_LAYER}mlp.fc_out.{{name}}",)),
    Rule("head.bias", ("lm_head.bias",)),
    *gpt2.RULES,
)

PRESET: dict[str, Any] = {
    "norm": {"kind": "layer", "place": "parallel"},
    "positions": {"kind": "rope", "fraction": 0.5},
    "mlp": {"activation": "gelu_tanh", "gated": False, "bias": True},
    "embeddings": {"tied": False},
    "head": {"bias": True},
}


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of CodeGenConfig."""
    return {**gpt2.to_hf(config), "rotary_dim": round(config.head_dim * config.positions.fraction)}


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig; what a file leaves out takes CodeGenConfig's default."""
    usual = {"vocab_size": 50400, "n_positions": 2048, "n_embd": 4096, "n_layer": 28, "n_head": 16, "resid_pdrop": 0.0}
    said = {**usual, "tie_word_embeddings": False, **hf}
    fields = gpt2.from_hf(said)
    if said["n_head"] % _GROUPS:
        raise BundleError("model.setting_unbuilt", family="codegen", settings=f"n_head = {said['n_head']}")
    head_dim = said["n_embd"] // said["n_head"]
    return {
        **fields,
        "norm": {**fields["norm"], "place": "parallel"},
        "positions": {"kind": "rope", "fraction": hf.get("rotary_dim", 64) / head_dim},
        "attention": {},
        "head": {"bias": True},
    }


def sized(sizes: Mapping[str, int]) -> dict[str, Any]:
    """Heads come in groups of four, and share no keys."""
    width, heads = sizes["hidden_size"], max(_GROUPS, round(sizes["num_heads"] / _GROUPS) * _GROUPS)
    heads = heads if width % heads == 0 else _GROUPS
    return {"num_heads": heads, "num_kv_heads": heads, "head_dim": width // heads}


FAMILY = Family(
    name="codegen",
    architecture="CodeGenForCausalLM",
    prefix="transformer.",
    rules=RULES,
    preset=PRESET,
    sized=sized,
    to_hf=to_hf,
    from_hf=from_hf,
    harmless=gpt2.FAMILY.harmless | {"gradient_checkpointing", "scale_attn_weights", "tokenizer_class"},
    skipped=(r"transformer\.h\.\d+\.attn\.(causal_mask|embed_positions|bias|masked_bias)",),
)
