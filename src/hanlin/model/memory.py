"""What an encoder has read, as the decoder under it sees it.

Legend: B batch, M tokens of the encoder, K kv heads, E head width, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from hanlin.model.masks import crossed_mask

KeysValues = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Memory:
    """states (B, M, D); real (B, 1, 1, M) bool, which of its tokens are no padding, None where all are; (B, 1, T, M)
    where rows hold several pieces (`seen_by`).

    kept: keys and values (B, M, K, E) that each layer made of the states, filled when a layer first looks: decoding
    token by token projects the memory once.
    """

    states: Tensor
    real: Tensor | None = None
    kept: dict[int, KeysValues] = field(default_factory=dict, repr=False, compare=False)

    def seen_by(self, segments: Tensor, read: Tensor) -> Memory:
        """The same for a decoder of packed rows: segments (B, T) of its tokens, read (B, M) of the encoder's."""
        return Memory(self.states, crossed_mask(segments, read))

    def select(self, rows: Sequence[int]) -> Memory:
        """Rows in this order; one named twice is copied (beams)."""
        index = self.states.new_tensor(list(rows)).long()
        kept = {layer: (keys[index], values[index]) for layer, (keys, values) in self.kept.items()}
        return Memory(self.states[index], None if self.real is None else self.real[index], kept)


def joined(memories: Sequence[Memory]) -> Memory:
    """The rows of several memories as one, shorter ones padded at the right. All keep the same layers."""
    if len(memories) == 1:
        return memories[0]
    lengths = [memory.states.shape[1] for memory in memories]
    longest = max(lengths)
    kept = {
        layer: (
            _stacked([memory.kept[layer][0] for memory in memories], longest),
            _stacked([memory.kept[layer][1] for memory in memories], longest),
        )
        for layer in memories[0].kept
    }
    states = _stacked([memory.states for memory in memories], longest)
    if min(lengths) == longest and all(memory.real is None for memory in memories):
        return Memory(states, None, kept)
    real = [F.pad(_real(memory), (0, longest - length)) for memory, length in zip(memories, lengths, strict=True)]
    return Memory(states, torch.cat(real), kept)


def _stacked(parts: Sequence[Tensor], longest: int) -> Tensor:
    """(B, M, ...) each -> the rows of all, M the same."""
    out = parts[0].new_zeros(sum(map(len, parts)), longest, *parts[0].shape[2:])
    row = 0
    for part in parts:
        out[row : row + len(part), : part.shape[1]] = part
        row += len(part)
    return out


def _real(memory: Memory) -> Tensor:
    """(B, 1, 1, M) bool."""
    if memory.real is not None:
        return memory.real
    num_rows, length = memory.states.shape[:2]
    return torch.ones(num_rows, 1, 1, length, dtype=torch.bool, device=memory.states.device)
