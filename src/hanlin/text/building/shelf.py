"""Texts on disk while the corpus is not yet known as a whole: packed, read in order or any one by its number.

<name>.zst     blocks of records; a record is a few lines, one for each of its fields
<name>.index   (blocks + 1, 2) uint64: where a block begins, and the number of its first record
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
import zstandard

from hanlin.base.files import disk_errors

BLOCK_BYTES = 1 << 16
"""Unpacked bytes of a block: a text is had in 0.1 ms, and packs nearly as well as in a stream."""

Record = tuple[bytes, ...]


class ShelfWriter:
    """Takes records of equally many lines. `add` raises DiskFull. As a context it finishes its files at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._packer = zstandard.ZstdCompressor(level=1)
        self._file = path.with_suffix(".zst").open("wb")
        self._held: list[bytes] = []
        self._size = self._num_records = 0
        self._index = [(0, 0)]

    def add(self, *lines: bytes) -> int:
        """Put a record away, each line with its line feed; return its number."""
        self._held += lines
        self._size += sum(map(len, lines))
        self._num_records += 1
        if self._size >= BLOCK_BYTES:
            self._write()
        return self._num_records - 1

    def _write(self) -> None:
        with disk_errors(self.path):
            self._file.write(self._packer.compress(b"".join(self._held)))
        self._index.append((self._file.tell(), self._num_records))
        self._held, self._size = [], 0

    def __enter__(self) -> ShelfWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file, disk_errors(self.path):
            if kind is None and self._held:
                self._write()
            np.array(self._index, np.uint64).tofile(self.path.with_suffix(".index"))


class Shelf:
    """Records of `width` lines, as a ShelfWriter left them."""

    def __init__(self, path: Path, width: int) -> None:
        self._width = width
        self._index = np.fromfile(path.with_suffix(".index"), np.uint64).reshape(-1, 2).astype(np.int64)
        self._file = path.with_suffix(".zst").open("rb")
        self._unpacker = zstandard.ZstdDecompressor()

    def __len__(self) -> int:
        return int(self._index[-1, 1])

    def __getitem__(self, number: int) -> Record:
        block = int(np.searchsorted(self._index[:, 1], number, "right")) - 1
        first = (number - int(self._index[block, 1])) * self._width
        return tuple(self._lines(block)[first : first + self._width])

    def __iter__(self) -> Iterator[Record]:
        for block in range(len(self._index) - 1):
            lines = self._lines(block)
            yield from (tuple(lines[first : first + self._width]) for first in range(0, len(lines), self._width))

    def _lines(self, block: int) -> list[bytes]:
        start, end = int(self._index[block, 0]), int(self._index[block + 1, 0])
        self._file.seek(start)
        lines = self._unpacker.decompress(self._file.read(end - start)).split(b"\n")
        return [line + b"\n" for line in lines[:-1]]

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    def __enter__(self) -> Shelf:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
