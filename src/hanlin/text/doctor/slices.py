"""Parts of a file: a small one whole, of a large one the head and blocks from inside, cut at line feeds.

A block knows the number of its first line where that can be counted at small cost, else only its byte.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hanlin.text.files import PACKED, UNREADABLE, chunks_of

NUM_BLOCKS = 8
"""Blocks from inside of a large file, the end among them; together as long as the head."""
COUNTED_BYTES = 64 << 20
"""Lines are counted up to here, in a twentieth of a second."""
UNPACKED_BYTES = 64 << 20
"""A packed file is read so far to see whether it is cut: a bomb would go on for ever."""


@dataclass(frozen=True)
class Slice:
    """Bytes of a file from `offset` on. It begins and ends with whole lines, but for the end of the file."""

    path: str
    data: bytes
    offset: int
    is_end: bool
    is_inside: bool = False
    """Whether it lies within a line longer than itself: then it begins anywhere, in the middle of a character even."""

    @property
    def has_whole_lines(self) -> bool:
        """Whether it begins and ends with whole lines, or with the file."""
        return not self.is_inside and (self.is_end or self.data.endswith(b"\n"))

    @functools.cached_property
    def first_line(self) -> int | None:
        """The number of its first line, from 1; None where counting would take too long."""
        if not self.offset:
            return 1
        if self.offset > COUNTED_BYTES:
            return None
        return 1 + sum(chunk.count(b"\n") for chunk in _up_to(self.path, self.offset))

    def place(self, at: int) -> str:
        """The place of a byte of `data`: file:line, or file@byte."""
        return self.place_of_line(self.data.count(b"\n", 0, at), at)

    def place_of_line(self, number: int, at: int = 0) -> str:
        """The place of a line by its number in `data`, from 0."""
        if self.first_line is None:
            return f"{self.path}@{self.offset + at}"
        return f"{self.path}:{self.first_line + number}"


@dataclass(frozen=True)
class Parts:
    """The slices of a file that were read, whether they are all of it, and where reading broke off, why."""

    slices: tuple[Slice, ...]
    is_whole: bool
    fault: str = ""

    @property
    def num_bytes(self) -> int:
        """Bytes in the slices."""
        return sum(len(one.data) for one in self.slices)

    @property
    def head(self) -> bytes:
        """The first bytes of the file."""
        return self.slices[0].data if self.slices else b""


def parts_of(path: str, size: int, most_bytes: int, *, unpacked: int = UNPACKED_BYTES) -> Parts:
    """Read a file, of a large one so many bytes; what cannot be read is told in `fault`, never raised.

    A packed one is unpacked up to `unpacked` bytes.
    """
    try:
        if path.lower().endswith(PACKED):
            return _packed(path, most_bytes, unpacked)
        if size <= most_bytes:
            with open(path, "rb") as file:
                data = file.read(most_bytes + 1)  # it may have grown since it was listed
            return Parts((Slice(path, data, 0, len(data) <= most_bytes),), len(data) <= most_bytes)
        return Parts(tuple(_blocks(path, size, most_bytes)), False)
    except UNREADABLE as error:
        return Parts((), False, str(error))


def _packed(path: str, most_bytes: int, unpacked: int) -> Parts:
    """The head of a packed file; the rest is unpacked as far as it pays, to see whether it is sound."""
    head, num_bytes, fault = bytearray(), 0, ""
    try:
        for chunk in chunks_of(Path(path)):
            num_bytes += len(chunk)
            head += chunk[: max(0, most_bytes - len(head))]
            if num_bytes > max(unpacked, most_bytes):
                break
    except UNREADABLE as error:
        fault = str(error) or type(error).__name__
    is_whole = num_bytes <= len(head) and not fault
    data = bytes(head) if is_whole else _whole_lines(bytes(head))
    return Parts((Slice(path, data, 0, is_whole),), is_whole, fault)


def _blocks(path: str, size: int, most_bytes: int) -> Iterator[Slice]:
    """The head, blocks at equal distances, and the end of a large file."""
    head, block = most_bytes // 2, most_bytes // (2 * NUM_BLOCKS)
    with open(path, "rb") as file:
        yield Slice(path, _whole_lines(file.read(head)), 0, False)
        for number in range(1, NUM_BLOCKS + 1):
            start = head + (size - head - block) * number // NUM_BLOCKS
            file.seek(start)
            data = file.read(block)
            is_end = number == NUM_BLOCKS
            first = data.find(b"\n") + 1
            whole = data[first:] if is_end else _whole_lines(data[first:])
            yield Slice(path, whole, start + first, is_end, is_inside=not first)


def _whole_lines(data: bytes) -> bytes:
    """Without the last line, which is cut; as it is where it holds only one."""
    return data[: data.rfind(b"\n") + 1] or data


def _up_to(path: str, offset: int) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while offset > 0 and (chunk := file.read(min(offset, 1 << 20))):
            offset -= len(chunk)
            yield chunk
