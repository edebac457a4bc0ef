"""Similarity and classification by vectors, against scipy and scikit-learn."""

from __future__ import annotations

import builtins
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score

from hanlin.base.errors import InputError, MissingExtra
from hanlin.evaluate.embedding import (
    Labelled,
    Pair,
    character_overlap,
    macro_f1,
    rank_correlation,
    read_labelled,
    read_pairs,
    score_classes,
    score_counting,
    score_similarity,
    tfidf,
    tfidf_similarity,
)


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


numbers = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=5, max_size=60)


@given(numbers)
def test_rank_correlation_is_scipys(pairs: list[tuple[int, int]]) -> None:
    first, second = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
    ours = rank_correlation(first, second)
    if len(set(first)) > 1 and len(set(second)) > 1:
        assert ours.value == pytest.approx(spearmanr(first, second).statistic, abs=1e-12)
    else:
        assert ours.value == 0.0
    assert ours.low <= ours.value + 1e-6
    assert ours.value - 1e-6 <= ours.high


def test_the_interval_holds_what_it_promises() -> None:
    """Of 300 samples from a known distribution about 95 % of the intervals hold the true value."""
    random, hits = np.random.default_rng(1), 0
    true = 6 / math.pi * math.asin(0.6 / 2)  # Spearman of a normal distribution with Pearson 0.6
    for _ in range(300):
        x = random.normal(size=80)
        y = 0.6 * x + 0.8 * random.normal(size=80)
        found = rank_correlation(x, y.tolist())
        hits += found.low <= true <= found.high
    assert 0.91 <= hits / 300 <= 0.99


def test_few_pairs_say_nothing() -> None:
    few = rank_correlation([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert (few.value, few.low, few.high) == (1.0, -1.0, 1.0)


VECTORS = {"a": [1.0, 0.0], "b": [1.0, 0.1], "c": [0.0, 1.0], "": [0.0, 0.0]}


def embed(texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array([VECTORS[text] for text in texts], np.float32)


def test_similarity_by_cosine_and_blank_texts_counted() -> None:
    pairs = [Pair("a", "b", 5), Pair("a", "c", 0), Pair("b", "c", 1), Pair("a", "a", 5.5), Pair("a", "", 0.5)]
    found = score_similarity(pairs, embed)
    cosines = [0.995, 0.0, 0.0995, 1.0, 0.0]
    assert found.value == pytest.approx(spearmanr(cosines, [5, 0, 1, 5.5, 0.5]).statistic)
    assert (found.num_pairs, found.num_blank) == (5, 1)


def test_centring_takes_the_common_direction_away() -> None:
    random = np.random.default_rng(0)
    small = random.normal(size=(40, 5)).astype(np.float32)
    shift = np.float32(1000.0)
    texts = {str(row): small[row] for row in range(40)}
    pairs = [Pair(str(2 * n), str(2 * n + 1), float(small[2 * n] @ small[2 * n + 1])) for n in range(20)]
    plain = score_similarity(pairs, lambda names: np.stack([texts[name] for name in names]))
    moved = score_similarity(pairs, lambda names: np.stack([texts[name] + shift for name in names]), is_centred=True)
    assert moved.value == pytest.approx(plain.value, abs=0.15)


def test_characters_in_common() -> None:
    pairs = [
        Pair("abcd", "abcd", 4),
        Pair("abcd", "abce", 3),
        Pair("abcd", "axyz", 2),
        Pair("abcd", "wxyz", 1),
        Pair("", "", 0),
    ]
    assert character_overlap(pairs[:4]).value == pytest.approx(1.0)
    assert math.isfinite(character_overlap(pairs).value)


def test_tfidf_is_scikit_learns() -> None:
    texts = ["今天天气很好", "今天下雨了", "the weather is fine", "fine weather"]
    ours = tfidf(texts)
    peer = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True, smooth_idf=False)
    plain = ["".join(text.split()) for text in texts]
    rows, names = peer.fit_transform(plain).toarray(), peer.get_feature_names_out()
    # scikit-learn adds 1 to ln(N / df); undone here, because a gram in every text should weigh nothing
    peer.idf_ = peer.idf_ - 1
    rows = peer.transform(plain).toarray()
    for row, expected in zip(ours, rows, strict=True):
        assert [row.get(name, 0.0) for name in names] == pytest.approx(expected.tolist(), abs=1e-9)


@pytest.mark.peer
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_counting_characters_on_real_pairs(test_data: Path, lang: str) -> None:
    """People's scores of 2,313 pairs: counting is far above chance and far below people, in both languages."""
    pairs = read_pairs(test_data / "sts" / f"stsb-{lang}.jsonl")
    assert len(pairs) == 2313
    overlap, weighted = character_overlap(pairs), tfidf_similarity(pairs)
    assert 0.4 < overlap.value < 0.85
    assert 0.4 < weighted.value < 0.85
    assert overlap.high - overlap.low < 0.08


@pytest.mark.peer
def test_real_reviews_have_classes_on_both_sides(test_data: Path) -> None:
    for name, labels in (("asap.jsonl", 3), ("chnsenticorp_htl.jsonl.gz", 2), ("amazon3.jsonl.gz", 3)):
        rows = read_labelled(test_data / "sentiment-zh" / name)
        for is_test in (False, True):
            assert len({row.label for row in rows if row.is_test is is_test}) == labels


# ---------------------------------------------------------------- rows


def test_rows_of_pairs_and_the_line_of_a_bad_one(tmp_path: Path, lang: str) -> None:
    path = write(tmp_path / "p.jsonl", {"sentence1": "a", "sentence2": "b", "score": 3}, {"sentence1": "a", "score": 1})
    with pytest.raises(InputError) as caught:
        read_pairs(path)
    assert caught.value.code == "E720"
    assert f"{path}:2" in str(caught.value)
    with pytest.raises(InputError) as caught:
        read_pairs(tmp_path / "none.jsonl")
    assert caught.value.code == "E721"
    path.write_text('{"sentence1": "a", "sentence2": "b", "score": 3}\n\nbroken\n')
    with pytest.raises(InputError) as caught:
        read_pairs(path)
    assert f"{path}:3" in str(caught.value)


def test_rows_with_labels_stand_on_one_side(tmp_path: Path) -> None:
    rows = [{"text": f"text {number}", "label": number % 2} for number in range(500)]
    found = read_labelled(write(tmp_path / "l.jsonl", *rows, rows[0], {"text": "mixed", "label": None}))
    assert len(found) == 500, "an equal text counts once, one without a label not at all"
    assert 0.15 < sum(row.is_test for row in found) / 500 < 0.25
    assert [row.is_test for row in found] == [row.is_test for row in read_labelled(tmp_path / "l.jsonl")]
    told = write(
        tmp_path / "s.jsonl",
        {"text": "a", "label": "x", "split": "train"},
        {"text": "b", "label": "x", "split": "test"},
    )
    assert [row.is_test for row in read_labelled(told)] == [False, True]


# ---------------------------------------------------------------- classes


def classes(number: int = 200, *, noise: float = 0.3) -> tuple[list[Labelled], dict[str, list[float]]]:
    random = np.random.default_rng(2)
    rows, vectors = [], {}
    for n in range(number):
        label = n % 3
        rows.append(Labelled(str(n), str(label), n % 5 == 0))
        vectors[str(n)] = (np.eye(3)[label] + noise * random.normal(size=3)).tolist()
    return rows, vectors


def test_a_classifier_learns_what_can_be_learned() -> None:
    rows, vectors = classes()
    found = score_classes(rows, lambda texts: np.array([vectors[text] for text in texts], np.float32))
    assert found.macro_f1 > 0.85
    assert found.low <= found.macro_f1 <= found.high
    assert (found.num_train, found.num_test) == (160, 40)
    assert found.chance == pytest.approx(1 / 3)
    blind = score_classes(rows, lambda texts: np.random.default_rng(1).normal(size=(len(texts), 3)).astype(np.float32))
    assert blind.low < 0.45, "vectors that say nothing stay near chance"


def test_counting_is_a_classifier_too() -> None:
    words = {
        "good": ("很好吃，喜欢", "味道不错，推荐", "喜欢这个味道"),
        "bad": ("难吃，退货", "太差了，失望", "失望，不推荐"),
    }
    rows = [
        Labelled(f"{text}{n}", label, n % 4 == 0) for label, texts in words.items() for text in texts for n in range(12)
    ]
    found = score_counting(rows)
    assert (found.macro_f1, found.chance) == (1.0, 0.5)
    with pytest.raises(InputError):
        score_counting(rows[:36])


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40))
def test_macro_f1_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    found, wanted = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    labels = np.unique(wanted).tolist()
    assert macro_f1(found, wanted) == pytest.approx(
        f1_score(wanted, found, average="macro", labels=labels, zero_division=0)
    )


def test_one_class_is_none(lang: str) -> None:
    rows = [Labelled(str(n), "same", n % 2 == 0) for n in range(10)]
    with pytest.raises(InputError) as caught:
        score_classes(rows, lambda texts: np.zeros((len(texts), 2), np.float32))
    assert caught.value.code == "E722"


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch, lang: str) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any, **named: Any) -> Any:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    rows, vectors = classes(30)
    with pytest.raises(MissingExtra) as caught:
        score_classes(rows, lambda texts: np.array([vectors[text] for text in texts], np.float32))
    assert caught.value.code == "E723"
