"""POST /v1/completions, under both paths, against the engine asked directly."""

from __future__ import annotations

import pytest
import torch
from tests.serve.conftest import MAX_SEQ_LEN, Live, events_of, fault

from hanlin.infer.config import SamplingParams
from hanlin.model.transformer import Transformer
from hanlin.text.tokenizer import Tokenizer


def joined(events: list, index: int = 0) -> str:
    choices = [choice for event in events if event != "[DONE]" for choice in event["choices"]]
    return "".join(choice["text"] for choice in choices if choice["index"] == index)


def test_a_text_is_continued_as_the_engine_does(live: Live, tokenizer: Tokenizer) -> None:
    ids = [tokenizer.special.bos, *tokenizer.encode("the cat")]
    expected = live.engine.generate(ids, SamplingParams(max_tokens=16, temperature=0.0))
    body = live.complete("the cat").json()
    assert body["object"] == "text_completion" and body["id"].startswith("cmpl-")
    assert body["choices"] == [
        {"index": 0, "text": expected.text, "logprobs": None, "finish_reason": expected.finish_reason}
    ]
    assert body["usage"]["prompt_tokens"] == len(ids)
    assert body["usage"]["completion_tokens"] <= 16, "16 is the default of this API"


def test_ids_are_taken_as_they_are(live: Live, tokenizer: Tokenizer) -> None:
    ids = [tokenizer.special.bos, *tokenizer.encode("the cat")]
    assert live.complete(ids).json()["choices"] == live.complete("the cat").json()["choices"]


def test_many_prompts_come_back_in_their_order(live: Live) -> None:
    texts = ["the cat", "hello", "猫"]
    together = live.complete(texts, n=2, temperature=1.0, seed=3).json()
    alone = [live.complete(text, n=2, temperature=1.0, seed=3).json() for text in texts]
    assert [c["index"] for c in together["choices"]] == list(range(6))
    assert [c["text"] for c in together["choices"]] == [c["text"] for one in alone for c in one["choices"]]
    assert together["usage"]["prompt_tokens"] == sum(one["usage"]["prompt_tokens"] for one in alone)


def test_no_prompt_and_an_empty_one_begin_a_new_text(live: Live) -> None:
    empty = live.complete("").json()
    assert empty["usage"]["prompt_tokens"] == 1
    assert live.complete(None).json()["choices"] == empty["choices"]


def test_a_stream_is_the_same_text_in_pieces(live: Live) -> None:
    whole = live.complete("the cat", max_tokens=24, ignore_eos=True).json()["choices"][0]
    *chunks, done = events_of(live.complete("the cat", max_tokens=24, ignore_eos=True, stream=True).text)
    assert done == "[DONE]" and joined(chunks) == whole["text"]
    assert chunks[-1]["choices"][0]["finish_reason"] == whole["finish_reason"] == "length"
    counted = live.complete("the cat", stream=True, stream_options={"include_usage": True})
    assert events_of(counted.text)[-2]["usage"] == live.complete("the cat").json()["usage"]


@pytest.mark.parametrize("stream", [False, True])
def test_the_prompt_is_echoed_where_wished(live: Live, stream: bool) -> None:
    plain = live.complete("the cat").json()["choices"][0]["text"]
    response = live.complete("the cat", echo=True, stream=stream)
    text = joined(events_of(response.text)) if stream else response.json()["choices"][0]["text"]
    assert text == "the cat" + plain
    nothing = live.complete("the cat", echo=True, max_tokens=0, stream=stream)
    text = joined(events_of(nothing.text)) if stream else nothing.json()["choices"][0]["text"]
    assert text == "the cat"


def test_echoed_ids_are_their_text(live: Live, tokenizer: Tokenizer) -> None:
    choice = live.complete(tokenizer.encode("the cat"), echo=True, max_tokens=1).json()["choices"][0]
    assert choice["text"].startswith("the cat")


def test_log_probabilities_are_those_of_the_model(live: Live, model: Transformer, tokenizer: Tokenizer) -> None:
    ids = [tokenizer.special.bos, *tokenizer.encode("the cat")]
    choice = live.complete("the cat", logprobs=2, max_tokens=4, ignore_eos=True).json()["choices"][0]
    figures = choice["logprobs"]
    with torch.no_grad():
        expected = torch.log_softmax(model(torch.tensor([ids]))[0, -1].double(), dim=-1).topk(2)
    assert sorted(figures["top_logprobs"][0].values()) == pytest.approx(sorted(expected.values.tolist()), abs=1e-4)
    assert figures["token_logprobs"][0] == max(figures["top_logprobs"][0].values())
    assert len(figures["tokens"]) == len(figures["text_offset"]) == 4
    whole = [t for t in figures["tokens"] if not t.startswith("bytes:")]
    if len(whole) == 4:
        assert "".join(whole) == choice["text"]
        assert figures["text_offset"] == [len("".join(whole[:n])) for n in range(4)]


def test_streamed_figures_are_the_same(live: Live) -> None:
    whole = live.complete("the cat", logprobs=1, max_tokens=12, ignore_eos=True).json()["choices"][0]["logprobs"]
    chunks = events_of(live.complete("the cat", logprobs=1, max_tokens=12, ignore_eos=True, stream=True).text)[:-1]
    pieces = [c["logprobs"] for chunk in chunks for c in chunk["choices"] if c["logprobs"]]
    for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset"):
        assert [value for piece in pieces for value in piece[name]] == whole[name]


def test_half_a_character_is_named_by_its_bytes(live: Live, tokenizer: Tokenizer) -> None:
    """A token that is no text of its own: the older API names it bytes:\\xe4."""
    tokens = []
    for seed in range(6):
        body = live.complete("猫", logprobs=0, temperature=2.0, seed=seed, max_tokens=40, ignore_eos=True).json()
        tokens += body["choices"][0]["logprobs"]["tokens"]
    halves = [token for token in tokens if token.startswith("bytes:")]
    assert halves and all(bytes.fromhex(half[6:].replace("\\x", "")) for half in halves)
    assert "\ufffd" not in "".join(tokens)


def test_the_best_of_several_is_the_likeliest(live: Live) -> None:
    fields = {"temperature": 2.0, "seed": 1, "max_tokens": 10, "logprobs": 0, "ignore_eos": True}
    tries = live.complete("the", n=4, **fields).json()["choices"]
    means = [sum(c["logprobs"]["token_logprobs"]) / len(c["logprobs"]["token_logprobs"]) for c in tries]
    body = live.complete("the", n=1, best_of=4, **fields).json()
    assert [c["text"] for c in body["choices"]] == [tries[means.index(max(means))]["text"]]
    assert body["usage"]["completion_tokens"] == 40, "all tries were written"
    assert live.complete("the", n=1, best_of=4, **{**fields, "logprobs": None}).json()["choices"][0]["logprobs"] is None


def test_older_clients_find_it_under_the_engines_path(live: Live) -> None:
    body = {"prompt": "the cat", "stop": None, "max_tokens": 16}
    response = live.client.post("/v1/engines/tiny/completions", json=body)
    assert response.json()["choices"] == live.complete("the cat").json()["choices"]
    error = fault(live.client.post("/v1/engines/other/completions", json=body), 404, "E973")
    assert error["code"] == "model_not_found"


def test_the_whole_context_can_be_used_and_no_token_more(live: Live, tokenizer: Tokenizer) -> None:
    ids = (tokenizer.encode("the cat sat on the mat. ") * MAX_SEQ_LEN)[: MAX_SEQ_LEN - 4]
    assert live.complete(ids, max_tokens=4, ignore_eos=True).json()["usage"]["total_tokens"] == MAX_SEQ_LEN
    error = fault(live.complete(ids, max_tokens=5), 400, "E971")
    assert error["code"] == "context_length_exceeded" and error["param"] == "prompt"
    assert str(MAX_SEQ_LEN + 1) in error["message"] and f" {MAX_SEQ_LEN} " in error["message"]
