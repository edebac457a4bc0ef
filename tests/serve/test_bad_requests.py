"""Bad input: one clear sentence, the right status and field, and the server as it was before."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.serve.conftest import MAX_SEQ_LEN, Live, fault

from hanlin.serve.body import parse
from hanlin.serve.faults import Refusal
from hanlin.serve.schema import ChatRequest, CompletionRequest

HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture(autouse=True)
def server_as_before(live: Live) -> Iterator[None]:
    """After every bad request the next good one is answered, and nothing is left running."""
    yield
    assert live.chat(max_tokens=1).status_code == 200
    assert live.settles()


def post(live: Live, data: bytes | str, **headers: str) -> httpx.Response:
    given = {"content-type": "application/json", **headers}
    return live.client.post("/v1/chat/completions", content=data, headers=given)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "E952"),
        (b"{", "E952"),
        (b"hello", "E952"),
        (b'{"model": "tiny",}', "E952"),
        (b"\xff\xfe{}", "E952"),
        (b'\xef\xbb\xbf{"model": 1}', "E952"),
        (b"[]", "E953"),
        (b'"x"', "E953"),
        (b"null", "E953"),
        (b'{"a": ' + b"[" * 64 + b"]" * 64 + b"}", "E954"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "E954"),
        (b"[" * 100_000, "E954"),
        (b'{"model": "tiny", "model": "tiny"}', "E955"),
        (b'{"model": "tiny", "messages": [{"role": "user", "role": "user", "content": "x"}]}', "E955"),
        (b'{"n": ' + b"9" * 5000 + b"}", "E952"),
    ],
)
def test_what_is_no_proper_json_is_refused(live: Live, data: bytes, code: str) -> None:
    fault(post(live, data), 400, code)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("field", ["temperature", "top_p", "n", "seed", "max_tokens", "unknown"])
def test_numbers_that_are_none_are_refused_by_name(live: Live, field: str, number: str) -> None:
    data = f'{{"model": "tiny", "messages": {json.dumps(HELLO)}, "{field}": {number}}}'
    assert fault(post(live, data), 400, "E956")["param"] == field


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("temperature", [-0.1, 2.1, True, "1", [], {}]),
        ("top_p", [0, 1.1, -1, "0.5", True]),
        ("top_k", [-1, 1.5, "3", True, 2**63]),
        ("min_p", [-0.1, 1.5, "0"]),
        ("repetition_penalty", [0, -1, 101, "1"]),
        ("n", [0, -1, 129, 2**31, 1.5, "2", True]),
        ("seed", [2**63, -(2**63) - 1, 1.5, "1", True]),
        ("max_tokens", [-1, 2**63, 1.5, "8", True]),
        ("max_completion_tokens", [-1, 2**63, "8"]),
        ("stream", [1, "true", 0, []]),
        ("stop", [["a"] * 5, [1], 5, {"a": 1}, True]),
        ("logprobs", [1, "true"]),
        ("top_logprobs", [3]),
        ("model", [1, None, ["tiny"]]),
        ("stream_options", [{"include_usage": True}, "x", 1]),
        ("messages", [None, [], {}, "hello", 5]),
    ],
)
def test_wrong_types_and_ranges_name_the_field(live: Live, field: str, values: list[Any]) -> None:
    for value in values:
        response = live.client.post("/v1/chat/completions", json={"model": "tiny", "messages": HELLO, field: value})
        error = fault(response, 400, "E957")
        assert error["type"] == "invalid_request_error"
        assert error["param"].partition("[")[0] == field, value
        assert field in error["message"]


@pytest.mark.parametrize("stop", ["", "x" * 1001, "x" * 1_000_000, ["ok", ""]])
def test_stop_texts_have_a_length(live: Live, stop: Any) -> None:
    assert fault(live.chat(stop=stop), 400, "E957")["param"].startswith("stop")


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([{"role": "wizard", "content": "x"}], "messages[0].role"),
        ([{"role": "user"}], "messages[0].content"),
        ([{"role": "user", "content": None}], "messages[0].content"),
        ([*HELLO, {"role": "user", "content": 5}], "messages[1].content"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}], "messages[0].content"),
        ([{"role": "tool", "content": "42"}], "messages[0]"),
        ([{"role": "assistant", "content": "", "tool_calls": [{"id": "a"}]}], "messages[0].tool_calls"),
        (["hello"], "messages[0]"),
    ],
)  # fmt: skip
def test_messages_name_the_place(live: Live, messages: Any, param: str) -> None:
    assert fault(live.chat(messages=messages), 400, "E957")["param"] == param


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([{"role": "system", "content": "x"}], "E244"),
        ([{"role": "user", "content": "\ud800"}], "E242"),
    ],
)
def test_conversations_that_cannot_be_are_refused(live: Live, messages: Any, code: str) -> None:
    data = json.dumps({"model": "tiny", "messages": messages})
    assert fault(post(live, data), 400, code)["param"] == "messages"


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"response_format": {"type": "json_object"}},
        {"logit_bias": {"5": 10}},
        {"logit_bias": {str(n): 1 for n in range(10_000)}},
        {"frequency_penalty": 0.5},
        {"presence_penalty": -0.5},
        {"functions": [{}]},
        {"tool_choice": "required"},
        {"modalities": ["audio"]},
        {"chat_template": "{{ 1 }}"},
        {"chat_template_kwargs": {"a": 1}},
        {"min_tokens": 3},
        {"bad_words": ["a"]},
        {"allowed_token_ids": [3]},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_is_not_supported_is_refused_and_not_ignored(live: Live, fields: dict[str, Any]) -> None:
    error = fault(live.chat(**fields), 400, "E957")
    assert error["param"] == next(iter(fields)) and "not supported" in error["message"]


def test_neutral_values_of_unsupported_fields_are_fine(live: Live) -> None:
    neutral = {
        "tools": [], "tool_choice": "none", "response_format": {"type": "text"}, "logit_bias": {}, "stop": None,
        "frequency_penalty": 0, "presence_penalty": 0.0, "modalities": ["text"], "functions": None, "user": None,
    }  # fmt: skip
    response = live.chat(**neutral)
    assert response.status_code == 200 and "x-hanlin-ignored" not in response.headers


def test_unknown_fields_are_listed(live: Live) -> None:
    response = live.chat(user="me", guided_json={"type": "object"}, **{"a\r\nset-cookie: x": 1})
    assert response.status_code == 200
    assert response.headers["x-hanlin-ignored"] == "user, guided_json, a??set-cookie??x"
    named = live.chat(messages=[{"role": "user", "content": "hello", "name": "Ann"}], stream=True)
    assert named.headers["x-hanlin-ignored"] == "messages.name"


def test_a_strict_server_refuses_them(serve: Any) -> None:
    with serve(strict=True) as strict:
        error = fault(strict.chat(guided_json={}), 400, "E958")
        assert error["param"] == "guided_json"
        assert strict.chat().status_code == 200


@pytest.mark.parametrize("fields", [{"max_tokens": 4, "max_completion_tokens": 5}, {"top_logprobs": 1}])
def test_fields_that_contradict_each_other(live: Live, fields: dict[str, Any]) -> None:
    fault(live.chat(**fields), 400, "E957")


@pytest.mark.parametrize(
    "prompt",
    [[], [[]], [-1], [2**31], ["a", 1], ["a", [1]], [1.5], [True], 5, {"a": 1}, ["a"] * 1025, [["a"]]],
    ids=str,
)
def test_prompts_of_no_form(live: Live, prompt: Any) -> None:
    assert fault(live.complete(prompt), 400, "E957")["param"].startswith("prompt")


def test_an_id_outside_the_vocabulary(live: Live) -> None:
    error = fault(live.complete([5, 299_999]), 400, "E602")
    assert error["param"] == "prompt" and "299999" in error["message"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 3, "best_of": 2}, "best_of"),
        ({"best_of": 21}, "best_of"),
        ({"best_of": 2, "stream": True}, "best_of"),
        ({"logprobs": 6}, "logprobs"),
        ({"logprobs": True}, "logprobs"),
        ({"suffix": "end", "echo": True}, "suffix"),
    ],
)
def test_completions_have_limits_of_their_own(live: Live, fields: dict[str, Any], param: str) -> None:
    assert fault(live.complete("the", **fields), 400, "E957")["param"] == param


def test_a_prompt_too_long_names_both_numbers(live: Live) -> None:
    text = "猫坐在垫子上。 the cat " * 40
    error = fault(live.chat(text, max_tokens=None), 400, "E971")
    assert error["code"] == "context_length_exceeded" and error["param"] == "messages"
    assert f" {MAX_SEQ_LEN} " in error["message"]
    asked = fault(live.chat("hello", max_tokens=MAX_SEQ_LEN), 400, "E971")
    assert str(MAX_SEQ_LEN) in asked["message"]


@pytest.mark.parametrize("text", ["a" * 2_000_000, " " * 1_000_000, "e\u0301\u0302" * 100_000, "👩\u200d" * 100_000])
def test_huge_texts_are_refused_by_their_bytes(live: Live, text: str) -> None:
    for response in (live.chat(text), live.complete(text)):
        assert fault(response, 400, "E970")["code"] == "context_length_exceeded"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "gpt-4", "http://a/b", "con", "x" * 10_000, "a\0b", "TINY", ""]
)
def test_an_unknown_model_is_not_looked_for(live: Live, name: str) -> None:
    error = fault(live.chat(model=name), 404, "E973")
    assert error["code"] == "model_not_found" and error["param"] == "model"


def test_a_body_of_another_kind(live: Live) -> None:
    data = json.dumps({"model": "tiny", "messages": HELLO})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp"):
        fault(live.client.post("/v1/chat/completions", content=data, headers={"content-type": kind}), 415, "E950")
    fault(live.client.post("/v1/chat/completions", content=data), 415, "E950")
    assert post(live, data, **{"content-type": "Application/JSON; charset=utf-8"}).status_code == 200
    fault(post(live, data, **{"content-encoding": "gzip"}), 415, "E951")


def test_a_large_body_is_refused_while_it_is_read(serve: Any) -> None:
    with serve(max_body_bytes=100_000) as small:
        fault(post(small, b" " * 100_001), 413, "E981")
        chunked = post(small, (b" " * 10_000 for _ in range(1000)))  # type: ignore[arg-type]
        assert fault(chunked, 413, "E981")["message"].count("100000")
        assert small.chat().status_code == 200


def test_ten_megabytes_get_a_sentence(live: Live) -> None:
    fault(post(live, b'{"model": "' + b"x" * 10_000_000 + b'"}'), 413, "E981")


def test_the_door_stays_open_while_long_texts_are_read(live: Live) -> None:
    """`/live` while a request of 8 MB is read, parsed and refused in another connection."""
    body = json.dumps({"model": "tiny", "prompt": [1] * 2_000_000}).encode()
    fault(live.client.post("/v1/completions", content=body, headers={"content-type": "application/json"}), 400, "E971")
    begun = time.monotonic()
    assert httpx.get(f"{live.server.address}/live", trust_env=False).status_code == 200
    assert time.monotonic() - begun < 5


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
FIELDS = sorted({*ChatRequest.model_fields, *CompletionRequest.model_fields})


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5))
def test_whatever_comes_is_a_record_or_a_refusal(table: dict[str, Any]) -> None:
    for cls in (ChatRequest, CompletionRequest):
        try:
            parse(json.dumps(table).encode(), cls)
        except Refusal as refusal:
            assert refusal.status == 400 and len(str(refusal)) < 5000


@settings(max_examples=100)
@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_whatever_bytes_come_are_a_refusal(data: bytes) -> None:
    with pytest.raises(Refusal):
        parse(data, ChatRequest)
