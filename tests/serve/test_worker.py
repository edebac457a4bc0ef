"""The bridge between the loop and the engine, with an engine whose steps are written down beforehand."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hanlin.base.errors import InputError
from hanlin.infer.config import EngineConfig, SamplingParams
from hanlin.infer.request import Finish, Request, Token
from hanlin.serve.config import ServeConfig
from hanlin.serve.faults import Refusal
from hanlin.serve.worker import Answers, Order, Worker

PARAMS = SamplingParams(max_tokens=3)


class Script:
    """An engine that writes three tokens for every request, one per step; what it is told to raise, it raises."""

    config = EngineConfig(max_batch=2)

    def __init__(self) -> None:
        self.running: dict[str, int] = {}
        self.cancelled: set[str] = set()
        self.threads: set[str] = set()
        self.raises: list[Exception] = []
        self.driven_elsewhere, self.done_elsewhere = False, list[Token | Finish]()
        self.held = threading.Event()
        self.held.set()

    @property
    def num_unfinished(self) -> int:
        return len(self.running)

    def submit(self, request: Request) -> str:
        if not request.prompt_ids:
            raise InputError("infer.prompt_empty")
        self.running[request.id] = 0
        if self.driven_elsewhere:
            self.finish_elsewhere()
        return request.id

    def cancel(self, request_id: str) -> bool:
        self.cancelled |= {request_id} & set(self.running)
        return request_id in self.running

    def step(self) -> list[Token | Finish]:
        self.held.wait(5)
        self.threads.add(threading.current_thread().name)
        if self.raises:
            raise self.raises.pop()
        done, self.done_elsewhere = self.done_elsewhere, []
        return done + [event for request_id in list(self.running) for event in self._advance(request_id)]

    def finish_elsewhere(self) -> None:
        """Somebody else drove the engine to the end of all its requests; what came of it waits for the next step."""
        while self.running:
            self.done_elsewhere += [event for request_id in list(self.running) for event in self._advance(request_id)]

    def _advance(self, request_id: str) -> list[Token | Finish]:
        written = self.running[request_id]
        if request_id in self.cancelled or written == 3:
            del self.running[request_id]
            reason = "cancelled" if request_id in self.cancelled else "length"
            return [Finish(request_id, reason, 1, written)]  # type: ignore[arg-type]
        self.running[request_id] += 1
        return [Token(request_id, written, str(written))]


def with_worker(scene: Callable[[Worker, Script], Awaitable[Any]], **settings: Any) -> Any:
    """Play a scene on a loop with a running worker."""

    async def play() -> Any:
        engine = Script()
        worker = Worker(engine, ServeConfig(**settings))  # type: ignore[arg-type]
        worker.start()
        try:
            return await asyncio.wait_for(scene(worker, engine), 10)
        finally:
            engine.held.set()
            worker.stop()

    return asyncio.run(play())


def order(*ids: int) -> Order:
    return Order(ids or (1,), PARAMS)


async def whole(answers: Answers) -> list[tuple[int, str]]:
    """Every event as the number of its answer and what it says."""
    said = []
    with answers:
        while answers.open:
            place, event = await answers.next()
            said.append((place, event.text if isinstance(event, Token) else event.reason))
    return said


def test_events_come_in_order_and_to_whom_they_belong() -> None:
    async def scene(worker: Worker, engine: Script) -> None:
        one, two = await asyncio.gather(
            whole(worker.submit([order()], param="prompt")), whole(worker.submit([order(), order()], param="prompt"))
        )
        assert one == [(0, "0"), (0, "1"), (0, "2"), (0, "length")]
        for place in (0, 1):
            assert [text for which, text in two if which == place] == ["0", "1", "2", "length"]
        assert engine.threads == {"engine"}, "one thread steps, and it is not the loop's"
        assert worker.num_answered == 3 and worker.num_waited_for == 0

    with_worker(scene)


def test_nothing_to_write_is_an_answer_without_the_engine() -> None:
    async def scene(worker: Worker, engine: Script) -> None:
        said = await whole(worker.submit([Order((1, 2), None), order()], param="prompt"))
        assert (0, "length") in said and (0, "0") not in said and (1, "2") in said

    with_worker(scene)


def test_answers_that_somebody_else_brought_to_an_end_arrive() -> None:
    """`engine.generate` beside the server takes steps for all; the worker saw nothing running and slept on."""

    async def scene(worker: Worker, engine: Script) -> None:
        engine.driven_elsewhere = True
        answers = worker.submit([order()], param="prompt")
        assert engine.num_unfinished == 0
        assert await whole(answers) == [(0, "0"), (0, "1"), (0, "2"), (0, "length")]

    with_worker(scene)


def test_whoever_leaves_takes_the_request_along() -> None:
    async def scene(worker: Worker, engine: Script) -> None:
        engine.held.clear()
        with worker.submit([order(), order()], param="prompt") as answers:
            assert worker.num_waited_for == 2
        assert worker.num_waited_for == 0 and engine.cancelled == set(answers.ids)
        engine.held.set()
        while engine.num_unfinished:
            await asyncio.sleep(0.01)

    with_worker(scene)


def test_all_orders_or_none() -> None:
    async def scene(worker: Worker, engine: Script) -> None:
        engine.held.clear()
        with pytest.raises(Refusal) as caught:
            worker.submit([order(), Order((), PARAMS)], param="prompt")
        assert caught.value.code == "E601" and caught.value.param == "prompt" and caught.value.status == 400
        assert worker.num_waited_for == 0 and len(engine.cancelled) == 1, "the first of the two was taken back"

    with_worker(scene)


def test_the_line_has_an_end() -> None:
    async def scene(worker: Worker, engine: Script) -> None:
        engine.held.clear()
        with worker.submit([order()] * 3, param="prompt"):
            with pytest.raises(Refusal) as full:
                worker.submit([order()], param="prompt")
            assert (full.value.status, full.value.code) == (503, "E985")
            with pytest.raises(Refusal) as never:
                worker.submit([order()] * 4, param="prompt")
            assert (never.value.status, never.value.code) == (400, "E984")

    with_worker(scene, max_queue=1)


def test_after_a_long_rest_nothing_hangs() -> None:
    """Two requests that came together after a quiet time: the second was told that the engine hangs."""

    async def scene(worker: Worker, engine: Script) -> None:
        await asyncio.sleep(0.15)
        engine.held.clear()
        with worker.submit([order()], param="prompt"), worker.submit([order()], param="prompt"):
            worker.check_ready()
            await asyncio.sleep(0.15)
            with pytest.raises(Refusal) as caught:
                worker.check_ready()
            assert caught.value.code == "E989"

    with_worker(scene, stall_seconds=0.1)


def test_a_step_that_fails_ends_its_answers_and_a_second_failure_the_worker() -> None:
    async def scene(worker: Worker, engine: Script) -> None:
        engine.raises = [RuntimeError("a bug")]
        answers = worker.submit([order()], param="prompt")
        with answers:
            _, event = await answers.next()
        assert isinstance(event, Finish) and event.error is not None and "a bug" not in str(event.error)
        assert (await whole(worker.submit([order()], param="prompt")))[-1] == (0, "length"), "the next one is answered"

        engine.held.clear()
        with worker.submit([order()], param="prompt"):
            pass
        engine.raises = [RuntimeError("again")]
        engine.held.set()
        while worker._thread is not None and worker._thread.is_alive():
            await asyncio.sleep(0.01)
        with pytest.raises(Refusal) as caught:
            worker.check_ready()
        assert caught.value.code == "E988"

    with_worker(scene)


def test_draining_takes_nothing_new_and_an_abort_ends_the_rest() -> None:
    async def scene(worker: Worker, engine: Script) -> None:
        engine.held.clear()
        answers = worker.submit([order()], param="prompt")
        worker.draining = True
        with pytest.raises(Refusal) as caught:
            worker.submit([order()], param="prompt")
        assert caught.value.code == "E986" and caught.value.headers["retry-after"] == "7"
        worker.abort()
        engine.held.set()
        assert (await whole(answers))[-1] == (0, "cancelled")

    with_worker(scene, drain_seconds=7)


def test_a_loop_that_has_ended_stops_no_thread() -> None:
    async def begin() -> tuple[Worker, Script, Answers]:
        engine = Script()
        worker = Worker(engine, ServeConfig())  # type: ignore[arg-type]
        worker.start()
        engine.held.clear()
        return worker, engine, worker.submit([order()], param="prompt")

    worker, engine, _ = asyncio.run(begin())
    engine.held.set()
    deadline = time.monotonic() + 5
    while engine.num_unfinished and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not engine.num_unfinished
    worker.stop()
