"""Blanks of three kinds against GLM's own rules, written out by hand: what is read, what is written, and where it is.

The oracle follows the paper's figure 2 and its code (`make_block_data`): a blank takes one place, what is written has
the place of its blank, and a second number that counts from 1.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hanlin.base.errors import ConfigError
from hanlin.data.config import CorruptionConfig
from hanlin.data.forms.blanks import BlankInfilling, sentence_spans
from hanlin.data.forms.parts import Part, room
from hanlin.data.sources import IGNORE
from hanlin.text.purposes import DOCUMENT_MASK, MASK, SENTENCE_MASK
from hanlin.text.tokenizer import Tokenizer

from .conftest import every_part, loader_for, tokenizer_for

KINDS = {MASK: {"sentences": 0.0, "documents": 0.0}, SENTENCE_MASK: {"sentences": 1.0, "documents": 0.0}}
KINDS |= {DOCUMENT_MASK: {"sentences": 0.0, "documents": 1.0}}


def vocabulary() -> Tokenizer:
    return tokenizer_for("blank_infilling")


def oracle(ids: list[int], spans: list[tuple[int, int]], order: list[int], mask: int) -> list[list[int]]:
    """Tokens, targets, places and numbers inside of one text, token by token."""
    bos, eos = vocabulary().special.bos, vocabulary().special.eos
    rows: list[tuple[int, int, int, int]] = []
    blank_places: dict[tuple[int, int], int] = {}
    place = at = 0
    for span in [*spans, (len(ids), len(ids))]:
        for token in ids[at : span[0]]:
            rows.append((token, IGNORE, place, 0))
            place += 1
        if span[0] < len(ids):
            blank_places[span] = place
            rows.append((mask, IGNORE, place, 0))
            place += 1
        at = span[1]
    for number in order:
        start, end = spans[number]
        written = [bos, *ids[start:end]]
        for inside, (token, target) in enumerate(zip(written, [*ids[start:end], eos], strict=True), start=1):
            rows.append((token, target, blank_places[start, end], inside))
    return [list(column) for column in zip(*rows, strict=True)]


def sentence_borders(ids: np.ndarray) -> list[int]:
    """Places behind a token that ends a sentence, by the bytes that it stands for."""
    ends = tuple(mark.encode() for mark in "。.!?！？\n；…")
    found = [place + 1 for place, id in enumerate(ids.tolist()) if vocabulary().piece_bytes(id).endswith(ends)]
    return [place for place in found if place < len(ids)]


def read_back(form: BlankInfilling, part: Part) -> tuple[list[tuple[int, int]], list[int]]:
    """The spans of a piece, in the order of the text, and the order they were written in: from its tokens alone."""
    piece, special = form.piece(part), vocabulary().special
    starts = [place for place, token in enumerate(piece.tokens) if token == special.bos]
    texts = []
    for start, end in zip(starts, [*starts[1:], len(piece.tokens)], strict=True):
        texts.append((int(piece.columns["places"][start]), piece.tokens[start + 1 : end].tolist()))
    order = [sorted(place for place, _ in texts).index(place) for place, _ in texts]
    spans, taken = [], 0
    for number, (place, ids) in enumerate(sorted(texts)):
        spans.append((place - number + taken, place - number + taken + len(ids)))
        taken += len(ids)
    return spans, order


@pytest.mark.parametrize("mask", KINDS)
def test_every_kind_of_blank_is_laid_out_as_by_hand(mask: str) -> None:
    form = BlankInfilling(vocabulary(), **KINDS[mask])
    several = 0
    for part in every_part("blanks", 80, key=4):
        spans, order = read_back(form, part)
        piece = form.piece(part)
        by_hand = oracle(part.ids.tolist(), spans, order, form.mask(mask))
        columns = [piece.tokens, piece.targets, piece.columns["places"], piece.columns["inside"]]
        assert [column.tolist() for column in columns] == by_hand
        assert int(piece.columns["prefix"].sum()) == by_hand[3].count(0) + (mask == DOCUMENT_MASK)
        assert len(piece.tokens) <= int(form.positions(np.array([len(part.ids)]))[0])
        several += order != sorted(order)
    assert (several > 0) == (mask != DOCUMENT_MASK), "what is written comes in any order"


def test_sentences_are_hidden_whole() -> None:
    form = BlankInfilling(vocabulary(), **KINDS[SENTENCE_MASK])
    for part in every_part("blanks", 80, key=4):
        spans, _ = read_back(form, part)
        edges = {0, *sentence_borders(part.ids), len(part.ids)}
        assert all({start, end} <= edges for start, end in spans)
        longest = max(end - start for start, end in spans)
        hidden = sum(end - start for start, end in spans)
        assert hidden - longest < 0.15 * len(part.ids), "no more sentences than hold the share"


@settings(max_examples=100, deadline=None)
@given(
    size=st.integers(1, 200), places=st.sets(st.integers(1, 199)), most=st.integers(1, 9), seed=st.integers(0, 2**32)
)
def test_drawn_sentences_hold_the_share_or_are_as_many_as_may_be(
    size: int, places: set[int], most: int, seed: int
) -> None:
    borders = sorted(place for place in places if place < size)
    spans = sentence_spans(size, borders, share=0.15, most=most, rng=np.random.default_rng(seed))
    edges = [0, *borders, size]
    assert spans == sorted(set(spans)) and set(spans) <= set(itertools.pairwise(edges))
    assert sum(end - start for start, end in spans) >= int(0.15 * size) or len(spans) == most
    assert len(spans) <= most


def test_the_shares_of_the_kinds_are_those_of_the_paper() -> None:
    """Half of the texts have short spans; of 400 texts each share is met within three standard errors."""
    form, counts = BlankInfilling(vocabulary()), dict.fromkeys(KINDS, 0)
    parts = [part for key in range(20) for part in every_part("blanks", 80, key)[:20]]
    for part in parts:
        tokens = form.piece(part).tokens
        (kind,) = (mask for mask in KINDS if form.mask(mask) in tokens)
        counts[kind] += 1
    for kind, share in {MASK: 0.5, SENTENCE_MASK: 0.3, DOCUMENT_MASK: 0.2}.items():
        assert counts[kind] / 400 == pytest.approx(share, abs=3 * (share * (1 - share) / 400) ** 0.5), kind


@pytest.mark.parametrize("dimensions", [1, 2])
def test_a_batch_tells_places_in_one_number_or_two(dimensions: int) -> None:
    form = BlankInfilling(vocabulary(), dimensions=dimensions)
    parts = every_part("blanks", 80)[:3]
    batch = form.batch([parts[:2], parts[2:]], seq_len=160)
    pieces = [form.piece(part) for part in parts]
    columns = [np.concatenate([piece.columns[name] for piece in pieces[:2]]) for name in ("places", "inside")]
    expected: Any = torch.from_numpy(np.stack(columns, axis=-1))
    row = batch.positions[0][batch.segments[0] > 0]
    assert torch.equal(row, expected if dimensions == 2 else expected.sum(dim=-1))
    assert batch.positions.shape == ((2, 160) if dimensions == 1 else (2, 160, 2))


def test_the_names_of_old_streams_stay() -> None:
    """A run begun before there were sentences goes on, with `sentences` 0; any other form is another stream."""
    old = BlankInfilling(vocabulary(), documents=0.5, sentences=0.0)
    assert old.name == "blanks 0.15 3.0 0.5"
    forms = [old, BlankInfilling(vocabulary()), BlankInfilling(vocabulary(), dimensions=2)]
    forms.append(BlankInfilling(vocabulary(), dimensions=2, reads_start=False))
    assert len({form.name for form in forms}) == 4


def test_kinds_share_the_same_texts() -> None:
    CorruptionConfig(sentences=0.4, documents=0.6)
    with pytest.raises(ConfigError) as error:
        CorruptionConfig(sentences=0.5, documents=0.6)
    (problem,) = error.value.problems
    assert problem.name == "sentences" and "0.6" in problem.rule


def test_what_a_form_expects_is_what_a_stream_gives() -> None:
    """Mean positions read and written of parts that fill a row: exact of short spans, near of what is drawn."""
    for mask, fields in KINDS.items():
        form = BlankInfilling(vocabulary(), **fields)
        size = room(form, 64)
        full = [part for key in range(8) for part in every_part("blanks", 64, key) if len(part.ids) == size]
        found = [form.piece(part) for part in full]
        written = sum(share * own for share, _, own in form.expected(size))
        total = sum(share * (prefix + own) for share, prefix, own in form.expected(size))
        near = {MASK: 1e-9, SENTENCE_MASK: 0.5, DOCUMENT_MASK: 0.1}[mask]
        assert len(found) > 100
        assert np.mean([(piece.targets != IGNORE).sum() for piece in found]) == pytest.approx(written, rel=near), mask
        assert np.mean([len(piece.tokens) for piece in found]) == pytest.approx(total, rel=near / 4), mask


def test_a_stream_holds_all_three_kinds() -> None:
    loader, seen = loader_for("blanks"), set()
    while (batch := loader.next_batch()) is not None:
        seen |= {mask for mask in KINDS if (batch.tokens == BlankInfilling(vocabulary()).mask(mask)).any()}
    assert seen == set(KINDS)
