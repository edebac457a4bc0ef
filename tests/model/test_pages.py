"""Memory in large pages."""

from __future__ import annotations

import mmap

import pytest
import torch

from hanlin.model.pages import LargePages, aligned


def test_tensors_are_zeros_that_do_not_overlap_and_start_aligned():
    memory = LargePages(aligned(12) + aligned(30) + aligned(8))
    taken = [
        memory.take(3, dtype=torch.float32),
        memory.take(5, 3, dtype=torch.bfloat16),
        memory.take(2, dtype=torch.int32),
    ]
    for n, tensor in enumerate(taken):
        assert not tensor.any()
        assert tensor.data_ptr() % 64 == 0
        tensor.fill_(n + 1)
    assert [set(tensor.flatten().tolist()) for tensor in taken] == [{1}, {2}, {3}]


def test_tensors_outlive_the_memory_they_came_from():
    tensor = LargePages(64).take(16, dtype=torch.float32)
    tensor.fill_(7)
    assert tensor.sum() == 112


def test_more_than_was_asked_for_is_a_mistake_of_ours():
    memory = LargePages(1)
    with pytest.raises(AssertionError):
        memory.take(1 << 20, dtype=torch.float64)


def test_memory_can_be_taken_anew():
    memory = LargePages(64)
    first = memory.take(16, dtype=torch.float32)
    memory.rewind()
    assert memory.take(4, dtype=torch.float32).data_ptr() == first.data_ptr()


def test_systems_without_large_pages_do_without(monkeypatch):
    monkeypatch.delattr(mmap, "MADV_HUGEPAGE", raising=False)
    assert LargePages(100).take(25, dtype=torch.float32).shape == (25,)
