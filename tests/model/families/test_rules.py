"""One table of names serves both ways."""

from __future__ import annotations

import pytest
import torch

from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.families.rules import Rule, foreign_places, foreign_views
from hanlin.model.transformer import build_model

CONFIG = ModelConfig(vocab_size=11, hidden_size=8, num_layers=2, num_heads=4, num_kv_heads=2, ffn_size=6)


def test_a_fused_weight_is_cut_into_its_parts():
    qkv = torch.arange(16 * 8.0).view(16, 8)
    views = foreign_views({"stack.blocks.12.attention.qkv.weight": qkv}, FAMILIES["llama"].rules, CONFIG)
    start = "model.layers.12.self_attn."
    assert list(views) == [f"{start}q_proj.weight", f"{start}k_proj.weight", f"{start}v_proj.weight"]
    assert torch.equal(torch.cat(list(views.values())), qkv)
    assert views[f"{start}q_proj.weight"].shape == (8, 8)


def test_writing_through_the_views_fills_the_model():
    model = build_model(CONFIG, seed=0)
    parameters = {name: parameter.detach() for name, parameter in model.named_parameters()}
    for view in foreign_views(parameters, FAMILIES["llama"].rules, CONFIG).values():
        view.fill_(3.0)
    assert all((parameter == 3.0).all() for parameter in model.parameters())


def test_a_transposed_weight_is_seen_turned():
    rule = Rule("up.weight", ("c_fc.weight",), transposed=True)
    up = torch.arange(6.0).view(2, 3)
    assert torch.equal(foreign_views({"up.weight": up}, (rule,), CONFIG)["c_fc.weight"], up.T)


def test_a_folded_weight_is_seen_in_their_shape_and_taken_back():
    rule = Rule("q.weight", ("q",), transposed=True, shape=lambda config: (3, 2, 2))
    q = torch.arange(12.0).view(4, 3)
    (place,) = foreign_places({"q.weight": q}, (rule,), CONFIG).values()
    theirs = place.read()
    assert theirs.shape == place.shape == (3, 2, 2)
    assert theirs[2, 1, 0] == q[2, 2]
    place.write(theirs + 1)
    assert torch.equal(q, torch.arange(12.0).view(4, 3) + 1)


def test_the_first_rule_that_fits_wins():
    rules = (Rule("a.{n}.b", ("first.{n}",)), Rule("{name}", ("second.{name}",)))
    assert set(foreign_views({"a.3.b": torch.zeros(1), "a.x.b": torch.zeros(1)}, rules, CONFIG)) == {
        "first.3",
        "second.a.x.b",
    }


def test_a_parameter_without_a_rule_is_a_mistake_of_ours():
    with pytest.raises(AssertionError, match="no rule for parameter gate"):
        foreign_views({"gate": torch.zeros(1)}, (Rule("up", ("up",)),), CONFIG)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_parameter_of_a_family_has_a_name_of_its_own(name):
    sizes = CONFIG.model_dump(exclude={"family", "num_encoder_layers"})
    config = ModelConfig(**{**sizes, "num_kv_heads": 4, "head_dim": 4, **FAMILIES[name].preset})
    model = build_model(config, seed=0)
    views = foreign_views(dict(model.named_parameters()), FAMILIES[name].rules, config)
    assert sum(view.numel() for view in views.values()) == config.num_parameters()
