"""Keys and values of tokens already read, so that a new token costs one token.

Legend: L layers, B rows, T new tokens, S cached + new tokens, C capacity, K kv heads, E head width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from hanlin.base.errors import RequestTooLong


class KVCache(Protocol):
    """What a model asks of a cache during one forward pass; how rows are stored is the cache's own affair.

    A token's slot is its position in its row. During a pass `lengths` stays what it was before; every layer appends
    once; after the last one the model calls `advance` with the number of real (not padding) tokens of each row.
    notes (B, N) int64: what a layout must remember of what rows have read (blanks.py); None unless it noted something.
    """

    notes: Tensor | None

    @property
    def lengths(self) -> Sequence[int]:
        """Tokens held by each row (B,)."""

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store (B, T, K, E) behind each row's length; return the first S = max(lengths) + T slots (B, S, K, E)."""

    def advance(self, counts: Sequence[int]) -> None:
        """Rows have grown by `counts` tokens."""


class DenseCache:
    """The plain one: a rectangle allocated at once, rows of different lengths inside."""

    def __init__(
        self,
        *,
        num_layers: int,
        batch_size: int,
        capacity: int,
        num_kv_heads: int,
        head_dim: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        # A head's slots lie together: decoding streams through them.
        shape = (num_layers, batch_size, num_kv_heads, capacity, head_dim)
        self.keys = torch.zeros(shape, dtype=dtype, device=device)
        self.values = torch.zeros(shape, dtype=dtype, device=device)
        self.capacity = capacity
        self.lengths = [0] * batch_size
        self.notes: Tensor | None = None

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """See KVCache. Raises RequestTooLong where a row would pass the capacity."""
        num_new, longest = keys.shape[1], max(self.lengths)
        if longest + num_new > self.capacity:
            raise RequestTooLong("model.cache_full", num_tokens=longest + num_new, max_seq_len=self.capacity)
        stored = []
        for store, new in ((self.keys[layer], keys), (self.values[layer], values)):
            self._write(store, new)
            stored.append(store[:, :, : longest + num_new].transpose(1, 2))
        return stored[0], stored[1]

    def _write(self, store: Tensor, new: Tensor) -> None:
        num_new, first = new.shape[1], self.lengths[0]
        if all(length == first for length in self.lengths):
            store[:, :, first : first + num_new] = new.transpose(1, 2)
            return
        slots = torch.tensor(self.lengths, device=store.device)[:, None] + torch.arange(num_new, device=store.device)
        rows = torch.arange(len(self.lengths), device=store.device)[:, None]
        store.transpose(1, 2)[rows, slots] = new

    def advance(self, counts: Sequence[int]) -> None:
        """See KVCache."""
        self.lengths = [length + count for length, count in zip(self.lengths, counts, strict=True)]

    def crop(self, lengths: Sequence[int]) -> None:
        """Forget all but the first `lengths` tokens of each row (a rejected draft, a retried answer)."""
        assert len(lengths) == len(self.lengths), "one length per row"
        assert all(0 <= new <= old for new, old in zip(lengths, self.lengths, strict=True)), "crop only shortens"
        self.lengths = list(lengths)

    def select(self, rows: Sequence[int]) -> None:
        """Keep these rows, in this order; a row named twice is copied (beams, best-of-n)."""
        index = torch.tensor(list(rows), device=self.keys.device)
        self.keys, self.values = self.keys[:, index], self.values[:, index]
        self.lengths = [self.lengths[row] for row in rows]
        self.notes = None if self.notes is None else self.notes[index]
