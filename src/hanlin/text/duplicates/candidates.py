"""Which texts may be near duplicates: those that share a band of their signatures and agree in enough of the rest.

Signatures and band keys lie on disk; memory holds 10 bytes a text and one file of keys at a time.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hanlin.base.files import disk_errors
from hanlin.text.duplicates.forest import Forest
from hanlin.text.duplicates.minhash import agreement, band_keys, signature
from hanlin.text.duplicates.spill import Spill
from hanlin.text.folding import Hashes

Pairs = npt.NDArray[np.int64]

HELD_TEXTS = 1024
NEIGHBOURS = 32
"""Texts of one band are compared with so many next to them in size: a band that thousands share is a template."""
MARGIN = 4.0
"""Standard errors below the threshold at which an estimate rules a pair out: loses 3 of 100,000 at the threshold."""
PAIRS_AT_ONCE = 1 << 14


class Candidates:
    """Takes the shingles of texts, numbered from 0, and gives the pairs that deserve a look. Raises DiskFull."""

    def __init__(self, folder: Path, *, bands: int, rows: int, threshold: float) -> None:
        self.threshold, self._bands, self._length = threshold, bands, bands * rows
        self._lengths, self._filled = array("L"), array("H")
        self._held: list[Hashes] = []
        self._spill = Spill(folder / "bands")
        self._path = folder / "signatures"
        self.num_sharing = 0

    def add(self, shingles: Hashes) -> None:
        """Take the next text by its shingles, each as often as it stands there."""
        numbers, num_filled = signature(shingles, self._length)
        self._lengths.append(len(shingles))
        self._filled.append(num_filled)
        self._held.append(numbers)
        if len(self._held) == HELD_TEXTS:
            self._write()

    def pairs(self) -> Pairs:
        """Return (n, 2) pairs of numbers, the smaller first, each once; those of one group one after the other."""
        self._write()
        found = [self._promising(pairs) for keys in self._spill.partitions() for pairs in self._sharing(keys)]
        pairs = np.unique(np.concatenate([np.empty((0, 2), np.int64), *found]), axis=0)
        forest = Forest(len(self._lengths))
        for one, other in pairs.tolist():
            forest.join(one, other)
        groups = np.array([forest.root(one) for one in pairs[:, 0].tolist()], np.int64)
        return pairs[np.argsort(groups, kind="stable")]

    def _write(self) -> None:
        """Put the held signatures away, and their keys where equal ones meet."""
        if not self._held:
            return
        signatures = np.stack(self._held)
        last = len(self._lengths)
        numbers = np.arange(last - len(signatures), last, dtype=np.uint64)
        self._held = []
        self._spill.add(band_keys(signatures, self._bands).ravel(), np.repeat(numbers, self._bands))
        with disk_errors(self._path), self._path.open("ab") as file:
            file.write(signatures.astype(np.uint32).tobytes())  # the low half is enough to estimate by

    def _sharing(self, records: Hashes) -> Iterator[Pairs]:
        """Pairs of texts with an equal key, by how far they stand apart among its texts in order of length."""
        keys, numbers = records[:, 0], records[:, 1].astype(np.int64)
        order = np.lexsort((numbers, _array(self._lengths)[numbers], keys))
        keys, numbers = keys[order], numbers[order]
        for apart in range(1, NEIGHBOURS + 1):
            same = keys[apart:] == keys[:-apart]
            if not same.any():
                return
            pairs = np.sort(np.stack((numbers[:-apart][same], numbers[apart:][same]), axis=1), axis=1)
            pairs = pairs[pairs[:, 0] < pairs[:, 1]]  # a text may have one key in two bands
            self.num_sharing += len(pairs)
            yield from np.split(pairs, range(PAIRS_AT_ONCE, len(pairs), PAIRS_AT_ONCE))

    def _promising(self, pairs: Pairs) -> Pairs:
        """Those whose signatures agree so far that they may be near."""
        if not len(pairs):
            return pairs
        # A map of its own for each few pairs: what was read of the file does not stay in memory.
        signatures = np.memmap(self._path, np.uint32, "r").reshape(-1, self._length)
        shares = agreement(signatures[pairs[:, 0]], signatures[pairs[:, 1]])
        num_places = np.maximum(1, _array(self._filled)[pairs].min(axis=1))
        error = np.sqrt(self.threshold * (1 - self.threshold) / num_places)
        return pairs[shares >= self.threshold - MARGIN * error]


def _array(numbers: array[int]) -> npt.NDArray[np.unsignedinteger]:
    return np.frombuffer(numbers, f"u{numbers.itemsize}")
