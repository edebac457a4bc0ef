"""A text as hashed n-grams: the features of a linear classifier, the same on every machine.

    text           Free 奖品!           lower case first: shouting is not another word
    words          free, 奖, 品          one and two in a row; a Han character is a word, so nothing is segmented
    characters     f, fr, fre, free …   one to four in a row, within words and across their borders

Each n-gram falls into one of 2 ** bits buckets. Two that share one are rarely both of weight (Weinberger et al. 2009).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hanlin.text.rules.characters import characters_of, words_of

Buckets = NDArray[np.int32]
Values = NDArray[np.float32]
Keys = NDArray[np.uint64]

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_MIXER = np.uint64(0xBF58476D1CE4E5B9)
_OF_WORDS, _OF_CHARACTERS = 1, 1001  # told apart, so that a word of one letter is not that letter anywhere
_SPACE = np.uint32(0x20)


@dataclass(frozen=True)
class Hashing:
    """Which n-grams of words and of characters are looked at, and how many buckets there are (2 ** bits)."""

    bits: int = 18
    words: tuple[int, ...] = (1, 2)
    characters: tuple[int, ...] = (1, 2, 3, 4)

    @property
    def num_buckets(self) -> int:
        return 1 << self.bits

    def features(self, text: str) -> tuple[Buckets, Values]:
        """Return the buckets of a text, each once, sorted: (F,); and 1 + ln of how often each was hit: (F,)."""
        characters = characters_of(text.lower())
        codes = np.concatenate(([_SPACE], characters.codes, [_SPACE])).astype(np.uint64)
        keys = [_grams(words_of(characters).keys, n, _OF_WORDS) for n in self.words]
        keys += [_grams(codes, n, _OF_CHARACTERS) for n in self.characters] if len(characters.codes) else []
        buckets, counts = np.unique(np.concatenate(keys) >> np.uint64(64 - self.bits), return_counts=True)
        return buckets.astype(np.int32), (1 + np.log(counts)).astype(np.float32)


@dataclass(frozen=True)
class Rows:
    """The features of R texts, as a sparse matrix keeps them: row r is places[r] to places[r + 1] of the others."""

    buckets: Buckets
    values: Values
    places: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Iterable[str], hashing: Hashing) -> Rows:
        """Return the features of every text."""
        found = [hashing.features(text) for text in texts]
        places = np.fromiter(itertools.accumulate((len(buckets) for buckets, _ in found), initial=0), np.int64)
        return cls(np.concatenate([b for b, _ in found]), np.concatenate([v for _, v in found]), places)

    def rarities(self, num_buckets: int) -> NDArray[np.float32]:
        """Return the weight of each bucket by the number of texts that hit it, smoothed (idf): (num_buckets,)."""
        num_texts = len(self.places) - 1
        hit = np.bincount(self.buckets, minlength=num_buckets)
        return (np.log((1 + num_texts) / (1 + hit)) + 1).astype(np.float32)

    def weighed(self, rarities: NDArray[np.float32]) -> Rows:
        """Return the rows with rare buckets weighing more, each row of length 1."""
        values = self.values * rarities[self.buckets]
        numbers = np.repeat(np.arange(len(self.places) - 1), np.diff(self.places))
        squares = np.bincount(numbers, values.astype(np.float64) ** 2, minlength=len(self.places) - 1)
        return Rows(self.buckets, (values / np.sqrt(squares)[numbers]).astype(np.float32), self.places)


def _grams(keys: Keys, n: int, kind: int) -> Keys:
    """One key for each n in a row: (len(keys) - n + 1,)."""
    num_grams = max(0, len(keys) - n + 1)
    found = np.full(num_grams, kind * n, np.uint64)
    for place in range(n):
        found = (found ^ keys[place : place + num_grams]) * _MULTIPLIER
        found ^= found >> np.uint64(32)
    return found * _MIXER
