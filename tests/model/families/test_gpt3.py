"""The shape of GPT-3: its published sizes, its bands, its names where it has none."""

from __future__ import annotations

import pytest
import torch

from hanlin.model.config import ModelConfig
from hanlin.model.families.gpt3 import PUBLISHED
from hanlin.model.families.registry import FAMILIES, choose_family, preset
from hanlin.model.transformer import build_model

PARAMETERS = dict(zip(PUBLISHED, (125e6, 356e6, 760e6, 1.3e9, 2.7e9, 6.7e9, 13e9, 175e9), strict=True))
"""Column n_params of table 2.1; the second row is called Medium or 350M there, and has 356M."""


@pytest.mark.parametrize("size", PUBLISHED)
def test_a_published_size_has_the_parameters_that_the_paper_prints(size):
    config = ModelConfig(**preset("gpt3", size, 50257))
    assert config.num_parameters() == pytest.approx(PARAMETERS[size], rel=0.025)
    assert (config.max_seq_len, config.ffn_size) == (2048, 4 * config.hidden_size)
    assert choose_family(config).name == "gpt3"


def test_any_other_size_has_its_manner():
    config = ModelConfig(**preset("gpt3", "5m", 4096))
    assert config.num_parameters() == pytest.approx(5e6, rel=0.15)
    assert config.sliding_layers()[:3] == (False, True, False)


def test_without_a_band_it_is_saved_as_gpt2():
    fields = {**preset("gpt3", "125m", 50257), "family": "auto", "attention": {"qkv_bias": True, "out_bias": True}}
    assert choose_family(ModelConfig(**fields)).name == "gpt2"


@torch.no_grad()
def test_every_second_layer_sees_a_band():
    """GPT-Neo, which is held against transformers, is the same shape with scores unscaled and no biases on them."""
    sizes = {"vocab_size": 61, "hidden_size": 24, "num_layers": 4, "num_heads": 3, "max_seq_len": 40}
    band = {"window": 5, "pattern": ["full", "sliding"]}
    presets = {name: FAMILIES[name].preset for name in ("gpt3", "gpt_neo")}
    configs = (
        ModelConfig(**{**fields, **sizes, "attention": {**fields["attention"], **band}}) for fields in presets.values()
    )
    ours, neo = (build_model(config, seed=3, compute_dtype=torch.float64).double().eval() for config in configs)
    told = neo.load_state_dict(ours.state_dict(), strict=False)
    assert all(name.endswith("qkv.bias") for name in told.unexpected_keys) and not told.missing_keys
    for block in neo.stack.blocks:
        block.attention.qkv.weight[:24] *= 8**-0.5
    ids = torch.randint(0, 61, (2, 30), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours(ids), neo(ids), atol=1e-12, rtol=0)
    other = ids.clone()
    other[:, 0] = (ids[:, 0] + 1) % 61
    shallow = ModelConfig(**{**FAMILIES["gpt3"].preset, **sizes, "num_layers": 1, "attention": {"window": 5}})
    narrow = build_model(shallow, seed=3)
    assert torch.equal(narrow(ids)[:, 5:], narrow(other)[:, 5:])
    assert not torch.equal(ours(ids)[:, 5:], ours(other)[:, 5:])
