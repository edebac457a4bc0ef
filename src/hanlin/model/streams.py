"""Two streams in one row (XLNet, Yang 2019, 2.3): the tokens, and behind them what is guessed about some of them.

    keys      x1 x2 x3 x4
    queries   x1 x2 x3 x4 | ?3 ?1      the targets are places 3 and 1: they ask, and nobody sees them

The first stream knows what each token is, so a token always sees itself. The second knows only where its targets
stand, so it sees what their places may see, itself only if that says so. Both go through the same weights: they are
one longer row whose end is no key.

Legend: B batch, T tokens, M targets.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hanlin.model.masks import Layout


def two_streams(layout: Layout, unseen: Tensor | None, targets: Tensor | None) -> Layout:
    """A full layout with `unseen` (B, T, T) bool hidden, and targets (B, M), places in the row, that ask."""
    places, mask = layout.positions, layout.mask
    itself = torch.eye(places.shape[1], dtype=torch.bool, device=places.device)
    seen = torch.ones_like(itself)[None] if mask is None else mask[:, 0]
    if unseen is not None:
        seen = seen & ~unseen
    rows = seen | itself  # (B or 1, T, T)
    if targets is None:
        return Layout(places, causal=False, slots=rows[:, None], kinds=layout.kinds)
    asking = seen.expand(len(targets), -1, -1).gather(1, targets[:, :, None].expand(-1, -1, len(itself)))
    slots = torch.cat((rows.expand(len(targets), -1, -1), asking), dim=1)[:, None]
    return Layout(places, causal=False, slots=slots, kinds=layout.kinds, asking=targets)
