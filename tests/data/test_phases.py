"""Mixtures whose shares change: each phase exact, none leaking into the next, one stream whatever the workers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hanlin.data.batches import TokenBatch
from hanlin.data.loader import Loader
from hanlin.data.mixing import forecast, temperature_shares
from hanlin.data.mixture import Mixture, Phase, WeightedSource
from hanlin.data.sources import IGNORE


class FakeSource:
    """Inputs are source * 1000 + document, targets the same."""

    num_truncated = 0

    def __init__(self, number: int, lengths: list[int]) -> None:
        self.name = self.fingerprint = str(number)
        self.number, self.lengths = number, np.array(lengths, np.int64)

    def slice(self, document: int, start: int, length: int) -> tuple[np.ndarray, np.ndarray]:
        values = np.full(length, self.number * 1000 + document, np.int64)
        return values, values


def sources(lengths: list[list[int]], limits: list[float | None] | None = None) -> list[WeightedSource]:
    limits = limits or [None] * len(lengths)
    return [
        WeightedSource(source=FakeSource(number, one), weight=1.0, max_epochs=limit)
        for number, (one, limit) in enumerate(zip(lengths, limits, strict=True))
    ]


def mixture(lengths: list[list[int]], phases: list[Phase], limits: list[float | None] | None = None) -> Mixture:
    return Mixture(sources(lengths, limits), seed=3, phases=phases, ends_with_limited=False)


def until(mixed: Mixture, positions: int, window: int = 50) -> list[tuple[int, int]]:
    drawn: list[tuple[int, int]] = []
    while sum(cursor.positions for cursor in mixed.cursors) < positions and (more := mixed.draw(window)):
        drawn += more
    return drawn


LENGTHS = st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=6), min_size=3, max_size=3)
WEIGHTS = st.tuples(*[st.integers(0, 5)] * 3).filter(any).map(lambda w: tuple(float(x) for x in w))
PHASES = st.lists(st.tuples(WEIGHTS, st.integers(1, 400)), min_size=1, max_size=4)


@given(LENGTHS, PHASES, st.integers(1, 200))
def test_the_shares_of_every_phase_are_exact_to_within_one_document(
    lengths: list[list[int]], parts: list[tuple[tuple[float, ...], int]], window: int
) -> None:
    ends = np.cumsum([length for _, length in parts]).tolist()
    phases = [Phase(w, end) for (w, _), end in zip(parts, [*ends[:-1], None], strict=True)]
    mixed, longest = mixture(lengths, phases), max(chain.from_iterable(lengths))
    before = [0, 0, 0]
    for phase, end in zip(phases, ends, strict=True):
        until(mixed, end, window)
        now = [cursor.positions for cursor in mixed.cursors]
        drawn = [b - a for a, b in zip(before, now, strict=True)]
        for weight, number in zip(phase.weights, drawn, strict=True):
            assert abs(number - sum(drawn) * weight / sum(phase.weights)) <= 3 * longest
            assert weight or number == 0
        overdrawn = sum(now) - end
        assert 0 <= overdrawn < longest or window > 1
        before = now


@given(LENGTHS, PHASES)
def test_a_window_never_holds_two_phases(lengths: list[list[int]], parts: list[tuple[tuple[float, ...], int]]) -> None:
    """What is drawn at once is shuffled together: two phases in one window would come to one mixture."""
    ends = np.cumsum([length for _, length in parts]).tolist()
    mixed = mixture(lengths, [Phase(w, end) for (w, _), end in zip(parts, [*ends[:-1], None], strict=True)])
    at = 0
    while at < ends[-1]:
        drawn = mixed.draw(10_000)
        sizes = [lengths[source][document] for source, document in drawn]
        border = next((end for end in ends[:-1] if end > at), 10**9)
        assert at + sum(sizes[:-1]) < border
        at += sum(sizes)


@given(LENGTHS, PHASES, st.integers(0, 12))
def test_a_loaded_state_goes_on_exactly_there(
    lengths: list[list[int]], parts: list[tuple[tuple[float, ...], int]], steps: int
) -> None:
    ends = np.cumsum([length for _, length in parts]).tolist()
    phases = [Phase(w, end) for (w, _), end in zip(parts, ends, strict=True)]
    whole, resumed = mixture(lengths, phases), mixture(lengths, phases)
    for _ in range(steps):
        whole.draw(11)
    resumed.load_state(json.loads(json.dumps(whole.state())))
    assert [whole.draw(11) for _ in range(9)] == [resumed.draw(11) for _ in range(9)]


@given(LENGTHS, WEIGHTS.filter(all))
def test_one_phase_is_the_mixture_without_phases(lengths: list[list[int]], weights: tuple[float, ...]) -> None:
    parts = [WeightedSource(source=FakeSource(n, lengths[n]), weight=w) for n, w in enumerate(weights)]
    plain, phased = Mixture(parts, seed=3), mixture(lengths, [Phase(weights)])
    assert [plain.draw(40) for _ in range(10)] == [phased.draw(40) for _ in range(10)]


# ---------------------------------------------------------------- closed forms


def test_temperature_shares() -> None:
    """p ~ n^(1/T): T = 1 by size, T = 2 by root, T without end equal shares; by hand."""
    assert temperature_shares([900, 100], 1) == pytest.approx([0.9, 0.1])
    assert temperature_shares([900, 100], 2) == pytest.approx([0.75, 0.25])
    shares = temperature_shares([900, 100, 0], 1000)
    assert abs(shares[0] - shares[1]) < 0.002 and shares[2] == 0


def test_a_forecast_by_hand() -> None:
    """300 of three equal sources of 50, 100, 1000, at most once each: 50 + 100 + 150."""
    found = forecast([50, 100, 1000], [Phase((1.0, 1.0, 1.0))], [1, 1, 1], 300)
    assert [round(number, 6) for number in found.positions] == [50, 100, 150]
    assert round(forecast([50, 100, 1000], [Phase((1.0, 1.0, 1.0))], [1, 1, 1], 5000).total) == 1150
    two = forecast([100, 100], [Phase((3.0, 1.0), 40), Phase((0.0, 1.0))], [None, None], 100)
    assert two.by_phase == ((30.0, 10.0), (0.0, 60.0))
    assert two.positions == (30.0, 70.0)


def test_a_source_that_no_phase_can_replace_ends_the_stream() -> None:
    found = forecast([10, 100], [Phase((1.0, 0.0), 50), Phase((0.0, 1.0))], [1, None], 100)
    assert found.total == 10
    assert len(until(mixture([[5, 5], [100]], [Phase((1.0, 0.0), 50), Phase((0.0, 1.0))], [1, None]), 100)) == 2


@settings(max_examples=60)
@given(LENGTHS, PHASES, st.lists(st.sampled_from([None, 1, 2, 3.5]), min_size=3, max_size=3), st.integers(50, 900))
def test_what_is_drawn_is_what_was_forecast(
    lengths: list[list[int]], parts: list[tuple[tuple[float, ...], int]], limits: list[float | None], total: int
) -> None:
    ends = np.cumsum([length for _, length in parts]).tolist()
    phases = [Phase(w, end) for (w, _), end in zip(parts, [*ends[:-1], None], strict=True)]
    mixed = mixture(lengths, phases, limits)
    until(mixed, total, window=1)
    expected = forecast([sum(one) for one in lengths], phases, limits, total)
    slack = 4 * len(parts) * max(chain.from_iterable(lengths))
    for cursor, positions in zip(mixed.cursors, expected.positions, strict=True):
        assert abs(cursor.positions - positions) <= slack


# ---------------------------------------------------------------- order within an epoch


def test_easy_documents_come_before_hard_ones_and_are_shuffled_among_themselves() -> None:
    levels = np.array([2, 0, 1] * 20, np.uint8)
    source = WeightedSource(source=FakeSource(0, [5] * 60), max_epochs=2, levels=levels)
    mixed = Mixture([source], seed=1)
    epoch = [mixed.draw(10_000) for _ in range(3)]
    assert [{int(levels[document]) for _, document in window} for window in epoch] == [{0}, {1}, {2}]
    assert sorted(document for _, document in chain.from_iterable(epoch)) == list(range(60))
    assert [document for _, document in epoch[0]] != sorted(document for _, document in epoch[0])
    assert {int(levels[document]) for _, document in mixed.draw(10_000)} == {0}


# ---------------------------------------------------------------- batches


def loader(rank: int = 0, world: int = 1, rows: int = 2) -> Loader:
    parts = sources([[7] * 20, [30, 3, 11], [4] * 9], [2, 2, 2])
    phases = [Phase((1.0, 2.0, 0.0), 120), Phase((1.0, 1.0, 3.0))]
    return Loader(
        parts, rows=rows, seq_len=16, seed=5, window=60, phases=phases, ends_with_limited=False, rank=rank, world=world
    )


def batches(one: Loader) -> Iterator[TokenBatch]:
    while (batch := one.next_batch()) is not None:
        yield batch


def test_many_workers_hand_out_what_one_would() -> None:
    alone = torch.cat([batch.tokens for batch in batches(loader(rows=6))])
    for world in (2, 3):
        workers = [loader(rank, world, rows=6 // world) for rank in range(world)]
        streams = [[batch.tokens for batch in batches(worker)] for worker in workers]
        together = torch.cat([part for group in zip(*streams, strict=True) for part in group])
        assert torch.equal(together, alone)
        assert len({json.dumps(worker.state()) for worker in workers}) == 1


def test_a_run_goes_on_with_another_number_of_workers() -> None:
    alone, workers = loader(rows=6), [loader(rank, 3, rows=2) for rank in range(3)]
    alone.next_batch()
    for worker in workers:
        worker.load_state(json.loads(json.dumps(alone.state())))
    expected = alone.next_batch()
    parts = [worker.next_batch() for worker in workers]
    assert expected is not None
    assert torch.equal(expected.tokens, torch.cat([part.tokens for part in parts if part is not None]))


def test_what_was_handed_out_is_counted_by_source() -> None:
    one, seen = loader(), Counter[int]()
    for batch in batches(one):
        seen.update((batch.targets[batch.targets != IGNORE] // 1000).tolist())
    assert one.packed.by_source == [seen[0], seen[1], seen[2]]
    assert sum(one.packed.by_source) == one.packed.positions


def test_a_state_from_before_sources_were_counted_is_read() -> None:
    one, state = loader(), loader().state()
    del state["by_source"]
    one.load_state({**state, "cursors": [{k: v for k, v in c.items() if k != "began"} for c in state["cursors"]]})
    assert one.packed.by_source == [0, 0, 0]
