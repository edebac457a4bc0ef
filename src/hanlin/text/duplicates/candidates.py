"""Which texts may be near duplicates: those that share a band of their signatures and agree in enough of the rest.

band_records   signatures -> a key for each band, beside the text's number and length
sharing        records of equal keys -> pairs
promising      pairs -> those whose signatures agree so far that they may be near
grouped        pairs -> each once, those of one group one after the other
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt

from hanlin.text.duplicates.forest import roots_of
from hanlin.text.duplicates.minhash import agreement, band_keys
from hanlin.text.folding import Hashes

Pairs = npt.NDArray[np.int64]
Signed = npt.NDArray[np.uint32]
SignedOf = Callable[[npt.NDArray[np.int64]], Signed]

NEIGHBOURS = 32
"""Texts of one band are compared with so many next to them in size: a band that thousands share is a template."""
MARGIN = 4.0
"""Standard errors below the threshold at which an estimate rules a pair out: loses 3 of 100,000 at the threshold."""
PAIRS_AT_ONCE = 1 << 14
_NO_PAIRS = np.empty((0, 2), np.int64)


def signed_rows(signatures: Hashes, filled: npt.NDArray[np.integer]) -> Signed:
    """Return (n, length + 1): the low halves of signatures, which is enough to estimate by, and their filled places."""
    return np.column_stack((signatures.astype(np.uint32), filled.astype(np.uint32)))


def band_records(signatures: Hashes, numbers: Hashes, lengths: Hashes, bands: int) -> Hashes:
    """Return (n x bands, 3): key, number and length of each text's bands."""
    keys = band_keys(signatures, bands).ravel()
    return np.column_stack((keys, np.repeat(numbers, bands), np.repeat(lengths, bands)))


def sharing(records: Hashes) -> Iterator[Pairs]:
    """Yield pairs of texts with an equal key, the smaller number first, by how far they stand apart in length."""
    records = records[np.lexsort((records[:, 1], records[:, 2], records[:, 0]))]
    keys, numbers = records[:, 0], records[:, 1].astype(np.int64)
    for apart in range(1, NEIGHBOURS + 1):
        same = keys[apart:] == keys[:-apart]
        if not same.any():
            return
        pairs = np.sort(np.stack((numbers[:-apart][same], numbers[apart:][same]), axis=1), axis=1)
        yield pairs[pairs[:, 0] < pairs[:, 1]]  # a text may have one key in two bands


def promising(pairs: Pairs, signed_of: SignedOf, threshold: float) -> Pairs:
    """Return those pairs whose signatures agree so far that they may be near."""
    parts = (pairs[start : start + PAIRS_AT_ONCE] for start in range(0, len(pairs), PAIRS_AT_ONCE))
    return np.concatenate([_NO_PAIRS, *(_promising(part, signed_of, threshold) for part in parts)])


def _promising(pairs: Pairs, signed_of: SignedOf, threshold: float) -> Pairs:
    numbers, places = np.unique(pairs, return_inverse=True)
    signed, places = signed_of(numbers), places.reshape(pairs.shape)
    one, other = signed[places[:, 0]], signed[places[:, 1]]
    num_places = np.maximum(1, np.minimum(one[:, -1], other[:, -1]))
    error = np.sqrt(threshold * (1 - threshold) / num_places)
    return pairs[agreement(one[:, :-1], other[:, :-1]) >= threshold - MARGIN * error]


def unique(pairs: Iterable[Pairs]) -> Pairs:
    """Return all pairs sorted, each once."""
    return np.unique(np.concatenate([_NO_PAIRS, *pairs]), axis=0)


def grouped(pairs: Pairs) -> tuple[Pairs, npt.NDArray[np.int64]]:
    """Return pairs with those of one group one after the other, and the group of each: its smallest number."""
    numbers, places = np.unique(pairs, return_inverse=True)
    roots = numbers[roots_of(places.reshape(pairs.shape), len(numbers))[places.reshape(pairs.shape)[:, 0]]]
    order = np.argsort(roots, kind="stable")
    return pairs[order], roots[order]
