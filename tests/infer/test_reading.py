"""Encoder-decoders and prefix models write through the engine: alone, together, streamed, cancelled."""

from __future__ import annotations

import pytest
import torch
from tests.infer import vocabulary
from tests.infer.conftest import engine_for
from tests.infer.reading_models import PROMPTS, opened, padded, save_t5, wide

from hanlin.base.errors import InputError, RequestTooLong, UsageError
from hanlin.infer.config import SamplingParams
from hanlin.infer.request import Finish, Request, Token

GREEDY = SamplingParams(max_tokens=12, temperature=0)
DRAWN = SamplingParams(max_tokens=9, temperature=0.9, top_k=7, seed=4, logprobs=2)


@pytest.fixture(scope="module", params=["encoder_decoder", "prefix"])
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


def test_greedy_answers_are_those_of_transformers(t5, tokenizer):
    theirs, ours = t5
    said = theirs.generate(**padded(), max_new_tokens=12, num_beams=1, do_sample=False)
    answers = engine_for(ours, tokenizer).generate_many(PROMPTS, GREEDY)
    for answer, expected in zip(answers, said.tolist(), strict=True):
        assert list(answer.ids) == expected[1 : 1 + len(answer.ids)]
        assert answer.finish_reason == ("stop" if answer.ids[-1] == 1 else "length")
        assert set(expected[1 + len(answer.ids) :]) <= {0}


@pytest.mark.parametrize("params", [GREEDY, DRAWN], ids=["greedy", "drawn"])
def test_a_text_in_a_batch_is_written_as_alone(model, tokenizer, params):
    together = engine_for(model, tokenizer).generate_many(PROMPTS, params)
    for prompt, answer in zip(PROMPTS, together, strict=True):
        alone = engine_for(model, tokenizer).generate(prompt, params)
        assert (alone.ids, alone.text, alone.finish_reason) == (answer.ids, answer.text, answer.finish_reason)
        assert [one.logprob for one in alone.tokens] == pytest.approx([one.logprob for one in answer.tokens], abs=1e-4)


def test_whoever_comes_and_goes_changes_nobodys_text(model, tokenizer):
    """Two rows at most, a step of few tokens: prompts wait, join and leave while others write."""
    params = [SamplingParams(max_tokens=3 + 2 * n, temperature=0, ignore_eos=True) for n in range(5)]
    prompts = [[5 + n] * (1 + 3 * n) + [1] for n in range(5)]
    engine = engine_for(model, tokenizer, max_batch=2, step_tokens=4)
    names = [engine.submit(Request(tuple(p), one)) for p, one in zip(prompts, params, strict=True)]
    found: dict[str, list[int]] = {name: [] for name in names}
    while engine.num_unfinished:
        for event in engine.step():
            if isinstance(event, Token):
                found[event.request_id].append(event.token_id)
    for name, prompt, one in zip(names, prompts, params, strict=True):
        assert tuple(found[name]) == engine_for(model, tokenizer).generate(prompt, one).ids
    assert engine.num_free_blocks == engine._tables.num_blocks


def test_each_memory_is_projected_once(tokenizer):
    """Keys and values of what was read are worked out when it is read, never while writing."""
    engine = engine_for(wide("encoder_decoder"), tokenizer)
    calls = []
    for block in engine._runner._model.stack.blocks:
        block.cross.kv.register_forward_hook(lambda part, given, out: calls.append(given[0].shape[1]))
    engine.generate_many(PROMPTS, SamplingParams(max_tokens=8, temperature=0, ignore_eos=True))
    assert sorted(calls) == sorted(length for length in map(len, PROMPTS) for _ in range(2))


def test_an_answer_is_streamed_and_can_be_cut(model, tokenizer):
    engine = engine_for(model, tokenizer)
    params = SamplingParams(max_tokens=8, temperature=0, ignore_eos=True)
    whole = engine.generate(PROMPTS[0], params)
    events = list(engine.stream(PROMPTS[0], params))
    assert "".join(event.text for event in events if isinstance(event, Token)) == whole.text
    assert isinstance(events[-1], Finish) and events[-1].num_prompt_tokens == len(PROMPTS[0])
    stream = engine.stream(PROMPTS[0], params)
    next(stream)
    stream.close()
    assert engine.num_unfinished == 0 and engine.num_free_blocks == engine._tables.num_blocks
    name = engine.submit(Request(tuple(PROMPTS[0]), params))
    engine.step()
    assert engine.cancel(name)
    assert [event.reason for event in engine.step() if isinstance(event, Finish)] == ["cancelled"]


def test_writing_ends_where_the_model_ends(tokenizer, lang):
    model = wide("encoder_decoder", max_seq_len=10)
    answer = engine_for(model, tokenizer).generate([5, 1], SamplingParams(temperature=0, ignore_eos=True))
    assert (len(answer.ids), answer.finish_reason) == (9, "length")
    assert len(engine_for(model, tokenizer).generate([5] * 10, GREEDY).ids) <= 9
    with pytest.raises(RequestTooLong) as error:
        engine_for(model, tokenizer).generate([5] * 11)
    assert error.value.code == "E622" and "11" in str(error.value) and "10" in str(error.value)
    with pytest.raises(RequestTooLong) as error:
        engine_for(wide("prefix", max_seq_len=10), tokenizer).generate([5] * 10)
    assert error.value.values == {"num_tokens": 10, "max_seq_len": 10}


def test_a_stop_string_ends_a_text_before_itself(tokenizer):
    engine, drawn = engine_for(wide("encoder_decoder"), tokenizer), {"max_tokens": 8, "temperature": 5.0, "seed": 3}
    whole = engine.generate(PROMPTS[0], SamplingParams(**drawn, ignore_eos=True))
    stop = [token.text for token in whole.tokens if token.text][2]
    cut = engine.generate(PROMPTS[0], SamplingParams(**drawn, ignore_eos=True, stop=(stop,)))
    assert cut.finish_reason == "stop"
    assert cut.text == whole.text[: whole.text.index(stop)]


def test_weights_that_change_are_read_again(tokenizer):
    model = wide("encoder_decoder")
    engine = engine_for(model, tokenizer)
    engine.generate(PROMPTS[0], GREEDY)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.5)
    assert engine.generate(PROMPTS[0], GREEDY).ids == engine_for(model, tokenizer).generate(PROMPTS[0], GREEDY).ids


def test_what_cannot_write_says_so(tokenizer, lang):
    with pytest.raises(UsageError) as error:
        engine_for(wide("encoder"), tokenizer)
    assert error.value.code == "E614"
    with pytest.raises(InputError) as error:
        engine_for(wide("prefix"), tokenizer).generate([])
    assert error.value.code == "E601"


def test_a_prefix_that_the_tokens_tell_is_remembered_by_each_row(tokenizer):
    """ChatGLM-6B's layout: rows that come at different times keep their own blank and their own beginning."""
    positions = {"kind": "rope2d", "start_token": 2, "blank_token": 4, "short_blank_token": 3}
    model = wide("prefix", positions=positions)
    prompts = [[5, 6, 3, 7, 2], [8, 4, 9, 10, 11, 2], [12, 3, 2], [13, 2]]
    params = SamplingParams(max_tokens=7, temperature=0, ignore_eos=True)
    engine = engine_for(model, tokenizer, max_batch=2, step_tokens=8)
    together = engine.generate_many(prompts, params)
    for prompt, answer in zip(prompts, together, strict=True):
        ids = list(prompt)
        for _ in range(7):
            with torch.no_grad():
                ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
        assert tuple(ids[len(prompt) :]) == answer.ids


def test_what_fills_a_blank_stands_behind_it(tokenizer):
    """As blank infilling trains: the prefix sees itself, what is written counts on from the place of its mask."""
    model, prompt, blank = wide("prefix"), [5, 6, 2, 7, 8, 9], 2
    params = SamplingParams(max_tokens=6, temperature=0, ignore_eos=True)
    plain = Request((11, 12, 13), params)
    engine = engine_for(model, tokenizer)
    answer, other = engine.answer_all([Request(tuple(prompt), params, blank=blank), plain])
    ids, prefix = list(prompt), torch.arange(len(prompt) + 6) < len(prompt) - 1
    for _ in range(6):
        row = torch.tensor([ids])
        places = torch.tensor([[*range(len(prompt) - 1), *range(blank + 1, blank + 2 + len(ids) - len(prompt))]])
        with torch.no_grad():
            logits = model(row, positions=places, prefix=prefix[None, : len(ids)])
        ids.append(int(logits[0, -1].argmax()))
    assert tuple(ids[len(prompt) :]) == answer.ids
    assert other.ids == engine_for(model, tokenizer).generate(plain.prompt_ids, params).ids
