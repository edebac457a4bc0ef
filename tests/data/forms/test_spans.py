"""Spans for an encoder-decoder, blanks for a prefix model, middles for code: lengths of the papers, and back."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanlin.data.forms.blanks import BlankInfilling, blank_spans, poisson_lengths
from hanlin.data.forms.middle import Middle
from hanlin.data.forms.parts import Part
from hanlin.data.forms.spans import SpanCorruption, composition, hidden_sizes, hidden_spans, read_and_written
from hanlin.data.sources import IGNORE
from hanlin.text.purposes import DOCUMENT_MASK, MASK, SENTINELS

from .conftest import every_part, tokenizer_for

HIDDEN = {"share": 0.15, "mean_span": 3.0}


def test_568_tokens_are_read_as_512_and_written_as_114() -> None:
    """The numbers of T5's own pre-training (`random_spans_helper` for inputs of 512): eos counted on both sides."""
    (hidden,), (spans,) = hidden_sizes(np.array([568]), **HIDDEN)
    assert (568 - hidden + spans + 1, hidden + spans + 1) == (512, 114)
    form = SpanCorruption(tokenizer_for("span_corruption"))
    assert form.positions(np.array([568, 569])).tolist()[0] == 512


@settings(max_examples=200, deadline=None)
@given(size=st.integers(1, 400), seed=st.integers(0, 2**32))
def test_sentinels_lead_back_to_the_text(size: int, seed: int) -> None:
    ids, sentinels = np.arange(size), [1000 + number for number in range(100)]
    spans = hidden_spans(size, rng=np.random.default_rng(seed), **HIDDEN)
    read, written = read_and_written(ids, spans, sentinels)
    (hidden,), (number,) = hidden_sizes(np.array([size]), **HIDDEN)
    assert (len(read), len(written), len(spans)) == (size - hidden + number, hidden + number, number)
    assert [one for one in read.tolist() if one >= 1000] == sentinels[: len(spans)]
    assert [one for one in written.tolist() if one >= 1000] == sentinels[: len(spans)]
    taken: dict[int, list[int]] = {}
    for one in written.tolist():
        taken.setdefault(one, []) if one >= 1000 else taken[list(taken)[-1]].append(one)
    back = [id for one in read.tolist() for id in (taken[one] if one >= 1000 else [one])]
    assert back == list(range(size))


def test_compositions_are_equally_likely() -> None:
    """6 = a + b + c has 10 ways; chi-square over 5000 draws, 9 degrees of freedom, one in a million."""
    rng, counts = np.random.default_rng(0), {}
    for _ in range(5000):
        way = tuple(composition(6, 3, rng).tolist())
        counts[way] = counts.get(way, 0) + 1
    assert len(counts) == 10 and all(sum(way) == 6 and min(way) > 0 for way in counts)
    assert sum((count - 500) ** 2 / 500 for count in counts.values()) < 45


def test_a_batch_for_an_encoder_decoder() -> None:
    tokenizer = tokenizer_for("span_corruption")
    form, parts = SpanCorruption(tokenizer), every_part("spans", 64)
    batch = form.batch([parts[:2], parts[2:3]], seq_len=128)
    assert [tokenizer.control(text) for text in SENTINELS] == form.sentinels
    assert batch.tokens.shape[1] % 16 == 0
    for row, segment in ((0, 1), (0, 2), (1, 1)):
        written = batch.targets[row][batch.segments[row] == segment].tolist()
        given_ids = batch.tokens[row][batch.segments[row] == segment].tolist()
        assert given_ids == [tokenizer.special.pad, *written[:-1]]
        assert written[-1] == tokenizer.special.eos and written[0] == form.sentinels[0]
        assert batch.read[row][batch.read_segments[row] == segment].tolist()[-1] == tokenizer.special.eos


@settings(max_examples=150, deadline=None)
@given(size=st.integers(1, 300), seed=st.integers(0, 2**32))
def test_blanks_never_touch_and_hold_what_they_should(size: int, seed: int) -> None:
    spans = blank_spans(size, rng=np.random.default_rng(seed), **HIDDEN)
    (hidden,), (number,) = hidden_sizes(np.array([size]), **HIDDEN)
    assert len(spans) == number and sum(end - start for start, end in spans) == hidden
    assert all(one[1] < two[0] for one, two in itertools.pairwise(spans))
    assert spans[0][0] >= 0 and spans[-1][1] <= size


def test_lengths_are_those_of_poisson() -> None:
    """20 spans that sum to 60: each length's share against the law of Poisson(3) above 0, by its own recursion."""
    rng, counts = np.random.default_rng(1), np.zeros(61)
    for _ in range(400):
        lengths = poisson_lengths(60, 20, 3.0, rng)
        assert lengths.sum() == 60 and lengths.min() > 0
        counts += np.bincount(lengths, minlength=61)
    chance = 3 * math.exp(-3) / (1 - math.exp(-3))
    for length in range(1, 8):
        assert abs(counts[length] / counts.sum() - chance) < 0.02, length
        chance *= 3 / (length + 1)


@pytest.mark.parametrize("documents", [0.0, 1.0])
def test_blanks_lead_back_to_the_text_by_their_positions(documents: float) -> None:
    tokenizer = tokenizer_for("blank_infilling")
    form = BlankInfilling(tokenizer, documents=documents, sentences=0.0)
    special, blank = tokenizer.special, form.mask(DOCUMENT_MASK if documents else MASK)
    for part in every_part("blanks", 80, key=3):
        piece = form.piece(part)
        prefix, positions = piece.columns["prefix"].astype(bool), piece.columns["places"] + piece.columns["inside"]
        read = piece.tokens[piece.targets == IGNORE].tolist()
        filled: dict[int, list[int]] = {}
        at = -1
        for token, target, position in zip(piece.tokens, piece.targets, positions, strict=True):
            if target == IGNORE:
                continue
            if token == special.bos:
                at = int(position) - 1
                filled[at] = []
            if target != special.eos:
                filled[at].append(int(target))
            assert position == at + 1 + len(filled[at]) - (target != special.eos)
        back = [id for place, one in enumerate(read) for id in (filled[place] if one == blank else [one])]
        assert back == part.ids.tolist()
        assert prefix.sum() == len(read) + (documents == 1.0)
        assert len(piece.tokens) <= int(form.positions(np.array([len(part.ids)]))[0])


def test_the_end_of_a_text_is_read_as_it_is_gone_on_with() -> None:
    """A text to be continued is framed as [gMASK] bos: what the model met in training, positions included."""
    tokenizer = tokenizer_for("blank_infilling")
    piece = BlankInfilling(tokenizer, documents=1.0, sentences=0.0).piece(every_part("blanks", 80)[0])
    seen = int(piece.columns["prefix"].sum())
    assert piece.tokens[:seen].tolist()[-2:] == tokenizer.frame([])
    assert (piece.columns["places"] + piece.columns["inside"]).tolist() == list(range(len(piece.tokens)))


@pytest.mark.parametrize("level", ["character", "token"])
@pytest.mark.parametrize("suffix_first", [0.0, 1.0])
def test_the_middle_goes_back_to_its_place(level: str, suffix_first: float) -> None:
    tokenizer = tokenizer_for("fill_in_the_middle")
    form = Middle(tokenizer, rate=1.0, suffix_first=suffix_first, level=level)  # type: ignore[arg-type]
    before, between, after = form.marks
    inside = 0
    for part in every_part("middle", 90, key=5):
        piece = form.piece(part)
        row = [*piece.tokens.tolist(), int(piece.targets[-1])][1:]
        assert piece.targets[:-1].tolist() == piece.tokens[1:].tolist()
        row = row[:-1] if part.ends else row
        assert row[0] == before
        if suffix_first:
            suffix, rest = row[2 : row.index(after)], row[row.index(after) + 1 :]
            back = rest + suffix
        else:
            cut, end = row.index(between), row.index(after)
            back = row[1:cut] + row[end + 1 :] + row[cut + 1 : end]
        assert spelt(back) == spelt(part.ids.tolist())
        inside += back != part.ids.tolist()
    assert (inside > 0) == (level == "character"), "cuts between characters fall inside of tokens too"


def test_the_rate_is_kept_and_the_rest_is_plain() -> None:
    tokenizer = tokenizer_for("fill_in_the_middle")
    turned = 0
    for key in range(40):
        for part in every_part("middle", 90, key)[:8]:
            piece = Middle(tokenizer, rate=0.5).piece(part)
            is_turned = Middle(tokenizer).marks[0] in piece.tokens
            turned += is_turned
            if not is_turned:
                ends = [tokenizer.special.eos] if part.ends else []
                assert [*piece.tokens.tolist(), int(piece.targets[-1])] == [
                    tokenizer.special.bos, *part.ids.tolist(), *ends
                ]  # fmt: skip
    assert abs(turned / 320 - 0.5) < 3 * 0.5 / 320**0.5


def spelt(ids: list[int]) -> bytes:
    tokenizer = tokenizer_for("fill_in_the_middle")
    return b"".join(tokenizer.piece_bytes(id) for id in ids)


def test_half_a_character_is_cut_between_tokens() -> None:
    tokenizer = tokenizer_for("fill_in_the_middle")
    ids = np.array([id for id in range(tokenizer.vocab_size) if tokenizer.piece_bytes(id) == b"\xe5"] * 6)
    parts = Middle(tokenizer, rate=1.0).cut(ids, np.random.default_rng(0))
    assert [id for part in parts for id in part] == ids.tolist()
    assert isinstance(every_part("middle", 90)[0], Part)
