"""Pairs of texts for next-sentence prediction (Devlin et al. 2018): does the second follow the first?

A part of a document is split at the end of a sentence. Half of the time its second half gives way to text of another
document, which begins after the end of a sentence too and is no longer than what it replaces. What gave way is not lost
to the run: the next epoch tosses the coin anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hanlin.data.batches import PairBatch
from hanlin.data.forms.masked import Masked, tensors
from hanlin.data.forms.parts import Part, Piece, Sizes, lay_out
from hanlin.data.forms.words import sentence_ends
from hanlin.data.sources import IGNORE, Ids

FOLLOWS, ELSEWHERE = 0, 1


@dataclass(frozen=True)
class Pair:
    """Two texts, and whether the second follows the first (FOLLOWS), is from elsewhere, or is missing (IGNORE)."""

    first: Ids
    second: Ids
    label: int


@dataclass(frozen=True)
class MaskedPairs:
    """[CLS] first [SEP] second [SEP], with words hidden in both."""

    masked: Masked

    @property
    def name(self) -> str:
        return f"pairs, {self.masked.name}"

    def positions(self, sizes: Sizes) -> Sizes:
        """See Form."""
        return self.masked.positions(sizes) + len(self._between)

    def pair(self, part: Part, rng: np.random.Generator) -> Pair:
        """The texts of one part."""
        if len(part.ids) < 2:
            return Pair(part.ids, part.ids[:0], IGNORE)
        place = _split(self._borders(part.ids), len(part.ids), rng)
        first, second = part.ids[:place], part.ids[place:]
        other = part.source.elsewhere(part.number, rng) if rng.random() < 0.5 else None
        if other is None:
            return Pair(first, second, FOLLOWS)
        there = part.source.ids(other)
        starts = [0, *self._borders(there)]
        start = starts[rng.integers(len(starts))]
        return Pair(first, there[start : start + len(second)], ELSEWHERE)

    def piece(self, part: Part) -> Piece:
        """One part as a row of a pair."""
        rng, corruption = part.draw(), self.masked.corruption
        pair = self.pair(part, rng)
        groups = corruption.groups(pair.first)
        groups += [[len(pair.first) + place for place in group] for group in corruption.groups(pair.second)]
        tokens, targets = corruption.hide(np.concatenate([pair.first, pair.second]), groups, rng)
        return self._framed(tokens, targets, len(pair.first), pair.label)

    def batch(self, rows: Sequence[Sequence[Part]], *, seq_len: int) -> PairBatch:
        """See Form."""
        pieces = [[self.piece(part) for part in row] for row in rows]
        pad = self.masked.tokenizer.special.pad
        fill = {"tokens": pad, "targets": IGNORE, "types": 0, "followed": IGNORE}
        return PairBatch(**tensors(lay_out(pieces, width=seq_len, fill=fill)))

    def _framed(self, tokens: Ids, targets: Ids, split: int, label: int) -> Piece:
        before, after = self.masked.frame
        second = len(tokens) > split
        between = self._between if second else []
        row = np.concatenate([before, tokens[:split], between, tokens[split:], after]).astype(np.int64)
        hidden = np.full(len(row), IGNORE, np.int64)
        hidden[len(before) : len(before) + split] = targets[:split]
        hidden[len(before) + split + len(between) : len(row) - len(after)] = targets[split:]
        types, followed = np.zeros(len(row), np.int64), np.full(len(row), IGNORE, np.int64)
        types[len(before) + split + len(between) :] = int(second)
        followed[0] = label
        return Piece(row, hidden, {"types": types, "followed": followed})

    @cached_property
    def _between(self) -> list[int]:
        """What stands between two texts: what stands behind one."""
        return self.masked.frame[1]

    @cached_property
    def _ends(self) -> npt.NDArray[np.bool_]:
        return np.array(sentence_ends(self.masked.tokenizer))

    def _borders(self, ids: Ids) -> list[int]:
        """Places at which a sentence begins, the first left out."""
        borders: list[int] = (np.flatnonzero(self._ends[ids[:-1].astype(np.int64)]) + 1).tolist()
        return borders


def _split(borders: Sequence[int], size: int, rng: np.random.Generator) -> int:
    """Where the second text begins: a border at random, anywhere where there is none."""
    return borders[int(rng.integers(len(borders)))] if borders else int(rng.integers(1, size))
