"""Small models that read before they write, with weights of their own mind, and one that transformers holds as well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from hanlin.bundle.bundle import read_info
from hanlin.bundle.convert import import_weights
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.transformer import Transformer, assemble, build_model

SIZES = {"vocab_size": 43, "hidden_size": 24, "num_layers": 2, "num_heads": 3, "ffn_size": 40, "max_seq_len": 64}
PROMPTS = [[5, 9, 12, 30, 7, 1], [8, 1], [20, 21, 22, 23, 1]]


def wide(arch: str, **fields: Any) -> Transformer:
    """A model of that shape whose weights are large enough for clear choices."""
    model = build_model(ModelConfig(**{**SIZES, **fields, "arch": arch}), seed=0).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model


def save_t5(folder: Path) -> Any:
    """A T5 of theirs that ends its texts now and then, saved into a folder."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    settings = {"d_model": 24, "d_kv": 8, "num_heads": 3, "d_ff": 40, "num_layers": 2, "vocab_size": 43}
    settings |= {"decoder_start_token_id": 0}
    theirs = transformers.T5ForConditionalGeneration(transformers.T5Config(**settings)).eval()
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if "norm" not in name:
                parameter.copy_(torch.randn_like(parameter) * 0.3)
        theirs.shared.weight[1] *= 3
    theirs.save_pretrained(folder)
    return theirs


def opened(folder: Path) -> Transformer:
    """The same here."""
    info = read_info(folder)
    ours = assemble(info.config).eval()
    import_weights(folder, ours, info.config, FAMILIES["t5"], verify=True)
    return ours


def padded() -> dict[str, torch.Tensor]:
    """The prompts as transformers takes them."""
    longest = max(map(len, PROMPTS))
    ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in PROMPTS])
    return {"input_ids": ids, "attention_mask": (ids != 0).long()}
