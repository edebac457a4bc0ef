"""The table of first values, and what a seed means."""

from __future__ import annotations

import pytest
import torch

from hanlin.model.transformer import build_model


def weights(config, seed):
    return dict(build_model(config, seed=seed).named_parameters())


def test_a_seed_means_the_same_weights_whatever_ran_before(config):
    first = weights(config, 5)
    torch.rand(17)
    second = weights(config, 5)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], value) for name, value in weights(config, 6).items())


def test_drawing_weights_leaves_the_global_generator_alone(build_config):
    before = torch.get_rng_state()
    build_model(build_config(), seed=1)
    assert torch.equal(before, torch.get_rng_state())


def test_a_deeper_model_shares_the_first_embedding(build_config):
    shallow, deep = weights(build_config(num_layers=1), 3), weights(build_config(num_layers=3), 3)
    assert torch.equal(shallow["embeddings.tokens.weight"], deep["embeddings.tokens.weight"])
    assert torch.equal(shallow["stack.blocks.0.attention.qkv.weight"], deep["stack.blocks.0.attention.qkv.weight"])


def test_the_table_holds(build_config):
    config = build_config(
        hidden_size=256, vocab_size=2000, norm={"kind": "layer"}, positions={"kind": "learned"},
        mlp={"bias": True}, embeddings={"tied": False}, num_layers=2,
    )  # fmt: skip
    found = weights(config, 0)
    expected = {
        "embeddings.tokens.weight": 0.02,
        "embeddings.positions.weight": 0.01,
        "head.weight": 0.02,
        "stack.blocks.1.attention.qkv.weight": 0.05,  # 1 / sqrt(256), cut
        "stack.blocks.0.mlp.gate_up.weight": 0.05,
        "stack.blocks.1.attention.out.weight": 0.05 / 2,  # sqrt(2 layers x 2)
        "stack.blocks.0.mlp.down.weight": 0.05 / 2,
    }
    for name, std in expected.items():
        assert found[name].std().item() == pytest.approx(std, rel=0.05), name
    assert all((value == 1).all() for name, value in found.items() if name.endswith("norm.weight"))
    assert all((value == 0).all() for name, value in found.items() if name.endswith("bias"))


def test_an_untrained_model_knows_nothing_and_says_so(config, tokens):
    model = build_model(config, seed=0).eval()
    entropy = torch.distributions.Categorical(logits=model(tokens).detach()).entropy()
    assert entropy.mean().item() > 0.8 * torch.tensor(61.0).log().item()
