"""Phi-3 and Phi-4 (Abdin 2024): LLaMA's layer with queries, keys and values in one weight, gate and up in another.

Of Phi-4-mini's heads three quarters rotate; the long contexts turn by tables of divisors (longrope).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hanlin.model.config import ModelConfig
from hanlin.model.families import llama
from hanlin.model.families.family import Family, HfConfig, decoder_tasks
from hanlin.model.families.layers import NO_WINDOW
from hanlin.model.families.rules import Rule, halved_qkv_rows, qkv_parts

_LAYER, _OURS = "model.layers.{n}.", "stack.blocks.{n}."


def _rows(config: ModelConfig) -> tuple[Tensor, ...]:
    """Our row for each of theirs: queries, keys and values one below the other."""
    starts = (0, *torch.tensor(qkv_parts(config)).cumsum(0).tolist())
    return (torch.cat([rows + start for rows, start in zip(halved_qkv_rows(config), starts, strict=False)]),)


RULES = (
    Rule(f"{_OURS}attention.qkv.weight", (f"{_LAYER}self_attn.qkv_proj.weight",), orders=_rows),
    Rule(f"{_OURS}mlp.gate_up.weight", (f"{_LAYER}mlp.gate_up_proj.weight",)),
    *llama.RULES,
)


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of Phi3Config, which works out head_dim itself."""
    settings = llama.to_hf(config)
    for absent in ("attention_bias", "mlp_bias", "head_dim"):
        del settings[absent]
    dropout = {"resid_pdrop": config.dropout, "embd_pdrop": config.dropout}
    return {
        **settings,
        **dropout,
        "sliding_window": config.attention.window or None,
        "original_max_position_embeddings": config.positions.scaling.original or config.max_seq_len,
    }


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig; what a file leaves out takes Phi3Config's default."""
    fields = llama.from_hf({"max_position_embeddings": 4096, "rms_norm_eps": 1e-5, **hf, "head_dim": None})
    return {**fields, "attention": {"window": hf["sliding_window"]} if hf.get("sliding_window") else {}}


FAMILY = Family(
    name="phi3",
    architecture="Phi3ForCausalLM",
    prefix="model.",
    rules=RULES,
    preset={"embeddings": {"tied": False}},
    sized=lambda sizes: {"head_dim": sizes["hidden_size"] // sizes["num_heads"], "attention": NO_WINDOW},
    to_hf=to_hf,
    from_hf=from_hf,
    skipped=llama.FAMILY.skipped,
    tasks=decoder_tasks("Phi3", "sequence", "tokens"),
)
