"""Records (n, width) of 64-bit numbers, a key first: put in order, and equal keys told apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hanlin.text.folding import Hashes


def in_order(records: Hashes) -> Hashes:
    """Return records sorted by their first column, then the second."""
    return records[np.lexsort((records[:, 1], records[:, 0]))]


def runs(keys: Hashes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return where each run of equal sorted keys begins and ends."""
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1]))) if len(keys) else np.empty(0, np.int64)
    return starts, np.append(starts[1:], len(keys)) if len(starts) else starts
