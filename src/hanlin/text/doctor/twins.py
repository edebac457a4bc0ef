"""Near duplicates among the texts of a sample, in memory: signatures, equal bands, true similarity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from hanlin.text.config import NearDupConfig
from hanlin.text.duplicates.minhash import Shingling, band_keys, distinct, jaccard, signature
from hanlin.text.folding import Hashes

NEIGHBOURS = 8
"""Texts with one key are compared with so many before them: hundreds that share a band are a template."""


def near_twins(texts: Sequence[str], config: NearDupConfig) -> Iterator[tuple[int, int, float]]:
    """Yield (number, number of an earlier text, their Jaccard similarity) of each text that is almost equal to one.

    Shingles, bands and threshold are those of a corpus, so that the doctor finds what a build drops.
    """
    shingling = Shingling(config.shingle, config.unit, config.across_scripts)
    shingles = [distinct(shingling.of(text)) for text in texts]
    if not shingles:
        return
    keys = band_keys(np.stack([signature(one, config.bands * config.rows)[0] for one in shingles]), config.bands)
    for number, earlier in _earlier(keys):
        similarity, twin = max(((jaccard(shingles[number], shingles[one]), one) for one in earlier), default=(0.0, 0))
        if similarity >= config.threshold:
            yield number, twin, similarity


def _earlier(keys: Hashes) -> Iterator[tuple[int, list[int]]]:
    """Each text with those before it that share a band with it; `keys` are (texts, bands)."""
    met: list[dict[int, list[int]]] = [{} for _ in range(keys.shape[1])]
    for number, row in enumerate(keys.tolist()):
        found: set[int] = set()
        for band, key in zip(met, row, strict=True):
            same = band.setdefault(key, [])
            found.update(same)
            if len(same) < NEIGHBOURS:
                same.append(number)
        if found:
            yield number, sorted(found)
