"""Server-sent events (WHATWG HTML, 9.2), as OpenAI streams: `data: {json}`, and `data: [DONE]` for a whole answer.

A stream that is cut, by an error or by a server that stops, ends with an error event and without [DONE]: clients
raise, nobody takes half an answer for a whole one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hanlin.infer.request import Finish, Token
from hanlin.serve.faults import Fault, Refusal, fault_of
from hanlin.serve.worker import Answers

T = TypeVar("T")

SILENCE_SECONDS = 15.0  # after so long without an event a comment shows proxies that the line is alive
HEADERS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", "x-accel-buffering": "no"}


class ClientGone(Exception):
    """The socket was closed before the answer was whole."""


class Script(Protocol):
    """What stands in the chunks of a stream."""

    def first(self) -> Iterable[BaseModel]:
        """Chunks before anything is written."""

    def token(self, place: int, token: Token) -> Iterable[BaseModel]:
        """Chunks for one token of answer number `place`."""

    def finish(self, place: int, finish: Finish) -> Iterable[BaseModel]:
        """Chunks for the end of answer number `place`."""

    def last(self) -> Iterable[BaseModel]:
        """Chunks after all answers are whole."""


class EventStream(Response):
    """Answers as server-sent events; a closed socket cancels them within one step of the engine."""

    def __init__(self, answers: Answers, script: Script, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(headers={**HEADERS, **(headers or {})})
        del self.headers["content-length"]
        self._answers, self._script = answers, script

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write until all is said or the reader has gone. Raises ClientGone."""
        with self._answers:
            await unless_gone(self._write(send, scope.get("state", {}).get("request_id", "-")), receive)

    async def _write(self, send: Send, request_id: str) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await _send(send, self._script.first())
        while self._answers.open:
            place, event = await self._next(send)
            if isinstance(event, Token):
                await _send(send, self._script.token(place, event))
            elif fault := cut(event, request_id):
                await _send_text(send, fault.encoded().decode(), more=False)
                return
            else:
                await _send(send, self._script.finish(place, event))
        await _send(send, self._script.last())
        await _send_text(send, "[DONE]", more=False)

    async def _next(self, send: Send) -> tuple[int, Token | Finish]:
        while True:
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    return await self._answers.next()
            except TimeoutError:
                await send({"type": "http.response.body", "body": b": still here\n\n", "more_body": True})


def cut(finish: Finish, request_id: str) -> Fault | None:
    """What to tell of an answer that ended before it was whole; None for a whole one."""
    if finish.error is not None:
        return fault_of(finish.error, request_id)
    if finish.reason == "cancelled":
        return fault_of(Refusal("serve.cut_short", status=503, word="draining", retry_after=1))
    return None


async def _send(send: Send, chunks: Iterable[BaseModel]) -> None:
    for chunk in chunks:
        await _send_text(send, chunk.model_dump_json(exclude_unset=True))


async def _send_text(send: Send, text: str, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": f"data: {text}\n\n".encode(), "more_body": more})


async def unless_gone(work: Coroutine[Any, Any, T], receive: Callable[[], Awaitable[Any]]) -> T:
    """The outcome of `work`, ended by ClientGone as soon as the client hangs up."""
    working, gone = asyncio.ensure_future(work), asyncio.ensure_future(_until_gone(receive))
    try:
        await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        return working.result()
    finally:
        working.cancel()
        gone.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)


async def _until_gone(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
