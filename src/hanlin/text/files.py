"""Which files a source names, and their bytes: packed or not, in chunks, never whole."""

from __future__ import annotations

import glob
import gzip
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard

from hanlin.base.errors import InputError

CHUNK_BYTES = 1 << 20
PACKED = (".gz", ".zst")
UNREADABLE = (OSError, EOFError, zlib.error, zstandard.ZstdError)
"""What reading a damaged, cut or forbidden file raises."""
PACKED_BYTES = 1 << 9  # Zstandard may unpack a block of 128 KB from four bytes: 16 MB from this many
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def shown(text: object) -> str:
    """Return a path, name or value as text that any file can hold and any terminal show.

    File names may be bytes of another encoding, values of rows half of a surrogate pair, both may hold escape codes.
    """
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], str(text))


@dataclass(frozen=True)
class PassedOver:
    """A file or folder that is not read: `reason` is "hidden" or "unreadable"."""

    path: Path
    reason: str
    detail: str = ""


def files_of(path: str) -> tuple[list[Path], list[PassedOver]]:
    """Return the files of a folder, a file or a glob pattern, sorted, and what was passed over.

    Links to folders are followed, each folder once; a hidden folder is passed over as one. Raises InputError where
    nothing stands at `path`, or nothing in it may be read.
    """
    place = Path(path).expanduser()
    if os.path.isfile(place):
        return [place], []
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
        passed_over += [PassedOver(file, "unreadable", "no file") for file in seen if not os.path.isfile(file)]
    return sorted(found), sorted(passed_over, key=lambda one: one.path)


def _is_new(folder: Path, entered: set[str]) -> bool:
    """Whether a folder was not entered before, by a link or by its own name: links may lead in circles."""
    real = os.path.realpath(folder)
    is_new = real not in entered
    entered.add(real)
    return is_new


def _matching(pattern: Path) -> tuple[list[Path], list[PassedOver]]:
    root = _fixed_part(pattern)
    names = sorted(filter(os.path.isfile, glob.glob(str(pattern), recursive=True)), key=lambda name: (len(name), name))
    # A link back up makes `**` find every file forty times, each time by a longer name.
    files = sorted({os.path.realpath(name): Path(name) for name in reversed(names)}.values())
    hidden = {file for file in files if _is_hidden(file, root)}
    return [file for file in files if file not in hidden], [PassedOver(file, "hidden") for file in sorted(hidden)]


def _fixed_part(pattern: Path) -> Path:
    """The folder a pattern starts from: what its owner named in full, hidden or not, is meant."""
    parts = pattern.parts
    return Path(*parts[: next(number for number, part in enumerate(parts) if glob.has_magic(part))])


def _is_hidden(file: Path, root: Path) -> bool:
    """Whether the file or a folder on the way from `root` begins with a dot, as editors and systems hide theirs."""
    below = file.relative_to(root).parts if file.is_relative_to(root) else file.parts
    return any(part.startswith(".") and part != ".." for part in below)


def kind_suffix(path: Path) -> str:
    """Return the suffix that tells the format, in lower case, the one of packing left out: ".jsonl" of a.jsonl.zst."""
    name = path.name.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    return Path(name).suffix


def chunks_of(path: Path) -> Iterator[bytes]:
    """Yield the unpacked bytes of a file in chunks. Raises one of UNREADABLE for a damaged file."""
    with path.open("rb") as file:
        if path.suffix.lower() == ".zst":
            yield from unpacked_zst(iter(lambda: file.read(PACKED_BYTES), b""))
        else:
            plain = gzip.GzipFile(fileobj=file) if path.suffix.lower() == ".gz" else file
            yield from iter(lambda: plain.read1(CHUNK_BYTES), b"")  # read would lose what stands before a cut


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
