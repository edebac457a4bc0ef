"""Commands in processes of their own that need not load torch again: each is forked from one process that has it.

What they do from there is what `python -m hanlin.cli.main` does: its words, folder, environment, streams, signals and
exit code. A start costs 0.1 s instead of three.
"""

# ruff: noqa: SIM115  # streams that outlive the call

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import reduction
from pathlib import Path
from typing import IO, Any

from hanlin.cli.main import main

LOADED = ["torch", "torch._dynamo", "tests.stories.launcher", "hanlin.life.demo", "hanlin.life.run", "hanlin.life.chat"]
FORKING = multiprocessing.get_context("spawn" if os.name == "nt" else "forkserver")
FORKING.set_forkserver_preload(LOADED)


class Descriptor:
    """An open file that goes to the new process under whatever number is free there."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[Callable[[Any], int], tuple[Any]]:
        return _taken, (reduction.DupFd(self.number),)


def _taken(handed: Any) -> int:
    return int(handed.detach())


def run(words: Sequence[str], folder: str, environ: Mapping[str, str], *streams: int) -> None:
    """The command, in the new process."""
    for place, number in enumerate(streams):
        os.dup2(number, place)
    sys.stdin, sys.stdout = open(0, encoding="utf-8", closefd=False), open(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["hanlin", *words]
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class Command:
    """What tests use of a `subprocess.Popen`."""

    def __init__(self, words: Sequence[str], folder: Path, environ: Mapping[str, str], stdin: int | None) -> None:
        ours, theirs = os.pipe() if stdin == subprocess.PIPE else (os.open(os.devnull, os.O_RDONLY), -1)
        pipes = [os.pipe(), os.pipe()]
        given = [ours, pipes[0][1], pipes[1][1]]
        self._process = FORKING.Process(target=run, args=(words, str(folder), dict(environ), *map(Descriptor, given)))
        self._process.start()
        for number in given:
            os.close(number)
        self.stdin: IO[str] | None = open(theirs, "w", encoding="utf-8") if theirs >= 0 else None
        self.stdout, self.stderr = (open(read, encoding="utf-8") for read, _ in pipes)
        self.pid = int(self._process.pid or 0)

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, told: str = "", timeout: float | None = None) -> tuple[str, str]:
        said = ["", ""]

        def read(place: int, stream: IO[str]) -> None:
            said[place] = stream.read()

        readers = [threading.Thread(target=read, args=one) for one in enumerate((self.stdout, self.stderr))]
        for reader in readers:
            reader.start()
        if self.stdin is not None:
            self.stdin.write(told)
            self.stdin.close()
        for reader in readers:
            reader.join(timeout)
            if reader.is_alive():
                raise subprocess.TimeoutExpired("hanlin", timeout or 0)
        self._process.join(timeout)
        self.stdout.close()
        self.stderr.close()
        return said[0], said[1]

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.join()
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                stream.close()
