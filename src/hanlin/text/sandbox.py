"""Templates of strangers are rendered in a process of their own, with limits on time and memory.

A chat template is a program that comes with a model folder. The process starts with the first template that is not
ours, serves all of them, and is replaced when one of them kills it.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

from hanlin.text import jinja
from hanlin.text.jinja import Fault

_PATIENCE = 30.0  # seconds of the clock, for systems that cannot limit processor time and for stalls


class Sandbox:
    """One process that renders, safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, source: str, variables: Mapping[str, Any] | None) -> str:
        """Render, or only check the syntax when `variables` is None. Raises Fault."""
        request = json.dumps({"source": source, "variables": variables}).encode() + b"\n"
        with self._lock:
            line = self._exchange(request)
            if not line.endswith(b"\n"):
                self._end()
                raise Fault("too_much", 0, "time or memory")
        answer = json.loads(line)
        if "fault" in answer:
            raise Fault(*answer["fault"])
        return str(answer["text"])

    def close(self) -> None:
        """End the process; the next question starts another. A forked child leaves its parent's alone."""
        with self._lock:
            if os.getpid() == self._owner:
                self._end()

    def _exchange(self, request: bytes) -> bytes:
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        watch = threading.Timer(_PATIENCE, process.kill)
        watch.daemon = True
        watch.start()
        try:
            process.stdin.write(request)
            process.stdin.flush()
            return process.stdout.readline()
        except BrokenPipeError:
            return b""
        finally:
            watch.cancel()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            command = [sys.executable, "-P", jinja.__file__]  # -P: our files must not hide the standard library's
            pipe = subprocess.PIPE
            quick = {**os.environ, "RUST_BACKTRACE": "0"}  # out of memory is no time to look up names of functions
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=quick)
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except BrokenPipeError:
                pass
        process.wait()


def check(source: str) -> None:
    """Raise Fault when the template is no Jinja."""
    _sandbox(os.getpid()).ask(source, None)


def render(source: str, variables: Mapping[str, Any]) -> str:
    """Return the rendered text. Raises Fault, also for a template that takes too much time or memory."""
    return _sandbox(os.getpid()).ask(source, variables)


@functools.cache
def _sandbox(pid: int) -> Sandbox:
    """One for each process: a forked child must not read its parent's answers."""
    sandbox = Sandbox()
    atexit.register(sandbox.close)
    return sandbox
