"""Files that survive a crash: atomic writes, folders built aside, checksums, locks.

Every write, fsync and rename goes through `write_bytes`, `fsync` and `rename` of this module, so that tests
can kill the process at each of them. Whoever reads a folder made by `building_folder` calls `recover` on it first.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from hanlin.base.errors import DiskFull, InputError, MachineError
from hanlin.base.messages import say
from hanlin.base.processes import FolderLock as FolderLock
from hanlin.base.processes import is_alive, process_mark

_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EIO, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG}
_BUFFER = 1 << 20  # what is read stays in the caches until it is summed
_building: set[str] = set()  # folders this very process is building, for recover() in another thread


def write_bytes(file: BinaryIO, data: bytes) -> None:
    """Write and flush to the operating system."""
    file.write(data)
    file.flush()


def fsync(descriptor: int) -> None:
    """Wait until the disk holds what was written."""
    os.fsync(descriptor)


def rename(source: Path, target: Path) -> None:
    """Give a file or folder its place in one step."""
    os.replace(source, target)


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn the disk's refusals inside the block into DiskFull or MachineError naming `path`.

    Libraries written in other languages hide ENOSPC in the text of errors of their own, so the text counts too.
    """
    try:
        yield
    except Exception as error:
        number = getattr(error, "errno", None)
        if number in _FULL or "No space left" in str(error) or "os error 28" in str(error):
            raise DiskFull("base.disk_full", path=path, free=free_bytes(path)) from error
        if isinstance(error, OSError) and number in _REFUSED:
            raise MachineError("base.cannot_write", path=error.filename or path, reason=error.strerror) from error
        raise


@contextlib.contextmanager
def writing(path: Path | str, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Yield a file that becomes `path`, whole, when the block ends well: a reader finds the old content or the new.

    `durable=False` skips the fsyncs: for heartbeats, which nobody misses after a power cut.
    Raises DiskFull or MachineError.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "xb") as file:
                yield file
                file.flush()
                if durable:
                    fsync(file.fileno())
            rename(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if durable:
            _fsync_folder(path.parent)


def write_atomic(path: Path | str, data: bytes | str, *, durable: bool = True) -> None:
    """Write a file so that a reader finds the old content or the new, never a part. As `writing` otherwise."""
    with writing(path, durable=durable) as file:
        write_bytes(file, data.encode() if isinstance(data, str) else data)


def write_json(path: Path | str, value: Any, *, durable: bool = True) -> None:
    """Write `value` atomically as readable JSON."""
    write_atomic(path, json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n", durable=durable)


def read_text(path: Path | str) -> str:
    """Return a UTF-8 file's text without its byte order mark. Raises InputError: absent, not UTF-8, unreadable."""
    path = Path(path)
    try:
        return path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        raise InputError("base.file_missing", path=path) from None
    except IsADirectoryError:
        raise InputError("base.not_a_file", path=path) from None
    except UnicodeDecodeError as error:
        raise InputError("base.not_utf8", path=path, offset=error.start) from None
    except OSError as error:
        raise InputError("base.cannot_read", path=path, reason=error.strerror) from None


def read_json(path: Path | str, *, unique: bool = False) -> Any:
    """Return the content of a JSON file. Raises InputError naming file and line when absent or damaged.

    unique: refuse a table with the same key twice, of which each program would believe another one.
    """
    text = read_text(path)
    try:
        return parse_json(text, unique=unique)
    except json.JSONDecodeError as error:
        raise InputError("base.json_damaged", path=path, line=error.lineno, reason=error.msg) from None
    except ValueError as error:
        raise InputError("base.json_unusable", path=path, reason=error) from None


def parse_json(text: str, *, unique: bool = False) -> Any:
    """Return the content of JSON text. Raises ValueError, also for what would exhaust the parser: tables within tables
    by the thousand, numbers of more digits than Python reads."""
    try:
        return json.loads(text, object_pairs_hook=_unique if unique else None)
    except RecursionError:
        raise ValueError(say("base.json_deep")) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        left = dict.fromkeys(table)
        twice = next(name for name, _ in pairs if left.pop(name, name) is not None)
        raise ValueError(say("base.json_twice", name=twice))
    return table


def check_replaceable(final: Path | str, known_by: str) -> None:
    """Raise InputError (E117) where something stands at `final` that a new folder must not replace: a file, or a folder
    with content that lacks the file by which a folder of its kind is known."""
    final = Path(final)
    held = os.listdir(final) if final.is_dir() else [""] if os.path.lexists(final) else []
    if held and known_by not in held:
        raise InputError("base.not_ours", path=final, known_by=known_by)


@contextlib.contextmanager
def building_folder(final: Path | str, *, known_by: str = "") -> Iterator[Path]:
    """Yield an empty folder on the disk of `final` that becomes `final`, whole, when the block ends well.

    Everything in it is fsynced first. An older `final` is renamed aside before and deleted after; a crash between
    the two renames leaves it aside, and `recover` puts it back. After an error in the block nothing has changed.
    `known_by` names a file that every folder of its kind holds: what lacks it is the user's, and is not replaced.
    Raises InputError (E117) for that, DiskFull, MachineError.
    """
    final = Path(final)
    recover(final)
    if known_by:
        check_replaceable(final, known_by)
    mark = f"{process_mark()}-{secrets.token_hex(4)}"
    folder, aside = _sibling(final, "building", mark), _sibling(final, "old", mark)
    _building.update((folder.name, aside.name))
    try:
        with disk_errors(final):
            folder.mkdir(parents=True)
            yield folder
            _fsync_tree(folder)
            _swap(folder, final, aside)
            shutil.rmtree(aside, ignore_errors=True)
    finally:
        _building.difference_update((folder.name, aside.name))
        shutil.rmtree(folder, ignore_errors=True)


def _swap(folder: Path, final: Path, aside: Path) -> None:
    if final.exists():
        rename(final, aside)
    try:
        rename(folder, final)
    except BaseException:
        if aside.exists():
            os.replace(aside, final)
        raise
    _fsync_folder(final.parent)


def recover(final: Path | str) -> bool:
    """Clear up after a process that died while building `final`; return whether the old folder was put back."""
    final = Path(final)
    if not final.parent.is_dir():
        return False
    restored = False
    for aside in sorted(_abandoned(final, "old"), key=lambda path: path.stat().st_mtime, reverse=True):
        if final.exists():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            rename(aside, final)
            _fsync_folder(final.parent)
            restored = True
    for folder in _abandoned(final, "building"):
        shutil.rmtree(folder, ignore_errors=True)
    return restored


def _sibling(final: Path, kind: str, mark: str) -> Path:
    return final.with_name(f".{final.name}.{kind}-{mark}")


def _abandoned(final: Path, kind: str) -> list[Path]:
    """Folders of dead builders of `final`. Our own pid counts as dead unless the folder is in `_building`:
    in a container a restarted process often gets the number of the one that crashed."""
    prefix = f".{final.name}.{kind}-"
    found = [path for path in final.parent.iterdir() if path.name.startswith(prefix)]
    return [p for p in found if p.name not in _building and not _built_by_another(p.name.removeprefix(prefix))]


def _built_by_another(mark: str) -> bool:
    owner = mark.rpartition("-")[0]
    return owner != process_mark() and is_alive(owner)


def _fsync_tree(folder: Path) -> None:
    for root, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(root, name), "rb") as file:
                fsync(file.fileno())
        _fsync_folder(Path(root))


def _fsync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows has no handle to a folder that could be synced
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_file(path: Path | str) -> str:
    """Return the hexadecimal SHA-256 of a file, read in pieces."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_stretch(path: Path | str, start: int, length: int) -> str:
    """Return the hexadecimal SHA-256 of `length` bytes of a file from `start` on, or of what is left of it."""
    digest, buffer = hashlib.sha256(), memoryview(bytearray(_BUFFER))
    with open(path, "rb", buffering=0) as file:
        file.seek(start)
        while length and (got := file.readinto(buffer[: min(length, _BUFFER)])):
            digest.update(buffer[:got])
            length -= got
    return digest.hexdigest()


def sha256_bytes(data: bytes) -> str:
    """Return the hexadecimal SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def free_bytes(path: Path | str) -> int:
    """Return the free bytes on the disk where `path` is or would be."""
    path = Path(path).absolute()
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free
