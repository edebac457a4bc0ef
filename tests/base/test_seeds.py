"""Named streams of one seed."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.seeds import Seeds

STREAMS = ("data", "init", "dropout", "sampling", "split")


def test_a_stream_is_the_head_of_a_hash_anyone_can_compute() -> None:
    by_hand = int(hashlib.sha256(b"42/data").hexdigest()[:16], 16) // 2
    assert Seeds(42).derive("data") == by_hand


@given(seed=st.integers(min_value=-(2**70), max_value=2**70))
def test_streams_differ_and_fit_torch_and_numpy(seed: int) -> None:
    derived = [Seeds(seed).derive(stream) for stream in STREAMS]
    assert len(set(derived)) == len(STREAMS)
    assert derived == [Seeds(seed).derive(stream) for stream in STREAMS]
    assert all(0 <= value < 2**63 for value in derived)
    torch.Generator().manual_seed(derived[0])
    np.random.default_rng(derived[0])


def test_neighbouring_seeds_share_no_stream() -> None:
    values = {Seeds(seed).derive(stream) for seed in range(200) for stream in STREAMS}
    assert len(values) == 200 * len(STREAMS)
