"""Who does the tasks: worker processes of this machine, a Ray cluster, or the ranks of any launcher.

All three have the same calls done and leave the same outcomes in the storage; nothing but the clock tells which it was.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, Literal

from hanlin.base.errors import MachineError, MissingExtra
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.base.storage import Storage, open_storage
from hanlin.base.tasks import KEY, Call, Engine, as_table, perform, sealed, unsealed
from hanlin.base.worker import answered, raise_as_answered

EngineName = Literal["processes", "ray", "rank"]

ATTEMPTS = 3
"""A task that takes its worker along so many times is given up: the next one would die too."""
PATIENCE_S = 120.0
"""A rank that sees nothing new for so long does what others left undone."""
LOOK_S = 0.2


def engine_of(name: EngineName, *, workers: int | None = None, rank: int | None = None, world: int | None = None,
              address: str = "") -> Engine:  # fmt: skip
    """Return an engine by name. Raises MissingExtra (E115) without Ray, MachineError (E116) without rank and world."""
    if name == "ray":
        return RayTasks(address, workers)
    if name == "rank":
        return Ranks(*_rank_and_world(os.environ, rank, world))
    return Processes(workers or num_cores())


def num_cores() -> int:
    """Return the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class WorkerDied(Exception):
    """A worker ended in the middle of a task: what is known of it, in words."""


def _done_again(call: Call, attempt: int, died: Exception, progress: Progress) -> None:
    """Tell of a worker that died. Raises MachineError when its task has had its chances."""
    if attempt == ATTEMPTS:
        raise MachineError("base.task_kills", task=call.name, number=ATTEMPTS, cause=died)
    progress.note(say("base.worker_died", task=call.name, cause=died))


# ---------------------------------------------------------------- processes


class Processes:
    """Worker processes, started when first needed and kept for all steps. A single call is done right here."""

    rank = 0

    def __init__(self, num_workers: int) -> None:
        self.num_workers = num_workers
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._all: list[_Worker] = []
        self._closed = False

    def run(self, calls: Sequence[Call], progress: Progress) -> Iterator[int]:
        """Have every call done. Raises what a task raised; MachineError (E114) for one that kills its workers."""
        if self.num_workers == 1 or len(calls) == 1:
            for number, call in enumerate(calls):
                perform(call)
                yield number
            return
        with ThreadPoolExecutor(self.num_workers) as threads:
            numbers = {threads.submit(self._do, call, progress): number for number, call in enumerate(calls)}
            try:
                for done in as_completed(numbers):
                    done.result()
                    yield numbers[done]
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                self.close()
                raise

    def _do(self, call: Call, progress: Progress) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            worker = self._free_worker()
            try:
                answer = worker.ask(call)
            except WorkerDied as died:
                if self._closed:
                    return
                _done_again(call, attempt, died, progress)
                continue
            self._idle.put(worker)
            raise_as_answered(answer)
            return

    def _free_worker(self) -> _Worker:
        with contextlib.suppress(queue.Empty):
            return self._idle.get_nowait()
        worker = _Worker()
        self._all.append(worker)
        return worker

    def part(self, storage: Storage) -> None:
        """There is nobody to wait for."""

    def close(self) -> None:
        """End the workers, whatever they are at."""
        self._closed = True
        for worker in self._all:
            worker.end()


class _Worker:
    """One process of `worker.py`."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from hanlin.base.worker import main; main()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, encoding="utf-8",
        )  # fmt: skip

    def ask(self, call: Call) -> dict[str, Any]:
        """Have a call done and return the answer. Raises WorkerDied."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(as_table(call)) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except (OSError, ValueError):  # a broken or closed pipe
            line = ""
        if not line:
            self.end()
            raise WorkerDied(say("base.worker_ended", pid=self._process.pid, cause=_cause(self._process.wait())))
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        """End the process and its pipes."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError, ValueError):
                if pipe is not None:
                    pipe.close()
        self._process.wait()


def _cause(code: int) -> str:
    """An exit code in words: the signal's name, where it was one."""
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return str(code)


# ---------------------------------------------------------------- Ray


class RayTasks:
    """Tasks of a Ray cluster. The storage must be one that all its nodes see."""

    rank = 0

    def __init__(self, address: str = "", num_cpus: int | None = None) -> None:
        try:
            import ray
        except ImportError:
            raise MissingExtra("base.no_ray", package="ray", extra="cluster") from None
        self._ray, self._is_ours = ray, not ray.is_initialized()
        if self._is_ours:
            ray.init(address=address or None, num_cpus=None if address else num_cpus, log_to_driver=False,
                     include_dashboard=False, configure_logging=False)  # fmt: skip
        # A worker that dies is our affair, so that it is told of; its Ray process is not used for a second function.
        self._remote = ray.remote(num_cpus=1, max_retries=0)(answered)

    @property
    def num_workers(self) -> int:
        """Processors of the cluster."""
        return int(self._ray.cluster_resources().get("CPU", 1))

    def run(self, calls: Sequence[Call], progress: Progress) -> Iterator[int]:
        """Have every call done. Raises what a task raised; MachineError (E114) for one that kills its workers."""
        waiting = list(enumerate(calls))[::-1]
        attempts = [0] * len(calls)
        running: dict[Any, int] = {}
        while waiting or running:
            while waiting and len(running) < 2 * self.num_workers:  # one at work, one at hand
                number, call = waiting.pop()
                running[self._remote.remote(as_table(call))] = number
            (done,), _ = self._ray.wait(list(running), num_returns=1)
            number = running.pop(done)
            try:
                raise_as_answered(self._ray.get(done))
            except self._ray.exceptions.RayError as died:
                attempts[number] += 1
                _done_again(calls[number], attempts[number], WorkerDied(type(died).__name__), progress)
                waiting.append((number, calls[number]))
                continue
            yield number

    def part(self, storage: Storage) -> None:
        """There is nobody to wait for."""

    def close(self) -> None:
        """Leave the cluster, if it was we who joined it."""
        if self._is_ours:
            self._ray.shutdown()


# ---------------------------------------------------------------- ranks


def _rank_and_world(environ: Mapping[str, str], rank: int | None, world: int | None) -> tuple[int, int]:
    """As given, else as launchers tell them: torchrun, then Slurm, Open MPI and other MPIs."""
    for names in (
        ("RANK", "WORLD_SIZE"),
        ("SLURM_PROCID", "SLURM_NTASKS"),
        ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
        ("PMI_RANK", "PMI_SIZE"),
    ):
        told, of = (environ.get(name) for name in names)
        rank = int(told) if rank is None and told and told.isdigit() else rank
        world = int(of) if world is None and of and of.isdigit() else world
    if rank is None or world is None or not 0 <= rank < world:
        raise MachineError("base.no_rank", rank="-" if rank is None else rank, world="-" if world is None else world)
    return rank, world


class Ranks:
    """One of several processes that all run the same program: it does every `world`-th task and waits for the rest.

    What no rank does (one that died, or was never started) is done by those that wait, after `patience` seconds
    without anything new. A rank that fails leaves word, so that the others end too.
    """

    num_workers = 1

    def __init__(self, rank: int, world: int, *, patience: float = PATIENCE_S) -> None:
        self.rank, self.world, self.patience = rank, world, patience
        self._has_begun = False

    def run(self, calls: Sequence[Call], progress: Progress) -> Iterator[int]:
        """Do our part, then wait for the others'. Raises what a task raised, here or in another rank."""
        left = dict(enumerate(calls))
        if calls and not self._has_begun:  # what an earlier run failed of is not ours
            open_storage(calls[0].root).write(f"failed-{calls[0].key}", b"")
            self._has_begun = True
        for call in calls:
            if _share_of(call) % self.world == self.rank and not self._is_done(call):
                self._do(call)
        seen = time.monotonic()
        while left:
            done = [number for number, call in left.items() if self._is_done(call)]
            for number in done:
                del left[number]
                yield number
            if done:
                seen = time.monotonic()
            elif time.monotonic() - seen > self.patience:
                self._take_over(left, progress)
            else:
                self._fail_with_others(calls[0])
                time.sleep(LOOK_S)

    def _take_over(self, left: Mapping[int, Call], progress: Progress) -> None:
        """Do one of the tasks that are left, another in every rank where there are enough."""
        call = list(left.values())[self.rank % len(left)]
        progress.note(say("base.task_taken_over", task=call.name, rank=self.rank, seconds=round(self.patience)))
        self._do(call)

    def _is_done(self, call: Call) -> bool:
        return open_storage(call.root).finished(call.name) is not None

    def _do(self, call: Call) -> None:
        answer = answered(as_table(call))
        if answer:
            open_storage(call.root).write(f"failed-{call.key}", sealed(answer))
        raise_as_answered(answer)

    def _fail_with_others(self, call: Call) -> None:
        if word := open_storage(call.root).read(f"failed-{call.key}"):
            raise_as_answered(unsealed(word) or {})

    def part(self, storage: Storage) -> None:
        """Part when all is done: the others wait until the first rank has put the whole together, and it for them."""
        if self.rank > 0:
            while storage.read("whole") is None and storage.read(KEY) is not None:
                time.sleep(LOOK_S)
            storage.write(f"parted-{self.rank}", b"1")
            return
        storage.write("whole", b"1")
        waited_since = time.monotonic()
        while not all(storage.read(f"parted-{rank}") for rank in range(1, self.world)):
            if time.monotonic() - waited_since > self.patience:  # one that never came, or has died
                return
            time.sleep(LOOK_S)

    def close(self) -> None:
        """There is nothing to let go."""


def _share_of(call: Call) -> int:
    return int(call.name.rpartition("/")[2])
