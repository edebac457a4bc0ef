"""The last layer says what the model says, number for number; each layer says what a model of so many layers would."""

from __future__ import annotations

import pytest
import torch
from tests.bundle.parity import randomise

from hanlin.base.errors import UsageError
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.inspection.lens import lens
from hanlin.model.inspection.reading import Reading
from hanlin.model.transformer import build_model

SIZES = {"vocab_size": 30, "hidden_size": 24, "num_layers": 3, "num_heads": 3, "ffn_size": 32, "max_seq_len": 16}
IDS = torch.arange(8)[None]


def built(family="llama", **fields):
    return randomise(build_model(ModelConfig(**{**FAMILIES[family].preset, **SIZES, **fields}), seed=1).eval())


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma2", "bert", "codegen"])
def test_the_last_layer_is_the_model(family):
    model = built(family)
    layers = dict(lens(model, Reading(IDS)))
    assert list(layers) == [0, 1, 2, 3]
    with torch.no_grad():
        assert torch.equal(layers[3], model(IDS))


def test_a_layer_says_what_the_model_cut_off_there_says():
    model = built()
    ((_, embedded), (_, second)) = lens(model, Reading(IDS), layers=(2, 0))
    with torch.no_grad():
        normed = model.stack.final_norm(model.embeddings.tokens(IDS))
        assert torch.equal(embedded, model.head(normed))
        del model.stack.blocks[2]
        assert torch.equal(second, model(IDS))


def test_an_encoder_decoder_is_seen_through_its_decoder():
    model = built("t5")
    reading = Reading(IDS, source=IDS + 9)
    with torch.no_grad():
        expected = model(IDS, memory=model.encode(IDS + 9))
    *_, (layer, logits) = lens(model, reading)
    assert layer == 3
    assert torch.equal(logits, expected)


def test_what_is_not_there_is_said(lang):
    with pytest.raises(UsageError) as error:
        list(lens(built(), Reading(IDS), layers=(4,)))
    assert (error.value.code, error.value.values["first"]) == ("E340", 0)
    headless = built("bert", head={"kind": "none"}, embeddings={"types": 2, "tied": True})
    with pytest.raises(UsageError) as error:
        list(lens(headless, Reading(IDS)))
    assert error.value.code == "E303"
