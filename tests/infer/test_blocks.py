"""The cache in blocks: nothing lost, nothing shared, and the same keys and values as a plain rectangle."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hanlin.infer.blocks import BLOCK, BlockCache, BlockStore, BlockTables, num_blocks_for
from hanlin.model.cache import DenseCache


@pytest.mark.parametrize(("tokens", "blocks"), [(1, 1), (BLOCK, 1), (BLOCK + 1, 2), (10 * BLOCK, 10)])
def test_blocks_for_tokens(tokens, blocks):
    assert num_blocks_for(tokens) == blocks


def test_a_row_is_refused_while_blocks_or_rows_are_short():
    tables = BlockTables(num_blocks=4, num_slots=2, max_seq_len=64)
    first = tables.allocate(3 * BLOCK)
    assert tables.allocate(2 * BLOCK) is None, "one block is left"
    second = tables.allocate(BLOCK)
    assert (first, second) == (0, 1)
    tables.release(first)
    assert tables.allocate(3 * BLOCK) == first
    assert tables.num_free == 0
    tables.release(second)
    tables.allocate(1)
    assert tables.allocate(1) is None, "no row is left"


@given(st.lists(st.one_of(st.integers(1, 70), st.just("release")), max_size=60), st.randoms())
def test_no_block_is_held_twice_or_lost(moves, random):
    tables = BlockTables(num_blocks=12, num_slots=5, max_seq_len=70)
    held: dict[int, list[int]] = {}
    for move in moves:
        if move == "release":
            if held:
                slot = random.choice(sorted(held))
                tables.release(slot)
                del held[slot]
        elif (slot := tables.allocate(move)) is not None:
            assert slot not in held
            held[slot] = tables.tables[slot, : num_blocks_for(move)].tolist()
        blocks = [block for row in held.values() for block in row]
        assert len(set(blocks)) == len(blocks)
        assert set(blocks) <= set(range(12))
        assert tables.num_free == 12 - len(blocks)
        assert tables.num_free_slots == 5 - len(held)
    for slot in list(held):
        tables.release(slot)
    assert (tables.num_free, tables.num_free_slots) == (12, 5)


@given(st.lists(st.lists(st.integers(1, 19), min_size=3, max_size=3), min_size=1, max_size=4), st.integers(0, 99))
def test_a_block_cache_gives_what_a_dense_one_gives(rounds, seed):
    """Rows of different lengths, read in turns of one token or many; row 0 has its blocks out of order."""
    generator = torch.Generator().manual_seed(seed)
    tables = BlockTables(num_blocks=18, num_slots=4, max_seq_len=80)
    slots = [tables.allocate(count) for count in (BLOCK, 80, 80)]
    tables.release(slots[0])
    slots[0] = tables.allocate(80)
    assert slots[0] is not None and tables.tables[slots[0], :2].tolist() == [0, 11]
    store = BlockStore(num_layers=2, num_blocks=18, num_kv_heads=2, head_dim=4)
    dense = [DenseCache(num_layers=2, batch_size=1, capacity=80, num_kv_heads=2, head_dim=4) for _ in range(3)]
    lengths = [0, 0, 0]
    for counts in rounds:
        for n, count in enumerate(counts):  # one row alone
            lengths[n] = append_both(
                store, tables.tables[slots[n : n + 1]], [lengths[n]], [dense[n]], count, generator
            )[0]
        lengths = append_both(store, tables.tables[slots], lengths, dense, 1, generator)  # all rows together


def append_both(store, rows, lengths, dense, count, generator):
    """Give both caches the same new tokens, compare what they return, and return the lengths then."""
    cache = BlockCache(store, rows, lengths)
    for layer in range(2):
        keys, values = torch.randn(2, len(lengths), count, 2, 4, generator=generator)
        found = cache.append(layer, keys, values)
        assert found[0].shape == (len(lengths), max(lengths) + count, 2, 4)
        for n, plain in enumerate(dense):
            expected = plain.append(layer, keys[n : n + 1], values[n : n + 1])
            for mine, theirs in zip(found, expected, strict=True):
                assert torch.equal(mine[n, : lengths[n] + count], theirs[0])
    for plain in dense:
        plain.advance([count])
    cache.advance([count] * len(lengths))
    return cache.lengths


def test_one_cache_serves_pass_after_pass():
    tables = BlockTables(num_blocks=4, num_slots=1, max_seq_len=64)
    store = BlockStore(num_layers=1, num_blocks=4, num_kv_heads=1, head_dim=2)
    cache = BlockCache(store, tables.tables[[tables.allocate(64)]], [0])
    new = torch.randn(3, 1, 2, 1, 2)
    for turn in range(3):
        found, _ = cache.append(0, new[turn], new[turn])
        cache.advance([2])
    assert torch.equal(found[0], new.reshape(6, 1, 2))


def test_neighbouring_blocks_are_handed_out_without_a_copy():
    tables = BlockTables(num_blocks=4, num_slots=1, max_seq_len=64)
    store = BlockStore(num_layers=1, num_blocks=4, num_kv_heads=1, head_dim=2)
    cache = BlockCache(store, tables.tables[[tables.allocate(64)]], [0])
    found, _ = cache.append(0, torch.ones(1, 40, 1, 2), torch.ones(1, 40, 1, 2))
    assert found.data_ptr() == store.keys.data_ptr()
