"""The key-value cache, cut into blocks that requests borrow.

Legend: L layers, N blocks, P positions of a block, K kv heads, E head width, B rows, T new tokens, S cached + new.

    slot 0:  prompt and answer of request a  ->  blocks 0 1 4
    slot 1:  ... of request b                ->  blocks 2 3          free: 5 6 7

A request borrows all blocks it may ever need when it is admitted, so no running request has to make room for another.
What lies in a block is the affair of whoever computes; here, position after position, so that neighbouring blocks of a
row are one piece of memory, which then is handed out without a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

BLOCK = 16  # positions; one register of float32 on wide processors

Table = np.ndarray[Any, np.dtype[np.int32]]
Places = slice | Tensor


class BlockTables:
    """Which blocks and which of `num_slots` table rows are borrowed by whom. tables: int32 (num_slots, width)."""

    def __init__(self, *, num_blocks: int, num_slots: int, max_seq_len: int) -> None:
        self._free_blocks = list(range(num_blocks))[::-1]  # the lowest are used first: untouched memory stays untouched
        self._free_slots = list(range(num_slots))[::-1]
        self._borrowed: dict[int, list[int]] = {}
        self.tables: Table = np.zeros((num_slots, num_blocks_for(max_seq_len)), dtype=np.int32)
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
    """The memory of all blocks (L, N * P, 2K, E): the keys of a position, then its values. keys, values: its halves."""

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
        # Places not yet written are masked, but 0 * NaN would not be 0: all start as zeros.
        self.memory = torch.zeros(
            (num_layers, num_blocks * BLOCK, 2 * num_kv_heads, head_dim), dtype=dtype, device=device
        )
        self.keys, self.values = self.memory.chunk(2, dim=2)


class BlockCache:
    """The rows of one forward pass as the model's KVCache: tables int32 (B, width), lengths of the rows before it."""

    def __init__(self, store: BlockStore, tables: Table, lengths: Sequence[int]) -> None:
        self._store, self._tables = store, tables
        self.lengths = list(lengths)
        self.notes: Tensor | None = None
        self._num_new = -1  # places are worked out once per pass, at its first layer
        self._new: Places = slice(0)
        self._all: Places = slice(0)

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """See KVCache: store (B, T, K, E), return slots 0 .. S as (B, S, K, E)."""
        if keys.shape[1] != self._num_new:
            self._find_places(keys.shape[1])
        stored = self._store.keys[layer], self._store.values[layer]
        for memory, given in zip(stored, (keys, values), strict=True):
            memory[self._new] = given[0] if isinstance(self._new, slice) else given
        found_keys, found_values = (memory[self._all] for memory in stored)
        if isinstance(self._all, slice):
            return found_keys[None], found_values[None]
        return found_keys, found_values

    def advance(self, counts: Sequence[int]) -> None:
        """See KVCache."""
        self.lengths = [length + count for length, count in zip(self.lengths, counts, strict=True)]
        self._num_new = -1

    def _find_places(self, num_new: int) -> None:
        """Where the new tokens and all tokens of the rows lie: a slice for one row in one piece, else (B, T or S)."""
        first, last = self.lengths[0], max(self.lengths) + num_new
        table, self._num_new = self._tables[:, : num_blocks_for(last)], num_new
        if _in_one_piece(table):
            start = int(table[0, 0]) * BLOCK
            self._new, self._all = slice(start + first, start + last), slice(start, start + last)
            return
        places = (table[:, :, None] * BLOCK + np.arange(BLOCK)).reshape(len(table), -1)
        new = np.array(self.lengths)[:, None] + np.arange(num_new)
        device = self._store.keys.device
        self._all = torch.from_numpy(places[:, :last]).to(device)
        self._new = torch.from_numpy(np.take_along_axis(places, new, axis=1)).to(device)


class TokenCache:
    """The rows of one pass that reads one token of each: tables int32 (B, width), its place in each row.

    mask: (B, 1, 1, S), what is added to scores, 0 or -inf; None for a row in one piece, which is seen whole.
    """

    def __init__(self, store: BlockStore, tables: Table, places: Sequence[int]) -> None:
        self._memory, table = store.memory, tables[:, : num_blocks_for(max(places) + 1)]
        self.mask: Tensor | None = None
        if _in_one_piece(table):
            start, last = int(table[0, 0]) * BLOCK, int(table[0, 0]) * BLOCK + places[0]
            self._new = self._memory[:, last].unbind()
            self._all = self._memory[:, None, start : last + 1].transpose(2, 3).unbind()
            return
        device, new = self._memory.device, np.array(places)[:, None]
        at = np.take_along_axis(table, new // BLOCK, axis=1) * BLOCK + new % BLOCK
        self._places, self._blocks = (torch.from_numpy(ids.reshape(-1)).to(device) for ids in (at, table))
        hidden = torch.from_numpy(np.arange(table.shape[1] * BLOCK) > new).to(device)
        self.mask = torch.zeros(hidden.shape, dtype=self._memory.dtype, device=device).masked_fill_(hidden, -torch.inf)
        self.mask = self.mask[:, None, None]

    def append(self, layer: int, new: Tensor) -> tuple[Tensor, Tensor]:
        """Store keys and values (B, 2K, E) of the new tokens; return those of slots 0 .. S, (B, K, S, E) each."""
        if self.mask is None:
            self._new[layer].copy_(new[0])
            found = self._all[layer]
        else:
            memory = self._memory[layer]
            memory.index_copy_(0, self._places, new)
            rows = memory.view(-1, BLOCK * memory[0].numel()).index_select(0, self._blocks)  # block by block: 5 times
            found = rows.view(len(new), -1, *memory.shape[1:]).transpose(1, 2)  # as fast as position by position
        keys, values = found.chunk(2, dim=1)
        return keys, values


def _in_one_piece(table: Table) -> bool:
    """Whether a table is one row of neighbouring blocks."""
    return len(table) == 1 and bool((table[0] == table[0, 0] + np.arange(table.shape[1])).all())
