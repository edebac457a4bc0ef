"""What an encoder has read, as the decoder under it sees it.

Legend: B batch, M tokens of the encoder, K kv heads, E head width, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

KeysValues = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Memory:
    """states (B, M, D); real (B, 1, 1, M) bool, which of its tokens are no padding, None where all are.

    kept: keys and values (B, M, K, E) that each layer made of the states, filled when a layer first looks: decoding
    token by token projects the memory once.
    """

    states: Tensor
    real: Tensor | None = None
    kept: dict[int, KeysValues] = field(default_factory=dict, repr=False, compare=False)

    def select(self, rows: Sequence[int]) -> Memory:
        """Rows in this order; one named twice is copied (beams)."""
        index = self.states.new_tensor(list(rows)).long()
        kept = {layer: (keys[index], values[index]) for layer, (keys, values) in self.kept.items()}
        return Memory(self.states[index], None if self.real is None else self.real[index], kept)
