"""Settings: ranges with sentences, zero as a value, rules between fields."""

from __future__ import annotations

import pytest

from hanlin.base.config import field_doc
from hanlin.base.errors import ConfigError
from hanlin.infer.config import EngineConfig, SamplingParams


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("max_tokens", 0, "must be at least 1"),
        ("temperature", -0.1, "must be at least 0"),
        ("temperature", 101, "must be at most 100"),
        ("temperature", float("nan"), "must be a finite number"),
        ("top_k", -1, "must be at least 0"),
        ("top_p", 0, "must be greater than 0"),
        ("top_p", 1.5, "must be at most 1"),
        ("min_p", -0.5, "must be at least 0"),
        ("min_p", 1.01, "must be at most 1"),
        ("repetition_penalty", 0, "must be greater than 0"),
        ("seed", 2**63, "must be at most"),
        ("logprobs", -1, "must be at least 0"),
        ("stop", [""], "must have at least 1 character"),
        ("top_q", 1, "there is no such setting"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name_value_and_rule(name, value, rule):
    with pytest.raises(ConfigError) as error:
        SamplingParams(**{name: value})
    assert error.value.code == "E101"
    assert len(error.value.problems) == 1
    assert error.value.problems[0].name.startswith(name)
    assert rule in str(error.value)


def test_all_wrong_values_are_told_at_once():
    with pytest.raises(ConfigError) as error:
        SamplingParams(top_p=2, temperature=-1, max_tokens=0)
    assert {problem.name for problem in error.value.problems} == {"top_p", "temperature", "max_tokens"}


def test_zero_is_a_value():
    params = SamplingParams(temperature=0, top_k=0, min_p=0, seed=0, logprobs=0)
    assert (params.temperature, params.top_k, params.min_p, params.seed, params.logprobs) == (0, 0, 0, 0, 0)


def test_settings_that_change_nothing_are_named():
    assert SamplingParams(temperature=0, top_p=0.5, seed=3).without_effect() == ("top_p", "seed")
    assert SamplingParams(temperature=0).without_effect() == ()
    assert SamplingParams(temperature=0.1, top_p=0.5, seed=3).without_effect() == ()


def test_a_step_has_room_for_every_running_request(lang):
    with pytest.raises(ConfigError) as error:
        EngineConfig(max_batch=8, step_tokens=7)
    assert [problem.name for problem in error.value.problems] == ["step_tokens"]
    assert "8" in str(error.value)
    assert EngineConfig(max_batch=8, step_tokens=8).step_tokens == 8


@pytest.mark.parametrize(
    ("config", "max_seq_len", "size"),
    [
        (EngineConfig(max_batch=16), 512, 16 * 512),
        (EngineConfig(max_batch=16), 8192, 65_536),
        (EngineConfig(max_batch=16), 131_072, 131_072),
        (EngineConfig(cache_tokens=100), 8192, 100),
    ],
)
def test_the_cache_holds_a_full_batch_within_reason_and_always_one_sequence(config, max_seq_len, size):
    assert config.cache_size(max_seq_len) == size


@pytest.mark.parametrize("config", [SamplingParams, EngineConfig])
def test_every_setting_is_explained_in_both_languages(config, lang):
    for name in config.model_fields:
        assert field_doc(config, name).endswith((".", "。"))
