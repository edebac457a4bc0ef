"""Attention maps against transformers' own, for every shape; the layers are left as they were."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.bundle.parity import load, randomise

from hanlin.base.errors import InputError, UsageError
from hanlin.model.attention import attend
from hanlin.model.config import ModelConfig
from hanlin.model.inspection.attention import attention_maps, attentions, num_weights
from hanlin.model.inspection.reading import Reading
from hanlin.model.transformer import build_model

transformers = pytest.importorskip("transformers")

LENGTH, VOCAB = 11, 60
SIZES = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 40}
GROUPED = {**SIZES, "num_key_value_heads": 2, "max_position_embeddings": 32}
CAUSAL: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("GPT2Config", {"n_positions": 32, "n_embd": 48, "n_layer": 2, "n_head": 3}),
    "llama": ("LlamaConfig", GROUPED),
    "mistral": ("MistralConfig", {**GROUPED, "sliding_window": 4}),
    "qwen3": ("Qwen3Config", {**GROUPED, "head_dim": 8}),
    "gemma2": (
        "Gemma2Config",
        {**GROUPED, "head_dim": 8, "sliding_window": 4, "attn_logit_softcapping": 3.0, "query_pre_attn_scalar": 6},
    ),
}
T5 = {"d_model": 48, "d_kv": 8, "d_ff": 40, "num_layers": 2, "num_heads": 3, "decoder_start_token_id": 0}


def near(found, expected):
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= 5e-6


@pytest.fixture(scope="module")
def ids():
    return torch.randint(3, VOCAB, (2, LENGTH), generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("row", CAUSAL)
def test_a_decoders_maps_are_theirs(row, ids, tmp_path):
    name, settings = CAUSAL[row]
    config = getattr(transformers, name)(vocab_size=VOCAB, pad_token_id=0, bos_token_id=1, eos_token_id=2, **settings)
    theirs = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    randomise(theirs).save_pretrained(tmp_path)
    with torch.no_grad():
        expected = theirs(ids, output_attentions=True).attentions
    found = attention_maps(load(tmp_path, torch.float32), Reading(ids))
    assert [one.layer for one in found] == [1, 2]
    for one, weights in zip(found, expected, strict=True):
        near(one.weights, weights)
    (one,) = attention_maps(load(tmp_path, torch.float32), Reading(ids), layers=(2,), heads=(3, 1))
    near(one.weights, expected[1][:, [2, 0]])


def test_an_encoders_maps_are_theirs_beside_padding(ids, tmp_path):
    config = transformers.BertConfig(vocab_size=VOCAB, max_position_embeddings=32, attn_implementation="eager", **SIZES)
    theirs = randomise(transformers.BertForMaskedLM(config).eval())
    theirs.save_pretrained(tmp_path)
    real = torch.ones_like(ids)
    real[1, 7:] = 0
    with torch.no_grad():
        expected = theirs(ids, attention_mask=real, output_attentions=True).attentions
    found = attention_maps(load(tmp_path, torch.float32), Reading(ids, segments=real))
    for one, weights in zip(found, expected, strict=True):
        near(one.weights[0], weights[0])
        near(one.weights[1, :, :7], weights[1, :, :7])  # what padding sees is used by none


def test_all_three_parts_of_an_encoder_decoder_are_theirs(ids, tmp_path):
    theirs = randomise(transformers.T5ForConditionalGeneration(transformers.T5Config(vocab_size=VOCAB, **T5)).eval())
    theirs.save_pretrained(tmp_path)
    theirs.set_attn_implementation("eager")
    source = torch.flip(ids, (1,))[:, :9]
    with torch.no_grad():
        expected = theirs(input_ids=source, decoder_input_ids=ids, output_attentions=True)
    found = attention_maps(load(tmp_path, torch.float32), Reading(ids, source=source))
    names = {"encoder": "encoder_attentions", "self": "decoder_attentions", "cross": "cross_attentions"}
    assert {(one.part, one.layer) for one in found} == {(part, layer) for part in names for layer in (1, 2)}
    for one in found:
        near(one.weights, expected[names[one.part]][one.layer - 1])


@pytest.fixture(scope="module")
def prefix_model():
    return randomise(build_model(ModelConfig(**sizes("prefix")), seed=1).eval())


def sizes(arch="decoder", **fields):
    shape = {"vocab_size": VOCAB, "hidden_size": 24, "num_layers": 2, "num_heads": 3, "ffn_size": 32, "max_seq_len": 32}
    return {**shape, "arch": arch, **fields}


def test_a_prefix_is_seen_by_all_and_the_rest_is_not(prefix_model, ids):
    prefix = torch.arange(LENGTH)[None].expand(2, -1) < 5
    for one in attention_maps(prefix_model, Reading(ids, prefix=prefix)):
        seen = one.weights > 0
        assert seen[:, :, :, :5].all()
        assert torch.equal(seen[0, 0, 5:, 5:], torch.ones(6, 6).tril().bool())
        assert not seen[:, :, :5, 5:].any()


@pytest.mark.parametrize("kind", [{}, {"positions": {"kind": "alibi"}}, {"head_dim": 4}])
def test_weights_times_values_are_what_the_layer_gives(kind, ids, path):
    """Odd widths, biases by distance, both ways of computing: the maps explain the layer's output to the last digit."""
    model = randomise(build_model(ModelConfig(**sizes(num_kv_heads=1, **kind)), seed=1).eval())
    attention, taken = model.stack.blocks[1].attention, {}

    def keep(q, k, v, layout, *, scale, dropout=0.0):
        taken.update(v=v, out=attend(q, k, v, layout, scale=scale))
        return taken["out"]

    (one,) = attention_maps(model, Reading(ids), layers=(2,))
    attention.compute = keep
    with torch.no_grad():
        model(ids)
    expected = torch.einsum("bhts,bskd->bthd", one.weights, taken["v"])  # one kv head
    assert torch.allclose(expected, taken["out"], atol=2e-5)


def test_the_layers_are_as_they_were(prefix_model, ids):
    before = [attention.compute for _, _, attention in attentions(prefix_model)]
    prefix_model.train()
    attention_maps(prefix_model, Reading(ids))
    assert prefix_model.training
    assert [attention.compute for _, _, attention in attentions(prefix_model)] == before
    prefix_model.eval()
    with pytest.raises(InputError):  # even where the pass breaks off
        attention_maps(prefix_model, Reading(ids.repeat(1, 9)))
    assert [attention.compute for _, _, attention in attentions(prefix_model)] == before


def test_what_is_not_there_is_said(prefix_model, ids, lang):
    reading = Reading(ids)
    with pytest.raises(UsageError) as error:
        attention_maps(prefix_model, reading, layers=(3,))
    assert (error.value.code, error.value.values["last"]) == ("E340", 2)
    with pytest.raises(UsageError) as error:
        attention_maps(prefix_model, reading, heads=(1, 4))
    assert (error.value.code, error.value.values["head"]) == ("E341", 4)
    assert num_weights(prefix_model, reading, layers=(1,), heads=(2,)) == 2 * LENGTH**2


def test_a_model_with_nan_shows_nothing(ids, lang):
    model = build_model(ModelConfig(**sizes()), seed=1).eval()
    with torch.no_grad():
        model.stack.blocks[1].attention.qkv.weight[0, 0] = torch.nan
    with pytest.raises(InputError) as error:
        attention_maps(model, Reading(ids))
    assert error.value.code == "E343"
    assert "2" in error.value.values["what"]


def test_a_model_of_two_streams_is_theirs(ids, tmp_path):
    config = transformers.XLNetConfig(vocab_size=VOCAB, d_model=48, n_layer=2, n_head=3, d_inner=40, dropout=0.0)
    theirs = randomise(transformers.XLNetLMHeadModel(config).eval())
    theirs.save_pretrained(tmp_path)
    with torch.no_grad():
        expected = theirs(ids, output_attentions=True).attentions
    for one, weights in zip(attention_maps(load(tmp_path, torch.float32), Reading(ids)), expected, strict=True):
        near(one.weights, weights)
