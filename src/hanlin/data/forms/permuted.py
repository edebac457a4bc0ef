"""Permutation language modelling (XLNet, Yang et al. 2019): of a random order of a text, the last 1 / K is guessed.

    text    x1 x2 x3 x4 x5 x6 x7 x8
    order   x1 x4 x5 x6 x7 x8 | x3 x2     x3 is guessed from all six, x2 from those and x3

What comes before is only read, so its own order makes no difference and none is drawn, as in the paper's code. Guessed
tokens come in spans (2.5): of L tokens, 1 to 5, at any place of a window of K L tokens, windows side by side. Short
spans are likelier, as 1 / L (the paper's code). A rest shorter than K is guessed in part as often as keeps the share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hanlin.data.batches import GuessBatch
from hanlin.data.forms.masked import tensors
from hanlin.data.forms.parts import Part, Piece, Sizes, lay_out
from hanlin.data.sources import IGNORE, Ids
from hanlin.text.tokenizer import Tokenizer

LONGEST = 5
"""Tokens of a span at most."""


def guessed_places(size: int, one_in: int, rng: np.random.Generator) -> Sizes:
    """Places of a text of `size` tokens that are guessed, in order; one of `one_in` on the average, never all."""
    places: list[int] = []
    start = 0
    while start < size:
        room = size - start
        if room < one_in:
            if room > 1 and rng.random() < room / one_in:
                places.append(start + int(rng.integers(room)))
            break
        lengths = np.arange(1, min(LONGEST, room // one_in) + 1)
        length = int(rng.choice(lengths, p=(1 / lengths) / (1 / lengths).sum()))
        first = start + int(rng.integers(length * one_in - length + 1))
        places += range(first, first + length)
        start += length * one_in
    return np.array(places, np.int64)


@dataclass(frozen=True)
class Permuted:
    """[CLS] text [SEP], as the vocabulary frames a text. Control tokens are only read."""

    tokenizer: Tokenizer
    one_in: int = 6

    @property
    def name(self) -> str:
        return f"permuted {self.one_in}"

    def positions(self, sizes: Sizes) -> Sizes:
        """See Form."""
        return sizes + self.tokenizer.num_frame

    def piece(self, part: Part) -> Piece:
        """One part, framed; targets stand at their own places still."""
        rng, (before, after) = part.draw(), self.tokenizer.around
        tokens = np.concatenate([before, part.ids, after]).astype(np.int64)
        places = len(before) + guessed_places(len(part.ids), self.one_in, rng)
        targets, ranks = np.full(len(tokens), IGNORE, np.int64), np.zeros(len(tokens), np.int64)
        targets[places], ranks[places] = tokens[places], 1 + rng.permutation(len(places))
        return Piece(tokens, targets, {"ranks": ranks})

    def batch(self, rows: Sequence[Sequence[Part]], *, seq_len: int) -> GuessBatch:
        """See Form."""
        pieces = [[self.piece(part) for part in row] for row in rows]
        fill = {"tokens": self.tokenizer.special.pad, "targets": IGNORE, "ranks": 0}
        columns = lay_out(pieces, width=seq_len, fill=fill)
        places, targets = gathered(columns["targets"])
        return GuessBatch(**tensors({**columns, "places": places, "targets": targets}))


def gathered(targets: Ids) -> tuple[Sizes, Sizes]:
    """(places, targets) (B, M) of targets (B, T) that are -100 at most places."""
    chosen = [np.flatnonzero(row != IGNORE) for row in targets]
    width = max(1, *(len(row) for row in chosen))
    places = np.zeros((len(targets), width), np.int64)
    kept = np.full((len(targets), width), IGNORE, np.int64)
    for row, found in enumerate(chosen):
        places[row, : len(found)], kept[row, : len(found)] = found, targets[row, found]
    return places, kept
