"""The body of a request: bytes, JSON without traps, a checked record, and the names that meant nothing to us."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from starlette.requests import Request

from hanlin.base.problems import problems_of
from hanlin.serve.faults import Refusal
from hanlin.serve.schema import ChatMessage, Record

R = TypeVar("R", bound=Record)

MAX_DEPTH = 32
MANY_BYTES = 1 << 15  # reading so much JSON takes about a millisecond, which others need not wait for
MAX_SHOWN = 5
_ARM = re.compile(r"\W|^(str|int|list|dict|bool|float)$")  # how pydantic names the arms of a union


@dataclass(frozen=True)
class Parsed(Generic[R]):
    """A checked request, and the names in it that have no effect here."""

    record: R
    ignored: tuple[str, ...]

    def headers(self) -> dict[str, str]:
        """What is told about ignored names: they are cut to be safe in a header."""
        names = [re.sub(r"[^\w.-]", "?", name, flags=re.ASCII)[:64] for name in self.ignored[:20]]
        return {"x-hanlin-ignored": ", ".join(names)} if names else {}


async def read_record(request: Request, cls: type[R], *, strict: bool = False) -> Parsed[R]:
    """The request's body as a checked record. With `strict`, names without effect are refused as well.

    Raises Refusal: 415 for what is no plain JSON by its headers, 400 naming the field for all else.
    """
    _check_headers(request.headers)
    data = await request.body()
    parsed = await asyncio.to_thread(parse, data, cls) if len(data) > MANY_BYTES else parse(data, cls)
    if strict and parsed.ignored:
        names = ", ".join(parsed.ignored[:MAX_SHOWN])
        raise Refusal("serve.unknown_fields", status=400, param=parsed.ignored[0], names=names)
    return parsed


def _check_headers(headers: Mapping[str, str]) -> None:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal("serve.not_json_type", status=415, found=kind[:80] or "-")
    if (encoding := headers.get("content-encoding", "identity")) != "identity":
        raise Refusal("serve.encoded", status=415, found=encoding[:80])


def parse(data: bytes, cls: type[R]) -> Parsed[R]:
    """See `read_record`."""
    table = _table(data)
    try:
        record = cls.model_validate(table)
    except ValidationError as error:
        raise _refusal(cls, error) from None
    return Parsed(record, tuple(_ignored(table, cls)))


def _table(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data.decode(), object_pairs_hook=_unique)
    except RecursionError:
        raise Refusal("serve.too_deep", status=400, depth=MAX_DEPTH) from None
    except ValueError as error:
        raise Refusal("serve.not_json", status=400, reason=str(error)[:200]) from None
    if not isinstance(value, dict):
        raise Refusal("serve.not_object", status=400, found=type(value).__name__)
    return {name: _cleaned(inner, MAX_DEPTH - 1, name) for name, inner in value.items() if inner is not None}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Refusal("serve.duplicate_name", status=400, param=twice[:64], name=twice[:64])
    return table


def _cleaned(value: Any, depth: int, name: str) -> Any:
    """A field's value without members that are null, which OpenAI takes as not given; all its numbers finite.

    Python reads the words NaN and Infinity, which are no JSON, and 1e999 as infinity.
    """
    if depth == 0:
        raise Refusal("serve.too_deep", status=400, param=name[:64], depth=MAX_DEPTH)
    if isinstance(value, dict):
        return {key: _cleaned(inner, depth - 1, name) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):  # a million token ids need no call each
        return [_cleaned(one, depth - 1, name) if isinstance(one, dict | list | float) else one for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise Refusal("serve.no_number", status=400, param=name[:64], name=name[:64], number=value)
    return value


def _ignored(table: Mapping[str, Any], cls: type[Record]) -> list[str]:
    """Names of the request, and of its messages, that have no effect."""
    names = [name for name in table if name not in cls.model_fields]
    inner = {name: None for message in table.get("messages", ()) if "messages" in cls.model_fields for name in message}
    return names + [f"messages.{name}" for name in inner if name not in ChatMessage.model_fields]


def _refusal(cls: type[Record], error: ValidationError) -> Refusal:
    problems = problems_of(cls, error)
    text = "; ".join(str(problem).strip() for problem in problems[:MAX_SHOWN])
    place = error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]
    return Refusal("serve.bad_fields", status=400, param=_param(place), problems=text)


def _param(place: tuple[int | str, ...]) -> str | None:
    """`messages[3].content` for a place that pydantic names; the arms of unions left out."""
    name = ""
    for part in place:
        if isinstance(part, int):
            name += f"[{part}]"
        elif not _ARM.search(part):
            name += f".{part}" if name else part
    return name or None
