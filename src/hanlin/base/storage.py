"""Where tasks leave their outcomes for each other: a folder of this machine, or any address that fsspec can open.

    <root>/<step>/<number>/…        the files of one finished task
    <root>/<step>/<number>/done.json   its marker, which stands there only when all the rest does

A task writes into a draft aside, which gets its name in one step: a reader finds a whole outcome or none. At an address
(`s3://bucket/folder`) a draft is copied up with its marker last, and what a task reads is fetched once to this machine.
"""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from hanlin.base.files import disk_errors, rename, write_atomic
from hanlin.base.processes import process_mark

MARKER = "done.json"


class Storage(Protocol):
    """Outcomes by name ("clean/00012"), and single small files."""

    root: str

    def finished(self, name: str) -> bytes | None:
        """Return the marker of a finished task, or None."""
        ...

    def folder(self, name: str) -> Path:
        """Return where the files of a finished task can be read on this machine."""
        ...

    def drafting(self, name: str) -> contextlib.AbstractContextManager[Path]:
        """Yield an empty folder whose files become the outcome when the block ends well."""
        ...

    def forget(self, name: str) -> None:
        """Remove an outcome."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return a small file, or None where it is not there."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Write a small file, whole or not at all."""
        ...

    def clear(self) -> None:
        """Remove all outcomes and files."""
        ...

    def remove(self) -> None:
        """Remove everything, the place itself too."""
        ...


def open_storage(root: str) -> Storage:
    """Return the storage at a folder or an address."""
    return Remote(root) if "://" in root else Local(root)


class Local:
    """A folder that all workers see: on one machine, or on a file system that several share."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._home = Path(root)

    def finished(self, name: str) -> bytes | None:
        """Return the marker of a finished task, or None."""
        return self.read(f"{name}/{MARKER}")

    def folder(self, name: str) -> Path:
        """Return the folder of a finished task."""
        return self._home / name

    @contextlib.contextmanager
    def drafting(self, name: str) -> Iterator[Path]:
        """Yield an empty folder that gets its name when the block ends well. Raises DiskFull, MachineError."""
        target = self._home / name
        draft = self._home / "drafts" / f"{name.replace('/', '-')}-{process_mark()}-{secrets.token_hex(4)}"
        try:
            with disk_errors(draft):
                draft.mkdir(parents=True)
                target.parent.mkdir(parents=True, exist_ok=True)
                yield draft
                _settle(draft, target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def forget(self, name: str) -> None:
        """Remove an outcome, its marker first."""
        (self._home / name / MARKER).unlink(missing_ok=True)
        shutil.rmtree(self._home / name, ignore_errors=True)

    def read(self, name: str) -> bytes | None:
        """Return a small file, or None."""
        try:
            return (self._home / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, name: str, data: bytes) -> None:
        """Write a small file. Raises DiskFull, MachineError."""
        write_atomic(self._home / name, data, durable=False)

    def clear(self) -> None:
        """Remove all but the lock."""
        for path in self._home.iterdir() if self._home.is_dir() else ():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != ".lock":
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._home, ignore_errors=True)


def _settle(draft: Path, target: Path) -> None:
    """Give a draft its name. Where another worker was faster, its outcome is the same; one without a marker is the
    rest of one that was being removed."""
    if target.exists() and not (target / MARKER).is_file():
        shutil.rmtree(target)
    try:
        rename(draft, target)
    except OSError:
        if not (target / MARKER).is_file():
            raise


class Remote:
    """An address of fsspec; this machine keeps a copy of what it reads until the process ends."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")
        import fsspec  # half of the time that `hanlin --help` takes

        self._files, self._home = fsspec.core.url_to_fs(self.root)
        self._near = Path(_near_folder(os.getpid()), secrets.token_hex(4))

    def finished(self, name: str) -> bytes | None:
        """Return the marker of a finished task, or None."""
        return self.read(f"{name}/{MARKER}")

    def folder(self, name: str) -> Path:
        """Fetch the files of a finished task, once."""
        near = self._near / name
        if not near.exists():
            draft = self._near / f"{name.replace('/', '-')}.fetching"
            with disk_errors(draft):
                draft.mkdir(parents=True, exist_ok=True)
                for place in self._files.ls(f"{self._home}/{name}", detail=False):
                    self._files.get_file(place, str(draft / place.rpartition("/")[2]))
                near.parent.mkdir(parents=True, exist_ok=True)
                rename(draft, near)
        return near

    @contextlib.contextmanager
    def drafting(self, name: str) -> Iterator[Path]:
        """Yield an empty folder that is copied up when the block ends well, its marker last."""
        with tempfile.TemporaryDirectory(dir=_near_folder(os.getpid())) as folder, disk_errors(Path(folder)):
            draft = Path(folder)
            yield draft
            self._files.makedirs(f"{self._home}/{name}", exist_ok=True)
            for file in sorted(draft.iterdir(), key=lambda file: file.name == MARKER):
                self._files.put_file(str(file), f"{self._home}/{name}/{file.name}")

    def forget(self, name: str) -> None:
        """Remove an outcome, its marker first."""
        for place in (f"{self._home}/{name}/{MARKER}", f"{self._home}/{name}"):
            if self._files.exists(place):
                self._files.rm(place, recursive=True)
        shutil.rmtree(self._near / name, ignore_errors=True)

    def read(self, name: str) -> bytes | None:
        """Return a small file, or None."""
        self._files.invalidate_cache()
        try:
            content: bytes = self._files.cat_file(f"{self._home}/{name}")
        except FileNotFoundError:
            return None
        return content

    def write(self, name: str, data: bytes) -> None:
        """Write a small file."""
        self._files.makedirs(self._home, exist_ok=True)
        self._files.pipe_file(f"{self._home}/{name}", data)

    def clear(self) -> None:
        """Remove everything, here and there."""
        if self._files.exists(self._home):
            self._files.rm(self._home, recursive=True)
        shutil.rmtree(self._near, ignore_errors=True)

    def remove(self) -> None:
        """Remove everything, here and there."""
        self.clear()


@functools.cache
def _near_folder(pid: int) -> str:
    """A folder for copies, one for each process, gone when it ends."""
    folder = tempfile.TemporaryDirectory(prefix="hanlin-near-")
    _kept.append(folder)
    return folder.name


_kept: list[Any] = []  # a TemporaryDirectory removes its folder as soon as nobody holds it
