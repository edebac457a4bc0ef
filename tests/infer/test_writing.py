"""Encoder-decoders and prefix models write: greedy, drawn, and by beams, against transformers."""

from __future__ import annotations

import pytest
import torch
from tests.infer import vocabulary

from hanlin.base.errors import ConfigError, InputError, RequestTooLong, UsageError
from hanlin.bundle.bundle import read_info
from hanlin.bundle.convert import import_weights
from hanlin.infer.beams import search
from hanlin.infer.config import BeamParams, SamplingParams
from hanlin.infer.writing import write
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.transformer import assemble, build_model

SIZES = {"vocab_size": 43, "hidden_size": 24, "num_layers": 2, "num_heads": 3, "ffn_size": 40, "max_seq_len": 64}
PROMPTS = [[5, 9, 12, 30, 7, 1], [8, 1], [20, 21, 22, 23, 1]]
GREEDY = SamplingParams(max_tokens=12, temperature=0)


@pytest.fixture(scope="module")
def tokenizer():
    return vocabulary.t5()


def wide(arch, **fields):
    model = build_model(ModelConfig(**{**SIZES, **fields, "arch": arch}), seed=0).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model


@pytest.fixture(scope="module", params=["encoder_decoder", "prefix"])
def model(request):
    return wide(request.param)


@pytest.fixture(scope="module")
def t5(tmp_path_factory):
    """A model of theirs that ends its texts now and then, and the same here."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    settings = {"d_model": 24, "d_kv": 8, "num_heads": 3, "d_ff": 40, "num_layers": 2, "vocab_size": 43}
    settings |= {"decoder_start_token_id": 0}
    theirs = transformers.T5ForConditionalGeneration(transformers.T5Config(**settings)).eval()
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if "norm" not in name:
                parameter.copy_(torch.randn_like(parameter) * 0.3)
        theirs.shared.weight[1] *= 3
    folder = tmp_path_factory.mktemp("t5")
    theirs.save_pretrained(folder)
    info = read_info(folder)
    ours = assemble(info.config).eval()
    import_weights(folder, ours, info.config, FAMILIES["t5"], verify=True)
    return theirs, ours


def padded():
    longest = max(map(len, PROMPTS))
    ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in PROMPTS])
    return {"input_ids": ids, "attention_mask": (ids != 0).long()}


def test_greedy_answers_are_those_of_transformers(t5, tokenizer):
    theirs, ours = t5
    said = theirs.generate(**padded(), max_new_tokens=12, num_beams=1, do_sample=False)
    for answer, expected in zip(write(ours, tokenizer, PROMPTS, GREEDY, start=0), said.tolist(), strict=True):
        assert list(answer.ids) == expected[1 : 1 + len(answer.ids)]
        assert answer.finish_reason == ("stop" if answer.ids[-1] == 1 else "length")
        assert set(expected[1 + len(answer.ids) :]) <= {0}


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


def test_a_text_in_a_batch_is_written_as_alone(model, tokenizer):
    for params in (GREEDY, SamplingParams(max_tokens=9, temperature=0.9, top_k=7, seed=4, logprobs=2)):
        together = write(model, tokenizer, PROMPTS, params, start=0)
        for prompt, answer in zip(PROMPTS, together, strict=True):
            (alone,) = write(model, tokenizer, [prompt], params, start=0)
            assert (alone.ids, alone.text, alone.finish_reason) == (answer.ids, answer.text, answer.finish_reason)


def test_beams_in_a_batch_are_found_as_alone(model):
    together = search(model, PROMPTS, BeamParams(num_beams=3, max_tokens=7), start=0, end=1)
    for prompt, found in zip(PROMPTS, together, strict=True):
        (alone,) = search(model, [prompt], BeamParams(num_beams=3, max_tokens=7), start=0, end=1)
        assert [beam.ids for beam in alone] == [beam.ids for beam in found]
        assert [beam.score for beam in alone] == pytest.approx([beam.score for beam in found], abs=1e-5)


def test_one_beam_is_the_greedy_text(model, tokenizer):
    for answer, (beam,) in zip(
        write(model, tokenizer, PROMPTS, GREEDY, start=0),
        search(model, PROMPTS, BeamParams(num_beams=1, max_tokens=12), start=0, end=1),
        strict=True,
    ):
        assert beam.ids == answer.ids


def test_writing_ends_where_the_model_ends(tokenizer):
    model = wide("encoder_decoder", max_seq_len=10)
    (answer,) = write(model, tokenizer, [[5, 1]], SamplingParams(temperature=0, ignore_eos=True), start=0)
    assert (len(answer.ids), answer.finish_reason) == (9, "length")
    with pytest.raises(RequestTooLong):
        write(model, tokenizer, [[5] * 11], start=0)
    with pytest.raises(RequestTooLong) as error:
        write(wide("prefix", max_seq_len=10), tokenizer, [[5] * 10], start=0)
    assert error.value.values == {"num_tokens": 10, "max_seq_len": 10}


def test_a_stop_string_ends_a_text_before_itself(tokenizer):
    model, drawn = wide("encoder_decoder"), {"max_tokens": 8, "temperature": 5.0, "seed": 3, "ignore_eos": True}
    (whole,) = write(model, tokenizer, PROMPTS[:1], SamplingParams(**drawn), start=0)
    stop = [token.text for token in whole.tokens if token.text][2]
    (cut,) = write(model, tokenizer, PROMPTS[:1], SamplingParams(**drawn, stop=(stop,)), start=0)
    assert cut.finish_reason == "stop"
    assert cut.text == whole.text[: whole.text.index(stop)]


def test_what_cannot_write_says_so(tokenizer, lang):
    with pytest.raises(UsageError) as error:
        write(wide("decoder"), tokenizer, PROMPTS, start=0)
    assert error.value.code == "E613"
    with pytest.raises(InputError) as error:
        write(wide("prefix"), tokenizer, [[]], start=0)
    assert error.value.code == "E601"
    with pytest.raises(ConfigError):
        BeamParams(num_beams=0)
