"""Records on disk instead of in memory: sorted into files by the head of their key, read back a file at a time.

Equal keys share a file, so whatever is asked of equal keys is asked of one file alone, and memory holds one file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hanlin.base.files import disk_errors
from hanlin.text.folding import Hashes

PARTS = 64
"""Files of one spill: 10 million texts of 20 bands make 50 MB a file."""
HELD_RECORDS = 1 << 18
"""Records held before they are written: 4 MB."""


class Spill:
    """(key, value) pairs of 64 bits each, in files under `folder` by the first bits of the key.

    `add` raises DiskFull where the disk ends. The folder belongs to the caller, who removes it.
    """

    def __init__(self, folder: Path, parts: int = PARTS) -> None:
        self.folder, self.parts = folder, parts
        self._held: list[Hashes] = []
        self._num_held = 0
        with disk_errors(folder):
            folder.mkdir(parents=True)

    def add(self, keys: Hashes, values: Hashes) -> None:
        """Put away as many keys as values, (n,) uint64 each."""
        self._held.append(np.stack((keys, values), axis=1))
        self._num_held += len(keys)
        if self._num_held >= HELD_RECORDS:
            self._write()

    def partitions(self) -> Iterator[Hashes]:
        """Yield (n, 2) records, all of equal keys together, sorted by key, then value."""
        self._write()
        for part in range(self.parts):
            path = self._path(part)
            if path.is_file():
                yield in_order(np.fromfile(path, np.uint64).reshape(-1, 2))
                path.unlink()

    def _write(self) -> None:
        records = np.concatenate(self._held) if self._held else np.empty((0, 2), np.uint64)
        self._held, self._num_held = [], 0
        parts = (records[:, 0] >> np.uint64(32)) * np.uint64(self.parts) >> np.uint64(32)
        order = np.argsort(parts, kind="stable")
        borders = np.searchsorted(parts[order], np.arange(self.parts + 1, dtype=np.uint64))
        with disk_errors(self.folder):
            for part in range(self.parts):
                if borders[part] < borders[part + 1]:
                    with self._path(part).open("ab") as file:
                        file.write(records[order[borders[part] : borders[part + 1]]].tobytes())

    def _path(self, part: int) -> Path:
        return self.folder / f"{part:03}"


def in_order(records: Hashes) -> Hashes:
    """Return (n, 2) records sorted by key, then value."""
    return records[np.lexsort((records[:, 1], records[:, 0]))]


def runs(keys: Hashes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return where each run of equal sorted keys begins and ends."""
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1]))) if len(keys) else np.empty(0, np.int64)
    return starts, np.append(starts[1:], len(keys)) if len(starts) else starts
