"""Text with a blank to fill, the layout of GLM (Du 2022): who sees whom, and where tokens stand, told by three tokens.

    tokens       x1 x2 [gMASK] <start> y1 y2           everything before <start> is the prefix, seen by all
    place         0  1    2       2     2  2           what is written stands where its blank does
    in the blank  0  0    0       1     2  3           and counts on its own

A text without <start> is all prefix. The blank is the first long one ([gMASK]), else the first short one ([MASK]), else
the last token of the prefix.

Legend: B batch, T new tokens, S cached + new tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hanlin.model.cache import KVCache
from hanlin.model.masks import Layout, positions_of


def blank_layout(
    tokens: Tensor,
    *,
    segments: Tensor | None,
    positions: Tensor | None,
    cache: KVCache | None,
    start: int,
    blanks: tuple[int, int],
) -> Layout:
    """Layout of a prefix model that finds its prefixes itself; positions (B, T, 2) unless given.

    A cache must be given the whole prefix at once; what a row reads after that is written into its blank.
    """
    if cache is not None and max(cache.lengths):
        return _go_on(tokens, positions, cache)
    segments = torch.ones_like(tokens) if segments is None else segments
    index = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
    same = segments[:, :, None] == segments[:, None, :]  # (B, T, S)
    last = torch.where(same, index[:, None], 0).amax(dim=2)
    first = torch.minimum(_first(tokens == start, same, index), last + 1)  # (B, T): where writing begins
    blank = _blank(tokens, same, index, blanks, first)
    written, places = index >= first, positions_of(segments)
    if positions is None:
        outer = torch.where(written, blank - (index - places), places)
        positions = torch.stack((outer, torch.where(written, index - first + 1, 0)), dim=-1)
    if cache is not None:
        _note(cache, segments, blank, first)
    seen = same & ((index[:, None] <= index[:, :, None]) | (index[:, None] < first[:, :, None]))
    return Layout(positions, causal=False, slots=seen[:, None])


def _first(found: Tensor, same: Tensor, index: Tensor) -> Tensor:
    """(B, T): for each token the first place of its document where `found` (B, T) holds, T where there is none."""
    return torch.where(same & found[:, None], index[:, None], index.shape[1]).amin(dim=2)


def _blank(tokens: Tensor, same: Tensor, index: Tensor, blanks: tuple[int, int], first: Tensor) -> Tensor:
    """(B, T): for each token the place of its document's blank."""
    none = index.shape[1]
    long, short = (_first(tokens == blank, same, index) for blank in blanks)
    before = torch.where(first > 0, first - 1, 0)
    return torch.where(long < none, long, torch.where(short < none, short, before))


def _note(cache: KVCache, segments: Tensor, blank: Tensor, first: Tensor) -> None:
    """Keep where each row's blank stands and its writing begins, for the tokens to come."""
    rows, ends = torch.arange(len(segments)), (segments != 0).sum(dim=1) - 1
    cache.notes = torch.stack((blank[rows, ends], first[rows, ends]), dim=1)


def _go_on(tokens: Tensor, positions: Tensor | None, cache: KVCache) -> Layout:
    """T more tokens of rows whose prefix has been read: each sees all that stands before it."""
    assert cache.notes is not None, "whoever keeps rows keeps what was noted of them"
    num_new, longest = tokens.shape[1], max(cache.lengths)
    places = torch.tensor(cache.lengths, device=tokens.device)[:, None] + torch.arange(num_new, device=tokens.device)
    blank, first = cache.notes[:, :1], cache.notes[:, 1:]
    if positions is None:
        positions = torch.stack((blank.expand_as(places), places - first + 1), dim=-1)
    slots = torch.arange(longest + num_new, device=tokens.device)
    return Layout(positions, causal=False, slots=(slots <= places[:, :, None])[:, None], keys=slots[None])
