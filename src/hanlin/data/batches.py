"""What a model trains on: one record of three tensors.

Legend: B rows, T positions of a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from hanlin.data.sources import IGNORE, Source


@dataclass(frozen=True)
class TokenBatch:
    """Rows of packed documents.

    tokens    (B, T) int64  inputs; the pad id where no document is
    targets   (B, T) int64  the token that follows; -100 where no loss is taken
    segments  (B, T) int64  0 where no document is, else 1, 2, 3 ... by document (piece) of the row
    """

    tokens: Tensor
    targets: Tensor
    segments: Tensor

    @property
    def num_positions(self) -> int:
        """Positions that hold a document."""
        return int((self.segments > 0).sum())

    @property
    def num_targets(self) -> int:
        """Positions that carry loss."""
        return int((self.targets != IGNORE).sum())

    def to(self, device: torch.device | str) -> Self:
        return type(self)(*(getattr(self, column.name).to(device) for column in fields(self)))


@dataclass(frozen=True)
class PairBatch(TokenBatch):
    """Rows of pairs of texts for an encoder.

    types     (B, T) int64  0 for the first text of a pair, 1 for the second
    followed  (B, T) int64  where a pair begins: 0 where its second text follows the first, 1 where it is from elsewhere
                            (as in BertForPreTraining); -100 everywhere else
    """

    types: Tensor
    followed: Tensor


@dataclass(frozen=True)
class ReadBatch(TokenBatch):
    """What an encoder reads (B, M), and what a decoder writes about it (B, T), piece by piece of a row.

    read, read_segments  (B, M) int64  the encoder's tokens, and the piece each belongs to; 0 for padding
    """

    read: Tensor
    read_segments: Tensor

    @property
    def num_positions(self) -> int:
        """Positions of the encoder: what rows are filled by."""
        return int((self.read_segments > 0).sum())


@dataclass(frozen=True)
class PrefixBatch(TokenBatch):
    """Rows for a prefix model.

    prefix     (B, T) bool   tokens that all of their piece see
    positions  (B, T) int64  where tokens stand in their piece; (B, T, 2) for models whose positions have two dimensions
    """

    prefix: Tensor
    positions: Tensor


@dataclass(frozen=True)
class GuessBatch(TokenBatch):
    """Rows of which some places are guessed, each from what stands elsewhere and from the guesses before it.

    targets  (B, M) int64  the tokens at these places; -100 where a row has fewer
    places   (B, M) int64  where they stand in the row; 0 where a row has fewer
    ranks    (B, T) int64  0 what is read, else which guess of its piece a place is: 1, 2, 3 ..
    """

    places: Tensor
    ranks: Tensor


class RowPiece(NamedTuple):
    """Positions `start` .. `start + length - 1` of a document of a source."""

    source: int
    document: int
    start: int
    length: int


def collate(rows: Sequence[Sequence[RowPiece]], sources: Sequence[Source], *, seq_len: int, pad: int) -> TokenBatch:
    """Lay out rows of pieces, left to right, as one batch (len(rows), seq_len)."""
    shape = (len(rows), seq_len)
    tokens, targets = np.full(shape, pad, np.int64), np.full(shape, IGNORE, np.int64)
    segments = np.zeros(shape, np.int64)
    for row, pieces in enumerate(rows):
        at = 0
        for segment, piece in enumerate(pieces, start=1):
            span = slice(at, at + piece.length)
            source = sources[piece.source]
            tokens[row, span], targets[row, span] = source.slice(piece.document, piece.start, piece.length)
            segments[row, span] = segment
            at += piece.length
    return TokenBatch(torch.from_numpy(tokens), torch.from_numpy(targets), torch.from_numpy(segments))
