"""Candidates: no near pair is ruled out, most far ones are, and what lies on disk changes nothing."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from hanlin.base.errors import DiskFull
from hanlin.text.duplicates import candidates as candidates_module
from hanlin.text.duplicates.candidates import Candidates
from hanlin.text.duplicates.minhash import Shingling, band_keys, distinct, jaccard, signature
from hanlin.text.folding import Hashes


def families(num: int, seed: int) -> list[Hashes]:
    """Shingles of texts in threes: one, a near copy and a far one."""
    chance, sets = random.Random(seed), []
    for _ in range(num):
        text = "".join(chance.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(500))
        for share in (0, 0.01, 0.08):
            copy = "".join(chance.choice("0123456789") if chance.random() < share else letter for letter in text)
            sets.append(distinct(Shingling().of(copy)))
    return sets


def pairs_of(sets: list[Hashes], folder: Path, threshold: float = 0.8) -> set[tuple[int, int]]:
    candidates = Candidates(folder, bands=20, rows=5, threshold=threshold)
    for each in sets:
        candidates.add(each)
    pairs = candidates.pairs()
    assert len(pairs) == len(np.unique(pairs, axis=0)), "each once"
    return {(one, other) for one, other in pairs.tolist()}


def test_no_near_pair_is_ruled_out_and_most_far_ones_are(tmp_path: Path) -> None:
    sets = families(60, seed=2)
    truth = {(n, n + 1) for n in range(0, len(sets), 3) if jaccard(sets[n], sets[n + 1]) >= 0.8}
    found = pairs_of(sets, tmp_path / "a")
    assert len(truth) > 50 and truth <= found
    assert len(found - truth) < len(sets) // 6, "half of the far pairs share a band; their signatures tell them apart"


@pytest.mark.parametrize(("name", "value"), [("HELD_TEXTS", 7), ("PAIRS_AT_ONCE", 3)])
def test_how_much_is_held_at_once_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: int
) -> None:
    sets = families(20, seed=3)
    whole = pairs_of(sets, tmp_path / "whole")
    monkeypatch.setattr(candidates_module, name, value)
    assert pairs_of(sets, tmp_path / "parts") == whole != set()


def test_pairs_of_one_group_come_one_after_the_other(tmp_path: Path) -> None:
    """So that the texts of a group are read once."""
    sets = families(12, seed=4)
    mixed = [sets[place] for place in random.Random(1).sample(range(len(sets)), len(sets))]
    candidates = Candidates(tmp_path / "x", bands=20, rows=5, threshold=0.5)
    for each in mixed:
        candidates.add(each)
    seen: list[set[int]] = []
    for pair in map(set, candidates.pairs().tolist()):
        if seen and seen[-1] & pair:
            seen[-1] |= pair
        else:
            seen.append(pair)
    assert sum(map(len, seen)) == len(set().union(*seen)), "no text in two stretches"


def test_nothing_and_one_text_give_no_pair(tmp_path: Path) -> None:
    assert pairs_of([], tmp_path / "a") == set()
    assert pairs_of(families(1, seed=1)[:1], tmp_path / "b") == set()


def test_band_keys_are_equal_exactly_where_the_bands_are() -> None:
    one, _ = signature(families(1, seed=5)[0], 20)
    other = one.copy()
    other[7] += np.uint64(1)
    keys = band_keys(np.stack((one, other)), bands=4)
    assert (keys[0] == keys[1]).tolist() == [True, False, True, True]
    assert len(np.unique(band_keys(np.zeros((1, 20), np.uint64), bands=4))) == 4, "equal bands in other places differ"


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    candidates = Candidates(tmp_path / "x", bands=20, rows=5, threshold=0.8)
    candidates.add(families(1, seed=1)[0])

    def full(self: Path, mode: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(DiskFull):
        candidates.pairs()
