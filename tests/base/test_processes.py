"""Locks that die with their owner, and telling the living from the dead."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hanlin.base.errors import MachineError
from hanlin.base.files import FolderLock
from hanlin.base.processes import is_alive, process_mark

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and fork are those of POSIX")

HOLDER = r"""
import os, sys, time
from hanlin.base.files import FolderLock
lock = FolderLock(sys.argv[1]).acquire()
if sys.argv[2] == "fork" and os.fork() == 0:
    os.write(1, b"child %d\n" % os.getpid())
    time.sleep(60)
    os._exit(0)
os.write(1, b"ready %d\n" % os.getpid())
sys.stdin.read()
"""


@contextmanager
def holder(folder: Path, how: str = "alone") -> Iterator[tuple[subprocess.Popen[str], dict[str, int]]]:
    """Another process that holds the lock, and the pids it printed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().split() for _ in range(2 if how == "fork" else 1)]
        pids = {word: int(pid) for word, pid in lines}
        try:
            yield process, pids
        finally:
            for pid in pids.values():
                if is_alive(str(pid)):
                    os.kill(pid, signal.SIGKILL)


def test_the_second_owner_is_told_who_the_first_is(tmp_path: Path, lang: str) -> None:
    with holder(tmp_path) as (process, _), pytest.raises(MachineError) as caught:
        FolderLock(tmp_path).acquire()
    error = caught.value
    assert error.code == "E107"
    assert error.values == {"folder": tmp_path, "pid": process.pid, "host": socket.gethostname()}
    assert str(process.pid) in str(error)
    assert str(tmp_path) in str(error)


def test_two_locks_in_one_process_exclude_each_other(tmp_path: Path) -> None:
    with FolderLock(tmp_path), pytest.raises(MachineError, match=f"process {os.getpid()} "), FolderLock(tmp_path):
        pass
    with FolderLock(tmp_path):
        pass


def test_a_killed_owner_holds_nothing(tmp_path: Path) -> None:
    with holder(tmp_path) as (process, _):
        process.kill()
        process.wait()
        assert json.loads((tmp_path / ".lock").read_text())["pid"] == process.pid
        with FolderLock(tmp_path):
            assert json.loads((tmp_path / ".lock").read_text())["pid"] == os.getpid()


def test_a_worker_that_outlives_its_killed_parent_does_not_keep_the_lock(tmp_path: Path) -> None:
    """A forked data worker shares the open file; once, a crashed run stayed locked until it ended."""
    with holder(tmp_path, "fork") as (process, pids):
        process.kill()
        process.wait()
        assert is_alive(str(pids["child"]))
        FolderLock(tmp_path).acquire().release()


def test_an_owner_that_has_not_written_its_name_yet_is_unknown(tmp_path: Path) -> None:
    with FolderLock(tmp_path):
        (tmp_path / ".lock").write_text("")
        with pytest.raises(MachineError, match=r"process \? on \?"):
            FolderLock(tmp_path).acquire()


def test_releasing_twice_or_unlocked_is_harmless(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / "new")
    lock.release()
    lock.acquire()
    lock.release()
    lock.release()
    with lock:
        pass


def test_marks_tell_processes_apart_even_with_the_same_number() -> None:
    mark = process_mark()
    assert mark.startswith(f"{os.getpid()}-")
    assert is_alive(mark)
    assert is_alive(str(os.getpid()))
    assert not is_alive("not a mark")
    if Path("/proc").exists():
        assert not is_alive(f"{os.getpid()}-1"), "a process of this number, but born at another time"


def test_the_dead_and_the_not_yet_buried_are_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", "pass"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, but its parent has not asked yet
    if Path("/proc").exists():
        assert not is_alive(str(process.pid))
    process.wait()
    process.stdout.close()
    assert not is_alive(str(process.pid))


def test_a_forked_child_has_a_mark_of_its_own() -> None:
    code = (
        "import os\nfrom hanlin.base.processes import process_mark\nparent = process_mark()\n"
        "if os.fork() == 0:\n    os._exit(int(process_mark() == parent))\nprint(os.wait()[1])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_a_folder_that_cannot_be_made_is_the_machines_affair(tmp_path: Path) -> None:
    """A HANLIN_HOME that may not be written used to be called a bug of ours."""
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError) as caught:
        FolderLock(tmp_path / "file" / "runs").acquire()
    assert caught.value.code == "E109" and str(tmp_path / "file" / "runs") in str(caught.value)
