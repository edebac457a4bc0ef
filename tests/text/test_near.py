"""Near duplicates: all that are, none that are not, against brute force; the best stays; the same in any order."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import numpy as np
import opencc
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.errors import ConfigError
from hanlin.text.config import NearDupConfig
from hanlin.text.duplicates import candidates as candidates_module
from hanlin.text.duplicates.forest import ends_of, groups_of, join, roots_of
from hanlin.text.duplicates.minhash import Shingling, agreement, distinct, jaccard, signature
from hanlin.text.duplicates.near import near_duplicates, near_pairs

ON = NearDupConfig(action="drop")


def shingles(text: str, size: int = 5) -> frozenset[str]:
    """The plain definition, without a hash."""
    return frozenset(text[place : place + size] for place in range(max(1, len(text) - size + 1)))


def true_jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)


def brute_force(texts: list[str], threshold: float) -> set[tuple[int, int]]:
    """Every pair of texts compared with every other, by sets of strings."""
    sets = [shingles(text) for text in texts]
    pairs = itertools.combinations(range(len(texts)), 2)
    likely = (p for p in pairs if min(len(sets[p[0]]), len(sets[p[1]])) >= threshold * len(sets[p[0]] | sets[p[1]]))
    return {p for p in likely if true_jaccard(sets[p[0]], sets[p[1]]) >= threshold}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open("rb") as file:
        content = zstandard.ZstdDecompressor().stream_reader(file).read()
    return [json.loads(row) for row in content.split(b"\n") if row]


def changed(text: str, share: float, chance: random.Random, letters: str = "甲乙丙丁abcd") -> str:
    """A copy in which about a share of the characters is another."""
    return "".join(chance.choice(letters) if chance.random() < share else letter for letter in text)


# ---------------------------------------------------------------- real text


@pytest.mark.peer
@pytest.mark.parametrize("name", ["pydocs-zh", "peps-en"])
def test_pairs_are_those_of_brute_force_on_real_versions_of_pages(test_data: Path, name: str) -> None:
    texts = [row["text"] for row in rows_of(test_data / "near-dup" / f"{name}.jsonl.zst")]
    truth = brute_force(texts, 0.8)
    found = {(one, other) for one, other, _ in near_pairs(texts)}
    recall, precision = len(found & truth) / len(truth), len(found & truth) / len(found)
    print(f"{name}: {len(truth)} pairs, recall {recall:.4f}, precision {precision:.4f}")
    assert len(truth) >= 20
    assert recall >= 0.95 and precision >= 0.99


@pytest.mark.peer
def test_short_poems_are_found_as_well_as_long_pages(test_data: Path) -> None:
    """Most ranges of a signature are empty for 40 characters: copies with a change or two must still meet."""
    chance = random.Random(1)
    poems = [row["text"] for row in rows_of(test_data / "pretrain-zh" / "poetry.jsonl.zst")][:700]
    texts = [*poems, *(changed(poem, 0.02, chance) for poem in poems)]
    texts = [text for text in dict.fromkeys(texts) if len(text) < 80]
    truth = brute_force(texts, 0.8)
    found = {(one, other) for one, other, _ in near_pairs(texts)}
    print(f"{len(texts)} poems: {len(truth)} pairs, recall {len(found & truth) / len(truth):.4f}")
    assert len(truth) > 100
    assert len(found & truth) / len(truth) >= 0.95 and len(found & truth) / len(found) >= 0.99


@pytest.mark.peer
def test_chapters_of_one_book_in_two_scripts_meet(test_data: Path) -> None:
    """Converted by OpenCC's phrases, as a publisher does; found after conversion of single characters."""
    hans = [row["text"][:4000] for row in rows_of(test_data / "pretrain-zh" / "novels-hans.jsonl.zst")][:40]
    hant = [opencc.OpenCC("s2t").convert(text) for text in hans]
    pairs = {(one, other) for one, other, _ in near_pairs([*hans, *hant])}
    assert {(place, place + len(hans)) for place in range(len(hans))} <= pairs
    apart = NearDupConfig(action="drop", across_scripts=False)
    assert len(near_pairs([*hans, *hant], apart)) < len(hans) // 4


# ---------------------------------------------------------------- parts, against plain definitions


@given(st.text(max_size=60), st.text(max_size=60))
def test_jaccard_is_that_of_the_sets(one: str, other: str) -> None:
    parts = Shingling(across_scripts=False)
    found = jaccard(distinct(parts.of(one)), distinct(parts.of(other)))
    expected = true_jaccard(shingles(one), shingles(other)) if one and other else 0.0
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("size", [30, 400, 4000])
def test_signatures_agree_as_often_as_the_sets_do(size: int) -> None:
    """Unbiased for sets far smaller and far larger than the signature."""
    chance = np.random.default_rng(5)
    differences = []
    for _ in range(300):
        numbers = chance.integers(0, 2**63, 3 * size, dtype=np.uint64) * np.uint64(2)
        one, other = numbers[: 2 * size], numbers[size // 2 :][: 2 * size]
        pair = [signature(part, 100)[0][None] for part in (one, other)]
        differences.append(agreement(*pair)[0] - jaccard(distinct(one), distinct(other)))
    assert abs(np.mean(differences)) < 4 * np.std(differences) / 300**0.5 + 0.002


def test_a_signature_does_not_depend_on_order_or_repeats() -> None:
    numbers = np.random.default_rng(1).integers(0, 2**63, 50, dtype=np.uint64)
    first, filled = signature(numbers, 60)
    second, _ = signature(np.concatenate((numbers[::-1], numbers)), 60)
    assert (first == second).all() and 0 < filled < 50
    assert signature(numbers[:0], 60)[1] == 0


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
def test_groups_are_connected_parts_whatever_the_order(joins: list[tuple[int, int]]) -> None:
    pairs = np.array(joins, np.int64).reshape(-1, 2)
    groups = [group for group in groups_of(pairs) if len(group) > 1]
    assert groups == [group for group in groups_of(pairs[::-1, ::-1]) if len(group) > 1]
    for group in groups:
        reached, edges = {group[0]}, [set(join) for join in joins]
        for _ in group:
            reached |= set().union(*(edge for edge in edges if edge & reached))
        assert reached == set(group) and group == sorted(group)
    assert sum(map(len, groups)) == len({number for one, other in joins if one != other for number in (one, other)})


def test_a_long_chain_is_one_group() -> None:
    numbers = np.random.default_rng(3).permutation(5000)
    assert roots_of(np.stack((numbers[1:], numbers[:-1]), axis=1), 5000).tolist() == [0] * 5000


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30), st.integers(0, 30))
def test_pairs_that_come_in_parts_make_the_groups_of_all(joins: list[tuple[int, int]], cut: int) -> None:
    pairs, roots = np.array(joins, np.int64).reshape(-1, 2), np.arange(20)
    for part in (pairs[:cut], pairs[cut:]):
        join(roots, part)
    assert ends_of(roots, np.arange(20)).tolist() == roots_of(pairs, 20).tolist()


# ---------------------------------------------------------------- clusters


def versions(num: int, seed: int = 3) -> list[str]:
    """A text and its later versions, each a little further from the first."""
    chance = random.Random(seed)
    texts = ["".join(chance.choice("天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往") for _ in range(600))]
    for _ in range(num - 1):
        texts.append(changed(texts[-1], 0.015, chance))
    return texts


def test_nothing_goes_without_a_near_twin_that_stays() -> None:
    """A chain of twenty versions: the last is far from the first, so more than one stays."""
    texts = versions(20)
    (cluster,) = near_duplicates(texts)
    assert cluster.size == 20 and len(cluster.kept) > 1
    for number, (twin, similarity) in cluster.twins.items():
        assert twin in cluster.kept
        assert similarity == pytest.approx(true_jaccard(shingles(texts[number]), shingles(texts[twin])))
        assert similarity >= 0.8
    kept = [shingles(texts[number]) for number in cluster.kept]
    assert all(true_jaccard(*pair) < 0.8 for pair in itertools.combinations(kept, 2))


def test_the_best_stays_by_the_rule_that_is_set() -> None:
    text = versions(1)[0]
    texts, sources = [text, text + "的", text + "的的的", text[:-2]], [1, 1, 2, 0]
    kept = {
        rule: [cluster.kept for cluster in near_duplicates(texts, ON.replaced(keep=rule), sources=sources)]
        for rule in ("longest", "first", "source")
    }
    assert kept == {"longest": [(2,)], "first": [(0,)], "source": [(3,)]}


def test_a_template_that_thousands_share_is_still_one_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """More texts in one band than are compared with each other: nothing may stay for that reason."""
    monkeypatch.setattr(candidates_module, "NEIGHBOURS", 4)
    body = versions(1)[0]
    (cluster,) = near_duplicates([f"{body}{number:04}" for number in range(300)])
    assert len(cluster.kept) == 1 and cluster.size == 300


def test_words_may_be_compared_instead_of_characters() -> None:
    words = [f"word{number}" for number in range(300)]
    once = " ".join(words)
    again = "  ".join(words).upper().replace("  ", ",\n")
    config = ON.replaced(unit="words")
    assert [(one, other) for one, other, _ in near_pairs([once, again], config)] == [(0, 1)]
    assert near_pairs([once, again]) == []


def test_a_signature_that_would_fill_the_memory_is_refused(lang: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ON.replaced(bands=500, rows=100)
    assert [problem.name for problem in caught.value.problems] == ["bands"]
    assert "50000" in str(caught.value) and "2000" in str(caught.value)


def test_more_bands_find_what_fewer_miss() -> None:
    """At a similarity of 0.5 a text shares one of 5 bands of 5 with odds of 0.15, one of 200 bands of 2 always."""
    chance = random.Random(9)
    bodies = [versions(1, seed)[0] for seed in range(30)]
    texts = [*bodies, *(changed(body, 0.06, chance) for body in bodies)]
    truth = brute_force(texts, 0.5)
    found = {
        bands: {(one, other) for one, other, _ in near_pairs(texts, ON.replaced(threshold=0.5, bands=bands, rows=rows))}
        for bands, rows in ((5, 5), (200, 2))
    }
    assert len(truth) > 20 and found[200] == truth and len(found[5]) < len(truth)


def test_empty_and_tiny_texts_do_no_harm() -> None:
    assert near_duplicates([]) == []
    assert near_pairs(["", "", "a", "ab", "abcd", "abcd", "\ud800"]) == [(4, 5, 1.0)]


@given(st.permutations(range(6)))
def test_pairs_do_not_depend_on_the_order_of_the_texts(order: list[int]) -> None:
    texts = versions(6)
    pairs = {frozenset((order[one], order[other])) for one, other, _ in near_pairs([texts[place] for place in order])}
    assert pairs == {frozenset(pair) for pair in brute_force(texts, 0.8)}
