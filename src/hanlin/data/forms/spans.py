"""Span corruption (Raffel et al. 2020): spans of a text give way to sentinels; the decoder writes them.

    text    Thank you for inviting me to your party last week </s>
    read    Thank you <extra_id_0> me to your party <extra_id_1> week </s>
    write   <extra_id_0> for inviting <extra_id_1> last </s>

How much is hidden is no chance: of n tokens round(0.15 n), in round(that / 3) spans, so lengths follow from n alone.
Where spans begin and end is drawn as in the paper's code: a random composition of what is hidden, and one of the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hanlin.data.batches import ReadBatch
from hanlin.data.forms.masked import tensors
from hanlin.data.forms.parts import Part, Piece, Sizes, lay_out
from hanlin.data.sources import IGNORE, Ids
from hanlin.text.purposes import NUM_SENTINELS, SENTINELS
from hanlin.text.tokenizer import Tokenizer

WIDTHS = 16
"""The decoder's rows are padded to a multiple of this, so that few shapes occur."""


def hidden_sizes(sizes: Sizes, *, share: float, mean_span: float) -> tuple[Sizes, Sizes]:
    """(tokens hidden, spans) of texts of so many tokens (`random_spans_noise_mask` of the paper's code).

    A text of one token is hidden whole.
    """
    hidden = np.clip(np.round(sizes * share), 1, np.maximum(1, sizes - 1)).astype(np.int64)
    spans = np.maximum(1, np.round(hidden / mean_span)).astype(np.int64)
    return hidden, np.minimum(spans, np.maximum(1, sizes - hidden))


def composition(total: int, parts: int, rng: np.random.Generator) -> Sizes:
    """`total` as a sum of `parts` numbers of at least 1, each such sum as likely."""
    cuts = np.sort(rng.choice(total - 1, parts - 1, replace=False)) + 1 if parts > 1 else np.zeros(0, np.int64)
    return np.diff(cuts, prepend=0, append=total)


def hidden_spans(size: int, *, share: float, mean_span: float, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Places (start, end) of the spans to hide, in order; the last reaches to the end of the text, as in the paper's
    code."""
    (hidden,), (spans,) = hidden_sizes(np.array([size]), share=share, mean_span=mean_span)
    if hidden == size:
        return [(0, size)]
    kept, taken = composition(size - int(hidden), int(spans), rng), composition(int(hidden), int(spans), rng)
    ends = np.cumsum(kept + taken)
    return [(int(end - length), int(end)) for end, length in zip(ends, taken, strict=True)]


def read_and_written(ids: Ids, spans: Sequence[tuple[int, int]], sentinels: Sequence[int]) -> tuple[Ids, Ids]:
    """What is left of a text, and what was taken out, each span behind its sentinel."""
    read: list[Ids] = []
    written: list[Ids] = []
    at = 0
    for sentinel, (start, end) in zip(sentinels, spans, strict=False):
        read += [ids[at:start], np.array([sentinel])]
        written += [np.array([sentinel]), ids[start:end]]
        at = end
    return np.concatenate([*read, ids[at:]]).astype(np.int64), np.concatenate(written).astype(np.int64)


@dataclass(frozen=True)
class SpanCorruption:
    """Text with sentinels and eos for the encoder, sentinels with text and eos for the decoder."""

    tokenizer: Tokenizer
    share: float = 0.15
    mean_span: float = 3.0

    @property
    def name(self) -> str:
        return f"spans {self.share} {self.mean_span}"

    @cached_property
    def sentinels(self) -> list[int]:
        """Ids of the sentinels, the first for the first span."""
        ids = (self.tokenizer.control(text) for text in SENTINELS)
        return [id for id in ids if id is not None]

    def positions(self, sizes: Sizes) -> Sizes:
        """Of the encoder; a text with more spans than there are sentinels fits no row."""
        hidden, spans = hidden_sizes(sizes, share=self.share, mean_span=self.mean_span)
        read = sizes - hidden + spans + self.tokenizer.num_frame
        return np.where(spans <= NUM_SENTINELS, read, np.iinfo(np.int64).max)

    def pieces(self, part: Part) -> tuple[Piece, Piece]:
        """One part for the encoder and for the decoder."""
        spans = hidden_spans(len(part.ids), share=self.share, mean_span=self.mean_span, rng=part.draw())
        read, written = read_and_written(part.ids, spans, self.sentinels)
        framed, special = np.array(self.tokenizer.frame(read.tolist())), self.tokenizer.special
        targets = np.append(written, special.eos)
        return Piece(framed, framed, {}), Piece(np.append(special.pad, written), targets, {})

    def batch(self, rows: Sequence[Sequence[Part]], *, seq_len: int) -> ReadBatch:
        """See Form."""
        pairs = [[self.pieces(part) for part in row] for row in rows]
        pad = self.tokenizer.special.pad
        fill = {"tokens": pad, "targets": IGNORE}
        read = lay_out([[one for one, _ in row] for row in pairs], width=seq_len, fill=fill)
        written = [[one for _, one in row] for row in pairs]
        longest = max(sum(len(piece.tokens) for piece in row) for row in written)
        width = max(1, -(-longest // WIDTHS)) * WIDTHS
        columns: dict[str, npt.NDArray[np.int64]] = lay_out(written, width=width, fill=fill)
        return ReadBatch(**tensors({**columns, "read": read["tokens"], "read_segments": read["segments"]}))
