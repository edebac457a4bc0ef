"""Near duplicates of a sample against all pairs by brute force."""

from __future__ import annotations

import random

from tests.text.doctor.junk import chinese, english

from hanlin.text.config import NearDupConfig
from hanlin.text.doctor.twins import near_twins


def grams(text: str) -> set[str]:
    return {text[at : at + 5] for at in range(len(text) - 4)}


def test_what_brute_force_finds() -> None:
    dice = random.Random(3)
    texts = [english(6) for _ in range(20)] + [chinese(12) for _ in range(20)]
    for number in range(0, 40, 2):
        letters = list(texts[number])
        for place in dice.sample(range(len(letters)), max(1, len(letters) // 160)):
            letters[place] = "~"
        texts.append("".join(letters))
    config = NearDupConfig(action="report")
    found = {(number, twin): similarity for number, twin, similarity in near_twins(texts, config)}
    sets = [grams(text) for text in texts]
    for (number, twin), similarity in found.items():
        assert twin < number
        assert abs(similarity - len(sets[number] & sets[twin]) / len(sets[number] | sets[twin])) < 0.02
    best = {n: max(len(sets[n] & sets[m]) / len(sets[n] | sets[m]) for m in range(n)) for n in range(1, len(texts))}
    expected = {number for number, similarity in best.items() if similarity >= config.threshold + 0.02}
    missed = expected - {number for number, _ in found}
    assert len(expected) >= 15 and not missed


def test_across_scripts_and_none() -> None:
    assert [
        pair[:2]
        for pair in near_twins(
            ["紅樓夢裏有許多人物與故事在這個園子", "红楼梦里有许多人物与故事在这个园子"], NearDupConfig(action="report")
        )
    ] == [(1, 0)]
    assert list(near_twins([], NearDupConfig(action="report"))) == []
