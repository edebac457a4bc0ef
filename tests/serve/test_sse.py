"""The bytes of a stream, and hanging up."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

import pytest
from pydantic import BaseModel

from hanlin.base.errors import CheckFailed, MachineError
from hanlin.infer.request import Finish, Token
from hanlin.serve import sse
from hanlin.serve.sse import ClientGone, EventStream, cut, unless_gone


class Said(BaseModel):
    """A chunk."""

    text: str


class Lines:
    """A script that writes plain words."""

    def first(self) -> Iterator[BaseModel]:
        yield Said(text="begin\nline")

    def token(self, place: int, token: Token) -> Iterator[BaseModel]:
        yield Said(text=token.text)

    def finish(self, place: int, finish: Finish) -> Iterator[BaseModel]:
        yield Said(text=finish.reason)

    def last(self) -> Iterator[BaseModel]:
        yield Said(text="end")


class Queue:
    """Answers that are known beforehand; a number is a silence in seconds."""

    def __init__(self, *events: Any) -> None:
        self._events, self.open, self.closed = list(events), {"a"}, False
        self._quiet_until = 0.0

    async def next(self) -> tuple[int, Any]:
        if isinstance(self._events[0], float):
            self._quiet_until = time.monotonic() + self._events.pop(0)
        await asyncio.sleep(self._quiet_until - time.monotonic())
        event = self._events.pop(0)
        if isinstance(event, Finish):
            self.open.clear()
        return 0, event

    def __enter__(self) -> Queue:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closed = True


def written(queue: Queue, *, gone_after: float = 30) -> tuple[list[dict[str, Any]], bool]:
    """The messages of a response, and whether its reader was there to the end."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(dict(message))

    async def receive() -> Any:
        await asyncio.sleep(gone_after)
        return {"type": "http.disconnect"}

    async def play() -> bool:
        try:
            await EventStream(queue, Lines())({"type": "http"}, receive, send)  # type: ignore[arg-type]
        except ClientGone:
            return False
        return True

    return sent, asyncio.run(play())


def body(sent: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(message.get("body", b"") for message in sent)


DONE = Finish("a", "stop", 1, 1)


def test_the_bytes_of_a_whole_answer() -> None:
    queue = Queue(Token("a", 1, "猫"), DONE)
    sent, there = written(queue)
    assert there and queue.closed
    said = "".join(f'data: {{"text":"{text}"}}\n\n' for text in ("begin\\nline", "猫", "stop", "end"))
    assert body(sent).decode() == said + "data: [DONE]\n\n"
    headers = dict(sent[0]["headers"])
    assert headers[b"content-type"] == b"text/event-stream; charset=utf-8"
    assert headers[b"cache-control"] == b"no-cache" and b"content-length" not in headers
    assert [message.get("more_body") for message in sent[1:]] == [True] * (len(sent) - 2) + [False]


@pytest.mark.parametrize(
    ("finish", "code"),
    [
        (Finish("a", "error", 1, 1, CheckFailed("infer.not_finite", num_tokens=1)), "E606"),
        (Finish("a", "error", 1, 1, MachineError("infer.step_failed", reason="0xdead")), None),
        (Finish("a", "cancelled", 1, 1), "draining"),
    ],
)
def test_half_an_answer_ends_with_an_error_and_not_with_done(finish: Finish, code: str | None) -> None:
    sent, _ = written(Queue(Token("a", 1, "x"), finish))
    last = body(sent).split(b"\n\n")[-2].removeprefix(b"data: ")
    assert json.loads(last)["error"]["code"] == code
    assert b"[DONE]" not in body(sent) and b"0xdead" not in body(sent)
    assert sent[-1]["more_body"] is False


def test_a_whole_answer_is_not_cut() -> None:
    assert cut(DONE, "req-1") is None and cut(Finish("a", "length", 1, 1), "req-1") is None


def test_silence_is_filled_with_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "SILENCE_SECONDS", 0.02)
    sent, _ = written(Queue(0.15, DONE))
    assert body(sent).count(b": still here\n\n") >= 2 and body(sent).endswith(b"data: [DONE]\n\n")


def test_a_reader_that_leaves_ends_the_stream() -> None:
    queue = Queue(Token("a", 1, "x"), 20.0, DONE)
    sent, there = written(queue, gone_after=0.05)
    assert not there and queue.closed
    assert b"x" in body(sent) and b"[DONE]" not in body(sent)


def test_work_is_ended_when_nobody_waits_for_it() -> None:
    ended = []

    async def work() -> None:
        try:
            await asyncio.sleep(20)
        finally:
            ended.append(True)

    async def gone() -> Any:
        return {"type": "http.disconnect"}

    async def play() -> None:
        with pytest.raises(ClientGone):
            await unless_gone(work(), gone)

    asyncio.run(play())
    assert ended == [True]


def test_an_error_of_the_work_is_its_own() -> None:
    async def work() -> None:
        raise KeyError("own")

    async def never() -> Any:
        await asyncio.sleep(20)

    async def play() -> None:
        with pytest.raises(KeyError):
            await unless_gone(work(), never)

    asyncio.run(play())
