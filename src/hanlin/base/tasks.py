"""Work in steps of many tasks, each a pure function from files to files plus counters, with a marker when it is done.

    tasks = Tasks("corpus.work", key, engine, progress)
    counters = tasks.each("clean", "hanlin.text.building.clean:clean", jobs)      # one job, one task
    tasks.folder("clean", 3)                                                      # files of the fourth

A task depends on its job and the files of earlier tasks alone, so it can run anywhere and again: in this process, in
worker processes, on a Ray cluster, in one of several ranks (`engines.py`). Killed at any moment, the next run finds the
markers, looks whether the files still are what they were, and goes on with the rest. Jobs and counters are plain data
(JSON), so that nothing is pickled.
"""

from __future__ import annotations

import contextlib
import gc
import json
import pkgutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from hanlin.base.errors import InputError
from hanlin.base.files import FolderLock, sha256_bytes, sha256_file
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.base.storage import MARKER, Storage, open_storage

Job = Mapping[str, Any]
Counters = dict[str, Any]

KEY = "key"
SHORT_S = 1.0
"""Processor time of a task that leaves too little behind to look for: in a process with torch a look takes 0.3 s, and a
small corpus is a hundred tasks of a few milliseconds."""


@dataclass(frozen=True)
class Call:
    """One task: a function by name (`room.module:function`), its job, and where its outcome goes.

    The function takes the job, an empty folder for its files and the storage it finds earlier outcomes in; it returns
    its counters.
    """

    function: str
    job: Job
    root: str
    name: str
    key: str


class Engine(Protocol):
    """Whoever has tasks done. `run` yields the number of each call as soon as its outcome stands in the storage."""

    def run(self, calls: Sequence[Call], progress: Progress) -> Iterator[int]:
        """Have every call done. Raises what a task raised, or MachineError when one cannot be done."""
        ...

    @property
    def rank(self) -> int:
        """0 for the process that puts the whole together."""
        ...

    @property
    def num_workers(self) -> int:
        """Tasks that may run at the same time."""
        ...

    def part(self, storage: Storage) -> None:
        """Wait, where several processes run the same program, until all of them have what they need."""
        ...

    def close(self) -> None:
        """Let the workers go."""
        ...


def perform(call: Call) -> None:
    """Do a task here and leave its outcome in the storage."""
    storage = open_storage(call.root)
    with storage.drafting(call.name) as folder:
        begun = time.process_time()
        counters = pkgutil.resolve_name(call.function)(call.job, folder, storage)
        files = {path.name: [path.stat().st_size, sha256_file(path)] for path in sorted(folder.iterdir())}
        marker = {"key": call.key, "counters": counters, "files": files, "seconds": time.process_time() - begun}
        (folder / MARKER).write_bytes(sealed(marker))
    if marker["seconds"] > SHORT_S:
        gc.collect()  # before the next task begins: Python waits with large objects that point at each other


def sealed(table: Mapping[str, Any]) -> bytes:
    """Return a table as JSON with a checksum of its own in front."""
    content = json.dumps(table, ensure_ascii=False).encode()
    return f"{sha256_bytes(content)}\n".encode() + content


def unsealed(data: bytes) -> dict[str, Any] | None:
    """Return the table, or None where it is not what was written."""
    checksum, _, content = data.partition(b"\n")
    if checksum != sha256_bytes(content).encode():
        return None
    table: dict[str, Any] = json.loads(content)
    return table


@contextlib.contextmanager
def workplace(root: str, key: str, engine: Engine, progress: Progress) -> Iterator[Tasks]:
    """Yield the tasks of one piece of work, with what an earlier run of the same `key` has done; gone after the end.

    After an error of the input everything goes too, since a second run would end the same; after any other cut it
    stays for the next run. The workers end in any case. Raises MachineError (E107) while another process is at it.
    """
    tasks = Tasks(root, key, engine, progress)
    lock = FolderLock(root) if engine.rank == 0 and "://" not in root else contextlib.nullcontext()
    try:
        with lock:
            tasks.begin()
            try:
                yield tasks
            except InputError:
                tasks.end()
                raise
            tasks.end()
    finally:
        engine.close()


class Tasks:
    """The steps of one piece of work. `key` names what it depends on: outcomes of another key are not taken."""

    def __init__(self, root: Path | str, key: str, engine: Engine, progress: Progress) -> None:
        self.storage: Storage = open_storage(str(root))
        self.key, self.engine, self.progress = key, engine, progress
        self.seconds, self.num_done, self.num_found = 0.0, 0, 0

    def begin(self) -> None:
        """Take up what an earlier run has done; what was done for another key goes."""
        known = self.storage.read(KEY)
        if self.engine.rank > 0:
            while self.storage.read(KEY) != self.key.encode():
                time.sleep(0.1)
        elif known != self.key.encode():
            if known is not None:
                self.progress.note(say("base.work_of_another", root=self.storage.root))
            self.storage.clear()
            self.storage.write(KEY, self.key.encode())

    def end(self) -> None:
        """Give the disk its room back; the first rank does it when the others need nothing any more."""
        self.engine.part(self.storage)
        if self.engine.rank == 0:
            self.storage.remove()

    def each(self, step: str, function: str, jobs: Sequence[Job], title: str = "") -> Iterator[Counters]:
        """Have a step done, a task for each job, and return the counters of all in order, each read when it is asked
        for: those of a million tasks need not fit into memory.

        A sentence tells of every outcome that was found damaged and is made again.
        """
        calls = [
            Call(function, job, self.storage.root, f"{step}/{number:06}", self.key) for number, job in enumerate(jobs)
        ]
        missing = [call for call in calls if not self._stands(call)]
        self.num_found += len(calls) - len(missing)
        self.num_done += len(missing)
        if title and len(calls) > 1:
            self.progress.start(title, len(calls))
        for done, _ in enumerate(self.engine.run(missing, self.progress), start=len(calls) - len(missing) + 1):
            if title and len(calls) > 1:
                self.progress.update(done)
        self.seconds += sum(_marker(self.storage, call.name)["seconds"] for call in calls)
        return (counters_of(self.storage, call.name) for call in calls)

    def one(self, step: str, function: str, job: Job) -> Counters:
        """Have a step of a single task done."""
        return next(self.each(step, function, [job]))

    def folder(self, step: str, number: int = 0) -> Path:
        """Return the files of a task that is done."""
        return self.storage.folder(f"{step}/{number:06}")

    def _stands(self, call: Call) -> bool:
        """Whether the outcome of an earlier run can be taken."""
        data = self.storage.finished(call.name)
        if data is None:
            return False
        marker = unsealed(data)
        fault = say("base.marker_unreadable") if marker is None else self._fault(call, marker)
        if fault:
            self.progress.note(say("base.task_damaged", task=call.name, root=call.root, fault=fault))
            self.storage.forget(call.name)
        return not fault

    def _fault(self, call: Call, marker: Mapping[str, Any]) -> str:
        if marker["key"] != call.key:
            return say("base.marker_of_another")
        folder = self.storage.folder(call.name)
        for name, (size, checksum) in marker["files"].items():
            path = folder / name
            if not path.is_file() or path.stat().st_size != size or sha256_file(path) != checksum:
                return say("base.file_changed", name=name)
        return ""


def counters_of(storage: Storage, name: str) -> Counters:
    """Return the counters of a task that is done."""
    return dict(_marker(storage, name)["counters"])


def _marker(storage: Storage, name: str) -> dict[str, Any]:
    marker = unsealed(storage.finished(name) or b"")
    assert marker is not None, f"{name} was just done"
    return marker


def as_table(call: Call) -> dict[str, Any]:
    """Return a call as plain data."""
    return asdict(call)
