"""Errors as OpenAI writes them: {"error": {"message", "type", "param", "code"}}, with the HTTP status they mean.

InputError, ConfigError       400    RequestTooLong   400 context_length_exceeded
Refusal                       what it says: 400 401 403 404 405 408 413 415 421 431 503
CheckFailed                   500, its own sentence: the same request would fail again
anything else                 500 with the request's id and nothing about our insides
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from hanlin.base.errors import CheckFailed, ConfigError, HanlinError, InputError, RequestTooLong
from hanlin.base.messages import say

TOO_LONG = "context_length_exceeded"


class Refusal(HanlinError):
    """A request that is turned down: its status, the field at fault, OpenAI's word for it, when to come again."""

    def __init__(
        self,
        key: str,
        /,
        *,
        status: int,
        param: str | None = None,
        word: str | None = None,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> None:
        super().__init__(key, **values)
        self.status, self.param, self.word = status, param, word
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["retry-after"] = str(max(1, round(retry_after)))


@dataclass(frozen=True)
class Fault:
    """One error on its way out. `code` is OpenAI's word where there is one, else ours; `own_code` always ours."""

    status: int
    message: str
    param: str | None = None
    code: str | None = None
    own_code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """OpenAI's kind of error, which follows from the status."""
        return "server_error" if self.status >= 500 else "invalid_request_error"

    def body(self) -> dict[str, Any]:
        """The error as JSON."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}

    def response(self) -> Response:
        """The error as an HTTP response."""
        return Response(self.encoded(), self.status, self.all_headers(), "application/json")

    def encoded(self) -> bytes:
        """The body's bytes; half a surrogate pair that the user sent comes back as a question mark."""
        return json.dumps(self.body(), ensure_ascii=False).encode("utf-8", "replace")

    def all_headers(self) -> dict[str, str]:
        """Headers of its own, our code among them."""
        return {**self.headers, **({"x-hanlin-error": self.own_code} if self.own_code else {})}


def fault_of(error: Exception, request_id: str = "-") -> Fault:
    """What a client is told of an error."""
    match error:
        case Refusal():
            return Fault(
                error.status, str(error), error.param, error.word or error.code, error.code, headers=error.headers
            )
        case InputError() | ConfigError():
            return Fault(400, str(error), code=_word(error) or error.code, own_code=error.code)
        case CheckFailed():
            headers = {"x-should-retry": "false"}
            return Fault(500, str(error), code=error.code, own_code=error.code, headers=headers)
        case HTTPException():
            return _routing_fault(error)
        case _:
            return Fault(500, say("serve.internal", request_id=request_id))


def _routing_fault(error: HTTPException) -> Fault:
    """No such route, or not this way."""
    key = {404: "serve.no_route", 405: "serve.no_method"}.get(error.status_code, "serve.bad_http")
    return fault_of(Refusal(key, status=error.status_code, headers=error.headers))


def _word(error: HanlinError) -> str | None:
    return TOO_LONG if isinstance(error, RequestTooLong) else None


@contextlib.contextmanager
def blaming(param: str) -> Iterator[None]:
    """An InputError inside the block is the fault of this field of the request."""
    try:
        yield
    except InputError as error:
        raise Refusal(error.key, status=400, param=param, word=_word(error), **error.values) from error
