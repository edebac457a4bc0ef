"""Beam search of every shape that writes, against transformers."""

from __future__ import annotations

import pytest
from tests.infer import vocabulary
from tests.infer.conftest import engine_for
from tests.infer.reading_models import PROMPTS, opened, padded, save_t5, wide

from hanlin.base.errors import ConfigError, InputError, RequestTooLong, UsageError
from hanlin.bundle.bundle import load_bundle
from hanlin.infer.beams import search
from hanlin.infer.config import BeamParams, SamplingParams


@pytest.fixture(scope="module", params=["encoder_decoder", "prefix", "decoder"])
def model(request):
    return wide(request.param)


@pytest.fixture(scope="module")
def t5(tmp_path_factory):
    """A model of theirs, and the same here."""
    folder = tmp_path_factory.mktemp("t5")
    return save_t5(folder), opened(folder)


@pytest.fixture(scope="module")
def tokenizer():
    return vocabulary.t5()


@pytest.mark.parametrize("penalty", [1.0, 0.0, 2.0, -1.0])
@pytest.mark.parametrize("num_beams", [1, 3, 5])
def test_beams_are_those_of_transformers(t5, num_beams, penalty):
    theirs, ours = t5
    asked = {"num_beams": num_beams, "num_return_sequences": num_beams, "length_penalty": penalty, "max_new_tokens": 9}
    if num_beams == 1:
        asked |= {"num_beams": 2, "num_return_sequences": 2}
    said = theirs.generate(
        **padded(), **asked, do_sample=False, early_stopping=False, return_dict_in_generate=True, output_scores=True
    )
    params = BeamParams(num_beams=asked["num_beams"], length_penalty=penalty, max_tokens=9)
    found = [beam for beams in search(ours, PROMPTS, params, start=0, end=1) for beam in beams]
    assert len(found) == len(said.sequences)
    for beam, ids, score in zip(found, said.sequences.tolist(), said.sequences_scores.tolist(), strict=True):
        assert list(beam.ids) == ids[1 : 1 + len(beam.ids)]
        assert beam.score == pytest.approx(score, abs=1e-5, rel=1e-5)


def test_beams_in_a_batch_are_found_as_alone(model):
    together = search(model, PROMPTS, BeamParams(num_beams=3, max_tokens=7), start=0, end=1)
    for prompt, found in zip(PROMPTS, together, strict=True):
        (alone,) = search(model, [prompt], BeamParams(num_beams=3, max_tokens=7), start=0, end=1)
        assert [beam.ids for beam in alone] == [beam.ids for beam in found]
        assert [beam.score for beam in alone] == pytest.approx([beam.score for beam in found], abs=1e-5)


def test_one_beam_is_the_greedy_text(model, tokenizer):
    greedy = engine_for(model, tokenizer).generate_many(PROMPTS, SamplingParams(max_tokens=12, temperature=0))
    for prompt, answer in zip(PROMPTS, greedy, strict=True):
        ((beam,),) = search(model, [prompt], BeamParams(num_beams=1, max_tokens=12), start=0, end=1)
        assert beam.ids == answer.ids


def test_a_decoders_beams_are_those_of_transformers(tmp_path):
    """The same rules where the prompt stands in the same row as the answer."""
    transformers, torch = pytest.importorskip("transformers"), pytest.importorskip("torch")
    settings = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 40}
    torch.manual_seed(3)
    config = transformers.LlamaConfig(vocab_size=43, max_position_embeddings=64, pad_token_id=0, **settings)
    theirs = transformers.LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if "norm" not in name:
                parameter.copy_(torch.randn_like(parameter) * 0.3)
    theirs.save_pretrained(tmp_path)
    ours = load_bundle(tmp_path).model
    asked = {"num_beams": 3, "num_return_sequences": 3, "max_new_tokens": 9, "eos_token_id": 1, "do_sample": False}
    said = theirs.generate(torch.tensor([PROMPTS[0]]), **asked, return_dict_in_generate=True, output_scores=True)
    (found,) = search(ours, PROMPTS[:1], BeamParams(num_beams=3, max_tokens=9), start=0, end=1)
    length = len(PROMPTS[0])
    for beam, ids, score in zip(found, said.sequences.tolist(), said.sequences_scores.tolist(), strict=True):
        assert list(beam.ids) == ids[length : length + len(beam.ids)]
        assert beam.score == pytest.approx(score, abs=1e-5, rel=1e-5)


def test_what_cannot_search_says_so(lang):
    with pytest.raises(UsageError) as error:
        search(wide("encoder"), PROMPTS, start=0, end=1)
    assert error.value.code == "E614"
    with pytest.raises(InputError) as error:
        search(wide("prefix"), [[]], start=0, end=1)
    assert error.value.code == "E601"
    with pytest.raises(RequestTooLong):
        search(wide("prefix", max_seq_len=10), [[5] * 10], start=0, end=1)
    with pytest.raises(ConfigError):
        BeamParams(num_beams=0)
