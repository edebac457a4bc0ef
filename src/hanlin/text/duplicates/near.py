"""Near duplicates: documents that share most of their shingles, and which of them stays.

    add: text -> shingles -> signature, band keys -> disk
    clusters: equal keys -> agreeing signatures -> true Jaccard similarity -> groups -> the best stays

Memory: about 30 bytes a document and 16 for each pair found. The outcome depends on the texts and their order alone.
"""

from __future__ import annotations

import contextlib
import tempfile
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hanlin.text.config import NearDupConfig
from hanlin.text.duplicates.candidates import Candidates
from hanlin.text.duplicates.forest import Forest
from hanlin.text.duplicates.minhash import Shingling, distinct, jaccard
from hanlin.text.folding import Hashes

TextOf = Callable[[int], str]
Pair = tuple[int, int, float]

CACHED_SHINGLES = 1 << 22
"""Hashes of texts that are kept at hand while pairs are compared: 32 MB."""
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


class NearDuplicates:
    """Takes texts one by one, then tells the clusters. `folder` holds its files and belongs to the caller."""

    def __init__(self, config: NearDupConfig, folder: Path) -> None:
        self.config = config
        self.shingling = Shingling(config.shingle, config.unit, config.across_scripts)
        self._candidates = Candidates(folder, bands=config.bands, rows=config.rows, threshold=config.threshold)
        self._ranks = array("q")

    def add(self, text: str, source: int = 0) -> None:
        """Take the next text, and the place of its source in the order of the sources. Raises DiskFull."""
        self._candidates.add(self.shingling.of(text))
        length = min(len(text), LONGEST - 1)
        ranks = {"longest": -length, "first": 0, "source": source * LONGEST - length}
        self._ranks.append(ranks[self.config.keep])

    def pairs(self, text_of: TextOf) -> Iterator[Pair]:
        """Yield the pairs at or over the threshold with their true Jaccard similarity, the smaller number first.

        `text_of` gives a text again by its number.
        """
        return self._near(_Similarity(self.shingling, text_of))

    def clusters(self, text_of: TextOf) -> Iterator[Cluster]:
        """Yield the clusters in order of their first document."""
        similarity = _Similarity(self.shingling, text_of)
        forest = Forest(len(self._ranks))
        for one, other, _ in self._near(similarity):
            forest.join(one, other)
        for group in forest.groups():
            yield self._settled(sorted(group, key=lambda number: (self._ranks[number], number)), similarity)

    def _near(self, similarity: _Similarity) -> Iterator[Pair]:
        for one, other in self._candidates.pairs().tolist():
            found = similarity(one, other)
            if found >= self.config.threshold:
                yield one, other, found

    def _settled(self, ranked: Sequence[int], similarity: _Similarity) -> Cluster:
        """Best first, each stays unless one that stays is near to it."""
        kept: list[int] = []
        twins: dict[int, tuple[int, float]] = {}
        for number in ranked:
            near = ((best, similarity(best, number)) for best in kept)
            twin = next((pair for pair in near if pair[1] >= self.config.threshold), None)
            if twin is None:
                kept.append(number)
            else:
                twins[number] = twin
        return Cluster(tuple(kept), twins)


class _Similarity:
    """True Jaccard similarity of two texts by number; the shingles of the last few stay at hand."""

    def __init__(self, shingling: Shingling, text_of: TextOf) -> None:
        self._shingling, self._text_of = shingling, text_of
        self._cached: OrderedDict[int, Hashes] = OrderedDict()
        self._num_cached = 0

    def __call__(self, one: int, other: int) -> float:
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


def near_duplicates(texts: Sequence[str], config: NearDupConfig | None = None) -> list[Cluster]:
    """Return the clusters of texts at hand, by their places in the sequence."""
    with _of(texts, config) as near:
        return list(near.clusters(texts.__getitem__))


def near_pairs(texts: Sequence[str], config: NearDupConfig | None = None) -> list[Pair]:
    """Return the pairs at or over the threshold of texts at hand, sorted."""
    with _of(texts, config) as near:
        return sorted(near.pairs(texts.__getitem__))


@contextlib.contextmanager
def _of(texts: Sequence[str], config: NearDupConfig | None) -> Iterator[NearDuplicates]:
    with tempfile.TemporaryDirectory(prefix="hanlin-near-") as folder:
        near = NearDuplicates(config or NearDupConfig(action="drop"), Path(folder))
        for text in texts:
            near.add(text)
        yield near
