"""What a model is asked beside writing (vectors, scores, labels): one call at a time, in a thread beside the engine's.

A call cannot be stopped on its way; its size is bounded by the route. Calls that wait are dropped with their client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.requests import Request

from hanlin.serve.config import ServeConfig
from hanlin.serve.faults import Refusal, blaming
from hanlin.serve.sse import unless_gone
from hanlin.serve.worker import Worker

T = TypeVar("T")


class Desk:
    """Where calls stand in line. The worker counts them, so that a server that drains waits for them."""

    def __init__(self, worker: Worker, config: ServeConfig) -> None:
        self._worker, self._most = worker, 1 + config.max_queue
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="desk")

    async def call(self, work: Callable[[], T], request: Request, *, param: str) -> T:
        """What `work` returns. Its InputErrors blame the field `param`.

        Raises Refusal 503 while draining or where the line is full, ClientGone where nobody waits any more.
        """
        self._worker.check_ready()
        if self._worker.num_calls >= self._most:
            raise Refusal("serve.queue_full", status=503, word="overloaded", retry_after=1, capacity=self._most)
        self._worker.num_calls += 1
        try:
            with blaming(param):
                found = await unless_gone(self._run(work), request.receive)
        finally:
            self._worker.num_calls -= 1
        self._worker.num_answered += 1
        return found

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """Take nothing more; what waits is dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)
