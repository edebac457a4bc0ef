"""The bridge between the event loop and the engine: one thread that steps, queues that wake whoever waits.

route -> submit -> engine ... step (thread) -> events -> one call into the loop -> the queue of each request
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from hanlin.base.errors import MachineError
from hanlin.infer.config import EngineConfig, SamplingParams
from hanlin.infer.engine import Event
from hanlin.infer.request import Finish, Request
from hanlin.serve.config import ServeConfig
from hanlin.serve.faults import Refusal, blaming

_log = logging.getLogger("hanlin.serve")

_LOOK_AGAIN_SECONDS = 0.05


class Writer(Protocol):
    """What the server asks of an engine."""

    config: EngineConfig

    @property
    def reads_apart(self) -> bool: ...

    @property
    def max_seq_len(self) -> int: ...

    @property
    def num_unfinished(self) -> int: ...

    def room_after(self, num_prompt_tokens: int) -> int: ...

    def submit(self, request: Request) -> str: ...

    def cancel(self, request_id: str) -> bool: ...

    def step(self) -> list[Event]: ...


class SilentWriter:
    """In place of an engine where the model only reads: nothing is ever submitted, routes refuse it before."""

    num_unfinished, reads_apart = 0, False

    def __init__(self, max_seq_len: int) -> None:
        self.config, self.max_seq_len = EngineConfig(), max_seq_len

    def room_after(self, num_prompt_tokens: int) -> int:
        """None."""
        return 0

    def submit(self, request: Request) -> str:
        """A route has forgotten to ask."""
        raise AssertionError("a model that writes nothing was asked to write")

    def cancel(self, request_id: str) -> bool:
        """There is nothing to cancel."""
        return False

    def step(self) -> list[Event]:
        """Nothing happens."""
        return []


@dataclass(frozen=True)
class Order:
    """One answer to write. params: None where nothing is to be written at all (max_tokens 0)."""

    prompt_ids: Sequence[int]
    params: SamplingParams | None
    blank: int = -1


class Answers:
    """The events of one HTTP request's answers, as they come; closing it cancels those that are not finished."""

    def __init__(self, worker: Worker, num_answers: int) -> None:
        name = secrets.token_hex(12)
        self.ids = [f"{name}-{number}" for number in range(num_answers)]
        self._worker, self._places = worker, {request_id: place for place, request_id in enumerate(self.ids)}
        self._loop, self._queue = asyncio.get_running_loop(), asyncio.Queue[Event]()
        self.open = set(self.ids)

    async def next(self) -> tuple[int, Event]:
        """The next event with the number of its answer; each answer's last one is a Finish."""
        event = await self._queue.get()
        if isinstance(event, Finish):
            self.open.discard(event.request_id)
        return self._places[event.request_id], event

    def put(self, events: Sequence[Event]) -> None:
        """Hand over events, from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to read them
            self._loop.call_soon_threadsafe(self._put, events)

    def _put(self, events: Sequence[Event]) -> None:
        for event in events:
            self._queue.put_nowait(event)

    def __enter__(self) -> Answers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._worker.forget(self)


class Worker:
    """Drives an engine for the server: admits, steps, delivers, drains."""

    def __init__(self, engine: Writer, config: ServeConfig) -> None:
        self.engine, self._config = engine, config
        self._capacity = engine.config.max_batch + config.max_queue
        self._listeners: dict[str, Answers] = {}
        self._news = threading.Condition()
        self._stopping, self._broken = False, False
        self._thread: threading.Thread | None = None
        self._last_step = time.monotonic()
        self.draining = False
        self.num_answered = 0
        self.num_calls = 0  # waiting or running beside the engine, see Desk

    # The event loop -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to step."""
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the running step; what is unfinished is cancelled."""
        self.abort()
        with self._news:
            self._stopping = True
            self._news.notify()
        if self._thread is not None:
            self._thread.join()

    def submit(self, orders: Sequence[Order], *, param: str) -> Answers:
        """Put orders in line, all or none.

        Raises Refusal: 503 while draining or where the line is full, 400 where it could never hold so many, and
        what the engine refuses, blaming the field `param`.
        """
        self._admit(len(orders))
        if not self.engine.num_unfinished:
            self._last_step = time.monotonic()  # an idle engine makes no steps and yet does not hang
        answers = Answers(self, len(orders))
        self._listeners.update(dict.fromkeys(answers.ids, answers))
        try:
            with blaming(param):
                for request_id, order in zip(answers.ids, orders, strict=True):
                    self._submit(answers, request_id, order)
        except BaseException:
            self.forget(answers)
            raise
        with self._news:
            self._news.notify()
        return answers

    def _submit(self, answers: Answers, request_id: str, order: Order) -> None:
        if order.params is None:
            answers.put([Finish(request_id, "length", len(order.prompt_ids), 0)])
            return
        self.engine.submit(Request(tuple(order.prompt_ids), order.params, request_id, order.blank))

    def _admit(self, count: int) -> None:
        self.check_ready()
        if count > self._capacity:
            raise Refusal("serve.too_many_answers", status=400, param="n", count=count, capacity=self._capacity)
        if self.engine.num_unfinished + count > self._capacity:
            raise Refusal("serve.queue_full", status=503, word="overloaded", retry_after=1, capacity=self._capacity)

    def check_ready(self) -> None:
        """Raise Refusal 503 where new work would not be done: draining, or an engine that hangs or broke."""
        if self.draining:
            raise Refusal("serve.draining", status=503, word="draining", retry_after=self._config.drain_seconds)
        if self._broken:
            raise Refusal("serve.broken", status=503, word="broken", retry_after=60)
        idle = time.monotonic() - self._last_step
        if self.engine.num_unfinished and idle > self._config.stall_seconds:
            raise Refusal("serve.stalled", status=503, word="stalled", retry_after=10, seconds=round(idle))

    def forget(self, answers: Answers) -> None:
        """Nobody waits for these any more: cancel what is unfinished."""
        for request_id in answers.ids:
            if self._listeners.pop(request_id, None):
                self.engine.cancel(request_id)
        with self._news:
            self._news.notify()

    @property
    def num_waited_for(self) -> int:
        """Answers that somebody still waits for or has not yet read to the end."""
        return len(self._listeners) + self.num_calls

    def abort(self) -> None:
        """End every running answer; its reader gets a Finish "cancelled"."""
        for request_id in list(self._listeners):
            self.engine.cancel(request_id)
        with self._news:
            self._news.notify()

    # The thread -----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._has_work():
            try:
                self._deliver(self.engine.step())
            except Exception as error:  # a bug of ours: these answers end with it, the server stays
                _log.exception("the engine's step failed")
                if not self._fail_all(error):
                    self._broken = True
                    return
            self._last_step = time.monotonic()

    def _has_work(self) -> bool:
        """Wait for something to do; False when it is time to end.

        Whoever else drives the engine, in Python, may have brought an answer to its end, whose events then lie there:
        as long as somebody waits for answers, a step is made now and then although nothing runs.
        """
        with self._news:
            while not self._stopping and not self.engine.num_unfinished:
                self._news.wait(_LOOK_AGAIN_SECONDS if self._listeners else None)
                self._last_step = time.monotonic()
                if self._listeners:
                    return True
            return not self._stopping or self.engine.num_unfinished > 0

    def _deliver(self, events: Sequence[Event]) -> None:
        by_reader: dict[int, tuple[Answers, list[Event]]] = {}
        for event in events:
            self.num_answered += isinstance(event, Finish)
            if answers := self._listeners.get(event.request_id):
                by_reader.setdefault(id(answers), (answers, []))[1].append(event)
        for answers, theirs in by_reader.values():
            answers.put(theirs)

    def _fail_all(self, error: Exception) -> bool:
        """End every answer with an error; False where there was none, so that the fault lies deeper."""
        failed = MachineError("infer.step_failed", reason=type(error).__name__)
        waiting = list(self._listeners.items())
        for request_id, answers in waiting:
            if self.engine.cancel(request_id):
                answers.put([Finish(request_id, "error", 0, 0, failed)])
                self._listeners.pop(request_id, None)
        return bool(waiting)
