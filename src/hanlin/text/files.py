"""Which files a source names, and their bytes: packed or not, in chunks, never whole."""

from __future__ import annotations

import glob
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import zstandard

from hanlin.base.errors import InputError

CHUNK_BYTES = 1 << 20
PACKED = (".gz", ".zst")
UNREADABLE = (OSError, EOFError, zlib.error, zstandard.ZstdError)
"""What reading a damaged, cut or forbidden file raises."""


def files_of(path: str) -> tuple[list[Path], list[Path]]:
    """Return the files of a folder, a file or a glob pattern, sorted, and the hidden ones that were passed over.

    Raises InputError where nothing stands at `path`, or a folder holds no file at all.
    """
    place = Path(path)
    if place.is_file():
        return [place], []
    if place.is_dir():
        found, root = sorted(file for file in place.rglob("*") if file.is_file()), place
    elif glob.has_magic(path):
        found = sorted(Path(name) for name in glob.glob(path, recursive=True) if Path(name).is_file())
        root = _fixed_part(place)
    else:
        raise InputError("text.source_missing", path=path)
    hidden = [file for file in found if _is_hidden(file, root)]
    if len(found) == len(hidden):
        raise InputError("text.source_empty", path=path, num_hidden=len(hidden))
    passed_over = set(hidden)
    return [file for file in found if file not in passed_over], hidden


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
            yield from unpacked_zst(iter(lambda: file.read(1 << 12), b""))  # may unpack to a thousandfold
        else:
            plain = gzip.GzipFile(fileobj=file) if path.suffix.lower() == ".gz" else file
            yield from iter(lambda: plain.read(CHUNK_BYTES), b"")


def unpacked_zst(packed_chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the content of Zstandard frames, one after the other. Raises EOFError where the last frame is cut."""
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
