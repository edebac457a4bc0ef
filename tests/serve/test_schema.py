"""The rules of requests, one sentence each."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from hanlin.base.errors import InputError
from hanlin.serve.schema import ChatRequest, CompletionRequest, EmbeddingRequest, Record

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
TEXT: dict[str, Any] = {"model": "m", "prompt": "x"}


@pytest.mark.parametrize(
    ("cls", "table", "code"),
    [
        (ChatRequest, {**CHAT, "tools": [{}]}, "E959"),
        (CompletionRequest, {**TEXT, "prompt": []}, "E962"),
        (CompletionRequest, {**TEXT, "prompt": ["a", 1]}, "E962"),
        (ChatRequest, {**CHAT, "stream_options": {}}, "E963"),
        (ChatRequest, {**CHAT, "top_logprobs": 1}, "E964"),
        (ChatRequest, {**CHAT, "messages": [{"role": "tool", "content": "x"}]}, "E965"),
        (ChatRequest, {**CHAT, "max_tokens": 1, "max_completion_tokens": 2}, "E966"),
        (CompletionRequest, {**TEXT, "n": 2, "best_of": 1}, "E967"),
        (CompletionRequest, {**TEXT, "best_of": 2, "stream": True}, "E968"),
        (CompletionRequest, {**TEXT, "prompt": [5], "suffix": "end"}, "E969"),
        (CompletionRequest, {**TEXT, "suffix": "end", "echo": True}, "E993"),
        (EmbeddingRequest, {"model": "m", "input": ["a", ""]}, "E994"),
    ],
)
def test_every_rule_of_our_own_has_its_sentence(cls: type[Record], table: dict[str, Any], code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        cls.model_validate(table)
    error = caught.value.errors()[0]["ctx"]["error"]
    assert isinstance(error, InputError) and error.code == code


def test_defaults_are_those_of_the_api() -> None:
    chat, text = ChatRequest.model_validate(CHAT), CompletionRequest.model_validate({"model": "m"})
    assert (chat.n, chat.stream, chat.token_limit, chat.num_logprobs, chat.stop) == (1, False, None, None, [])
    assert (text.max_tokens, text.prompt, text.num_tries, text.echo, text.logprobs) == (16, [""], 1, False, None)


def test_zero_is_a_value() -> None:
    record = ChatRequest.model_validate(
        {**CHAT, "temperature": 0, "max_tokens": 0, "logprobs": True, "top_logprobs": 0}
    )
    assert (record.temperature, record.token_limit, record.num_logprobs) == (0, 0, 0)
    assert CompletionRequest.model_validate({**TEXT, "logprobs": 0}).logprobs == 0


def test_prompts_are_always_a_list_of_prompts() -> None:
    forms: list[tuple[Any, list[Any]]] = [
        ("a", ["a"]),
        ([1, 2], [[1, 2]]),
        (["a", "b"], ["a", "b"]),
        ([[1], [2]], [[1], [2]]),
    ]
    for given, expected in forms:
        assert CompletionRequest.model_validate({"model": "m", "prompt": given}).prompt == expected


def test_a_million_wrong_items_make_one_error() -> None:
    with pytest.raises(ValidationError) as caught:
        CompletionRequest.model_validate({"model": "m", "prompt": [-1] * 1_000_000})
    assert caught.value.error_count() <= 3
