"""Records for others: written by one task sorted by who will ask for them, read by each of these with all writers'.

This is the only shuffle of a build: what equal keys have to do with each other is asked of one part of the keys at a
time, in memory, and a part is a stretch of every writer's file.

    file    uint64: parts + 1 borders, then the records of part 0, of part 1, …      (records, width)
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hanlin.base.files import disk_errors
from hanlin.text.folding import Hashes

MOST_PARTS = 1024
_HIGH = np.uint64(32)


def num_parts_for(num_pieces: int) -> int:
    """Return into how many parts the keys of so many pieces are cut: a part weighs as much as the keys of two pieces
    (2.5 MB where documents are of 2,000 characters), up to 16 GB of text: each writer's file has a border for each."""
    return max(1, min(MOST_PARTS, num_pieces // 2))


def part_of_keys(keys: Hashes, num_parts: int) -> npt.NDArray[np.int64]:
    """Return the part each key belongs to, by its first bits."""
    return ((keys >> _HIGH) * np.uint64(num_parts) >> _HIGH).astype(np.int64)


def write_parts(path: Path, records: Hashes, parts: npt.NDArray[np.int64], num_parts: int) -> None:
    """Write (n, width) records, each for one of the parts, in their order within it. Raises DiskFull."""
    order = np.argsort(parts, kind="stable")
    borders = np.searchsorted(parts[order], np.arange(num_parts + 1)).astype(np.uint64)
    with disk_errors(path), path.open("wb") as file:
        file.write(borders.tobytes())
        file.write(np.ascontiguousarray(records[order], np.uint64).tobytes())


def write_by_key(path: Path, records: Hashes, num_parts: int) -> None:
    """Write (n, width) records by the part of their first column. Raises DiskFull."""
    write_parts(path, records, part_of_keys(records[:, 0], num_parts), num_parts)


def read_part(path: Path, part: int, width: int, num_parts: int) -> Hashes:
    """Return (n, width) records that one writer left for a part."""
    with path.open("rb") as file:
        borders = np.fromfile(file, np.uint64, num_parts + 1)
        first, end = int(borders[part]), int(borders[part + 1])
        file.seek(8 * (num_parts + 1 + first * width))
        return np.fromfile(file, np.uint64, (end - first) * width).reshape(-1, width)


def all_records(path: Path, width: int, num_parts: int) -> Hashes:
    """Return (n, width) records that one writer left, for whichever part."""
    return np.fromfile(path, np.uint64, offset=8 * (num_parts + 1)).reshape(-1, width)


def added_up(records: Hashes) -> Hashes:
    """Return (n, 2) records of a key and a number with each key once, in order, and the sum of its numbers."""
    keys, places = np.unique(records[:, 0], return_inverse=True)
    sums = np.zeros(len(keys), np.uint64)
    np.add.at(sums, places, records[:, 1])
    return np.column_stack((keys, sums))


def gathered(paths: Iterable[Path], part: int, width: int, num_parts: int) -> Hashes:
    """Return (n, width) records of all writers for a part, writer after writer."""
    return np.concatenate(
        [np.empty((0, width), np.uint64), *(read_part(path, part, width, num_parts) for path in paths)]
    )
