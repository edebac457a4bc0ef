"""Errors on their way out: status, form, words, and nothing about our insides."""

from __future__ import annotations

import json

import pytest
from starlette.exceptions import HTTPException

from hanlin.base.errors import CheckFailed, ConfigError, HanlinError, InputError, MachineError, Problem, RequestTooLong
from hanlin.serve.faults import Refusal, blaming, fault_of

TOO_LONG = RequestTooLong("infer.too_long", num_tokens=9, max_seq_len=8)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InputError("infer.prompt_empty"), 400, "E601"),
        (TOO_LONG, 400, "context_length_exceeded"),
        (ConfigError(problems=[Problem("a", 1, "b", "c")]), 400, "E101"),
        (Refusal("serve.draining", status=503), 503, "E986"),
        (Refusal("serve.no_model", status=404, word="model_not_found", model="x"), 404, "model_not_found"),
        (CheckFailed("infer.not_finite", num_tokens=1), 500, "E606"),
        (MachineError("infer.step_failed", reason="0xdeadbeef"), 500, None),
        (HanlinError("infer.prompt_empty"), 500, None),
        (KeyError("secret"), 500, None),
        (HTTPException(404), 404, "E974"),
        (HTTPException(405, headers={"Allow": "GET"}), 405, "E975"),
        (HTTPException(418), 418, "E976"),
    ],
)
def test_every_error_has_a_status_and_a_word(error: Exception, status: int, code: str | None) -> None:
    fault = fault_of(error, "req-1")
    assert (fault.status, fault.code) == (status, code)
    body = json.loads(fault.encoded())["error"]
    assert body["type"] == ("server_error" if status >= 500 else "invalid_request_error")
    assert "secret" not in body["message"] and "0xdead" not in body["message"]
    if code is None:
        assert "req-1" in body["message"]


def test_an_errors_language_is_the_users(lang: str) -> None:
    message = fault_of(Refusal("serve.draining", status=503)).encoded().decode()
    assert ("关闭" in message) == (lang == "zh"), "readable in a terminal, not escaped"


def test_a_fault_of_a_field_names_it() -> None:
    with pytest.raises(Refusal) as caught, blaming("messages"):
        raise TOO_LONG
    fault = fault_of(caught.value)
    assert (fault.param, fault.code, fault.own_code) == ("messages", "context_length_exceeded", "E603")
    assert "9" in fault.message and "8" in fault.message


def test_when_to_come_again() -> None:
    assert fault_of(Refusal("serve.draining", status=503, retry_after=0.2)).all_headers()["retry-after"] == "1"
    assert fault_of(Refusal("serve.draining", status=503, retry_after=30)).all_headers()["retry-after"] == "30"


def test_half_a_surrogate_pair_does_not_break_the_answer() -> None:
    error = json.loads(fault_of(Refusal("serve.duplicate_name", status=400, param="\ud800", name="\ud800")).encoded())
    assert error["error"]["param"] == "?" and "?" in error["error"]["message"]
