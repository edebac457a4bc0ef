"""Sizes, the rules between them, presets and counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.config import resolve
from hanlin.base.errors import ConfigError, UsageError
from hanlin.model.config import ModelConfig, default_ffn, parse_size, shape_for


def rules(error: pytest.ExceptionInfo[ConfigError]) -> dict[str, str]:
    return {problem.name: problem.rule for problem in error.value.problems}


def test_sizes_that_follow_from_others_are_filled_in_and_stored_as_numbers():
    config = ModelConfig(hidden_size=128, num_heads=4)
    assert (config.head_dim, config.num_kv_heads, config.ffn_size) == (32, 4, 384)
    assert ModelConfig(**config.model_dump()) == config


def test_a_given_size_wins_over_the_derived_one():
    config = ModelConfig(hidden_size=128, num_heads=4, head_dim=64, num_kv_heads=2, ffn_size=100)
    assert (config.head_dim, config.num_kv_heads, config.ffn_size) == (64, 2, 100)


def test_a_plain_mlp_is_four_times_as_wide():
    assert ModelConfig(hidden_size=96, mlp={"gated": False}).ffn_size == 384
    assert default_ffn(512, gated=True) == 1408


def test_every_broken_rule_between_fields_is_told_at_once(lang):
    with pytest.raises(ConfigError) as error:
        ModelConfig(hidden_size=100, num_heads=7, num_kv_heads=3, head_dim=15, arch="encoder", num_encoder_layers=1)
    assert error.value.code == "E101"
    assert set(rules(error)) == {"num_kv_heads", "head_dim", "num_encoder_layers"}


def test_heads_must_divide_the_width_unless_their_own_is_given():
    with pytest.raises(ConfigError) as error:
        ModelConfig(hidden_size=100, num_heads=7)
    assert "100" in rules(error)["num_heads"]
    assert ModelConfig(hidden_size=100, num_heads=7, head_dim=16).head_dim == 16


def test_sinusoidal_positions_need_an_even_width():
    with pytest.raises(ConfigError) as error:
        ModelConfig(hidden_size=33, num_heads=3, positions={"kind": "sinusoidal"})
    assert list(rules(error)) == ["hidden_size"]


def test_an_encoder_decoder_has_two_stacks_of_one_depth_unless_told():
    assert ModelConfig(arch="encoder_decoder", num_layers=5).num_encoder_layers == 5
    assert ModelConfig(arch="encoder_decoder", num_layers=5, num_encoder_layers=2).num_encoder_layers == 2
    assert ModelConfig(num_layers=5).num_encoder_layers == 0


def test_zero_is_a_value():
    assert ModelConfig(dropout=0).dropout == 0.0
    with pytest.raises(ConfigError):
        ModelConfig(num_layers=0)


def test_a_wrong_nested_setting_is_named_with_its_section():
    with pytest.raises(ConfigError) as error:
        ModelConfig(norm={"knid": "rms"})
    assert list(rules(error)) == ["norm.knid"]


def test_the_model_section_resolves_with_origins():
    found = resolve(ModelConfig, preset={"hidden_size": 64}, overrides={"norm.eps": "1e-6", "num_heads": "2"})
    assert found.value.norm.eps == 1e-6
    assert found.origins["norm.eps"] == "command line"
    assert found.value.head_dim == 32


@pytest.mark.parametrize(("size", "number"), [("800k", 800_000), ("10m", 10_000_000), ("1.5B", 1_500_000_000)])
def test_sizes_are_read_as_people_write_them(size, number):
    assert parse_size(size) == number


@pytest.mark.parametrize("size", ["", "10", "ten", "0m", "-1m", "1e6"])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(UsageError) as error:
        parse_size(size)
    assert error.value.code == "E310"


@given(st.integers(300_000, 3_000_000_000), st.sampled_from([512, 4096, 6400]), st.booleans())
def test_shape_for_comes_near_any_size(parameters, vocab_size, classic):
    like = {"attention": {"qkv_bias": True}, "mlp": {"gated": False}} if classic else {}
    if parameters < 200 * vocab_size:
        return
    config = ModelConfig(**{**like, "vocab_size": vocab_size}, **shape_for(parameters, vocab_size, like=like))
    assert config.num_parameters() == pytest.approx(parameters, rel=0.2)


def test_shape_for_at_25_million_is_the_shape_that_is_measured():
    shape = shape_for(25_800_000, 6400)
    assert (shape["hidden_size"], shape["num_layers"], shape["num_kv_heads"], shape["ffn_size"]) == (512, 8, 2, 1408)


def test_a_size_below_its_vocabulary_is_refused():
    with pytest.raises(UsageError) as error:
        shape_for(100_000, 50_000)
    assert error.value.code == "E311"
    assert "50,000" in str(error.value)


def test_flops_count_six_per_weight_that_multiplies_and_the_attention():
    config = ModelConfig(vocab_size=100, hidden_size=64, num_layers=2, num_heads=2, norm={"final": False})
    layer = 64 * (3 * 64 + 64 + 3 * config.ffn_size)
    assert config.flops_per_token(32) == 6 * (2 * layer + 100 * 64) + 6 * 2 * 64 * 33


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"positions": {"kind": "learned", "scaling": {"kind": "linear", "factor": 2.0}}}, "positions.scaling.kind"),
        ({"positions": {"scaling": {"kind": "yarn", "factor": 2.0}}}, "positions.scaling.original"),
        ({"positions": {"scaling": {"low": 4.0}}}, "positions.scaling.low"),
        ({"norm": {"kind": "layer", "unit_offset": True}}, "norm.unit_offset"),
        ({"head": {"cap": 3.0, "normalised": True}}, "head.cap"),
        ({"mlp": {"experts": {"number": 3, "chosen": 4}}}, "mlp.experts.chosen"),
        ({"arch": "encoder", "attention": {"window": 4}}, "attention.window"),
        ({"arch": "prefix", "positions": {"kind": "rope2d"}, "head_dim": 6}, "head_dim"),
        ({"positions": {"kind": "rope2d"}}, "positions.kind"),
        ({"positions": {"start_token": 3}}, "positions.start_token"),
        ({"positions": {"kind": "distance"}}, "positions.kind"),
        ({"arch": "encoder", "positions": {"kind": "distance"}, "num_kv_heads": 2}, "positions.kind"),
        ({"arch": "encoder", "positions": {"kind": "alibi"}}, "positions.kind"),
        ({"arch": "encoder_decoder", "norm": {"place": "sandwich"}}, "norm.place"),
    ],
)
def test_parts_that_do_not_go_together_are_named(fields, name, lang):
    with pytest.raises(ConfigError) as error:
        ModelConfig(**fields)
    assert list(rules(error)) == [name]


def test_only_chosen_experts_cost_operations():
    routed = ModelConfig(mlp={"experts": {"number": 8, "chosen": 2}})
    pair = ModelConfig(mlp={"experts": {"number": 2, "chosen": 2}})
    router = 6 * routed.num_layers * routed.hidden_size * 6
    assert routed.flops_per_token(64) == pair.flops_per_token(64) + router
