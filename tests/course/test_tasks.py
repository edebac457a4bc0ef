"""Heads: which state they read, and which base models they stand on."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from hanlin.base.errors import InputError
from hanlin.course import LanguageModel, TaskSpecificModel, TransformerEncoder
from hanlin.model.config import ModelConfig
from hanlin.model.transformer import build_model

IDS = torch.tensor([[3, 7, 1, 9], [4, 4, 0, 0]])
REAL = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])


def encoder(**settings):
    torch.manual_seed(0)
    return TransformerEncoder(20, 8, 2, 16, 1, **settings)


def test_the_label_head_reads_the_first_token():
    base = encoder()
    model = TaskSpecificModel(base, num_labels=3).eval()
    expected = base(IDS, REAL)[:, 0] @ model.classifier.weight.T + model.classifier.bias
    torch.testing.assert_close(model(IDS, REAL), expected)
    assert model(IDS, REAL).shape == (2, 3)


def test_gradients_reach_the_base_model():
    model = TaskSpecificModel(encoder(), num_labels=2)
    model(IDS, REAL).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_the_token_head_scores_by_the_embedding():
    base = encoder()
    model = LanguageModel(base).eval()
    torch.testing.assert_close(model(IDS, REAL), base(IDS, REAL) @ base.embedding.weight.T)
    assert sum(p.numel() for p in model.parameters()) == sum(p.numel() for p in base.parameters())


class Foreign(nn.Module):
    """What a model of transformers looks like from outside."""

    def __init__(self, encoder):
        super().__init__()
        self.inner, self.config = encoder, SimpleNamespace(hidden_size=8)

    def forward(self, input_ids, attention_mask=None):
        return SimpleNamespace(last_hidden_state=self.inner(input_ids, attention_mask))


def test_a_model_of_transformers_may_be_the_base():
    base = encoder()
    torch.manual_seed(1)
    model = TaskSpecificModel(Foreign(base), num_labels=2).eval()
    torch.testing.assert_close(model(IDS, REAL), model.classifier(base(IDS, REAL)[:, 0]))


class House(nn.Module):
    """What an encoder of the house looks like from outside: `hidden`, and padding as segment 0."""

    def __init__(self, encoder):
        super().__init__()
        self.inner, self.config = encoder, SimpleNamespace(hidden_size=8, arch="encoder")

    def hidden(self, tokens, *, segments=None):
        return self.inner(tokens, segments)


def test_an_encoder_of_the_house_may_be_the_base():
    base = encoder()
    model = TaskSpecificModel(House(base), num_labels=2).eval()
    torch.testing.assert_close(model(IDS, REAL), model.classifier(base(IDS, REAL)[:, 0]))


def test_a_decoder_may_not(lang):
    config = ModelConfig(vocab_size=20, hidden_size=8, num_layers=1, num_heads=2, max_seq_len=8)
    for base in (build_model(config, seed=0), encoder(causal=True)):
        with pytest.raises(InputError) as caught:
            TaskSpecificModel(base, num_labels=2)
        assert caught.value.code == "E844"


def test_a_base_must_say_how_wide_it_is(lang):
    with pytest.raises(InputError, match="Identity") as caught:
        TaskSpecificModel(nn.Identity(), num_labels=2)
    assert caught.value.code == "E843"
    with pytest.raises(InputError) as caught:
        TaskSpecificModel(encoder(), num_labels=0)
    assert caught.value.code == "E848"
