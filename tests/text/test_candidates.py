"""Candidates: no near pair is ruled out, most far ones are, and how much is held at once changes nothing."""

from __future__ import annotations

import random

import numpy as np
import pytest

from hanlin.text.config import NearDupConfig
from hanlin.text.duplicates import candidates as candidates_module
from hanlin.text.duplicates.minhash import Shingling, band_keys, distinct, jaccard, signature
from hanlin.text.duplicates.near import candidate_pairs


def families(num: int, seed: int) -> list[str]:
    """Texts in threes: one, a near copy and a far one."""
    chance, texts = random.Random(seed), []
    for _ in range(num):
        text = "".join(chance.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(500))
        for share in (0, 0.01, 0.08):
            texts.append("".join(chance.choice("0123456789") if chance.random() < share else one for one in text))
    return texts


def similarity(one: str, other: str) -> float:
    return jaccard(*(distinct(Shingling().of(text)) for text in (one, other)))


def pairs_of(texts: list[str], threshold: float = 0.8) -> list[tuple[int, int]]:
    pairs = candidate_pairs(texts, NearDupConfig(action="drop", threshold=threshold))
    assert len(pairs) == len(np.unique(pairs, axis=0)), "each once"
    return [(one, other) for one, other in pairs.tolist()]


def test_no_near_pair_is_ruled_out_and_most_far_ones_are() -> None:
    texts = families(60, seed=2)
    truth = {(n, n + 1) for n in range(0, len(texts), 3) if similarity(texts[n], texts[n + 1]) >= 0.8}
    found = set(pairs_of(texts))
    assert len(truth) > 50 and truth <= found
    assert len(found - truth) < len(texts) // 6, "half of the far pairs share a band; their signatures tell them apart"


def test_how_much_is_held_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = families(20, seed=3)
    whole = pairs_of(texts)
    monkeypatch.setattr(candidates_module, "PAIRS_AT_ONCE", 3)
    assert pairs_of(texts) == whole != []


def test_pairs_of_one_group_come_one_after_the_other() -> None:
    """So that the texts of a group are read once."""
    texts = families(12, seed=4)
    mixed = [texts[place] for place in random.Random(1).sample(range(len(texts)), len(texts))]
    seen: list[set[int]] = []
    for pair in map(set, pairs_of(mixed, threshold=0.5)):
        if seen and seen[-1] & pair:
            seen[-1] |= pair
        else:
            seen.append(pair)
    assert sum(map(len, seen)) == len(set().union(*seen)), "no text in two stretches"


def test_nothing_and_one_text_give_no_pair() -> None:
    assert pairs_of([]) == []
    assert pairs_of(families(1, seed=1)[:1]) == []


def test_band_keys_are_equal_exactly_where_the_bands_are() -> None:
    one, _ = signature(Shingling().of(families(1, seed=5)[0]), 20)
    other = one.copy()
    other[7] += np.uint64(1)
    keys = band_keys(np.stack((one, other)), bands=4)
    assert (keys[0] == keys[1]).tolist() == [True, False, True, True]
    assert len(np.unique(band_keys(np.zeros((1, 20), np.uint64), bands=4))) == 4, "equal bands in other places differ"
