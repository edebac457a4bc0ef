"""Rollout against closed forms: even attention, and the joint graph of an encoder and a decoder."""

from __future__ import annotations

import pytest
import torch

from hanlin.model.config import ModelConfig
from hanlin.model.inspection.attention import attention_maps
from hanlin.model.inspection.reading import Reading
from hanlin.model.inspection.rollout import rollout
from hanlin.model.transformer import build_model

SIZES = {"vocab_size": 30, "hidden_size": 24, "num_layers": 3, "num_heads": 3, "ffn_size": 32, "max_seq_len": 16}


@pytest.mark.parametrize("arch", ["decoder", "encoder"])
def test_even_attention_has_a_closed_form(arch):
    """Without queries all that is seen is seen alike: the rollout of L layers is ((A + I) / 2)^L."""
    model = build_model(ModelConfig(**SIZES, arch=arch), seed=1).eval()
    with torch.no_grad():
        for block in model.stack.blocks:
            block.attention.qkv.weight[:24] = 0
    ids = torch.arange(7)[None]
    seen = torch.ones(7, 7).tril() if arch == "decoder" else torch.ones(7, 7)
    even = seen / seen.sum(dim=1, keepdim=True)
    expected = torch.linalg.matrix_power((even + torch.eye(7)) / 2, 3)
    assert torch.allclose(rollout(model, Reading(ids)).own[0], expected, atol=1e-6)


def test_an_encoder_decoder_is_one_graph():
    """Step by step as matrices over all tokens, the encoder's first: every step halves and adds."""
    model = build_model(ModelConfig(**{**SIZES, "num_encoder_layers": 2}, arch="encoder_decoder"), seed=1).eval()
    ids, source = torch.arange(5)[None], torch.arange(4)[None] + 9
    means = {
        (one.part, one.layer): one.weights[0].mean(dim=0) for one in attention_maps(model, Reading(ids, source=source))
    }
    shares = torch.eye(9)

    def step(part, layer, rows, columns):
        mixed = torch.eye(9)
        mixed[rows, rows] = 0.5 * torch.eye(len(mixed[rows]))
        mixed[rows, columns] += 0.5 * means[part, layer]
        return mixed @ shares

    own, read = slice(4, 9), slice(0, 4)
    for layer in (1, 2):
        shares = step("encoder", layer, read, read)
    for layer in (1, 2, 3):
        shares = step("self", layer, own, own)
        shares = step("cross", layer, own, read)
    found = rollout(model, Reading(ids, source=source))
    assert torch.allclose(torch.cat((found.source[0], found.own[0]), dim=1), shares[own], atol=1e-6)
    assert torch.allclose(shares.sum(dim=1), torch.ones(9), atol=1e-6)
