"""Who sees whom, worked out once per forward pass and shared by every layer.

Legend: B batch, T new tokens, S cached + new tokens.
Segments: (B, T) integers, 0 = padding, 1, 2, 3 .. = the documents of a packed row. No token sees another document, and
positions restart with each. Padding sees padding: a row of a softmax must see something.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from hanlin.model.blockwise import Block, cut
from hanlin.model.cache import KVCache
from hanlin.model.positions import Rotation


@dataclass(frozen=True)
class Between:
    """What lies between the tokens of a pass (distances.py).

    sines (N, D): of every distance there is; places (B or 1, T, S): which of them is that from a query to a key;
    kinds (B, T, S): 0 where both are of one kind, else 1; None without kinds.
    """

    sines: Tensor
    places: Tensor
    kinds: Tensor | None = None


@dataclass(frozen=True)
class Layout:
    """What attention needs to know beside queries, keys and values.

    positions: (B or 1, T) place of each token in its document.
    causal: every token sees itself and all before it, T == S: no mask is needed.
    slots: (B or 1, 1, T, S) bool, True = may look: the mask of a cache.
    segments: (B, T) where rows hold several documents.
    keys: (B or 1, S) places of the keys where they are not those of the tokens: with a cache.
    rotation: the angles of rotary positions, None without.
    bias: (B or 1, H, T, S) what is added to scores, -inf where a token may not look; None without scores by distance.
    window: a token sees that many tokens, itself included; 0: no limit. A mask of a cache holds it already.
    sliding: the same tokens as layers with a window see them, where the model has such layers.
    runs: (number, length) each: whole texts one behind the other in a single row, T their sum; a token sees its text.
    both_ways: every token sees the whole of its own document, or of its row without segments.
    kinds: (B, S) kinds of the keys, where attention asks whether two are of one kind (distances.py).
    asking: (B, T - S) which keys are guessed: queries behind the last key (streams.py).
    distances: what attention knows of the distances from queries to keys (distances.py).
    """

    positions: Tensor
    causal: bool
    slots: Tensor | None = None
    segments: Tensor | None = None
    keys: Tensor | None = None
    rotation: Rotation | None = None
    bias: Tensor | None = None
    window: int = 0
    sliding: Layout | None = None
    runs: tuple[tuple[int, int], ...] = ()
    both_ways: bool = False
    kinds: Tensor | None = None
    asking: Tensor | None = None
    distances: Between | None = None
    _blocks: dict[torch.dtype, list[Block]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def mask(self) -> Tensor | None:
        """(B or 1, 1, T, S) bool, True = may look; None where `causal`, or where all may look at all."""
        if self.segments is None:
            return self.slots
        return same_document(self.segments) if self.both_ways else packed_mask(self.segments, self.window)

    @property
    def whole_mask(self) -> Tensor | None:
        """As `mask`, but a mask where `causal` too; None only where all may look at all."""
        if not self.causal:
            return self.mask
        num_tokens = self.positions.shape[1]
        return torch.ones(num_tokens, num_tokens, dtype=torch.bool, device=self.positions.device).tril()[None, None]

    @cached_property
    def reach(self) -> tuple[Tensor, Tensor]:
        """Without a cache: (first, last), int32 (B or 1, T) each; a token sees the tokens first <= s < last.

        What a kernel walks instead of a mask. Padding sees nothing.
        """
        last = torch.arange(1, self.positions.shape[1] + 1, dtype=torch.int32, device=self.positions.device)[None]
        if self.both_ways:
            return self._whole_reach(last)
        if self.segments is None:
            return torch.zeros_like(last), last
        first = last - 1 - positions_of(self.segments)
        if self.window:
            first = torch.maximum(first, last - self.window)
        return first.int(), torch.where(self.segments == 0, 0, last)

    def _whole_reach(self, last: Tensor) -> tuple[Tensor, Tensor]:
        """Reach where all of a document is seen: from its first token to the first token of the next."""
        if self.segments is None:
            return torch.zeros_like(last), torch.full_like(last, last.shape[1])
        first = last - 1 - positions_of(self.segments)
        behind = positions_of(self.segments.flip(1)).flip(1)  # how many tokens of the document follow
        return first.int(), torch.where(self.segments == 0, 0, last + behind).int()

    def blocks(self, dtype: torch.dtype) -> list[Block]:
        """The same for blockwise.attend, cut once for all layers. Padding sees padding."""
        if dtype not in self._blocks:
            self._blocks[dtype] = cut(self.reach[0], dtype)
        return self._blocks[dtype]


class LayoutMaker(Protocol):
    """What works out a layout: tokens (B, T), then segments, positions (B, T) and a cache where there are any."""

    def __call__(
        self, tokens: Tensor, *, segments: Tensor | None, positions: Tensor | None, cache: KVCache | None
    ) -> Layout: ...


def causal_layout(
    tokens: Tensor, *, segments: Tensor | None, positions: Tensor | None, cache: KVCache | None, window: int = 0
) -> Layout:
    """Layout of a decoder: each token sees its own document up to itself, no more than `window` tokens of it.

    With a cache, rows go on where their cache ends; `segments` then only tells padding (0, at the right) from tokens.
    """
    if cache is not None:
        return _cached_layout(tokens, positions, cache, window)
    if tokens.shape[1] <= window:
        window = 0  # nothing is out of sight
    if not window and (segments is None or _one_document(segments)):
        return Layout(_positions(tokens, positions), causal=True)
    segments = torch.ones_like(tokens) if segments is None else segments
    places = positions_of(segments) if positions is None else positions
    return Layout(places, causal=False, segments=segments, window=window)


def full_layout(tokens: Tensor, *, segments: Tensor | None, positions: Tensor | None, cache: KVCache | None) -> Layout:
    """Layout of an encoder: each token sees the whole of its own document, padding sees padding."""
    assert cache is None, "an encoder reads its whole input at once"
    if segments is None:
        return Layout(_positions(tokens, positions), causal=False, both_ways=True)
    places = positions_of(segments) if positions is None else positions
    return Layout(places, causal=False, segments=segments, both_ways=True)


def see_prefix(layout: Layout, prefix: Tensor, segments: Tensor | None) -> Layout:
    """A layout in which tokens also see the whole prefix of their document: prefix (B, T) bool, True = in it."""
    mask = layout.whole_mask
    assert mask is not None and mask.shape[-1] == prefix.shape[1], "a prefix is read at once"
    same = prefix[:, None, :].expand(-1, prefix.shape[1], -1)
    if segments is not None:
        same = same & (segments[:, :, None] == segments[:, None, :])
    return Layout(layout.positions, causal=False, slots=mask | same[:, None])


def positions_of(segments: Tensor) -> Tensor:
    """(B, T) -> (B, T): how far each token stands from the start of its document."""
    index = torch.arange(segments.shape[1], device=segments.device).expand_as(segments)
    starts = torch.ones_like(segments, dtype=torch.bool)
    starts[:, 1:] = segments[:, 1:] != segments[:, :-1]
    return index - torch.where(starts, index, 0).cummax(dim=1).values


def packed_mask(segments: Tensor, window: int = 0) -> Tensor:
    """(B, T) -> (B, 1, T, T) bool: the same document, not later, and not `window` tokens before or more."""
    same = (segments[:, :, None] == segments[:, None, :]).tril()
    return (same.triu(1 - window) if window else same)[:, None]


def same_document(segments: Tensor) -> Tensor:
    """(B, T) -> (B, 1, T, T) bool: the same document; padding sees padding."""
    return (segments[:, :, None] == segments[:, None, :])[:, None]


def crossed_mask(segments: Tensor, read: Tensor) -> Tensor:
    """Segments of a decoder (B, T) and of what its encoder read (B, M) -> (B, 1, T, M) bool: pieces of one number.
    Padding sees all: a row of a softmax must see something."""
    return ((segments[:, :, None] == read[:, None, :]) | (segments == 0)[:, :, None])[:, None]


def _one_document(segments: Tensor) -> bool:
    """Right padding does no harm: no token sees what comes after it, and what padding sees is used by none."""
    return bool(((segments[:, 1:] == segments[:, :-1]) | (segments[:, 1:] == 0)).all())


def _positions(tokens: Tensor, positions: Tensor | None) -> Tensor:
    return torch.arange(tokens.shape[1], device=tokens.device)[None] if positions is None else positions


def _cached_layout(tokens: Tensor, positions: Tensor | None, cache: KVCache, window: int) -> Layout:
    """A key's slot in the cache is its position, so a token sees the slots up to its own."""
    num_new, shortest, longest = tokens.shape[1], min(cache.lengths), max(cache.lengths)
    starts = torch.tensor([shortest] if shortest == longest else cache.lengths, device=tokens.device)
    places = starts[:, None] + torch.arange(num_new, device=tokens.device)
    shown = places if positions is None else positions
    narrow = 0 < window < longest + num_new
    if longest == 0 and not narrow:
        return Layout(shown, causal=True)
    slots = torch.arange(longest + num_new, device=tokens.device)
    if num_new == 1 and shortest == longest and not narrow:
        return Layout(shown, causal=False, keys=slots[None])
    seen = slots <= places[:, :, None]
    if narrow:
        seen &= slots > places[:, :, None] - window
    return Layout(shown, causal=False, slots=seen[:, None], keys=slots[None])
