"""Which places are guessed, in which order, and that nobody is told before."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hanlin.data.forms.permuted import guessed_places
from hanlin.data.sources import IGNORE

from .conftest import every_part, form_for


@pytest.mark.parametrize("one_in", [6, 3])
def test_one_token_of_so_many_is_guessed_in_short_spans(one_in: int) -> None:
    rng, runs, guessed, total = np.random.default_rng(0), [0] * 12, 0, 0
    for size in [5, 1, 40, 333, 2000] * 40:
        places = guessed_places(size, one_in, rng)
        assert len(set(places.tolist())) == len(places) < size
        assert not len(places) or (places.min() >= 0 and places.max() < size)
        guessed, total = guessed + len(places), total + size
        for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1):
            runs[len(run)] += 1
    assert guessed / total == pytest.approx(1 / one_in, rel=0.01)
    # Lengths as 1 / L; a span at the end of its window may touch the next, which makes some longer.
    assert np.array(runs[1:4]) / runs[1] == pytest.approx([1, 1 / 2, 1 / 3], abs=0.12)


def test_short_texts_are_guessed_as_often() -> None:
    rng = np.random.default_rng(1)
    counts = [len(guessed_places(3, 6, rng)) for _ in range(6000)]
    assert set(counts) == {0, 1}
    assert sum(counts) / 6000 == pytest.approx(3 / 6, abs=0.03)
    assert len(guessed_places(1, 6, rng)) == 0


def test_a_batch_says_where_what_and_in_which_order() -> None:
    form, parts = form_for("permuted"), every_part("permuted", 64)
    batch = form.batch([parts[:1], parts[1:2], []], seq_len=64)
    for row, part in enumerate(parts[:2]):
        kept = batch.targets[row] != IGNORE
        assert torch.equal(batch.tokens[row, batch.places[row, kept]], batch.targets[row, kept])
        assert sorted(batch.ranks[row, batch.places[row, kept]].tolist()) == list(range(1, int(kept.sum()) + 1))
        assert int((batch.ranks[row] > 0).sum()) == int(kept.sum()) > 0
        before, after = form.tokenizer.around
        assert batch.tokens[row, : len(part.ids) + len(before) + len(after)].tolist() == [*before, *part.ids, *after]
    assert (batch.targets[2] == IGNORE).all() and batch.num_targets == int((batch.ranks > 0).sum())
    assert torch.equal(form.batch([parts[:1]], seq_len=64).ranks, batch.ranks[:1])
