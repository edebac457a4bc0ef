"""Who sees whom, against a plain list of lists."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from hanlin.model.masks import causal_layout, packed_mask, positions_of

rows = st.lists(st.integers(1, 5), min_size=1, max_size=6)


def segments_of(lengths, padding):
    return torch.tensor([[i + 1 for i, length in enumerate(lengths) for _ in range(length)] + [0] * padding])


def layout(segments, **kwargs):
    return causal_layout(segments, segments=segments, positions=None, cache=None, **kwargs)


@given(rows, st.integers(0, 4))
def test_positions_restart_with_every_document(lengths, padding):
    expected = [place for length in [*lengths, padding] for place in range(length)]
    assert positions_of(segments_of(lengths, padding)).tolist() == [expected]


@given(rows, st.integers(0, 4))
def test_a_token_sees_its_own_document_up_to_itself(lengths, padding):
    segments = segments_of(lengths, padding)
    row = segments[0].tolist()
    expected = [[row[s] == row[t] and s <= t for s in range(len(row))] for t in range(len(row))]
    assert packed_mask(segments)[0, 0].tolist() == expected


@given(rows, st.integers(0, 4))
def test_what_kernels_walk_is_the_mask_of_every_real_token(lengths, padding):
    segments = segments_of(lengths, padding)
    built = layout(segments)
    first, last = built.reach
    index = torch.arange(segments.shape[1])
    seen = (index >= first[..., None]) & (index < last[..., None])
    real = segments[0] != 0
    assert torch.equal(seen[0][real], packed_mask(segments)[0, 0][real]) or built.causal


@given(st.integers(1, 6), st.integers(0, 6))
def test_one_document_with_padding_needs_no_mask(length, padding):
    built = layout(segments_of([length], padding))
    assert built.causal
    assert built.mask is None


def test_two_documents_and_left_padding_need_one():
    assert not layout(torch.tensor([[1, 1, 2]])).causal
    assert not layout(torch.tensor([[0, 1, 1]])).causal
    assert not layout(torch.tensor([[1, 1, 1], [1, 2, 2]])).causal


def test_no_segments_is_one_document():
    built = causal_layout(torch.zeros(3, 5), segments=None, positions=None, cache=None)
    assert built.causal
    assert built.positions.tolist() == [[0, 1, 2, 3, 4]]
