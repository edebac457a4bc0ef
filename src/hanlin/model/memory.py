"""What an encoder has read, as the decoder under it sees it.

Legend: B batch, M tokens of the encoder, K kv heads, E head width, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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
