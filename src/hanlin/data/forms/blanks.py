"""Blank infilling (GLM, Du et al. 2022): spans of a text become blanks, and are written behind it, in any order.

    read    [mask]-ed text, seen by all           x1 x2 [MASK] x4 [MASK]
    write   each span behind bos, ended by eos     bos x5 x6  bos x3

Three kinds of blank, one kind a part, each with a mask of its own (2.2 and 3.2 of the paper, and its code):

    [MASK]    short spans of Poisson(3) tokens
    [sMASK]   whole sentences, drawn until they hold the share
    [gMASK]   one blank, the last half of the text or more: the model learns to go on with a text

Where a model's positions have two dimensions the first number of what is written is the place of its blank, the second
counts inside it from 1, and what is read has 0 there. Where they have one, what is written stands right behind its
blank's place, where it would stand if the blank were filled: order and place are both told by one number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from hanlin.data.batches import PrefixBatch
from hanlin.data.forms.masked import tensors
from hanlin.data.forms.parts import Part, Piece, Sizes, lay_out
from hanlin.data.forms.spans import composition, hidden_sizes
from hanlin.data.forms.words import sentence_ends
from hanlin.data.sources import IGNORE, Ids
from hanlin.text.purposes import DOCUMENT_MASK, MASK, SENTENCE_MASK
from hanlin.text.tokenizer import Tokenizer

Span = tuple[int, int]

SENTENCE = 24
"""Tokens of a sentence, about: what is drawn of sentences holds half of one more than its share (`expected`)."""


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


def sentence_spans(
    size: int, borders: Sequence[int], *, share: float, most: int, rng: np.random.Generator
) -> list[Span]:
    """Sentences (start, end) in order, drawn until they hold `share` of the text or are `most` in number.

    `borders` are the places at which a sentence begins, the first left out. A text of one sentence is taken whole.
    """
    edges = [0, *borders, size]
    taken: list[Span] = []
    for number in rng.permutation(len(edges) - 1).tolist():
        taken.append((edges[number], edges[number + 1]))
        if len(taken) == most or sum(end - start for start, end in taken) >= int(share * size):
            break
    return sorted(taken)


@dataclass(frozen=True)
class BlankInfilling:
    """Text with blanks, then what fills them.

    sentences, documents: shares of parts of which whole sentences, and the whole end, are taken; of the others short
    spans. dimensions: numbers that a position has. reads_start: the bos behind [gMASK] is read, as it is when a text is
    to be gone on with; not where a model itself finds what is read by that bos (model/blanks.py).
    """

    tokenizer: Tokenizer
    share: float = 0.15
    mean_span: float = 3.0
    sentences: float = 0.3
    documents: float = 0.2
    dimensions: int = 1
    reads_start: bool = True

    @property
    def name(self) -> str:
        """See Form; without sentences and in one dimension as before there were such, so that old runs go on."""
        name = f"blanks {self.share} {self.mean_span} {self.documents}"
        added = (self.sentences, self.dimensions, self.reads_start)
        return name if added == (0, 1, True) else f"{name} {' '.join(map(str, added))}"

    def mask(self, text: str) -> int:
        """Id of a mask."""
        id = self.tokenizer.control(text)
        assert id is not None, "the vocabulary is checked before"
        return id

    def positions(self, sizes: Sizes) -> Sizes:
        """See Form."""
        return sizes + 2 * self._most(sizes)

    def expected(self, size: int) -> list[tuple[float, int, int]]:
        """For each kind of blank of a text: its share, positions that are read, and positions that are written."""
        (hidden,), (spans,) = hidden_sizes(np.array([size]), share=self.share, mean_span=self.mean_span)
        told = min(size, int(hidden) + SENTENCE // 2)
        ends, drawn = range((size + 1) // 2, size + 1), -(-told // SENTENCE)
        return [
            (1 - self.sentences - self.documents, size - int(hidden - spans), int(hidden + spans)),
            (self.sentences, size - told + drawn, told + drawn),
            *((self.documents / len(ends), size - end + 1, end + 1) for end in ends),
        ]

    def piece(self, part: Part) -> Piece:
        """One part with its blanks."""
        rng, size = part.draw(), len(part.ids)
        lot = rng.random()
        if lot < self.documents:
            start = size - int(rng.integers((size + 1) // 2, size + 1))
            return self._filled(part.ids, [(start, size)], [0], DOCUMENT_MASK)
        if lot < self.documents + self.sentences:
            most = int(self._most(np.array([size]))[0])
            spans = sentence_spans(size, self._borders(part.ids), share=self.share, most=most, rng=rng)
            return self._filled(part.ids, spans, rng.permutation(len(spans)).tolist(), SENTENCE_MASK)
        spans = blank_spans(size, share=self.share, mean_span=self.mean_span, rng=rng)
        return self._filled(part.ids, spans, rng.permutation(len(spans)).tolist(), MASK)

    def batch(self, rows: Sequence[Sequence[Part]], *, seq_len: int) -> PrefixBatch:
        """See Form."""
        pieces = [[self.piece(part) for part in row] for row in rows]
        fill = {"tokens": self.tokenizer.special.pad, "targets": IGNORE, "prefix": 0, "places": 0, "inside": 0}
        columns = tensors(lay_out(pieces, width=seq_len, fill=fill))
        places, inside, prefix = (columns.pop(name) for name in ("places", "inside", "prefix"))
        positions = places + inside if self.dimensions == 1 else torch.stack((places, inside), dim=-1)
        return PrefixBatch(**columns, prefix=prefix.bool(), positions=positions)

    def _most(self, sizes: Sizes) -> Sizes:
        """Blanks of texts of so many tokens."""
        return hidden_sizes(sizes, share=self.share, mean_span=self.mean_span)[1]

    @cached_property
    def _ends(self) -> npt.NDArray[np.bool_]:
        return np.array(sentence_ends(self.tokenizer))

    def _borders(self, ids: Ids) -> list[int]:
        """Places at which a sentence begins, the first left out."""
        borders: list[int] = (np.flatnonzero(self._ends[ids[:-1].astype(np.int64)]) + 1).tolist()
        return borders

    def _filled(self, ids: Ids, spans: Sequence[Span], order: Sequence[int], mask: str) -> Piece:
        """What is read, then the spans in this order."""
        special, read, blanks = self.tokenizer.special, _blanked(ids, spans, self.mask(mask)), _blanks(spans)
        tokens, targets = [read], [np.full(len(read), IGNORE)]
        places, inside = [np.arange(len(read))], [np.zeros(len(read), np.int64)]
        for number in order:
            text = ids[slice(*spans[number])]
            tokens.append(np.append(special.bos, text))
            targets.append(np.append(text, special.eos))
            places.append(np.full(len(text) + 1, blanks[number]))
            inside.append(1 + np.arange(len(text) + 1))
        row = np.concatenate(tokens).astype(np.int64)
        seen = len(read) + (mask == DOCUMENT_MASK and self.reads_start)
        columns = {
            "prefix": (np.arange(len(row)) < seen).astype(np.int64),
            "places": np.concatenate(places),
            "inside": np.concatenate(inside),
        }
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
