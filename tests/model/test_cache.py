"""A cache is a list of rows, whatever their lengths."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.errors import RequestTooLong
from hanlin.model.cache import DenseCache


def make(batch_size=3, capacity=12):
    return DenseCache(num_layers=2, batch_size=batch_size, capacity=capacity, num_kv_heads=2, head_dim=4)


def fresh(batch_size, num_new):
    return torch.randn(batch_size, num_new, 2, 4), torch.randn(batch_size, num_new, 2, 4)


@given(st.lists(st.tuples(st.integers(1, 3), st.lists(st.integers(0, 3), min_size=3, max_size=3)), max_size=4))
def test_a_cache_is_a_list_of_rows(steps):
    cache, rows = make(), [torch.zeros(0, 2, 4) for _ in range(3)]
    for num_new, counts in steps:
        counts = [min(count, num_new) for count in counts]
        keys, values = fresh(3, num_new)
        for layer in range(2):
            held, _ = cache.append(layer, keys * 2**layer, values)
            for row in range(3):
                end = cache.lengths[row] + num_new
                assert torch.equal(held[row, :end], torch.cat((rows[row], keys[row])) * 2**layer)
        cache.advance(counts)
        rows = [torch.cat((row, keys[i, : counts[i]])) for i, row in enumerate(rows)]
    assert cache.lengths == [len(row) for row in rows]


def test_a_full_cache_refuses_with_both_numbers():
    cache = make(capacity=4)
    cache.append(0, *fresh(3, 4))
    cache.advance([4, 2, 1])
    with pytest.raises(RequestTooLong) as error:
        cache.append(0, *fresh(3, 1))
    assert error.value.code == "E302"
    assert error.value.values == {"num_tokens": 5, "max_seq_len": 4}


def test_rows_can_be_chosen_reordered_and_copied():
    cache = make()
    keys, values = fresh(3, 2)
    cache.append(0, keys, values)
    cache.advance([2, 1, 2])
    cache.select([2, 0, 2])
    assert cache.lengths == [2, 2, 2]
    assert torch.equal(cache.keys[0, 0, :, :2].transpose(0, 1), keys[2])
    cache.keys[0, 0] = 7
    assert not torch.equal(cache.keys[0, 0], cache.keys[0, 2])


def test_crop_only_shortens():
    cache = make()
    cache.append(0, *fresh(3, 2))
    cache.advance([2, 2, 2])
    with pytest.raises(AssertionError):
        cache.crop([3, 0, 0])
    cache.crop([0, 1, 2])
    assert cache.lengths == [0, 1, 2]
