"""Forgetting: the same text before and after."""

from __future__ import annotations

import pytest

from hanlin.evaluate.forgetting import forgetting, frozen_slice
from hanlin.evaluate.metrics import LmScore


def test_the_ratio_is_of_perplexities_language_by_language() -> None:
    before = {"zh": LmScore(200.0, 100, 300), "en": LmScore(100.0, 100, 400)}
    after = {"zh": LmScore(230.0, 100, 300), "en": LmScore(90.0, 100, 400)}
    en, zh = forgetting(before, after)
    assert (en.lang, zh.lang) == ("en", "zh")
    assert zh.ratio == pytest.approx(2.718281828**0.3)
    assert en.ratio < 1, "it may also have learned something"
    assert zh.as_dict()["bits_per_byte_before"] == pytest.approx(200 / 0.693147 / 300, rel=1e-5)


def test_the_slice_does_not_depend_on_the_order_of_the_documents() -> None:
    texts = [f"document {number} " + "x" * 50 for number in range(100)]
    assert frozen_slice(texts, 1000) == frozen_slice(reversed(texts), 1000)
    assert 900 < sum(len(text) for text in frozen_slice(texts, 1000)) <= 1000


def test_the_slice_has_one_document_at_least_and_all_at_most() -> None:
    assert len(frozen_slice(["a" * 500], 10)) == 1
    assert sorted(frozen_slice(["a", "b"], 10**6)) == ["a", "b"]
    assert frozen_slice([], 10) == []
