"""Parts of documents in rows: nothing lost, every row in bounds, the stream resumable with the same corruption."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import FORMS, PURPOSES, TEXTS, every_part, form_for, loader_for, parts_for, tokenizer_for

NAMES = sorted(FORMS)


def same(one: object, other: object) -> bool:
    names = [column.name for column in dataclasses.fields(one)]  # type: ignore[arg-type]
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in names)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8, deadline=None)
@given(seq_len=st.integers(14, 300))
def test_parts_hold_every_document_once(name: str, seq_len: int) -> None:
    parts, tokenizer = parts_for(name, seq_len), tokenizer_for(PURPOSES[name])
    texts = ["" for _ in TEXTS]
    spelt = [b"" for _ in TEXTS]
    for number, document in enumerate(parts.documents.tolist()):
        spelt[document] += b"".join(tokenizer.piece_bytes(id) for id in parts.ids(number).tolist())
    texts = [one.decode() for one in spelt]
    assert texts == TEXTS
    assert int(parts.lengths.max()) <= seq_len
    assert [int(one) for one in parts.documents[parts.ends]] == list(range(len(TEXTS)))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000), stop=st.integers(0, 9))
def test_a_stream_goes_on_exactly_where_it_stopped(name: str, seed: int, stop: int) -> None:
    """The state is a small JSON object of places: the corruption follows from them and the seed."""
    whole, first, again = (loader_for(name, seed=seed) for _ in range(3))
    for _ in range(stop):
        whole.next_batch(), first.next_batch()
    again.load_state(json.loads(json.dumps(first.state())))
    for _ in range(3):
        expected, found = whole.next_batch(), again.next_batch()
        assert (expected is None and found is None) or same(expected, found)


@pytest.mark.parametrize("name", NAMES)
def test_epochs_are_corrupted_anew_and_seeds_differ(name: str) -> None:
    form = form_for(name)
    rows = [[[part] for part in every_part(name, 64, key)] for key in (1, 2, 1)]
    one, other, again = (form.batch(row, seq_len=64) for row in rows)
    assert same(one, again)
    assert not same(one, other)


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_two_loaders_are_those_of_one(name: str) -> None:
    """Two ranks hand out what one would, corruption included."""
    alone = loader_for(name, rows=4)
    ranks = [loader_for(name, rows=2) for _ in range(2)]
    for rank, loader in enumerate(ranks):
        loader.rank, loader.world = rank, 2
    batch, halves = alone.next_batch(), [loader.next_batch() for loader in ranks]
    assert batch is not None
    assert torch.equal(batch.tokens[:2, :30], halves[0].tokens[:, :30])  # type: ignore[union-attr]
    assert torch.equal(batch.tokens[2:, :30], halves[1].tokens[:, :30])  # type: ignore[union-attr]


@pytest.mark.parametrize("name", NAMES)
def test_padding_carries_nothing(name: str) -> None:
    batch = form_for(name).batch([[], [every_part(name, 64)[0]]], seq_len=64)
    empty = batch.segments == 0
    if batch.targets.shape == empty.shape:
        assert (batch.targets[empty] == -100).all()
    else:  # gathered: a guess has a place, and a row without text has none
        assert (batch.targets[0] == -100).all() and not batch.ranks[empty].any()
    assert (batch.tokens[empty] == tokenizer_for(PURPOSES[name]).special.pad).all()
    assert batch.num_positions <= 64
