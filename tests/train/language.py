"""A tiny language with a known entropy."""

from __future__ import annotations

import math

import numpy as np


class MarkovSource:
    """Documents of a Markov chain over `symbols` symbols: after each, three are possible, at 1/2, 1/4 and 1/4.

    The entropy of the next symbol is 1.5 bits, whatever the last one was.
    """

    name = fingerprint = "markov"
    num_truncated = 0
    entropy = 1.5 * math.log(2)

    def __init__(self, *, symbols: int = 16, documents: int = 200, length: int = 33, seed: int = 0) -> None:
        draw = np.random.default_rng(seed)
        follow = np.stack([np.random.default_rng(s).permutation(symbols)[:3] for s in range(symbols)])
        self.documents = np.zeros((documents, length + 1), np.int64)
        self.documents[:, 0] = draw.integers(symbols, size=documents)
        for at in range(length):
            choice = draw.choice(3, size=documents, p=[0.5, 0.25, 0.25])
            self.documents[:, at + 1] = follow[self.documents[:, at], choice]
        self.lengths = np.full(documents, length, np.int64)

    def slice(self, document: int, start: int, length: int) -> tuple[np.ndarray, np.ndarray]:
        row = self.documents[document]
        return row[start : start + length], row[start + 1 : start + length + 1]
