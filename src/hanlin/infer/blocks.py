"""The key-value cache, cut into blocks that requests borrow.

Legend: L layers, N blocks, P positions of a block, K kv heads, E head width, B rows, T new tokens, S cached + new.

    slot 0:  prompt and answer of request a  ->  blocks 0 1 4
    slot 1:  ... of request b                ->  blocks 2 3          free: 5 6 7

A request borrows all blocks it may ever need when it is admitted, so no running request has to make room for another.
Inside a block keys are stored (E, P), values (P, E): the native decoder reads both without shuffling lanes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

BLOCK = 16  # positions; one register of float32 on wide processors


class BlockTables:
    """Which blocks and which of `num_slots` table rows are borrowed by whom. tables: int32 (num_slots, width)."""

    def __init__(self, *, num_blocks: int, num_slots: int, max_seq_len: int) -> None:
        self._free_blocks = list(range(num_blocks))[::-1]  # the lowest are used first: untouched memory stays untouched
        self._free_slots = list(range(num_slots))[::-1]
        self._borrowed: dict[int, list[int]] = {}
        self.tables = np.zeros((num_slots, num_blocks_for(max_seq_len)), dtype=np.int32)
        self.num_blocks = num_blocks

    @property
    def num_free(self) -> int:
        """Blocks that nobody holds."""
        return len(self._free_blocks)

    @property
    def num_free_slots(self) -> int:
        """Rows that nobody holds."""
        return len(self._free_slots)

    def allocate(self, num_tokens: int) -> int | None:
        """Borrow a row with room for `num_tokens`; None where rows or blocks are short just now."""
        count = num_blocks_for(num_tokens)
        if not self._free_slots or count > len(self._free_blocks):
            return None
        slot = self._free_slots.pop()
        blocks = [self._free_blocks.pop() for _ in range(count)]
        self._borrowed[slot] = blocks
        self.tables[slot, :count] = blocks
        return slot

    def release(self, slot: int) -> None:
        """Give a row and its blocks back."""
        self._free_blocks.extend(reversed(self._borrowed.pop(slot)))
        self._free_slots.append(slot)


def num_blocks_for(num_tokens: int) -> int:
    """Blocks that hold `num_tokens` positions."""
    return -(-num_tokens // BLOCK)


class BlockStore:
    """The memory of all blocks: keys (L, N, K, E, P) and values (L, N, K, P, E)."""

    def __init__(
        self,
        *,
        num_layers: int,
        num_blocks: int,
        num_kv_heads: int,
        head_dim: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        shape = (num_layers, num_blocks, num_kv_heads)
        # Unwritten slots are read as padding and masked, but 0 * NaN would not be: they start as zeros, which the
        # system hands out without touching memory.
        self.keys = torch.zeros((*shape, head_dim, BLOCK), dtype=dtype, device=device)
        self.values = torch.zeros((*shape, BLOCK, head_dim), dtype=dtype, device=device)


class BlockCache:
    """The rows of one forward pass as the model's KVCache: tables int64 (B, width), lengths of the rows before it."""

    def __init__(self, store: BlockStore, tables: Tensor, lengths: Sequence[int]) -> None:
        self._store, self._tables = store, tables
        self.lengths = list(lengths)

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """See KVCache: store (B, T, K, E), return slots 0 .. S as (B, S, K, E)."""
        num_new = keys.shape[1]
        stored_keys, stored_values = self._store.keys[layer], self._store.values[layer]
        blocks, places = self._slots(num_new)
        stored_keys[blocks, :, :, places] = keys
        stored_values[blocks, :, places] = values
        longest = max(self.lengths) + num_new
        tables = self._tables[:, : num_blocks_for(longest)]
        return (
            stored_keys[tables].permute(0, 1, 4, 2, 3).flatten(1, 2)[:, :longest],
            stored_values[tables].permute(0, 1, 3, 2, 4).flatten(1, 2)[:, :longest],
        )

    def advance(self, counts: Sequence[int]) -> None:
        """See KVCache."""
        self.lengths = [length + count for length, count in zip(self.lengths, counts, strict=True)]

    def _slots(self, num_new: int) -> tuple[Tensor, Tensor]:
        """Block and place (B, T) of each row's new tokens."""
        device = self._tables.device
        positions = torch.tensor(self.lengths, device=device)[:, None] + torch.arange(num_new, device=device)
        return self._tables.gather(1, positions // BLOCK), positions % BLOCK
