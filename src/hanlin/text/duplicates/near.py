"""Near duplicates: documents that share most of their shingles, and which of them stays.

    text -> shingles -> signature, band keys             (`minhash`, `candidates`)
    equal keys -> agreeing signatures -> groups -> true Jaccard similarity -> clusters: the best stays

The outcome depends on the texts and their order alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hanlin.text.config import NearDupConfig
from hanlin.text.duplicates.candidates import Pairs, band_records, grouped, promising, sharing, signed_rows, unique
from hanlin.text.duplicates.forest import groups_of
from hanlin.text.duplicates.minhash import Shingling, distinct, jaccard, signature
from hanlin.text.folding import Hashes

TextOf = Callable[[int], str]
SimilarityOf = Callable[[int, int], float]
Pair = tuple[int, int, float]

CACHED_SHINGLES = 1 << 20
"""Hashes of texts that are kept at hand while pairs are compared: 8 MB. Those of one group come one after the other."""
LONGEST = 1 << 40


@dataclass(frozen=True)
class Cluster:
    """Near duplicates by number: those that stay, best first, and for each that goes its kept twin and similarity.

    A chain of versions may keep more than one: nothing goes without a near duplicate that stays.
    """

    kept: tuple[int, ...]
    twins: dict[int, tuple[int, float]]

    @property
    def size(self) -> int:
        """All its documents."""
        return len(self.kept) + len(self.twins)


def shingling_of(config: NearDupConfig) -> Shingling:
    """Return what texts are compared by."""
    return Shingling(config.shingle, config.unit, config.across_scripts)


def rank_of(config: NearDupConfig, text: str, source: int) -> int:
    """Return how good a document is among its near duplicates, the smallest being the best."""
    length = min(len(text), LONGEST - 1)
    return {"longest": -length, "first": 0, "source": source * LONGEST - length}[config.keep]


def near_among(pairs: Pairs, similarity: SimilarityOf, threshold: float) -> Iterator[Pair]:
    """Yield those pairs whose true similarity reaches the threshold."""
    for one, other in pairs.tolist():
        found = similarity(one, other)
        if found >= threshold:
            yield one, other, found


def clusters_among(
    pairs: Pairs, ranks: Mapping[int, int], similarity: SimilarityOf, threshold: float
) -> Iterator[Cluster]:
    """Yield the clusters that candidate pairs make, in order of their first document."""
    near = [pair[:2] for pair in near_among(pairs, similarity, threshold)]
    for group in groups_of(np.array(near, np.int64).reshape(-1, 2)):
        yield _settled(sorted(group, key=lambda number: (ranks[number], number)), similarity, threshold)


def _settled(ranked: Sequence[int], similarity: SimilarityOf, threshold: float) -> Cluster:
    """Best first, each stays unless one that stays is near to it."""
    kept: list[int] = []
    twins: dict[int, tuple[int, float]] = {}
    for number in ranked:
        near = ((best, similarity(best, number)) for best in kept)
        twin = next((pair for pair in near if pair[1] >= threshold), None)
        if twin is None:
            kept.append(number)
        else:
            twins[number] = twin
    return Cluster(tuple(kept), twins)


class Similarity:
    """True Jaccard similarity of two texts by number; the shingles of the last few stay at hand."""

    def __init__(self, shingling: Shingling, text_of: TextOf) -> None:
        self._shingling, self._text_of = shingling, text_of
        self._cached: OrderedDict[int, Hashes] = OrderedDict()
        self._num_cached = 0

    def __call__(self, one: int, other: int) -> float:
        """Return the similarity of two texts."""
        return jaccard(self._shingles(one), self._shingles(other))

    def _shingles(self, number: int) -> Hashes:
        found = self._cached.pop(number, None)
        if found is None:
            found = distinct(self._shingling.of(self._text_of(number)))
            self._num_cached += len(found)
        self._cached[number] = found
        while self._num_cached > CACHED_SHINGLES and len(self._cached) > 2:
            self._num_cached -= len(self._cached.popitem(last=False)[1])
        return found


# ---------------------------------------------------------------- texts at hand


def near_duplicates(
    texts: Sequence[str], config: NearDupConfig | None = None, *, sources: Sequence[int] = ()
) -> list[Cluster]:
    """Return the clusters of texts at hand, by their places in the sequence.

    `sources` gives the place of each text's source in the order of the sources.
    """
    config = config or NearDupConfig(action="drop")
    similarity = Similarity(shingling_of(config), texts.__getitem__)
    order = sources or [0] * len(texts)
    ranks = {number: rank_of(config, text, order[number]) for number, text in enumerate(texts)}
    return list(clusters_among(candidate_pairs(texts, config), ranks, similarity, config.threshold))


def near_pairs(texts: Sequence[str], config: NearDupConfig | None = None) -> list[Pair]:
    """Return the pairs at or over the threshold of texts at hand, sorted."""
    config = config or NearDupConfig(action="drop")
    similarity = Similarity(shingling_of(config), texts.__getitem__)
    return sorted(near_among(candidate_pairs(texts, config), similarity, config.threshold))


def candidate_pairs(texts: Sequence[str], config: NearDupConfig) -> Pairs:
    """Return (n, 2) pairs of texts that deserve a look, each once, those of one group one after the other.

    Memory: 1.2 KB a text with the default bands.
    """
    if not texts:
        return np.empty((0, 2), np.int64)
    shingling, length = shingling_of(config), config.bands * config.rows
    shingles = map(shingling.of, texts)
    made = [(*signature(each, length), len(each)) for each in shingles]
    signatures = np.stack([one for one, _, _ in made])
    signed = signed_rows(signatures, np.array([filled for _, filled, _ in made]))
    numbers = np.arange(len(texts), dtype=np.uint64)
    lengths = np.array([num for _, _, num in made], np.uint64)
    found = sharing(band_records(signatures, numbers, lengths, config.bands))
    pairs = unique(promising(each, signed.__getitem__, config.threshold) for each in found)
    return grouped(pairs)[0]
