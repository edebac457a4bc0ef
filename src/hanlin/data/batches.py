"""What a model trains on: one record of three tensors.

Legend: B rows, T positions of a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

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

    def to(self, device: torch.device | str) -> TokenBatch:
        return TokenBatch(*(tensor.to(device) for tensor in (self.tokens, self.targets, self.segments)))


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
