"""The stream of batches: complete, in bounds, and the same after every interruption."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hanlin.base.errors import InputError
from hanlin.data.batches import TokenBatch
from hanlin.data.loader import Loader
from hanlin.data.mixture import WeightedSource
from hanlin.data.shards import ShardSet
from hanlin.data.sources import IGNORE, ShardSource


class UniqueSource:
    """Every position has an input of its own: document * 100 + place; its target is one more."""

    num_truncated = 0

    def __init__(self, lengths: list[int], name: str = "unique") -> None:
        self.name, self.fingerprint = name, f"{name} {lengths}"
        self.lengths = np.array(lengths, np.int64)

    def slice(self, document: int, start: int, length: int) -> tuple[np.ndarray, np.ndarray]:
        inputs = document * 100 + np.arange(start, start + length)
        return inputs, inputs + 1


def make(lengths: list[int], *, epochs: float | None = 1, rows: int = 2, seq_len: int = 8, **more: int) -> Loader:
    source = WeightedSource(source=UniqueSource(lengths), max_epochs=epochs)
    return Loader([source], rows=rows, seq_len=seq_len, **{"seed": 0, "window": 60, **more})


def batches(loader: Loader) -> Iterator[TokenBatch]:
    while (batch := loader.next_batch()) is not None:
        yield batch


LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=25)


@given(LENGTHS, st.integers(1, 5), st.integers(1, 16), st.integers(1, 90), st.integers(1, 3))
def test_every_target_exactly_once_per_epoch(le: list[int], rows: int, seq_len: int, window: int, epochs: int) -> None:
    seen: Counter[int] = Counter()
    for batch in batches(make(le, epochs=epochs, rows=rows, seq_len=seq_len, window=window)):
        assert batch.tokens.shape == batch.targets.shape == batch.segments.shape == (rows, seq_len)
        seen.update(batch.targets[batch.targets != IGNORE].tolist())
    assert seen == {doc * 100 + at + 1: epochs for doc, length in enumerate(le) for at in range(length)}


@given(LENGTHS, st.integers(1, 16))
def test_a_segment_is_one_run_of_one_document(lengths: list[int], seq_len: int) -> None:
    for batch in batches(make(lengths, seq_len=seq_len)):
        for tokens, targets, segments in zip(batch.tokens, batch.targets, batch.segments, strict=True):
            for segment in range(1, int(segments.max()) + 1):
                inputs = tokens[segments == segment]
                assert torch.equal(inputs, torch.arange(int(inputs[0]), int(inputs[0]) + len(inputs)))
                assert torch.equal(targets[segments == segment], inputs + 1)
            assert torch.all(segments.diff()[segments[1:] > 0] >= 0)
            assert torch.all(targets[segments == 0] == IGNORE)
            assert torch.all(tokens[segments == 0] == 0)


@settings(max_examples=60)
@given(LENGTHS, st.integers(1, 4), st.integers(0, 30), st.integers(1, 90))
def test_the_stream_is_identical_after_resuming_anywhere(le: list[int], rows: int, cut: int, window: int) -> None:
    whole, resumed = (make(le, epochs=None, rows=rows, window=window) for _ in range(2))
    for _ in range(cut):
        whole.next_batch()
    resumed.load_state(json.loads(json.dumps(whole.state())))
    for _ in range(10):
        ours, theirs = whole.next_batch(), resumed.next_batch()
        assert ours is not None
        assert theirs is not None
        assert torch.equal(ours.tokens, theirs.tokens)
        assert torch.equal(ours.targets, theirs.targets)
        assert torch.equal(ours.segments, theirs.segments)
    assert whole.state() == resumed.state()


def test_resuming_at_the_end_stays_at_the_end() -> None:
    whole, resumed = make([5, 6]), make([5, 6])
    assert list(batches(whole))
    resumed.load_state(whole.state())
    assert resumed.next_batch() is None
    assert whole.next_batch() is None


def test_another_batch_size_may_resume() -> None:
    """The place is counted in rows, so a run may go on with a smaller batch."""
    whole, resumed = make([8] * 12, rows=2), make([8] * 12, rows=1)
    whole.next_batch()
    resumed.load_state(whole.state())
    expected = whole.next_batch()
    ours = [resumed.next_batch() for _ in range(2)]
    assert expected is not None
    assert torch.equal(expected.tokens, torch.cat([batch.tokens for batch in ours if batch]))


@pytest.mark.parametrize("change", [{"seed": 1}, {"seq_len": 9}, {"window": 61}])
def test_other_data_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(InputError) as caught:
        make([5, 6], **change).load_state(make([5, 6]).state())
    assert caught.value.code == "E407"
    with pytest.raises(InputError):
        make([5, 7]).load_state(make([5, 6]).state())


def test_rows_come_in_another_order_with_another_seed() -> None:
    first, second = (make([8] * 40, window=4000, seed=seed).next_batch() for seed in (0, 1))
    assert first is not None
    assert second is not None
    assert not torch.equal(first.tokens, second.tokens)


def test_the_last_batch_is_filled_with_empty_rows() -> None:
    *_, last = batches(make([8, 8, 8], rows=2))
    assert last.segments.max(dim=1).values.tolist() == [1, 0]
    assert (last.num_positions, last.num_targets) == (8, 8)


def test_the_fill_is_counted_and_nothing_is_truncated() -> None:
    loader = make([6, 2, 8, 4], rows=3)
    list(batches(loader))
    assert loader.packed.fill == 20 / 24
    assert loader.num_truncated == 0
    assert make([1]).packed.fill == 1.0


def test_real_shards_learn_every_token_but_the_first(make_shards: Callable[..., ShardSet]) -> None:
    texts = ["one short", "字" * 30, "a third document that is longer than a row"]
    shards = make_shards(texts)
    loader = Loader([WeightedSource(source=ShardSource(shards), max_epochs=1)], rows=2, seq_len=16, seed=0)
    targets: Counter[int] = Counter()
    for batch in batches(loader):
        targets.update(batch.targets[batch.targets != IGNORE].tolist())
    expected = Counter(int(token) for number in range(3) for token in shards.document(number)[1:])
    assert targets == expected


def test_a_batch_moves_as_one() -> None:
    batch = make([8]).next_batch()
    assert batch is not None
    moved = batch.to("meta")
    assert {tensor.device.type for tensor in (moved.tokens, moved.targets, moved.segments)} == {"meta"}
