"""Archives: the members of zip and tar files, one at a time, whatever their makers meant to do with them.

A member is unpacked to a file of our own naming, so no name in an archive can lead anywhere, and is deleted before the
next. Links, devices, encrypted members and names that lead out of the archive are passed over with a word.
"""

from __future__ import annotations

import io
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from hanlin.text.files import CHUNK_BYTES, UNREADABLE, kind_suffix, shown
from hanlin.text.formats.content import Content, Fault, copied

ARCHIVES = (".zip", ".tar")
BETWEEN = "!/"
"""Stands between an archive and the name of its member."""
# What zipfile raises for members it cannot unpack: another method, a password, a header that contradicts the directory.
_NOT_UNPACKED = (*UNREADABLE, NotImplementedError, RuntimeError, ValueError)


@dataclass(frozen=True)
class Member:
    """One file of an archive: `path` is where it lies unpacked until the next one is asked for."""

    path: Path
    name: str


def is_archive(name: str) -> bool:
    """Whether a name is that of an archive."""
    return kind_suffix(Path(name)) in ARCHIVES


def members_of(content: Content) -> Iterator[Member | Fault]:
    """Yield the members of an archive in its order. Faults: hidden, link, special, outside, encrypted, unreadable.

    Raises one of UNREADABLE where the archive is damaged or cut, UnpacksTooMuch, DiskFull.
    """
    with tempfile.TemporaryDirectory(prefix="hanlin-") as folder:
        read = _zip_members if kind_suffix(Path(content.name)) == ".zip" else _tar_members
        for member in read(content, Path(folder)):
            yield member
            if isinstance(member, Member):
                member.path.unlink(missing_ok=True)


def _zip_members(content: Content, folder: Path) -> Iterator[Member | Fault]:
    with content.seekable() as path, zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield _zip_member(archive, info, content, folder)


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, content: Content, folder: Path) -> Member | Fault:
    name, place = _zip_name(info), f"{BETWEEN}{_zip_name(info)}"
    if reason := _refused(name):
        return Fault(reason, place)
    if stat.S_ISLNK(info.external_attr >> 16):
        return Fault("link", place)
    if info.flag_bits & 1:
        return Fault("encrypted", place)
    content.guard.allow(info.file_size, f"{content.name}{place}")
    try:
        with archive.open(info) as file:
            return _unpacked(file, name, content, folder)
    except _NOT_UNPACKED as error:
        return Fault("unreadable", place, str(error))


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The name of a member: where it is not marked as UTF-8, Chinese systems write GBK and zipfile reads CP437."""
    if info.flag_bits & 0x800:
        return info.filename
    raw = info.filename.encode("cp437", "replace")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return info.filename


def _tar_members(content: Content, folder: Path) -> Iterator[Member | Fault]:
    stream = Stream(content.chunks())
    with tarfile.open(fileobj=stream, mode="r|", bufsize=CHUNK_BYTES) as archive:
        for info in archive:
            archive.members = []  # type: ignore[attr-defined]  # it would keep the headers of a million members
            if not info.isdir():
                yield _tar_member(archive, info, content, folder)
    if stream.is_done and stream.tail.strip(b"\0"):  # tarfile takes one that is cut between members for a whole one
        raise EOFError("the archive ends without its mark")


def _tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo, content: Content, folder: Path) -> Member | Fault:
    place = f"{BETWEEN}{info.name}"
    if reason := _refused(info.name):
        return Fault(reason, place)
    if info.issym() or info.islnk():
        return Fault("link", place, info.linkname)
    file = archive.extractfile(info) if info.isfile() else None
    return _unpacked(file, info.name, content, folder) if file else Fault("special", place)


def _refused(name: str) -> str:
    """The reason not to read a member by its name, or ""."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts[:1] and path.parts[0].endswith(":")):
        return "outside"
    return "hidden" if any(part.startswith(".") or part == "__MACOSX" for part in path.parts) else ""


def _unpacked(file: IO[bytes], name: str, content: Content, folder: Path) -> Member:
    place = f"{content.name}{BETWEEN}{shown(name)}"
    chunks = content.guard.watched(iter(lambda: file.read(CHUNK_BYTES), b""), place, store=True)
    return Member(copied(chunks, folder, name), name)


class Stream(io.RawIOBase):
    """Chunks as a file that can only be read on; `tail` are the last bytes that came, all there are once it is done."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks, self.held = chunks, b""
        self.tail, self.is_done, self.at = b"", False, 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes, of one chunk alone: where the next cannot be unpacked, this one must not be lost with it."""
        while not self.held and not self.is_done:
            chunk = next(self.chunks, None)
            self.is_done = chunk is None
            self.held = chunk or b""
            self.tail = (self.tail + self.held[-tarfile.BLOCKSIZE :])[-tarfile.BLOCKSIZE :]
        read = self.held if size < 0 else self.held[:size]
        self.held = self.held[len(read) :]
        self.at += len(read)
        return read

    def tell(self) -> int:
        """How many bytes were given."""
        return self.at
