"""Which process is it, is it still alive, and who holds this folder."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import socket
import sys
from pathlib import Path
from types import TracebackType

from hanlin.base.errors import MachineError

_held: set[int] = set()  # descriptors of the locks this process holds


@functools.cache
def _own_mark(pid: int) -> str:
    return f"{pid}-{_start_time(pid)}"


def process_mark() -> str:
    """Return `pid-starttime`: two processes never share it, even when a number is used again."""
    return _own_mark(os.getpid())  # keyed by pid, so that a forked child does not inherit its parent's mark


def is_alive(mark: str) -> bool:
    """Return whether the process of a mark still runs on this machine."""
    number, _, started = mark.partition("-")
    if not number.isdigit() or not _exists(int(number)):
        return False
    return started in ("", "0") or started == _start_time(int(number))


def _exists(pid: int) -> bool:
    if sys.platform == "win32":  # os.kill(pid, 0) would end the process there; never guess that somebody is dead
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _state(pid) != "Z"


def _stat_fields(pid: int) -> list[str]:
    """Fields of /proc/pid/stat after the command's name, which may itself hold spaces and brackets."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _state(pid: int) -> str:
    return (_stat_fields(pid) or [""])[0]


def _start_time(pid: int) -> str:
    fields = _stat_fields(pid)
    return fields[19] if len(fields) > 19 else "0"


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # past the content: a locked byte cannot even be read
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _close_in_child() -> None:
    # A forked worker shares the open file: were it to outlive a killed parent, the lock would stay held.
    for descriptor in _held:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)


class FolderLock:
    """One process at a time in a folder, by a lock of the operating system that dies with its owner.

    The file `.lock` names the owner for the sentence others get; it stays after release, because deleting it would
    let two later processes lock two different files.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._descriptor: int | None = None

    def acquire(self) -> FolderLock:
        """Take the lock. Raises MachineError: E107 naming pid, host and folder of the owner, or E109 where the folder
        cannot be made or written."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        except OSError as error:
            raise MachineError("base.cannot_write", path=self.folder, reason=error.strerror) from error
        if not _try_lock(descriptor):
            owner = _read_owner(descriptor)
            os.close(descriptor)
            raise MachineError("base.folder_locked", folder=self.folder, **owner)
        with contextlib.suppress(OSError):  # a courtesy; a full disk shows at the first file that matters
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())
        _held.add(descriptor)
        self._descriptor = descriptor
        return self

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor in _held:
            _held.discard(descriptor)
            os.close(descriptor)

    def __enter__(self) -> FolderLock:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _read_owner(descriptor: int) -> dict[str, object]:
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        owner = json.loads(os.read(descriptor, 4096))
        return {"pid": owner["pid"], "host": owner["host"]}
    except (ValueError, KeyError, TypeError):  # the owner has locked but not yet written
        return {"pid": "?", "host": "?"}
