"""Blank infilling (GLM, Du et al. 2022): spans of a text become blanks, and are written behind it, in any order.

    read    [mask]-ed text, seen by all           x1 x2 [MASK] x4 [MASK]
    write   each span behind bos, ended by eos     bos x5 x6  bos x3

Lengths of spans are Poisson(3). A token of a span stands where it would stand if its blank were filled: right behind
the blank's own place, so that order and place are both told by one position (GLM's second number tells the same). In
half of the parts one blank, [gMASK], takes the whole end of the text, and the model learns to go on with a text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hanlin.data.batches import PrefixBatch
from hanlin.data.forms.masked import tensors
from hanlin.data.forms.parts import Part, Piece, Sizes, lay_out
from hanlin.data.forms.spans import composition, hidden_sizes
from hanlin.data.sources import IGNORE, Ids
from hanlin.text.purposes import DOCUMENT_MASK, MASK
from hanlin.text.tokenizer import Tokenizer

Span = tuple[int, int]


def poisson_lengths(total: int, spans: int, mean: float, rng: np.random.Generator) -> Sizes:
    """`spans` lengths of at least 1 as Poisson(mean) gives them, given that they sum to `total`.

    Drawn until the sum is right, many rows at a time; a sum far from what the mean makes likely is composed evenly.
    """
    lengths = np.arange(1, total - spans + 2)
    chances = np.exp(lengths * math.log(mean) - mean - np.array([math.lgamma(n + 1) for n in lengths]))
    for _ in range(16):
        drawn = rng.choice(lengths, size=(64, spans), p=chances / chances.sum())
        fitting = np.flatnonzero(drawn.sum(axis=1) == total)
        if len(fitting):
            return np.asarray(drawn[fitting[0]], np.int64)
    return composition(total, spans, rng)


def blank_spans(size: int, *, share: float, mean_span: float, rng: np.random.Generator) -> list[Span]:
    """Places (start, end) of spans, in order, none touching another."""
    (hidden,), (number,) = hidden_sizes(np.array([size]), share=share, mean_span=mean_span)
    number, kept = int(number), size - int(hidden)
    taken = poisson_lengths(int(hidden), number, mean_span, rng)
    gaps = composition(kept + 2, number + 1, rng)  # between spans at least 1, before the first and behind the last 0
    gaps[[0, -1]] -= 1
    starts = np.cumsum(gaps[:-1]) + np.cumsum(taken) - taken
    return [(int(start), int(start + length)) for start, length in zip(starts, taken, strict=True)]


@dataclass(frozen=True)
class BlankInfilling:
    """Text with blanks, then what fills them. documents: share of parts of which the whole end is taken."""

    tokenizer: Tokenizer
    share: float = 0.15
    mean_span: float = 3.0
    documents: float = 0.5

    @property
    def name(self) -> str:
        return f"blanks {self.share} {self.mean_span} {self.documents}"

    @cached_property
    def masks(self) -> tuple[int, int]:
        """The mask of a span and the mask of an end."""
        span, end = self.tokenizer.control(MASK), self.tokenizer.control(DOCUMENT_MASK)
        assert span is not None and end is not None, "the vocabulary is checked before"
        return span, end

    def positions(self, sizes: Sizes) -> Sizes:
        """See Form."""
        _, spans = hidden_sizes(sizes, share=self.share, mean_span=self.mean_span)
        return sizes + 2 * spans

    def piece(self, part: Part) -> Piece:
        """One part with its blanks."""
        rng, size = part.draw(), len(part.ids)
        if rng.random() < self.documents:
            start = size - int(rng.integers((size + 1) // 2, size + 1))
            return self._filled(part.ids, [(start, size)], [0], self.masks[1])
        spans = blank_spans(size, share=self.share, mean_span=self.mean_span, rng=rng)
        return self._filled(part.ids, spans, rng.permutation(len(spans)).tolist(), self.masks[0])

    def batch(self, rows: Sequence[Sequence[Part]], *, seq_len: int) -> PrefixBatch:
        """See Form."""
        pieces = [[self.piece(part) for part in row] for row in rows]
        fill = {"tokens": self.tokenizer.special.pad, "targets": IGNORE, "prefix": 0, "positions": 0}
        columns = tensors(lay_out(pieces, width=seq_len, fill=fill))
        return PrefixBatch(**{**columns, "prefix": columns["prefix"].bool()})

    def _filled(self, ids: Ids, spans: Sequence[Span], order: Sequence[int], mask: int) -> Piece:
        """What is read, then the spans in this order. The bos behind [gMASK] is read too, as it is when a text is to be
        gone on with."""
        special, read, blanks = self.tokenizer.special, _blanked(ids, spans, mask), _blanks(spans)
        tokens, targets = [read], [np.full(len(read), IGNORE)]
        positions = [np.arange(len(read))]
        for number in order:
            text = ids[slice(*spans[number])]
            tokens.append(np.append(special.bos, text))
            targets.append(np.append(text, special.eos))
            positions.append(blanks[number] + 1 + np.arange(len(text) + 1))
        row = np.concatenate(tokens).astype(np.int64)
        seen = len(read) + (mask == self.masks[1])
        columns = {"prefix": (np.arange(len(row)) < seen).astype(np.int64), "positions": np.concatenate(positions)}
        return Piece(row, np.concatenate(targets).astype(np.int64), columns)


def _blanked(ids: Ids, spans: Sequence[Span], mask: int) -> npt.NDArray[np.int64]:
    """A text with each span replaced by one mask."""
    pieces, at = [], 0
    for start, end in spans:
        pieces += [ids[at:start], np.array([mask])]
        at = end
    return np.concatenate([*pieces, ids[at:]]).astype(np.int64)


def _blanks(spans: Sequence[Span]) -> list[int]:
    """Where the masks stand in the text with blanks."""
    taken = 0
    places = []
    for number, (start, end) in enumerate(spans):
        places.append(start - taken + number)
        taken += end - start
    return places
