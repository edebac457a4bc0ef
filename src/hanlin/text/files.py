"""Which files a source names, and their bytes: packed or not, in chunks, never whole."""

from __future__ import annotations

import bz2
import glob
import gzip
import lzma
import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import zstandard

from hanlin.base.errors import InputError

CHUNK_BYTES = 1 << 20
PACKED = (".gz", ".zst", ".xz", ".bz2")
_PACKED_TAR = {".tgz": ".gz", ".tzst": ".zst", ".txz": ".xz", ".tbz2": ".bz2", ".tbz": ".bz2"}
UNREADABLE = (
    OSError, EOFError, zlib.error, zstandard.ZstdError, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError,
)  # fmt: skip
"""What reading a damaged, cut or forbidden file raises."""
CODE_SUFFIXES = frozenset({
    ".py", ".pyi", ".c", ".h", ".cc", ".cpp", ".hpp", ".rs", ".go", ".java", ".js",
    ".ts", ".tsx", ".jsx", ".cs", ".rb", ".php", ".sh", ".sql", ".swift", ".kt", ".lua",
})  # fmt: skip
NO_PAGES = CODE_SUFFIXES | {".md", ".markdown", ".rst"}
"""What is no web page even where it begins as one: programs, and notes with markup of their own."""
XZ_MEMORY = 1 << 28  # a hostile header may ask for a window of four gigabytes; `xz -9` needs 65 MB
PACKED_BYTES = 1 << 9  # Zstandard may unpack a block of 128 KB from four bytes: 16 MB from this many
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def shown(text: object) -> str:
    """Return a path, name or value as text that any file can hold and any terminal show.

    File names may be bytes of another encoding, values of rows half of a surrogate pair, both may hold escape codes.
    """
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], str(text))


@dataclass(frozen=True)
class PassedOver:
    """A file or folder that is not read: `reason` is "hidden", "unreadable" or "special" (a pipe, a device)."""

    path: Path
    reason: str
    detail: str = ""


def files_of(path: str) -> tuple[list[Path], list[PassedOver]]:
    """Return the files of a folder, a file or a glob pattern, sorted, and what was passed over.

    Links to folders are followed, each folder once; a hidden folder is passed over as one. Raises InputError where
    nothing stands at `path`, nothing in it may be read, or it is no file: a pipe would be waited for without end.
    """
    place = Path(path).expanduser()
    if os.path.isfile(place):
        return [place], []
    if kind := special_kind(place):
        raise InputError("text.source_special", path=path, kind=kind)
    if os.path.isdir(place):
        found, passed_over = _below(place)
    elif glob.has_magic(path):
        found, passed_over = _matching(place)
    else:
        raise InputError("text.source_missing", path=path)
    if not found:
        raise InputError("text.source_empty", path=path, num_passed_over=len(passed_over))
    return found, passed_over


def _below(root: Path) -> tuple[list[Path], list[PassedOver]]:
    found: list[Path] = []
    passed_over: list[PassedOver] = []

    def refused(error: OSError) -> None:
        passed_over.append(PassedOver(Path(error.filename), "unreadable", str(error.strerror)))

    entered = {os.path.realpath(root)}
    for name, folders, files in os.walk(root, onerror=refused, followlinks=True):
        folder = Path(name)
        passed_over += [PassedOver(folder / name, "hidden") for name in [*folders, *files] if name.startswith(".")]
        folders[:] = [name for name in sorted(folders) if not name.startswith(".") and _is_new(folder / name, entered)]
        seen = [folder / name for name in files if not name.startswith(".")]
        found += [file for file in seen if os.path.isfile(file)]
        passed_over += [_no_file(file) for file in seen if not os.path.isfile(file)]
    return sorted(found), sorted(passed_over, key=lambda one: one.path)


_SPECIAL = {stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}


def special_kind(path: Path) -> str:
    """Return what stands at `path` if it is neither a file nor a folder ("FIFO", "socket", "device"), else ""."""
    try:
        return _SPECIAL.get(stat.S_IFMT(path.stat().st_mode), "")
    except (OSError, ValueError):  # nothing is there, a link leads to itself, or the name holds a NUL
        return ""


def _no_file(path: Path) -> PassedOver:
    kind = special_kind(path)
    return PassedOver(path, "special", kind) if kind else PassedOver(path, "unreadable", "no file")


def _is_new(folder: Path, entered: set[str]) -> bool:
    """Whether a folder was not entered before, by a link or by its own name: links may lead in circles."""
    real = os.path.realpath(folder)
    is_new = real not in entered
    entered.add(real)
    return is_new


def _matching(pattern: Path) -> tuple[list[Path], list[PassedOver]]:
    root = _fixed_part(pattern)
    found = [name for name in glob.glob(str(pattern), recursive=True) if not os.path.isdir(name)]
    found.sort(key=lambda name: (len(name), name))
    # A link back up makes `**` find every file forty times, each time by a longer name.
    matches = sorted({os.path.realpath(name): Path(name) for name in reversed(found)}.values())
    files = [path for path in matches if os.path.isfile(path)]
    hidden = {file for file in files if _is_hidden(file, root)}
    passed_over = [PassedOver(file, "hidden") for file in sorted(hidden)]
    passed_over += [_no_file(path) for path in matches if not os.path.isfile(path)]
    return [file for file in files if file not in hidden], passed_over


def _fixed_part(pattern: Path) -> Path:
    """The folder a pattern starts from: what its owner named in full, hidden or not, is meant."""
    parts = pattern.parts
    return Path(*parts[: next(number for number, part in enumerate(parts) if glob.has_magic(part))])


def _is_hidden(file: Path, root: Path) -> bool:
    """Whether the file or a folder on the way from `root` begins with a dot, as editors and systems hide theirs."""
    below = file.relative_to(root).parts if file.is_relative_to(root) else file.parts
    return any(part.startswith(".") and part != ".." for part in below)


def suffixes_of(name: str) -> str:
    """Return what a name says of its content, in lower case: ".jsonl.zst", ".txt", ".tar.gz" (of ".tgz" too), ""."""
    last = Path(name.lower()).suffix
    if last in _PACKED_TAR:
        return f".tar{_PACKED_TAR[last]}"
    return f"{Path(name.lower().removesuffix(last)).suffix}{last}" if last in PACKED else last


def kind_suffix(path: Path) -> str:
    """Return the suffix that tells the format, in lower case, the one of packing left out: ".jsonl" of a.jsonl.zst."""
    suffix = suffixes_of(path.name)
    for packed in PACKED:
        suffix = suffix.removesuffix(packed)
    return suffix


def is_packed(path: Path) -> bool:
    """Whether `chunks_of` unpacks the file."""
    return suffixes_of(path.name).endswith(PACKED)


def chunks_of(path: Path) -> Iterator[bytes]:
    """Yield the unpacked bytes of a file in chunks. Raises one of UNREADABLE for a damaged file."""
    suffix = suffixes_of(path.name)
    with path.open("rb") as file:
        if suffix.endswith(".zst"):
            yield from unpacked_zst(iter(lambda: file.read(PACKED_BYTES), b""))
        elif suffix.endswith(".xz"):
            yield from _unpacked_xz(file)
        else:
            plain = _opened(suffix, file)
            yield from iter(lambda: plain.read1(CHUNK_BYTES), b"")  # read would lose what stands before a cut


def chunks_between(path: Path, start: int, end: int) -> Iterator[bytes]:
    """Yield the bytes of a file from one place to another, in chunks. Raises one of UNREADABLE."""
    with path.open("rb") as file:
        file.seek(start)
        while start < end and (chunk := file.read(min(CHUNK_BYTES, end - start))):
            yield chunk
            start += len(chunk)


def _opened(suffix: str, file: BufferedReader) -> Any:
    if suffix.endswith(".gz"):
        return gzip.GzipFile(fileobj=file)
    is_packed = suffix.endswith(".bz2") and file.peek(1)  # of an empty file the others make nothing, bz2 an error
    return bz2.BZ2File(file) if is_packed else file


def _unpacked_xz(file: BufferedReader) -> Iterator[bytes]:
    """Yield the content of xz streams, one after the other: `lzma.LZMAFile` knows no limit of memory."""
    decompressor, packed = None, b""
    while packed := packed or file.read(CHUNK_BYTES):
        decompressor = decompressor or lzma.LZMADecompressor(memlimit=XZ_MEMORY)
        yield decompressor.decompress(packed, CHUNK_BYTES)
        while not decompressor.eof and not decompressor.needs_input:
            yield decompressor.decompress(b"", CHUNK_BYTES)
        packed = decompressor.unused_data.lstrip(b"\0") if decompressor.eof else b""  # streams may be padded
        decompressor = None if decompressor.eof else decompressor
    if decompressor is not None:
        raise EOFError("the last stream is cut")


def unpacked_zst(packed_chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the content of Zstandard frames, one after the other. Raises EOFError where the last frame is cut.

    The stream reader of zstandard would take a cut file for a whole one.
    """
    frame = None
    for packed in packed_chunks:
        while packed:
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            yield frame.decompress(packed)
            packed = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame is not None:
        raise EOFError("the last frame is cut")


def head_of(path: Path, size: int) -> bytes:
    """Return the first `size` unpacked bytes. Raises one of UNREADABLE."""
    head = b""
    for chunk in chunks_of(path):
        head += chunk
        if len(head) >= size:
            break
    return head[:size]
