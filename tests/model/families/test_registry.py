"""Families by name, and what each can and cannot hold."""

from __future__ import annotations

import json

import pytest

from hanlin.base.errors import BundleError, ConfigError
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES, choose_family, find_family, in_manner, named_family, preset

KINDS = {
    "llama": {"num_kv_heads": 2, "embeddings": {"tied": False}, "positions": {"theta": 5e5}},
    "mistral": {"num_kv_heads": 2, "attention": {"window": 16}},
    "qwen2": {"attention": {"qkv_bias": True, "window": 9, "pattern": ["full", "sliding"]}},
    "qwen3": {"attention": {"qk_norm": True}, "head_dim": 32},
    "gpt2": dict(FAMILIES["gpt2"].preset),
    "codegen": dict(FAMILIES["codegen"].preset),
    "gemma2": {**FAMILIES["gemma2"].preset, "embeddings": {"scale": 512**0.5}},
    "gemma3_text": {**FAMILIES["gemma3_text"].preset, "embeddings": {"scale": 512**0.5}},
    "bert": dict(FAMILIES["bert"].preset),
    "roberta": dict(FAMILIES["roberta"].preset),
    "t5": {**FAMILIES["t5"].preset, "num_encoder_layers": 3},
    "hanlin": {"norm": {"kind": "layer", "place": "post", "final": False}, "embeddings": {"scale": 8.0}},
}


@pytest.mark.parametrize("name", KINDS)
def test_auto_takes_the_first_family_that_can_hold_the_shape(name):
    assert choose_family(ModelConfig(**KINDS[name])).name == name


@pytest.mark.parametrize("name", KINDS)
def test_a_config_survives_the_way_through_json_and_back(name):
    family, config = FAMILIES[name], ModelConfig(family=name, dropout=0.1, **KINDS[name])
    hf = json.loads(json.dumps(family.to_hf_config(config)))
    assert hf["model_type"] == name
    assert family.from_hf_config(hf) == config
    assert find_family(hf, path="x") is family


@pytest.mark.parametrize(
    ("name", "fields", "setting"),
    [
        ("llama", {"attention": {"qk_norm": True}}, "attention.qk_norm = True"),
        ("llama", {"attention": {"qkv_bias": True}}, "attention.out_bias = False"),
        ("llama", {"norm": {"kind": "layer"}}, "norm.kind = layer"),
        ("llama", {"embeddings": {"scale": 2.0}}, "embeddings.scale = 2.0"),
        ("llama", {"mlp": {"gated": False}}, "mlp.gated = False"),
        ("qwen3", {}, "attention.qk_norm = False"),
        ("qwen3", {"attention": {"qk_norm": True}, "mlp": {"bias": True}}, "mlp.bias = True"),
        ("gpt2", {**KINDS["gpt2"], "num_heads": 8, "num_kv_heads": 2}, "num_kv_heads = 2"),
        ("gpt2", {**KINDS["gpt2"], "norm": {"kind": "layer", "place": "post"}}, "norm.place = post"),
        ("gpt2", {**KINDS["gpt2"], "hidden_size": 100, "num_heads": 7, "head_dim": 16}, "num_heads = 7"),
    ],
)
def test_what_a_class_of_transformers_cannot_hold_is_refused_by_name(name, fields, setting, lang):
    with pytest.raises(BundleError) as error:
        choose_family(ModelConfig(family=name, **fields))
    assert error.value.code == "E320"
    assert setting in str(error.value)


def test_our_own_layout_holds_everything():
    for fields in KINDS.values():
        assert FAMILIES["hanlin"].objections(ModelConfig(**fields)) == []


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("llama", {"rope_parameters": {"rope_type": "proportional", "rope_theta": 1e4, "factor": 8.0}}, "proportional"),
        ("llama", {"rope_scaling": {"type": "ntk", "factor": 2.0}, "rope_parameters": None}, "ntk"),
        ("qwen3", {"layer_types": ["full_attention", "chunked_attention"]}, "chunked_attention"),
        ("qwen2", {"use_sliding_window": False, "layer_types": ["sliding_attention"]}, "sliding_attention"),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx = True"),
        ("codegen", {"n_head": 6, "n_embd": 48}, "n_head = 6"),
        ("gpt2", {"scale_attn_weights": False}, "scale_attn_weights = False"),
    ],
)
def test_a_foreign_setting_without_a_part_is_refused_not_dropped(name, settings, told, lang):
    family = FAMILIES[name]
    hf = {**family.to_hf_config(ModelConfig(**KINDS[name])), **settings}
    with pytest.raises(BundleError) as error:
        family.from_hf_config(hf)
    assert error.value.code == "E321"
    assert told in str(error.value)


def test_settings_that_nothing_reads_are_listed():
    family = FAMILIES["llama"]
    hf = {**family.to_hf_config(ModelConfig()), "use_cache": True, "quantum": 3, "bos_token_id": 1}
    assert family.unread(hf) == ["quantum"]


@pytest.mark.parametrize("damage", [{"hidden_size": None}, {"hidden_size": "wide"}, {"num_attention_heads": 0}])
def test_a_config_that_is_incomplete_is_refused(damage):
    hf = {**FAMILIES["llama"].to_hf_config(ModelConfig()), "head_dim": None, **damage}
    with pytest.raises((BundleError, ConfigError)) as error:
        FAMILIES["llama"].from_hf_config(hf)
    assert error.value.code in {"E323", "E101"}


def test_tables_of_angles_fit_the_head(lang):
    """LongRoPE: a divisor for each pair that turns; half a pair never turns."""
    said = {"rope_type": "longrope", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 16}
    hf = {**FAMILIES["llama"].to_hf_config(ModelConfig()), "rope_parameters": said}
    with pytest.raises(BundleError, match="short_factor") as missing:
        FAMILIES["llama"].from_hf_config(hf)
    assert missing.value.code == "E323"
    said |= {"short_factor": [1.0] * 32, "long_factor": [2.0] * 31}
    with pytest.raises(ConfigError, match="32") as short:
        FAMILIES["llama"].from_hf_config(hf)
    assert [problem.name for problem in short.value.problems] == ["positions.scaling.far_divisors"]
    with pytest.raises(BundleError, match="partial_rotary_factor") as odd:
        FAMILIES["glm"].from_hf_config(
            {**FAMILIES["glm"].to_hf_config(ModelConfig(**{**FAMILIES["glm"].preset, "family": "glm"})), "head_dim": 6}
        )
    assert odd.value.code == "E321"


def test_a_missing_setting_is_named():
    with pytest.raises(BundleError, match="hidden_size") as error:
        FAMILIES["llama"].from_hf_config({"model_type": "llama", "vocab_size": 5, "num_attention_heads": 2})
    assert error.value.code == "E323"


@pytest.mark.parametrize(("theirs", "nearest"), [("qwen4", "qwen"), ("llama4", "llama"), ("", "")])
def test_an_unknown_family_is_refused_with_the_nearest_known(theirs, nearest, lang):
    with pytest.raises(BundleError) as error:
        find_family({"model_type": theirs}, path="somewhere")
    assert error.value.code == "E322"
    assert "somewhere" in str(error.value)
    assert nearest in error.value.values["nearest"]


def test_a_family_that_is_none_is_a_setting_that_cannot_be_used(lang):
    with pytest.raises(ConfigError) as error:
        named_family("lama")
    assert error.value.problems[0].name == "family"
    assert "llama" in error.value.problems[0].rule


DECODERS = [
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
    "gemma",
    "gemma2",
    "gemma3_text",
    "glm",
    "glm4",
    "chatglm2",
    "baichuan",
    "codegen",
    "gpt_neo",
    "gpt_neox",
    "phi3",
]


@pytest.mark.parametrize("num_layers", [1, 2, 3, 7])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_of_any_depth_can_be_saved(family, num_layers):
    sizes = {"vocab_size": 1024, "hidden_size": 64, "num_heads": 4, "num_layers": num_layers}
    config = ModelConfig(**in_manner({**FAMILIES[family].preset, "family": family, **sizes}))
    assert choose_family(config).name == family


@pytest.mark.parametrize("family", ["auto", *DECODERS, "openai-gpt", "gpt2", "bert", "t5"])
def test_a_preset_of_any_size_is_a_model_of_its_family(family):
    config = ModelConfig(**preset(family, "5m", 4096))
    assert config.num_parameters() == pytest.approx(5e6, rel=0.15)
    assert choose_family(config).name == ("llama" if family == "auto" else family)
